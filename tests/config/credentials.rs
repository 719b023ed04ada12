//! Credentials that systemd passes in a directory (`LoadCredential=`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mynah::config::Credential;

use super::{Fixture, HOST, KEY, assert_problems, azure};

#[test]
fn systemd_credentials_set_the_key_or_the_token() {
    let fixture = Fixture::new().flags(&["--endpoint", HOST]);
    let credentials = |name: &str| {
        let fixture = fixture.clone().file(&format!("{name}-folder/{name}"), &format!("{KEY}\n"));
        let folder = fixture.dir.path().join(format!("{name}-folder"));
        fixture.env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap()).run()
    };
    assert!(
        matches!(&azure(&credentials("api-key")).credential, Credential::Key(key) if key.reveal() == KEY)
    );
    assert!(
        matches!(&azure(&credentials("token")).credential, Credential::TokenFile(file) if file.ends_with("token"))
    );
}

#[test]
fn systemd_credential_and_key_in_the_environment_conflict() {
    let fixture = Fixture::new().flags(&["--endpoint", HOST]).file("c/api-key", KEY);
    let folder = fixture.dir.path().join("c");
    let fixture = fixture
        .env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap())
        .env("AZURE_VOICELIVE_API_KEY", "other");
    assert_problems(
        &fixture.problems(),
        &["environment variable AZURE_VOICELIVE_API_KEY | credential api-key"],
    );
}

#[test]
fn a_kept_key_goes_only_to_the_host_that_is_kept_with_it() {
    for text in [
        format!("host = bird.services.ai.azure.com\n{KEY}\n"),
        format!("{KEY}\r\nHOST=https://Bird.services.ai.azure.com/\r\n"),
    ] {
        let kept = Fixture::new().file("key", &text);
        let config = kept.flags(&["--endpoint", HOST, "--api-key-file", "key"]).run();
        assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == KEY));
        let changed = kept.flags(&["--endpoint", "cat.services.ai.azure.com", "--api-key-file", "key"]);
        let expected = "option --api-key-file: | key: was given for bird.services.ai.azure.com | endpoint is at \
                        cat.services.ai.azure.com; write the secret of cat";
        assert_problems(&changed.problems(), &[expected]);
    }
    let other = Fixture::new().file("key", &format!("host = ?\n{KEY}"));
    let problems = other.flags(&["--endpoint", HOST, "--api-key-file", "key"]).problems();
    assert_problems(&problems, &["option --api-key-file: | key: the line of its host names none"]);
}

#[test]
fn a_token_goes_only_to_hosts_of_its_audience() {
    let azures = "https://ai.azure.com";
    let application = "7d312290-28c8-473c-a0ed-8e53749b6d6d";
    let bird = "bird.services.ai.azure.com";
    for (audience, host, is_sent) in [
        (azures, bird, true),
        ("https://cognitiveservices.azure.com/", "bird.cognitiveservices.azure.com", true),
        (application, bird, true),
        ("https://cognitiveservices.azure.us", "bird.cognitiveservices.azure.us", true),
        ("https://gateway.example", "eu.gateway.example", true),
        ("api://1234", "gateway.example", true),
        (azures, "localhost", true),
        (azures, "gateway.example", false),
        (azures, "services.ai.azure.com.example", false),
        (azures, "bird.cognitiveservices.azure.cn", false),
        (application, "gateway.example", false),
        ("https://management.azure.com/", bird, false),
        ("HTTPS://vault.azure.net", bird, false),
    ] {
        let token = token(&format!("{{\"aud\":\"{audience}\"}}"));
        let address = format!("https://{host}");
        let flags = ["--endpoint", &address, "--use-token-credential", "--token-file", "token"];
        let inline = Fixture::new().flags(&flags[..3]).env("AZURE_VOICELIVE_TOKEN", &token);
        let kept = Fixture::new().file("token", &token).flags(&flags);
        let renewed = Credential::read_token(&kept.dir.path().join("token"), host);
        if is_sent {
            inline.run();
            kept.run();
            assert!(renewed.is_ok(), "{renewed:?}");
            continue;
        }
        let refused = format!("is a token for {audience}, and {host} is not a host of it");
        let variable = format!("environment variable AZURE_VOICELIVE_TOKEN: | {refused}");
        assert_problems(&inline.problems(), &[&variable]);
        assert_problems(&kept.problems(), &[&format!("option --token-file: | {refused}")]);
        let renewed = renewed.unwrap_err();
        assert!(renewed.contains(&refused) && !renewed.contains(&token), "{renewed}");
    }
    let several = token("{\"aud\":[\"https://graph.microsoft.com\",\"https://ai.azure.com\"]}");
    let several = Fixture::new().env("AZURE_VOICELIVE_TOKEN", &several);
    several.flags(&["--endpoint", HOST, "--use-token-credential"]).run();
}

/// Returns a JSON Web Token with these claims, signed by nobody.
fn token(claims: &str) -> String {
    format!("eyJhbGciOiJub25lIn0.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims))
}
