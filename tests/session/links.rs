//! Connecting, losing the link, and reconnecting.

use std::time::Duration;

use mynah::conversation::{Exit, Mode};

use super::{Device, KEY, after_one_turn, constant, count_samples};
use crate::service::Step::{Close, Expect, ExpectAudio, HangUp, Reset, Send, Wait};
use crate::service::{Behaviour, Service, Step, events};

#[test]
fn the_credential_is_sent_in_a_header_and_nowhere_else() {
    let service = Service::start([Behaviour::script(events::opening())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("listening", 1);
    let lines = device.lines();
    let (_, _) = device.quit();
    let one = &service.connections()[0];
    assert_eq!(one.header("api-key"), Some(KEY));
    assert_eq!(one.uri, "/voice-live/realtime?api-version=2026-07-15&model=gpt-realtime");
    assert!(one.header("user-agent").unwrap().starts_with("mynah/"));
    assert!(lines.iter().all(|line| !line.contains(KEY)));
}

#[test]
fn a_permanent_refusal_exits_and_redirects_are_not_followed() {
    for status in [301, 307, 400, 401, 403, 404] {
        let elsewhere = Service::start([Behaviour::script(events::opening())]);
        let location = format!("{}/voice-live/realtime", elsewhere.url());
        let refuse = Behaviour::Refuse {
            status,
            headers: vec![("location", location)],
            body: "{\"error\":{}}".into(),
        };
        let service = Service::start([refuse]);
        let device = Device::start(&service, Mode::Open);
        device.wait_for_line("notice: ", 1);
        assert!(device.lines().iter().any(|line| line.contains(&format!("HTTP {status}"))), "{status}");
        let (exit, _) = device.wait_for_exit();
        assert_eq!(exit, Exit::Misconfigured, "{status}");
        assert_eq!((service.connections().len(), elsewhere.connections().len()), (1, 0));
    }
}

#[test]
fn a_temporary_refusal_is_retried_after_its_retry_after() {
    let rate_limited =
        Behaviour::Refuse { status: 429, headers: vec![("retry-after", "3".into())], body: String::new() };
    let service =
        Service::start([rate_limited, Behaviour::refuse(503, "busy"), Behaviour::script(events::opening())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("offline", 2);
    device.wait_for_line("listening", 1);
    let (exit, _) = device.quit();
    assert_eq!(exit, Exit::Requested);
    assert_eq!(service.connections().len(), 3);
}

#[test]
fn a_link_lost_at_any_point_is_reconnected_for_a_whole_turn() {
    let losses: [fn() -> Vec<Step>; 6] = [
        || vec![Close(1011, "server error")],
        || vec![Send(events::session_created()), Reset],
        || vec![Send(events::session_created()), Expect("session.update"), HangUp],
        || [events::opening(), vec![ExpectAudio(50), Close(1001, "session expired")]].concat(),
        || [after_one_turn(events::reply_begun("r0", "i0")), vec![Reset]].concat(),
        || {
            let audio = events::sent(events::audio_deltas("r0", "i0", &constant(3000, 400)));
            [
                after_one_turn(events::reply_begun("r0", "i0")),
                audio,
                vec![Wait(Duration::from_millis(100)), HangUp],
            ]
            .concat()
        },
    ];
    for (number, loss) in losses.into_iter().enumerate() {
        let whole = after_one_turn(events::reply("r1", "i1", "Back.", &constant(1000, 200)));
        let service = Service::start([Behaviour::script(loss()), Behaviour::script(whole)]);
        let device = Device::start(&service, Mode::Open);
        device.wait_for_line("offline", 1);
        // The timings of the reply that the link was lost in may come first.
        device.wait_for_line("mynah: Back.", 1);
        let is_heard = |lines: &[String]| {
            lines
                .iter()
                .skip_while(|line| !line.starts_with("mynah: Back."))
                .any(|line| line.starts_with("time: "))
        };
        device.wait_until("the reply is heard", is_heard);
        let (exit, speaker) = device.quit();
        assert_eq!((exit, count_samples(&speaker, 1000)), (Exit::Requested, 4800), "loss {number}");
        assert_eq!(service.connections().len(), 2, "loss {number}");
        assert!(
            service.connections()[1].story().iter().all(|kind| *kind == "session.update"),
            "loss {number}"
        );
    }
}

#[test]
fn a_session_that_is_never_confirmed_is_retried() {
    let silent = Behaviour::script([Send(events::session_created())]);
    let service = Service::start([silent, Behaviour::script(events::opening())]);
    let device = Device::start(&service, Mode::Open);
    service.until("the configuration", |all| all.iter().any(|one| one.count("session.update") == 1));
    assert_eq!(service.connections()[0].audio_ms, 0);
    device.wait_for_line("notice: ", 1);
    assert!(device.lines().iter().any(|line| line.contains("session configuration")));
    device.wait_for_line("listening", 1);
    let (_, _) = device.quit();
    assert_eq!(service.connections()[0].audio_ms, 0, "nothing may be sent before the session is confirmed");
}

#[test]
fn a_session_whose_service_does_not_answer_exits() {
    let service = Service::start([Behaviour::Mute]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("connecting", 1);
    let (exit, _) = device.quit();
    assert_eq!(exit, Exit::Requested);
}

#[test]
fn a_loopback_service_needs_no_tls() {
    let service = Service::start_plain([Behaviour::script(events::opening())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("listening", 1);
    let (exit, _) = device.quit();
    assert_eq!(exit, Exit::Requested);
}

#[test]
fn a_service_with_an_untrusted_certificate_gets_no_credential() {
    let (trusted, service) =
        (Service::start([Behaviour::Mute]), Service::start([Behaviour::script(events::opening())]));
    let mut wrong = super::remote(&service);
    if let mynah::session::ServiceEndpoint::Remote { tls, .. } = &mut wrong {
        *tls = mynah::transport::Tls::new(Some(trusted.ca_file())).unwrap();
    }
    let device = Device::with_endpoint(wrong, Mode::Open, None);
    device.wait_for_line("offline", 1);
    let (_, _) = device.quit();
    assert!(
        service.connections().iter().all(|one| one.uri.is_empty()),
        "the request must not have been sent"
    );
}
