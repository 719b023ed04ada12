//! The program where only a proxy leads out: TLS is the service's own, and no password is shown.

use std::process::Command;

use super::{connected, run, until, wait};
use crate::service::proxy::{ConnectProxy, ProxyBehaviour};
use crate::service::{Behaviour, Service, events};

#[test]
fn a_conversation_goes_through_the_proxy_and_its_password_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let proxy = ConnectProxy::start(ProxyBehaviour::Tunnel);
    let mut command = behind(&proxy, "bird:s%40ng-of-may@", connected(folder.path(), &service), service.port);
    let mut child = command.args(["--verbose", "--log"]).spawn().unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let asked = format!("CONNECT voice.example.test:{} HTTP/1.1", service.port);
    assert!(proxy.requests()[0].starts_with(&asked), "{:?}", proxy.requests());
    assert!(proxy.requests()[0].contains("Basic YmlyZDpzQG5nLW9mLW1heQ=="), "{:?}", proxy.requests());
    let line = format!("through the proxy 127.0.0.1:{} (environment variable HTTPS_PROXY)", proxy.port);
    assert_eq!(printed.matches(&line).count(), 1, "{printed}");
    for secret in ["s%40ng", "s@ng", "YmlyZDpzQG5nLW9mLW1heQ"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    let upgrade = &service.connections()[0];
    assert_eq!(upgrade.header("proxy-authorization"), None, "the service is not told the password");
}

#[test]
fn a_proxy_that_refuses_ends_the_program_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script([])]);
    let proxy =
        ConnectProxy::start(ProxyBehaviour::Answer(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
    let output =
        run(&mut behind(&proxy, "bird:wrong-song@", connected(folder.path(), &service), service.port));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    for fact in [&format!("127.0.0.1:{}", proxy.port), "HTTPS_PROXY", "user name and password", "407"] {
        assert!(printed.contains(fact), "no {fact} in {printed}");
    }
    assert!(!printed.contains("wrong-song"), "{printed}");
    assert_eq!(service.connections().len(), 0, "the service is not dialled past the proxy");
}

#[test]
fn a_certificate_for_another_name_is_refused_in_the_tunnel_too() {
    fails_in_the_tunnel(ProxyBehaviour::Tunnel, "certificate");
}

#[test]
fn a_tunnel_that_ends_at_once_is_blamed_on_the_proxy() {
    fails_in_the_tunnel(ProxyBehaviour::Answer(b"HTTP/1.1 200 OK\r\n\r\n"), "closed");
}

#[test]
fn a_proxy_that_repeats_the_password_does_not_get_it_shown() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script([])]);
    let proxy = ConnectProxy::start(ProxyBehaviour::Answer(
        b"HTTP/1.1 403 bird:s@ng-of-may YmlyZDpzQG5nLW9mLW1heQ==\r\n\r\n",
    ));
    let output =
        run(&mut behind(&proxy, "bird:s%40ng-of-may@", connected(folder.path(), &service), service.port));
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(printed.contains("403 bird:*** ***"), "{printed}");
    assert!(!printed.contains("s@ng") && !printed.contains("YmlyZDpz"), "{printed}");
}

#[test]
fn a_socks_proxy_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = super::mynah(folder.path());
    command.args(["--endpoint", "https://voice.example.test"]).env("AZURE_VOICELIVE_API_KEY", super::KEY);
    let output = run(command.env("ALL_PROXY", "socks5://bird:s0ng-of-may@gate:1080"));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("ALL_PROXY") && printed.contains("SOCKS"), "{printed}");
    assert!(!printed.contains("s0ng"), "{printed}");
}

/// Checks that a connection which fails with `fact` after the tunnel is open sends no request.
fn fails_in_the_tunnel(behaviour: ProxyBehaviour, fact: &str) {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script([])]);
    let proxy = ConnectProxy::start(behaviour);
    let mut command = behind(&proxy, "", connected(folder.path(), &service), service.port);
    let mut child =
        command.arg(format!("--endpoint=https://other.example.test:{}", service.port)).spawn().unwrap();
    until("another dial", || proxy.requests().len() >= 2);
    child.kill().unwrap();
    let printed = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let line = printed.lines().find(|line| line.contains("WARN") && line.contains("HTTPS_PROXY")).unwrap();
    assert!(line.contains(fact), "no {fact} in {printed}");
    assert!(service.connections().iter().all(|one| one.uri.is_empty()), "a request was sent: {printed}");
}

/// Has the program reach the service by a name that only the proxy knows.
fn behind(proxy: &ConnectProxy, user: &str, mut command: Command, service_port: u16) -> Command {
    command.arg(format!("--endpoint=https://voice.example.test:{service_port}"));
    command.env("HTTPS_PROXY", format!("http://{user}127.0.0.1:{}", proxy.port));
    command
}
