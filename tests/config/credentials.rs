//! Credentials that systemd passes in a directory (`LoadCredential=`).

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
