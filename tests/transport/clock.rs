//! Certificates under a clock that is wrong, is set back, or jumps.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mynah::model::Time;
use mynah::transport::{
    ByteStream, LinkEvent, RELEASED_S, Tls, TransportErrorKind, UpgradeRequest, WallClock, WsClient,
};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::{ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

use super::flood_tls::accept_upgrade;
use super::wait_for;
use crate::service::tls::server_config;

const YEAR_S: u64 = 365 * 86_400;

/// Valid from before the release until 2028.
fn usual(certificate: &mut CertificateParams) {
    (certificate.not_before, certificate.not_after) = (date_time_ymd(2026, 9, 1), date_time_ymd(2028, 1, 1));
}

#[test]
fn the_release_is_dated_as_in_the_changelog() {
    let changelog = include_str!("../../cross/debian/changelog");
    let newest = changelog.lines().find_map(|line| line.strip_prefix(" -- ")?.split_once(">  ")).unwrap().1;
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(newest).unwrap();
    assert_eq!(
        i64::try_from(RELEASED_S),
        Ok(date.as_second()),
        "set RELEASED_S to the date of the newest entry"
    );
}

#[test]
fn a_clock_before_the_release_counts_as_the_release() {
    let service = service_with(usual);
    assert_eq!(connect(&service, &tls(&service, || 0), "localhost", Time::ZERO), Ok(()));
    // What has expired before cannot be valid again, wherever the clock is set to.
    let expired = service_with(|certificate| {
        (certificate.not_before, certificate.not_after) =
            (date_time_ymd(2024, 1, 1), date_time_ymd(2026, 1, 1));
    });
    let tls_in_2025 = tls(&expired, || 1_735_689_600);
    let (kind, message) = connect(&expired, &tls_in_2025, "localhost", Time::ZERO).unwrap_err();
    assert_eq!(kind, TransportErrorKind::WrongClock);
    assert!(message.contains("until 2026-01-01"), "{message}");
    let newer = service_with(|certificate| certificate.not_before = date_time_ymd(2027, 1, 1));
    let (kind, message) = connect(&newer, &tls(&newer, || 0), "localhost", Time::ZERO).unwrap_err();
    assert_eq!(kind, TransportErrorKind::WrongClock);
    assert!(message.contains("not after 2026-11-22 12:00 UTC, when this version"), "{message}");
}

#[test]
fn a_host_that_was_trusted_stays_so_when_the_clock_jumps() {
    static CLOCK: AtomicU64 = AtomicU64::new(RELEASED_S);
    let service = service_with(usual);
    let tls = tls(&service, || CLOCK.load(Ordering::Relaxed));
    assert_eq!(connect(&service, &tls, "localhost", Time::ZERO), Ok(()));
    for (jump_s, passed_s, is_trusted) in [
        (40 * YEAR_S, 60, true),
        // By the time that has passed, the certificate has expired; and by the clock too.
        (40 * YEAR_S, 2 * YEAR_S, false),
        (40 * YEAR_S, 60, true),
        (0, 60, true),
    ] {
        CLOCK.store(RELEASED_S + jump_s, Ordering::Relaxed);
        let now = Time::ZERO + Duration::from_secs(passed_s);
        let result = connect(&service, &tls, "localhost", now);
        assert_eq!(result.is_ok(), is_trusted, "{jump_s} s, {passed_s} s: {result:?}");
    }
    // Only this host, and only its dates.
    CLOCK.store(RELEASED_S + 40 * YEAR_S, Ordering::Relaxed);
    let (kind, _) = connect(&service, &tls, "voice.example.test", Time::ZERO).unwrap_err();
    assert_eq!(kind, TransportErrorKind::WrongClock);
    let stranger = service_with(usual);
    let (kind, message) = connect(&stranger, &tls, "localhost", Time::ZERO).unwrap_err();
    assert_eq!(kind, TransportErrorKind::Untrusted, "{message}");
}

#[test]
fn a_first_clock_that_was_wrong_does_not_outlive_the_right_one() {
    static CLOCK: AtomicU64 = AtomicU64::new(0);
    let (old, renewed) = (service_with(usual), service_with(|_| {}));
    let clock: WallClock = || CLOCK.load(Ordering::Relaxed);
    let both = NamedTempFile::new().unwrap();
    let authorities = [&old.ca_file, &renewed.ca_file].map(|file| std::fs::read_to_string(file).unwrap());
    std::fs::write(both.path(), authorities.concat()).unwrap();
    let tls = Tls::with_clock(Some(both.path()), clock).unwrap();
    assert_eq!(connect(&old, &tls, "localhost", Time::ZERO), Ok(()));
    // The network has set the clock.
    CLOCK.store(RELEASED_S + 10 * YEAR_S, Ordering::Relaxed);
    assert_eq!(connect(&renewed, &tls, "localhost", Time::ZERO), Ok(()));
}

fn tls(service: &HandshakeServer, clock: WallClock) -> Tls {
    Tls::with_clock(Some(service.ca_file.path()), clock).unwrap()
}

/// Connects to `service` under the name `host`, and returns why the upgrade failed.
fn connect(
    service: &HandshakeServer,
    tls: &Tls,
    host: &str,
    now: Time,
) -> Result<(), (TransportErrorKind, String)> {
    let socket = TcpStream::connect(("127.0.0.1", service.port)).unwrap();
    let stream = ByteStream::tls(socket, host, tls, now).unwrap();
    let upgrade = UpgradeRequest { uri: "wss://localhost/".to_owned(), credential: None };
    let mut link = WsClient::upgrade(stream, &upgrade, now).unwrap();
    loop {
        match link.next(now) {
            Ok(Some(LinkEvent::Up)) => return Ok(()),
            Ok(_) => wait_for(&link, link.interest()),
            Err(error) => return Err((error.reason, error.message)),
        }
    }
}

/// Answers upgrades over TLS. It resumes no session, so that every connection shows its certificate.
struct HandshakeServer {
    port: u16,
    ca_file: NamedTempFile,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn service_with(change: impl FnOnce(&mut CertificateParams)) -> HandshakeServer {
    let (mut config, ca_pem) = server_config(change);
    config.send_tls13_tickets = 0;
    let config = Arc::new(config);
    let ca_file = NamedTempFile::with_suffix(".pem").unwrap();
    std::fs::write(ca_file.path(), ca_pem).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let is_over = Arc::<AtomicBool>::default();
    let thread_is_over = Arc::clone(&is_over);
    let thread = std::thread::spawn(move || {
        while let (Ok((tcp, _)), false) = (listener.accept(), thread_is_over.load(Ordering::Relaxed)) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that refuses the certificate ends the connection.
            let _ = accept_upgrade(&mut StreamOwned::new(connection, tcp));
        }
    });
    HandshakeServer { port, ca_file, is_over, thread: Some(thread) }
}

impl Drop for HandshakeServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _wakes_it = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
