//! Credentials that the service manager hands over in a folder.

use mynah::config::Credential;

use super::{Fixture, HOST, KEY, azure};

#[test]
fn what_the_service_manager_hands_over_is_the_key_or_the_token() {
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
fn a_key_that_is_handed_over_and_another_in_the_environment_are_refused_with_both_places() {
    let fixture = Fixture::new().flags(&["--endpoint", HOST]).file("c/api-key", KEY);
    let folder = fixture.dir.path().join("c");
    let fixture = fixture
        .env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap())
        .env("AZURE_VOICELIVE_API_KEY", "other");
    let problems = fixture.problems();
    assert!(
        problems[0].contains("credential api-key") && problems[0].contains("AZURE_VOICELIVE_API_KEY"),
        "{problems:?}"
    );
}
