//! Every setting knows where its value comes from.

use super::{Fixture, HOST, KEY, azure};

#[test]
fn every_layer_names_the_place_of_a_value() {
    let config = Fixture::new()
        .flags(&["--mode", "tap", "--log"])
        .env("AZURE_VOICELIVE_VOICE", "alloy")
        .file(
            ".env",
            &format!("# mine\nexport azure_voicelive_endpoint={HOST}\nAZURE_VOICELIVE_API_KEY={KEY}"),
        )
        .file("mynah.toml", "\n\ntap_quiet_s = 9\nvoice = 'echo'\n")
        .run();
    for (name, expected) in [
        ("mode", "option --mode"),
        ("log_dir", "option --log"),
        ("voice", "environment variable AZURE_VOICELIVE_VOICE"),
        ("endpoint", ".env, line 2: azure_voicelive_endpoint"),
        ("api_key", ".env, line 3: AZURE_VOICELIVE_API_KEY"),
        ("tap_quiet_s", "mynah.toml, line 3: tap_quiet_s"),
        ("model", "default of model"),
    ] {
        let origin = config.origin_of(name).unwrap();
        assert_eq!(origin.to_string(), expected);
        assert_eq!(origin.is_default(), name == "model", "{name}");
    }
    for unset in ["speech", "api_key_file", "nonsense"] {
        assert_eq!(config.origin_of(unset), None);
    }
    assert_eq!(azure(&config).credential_origin.to_string(), ".env, line 3: AZURE_VOICELIVE_API_KEY");
}

#[test]
fn credential_origin_is_the_setting_that_is_used() {
    let fixture = Fixture::new().flags(&["--endpoint", HOST]).file("k", KEY).file("c/api-key", KEY);
    let of = |fixture: &Fixture| azure(&fixture.run()).credential_origin.to_string();
    let weaker = fixture.clone().file("mynah.toml", "api_key = 'other'");
    let folder = weaker.dir.path().join("c");
    assert_eq!(of(&weaker.env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap())), "credential api-key");
    assert_eq!(of(&weaker), "mynah.toml, line 1: api_key");
    let flag = weaker.flags(&["--endpoint", HOST, "--api-key-file", "k"]);
    assert_eq!(of(&flag), "option --api-key-file");
    let token = Fixture::new().flags(&["--endpoint", HOST, "--use-token-credential"]);
    assert_eq!(of(&token.env("AZURE_VOICELIVE_TOKEN", "ey.J")), "environment variable AZURE_VOICELIVE_TOKEN");
}

#[test]
fn at_most_half_of_a_key_and_four_characters_are_shown() {
    for (key, shown) in [("0123456789abcdef", "\u{2026}cdef"), ("abc123", "\u{2026}123"), ("x", "\u{2026}")] {
        assert_eq!(mynah::config::Secret::new(key).unwrap().ending(), shown);
    }
}
