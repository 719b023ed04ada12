//! An endpoint, in any form that users paste, is one address, or is rejected.

use mynah::config::Endpoint;
use proptest::prelude::*;

use super::{Fixture, KEY, assert_problems, azure};

#[test]
fn the_feature_that_takes_a_reference_is_added_to_the_query_unless_it_names_features() {
    let address = |endpoint: &str| {
        Endpoint::new(endpoint, "gpt-realtime", "2026-07-15").unwrap().requesting_reference().to_string()
    };
    let host = "https://bird.services.ai.azure.com";
    let expected = "&model=gpt-realtime&features=client_ec_reference:true";
    assert!(address(host).ends_with(expected), "{}", address(host));
    let own = address(&format!("{host}/voice-live/realtime?features=other:true"));
    assert!(own.contains("features=other:true") && !own.contains("client_ec_reference"), "{own}");
}

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
fn host_of_a_page_of_a_resource_is_taken() {
    let resource =
        "wss://bird.services.ai.azure.com/voice-live/realtime?api-version=2026-07-15&model=gpt-realtime";
    for input in [
        "https://bird.services.ai.azure.com/api/projects/garden",
        "https://bird.services.ai.azure.com/api/projects/garden/?x=1",
        "https://bird.services.ai.azure.com/openai/v1/",
        "https://bird.services.ai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=mine",
        "https://bird.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        "wss://bird.services.ai.azure.com/voice-live",
        "wss://bird.services.ai.azure.com/voice-live/realtime/calls",
        "https://bird.services.ai.azure.com/voice-agent/realtime",
        "https://https://bird.services.ai.azure.com",
        "wss://https://bird.services.ai.azure.com/",
        "HTTP://https://bird.services.ai.azure.com/",
        "https:/bird.services.ai.azure.com",
        "https//bird.services.ai.azure.com",
        "https:////bird.services.ai.azure.com",
        "\"https://bird.services.ai.azure.com/\"",
        "\u{201c}https://bird.services.ai.azure.com\u{201d}",
        "<https://bird.services.ai.azure.com>",
        "\u{200b}https://bird.services.ai.azure.com\u{a0};",
        "AZURE_VOICELIVE_ENDPOINT='https://bird.services.ai.azure.com'",
        "https://BIRD.services.ai.azure.com#overview",
    ] {
        assert_eq!(endpoint(input).unwrap().to_string(), resource, "{input}");
    }
    for (input, expected) in [
        ("http://127.0.0.1:1/api/projects/garden", "/voice-live/realtime?"),
        ("https://gate.example/foundry/api/projects/garden", "/foundry/voice-live/realtime?"),
        ("https://gate.example/a/voice-live/realtime?x=1", "/a/voice-live/realtime?x=1&"),
        ("http://127.0.0.1:1/openai/v1", "/voice-live/realtime?"),
        ("https://gate.example/openai-proxy", "/openai-proxy/voice-live/realtime?"),
    ] {
        let whole = format!("{expected}api-version=2026-07-15&model=gpt-realtime");
        assert_eq!(endpoint(input).unwrap().path_and_query, whole, "{input}");
    }
}

#[test]
fn pages_that_are_no_resource_are_refused_with_the_address_that_is_meant() {
    let id = "subscriptions/0/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/bird";
    for (input, expected) in [
        ("https://ai.azure.com/foundryProject/overview?tid=1".to_owned(), "page at ai.azure.com | endpoint"),
        (
            format!("https://ai.azure.com/resource/x?wsid=/{id}/projects/p"),
            "https://bird.services.ai.azure.com",
        ),
        (format!("https://portal.azure.com/#@t/resource/{id}/cskeys"), "page at portal.azure.com"),
        (format!("ms.portal.azure.com/resource%2F{}", id.replace('/', "%2F")), "https://bird.services"),
        (format!("/{id}"), "ID of a resource | https://bird.services.ai.azure.com"),
        ("https://speech.microsoft.com/portal".to_owned(), "page at speech.microsoft.com"),
        ("wss://eastus.stt.speech.microsoft.com/speech".to_owned(), "not the address of a resource"),
        ("bird".to_owned(), "only a name | https://NAME"),
        ("0123456789abcdef0123456789abcdef".to_owned(), "only a name | https://NAME"),
        ("https://services.ai.azure.com".to_owned(), "lacks the name | https://NAME"),
        ("https://your-resource-name.services.ai.azure.com/".to_owned(), "placeholder | https://NAME"),
        ("https://your_resource.cognitiveservices.azure.com".to_owned(), "placeholder"),
        ("https://bird.services .ai.azure.com".to_owned(), "white space | https://NAME"),
    ] {
        let error = endpoint(&input).unwrap_err();
        assert!(expected.split(" | ").all(|part| error.contains(part)), "{input}: {error}");
        assert!(!error.contains("0123456789"), "{error}");
    }
}

#[test]
fn secrets_in_a_query_that_is_left_out_are_refused_too() {
    let error = endpoint("https://bird.services.ai.azure.com/openai/realtime?api-key=1").unwrap_err();
    assert!(error.contains("api-key"), "{error}");
}

#[test]
fn host_of_azure_openai_is_used_with_a_warning() {
    let fixture = Fixture::new().env("AZURE_VOICELIVE_API_KEY", KEY);
    let config = fixture.flags(&["--endpoint", "https://bird.openai.azure.com/openai/v1/"]).run();
    assert_eq!(azure(&config).endpoint.host, "bird.openai.azure.com");
    assert_problems(
        &config.warnings,
        &["option --endpoint: | Azure OpenAI | https://bird.services.ai.azure.com | /openai/v1/realtime"],
    );
    let name = fixture.flags(&["--endpoint", "https://NAME.services.ai.azure.com"]).run();
    assert_problems(&name.warnings, &["option --endpoint: | NAME | name of your resource"]);
    let sample = fixture.flags(&["--endpoint", "wss://api.voicelive.com/v1"]).run();
    assert_problems(&sample.warnings, &["option --endpoint: | samples | https://NAME"]);
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
