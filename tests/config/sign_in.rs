//! Ways to sign in are found in the order of `DefaultAzureCredential`, narrowed, and bound to the login service of whoever
//! gives the secret.

use mynah::config::{Credential, IdentitySource, SignIn, SignInMethod};

use super::{Fixture, HOST, assert_problems, azure};

const APPLICATION: [(&str, &str); 3] = [
    ("AZURE_TENANT_ID", "tenant-1"),
    ("AZURE_CLIENT_ID", "app-1"),
    ("AZURE_CLIENT_SECRET", "s~3cret-of-app"),
];

#[test]
fn ways_are_tried_in_the_order_of_microsofts_libraries() {
    let everything = full();
    let (names, _) = ways(&everything);
    let all = [
        "the application's secret",
        "the workload identity",
        "the managed identity (IDENTITY_ENDPOINT)",
        "the sign-in of mynah login",
        "the Azure CLI",
    ];
    assert_eq!(names, all);
    for (choice, expected) in [
        ("prod", &all[..3]),
        ("PROD", &all[..3]),
        ("dev", &all[3..]),
        ("EnvironmentCredential", &all[..1]),
        ("WorkloadIdentityCredential", &all[1..2]),
        ("managedidentitycredential", &all[2..3]),
        ("login", &all[3..4]),
        ("AzureCliCredential", &all[4..]),
    ] {
        let (names, _) = ways(&everything.env("AZURE_TOKEN_CREDENTIALS", choice));
        assert_eq!(names, expected, "{choice}");
    }
    let report = everything.flags(&["config", "--endpoint", HOST, "--use-token-credential"]);
    let Ok(mynah::config::Request::Settings(report)) = report.read() else { panic!("no report") };
    assert!(report.text.contains(&all.join(", or else ")), "{}", report.text);
    let wrong = everything.env("AZURE_TOKEN_CREDENTIALS", "VisualStudioCodeCredential").problems();
    assert_problems(
        &wrong,
        &["environment variable AZURE_TOKEN_CREDENTIALS: | must be one of auto, prod, dev"],
    );
}

#[test]
fn az_login_and_the_address_are_enough_on_a_terminal() {
    let terminal = Fixture::new().env("AZURE_VOICELIVE_ENDPOINT", HOST).env("PATH", "/usr/bin");
    let fixture = terminal.flags(&["--use-token-credential"]);
    assert_eq!(ways(&fixture).0, ["the Azure CLI"]);
    let service = fixture.env("NOTIFY_SOCKET", "/run/systemd/notify");
    let expected = "option --use-token-credential: | no way to sign in | run mynah login | the Azure CLI is for a terminal";
    assert_problems(&service.problems(), &[expected]);
    let named = service.env("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential").problems();
    assert_problems(
        &named,
        &["environment variable AZURE_TOKEN_CREDENTIALS: | run mynah login instead | terminal"],
    );
    let (names, sign_in) = ways(&service.env("STATE_DIRECTORY", state_with_sign_in(&service)));
    assert_eq!(names, ["the sign-in of mynah login"]);
    assert_eq!(sign_in, 1, "the Azure CLI is named as left out");
}

#[test]
fn a_key_or_a_token_comes_before_a_sign_in() {
    let fixture = full().env("AZURE_VOICELIVE_TOKEN", "ey.J");
    assert!(matches!(&azure(&fixture.run()).credential, Credential::Token(_)));
    let environment = Fixture::new().flags(&["--endpoint", HOST]).env("AZURE_TOKEN_CREDENTIALS", "dev");
    let environment = environment.env("PATH", "/usr/bin");
    assert!(matches!(&azure(&environment.run()).credential, Credential::SignIn(_)), "a way is named");
    let key = environment.env("AZURE_VOICELIVE_API_KEY", "0123456789abcdef");
    assert!(matches!(&azure(&key.run()).credential, Credential::Key(_)));
}

#[test]
fn scope_and_login_service_follow_the_cloud_of_the_endpoint() {
    for (host, scope, authority) in [
        ("bird.services.ai.azure.com", "https://ai.azure.com/.default", "https://login.microsoftonline.com"),
        (
            "bird.cognitiveservices.azure.com",
            "https://cognitiveservices.azure.com/.default",
            "https://login.microsoftonline.com",
        ),
        ("bird.services.ai.azure.us", "https://ai.azure.us/.default", "https://login.microsoftonline.us"),
        (
            "bird.cognitiveservices.azure.cn",
            "https://cognitiveservices.azure.cn/.default",
            "https://login.partner.microsoftonline.cn",
        ),
        ("localhost", "https://ai.azure.com/.default", "https://login.microsoftonline.com"),
    ] {
        let fixture = signed(&["--endpoint", host, "--use-token-credential"]);
        with_sign_in(&fixture, |sign_in| {
            assert_eq!(
                (sign_in.scope.as_str(), sign_in.authority.address.to_string().as_str()),
                (scope, authority)
            );
        });
    }
    let elsewhere = signed(&["--endpoint", "gateway.example", "--use-token-credential"]).problems();
    assert_problems(&elsewhere, &["option --use-token-credential: | gateway.example is none of them"]);
    let sovereign = signed(&["--endpoint", HOST, "--use-token-credential"]);
    with_sign_in(&sovereign.env("AZURE_AUTHORITY_HOST", "https://Login.example:8443/"), |sign_in| {
        assert_eq!(sign_in.authority.address.to_string(), "https://login.example:8443");
    });
    for (address, reason) in [
        ("http://login.example", "use https://"),
        ("https://login.example/tenant", "has a path"),
        ("ftp://login.example", "not an https address"),
        ("https://u:pass@login.example", "user name or password"),
        ("https://", "is not an address"),
    ] {
        let problems = sovereign.env("AZURE_AUTHORITY_HOST", address).problems();
        assert_problems(&problems, &[&format!("environment variable AZURE_AUTHORITY_HOST: | {reason}")]);
    }
    with_sign_in(&sovereign.env("AZURE_AUTHORITY_HOST", "http://127.0.0.1:5"), |sign_in| {
        assert_eq!(
            sign_in.authority.address.to_string(),
            "http://127.0.0.1:5",
            "this machine may be without TLS"
        );
    });
}

#[test]
fn a_file_of_the_folder_sends_no_credential_of_the_users_anywhere() {
    let flags = ["--endpoint", HOST, "--use-token-credential"];
    let authority = "AZURE_AUTHORITY_HOST=https://evil.example\n";
    let users = signed(&flags).file(".env", authority).problems();
    assert_problems(
        &users,
        &[".env, line 1: AZURE_AUTHORITY_HOST: | may not choose where a credential of yours is sent"],
    );
    let kept = Fixture::new().flags(&flags).file(".env", authority);
    let kept = kept.env("STATE_DIRECTORY", state_with_sign_in(&kept)).problems();
    assert_problems(
        &kept,
        &[".env, line 1: AZURE_AUTHORITY_HOST: | may not choose where a credential of yours is sent"],
    );
    let endpoint = Fixture::new().flags(&["--use-token-credential"]).env("PATH", "/usr/bin");
    let endpoint = endpoint.file(".env", &format!("AZURE_VOICELIVE_ENDPOINT={HOST}\n"));
    assert_problems(
        &endpoint.problems(),
        &[".env, line 1: AZURE_VOICELIVE_ENDPOINT: | your sign-in was not given"],
    );
    let proxy = signed(&flags).file(".env", "HTTPS_PROXY=http://evil.example:80\n").problems();
    assert!(
        proxy.iter().any(|problem| problem.contains("line 1: HTTPS_PROXY") && problem.contains("sign")),
        "{proxy:?}"
    );
    let identity = Fixture::new().flags(&flags).env("IDENTITY_HEADER", "head-er-1");
    let identity = identity.file(".env", "IDENTITY_ENDPOINT=https://evil.example/token\n").problems();
    assert_problems(&identity, &[".env, line 1: IDENTITY_ENDPOINT: | may not choose who gives tokens"]);
    let own: String = APPLICATION.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let own = format!("{own}{authority}AZURE_VOICELIVE_ENDPOINT={HOST}\n");
    let own = Fixture::new().flags(&["--use-token-credential"]).env("PATH", "/usr/bin").file(".env", &own);
    assert_eq!(ways(&own).0, ["the application's secret"], "the user's own ways are left out");
    let outside = Fixture::new().flags(&flags).env("AZURE_TENANT_ID", "t").env("AZURE_CLIENT_ID", "c");
    let outside = outside.file(".env", "AZURE_CLIENT_CERTIFICATE_PATH=/etc/hostname\n").problems();
    assert_problems(&outside, &[".env, line 1: AZURE_CLIENT_CERTIFICATE_PATH: | outside that folder"]);
}

#[test]
fn a_managed_identity_is_where_the_environment_says() {
    let fixture = Fixture::new().flags(&["--endpoint", HOST, "--use-token-credential"]);
    let arc = fixture
        .env("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token")
        .env("IMDS_ENDPOINT", "http://localhost:40342");
    with_sign_in(&arc, |sign_in| {
        let [SignInMethod::ManagedIdentity { source: IdentitySource::Arc { address, tokens }, .. }] =
            &sign_in.methods[..]
        else {
            panic!("{sign_in:?}")
        };
        assert_eq!(address.to_string(), "http://localhost:40342/metadata/identity/oauth2/token");
        assert_eq!(tokens.to_str(), Some("/var/opt/azcmagent/tokens"));
    });
    let named = fixture.env("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential");
    with_sign_in(&named.env("IMDS_ENDPOINT", "http://169.254.169.254"), |sign_in| {
        let [SignInMethod::ManagedIdentity { source: IdentitySource::Imds(address), .. }] =
            &sign_in.methods[..]
        else {
            panic!("{sign_in:?}")
        };
        assert_eq!(address.to_string(), "http://169.254.169.254/metadata/identity/oauth2/token");
    });
    let foreign = fixture.env("IMDS_ENDPOINT", "http://metadata.example").problems();
    assert_problems(&foreign, &["environment variable IMDS_ENDPOINT: | use https://"]);
}

#[test]
fn an_application_is_complete_or_said_not_to_be_used() {
    let flags = ["--endpoint", HOST, "--use-token-credential"];
    let partly =
        Fixture::new().flags(&flags).env("PATH", "/usr/bin").env("AZURE_CLIENT_SECRET", "s~3cret-of-app");
    let config = partly.env("AZURE_TENANT_ID", "tenant-1").run();
    let warning = "environment variable AZURE_CLIENT_SECRET: not used without AZURE_CLIENT_ID (client_id)";
    assert!(config.warnings.iter().any(|given| given == warning), "{:?}", config.warnings);
    let wrong = Fixture::new().flags(&flags).env("AZURE_TENANT_ID", "../x").env("AZURE_CLIENT_ID", "app-1");
    let wrong = wrong.env("AZURE_CLIENT_SECRET", "s~3cret-of-app").problems();
    assert_problems(&wrong, &["environment variable AZURE_TENANT_ID: \"../x\": must be an ID"]);
    let production = Fixture::new().flags(&flags).env("AZURE_TOKEN_CREDENTIALS", "prod");
    assert_eq!(ways(&production).0, ["the managed identity (IMDS)"], "elsewhere it has to be named");
    let environment = Fixture::new().flags(&flags).env("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential");
    assert_problems(
        &environment.problems(),
        &["environment variable AZURE_TOKEN_CREDENTIALS: | AZURE_CLIENT_SECRET"],
    );
}

#[test]
fn the_secret_of_an_application_is_shown_nowhere() {
    let secret = APPLICATION[2].1;
    let config = signed(&["--endpoint", HOST, "--use-token-credential"]).run();
    assert!(!format!("{config:?}").contains(secret));
    let secrets: Vec<_> = azure(&config).secrets().map(|secret| secret.reveal().to_owned()).collect();
    assert_eq!(secrets, [secret], "it is hidden in all output");
    let environment =
        [("AZURE_CLIENT_SECRET".into(), secret.into()), ("IDENTITY_HEADER".into(), "head-er-1".into())];
    let found: Vec<_> =
        mynah::config::environment_secrets(environment).map(|found| found.reveal().to_owned()).collect();
    assert_eq!(found, [secret, "head-er-1"]);
}

/// Returns a fixture with every way to sign in.
fn full() -> Fixture {
    let fixture = signed(&["--endpoint", HOST, "--use-token-credential"])
        .env("PATH", "/usr/bin")
        .file("federated", "ey.J");
    let federated = fixture.dir.path().join("federated");
    let fixture = fixture.env("AZURE_FEDERATED_TOKEN_FILE", federated.to_str().unwrap());
    let fixture =
        fixture.env("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi/token").env("IDENTITY_HEADER", "head-er-1");
    let state = state_with_sign_in(&fixture).to_owned();
    fixture.env("STATE_DIRECTORY", &state)
}

/// Returns a fixture with an application and its secret in the environment.
fn signed(flags: &[&str]) -> Fixture {
    let fixture = Fixture::new().flags(flags);
    APPLICATION.iter().fold(fixture, |fixture, (name, value)| fixture.env(name, value))
}

/// Creates a sign-in in the fixture's folder, and returns the folder of the state.
fn state_with_sign_in(fixture: &Fixture) -> &str {
    std::fs::write(fixture.dir.path().join("sign-in"), "{}").unwrap();
    fixture.dir.path().to_str().unwrap()
}

/// Returns the names of the ways, and how many are left out.
fn ways(fixture: &Fixture) -> (Vec<&'static str>, usize) {
    let config = fixture.run();
    let Credential::SignIn(sign_in) = &azure(&config).credential else { panic!("no sign-in") };
    (sign_in.methods.iter().map(SignInMethod::name).collect(), sign_in.left_out.len())
}

fn with_sign_in(fixture: &Fixture, check: impl FnOnce(&SignIn)) {
    let config = fixture.run();
    let Credential::SignIn(sign_in) = &azure(&config).credential else { panic!("no sign-in") };
    check(sign_in);
}
