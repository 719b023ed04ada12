//! The WebSocket client alone: backpressure, ping and pong, size limits, close codes, errors.

mod clock;
pub(crate) mod flood;
mod flood_tls;

use std::net::TcpStream;
use std::time::Duration;

use bytes::BytesMut;
use mynah::model::Time;
use mynah::protocol;
use mynah::transport::{
    BUSY_PING_AFTER, BUSY_PONG_LIMIT, ByteStream, LinkEvent, OUTBOUND_BYTES, PING_AFTER, PONG_LIMIT, Tls,
    TransportError, TransportErrorKind, UpgradeRequest, WsClient,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use serde_json::json;

use crate::service::Step::{Expect, Send, Stall};
use crate::service::{Behaviour, Service, events};

#[test]
fn after_a_stall_every_message_arrives_once_and_in_order() {
    let steps = [Send(events::session_created()), Stall(Duration::from_secs(1)), Expect("last")];
    let service = Service::start([Behaviour::script(steps)]);
    let mut link = connect(&service);
    let padding = "x".repeat(8000);
    let mut stalls = 0;
    for number in 0..2000 {
        while link.interest().contains(PollFlags::OUT) {
            stalls += 1;
            wait_for(&link, PollFlags::OUT);
            link.flush().unwrap();
        }
        let text = json!({"type": "numbered", "number": number, "padding": padding}).to_string();
        link.send(|into| into.extend_from_slice(text.as_bytes())).unwrap();
    }
    link.send(|into| into.extend_from_slice(br#"{"type":"last"}"#)).unwrap();
    while link.interest().contains(PollFlags::OUT) {
        wait_for(&link, PollFlags::OUT);
        link.flush().unwrap();
    }
    service.until("the last", |all| all[0].count("last") == 1);
    let numbers: Vec<u64> = service.received().iter().filter_map(|event| event["number"].as_u64()).collect();
    assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
    assert!(stalls > 0, "the uplink never stalled, so that the test proves nothing");
}

#[test]
fn a_stalled_uplink_does_not_block_reading() {
    let messages = (0..200)
        .map(|number| Send(events::event("talk", json!({"number": number, "padding": "y".repeat(4000)}))));
    let steps = [Send(events::session_created()), Expect("go")]
        .into_iter()
        .chain(messages)
        .chain([Stall(Duration::from_secs(2))]);
    let service = Service::start([Behaviour::script(steps)]);
    let mut link = connect(&service);
    link.send(|into| into.extend_from_slice(br#"{"type":"go"}"#)).unwrap();
    link.flush().unwrap();
    let filler = "x".repeat(4000);
    let mut received = 0;
    while received < 200 {
        // Keep the uplink full.
        while !link.interest().contains(PollFlags::OUT) && received > 100 {
            link.send(|into| into.extend_from_slice(filler.as_bytes())).unwrap();
            link.flush().unwrap();
        }
        wait_for(&link, PollFlags::IN);
        while let Some(LinkEvent::Text(text)) = link.next(Time::ZERO).unwrap() {
            received += usize::from(text.contains(r#""talk""#));
        }
    }
}

#[test]
fn an_uplink_stalled_for_long_ends_the_connection() {
    let service =
        Service::start([Behaviour::script([Send(events::session_created()), Stall(Duration::from_secs(5))])]);
    let mut link = connect(&service);
    let text = "x".repeat(16_000);
    let error = (0..4000).find_map(|_| link.send(|into| into.extend_from_slice(text.as_bytes())).err());
    let error = error.expect("64 MB were queued");
    assert_eq!(error.reason, TransportErrorKind::Broken);
    assert!(error.message.contains(&format!("{} KiB", OUTBOUND_BYTES / 1024)), "{error}");
    assert!(link.next(Time::ZERO).is_err(), "the error is not permanent");
}

#[test]
fn a_dead_peer_is_detected_within_10_s_while_busy() {
    let start = Time::ZERO;
    let (mut client, _server) = WsClient::pair(start).unwrap();
    client.set_busy(true);
    let pinged_at = start + BUSY_PING_AFTER;
    assert_eq!(client.deadline(), Some(pinged_at));
    assert_eq!(client.tick(pinged_at), Ok(()));
    client.set_busy(false);
    assert_eq!(
        client.deadline(),
        Some(pinged_at + BUSY_PONG_LIMIT),
        "the deadline of a pending ping does not change"
    );
    assert_eq!(client.tick(pinged_at + BUSY_PONG_LIMIT).unwrap_err().reason, TransportErrorKind::Broken);
    assert!(BUSY_PING_AFTER + BUSY_PONG_LIMIT <= Duration::from_secs(10));
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let start = Time::ZERO;
    let (mut client, mut server) = WsClient::pair(start).unwrap();
    assert_eq!(client.deadline(), Some(start + PING_AFTER));
    assert_eq!(client.tick(start + PING_AFTER), Ok(()));
    let pinged_at = start + PING_AFTER;
    assert_eq!(client.deadline(), Some(pinged_at + PONG_LIMIT));
    let error = client.tick(pinged_at + PONG_LIMIT).unwrap_err();
    assert_eq!(error.reason, TransportErrorKind::Broken);
    assert!(error.message.contains("45 s"), "{error}");
    drop(client);
    assert!(server.next(start).is_err());
}

#[test]
fn a_peer_that_answers_a_ping_is_kept() {
    let start = Time::ZERO;
    let (mut client, mut server) = WsClient::pair(start).unwrap();
    let later = start + PING_AFTER;
    client.tick(later).unwrap();
    assert_eq!(server.next(later), Ok(None), "a ping is answered but not returned");
    let answered = later + Duration::from_secs(1);
    assert_eq!(client.next(answered), Ok(None));
    assert_eq!(client.deadline(), Some(answered + PING_AFTER));
}

#[test]
fn both_ends_see_close_code_1000() {
    let start = Time::ZERO;
    let (mut client, mut server) = WsClient::pair(start).unwrap();
    client.close();
    let error = server.next(start).unwrap_err();
    assert_eq!(error.reason, TransportErrorKind::Closed(1000));
    assert_eq!(client.next(start).unwrap_err().reason, TransportErrorKind::Closed(1000));
}

#[test]
fn a_close_reason_is_reported_without_control_characters() {
    let service = Service::start([Behaviour::script([crate::service::Step::Close(
        4321,
        "tired\r\n\u{1b}[31m of you",
    )])]);
    let mut link = connect(&service);
    let error = wait_for_error(&mut link);
    assert_eq!(error.reason, TransportErrorKind::Closed(4321));
    assert!(error.message.contains("4321") && error.message.contains("tired  \\u{1b}[31m of you"), "{error}");
}

#[test]
fn sending_a_frame_and_reading_a_delta_allocate_nothing() {
    let start = Time::ZERO;
    let (mut client, mut server) = WsClient::pair(start).unwrap();
    let frames = [[1i16; 1]; 480];
    let mut delta = BytesMut::new();
    delta.extend_from_slice(br#"{"type":"response.audio.delta","response_id":"r","item_id":"i","delta":""#);
    protocol::encode(&[5; 4800], &mut delta);
    delta.extend_from_slice(br#""}"#);
    let mut samples = protocol::Pcm16Decoder::default();
    let mut run = |forbid_allocation: bool| {
        let mut count = 0;
        let mut round_trip = || {
            client
                .send(|text| {
                    let _ = protocol::append(&frames, text);
                })
                .unwrap();
            client.flush().unwrap();
            while let Some(LinkEvent::Text(text)) = client.next(start).unwrap() {
                let Ok(protocol::ServerEvent::Audio(audio)) = protocol::parse(&text) else {
                    panic!("not audio")
                };
                samples.decode(&audio.base64, |piece| count += piece.len()).unwrap();
            }
        };
        if forbid_allocation {
            assert_no_alloc::assert_no_alloc(&mut round_trip)
        } else {
            round_trip()
        }
        while let Some(event) = server.next(start).unwrap() {
            assert!(matches!(event, LinkEvent::Text(_)));
        }
        server.send(|text| text.extend_from_slice(&delta)).unwrap();
        server.flush().unwrap();
        count
    };
    for _ in 0..10 {
        run(false);
    }
    for _ in 0..200 {
        assert_eq!(run(true), 4800);
    }
}

#[test]
fn an_unusable_ca_file_or_credential_is_a_setup_error() {
    let missing = Tls::new(Some(std::path::Path::new("no/such/ca.pem"))).err().unwrap().to_string();
    assert!(missing.contains("no/such/ca.pem"), "{missing}");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let error = Tls::new(Some(empty.path())).err().unwrap().to_string();
    assert!(error.contains(empty.path().to_str().unwrap()), "{error}");
    let service = Service::start([Behaviour::Mute]);
    let upgrade =
        UpgradeRequest { uri: "wss://localhost/".into(), credential: Some(("api-key", "ä\u{7f}".into())) };
    let socket = TcpStream::connect(("127.0.0.1", service.port)).unwrap();
    let error = WsClient::upgrade(ByteStream::tcp(socket).unwrap(), &upgrade, Time::ZERO).err().unwrap();
    assert_eq!(error.reason, TransportErrorKind::Setup);
    assert!(error.message.contains("api-key") && !error.message.contains('ä'), "{error}");
}

#[test]
fn the_debug_text_of_a_request_holds_no_credential() {
    let credential = Some(("Authorization", "Bearer t0ken-of-a-user".to_owned()));
    let shown = format!("{:?}", UpgradeRequest { uri: "wss://localhost/".to_owned(), credential });
    assert!(shown.contains("Authorization") && !shown.contains("t0ken"), "{shown}");
}

#[test]
fn retry_after_is_seconds_or_relative_to_the_date_header() {
    let date = ("date", "Sun, 22 Nov 2026 20:53:00 GMT");
    let cases = [
        (vec![("retry-after", "20")], Some(20)),
        (vec![("retry-after", " 7 "), date], Some(7)),
        (vec![("retry-after", "Sun, 22 Nov 2026 20:54:30 GMT"), date], Some(90)),
        (vec![("retry-after", "Sun, 22 Nov 2026 20:00:00 GMT"), date], Some(0)),
        (vec![("retry-after", "18446744073709551615")], Some(u64::MAX)),
        (vec![("retry-after", "Sun, 22 Nov 2026 20:54:30 GMT")], None),
        (vec![("retry-after", "soon"), date], None),
        (vec![("retry-after", "-5"), date], None),
        (vec![date], None),
    ];
    for (headers, seconds) in cases {
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        let service = Service::start([Behaviour::Refuse {
            status: 429,
            headers: headers.clone(),
            body: String::new(),
        }]);
        let error = wait_for_error(&mut upgrade_to(&service));
        let retry_after = seconds.map(Duration::from_secs);
        assert_eq!(error.reason, TransportErrorKind::Http { status: 429, retry_after }, "{headers:?}");
    }
}

#[test]
fn the_date_header_of_the_upgrade_is_kept() {
    let service = Service::start([Behaviour::script([Send(events::session_created())])]);
    // The service of the tests always sends 2099-12-31 23:00 UTC.
    assert_eq!(connect(&service).server_date_s(), Some(4_102_441_200));
}

#[test]
fn a_certificate_of_another_time_is_told_with_both_dates() {
    let future = Service::start_with_certificate([Behaviour::script(events::opening())], |certificate| {
        certificate.not_before = rcgen::date_time_ymd(2999, 3, 4);
    });
    let past = Service::start_with_certificate([Behaviour::script(events::opening())], |certificate| {
        certificate.not_after = rcgen::date_time_ymd(2001, 2, 3);
    });
    for (service, date) in
        [(future, "good only since 2999-03-04 00:00 UTC"), (past, "until 2001-02-03 00:00 UTC")]
    {
        let error = wait_for_error(&mut upgrade_to(&service));
        assert_eq!(error.reason, TransportErrorKind::WrongClock, "{error}");
        assert!(error.message.contains(date) && error.message.contains("clock says 20"), "{error}");
        assert!(!error.message.contains("UnixTime") && !error.message.contains('{'), "{error}");
    }
}

#[test]
fn a_certificate_for_another_name_or_by_a_stranger_is_told_in_words() {
    let other_name = Service::start_with_certificate([Behaviour::script(events::opening())], |certificate| {
        certificate.subject_alt_names =
            rcgen::CertificateParams::new(["portal.example".to_owned()]).unwrap().subject_alt_names;
    });
    let error = wait_for_error(&mut upgrade_to(&other_name));
    assert_eq!(error.reason, TransportErrorKind::Untrusted, "{error}");
    assert!(error.message.contains("is for portal.example, not for localhost"), "{error}");
    let service = Service::start([Behaviour::script(events::opening())]);
    let error = wait_for_error(&mut upgrade_with(&service, None));
    assert_eq!(error.reason, TransportErrorKind::Untrusted, "{error}");
    assert!(error.message.contains("company's proxy") && !error.message.contains("UnknownIssuer"), "{error}");
}

#[test]
fn what_does_not_speak_tls_or_http_is_told_in_words() {
    for (answer, tls, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], true, "does not speak TLS"),
        (b"\x15\x03\x03\x00\x02\x02\x28", true, "\"handshake failure\""),
        (b"220 mail.example ready\r\n\r\n", false, "does not speak HTTP"),
    ] {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut server, answer).unwrap();
        let stream = match tls {
            true => ByteStream::tls(socket, "localhost", &Tls::new(None).unwrap(), Time::ZERO).unwrap(),
            false => ByteStream::tcp(socket).unwrap(),
        };
        let upgrade = UpgradeRequest { uri: "wss://localhost/".into(), credential: None };
        let error = wait_for_error(&mut WsClient::upgrade(stream, &upgrade, Time::ZERO).unwrap());
        assert!(error.message.contains(expected), "{error}");
    }
}

fn connect(service: &Service) -> WsClient {
    let mut link = upgrade_to(service);
    while link.next(Time::ZERO).unwrap() != Some(LinkEvent::Up) {
        wait_for(&link, link.interest());
    }
    link
}

fn upgrade_to(service: &Service) -> WsClient {
    upgrade_with(service, Some(service.ca_file()))
}

/// Starts the upgrade to `service`, and trusts the authorities in `ca_file` too.
fn upgrade_with(service: &Service, ca_file: Option<&std::path::Path>) -> WsClient {
    let socket = TcpStream::connect(("127.0.0.1", service.port)).unwrap();
    // A small send buffer, so that the uplink stalls as soon as the service does.
    rustix::net::sockopt::set_socket_send_buffer_size(&socket, 32 * 1024).unwrap();
    let tls = Tls::new(ca_file).unwrap();
    let stream = ByteStream::tls(socket, "localhost", &tls, Time::ZERO).unwrap();
    let upgrade = UpgradeRequest { uri: format!("{}/voice-live/realtime", service.url()), credential: None };
    WsClient::upgrade(stream, &upgrade, Time::ZERO).unwrap()
}

fn wait_for_error(link: &mut WsClient) -> TransportError {
    loop {
        match link.next(Time::ZERO) {
            Ok(_) => wait_for(link, link.interest()),
            Err(error) => return error,
        }
    }
}

fn wait_for(link: &WsClient, interest: PollFlags) {
    let Some(fd) = link.fd() else { return };
    let mut fds = [PollFd::from_borrowed_fd(fd, interest)];
    let ready = poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap();
    assert!(ready > 0, "no event on the socket for 10 s");
}
