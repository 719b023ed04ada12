//! Tokens for connections from a login service that is good, slow, wrong, expired, huge, lying or redirecting, and from
//! the other ways to sign in.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mynah::background::{Background, ConnectError, ConnectRequest, Connection};
use mynah::config::{
    Application, Authority, Credential, HttpAddress, IdentitySource, KeptSignIn, Proxy, Secret, SignIn,
    SignInMethod,
};
use mynah::credentials::KeptToken;

use super::connect_result;
use crate::credentials::key_and_certificate;
use crate::service::proxy::{ConnectProxy, ProxyBehaviour};
use crate::service::tokens::{TokenAnswer, TokenService};

#[test]
fn one_token_serves_the_connections_until_the_service_refuses_it() {
    let login = TokenService::start([TokenAnswer::token("first"), TokenAnswer::token("second")]);
    let device = Device::new(&login, secret());
    assert_eq!(device.token(), "Bearer first");
    assert_eq!(device.token(), "Bearer first");
    assert_eq!(login.requests().len(), 1, "a token is kept");
    assert_eq!(device.connect(true).unwrap().credential.1, "Bearer second");
    assert_eq!(device.token(), "Bearer second");
    let request = &login.requests()[0];
    assert!(request.starts_with("POST /tenant-1/oauth2/v2.0/token HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("client_secret=hush-hush-1"), "{request}");
}

#[test]
fn a_token_near_its_end_is_renewed_without_being_asked_for() {
    let short = r#"{"token_type":"Bearer","expires_in":1,"access_token":"short"}"#;
    let login = TokenService::start([TokenAnswer::Json(200, short.to_owned()), TokenAnswer::token("long")]);
    let device = Device::new(&login, secret());
    assert_eq!(device.token(), "Bearer short");
    super::wait_until("the renewal", || login.requests().len() == 2);
    super::wait_until("its answer", || device.token() == "Bearer long");
    assert_eq!(login.requests().len(), 2, "nobody asked for it");
}

#[test]
fn while_a_renewal_hangs_the_old_token_serves() {
    let short = r#"{"token_type":"Bearer","expires_in":16,"access_token":"short"}"#;
    let login = TokenService::start([TokenAnswer::Json(200, short.to_owned()), TokenAnswer::Silent]);
    let device = Device::new(&login, secret());
    assert_eq!(device.token(), "Bearer short");
    super::wait_until("the renewal", || login.requests().len() == 2);
    assert_eq!(device.token(), "Bearer short", "the token is good for as long again");
}

#[test]
fn while_a_renewal_fails_the_old_token_serves_until_its_end() {
    let short = r#"{"token_type":"Bearer","expires_in":16,"access_token":"short"}"#;
    let busy = TokenAnswer::refusal(503, "server_error", "busy");
    let login = TokenService::start([TokenAnswer::Json(200, short.to_owned()), busy]);
    let device = Device::new(&login, secret());
    assert_eq!(device.token(), "Bearer short");
    super::wait_until("the renewal", || login.requests().len() >= 2);
    assert_eq!(device.token(), "Bearer short");
    assert!(device.connect(true).unwrap_err().message.contains("busy"), "a refused token is not sent again");
}

#[test]
fn each_answer_without_a_token_is_told_with_what_to_do() {
    let json = |body: &str| TokenAnswer::Json(200, body.to_owned());
    let raw = |text: &str| TokenAnswer::Raw(text.as_bytes().to_vec());
    for (answer, is_setup, fact) in [
        (
            TokenAnswer::refusal(401, "invalid_client", "AADSTS7000215: Invalid secret hush-hush-1."),
            true,
            "not its ID",
        ),
        (TokenAnswer::refusal(503, "server_error", "busy"), false, "HTTP 503"),
        (json(r#"{"access_token":"late","expires_in":0}"#), false, "already expired"),
        (json("<html>"), false, "not JSON"),
        (json(&foreign_token()), true, "is a token for https://graph.microsoft.com"),
        (
            raw("HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n"),
            true,
            "does not follow",
        ),
        (raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), false, "middle of its answer"),
        (raw(""), false, "without an answer"),
        (raw("SSH-2.0-x\r\n"), false, "not HTTP"),
        (TokenAnswer::Endless(b"HTTP/1.1 100 Continue\r\n\r\n"), false, "more than 256 KiB"),
        (TokenAnswer::Endless(b"HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy"), false, "not HTTP"),
    ] {
        let login = TokenService::start([answer]);
        let device = Device::at("bird.services.ai.azure.com", &login, secret());
        let error = device.connect(false).unwrap_err();
        assert_eq!(error.is_setup, is_setup, "{error}");
        assert!(error.message.contains(fact), "no {fact} in {error}");
        assert!(!error.message.contains(char::is_control), "{error}");
    }
}

#[test]
fn a_login_service_that_hangs_is_given_up_with_the_dial() {
    let login = TokenService::start([TokenAnswer::Silent]);
    let device = Device::new(&login, secret());
    let error = device.dial(false, Duration::from_millis(300)).unwrap_err();
    assert!(!error.is_setup && error.message.contains("no token for"), "{error}");
}

#[test]
fn no_secret_is_sent_to_a_login_service_that_is_not_trusted() {
    let login = TokenService::start([TokenAnswer::token("t")]);
    let other = TokenService::start([TokenAnswer::token("t")]);
    let device = Device::with(&login, secret(), Some(other.ca_file().to_owned()), None, "localhost");
    let error = device.connect(false).unwrap_err();
    assert!(error.message.contains("certificate"), "{error}");
    assert_eq!(login.requests(), Vec::<String>::new());
}

#[test]
fn the_login_service_is_reached_through_the_proxy() {
    let login = TokenService::start([TokenAnswer::token("tunnelled")]);
    let proxy = ConnectProxy::start(ProxyBehaviour::Tunnel);
    let address = format!("127.0.0.1:{}", proxy.port);
    let leads = Proxy::new(&address, "option --proxy").unwrap().map(Into::into);
    let ca_file = Some(login.ca_file().to_owned());
    let device = Device::with(&login, secret(), ca_file.clone(), leads, "localhost");
    assert_eq!(device.token(), "Bearer tunnelled");
    let asked = format!("CONNECT localhost:{} HTTP/1.1", login.port);
    assert!(proxy.requests()[0].starts_with(&asked), "{:?}", proxy.requests());
    let refusing = ConnectProxy::start(ProxyBehaviour::Answer(b"HTTP/1.1 403 No\r\n\r\n"));
    let leads =
        Proxy::new(&format!("127.0.0.1:{}", refusing.port), "option --proxy").unwrap().map(Into::into);
    let error = Device::with(&login, secret(), ca_file, leads, "localhost").connect(false).unwrap_err();
    assert!(error.is_setup && error.message.contains("(option --proxy) does not allow"), "{error}");
    assert_eq!(login.requests().len(), 1, "nothing goes past the proxy");
}

#[test]
fn a_certificate_and_a_federated_token_are_read_for_every_token() {
    let login = TokenService::start([TokenAnswer::token("one"), TokenAnswer::token("two")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.pem");
    let device = Device::new(
        &login,
        SignInMethod::ClientCertificate { application: application(), file: file.clone() },
    );
    let error = device.connect(false).unwrap_err();
    assert!(error.is_setup && error.message.contains("one.pem: cannot be read"), "{error}");
    key_and_certificate(folder.path(), "one");
    assert_eq!(device.token(), "Bearer one");
    assert!(login.requests()[0].contains("&client_assertion=ey"), "{:?}", login.requests());
    let file = folder.path().join("federated");
    let device = Device::new(
        &login,
        SignInMethod::WorkloadIdentity { application: application(), file: file.clone() },
    );
    assert!(device.connect(false).unwrap_err().is_setup);
    fs::write(&file, "renewed-outside\n").unwrap();
    assert_eq!(device.token(), "Bearer two");
    assert!(login.requests()[1].contains("&client_assertion=renewed-outside&"), "{:?}", login.requests());
}

#[test]
fn the_agent_of_azure_arc_gets_the_contents_of_its_own_small_file() {
    let folder = tempfile::tempdir().unwrap();
    let challenge = |file: &Path| {
        let realm = file.display();
        format!("HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm={realm}\r\nContent-Length: 0\r\n\r\n")
            .into_bytes()
    };
    let [good, big, link, secret] =
        ["1.key", "2.key", "3.key", "elsewhere"].map(|name| folder.path().join(name));
    fs::write(&good, "chal-lenge-1\n").unwrap();
    fs::write(&big, "x".repeat(4097)).unwrap();
    fs::write(&secret, "not-for-the-agent").unwrap();
    symlink(&secret, &link).unwrap();
    for (file, answer) in [
        (&good, Ok("Bearer arc")),
        (&big, Err("4096 bytes")),
        (&link, Err("4096 bytes")),
        (&secret, Err("not a .key file")),
        (&folder.path().join("none.key"), Err("group himds")),
    ] {
        let agent = TokenService::start_plain([TokenAnswer::Raw(challenge(file)), TokenAnswer::token("arc")]);
        let address =
            HttpAddress::of_identity(&format!("{}/metadata/identity/oauth2/token", agent.url())).unwrap();
        let source = IdentitySource::Arc { address, tokens: folder.path().to_owned() };
        let found =
            Device::new(&agent, SignInMethod::ManagedIdentity { source, client_id: None }).connect(false);
        let requests = agent.requests();
        match (found, answer) {
            (Ok(connection), Ok(token)) => {
                assert_eq!(connection.credential.1, token);
                assert!(requests[1].contains("\r\nAuthorization: Basic chal-lenge-1\r\n"), "{requests:?}");
            }
            (Err(error), Err(fact)) => {
                assert!(error.is_setup && error.message.contains(fact), "no {fact} in {error}");
                assert_eq!(requests.len(), 1, "the agent gets nothing");
            }
            (found, answer) => panic!("{found:?} instead of {answer:?}"),
        }
    }
}

#[test]
fn the_next_way_is_tried_only_if_one_is_not_available() {
    let metadata = TokenService::start_plain([TokenAnswer::token("imds")]);
    let at = |port: u16| {
        HttpAddress::of_identity(&format!("http://127.0.0.1:{port}/metadata/identity/oauth2/token")).unwrap()
    };
    let imds =
        |port| SignInMethod::ManagedIdentity { source: IdentitySource::Imds(at(port)), client_id: None };
    let nobody = super::free_port();
    let no_cli = || SignInMethod::AzureCli { path: "/nonexistent:.".into(), tenant: None };
    let device = Device::of(&metadata, vec![no_cli(), imds(nobody), imds(metadata.port)]);
    assert_eq!(device.token(), "Bearer imds");
    let error = Device::of(&metadata, vec![imds(nobody), no_cli()]).connect(false).unwrap_err();
    for fact in ["no virtual machine in Azure", "(az) is in no folder of PATH", "mynah help sign-in"] {
        assert!(error.is_setup && error.message.contains(fact), "no {fact} in {error}");
    }
    let refusing =
        TokenService::start([TokenAnswer::refusal(401, "invalid_client", "AADSTS7000222: expired")]);
    let device = Device::of(&refusing, vec![secret(), imds(metadata.port)]);
    let error = device.connect(false).unwrap_err();
    assert!(error.message.contains("cannot sign in by the application's secret"), "{error}");
    assert_eq!(metadata.requests().len(), 1, "a mistake is not hidden by another way");
}

#[test]
fn the_azure_cli_gives_a_token_without_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("az");
    let script = "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$PWD\" \"$@\" >\"$(dirname \"$0\")/asked\"\n\
                  echo '{\"accessToken\":\"of-the-cli\",\"expires_on\":99999999999}'\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let login = TokenService::start([TokenAnswer::Silent]);
    let path = folder.path().as_os_str().to_owned();
    let device = Device::new(
        &login,
        SignInMethod::AzureCli { path: path.clone(), tenant: Some("$(touch x)".to_owned()) },
    );
    assert_eq!(device.token(), "Bearer of-the-cli");
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    let asked: Vec<_> = asked.lines().collect();
    let expected =
        ["/", "account", "get-access-token", "--output", "json", "--scope", SCOPE, "--tenant=$(touch x)"];
    assert_eq!(asked[1..], expected);
    fs::write(&program, "#!/bin/sh\nyes\n").unwrap();
    let error =
        Device::new(&login, SignInMethod::AzureCli { path, tenant: None }).connect(false).unwrap_err();
    assert!(error.message.contains("more than 256 KiB"), "{error}");
}

#[test]
fn a_sign_in_is_renewed_and_the_new_one_is_kept_before_its_token_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state/sign-in");
    let rotated =
        r#"{"token_type":"Bearer","expires_in":3600,"access_token":"of-bird","refresh_token":"refresh-2"}"#;
    let login = TokenService::start([TokenAnswer::Json(200, rotated.to_owned())]);
    let kept = SignInMethod::KeptSignIn(KeptSignIn { file: file.clone(), handed_over: None });
    let device = Device::new(&login, kept);
    assert!(device.connect(false).unwrap_err().message.contains("run mynah login"));
    let save = |refresh: &str, authority: &str| {
        let refresh = Secret::new(refresh).unwrap();
        let authority = HttpAddress::of_authority(authority).unwrap();
        let kept = KeptToken { application: application(), authority, refresh, continues: None };
        mynah::background::save_sign_in(&file, &kept).unwrap();
    };
    save("refresh-1", "https://other.example");
    let error = device.connect(false).unwrap_err();
    assert!(error.is_setup && error.message.contains("is for https://other.example"), "{error}");
    assert_eq!(login.requests(), Vec::<String>::new(), "a sign-in goes only where it came from");
    save("refresh-1", &login.url());
    // What a power cut has left.
    fs::write(file.with_extension("new"), "half").unwrap();
    assert_eq!(device.token(), "Bearer of-bird");
    assert!(login.requests()[0].contains("refresh_token=refresh-1&"), "{:?}", login.requests());
    assert!(fs::read_to_string(&file).unwrap().contains("refresh-2"));
    assert!(!file.with_extension("new").exists());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(device.connect(true).unwrap().credential.1, "Bearer of-bird");
    assert!(login.requests()[1].contains("refresh_token=refresh-2&"), "{:?}", login.requests());
    assert!(mynah::background::remove_sign_in(&file).unwrap());
    assert!(device.connect(true).unwrap_err().message.contains("run mynah login"));
    assert!(!file.exists(), "what was deleted stays so");
}

const SCOPE: &str = "https://ai.azure.com/.default";

/// The background thread with a way to sign in, and a service that it connects to.
struct Device {
    background: Background,
    listener: TcpListener,
    host: String,
}

impl Device {
    fn new(login: &TokenService, method: SignInMethod) -> Self {
        Self::of(login, vec![method])
    }

    fn of(login: &TokenService, methods: Vec<SignInMethod>) -> Self {
        Self::start(login, methods, Some(login.ca_file().to_owned()), None, "localhost")
    }

    /// Connects to another host, whose name nobody resolves.
    fn at(host: &str, login: &TokenService, method: SignInMethod) -> Self {
        Self::with(login, method, Some(login.ca_file().to_owned()), None, host)
    }

    fn with(
        login: &TokenService,
        method: SignInMethod,
        ca_file: Option<PathBuf>,
        proxy: Option<std::sync::Arc<Proxy>>,
        host: &str,
    ) -> Self {
        Self::start(login, vec![method], ca_file, proxy, host)
    }

    fn start(
        login: &TokenService,
        methods: Vec<SignInMethod>,
        ca_file: Option<PathBuf>,
        proxy: Option<std::sync::Arc<Proxy>>,
        host: &str,
    ) -> Self {
        let address = HttpAddress::of_authority(&login.url()).unwrap();
        // Over http there is no certificate.
        let ca_file = ca_file.filter(|_| address.tls);
        let authority = Authority { address, proxy };
        let sign_in = SignIn { methods, authority, scope: SCOPE.to_owned(), ca_file, left_out: Vec::new() };
        let background = Background::start(Some(Credential::SignIn(Box::new(sign_in))), None).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        Self { background, listener, host: host.to_owned() }
    }

    fn token(&self) -> String {
        self.connect(false).unwrap().credential.1
    }

    fn connect(&self, renews_token: bool) -> Result<Connection, ConnectError> {
        self.dial(renews_token, Duration::from_secs(9))
    }

    fn dial(&self, renews_token: bool, limit: Duration) -> Result<Connection, ConnectError> {
        let port = self.listener.local_addr().unwrap().port();
        let request =
            ConnectRequest { number: 1, host: self.host.clone(), port, proxy: None, renews_token, limit };
        assert!(self.background.connect(request));
        connect_result(&self.background).1
    }
}

fn secret() -> SignInMethod {
    SignInMethod::ClientSecret { application: application(), secret: Secret::new("hush-hush-1").unwrap() }
}

fn application() -> Application {
    Application { tenant: "tenant-1".to_owned(), client_id: "app-1".to_owned() }
}

/// Returns an answer with a token for another service.
fn foreign_token() -> String {
    use base64::Engine;
    let claims = r#"{"aud":"https://graph.microsoft.com"}"#;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
    format!(r#"{{"access_token":"e30.{claims}.c2ln","expires_in":3600}}"#)
}
