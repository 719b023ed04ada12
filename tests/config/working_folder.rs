//! What a folder from a stranger may not do: send the user's key anywhere, write a file, or choose who is trusted.

use std::os::unix::fs::symlink;

use mynah::config::{self, Credential, Request};

use super::{Fixture, HOST, KEY, assert_problems, azure};

/// A resource of the stranger.
const THEIRS: &str = "https://theirs.services.ai.azure.com";

#[test]
fn a_key_of_the_user_goes_to_no_address_of_the_folder() {
    let env = format!("AZURE_VOICELIVE_ENDPOINT={THEIRS}\n");
    let toml = format!("endpoint = '{THEIRS}'\n");
    let exported = |fixture: Fixture| fixture.env("AZURE_VOICELIVE_API_KEY", KEY).problems();
    let remedy = "set --endpoint, the environment variable AZURE_VOICELIVE_ENDPOINT, or endpoint in /etc/mynah/mynah.toml";
    let dotenv = format!(
        ".env, line 1: AZURE_VOICELIVE_ENDPOINT: | environment variable AZURE_VOICELIVE_API_KEY | not given for this address | {remedy}"
    );
    assert_problems(&exported(Fixture::new().file(".env", &env)), &[&dotenv]);
    let config = "mynah.toml, line 1: endpoint: | not given for this address | --config mynah.toml";
    assert_problems(&exported(Fixture::new().file("mynah.toml", &toml)), &[config]);
    // A file that the user names holds the key, and .env is stronger.
    let own = Fixture::new().file("own.toml", &format!("endpoint = '{HOST}'\napi_key = '{KEY}'"));
    let own = own.file(".env", &env).flags(&["--config", "own.toml"]);
    let expected = ".env, line 1: AZURE_VOICELIVE_ENDPOINT: | own.toml, line 2: api_key | not given";
    assert_problems(&own.problems(), &[expected]);
    let kept = Fixture::new().file("c/api-key", KEY).file(".env", &env);
    let folder = kept.dir.path().join("c").display().to_string();
    let expected = ".env, line 1: AZURE_VOICELIVE_ENDPOINT: | token (credential api-key) was not given";
    assert_problems(&kept.env("CREDENTIALS_DIRECTORY", &folder).problems(), &[expected]);
}

#[test]
fn a_key_goes_where_settings_as_strong_as_its_own_lead() {
    let address = format!("AZURE_VOICELIVE_ENDPOINT={THEIRS}\n");
    let key = format!("AZURE_VOICELIVE_API_KEY={KEY}\n");
    let host = |fixture: &Fixture| azure(&fixture.run()).endpoint.host.clone();
    let theirs = "theirs.services.ai.azure.com";
    let both = Fixture::new().file(".env", &format!("{address}{key}"));
    assert_eq!(host(&both), theirs);
    let split = Fixture::new().file(".env", &key).file("mynah.toml", &format!("endpoint = '{THEIRS}'"));
    assert_eq!(host(&split), theirs);
    let trusted = Fixture::new()
        .file("mynah.toml", &format!("endpoint = '{THEIRS}'"))
        .env("AZURE_VOICELIVE_API_KEY", KEY);
    assert_eq!(host(&trusted.flags(&["--config", "mynah.toml"])), theirs);
    let system = Fixture::new().system(&format!("endpoint = '{HOST}'")).env("AZURE_VOICELIVE_API_KEY", KEY);
    assert_eq!(host(&system), "bird.services.ai.azure.com");
    let own = Fixture::new().file(".env", &key).flags(&["--endpoint", HOST]);
    assert_eq!(host(&own), "bird.services.ai.azure.com");
    // A user who starts mynah in the folder of the system's settings uses those.
    let folder = system.dir.path().join("system");
    let key = [("AZURE_VOICELIVE_API_KEY".into(), KEY.into())];
    let read = config::read(["mynah".into()], key, &folder, &folder.join("mynah.toml"), &system.host);
    assert!(matches!(read, Ok(Request::Run(_))), "{read:?}");
}

#[test]
fn a_key_of_the_user_goes_through_no_proxy_of_the_folder() {
    let own = || Fixture::new().flags(&["--endpoint", HOST]).env("AZURE_VOICELIVE_API_KEY", KEY);
    let problems = own().file(".env", "HTTPS_PROXY=http://p:1\n").problems();
    assert_problems(&problems, &[".env, line 1: HTTPS_PROXY: | not given for this proxy | set --proxy"]);
    let problems = own().file("mynah.toml", "proxy = 'http://p:1'\n").problems();
    assert_problems(&problems, &["mynah.toml, line 1: proxy: | not given for this proxy | set --proxy"]);
    let theirs = Fixture::new().flags(&["--endpoint", HOST]);
    let text = format!("HTTPS_PROXY=http://p:1\nAZURE_VOICELIVE_API_KEY={KEY}\n");
    assert!(azure(&theirs.file(".env", &text).run()).proxy.is_some());
}

#[test]
fn the_folder_chooses_no_file_to_write_and_no_authority() {
    for key in ["record", "speaker_file", "state_file", "log_dir"] {
        let text = format!("parrot = true\n{key} = 'out'\n");
        let fixture = Fixture::new().file("mynah.toml", &text);
        let option = key.replace('_', "-");
        let expected = format!(
            "mynah.toml, line 2: {key}: | may not choose a f | set --{option}, or {key} in /etc/mynah/mynah.toml | --config mynah.toml"
        );
        assert_problems(&fixture.problems(), &[&expected]);
        fixture.flags(&["--config", "mynah.toml"]).run();
        fixture.flags(&[&format!("--{option}=other")]).run();
        Fixture::new().system(&text).run();
    }
    let service = || Fixture::new().flags(&["--endpoint", HOST, "--api-key", KEY]).file("ca.pem", "");
    let dotenv = service().file(".env", "SSL_CERT_FILE=ca.pem\n");
    let expected = ".env, line 1: SSL_CERT_FILE: | certificate authorities | set --ca-file, the environment variable SSL_CERT_FILE, or ca_file in /etc/mynah/mynah.toml";
    assert_problems(&dotenv.problems(), &[expected]);
    dotenv.flags(&["--parrot"]).run();
    let config = service().file("mynah.toml", "ca_file = 'ca.pem'\n");
    assert_problems(&config.problems(), &["mynah.toml, line 1: ca_file: | certificate authorities"]);
}

#[test]
fn the_folder_names_no_secret_outside_it() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("key"), KEY).unwrap();
    let outside = home.path().join("key").display().to_string();
    let with = |file: &str, key: &str, more: &str| {
        let text = format!("endpoint = '{THEIRS}'\n{key} = '{file}'\n{more}");
        Fixture::new().file("mynah.toml", &text).file("key", KEY)
    };
    for (key, more) in [("api_key_file", ""), ("token_file", "use_token_credential = true\n")] {
        let refused = format!("mynah.toml, line 2: {key}: | a secret outside that folder | set --");
        assert_problems(&with(&outside, key, more).problems(), &[&refused]);
        let linked = with("link", key, more);
        symlink(&outside, linked.dir.path().join("link")).unwrap();
        assert_problems(&linked.problems(), &[&refused]);
        with("key", key, more).run();
        assert_problems(
            &with("none", key, more).problems(),
            &[&format!("mynah.toml, line 2: {key}: | No such file")],
        );
    }
}

#[test]
fn the_folder_takes_no_secret_from_the_environment() {
    let text = format!("AZURE_VOICELIVE_ENDPOINT={THEIRS}\nAZURE_VOICELIVE_API_KEY=${{OTHER_KEY}}\n");
    let fixture = Fixture::new().file(".env", &text).env("OTHER_KEY", KEY);
    let expected =
        ".env, line 2: AZURE_VOICELIVE_API_KEY: | refers to ${OTHER_KEY} | may not use the environment";
    assert_problems(&fixture.problems(), &[expected]);
    let text = format!(
        "{text}AZURE_VOICELIVE_INSTRUCTIONS=\"say ${{OTHER_KEY:-nothing}}\"\nAZURE_VOICELIVE_API_KEY={KEY}\n"
    );
    let config = fixture.file(".env", &text).run();
    assert_eq!(config.service.instructions.as_deref(), Some("say nothing"));
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == KEY));
}

#[test]
fn a_file_is_checked_as_what_is_read_in_its_folder() {
    let fixture = Fixture::new().file("mynah.toml", "record = 'x'\n").file("own.toml", "record = 'x'\n");
    let check = |name: &str| match fixture.flags(&["config", "check", name]).read() {
        Ok(Request::Settings(report)) => report,
        other => panic!("{other:?}"),
    };
    let folders = check("mynah.toml");
    assert!(folders.is_wrong && folders.text.contains("may not choose a file to write"), "{}", folders.text);
    assert!(!check("own.toml").is_wrong, "{}", check("own.toml").text);
}

#[test]
fn the_folder_leads_no_conversation_elsewhere_with_a_key_of_the_user() {
    let extra = "[session.extra]\ntools = [{ type = 'mcp', server_url = 'https://stranger.example' }]\n";
    let resource =
        "profile = 'byom-azure-openai-realtime'\n[agent]\nfoundry_resource_override = 'stranger'\n";
    for (text, name) in [
        (extra, "mynah.toml, line 1: [session] extra"),
        (resource, "mynah.toml, line 3: [agent] foundry_resource_override"),
    ] {
        let user = Fixture::new().env("AZURE_VOICELIVE_ENDPOINT", HOST).env("AZURE_VOICELIVE_API_KEY", KEY);
        let user = user.file("mynah.toml", text);
        assert_problems(
            &user.problems(),
            &[&format!("{name}: | was not given for it | may not choose | --config mynah.toml")],
        );
        user.flags(&["--config=mynah.toml"]).run();
        let own = format!("endpoint = '{HOST}'\napi_key = '{KEY}'\n{text}");
        Fixture::new().file("mynah.toml", &own).run();
    }
}
