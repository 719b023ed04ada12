//! The program without a key: az login, an application, mynah login, and what a service is told.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

use super::*;
use crate::service::tokens::{TokenAnswer, TokenService};

const TOKEN: &str = "t0ken-of-the-cli";

#[test]
fn az_login_and_the_environment_of_the_quickstart_start_a_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let mut command = quickstart(folder.path(), &service);
    let child = command.args(["--use-token-credential", "--verbose"]).spawn().unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    let printed = end(child);
    assert_eq!(service.connections()[0].header("authorization"), Some("Bearer t0ken-of-the-cli"));
    assert_eq!(service.connections()[0].header("api-key"), None);
    assert_eq!(printed.matches("signed in to Azure by the Azure CLI").count(), 1, "{printed}");
    assert!(!printed.contains(TOKEN), "{printed}");
}

#[test]
fn a_service_does_not_use_the_azure_cli_and_says_mynah_login() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script([])]);
    let socket = folder.path().join("notify");
    let _manager = UnixDatagram::bind(&socket).unwrap();
    let mut command = quickstart(folder.path(), &service);
    let output = run(command.arg("--use-token-credential").env("NOTIFY_SOCKET", &socket));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    for fact in ["option --use-token-credential", "run mynah login", "the Azure CLI is for a terminal"] {
        assert!(printed.contains(fact), "no {fact} in {printed}");
    }
    assert!(!folder.path().join("bin/was-run").exists(), "az was run");
    assert_eq!(service.connections().len(), 0);
}

#[test]
fn a_refused_token_is_renewed_once() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = || Behaviour::refuse(401, "token refused");
    let service = Service::start([refusal(), refusal()]);
    let login = TokenService::start(["first", "second", "third"].map(TokenAnswer::token));
    let output = run(&mut with_application(folder.path(), &service, &login));
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    let sent: Vec<_> =
        service.connections().iter().map(|one| one.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["Bearer first", "Bearer second"], "{printed}");
    assert!(!printed.contains("s3cret-of-the-app"), "{printed}");
}

#[test]
fn the_end_of_a_token_ends_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let short = |token| {
        let body = format!(r#"{{"token_type":"Bearer","expires_in":2,"access_token":"{token}"}}"#);
        TokenAnswer::Json(200, body)
    };
    let login = TokenService::start(["one", "two", "three"].map(short));
    let child = with_application(folder.path(), &service, &login).spawn().unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    until("two renewals", || login.requests().len() >= 3);
    let heard = service.connections()[0].audio_ms;
    service.until("more sound", |all| all[0].audio_ms > heard);
    assert_eq!(service.connections().len(), 1);
    end(child);
}

#[test]
fn a_login_with_a_code_is_kept_renewed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let json = |status, text: &str| TokenAnswer::Json(status, text.to_owned());
    let tokens = |token: &str, refresh: &str| {
        let text = format!(
            r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{token}","refresh_token":"{refresh}"}}"#
        );
        TokenAnswer::Json(200, text)
    };
    let login = TokenService::start([
        json(
            200,
            r#"{"device_code":"device-1","user_code":"BIRD42","verification_uri":"https://example.com/device","interval":0,"expires_in":60}"#,
        ),
        TokenAnswer::refusal(400, "authorization_pending", "AADSTS70016: pending"),
        json(502, "a gateway stumbles"),
        tokens("of-the-login", "refresh-of-the-login"),
        tokens("of-bird", "refresh-of-bird"),
    ]);
    let command = |word: &str| {
        let mut command = mynah(folder.path());
        command.args([word, "--state-file", "state/state.toml"]);
        command
    };
    let ca_file = login.ca_file().to_str().unwrap();
    let output = run(command("login").args(["--authority-host", &login.url(), "--ca-file", ca_file]));
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    for fact in [
        "tenant organizations",
        "04b07795-8ddb-461a-bbee-02f9e1bf7b46, that of the Azure CLI (another: --client-id)",
        "Open https://example.com/device",
        "enter the code BIRD42",
        "state/sign-in",
    ] {
        assert!(printed.contains(fact), "no {fact} in {printed}");
    }
    assert!(!printed.contains("device-1") && !printed.contains("refresh-of"), "{printed}");
    let file = folder.path().join("state/sign-in");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let service = Service::start([Behaviour::script(events::opening())]);
    let child = signed_in(folder.path(), &service, &login)
        .args(["--use-token-credential", "--state-file", "state/state.toml"])
        .spawn()
        .unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    let printed = end(child);
    assert!(printed.contains("signed in to Azure by the sign-in of mynah login"), "{printed}");
    assert_eq!(service.connections()[0].header("authorization"), Some("Bearer of-bird"));
    assert!(
        fs::read_to_string(&file).unwrap().contains("refresh-of-bird"),
        "the next start uses the new one"
    );

    for (fact, code) in [("Deleted", 0), ("Nobody is signed in", 0)] {
        let output = run(&mut command("logout"));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(fact) && output.status.code() == Some(code), "{printed}");
        assert!(!file.exists());
    }
}

#[test]
fn a_login_that_is_declined_or_led_astray_ends_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let code = r#"{"device_code":"device-1","user_code":"BIRD42","verification_uri":"https://example.com/device","interval":0,"expires_in":60}"#;
    let code = TokenAnswer::Json(200, code.to_owned());
    let declined = TokenAnswer::refusal(400, "authorization_declined", "AADSTS1: no");
    let login = TokenService::start([code, declined]);
    let ca_file = login.ca_file().to_str().unwrap();
    let args =
        ["login", "--state-file", "state.toml", "--authority-host", &login.url(), "--ca-file", ca_file];
    let (status, printed) = run_with(&folder, &args);
    assert!(status == Some(2) && printed.contains("declined in the browser"), "{printed}");
    assert!(!folder.path().join("sign-in").exists());
    fs::write(folder.path().join(".env"), "AZURE_AUTHORITY_HOST=https://evil.example\n").unwrap();
    let (status, printed) = run_with(&folder, &["login", "--state-file", "state.toml"]);
    let fact =
        ".env, line 1: AZURE_AUTHORITY_HOST: a file of the working folder may not choose where and for whom";
    assert!(status == Some(2) && printed.contains(fact), "{printed}");
    let (status, printed) = run_with(&folder, &["logout"]);
    assert!(status == Some(2) && printed.contains("set --state-file"), "{printed}");
    let (status, printed) = run_with(&folder, &["login", "--help"]);
    assert!(status == Some(0) && printed.starts_with("Usage: mynah login"), "{printed}");
}

/// Returns the program with the variables of Microsoft's quickstart, and a stand-in for a signed-in `az`.
fn quickstart(folder: &Path, service: &Service) -> Command {
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\n: >\"${{0%az}}was-run\"\necho '{{\"accessToken\":\"{TOKEN}\",\"expires_on\":99999999999,\"tokenType\":\"Bearer\"}}'\n"
    );
    fs::write(bin.join("az"), script).unwrap();
    fs::set_permissions(bin.join("az"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = mynah(folder);
    command.args(["--speaker-file", "out.wav"]).env("PATH", bin);
    command.env("AZURE_VOICELIVE_ENDPOINT", service.url()).env("AZURE_VOICELIVE_MODEL", "gpt-realtime");
    command.env("SSL_CERT_FILE", service.ca_file());
    command
}

/// Returns the program with an application, whose login service is `login`.
fn with_application(folder: &Path, service: &Service, login: &TokenService) -> Command {
    let mut command = signed_in(folder, service, login);
    command.arg("--use-token-credential").env("AZURE_TENANT_ID", "tenant-1").env("AZURE_CLIENT_ID", "app-1");
    command.env("AZURE_CLIENT_SECRET", "s3cret-of-the-app");
    command
}

/// Returns the program that trusts both services.
fn signed_in(folder: &Path, service: &Service, login: &TokenService) -> Command {
    let both = [service.ca_file(), login.ca_file()].map(|file| fs::read_to_string(file).unwrap()).concat();
    fs::write(folder.join("both.pem"), both).unwrap();
    let mut command = mynah(folder);
    command.args(["--endpoint", &service.url(), "--ca-file", "both.pem", "--speaker-file", "out.wav"]);
    command.env("AZURE_AUTHORITY_HOST", login.url());
    command
}

/// Interrupts the program and returns what it has printed.
fn end(mut child: Child) -> String {
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let output = child.wait_with_output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}
