//! Credentials that the service manager hands over in a folder.

use mynah::config::Credential;

use super::{Desk, HOST, KEY, azure};

#[test]
fn what_the_service_manager_hands_over_is_the_key_or_the_token() {
    let desk = Desk::new().flags(&["--endpoint", HOST]);
    let handed = |name: &str| {
        let desk = desk.clone().file(&format!("{name}-folder/{name}"), &format!("{KEY}\n"));
        let folder = desk.dir.path().join(format!("{name}-folder"));
        desk.env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap()).run()
    };
    assert!(matches!(&azure(&handed("api-key")).credential, Credential::Key(key) if key.reveal() == KEY));
    assert!(
        matches!(&azure(&handed("token")).credential, Credential::TokenFile(file) if file.ends_with("token"))
    );
}

#[test]
fn a_key_that_is_handed_over_and_another_in_the_environment_are_refused_with_both_places() {
    let desk = Desk::new().flags(&["--endpoint", HOST]).file("c/api-key", KEY);
    let folder = desk.dir.path().join("c");
    let desk =
        desk.env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap()).env("AZURE_VOICELIVE_API_KEY", "other");
    let refused = desk.refused();
    assert!(
        refused[0].contains("credential api-key") && refused[0].contains("AZURE_VOICELIVE_API_KEY"),
        "{refused:?}"
    );
}
