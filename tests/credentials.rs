//! Requests for tokens are built as documented, and each answer is read for what it is.

mod certificate;
mod device_code;

pub(crate) use certificate::key_and_certificate;

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mynah::config::{Application, Authority, HttpAddress, IdentitySource, Secret};
use mynah::credentials::{
    self, ANSWER_BYTES, AnswerProgress, AzureCliAnswer, HttpAnswer, HttpRequest, IssuedToken, KeptToken,
    RENEW_BEFORE, RENEW_RETRY, TokenCache, TokenErrorKind, choose_kept, token_of_answer, token_of_azure_cli,
};
use mynah::model::Time;
use proptest::prelude::*;

const SCOPE: &str = "https://ai.azure.com/.default";
/// A time of the Unix epoch.
const CLOCK_S: i64 = 1_800_000_000;
const TOKEN: &str = "eyJ0.eyJh.c2ln";

#[test]
fn a_secret_is_sent_in_the_body_of_a_form() {
    let secret = Secret::new("s~e.c-r_e&t+1").unwrap();
    let request = credentials::secret_request(&authority(), &application(), &secret, SCOPE);
    let text = text(&request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let lines: Vec<_> = head.lines().collect();
    assert_eq!(lines[0], "POST /bird.example/oauth2/v2.0/token HTTP/1.1");
    assert_eq!(lines[1], "Host: login.microsoftonline.us");
    assert!(lines.contains(&"Content-Type: application/x-www-form-urlencoded"), "{lines:?}");
    assert!(lines.contains(&format!("Content-Length: {}", body.len()).as_str()), "{lines:?}");
    assert_eq!(
        body,
        "client_id=app-1&client_secret=s~e.c-r_e%26t%2B1&grant_type=client_credentials&scope=https%3A%2F%2Fai.azure.com%2F\
         .default"
    );
}

#[test]
fn another_issuers_token_is_the_assertion() {
    let assertion = Secret::new(TOKEN).unwrap();
    let text = text(&credentials::workload_request(&authority(), &application(), &assertion, SCOPE));
    let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    assert!(text.contains(&format!("&{kind}&client_assertion={TOKEN}&")), "{text}");
}

#[test]
fn a_managed_identity_is_asked_for_as_each_source_documents() {
    let header = Secret::new("head-er").unwrap();
    let at = |text| HttpAddress::of_identity(text).unwrap();
    let imds = IdentitySource::Imds(at("http://169.254.169.254/metadata/identity/oauth2/token"));
    let request = text(&credentials::identity_request(&imds, Some("mine"), SCOPE));
    let line = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fai.azure.com&client_id=mine \
                HTTP/1.1\r\nHost: 169.254.169.254\r\n";
    assert!(request.starts_with(line) && request.contains("\r\nMetadata: true\r\n"), "{request}");
    let service = IdentitySource::AppService { address: at("http://127.0.0.1:41/msi/token"), header };
    let request = text(&credentials::identity_request(&service, None, SCOPE));
    let line = "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fai.azure.com HTTP/1.1\r\n";
    assert!(request.starts_with(line) && request.contains("\r\nX-IDENTITY-HEADER: head-er\r\n"), "{request}");
    let arc = at("http://localhost:40342/metadata/identity/oauth2/token");
    let request = text(&credentials::arc_request(&arc, SCOPE, "chal.lenge"));
    assert!(
        request.contains("?api-version=2020-06-01&resource=https%3A%2F%2Fai.azure.com HTTP"),
        "{request}"
    );
    assert!(request.contains("\r\nAuthorization: Basic chal.lenge\r\n"), "{request}");
}

#[test]
fn the_agent_of_azure_arc_may_name_only_a_key_in_its_folder() {
    let tokens = Path::new("/var/opt/azcmagent/tokens");
    let challenged = |challenge: Option<&str>| {
        let challenge = challenge.map(str::to_owned);
        credentials::arc_challenge(
            &HttpAnswer { status: 401, challenge, location: None, body: Vec::new() },
            tokens,
        )
    };
    let good = challenged(Some("Basic realm=/var/opt/azcmagent/tokens/1.key")).unwrap();
    assert_eq!(good, tokens.join("1.key"));
    for wrong in [
        None,
        Some("Negotiate"),
        Some("Basic realm=/etc/shadow"),
        Some("Basic realm=/etc/mynah.key"),
        Some("Basic realm=/var/opt/azcmagent/tokens/../../x.key"),
        Some("Basic realm=/var/opt/azcmagent/tokens/deep/x.key"),
        Some("Basic realm=/var/opt/azcmagent/tokens/id"),
        Some("Basic realm="),
    ] {
        let error = challenged(wrong).unwrap_err();
        assert_eq!(error.kind, Refused, "{wrong:?}: {error}");
    }
}

#[test]
fn a_token_is_good_for_as_long_as_the_answer_says_and_a_day_at_most() {
    for (fields, seconds) in [
        (r#""expires_in":3599"#, 3599),
        (r#""expires_in":"3599","expires_on":"1""#, 3599),
        (r#""expires_on":"1800000060""#, 60),
        (r#""expires_on":1800000060"#, 60),
        (r#""expires_in":1e300"#, 24 * 3600),
        (r#""expires_in":999999999"#, 24 * 3600),
        (r#""expires_in":"soon""#, 300),
        (r#""ext":1"#, 300),
    ] {
        let issued = read(200, &format!(r#"{{"access_token":"{TOKEN}",{fields}}}"#)).unwrap();
        assert_eq!(issued.lifetime, Duration::from_secs(seconds), "{fields}");
        assert_eq!(issued.token.reveal(), TOKEN);
    }
}

#[test]
fn an_answer_without_a_usable_token_is_none() {
    for (body, fact) in [
        (String::new(), "not JSON"),
        ("<html>log in</html>".to_owned(), "not JSON"),
        ("[]".to_owned(), "without a token"),
        ("{}".to_owned(), "without a token"),
        (r#"{"access_token":7}"#.to_owned(), "without a token"),
        (r#"{"access_token":""}"#.to_owned(), "is empty"),
        (r#"{"access_token":"a\r\nX: y"}"#.to_owned(), "lines"),
        (format!(r#"{{"access_token":"{TOKEN}","token_type":"pop"}}"#), "not a bearer token"),
        (format!(r#"{{"access_token":"{TOKEN}","expires_in":0}}"#), "already expired"),
        (format!(r#"{{"access_token":"{TOKEN}","expires_in":-5}}"#), "already expired"),
        (format!(r#"{{"access_token":"{TOKEN}","expires_on":"1799999999"}}"#), "already expired"),
    ] {
        let error = read(200, &body).unwrap_err();
        assert_eq!(error.kind, Transient, "{body}: {error}");
        assert!(error.message.contains(fact) && !error.message.contains(TOKEN), "no {fact} in {error}");
    }
}

#[test]
fn a_refusal_says_what_to_change_and_what_may_pass_is_retried() {
    for (status, error, description, kind, fact) in [
        (401, "invalid_client", "AADSTS7000215: Invalid client secret provided.", Refused, "not its ID"),
        (
            401,
            "invalid_client",
            "AADSTS7000222: The provided client secret keys are expired.",
            Refused,
            "expired",
        ),
        (400, "unauthorized_client", "AADSTS700016: Application was not found.", Refused, "AZURE_CLIENT_ID"),
        (400, "invalid_request", "AADSTS90002: Tenant 'x' not found.", Refused, "AZURE_TENANT_ID"),
        (401, "invalid_client", "AADSTS700027: The certificate is not registered.", Refused, "upload"),
        (
            401,
            "invalid_client",
            "AADSTS700024: Client assertion is not within its valid time.",
            Refused,
            "date and time",
        ),
        (400, "invalid_grant", "AADSTS700082: The refresh token has expired.", Refused, "mynah login again"),
        (400, "interaction_required", "AADSTS50076: You must use MFA.", Refused, "mynah login again"),
        (
            400,
            "invalid_resource",
            "AADSTS500011: The resource principal was not found.",
            Refused,
            "AZURE_AUTHORITY_HOST",
        ),
        (400, "invalid_scope", "AADSTS1: What?", Refused, "the remedy"),
        (400, "temporarily_unavailable", "AADSTS90033: A transient error.", Transient, "transient"),
        (503, "server_error", "AADSTS90033: A transient error.", Transient, "HTTP 503"),
        (429, "slow", "", Transient, "HTTP 429"),
    ] {
        let body = format!(
            r#"{{"error":"{error}","error_description":"{description} Trace ID: 1-2-3\r\nTimestamp: now"}}"#
        );
        let found = read(status, &body).unwrap_err();
        assert_eq!(found.kind, kind, "{found}");
        assert!(found.message.contains(fact) && !found.message.contains("1-2-3"), "no {fact} in {found}");
    }
    let plain = read(500, "oh\x1b[31m no").unwrap_err();
    assert_eq!(plain.kind, Transient);
    assert!(plain.message.contains("HTTP 500") && !plain.message.contains('\x1b'), "{plain}");
}

#[test]
fn a_redirect_is_not_followed() {
    let answer = HttpAnswer {
        status: 302,
        challenge: None,
        location: Some("https://evil.example/".to_owned()),
        body: Vec::new(),
    };
    let error = token_of_answer(&answer, "the login service", "the remedy", CLOCK_S).unwrap_err();
    assert_eq!(error.kind, Refused);
    assert!(error.message.contains("does not follow") && error.message.contains("evil.example"), "{error}");
}

#[test]
fn an_answer_is_complete_when_its_body_is() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    ] {
        let bytes = answer.as_bytes();
        let end = bytes.len() - usize::from(answer.ends_with("0\r\n\r\n")) * 2;
        for cut in 0..end {
            assert!(
                matches!(HttpAnswer::parse(&bytes[..cut], false), AnswerProgress::Incomplete),
                "{cut}: {answer}"
            );
            assert!(
                matches!(HttpAnswer::parse(&bytes[..cut], true), AnswerProgress::Invalid(_)),
                "{cut}: {answer}"
            );
        }
        let AnswerProgress::Complete(read) = HttpAnswer::parse(bytes, false) else { panic!("{answer}") };
        assert_eq!((read.status, &read.body[..]), (200, &b"hello"[..]));
    }
    let until_closed = b"HTTP/1.1 200 OK\r\n\r\nhello";
    assert!(matches!(HttpAnswer::parse(until_closed, false), AnswerProgress::Incomplete));
    assert!(matches!(HttpAnswer::parse(until_closed, true), AnswerProgress::Complete(_)));
}

#[test]
fn a_lying_or_huge_answer_is_refused() {
    let mut long = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    long.resize(ANSWER_BYTES, b'x');
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(ANSWER_BYTES, b'x');
    for bytes in [
        &b"SSH-2.0-OpenSSH\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
        &long,
        &endless,
    ] {
        assert!(
            matches!(HttpAnswer::parse(bytes, false), AnswerProgress::Invalid(_)),
            "{:?}",
            &bytes[..30.min(bytes.len())]
        );
    }
}

#[test]
fn the_azure_cli_is_asked_without_a_shell_and_read_by_its_epoch() {
    let arguments = credentials::azure_cli_arguments(SCOPE, Some("bird.example"));
    let line =
        "account get-access-token --output json --scope https://ai.azure.com/.default --tenant=bird.example";
    assert_eq!(arguments.join(" "), line);
    let printed = |success, output: &str, errors: &str| {
        let answer = AzureCliAnswer { success, output: output.into(), errors: errors.into() };
        token_of_azure_cli(&answer, CLOCK_S)
    };
    let good =
        format!(r#"{{"accessToken":"{TOKEN}","expiresOn":"2027-01-15 09:00:00.0","expires_on":1800000900}}"#);
    let issued = printed(true, &good, "WARNING: new version").unwrap();
    assert_eq!((issued.token.reveal(), issued.lifetime), (TOKEN, Duration::from_secs(900)));
    let old = printed(true, &format!(r#"{{"accessToken":"{TOKEN}","expiresOn":"2020-01-01 00:00:00"}}"#), "")
        .unwrap();
    assert_eq!(old.lifetime, Duration::from_secs(300), "local time without a zone says nothing");
    for (success, output, errors, kind, fact) in [
        (
            false,
            "",
            "ERROR: Please run 'az login' to setup account.",
            TokenErrorKind::Unavailable,
            "run az login",
        ),
        (false, "", "\n\x1b[31mERROR: AADSTS50076 \nmore", Refused, "AADSTS50076"),
        (false, "", "", Refused, "no reason"),
        (true, "<html>", "", Refused, "not JSON"),
        (true, "{}", "", Refused, "no token"),
        (true, &good.replace("1800000900", "1799999000"), "", Refused, "already expired"),
    ] {
        let error = printed(success, output, errors).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(fact) && !error.message.contains(char::is_control), "{error}");
    }
}

#[test]
fn a_token_is_renewed_before_its_end_and_serves_until_then() {
    let mut cache = TokenCache::default();
    let start = Time::ZERO + Duration::from_secs(1000);
    let at = |seconds| start + Duration::from_secs(seconds);
    assert!(cache.fresh(start).is_none() && cache.renewal().is_none());
    cache.keep(&issued(3600), start);
    let renewal = at(3600) - RENEW_BEFORE;
    assert_eq!(cache.renewal(), Some(renewal));
    assert!(cache.fresh(at(3299)).is_some() && cache.fresh(renewal).is_none());
    assert!(cache.usable(at(3599)).is_some() && cache.usable(at(3600)).is_none());
    cache.fail(renewal);
    assert_eq!(cache.renewal(), Some(renewal + RENEW_RETRY), "a failed renewal is not repeated at once");
    cache.keep(&issued(60), at(4000));
    assert_eq!(cache.renewal(), Some(at(4030)), "half of a short life");
    cache.forget();
    assert!(cache.usable(at(4001)).is_none() && cache.renewal().is_none());
}

#[test]
fn a_kept_sign_in_is_read_as_it_was_written_and_continues_the_one_handed_over() {
    let kept = |refresh: &str| KeptToken {
        application: application(),
        authority: authority().address,
        refresh: Secret::new(refresh).unwrap(),
        continues: None,
    };
    let first = kept("refresh-1");
    let read = KeptToken::parse(&first.text()).unwrap();
    assert_eq!((&read.application, &read.authority), (&first.application, &first.authority));
    assert_eq!(read.refresh.reveal(), "refresh-1");
    let chosen = |file: Option<KeptToken>, given: Option<KeptToken>| choose_kept(file, given).unwrap();
    assert!(choose_kept(None, None).is_none());
    let handed = chosen(None, Some(kept("given-1")));
    let renewed = KeptToken::parse(&handed.renewed(Secret::new("given-2").unwrap()).text()).unwrap();
    assert_eq!(chosen(Some(renewed.clone()), Some(kept("given-1"))).refresh.reveal(), "given-2");
    assert_eq!(
        chosen(Some(renewed.clone()), Some(kept("given-9"))).refresh.reveal(),
        "given-9",
        "a new one was given"
    );
    assert_eq!(chosen(Some(renewed), None).refresh.reveal(), "given-2");
    let text = first.text();
    for cut in 0..text.len() - 2 {
        let error = KeptToken::parse(&text[..cut]).unwrap_err();
        assert!(error.contains("mynah login") && !error.contains("refresh-1"), "{cut}: {error}");
    }
    assert!(!format!("{first:?}").contains("refresh-1"));
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic_and_told_on_one_short_line(
        status in 100_u16..600,
        bytes: Vec<u8>,
        begin in "(\\{\"error\":\"[a-z_]{1,9}\",\"error_description\":\"AADSTS[0-9]{1,30})?",
    ) {
        let body = [begin.as_bytes(), &bytes].concat();
        let answer = HttpAnswer { status, challenge: None, location: None, body };
        if let Err(error) = token_of_answer(&answer, "who", "the remedy", CLOCK_S) {
            prop_assert!(error.message.chars().count() < 900 && !error.message.contains(char::is_control), "{error}");
        }
    }
}

use TokenErrorKind::{Refused, Transient};

fn read(status: u16, body: &str) -> Result<IssuedToken, credentials::TokenError> {
    let answer = HttpAnswer { status, challenge: None, location: None, body: body.into() };
    token_of_answer(&answer, "the login service", "the remedy", CLOCK_S)
}

fn issued(seconds: u64) -> IssuedToken {
    IssuedToken { token: Secret::new(TOKEN).unwrap(), lifetime: Duration::from_secs(seconds), refresh: None }
}

fn authority() -> Authority {
    Authority {
        address: HttpAddress::of_authority("https://login.microsoftonline.us/").unwrap(),
        proxy: None,
    }
}

fn application() -> Application {
    Application { tenant: "bird.example".to_owned(), client_id: "app-1".to_owned() }
}

fn text(request: &HttpRequest) -> String {
    String::from_utf8(request.to_bytes()).unwrap()
}

/// Returns the JSON of a part of a JSON Web Token.
fn decoded(part: &str) -> serde_json::Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
