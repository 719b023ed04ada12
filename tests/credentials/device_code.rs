//! A device code is shown, asked about at the interval that is wanted, and never longer than it is good.

use std::time::Duration;

use mynah::config::Secret;
use mynah::credentials::{
    DevicePoll, HttpAnswer, TokenError, device_code_of_answer, device_code_request, poll_of_answer,
    poll_request, refresh_request,
};

use super::{CLOCK_S, SCOPE, TOKEN, application, authority, text};

const CODE: &str = r#"{"device_code":"dev-1","user_code":"ABC123","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":7}"#;

#[test]
fn a_code_is_asked_for_and_polled_as_documented() {
    let request = text(&device_code_request(&authority(), &application(), SCOPE));
    assert!(request.starts_with("POST /bird.example/oauth2/v2.0/devicecode HTTP/1.1\r\n"), "{request}");
    let body = "client_id=app-1&scope=https%3A%2F%2Fai.azure.com%2F.default%20offline_access";
    assert!(request.ends_with(body), "{request}");
    let code = device_code_of_answer(&answer(200, CODE), "the login service").unwrap();
    assert_eq!(
        (code.user_code.as_str(), code.page.as_str()),
        ("ABC123", "https://microsoft.com/devicelogin")
    );
    assert_eq!((code.lifetime, code.interval), (Duration::from_secs(900), Duration::from_secs(7)));
    assert!(!format!("{code:?}").contains("dev-1"));
    let request = text(&poll_request(&authority(), &application(), &code));
    let body =
        "client_id=app-1&device_code=dev-1&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
    assert!(request.ends_with(body), "{request}");
    let refresh = Secret::new("refresh-1").unwrap();
    let request = text(&refresh_request(&authority(), &application(), &refresh, SCOPE));
    assert!(request.contains("grant_type=refresh_token&refresh_token=refresh-1&scope="), "{request}");
}

#[test]
fn a_lying_code_is_refused_and_its_times_are_bounded() {
    let read = |text: &str| device_code_of_answer(&answer(200, text), "the login service");
    for (text, fact) in [
        ("{}".to_owned(), "without a code"),
        (CODE.replace("ABC123", ""), "without a code for the user"),
        (CODE.replace("https://microsoft.com", "http://microsoft.com"), "not https"),
        (CODE.replace("verification_uri", "x"), "address of a page"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.message.contains(fact), "no {fact} in {error}");
    }
    let long = read(&CODE.replace("900", "99999999").replace(":7", ":99999999")).unwrap();
    assert_eq!((long.lifetime, long.interval), (Duration::from_secs(1800), Duration::from_secs(60)));
    let painted = read(&CODE.replace("ABC123", "A\\u001b[31m")).unwrap();
    assert!(!painted.user_code.contains('\x1b'));
}

#[test]
fn a_poll_waits_slows_down_ends_or_is_told_why_not() {
    let polled = |status, text: &str| {
        poll_of_answer(&answer(status, text), Duration::from_secs(5), "the login service", CLOCK_S)
    };
    let error = |error: &str| format!(r#"{{"error":"{error}","error_description":"AADSTS70016: ..."}}"#);
    let pending = |found: Result<DevicePoll, TokenError>| match found {
        Ok(DevicePoll::Pending(interval)) => interval.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!(pending(polled(400, &error("authorization_pending"))), 5);
    assert_eq!(pending(polled(400, &error("slow_down"))), 10);
    assert_eq!(pending(polled(503, "busy")), 5, "a network that stumbles ends no sign-in");
    let done = format!(r#"{{"access_token":"{TOKEN}","expires_in":3600,"refresh_token":"refresh-1"}}"#);
    let Ok(DevicePoll::Done(issued)) = polled(200, &done) else { panic!("not done") };
    assert_eq!(issued.refresh.unwrap().reveal(), "refresh-1");
    for (status, text, fact) in [
        (400, error("authorization_declined"), "declined"),
        (400, error("expired_token"), "expired before it was entered"),
        (400, error("invalid_client"), "AADSTS70016"),
        (200, done.replace("refresh_token", "other"), "cannot be renewed"),
    ] {
        let found = polled(status, &text).unwrap_err();
        assert!(found.message.contains(fact), "no {fact} in {found}");
    }
}

fn answer(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer { status, challenge: None, location: None, body: body.into() }
}
