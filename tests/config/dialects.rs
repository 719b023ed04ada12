//! Which dialect an address has, and what a dialect makes of the other settings; and when a host may be reached without
//! TLS.

use mynah::config::{Endpoint, EndpointRequest};
use mynah::model::{Choice, Dialect, EchoCancellation, TurnDetection, Voice};

use super::{Fixture, KEY, assert_problems, azure};

/// Address, `dialect` as set (or `-`), dialect that is used, and what is dialled.
const ADDRESSES: &str = "
bird.services.ai.azure.com                              -            voice-live   wss://bird.services.ai.azure.com/voice-live/realtime?api-version=D&model=m
bird.services.ai.azure.com/openai/v1                    -            voice-live   wss://bird.services.ai.azure.com/voice-live/realtime?api-version=D&model=m
https://bird.services.ai.azure.com/openai/v1/realtime   -            azure-openai wss://bird.services.ai.azure.com/openai/v1/realtime?model=m
bird.openai.azure.com/openai/v1/realtime?model=mine     -            azure-openai wss://bird.openai.azure.com/openai/v1/realtime?model=mine
bird.openai.azure.com                                   -            voice-live   wss://bird.openai.azure.com/voice-live/realtime?api-version=D&model=m
bird.openai.azure.com                                   azure-openai azure-openai wss://bird.openai.azure.com/openai/v1/realtime?model=m
bird.openai.azure.com/openai/v1/?x=1                    azure-openai azure-openai wss://bird.openai.azure.com/openai/v1/realtime?model=m
bird.openai.azure.com/voice-live/realtime?x=1           azure-openai azure-openai wss://bird.openai.azure.com/openai/v1/realtime?model=m
api.openai.com                                          -            openai       wss://api.openai.com/v1/realtime?model=m
https://api.openai.com/v1                               -            openai       wss://api.openai.com/v1/realtime?model=m
eu.api.openai.com/v1/realtime?model=x                   -            openai       wss://eu.api.openai.com/v1/realtime?model=x
notapi.openai.com                                       -            voice-live   wss://notapi.openai.com/voice-live/realtime?api-version=D&model=m
ws://localhost:8765/v1/realtime                         -            openai       ws://localhost:8765/v1/realtime?model=m
ws://localhost:8765/v1/realtime/                        -            openai       ws://localhost:8765/v1/realtime?model=m
ws://127.0.0.1:1/openai/v1/realtime?model=x             -            azure-openai ws://127.0.0.1:1/openai/v1/realtime?model=x
gate.example/a/Realtime?token-free=1                    -            openai       wss://gate.example/a/Realtime?token-free=1&model=m
gate.example/a/voice-live/realtime                      -            voice-live   wss://gate.example/a/voice-live/realtime?api-version=D&model=m
gate.example/a/realtime                                 voice-live   voice-live   wss://gate.example/a/realtime?api-version=D&model=m
gate.example/voice-live/realtime?api-version=v1         -            voice-live   wss://gate.example/voice-live/realtime?api-version=v1&model=m
ws://localhost:8765                                     openai       openai       ws://localhost:8765/v1/realtime?model=m
ws://localhost:8765/v1/                                 openai       openai       ws://localhost:8765/v1/realtime?model=m
gate.example/openai                                     openai       openai       wss://gate.example/openai/v1/realtime?model=m
gate.example/openai                                     azure-openai azure-openai wss://gate.example/openai/v1/realtime?model=m
";

#[test]
fn an_address_has_a_dialect_a_path_and_a_query() {
    for line in ADDRESSES.lines().filter(|line| !line.is_empty()) {
        let [input, set, expected, dialled] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let dialect = Dialect::ALL.into_iter().find(|dialect| dialect.name() == set);
        let query = &[("api-version", "D"), ("model", "m")];
        let request = EndpointRequest { query, dialect, ..EndpointRequest::default() };
        let endpoint = Endpoint::with(input, &request).unwrap();
        assert_eq!((endpoint.dialect.name(), &*endpoint.to_string()), (expected, dialled), "{line}");
        assert_eq!(endpoint.is_dialect_set, set != "-", "{line}");
    }
}

#[test]
fn a_host_that_speaks_another_dialect_is_refused() {
    for (host, dialect, told) in [
        (
            "https://bird.services.ai.azure.com",
            "openai",
            "is not spoken by a resource of Azure; it is voice-live, or",
        ),
        ("https://api.openai.com", "voice-live", "is not spoken by OpenAI; it is openai"),
        ("https://api.openai.com", "azure-openai", "is not spoken by OpenAI; it is openai"),
    ] {
        let problems = reached(&["--endpoint", host, "--dialect", dialect]).problems();
        assert_problems(&problems, &[&format!("option --dialect: \"{dialect}\" | {told}")]);
    }
    let misspelt = reached(&["--endpoint", "https://api.openai.com", "--dialect", "open-ai"]).problems();
    assert_problems(
        &misspelt,
        &["option --dialect: \"open-ai\" | voice-live, openai, azure-openai | mean openai?"],
    );
}

#[test]
fn defaults_that_a_dialect_lacks_are_replaced() {
    let config = reached(&["--endpoint", "https://api.openai.com"]).run();
    let service = &config.service;
    assert_eq!(service.turn_detection, Some(TurnDetection::ServerVad));
    assert_eq!(
        (service.noise_reduction, service.echo_cancellation),
        (Choice::Off, Some(EchoCancellation::Off))
    );
    assert_eq!((service.transcription, service.turn.end_of_utterance), (Choice::On("whisper-1"), None));
    assert_eq!(config.warnings, [""; 0]);
    // A model for the transcript is a deployment of the user's there.
    let azure_openai = reached(&["--endpoint", "https://bird.openai.azure.com/openai/v1/realtime"]).run();
    assert_eq!((azure_openai.service.transcription, azure_openai.warnings), (Choice::Off, vec![]));
    let chosen = reached(&[
        "--endpoint",
        "https://api.openai.com",
        "--voice",
        "cedar",
        "--turn-detection",
        "semantic_vad",
    ]);
    let service = chosen.run().service;
    assert_eq!(
        (service.voice, service.turn_detection),
        (Some(Voice::OpenAi("cedar".into())), Some(TurnDetection::SemanticVad))
    );
    let own = reached(&["--endpoint", "ws://localhost:8765/v1/realtime", "--voice", "en_US-lessac-medium"]);
    assert_eq!(own.run().service.voice, Some(Voice::OpenAi("en_US-lessac-medium".into())));
}

#[test]
fn settings_that_a_dialect_lacks_are_refused_with_those_that_it_has() {
    for (setting, value, told) in [
        ("voice", "en-US-Ava:DragonHDLatestNeural", "its voices are alloy, ash,"),
        ("turn-detection", "azure_semantic_vad", "it has server_vad and semantic_vad"),
        ("noise-reduction", "azure_deep_noise_suppression", "near_field, far_field and off"),
        ("echo-cancellation", "server", "it has device, half_duplex and off"),
        ("end-of-utterance", "on", "it is off"),
        ("transcription", "azure-speech", "whisper-1, gpt-4o-transcribe"),
    ] {
        let flag = format!("--{setting}");
        let fixture = reached(&["--endpoint", "https://api.openai.com", &flag, value]);
        let expected = format!("option {flag}: \"{value}\" | does not exist in the dialect openai | {told}");
        assert_problems(&fixture.problems(), &[&expected]);
        reached(&["--endpoint", "https://bird.services.ai.azure.com", &flag, value]).run();
    }
    let version = reached(&["--endpoint", "https://api.openai.com", "--api-version", "2026-07-15"]).run();
    assert_problems(&version.warnings, &["option --api-version: | no effect in the dialect openai"]);
}

#[test]
fn only_a_host_of_ones_own_network_that_is_named_is_reached_without_tls() {
    for host in [
        "192.168.1.20",
        "10.0.0.1",
        "172.16.0.1",
        "169.254.1.1",
        "[fd00::1]",
        "[fe80::1]",
        "box",
        "box.local",
    ] {
        let url = format!("ws://{host}:8765/v1/realtime");
        assert_problems(
            &reached(&["--endpoint", &url]).problems(),
            &["option --endpoint: | unencrypted | own network, set --allow-plain"],
        );
        let allowed = reached(&["--endpoint", &url, "--allow-plain", host]).run();
        let endpoint = &azure(&allowed).endpoint;
        assert_eq!((endpoint.tls, endpoint.to_string()), (false, format!("{url}?model=gpt-realtime")));
        let told = format!("option --allow-plain: | unencrypted to {}", host.trim_matches(['[', ']']));
        assert_problems(&allowed.warnings, &[&told]);
    }
    for host in [
        "bird.example",
        "8.8.8.8",
        "192.169.1.1",
        "172.32.0.1",
        "[2001:db8::1]",
        "box.local.example",
        "2130706433",
        "0x7f000001",
        "*",
    ] {
        let problems = reached(&["--endpoint", "ws://box:1/v1/realtime", "--allow-plain", host]).problems();
        let refused = format!("option --allow-plain: \"{host}\" | must be a host of your own network");
        assert_problems(&problems, &[&refused, "option --endpoint: | unencrypted"]);
    }
    let other = reached(&["--endpoint", "ws://box:1/v1/realtime", "--allow-plain", "box2"]).problems();
    assert_problems(&other, &["option --endpoint: | unencrypted"]);
    // It is an exception and no command.
    let tls = reached(&["--endpoint", "wss://box/v1/realtime", "--allow-plain", "box"]).run();
    assert_eq!((azure(&tls).endpoint.tls, tls.warnings), (true, vec![]));
}

#[test]
fn a_key_goes_without_tls_only_where_a_setting_as_strong_allows_it() {
    let plain = "endpoint = 'ws://box/v1/realtime'\nallow_plain = 'box'\n";
    let exported = || Fixture::new().env("AZURE_VOICELIVE_API_KEY", KEY);
    let weaker = exported().system(plain);
    let place = weaker.dir.path().join("system/mynah.toml").display().to_string();
    let told = format!(
        "{place}, line 2: allow_plain: | variable AZURE_VOICELIVE_API_KEY | stronger | --allow-plain"
    );
    assert_problems(&weaker.problems(), &[&told]);
    assert!(!azure(&weaker.env("AZURE_VOICELIVE_ALLOW_PLAIN", "box").run()).endpoint.tls);
    let same = Fixture::new().system(&format!("{plain}api_key = '{KEY}'\n")).run();
    assert!(
        same.warnings.iter().any(|warning| warning.contains("unencrypted to box")),
        "{:?}",
        same.warnings
    );
    // A file of the working folder never may, not even for its own key.
    let folder = Fixture::new().file("mynah.toml", &format!("{plain}api_key = '{KEY}'\n"));
    assert_problems(
        &folder.problems(),
        &["mynah.toml, line 2: allow_plain: | may not choose that voice and key go unencrypted"],
    );
    // No proxy gets it either.
    let proxied =
        reached(&["--endpoint", "ws://box/v1/realtime", "--allow-plain", "box", "--proxy", "http://p:1"])
            .run();
    assert!(azure(&proxied).proxy.is_none());
}

/// The settings of a user with a key.
fn reached(flags: &[&str]) -> Fixture {
    Fixture::new().flags(flags).env("AZURE_VOICELIVE_API_KEY", KEY)
}
