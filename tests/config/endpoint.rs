//! An endpoint, in any form that users paste, is one address, or is rejected.

use mynah::config::Endpoint;
use proptest::prelude::*;

#[test]
fn all_forms_of_an_endpoint_give_the_same_address() {
    let whole = "wss://bird.example/voice-live/realtime?api-version=2026-07-15&model=gpt-realtime";
    for input in [
        "bird.example",
        "bird.example/",
        "https://bird.example",
        "HTTPS://Bird.Example/",
        "wss://bird.example:443",
        " wss://bird.example/voice-live/realtime ",
        "wss://bird.example/voice-live/realtime/",
        "bird.example/voice-live/realtime?api-version=2026-07-15",
    ] {
        assert_eq!(endpoint(input).unwrap().to_string(), whole, "{input}");
    }
}

#[test]
fn path_and_query_of_an_endpoint_are_kept() {
    for (input, expected) in [
        ("https://a.example/v1/", "/v1/voice-live/realtime?api-version=2026-07-15&model=gpt-realtime"),
        ("a.example?model=mine&x=a%20b", "/voice-live/realtime?model=mine&x=a%20b&api-version=2026-07-15"),
        ("a.example?api-version=1&&", "/voice-live/realtime?api-version=1&model=gpt-realtime"),
    ] {
        assert_eq!(endpoint(input).unwrap().path_and_query, expected, "{input}");
    }
    let spaced = Endpoint::new("a.example", "my model/ä&b", "1").unwrap();
    assert_eq!(spaced.path_and_query, "/voice-live/realtime?api-version=1&model=my%20model%2F%C3%A4%26b");
}

#[test]
fn only_loopback_is_allowed_without_tls() {
    for (input, authority, port) in [
        ("ws://localhost", "localhost", 80),
        ("http://127.3.2.1:8080", "127.3.2.1:8080", 8080),
        ("ws://[::1]:9000", "[::1]:9000", 9000),
    ] {
        let endpoint = endpoint(input).unwrap();
        assert_eq!((endpoint.tls, endpoint.authority().as_str(), endpoint.port), (false, authority, port));
    }
    assert_eq!(endpoint("wss://[2001:DB8::1]").unwrap().host, "2001:db8::1");
    for input in
        ["http://bird.example", "ws://10.0.0.1", "ws://0.0.0.0", "ws://localhost.example", "ws://[::2]"]
    {
        assert!(endpoint(input).unwrap_err().contains("unencrypted"), "{input}");
    }
}

#[test]
fn invalid_endpoints_are_rejected() {
    for (input, reason) in [
        ("ftp://bird.example", "https or wss"),
        ("https://", "https://NAME"),
        ("https://<your-resource>.services.ai.azure.com", "https://NAME"),
        ("https://bird.example:0", "port"),
        ("https://bird.example:99999", "port"),
        ("https://bird.example:", "port"),
        ("https://bird..example", "host name"),
        ("https://key@bird.example", "user name or password"),
        ("https://a:b@bird.example", "user name or password"),
        ("https://[::zz]", "IPv6 address"),
        ("https://v\u{f6}gel.example", "https://NAME"),
        ("bird.example?api-key=1", "api-key"),
        ("bird.example?x=1&API%2dKey=1", "API-Key"),
        ("bird.example?Authorization=Bearer%20x", "Authorization"),
    ] {
        let error = endpoint(input).unwrap_err();
        assert!(error.contains(reason), "{input}: {error}");
    }
}

proptest! {
    #[test]
    fn no_endpoint_causes_a_panic_or_splits_the_request(input in "\\PC{0,40}|[a-z:/?@%#&=\\[\\]. \\r\\n0-9]{0,40}") {
        if let Ok(endpoint) = endpoint(&input) {
            let shown = endpoint.to_string();
            prop_assert!(shown.bytes().all(|byte| byte.is_ascii_graphic() || byte >= 0x80), "{}", shown);
            prop_assert!(!endpoint.host.contains(['@', '/', '%', ' ']), "{}", shown);
            prop_assert!(endpoint.tls || shown.starts_with("ws://localhost") || shown.starts_with("ws://127.") || shown.starts_with("ws://["));
        }
    }
}

fn endpoint(input: &str) -> Result<Endpoint, String> {
    Endpoint::new(input, "gpt-realtime", "2026-07-15")
}
