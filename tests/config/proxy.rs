//! Which proxy leads to the service: the variables that all programs share, their exceptions, and the setting of mynah.

use mynah::config::no_proxy_excludes;

use super::{Fixture, HOST, KEY, azure};

const PROXY: &str = "http://proxy.example:3128";

#[test]
fn variables_of_a_proxy_are_read_in_their_order() {
    for (variables, proxy) in [
        (&[][..], None),
        (&[("HTTPS_PROXY", PROXY)], Some("the proxy proxy.example:3128 (environment variable HTTPS_PROXY)")),
        (
            &[("https_proxy", "low:1"), ("HTTPS_PROXY", PROXY)],
            Some("the proxy low:1 (environment variable https_proxy)"),
        ),
        (
            &[("HTTPS_PROXY", PROXY), ("https_proxy", "low:1")],
            Some("the proxy low:1 (environment variable https_proxy)"),
        ),
        (
            &[("https_proxy", ""), ("HTTPS_PROXY", "up:1")],
            Some("the proxy up:1 (environment variable HTTPS_PROXY)"),
        ),
        (
            &[("ALL_PROXY", "all:1"), ("HTTPS_PROXY", "up:1")],
            Some("the proxy up:1 (environment variable HTTPS_PROXY)"),
        ),
        (&[("all_proxy", "all:1/")], Some("the proxy all:1 (environment variable all_proxy)")),
        (
            &[("ALL_PROXY", "socks5://s:1"), ("HTTPS_PROXY", "up:1")],
            Some("the proxy up:1 (environment variable HTTPS_PROXY)"),
        ),
        (&[("HTTP_PROXY", PROXY), ("http_proxy", PROXY), ("Https_Proxy", PROXY)], None),
        (
            &[("HTTPS_PROXY", "\"http://quoted\"")],
            Some("the proxy quoted:80 (environment variable HTTPS_PROXY)"),
        ),
        (
            &[("HTTPS_PROXY", "http://[FD00::1]:8080")],
            Some("the proxy [fd00::1]:8080 (environment variable HTTPS_PROXY)"),
        ),
        (&[("HTTPS_PROXY", "none")], None),
        (&[("HTTPS_PROXY", PROXY), ("NO_PROXY", "azure.com")], None),
        (&[("HTTPS_PROXY", "socks5://s:1"), ("no_proxy", "*"), ("NO_PROXY", "x")], None),
    ] {
        let fixture = variables.iter().fold(service(), |fixture, (name, value)| fixture.env(name, value));
        assert_eq!(proxy_of(fixture).as_deref(), proxy, "{variables:?}");
    }
}

#[test]
fn the_setting_overrides_the_variables_and_none_is_direct() {
    let base = || service().env("HTTPS_PROXY", "socks5://s:1");
    assert_eq!(proxy_of(base().flags(&["--proxy", "none"])), None);
    let named = |fixture: Fixture| fixture.flags(&["--config", "own.toml"]);
    assert_eq!(proxy_of(named(base().file("own.toml", "proxy = 'NONE'"))), None);
    let own = proxy_of(named(base().file("own.toml", "proxy = 'own:1'").env("NO_PROXY", "*")));
    assert_eq!(own.unwrap(), "the proxy own:1 (own.toml, line 1: proxy)");
    let folder = Fixture::new().file(
        ".env",
        &format!(
            "export HTTPS_PROXY=dot:1\nAZURE_VOICELIVE_ENDPOINT={HOST}\nAZURE_VOICELIVE_API_KEY={KEY}\n"
        ),
    );
    let dotenv = proxy_of(folder);
    assert_eq!(dotenv.unwrap(), "the proxy dot:1 (.env, line 1: HTTPS_PROXY)");
    let stronger = proxy_of(service().file(".env", "https_proxy=dot:1").env("HTTPS_PROXY", "up:1"));
    assert_eq!(stronger.unwrap(), "the proxy up:1 (environment variable HTTPS_PROXY)");
}

#[test]
fn a_proxy_that_mynah_cannot_use_is_refused_by_the_name_of_its_variable() {
    for (variable, value, fact) in [
        ("ALL_PROXY", "socks5://h1dden:pw@s:1080", "SOCKS"),
        ("HTTPS_PROXY", "socks5h://s", "SOCKS"),
        ("https_proxy", "SOCKS4A://s", "SOCKS"),
        ("HTTPS_PROXY", "https://h1dden@secure:443", "TLS"),
        ("all_proxy", "ftp://h1dden", "HTTP proxy"),
        ("HTTPS_PROXY", "http://", "host name"),
        ("HTTPS_PROXY", "http://h1dden:pw@", "host name"),
        ("HTTPS_PROXY", "http://a b:1", "host name"),
        ("HTTPS_PROXY", "http://proxy:h1dden", "invalid port"),
        ("HTTPS_PROXY", "http://proxy:0", "invalid port"),
        ("HTTPS_PROXY", "http://proxy:70000", "invalid port"),
        ("HTTPS_PROXY", "http://wpad/h1dden.pac", "script"),
        ("HTTPS_PROXY", "http://u:h1dd/en@proxy:1", "%2F"),
        ("HTTPS_PROXY", "http://u%3ah1dden:p@proxy:1", "colon"),
    ] {
        let problems = service().env(variable, value).problems();
        assert_eq!(problems.len(), 1, "{value}: {problems:?}");
        let problem = &problems[0];
        assert!(problem.starts_with(&format!("environment variable {variable}: ")), "{problem}");
        assert!(problem.contains(fact) && !problem.contains("h1dd"), "{value}: {problem}");
    }
    let problems = service().flags(&["--proxy", "socks5://s:1"]).problems();
    assert!(problems[0].starts_with("option --proxy: is a SOCKS proxy"), "{problems:?}");
}

#[test]
fn a_proxy_that_is_not_used_is_not_read() {
    let parrot = Fixture::new().flags(&["--parrot"]).env("HTTPS_PROXY", "socks5://s:1");
    assert_eq!(parrot.run().warnings, [""; 0]);
    for endpoint in ["ws://localhost:1", "wss://127.0.0.9:1", "wss://[::1]:1"] {
        let local = service().flags(&["--endpoint", endpoint]).env("ALL_PROXY", "nonsense://");
        assert_eq!(proxy_of(local), None, "{endpoint}");
    }
    let local = service().flags(&["--endpoint", "wss://localhost", "--proxy", PROXY]);
    assert_eq!(proxy_of(local), None, "this machine is never reached through a proxy");
}

#[test]
fn a_password_is_hidden_and_its_place_is_warned_of() {
    let password = "http://bird:s%40ng-s%40ng@proxy:1";
    let config = service().env("HTTPS_PROXY", password).run();
    let proxy = azure(&config).proxy.as_ref().unwrap();
    let secrets: Vec<_> = proxy.secrets().map(|secret| secret.reveal().to_owned()).collect();
    assert_eq!(secrets, ["YmlyZDpzQG5nLXNAbmc=", "s%40ng-s%40ng", "s@ng-s@ng"]);
    let shown = format!("{config:?} {proxy}");
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    assert_eq!(config.warnings, [""; 0]);
    let warnings = service().flags(&["--proxy", password]).run().warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("--proxy") && !warnings[0].contains("ng"),
        "{warnings:?}"
    );
    let warnings = service().system(&format!("proxy = '{password}'")).run().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("chmod 600"), "{warnings:?}");
}

#[test]
fn exceptions_are_domains_addresses_and_ranges() {
    for (list, host, is_excluded) in [
        ("", "a.example", false),
        ("*", "a.example", true),
        ("x, * ,y", "10.0.0.1", true),
        ("example.com", "example.com", true),
        ("example.com", "a.b.example.com", true),
        ("example.com", "notexample.com", false),
        ("example.com", "example.com.evil", false),
        ("Example.COM.", "A.example.com", true),
        (".example.com", "example.com", true),
        (".example.com", "a.example.com", true),
        ("*.example.com", "a.example.com", true),
        ("a.example.com", "example.com", false),
        ("a.example,b.example", "b.example", true),
        ("a.example b.example", "b.example", true),
        ("'a.example'", "a.example", true),
        ("a.example:443", "a.example", true),
        ("a.example:8443", "a.example", false),
        ("a.example:port", "a.example", false),
        (".", "a.example", false),
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3:443", "10.1.2.3", true),
        ("10.1.2.3:80", "10.1.2.3", false),
        ("2.3", "10.1.2.3", false),
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.1.2.3/32", "10.1.2.3", true),
        ("0.0.0.0/0", "192.0.2.1", true),
        ("0.0.0.0/0", "a.example", false),
        ("10.0.0.0/33", "10.0.0.1", false),
        ("10.0.0.0/-1", "10.0.0.1", false),
        ("fd00::/8", "fd12::1", true),
        ("fd00::/8", "fe80::1", false),
        ("::/0", "fe80::1", true),
        ("::ffff:10.0.0.1", "10.0.0.1", true),
        ("2001:db8::1", "2001:db8:0::1", true),
        ("[2001:db8::1]:443", "2001:db8::1", true),
        ("[2001:db8::1]:80", "2001:db8::1", false),
        ("<local>;169.254/16", "a.example", false),
    ] {
        assert_eq!(no_proxy_excludes(list, host, 443), is_excluded, "{list} {host}");
    }
}

fn service() -> Fixture {
    Fixture::new().env("AZURE_VOICELIVE_ENDPOINT", HOST).env("AZURE_VOICELIVE_API_KEY", KEY)
}

fn proxy_of(fixture: Fixture) -> Option<String> {
    azure(&fixture.run()).proxy.as_ref().map(ToString::to_string)
}
