//! Connections through an HTTP proxy that opens a tunnel, refuses, hangs or lies.

use std::time::Duration;

use mynah::background::{ANSWER_BYTES, Background, ConnectError, ConnectRequest, Connection, ProxyAnswer};
use mynah::config::{Credential, Proxy, Secret};
use proptest::prelude::*;

use super::connect_result;
use crate::service::proxy::{ConnectProxy, ProxyBehaviour};

#[test]
fn a_tunnel_is_asked_for_by_name_with_the_decoded_password() {
    let proxy = ConnectProxy::start(ProxyBehaviour::Answer(b"HTTP/1.1 200 OK\r\n\r\n"));
    for (user, expected) in [
        ("", None),
        ("bird:s%40ng%3a%2F@", Some("Proxy-Authorization: Basic YmlyZDpzQG5nOi8=")),
        ("bird@", Some("Proxy-Authorization: Basic YmlyZDo=")),
        ("b%C3%BCrd:100%@", Some("Proxy-Authorization: Basic YsO8cmQ6MTAwJQ==")),
    ] {
        connect(&format!("http://{user}127.0.0.1:{}", proxy.port)).unwrap();
        let request = proxy.requests().pop().unwrap();
        let lines: Vec<_> = request.lines().collect();
        assert_eq!(lines[..2], ["CONNECT voice.example.test:443 HTTP/1.1", "Host: voice.example.test:443"]);
        let authorization = lines.iter().find(|line| line.starts_with("Proxy-Authorization"));
        assert_eq!(authorization.copied(), expected, "{user}");
    }
}

#[test]
fn a_refusal_names_proxy_setting_and_remedy() {
    for (answer, user, is_setup, facts) in [
        (
            &b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"[..],
            "",
            true,
            ["HTTP 407 Who", "USER:PASSWORD"],
        ),
        (
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
            "u:hush-hush@",
            true,
            ["HTTP 407 No", "%40"],
        ),
        (
            b"HTTP/1.1 407\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n\r\n",
            "",
            true,
            ["Negotiate or NTLM", "Basic"],
        ),
        (b"HTTP/1.0 403 Forbidden\r\n\r\n", "", true, ["HTTP 403 Forbidden", "voice.example.test:443"]),
        (b"HTTP/1.1 405 Method Not Allowed\r\n\r\n", "", true, ["HTTP 405", "CONNECT"]),
        (b"HTTP/1.1 501 Unsupported method ('CONNECT')\r\n\r\n", "", true, ["HTTP 501", "CONNECT"]),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", "", false, ["HTTP 302", "login"]),
        (b"HTTP/1.1 429 Slow down\r\n\r\n", "", false, ["HTTP 429", "for now"]),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno",
            "",
            false,
            ["HTTP 502 Bad Gateway", "resolve"],
        ),
        (b"HTTP/1.1 503 \x1b[31mred\r\n\r\n", "", false, ["not HTTP", "HTTP proxy"]),
    ] {
        let proxy = ConnectProxy::start(ProxyBehaviour::Answer(answer));
        let error = connect(&format!("http://{user}127.0.0.1:{}", proxy.port)).unwrap_err();
        let message = &error.message;
        assert_eq!(error.is_setup, is_setup, "{message}");
        let proxy_and_place =
            format!("the proxy 127.0.0.1:{} (environment variable HTTPS_PROXY)", proxy.port);
        for fact in [proxy_and_place.as_str()].iter().chain(&facts) {
            assert!(message.contains(fact), "no {fact} in {message}");
        }
        assert!(!message.contains("hush") && !message.contains(char::is_control), "{message:?}");
    }
}

#[test]
fn a_lying_proxy_is_found_out() {
    for (behaviour, fact) in [
        (ProxyBehaviour::Answer(b""), "without an answer"),
        (ProxyBehaviour::Answer(b"HTTP/1.1 200 O"), "without an answer"),
        (ProxyBehaviour::Answer(b"SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP"),
        (ProxyBehaviour::Answer(b"\x15\x03\x01\x00\x02\x02\x28"), "not HTTP"),
        (ProxyBehaviour::Answer(b"HTTP/1.1 200 OK\r\n\r\n<html>"), "before the service"),
        (ProxyBehaviour::Endless(b"HTTP/1.1 100 Continue\r\n\r\n"), "more than 8 KiB"),
        (
            ProxyBehaviour::Endless(b"HTTP/1.1 200 OK\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            "not HTTP",
        ),
    ] {
        let proxy = ConnectProxy::start(behaviour);
        let error = connect(&format!("127.0.0.1:{}", proxy.port)).unwrap_err();
        assert!(error.message.contains(fact), "no {fact} in {error}");
        assert!(error.message.contains("HTTPS_PROXY") && !error.is_setup, "{error}");
    }
}

#[test]
fn the_time_limit_of_the_dial_holds_for_a_silent_proxy() {
    let proxy = ConnectProxy::start(ProxyBehaviour::Silent);
    let error = dial(&format!("127.0.0.1:{}", proxy.port), Duration::from_millis(200)).unwrap_err();
    assert!(error.message.contains("did not connect to voice.example.test:443 within"), "{error}");
    assert!(error.message.contains("HTTPS_PROXY") && !error.is_setup, "{error}");
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn an_interim_answer_is_skipped_and_the_header_is_bounded() {
    let answer = b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(ProxyAnswer::parse(answer), ProxyAnswer::Open(answer.len()));
    for end in 0..answer.len() {
        assert_eq!(ProxyAnswer::parse(&answer[..end]), ProxyAnswer::Incomplete, "{end} bytes");
    }
    let mut long = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    long.resize(ANSWER_BYTES, b'x');
    assert!(matches!(ProxyAnswer::parse(&long), ProxyAnswer::Invalid(_)));
}

proptest! {
    #[test]
    fn any_answer_is_read_as_one_short_line(bytes: Vec<u8>, begin in "(HTTP/1\\.1 [2-5][0-9]{2} )?") {
        let answer = ProxyAnswer::parse(&[begin.as_bytes(), &bytes].concat());
        if let ProxyAnswer::Invalid(text) | ProxyAnswer::Refused { detail: text, .. } = answer {
            prop_assert!(text.chars().count() < 700 && !text.contains(char::is_control), "{text:?}");
        }
    }
}

fn connect(proxy: &str) -> Result<Connection, ConnectError> {
    dial(proxy, Duration::from_secs(10))
}

/// Connects to a host that only the proxy knows.
fn dial(proxy: &str, limit: Duration) -> Result<Connection, ConnectError> {
    let background = Background::start(Some(Credential::Key(Secret::new("k").unwrap())), None).unwrap();
    let proxy = Proxy::new(proxy, "environment variable HTTPS_PROXY").unwrap().map(Into::into);
    let host = "voice.example.test".to_owned();
    assert!(background.connect(ConnectRequest {
        number: 1,
        host,
        port: 443,
        proxy,
        renews_token: false,
        limit
    }));
    connect_result(&background).1
}
