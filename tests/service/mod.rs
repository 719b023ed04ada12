//! A scripted Voice Live service on loopback, over real TLS and WebSocket.
//!
//! ```text
//! let service = Service::start([
//!     Behaviour::refuse(503, "busy"),                       // the first connection
//!     Behaviour::script([                                   // the second and every later one
//!         Send(events::session_created()),
//!         Expect("session.update"),
//!         Answer(events::session_updated),
//!         ExpectAudio(200),
//!         Close(1011, "server error"),
//!     ]),
//! ]);
//! connect(&service.url(), service.ca_file());
//! service.until("two upgrades", |connections| connections.len() == 2);
//! ```
//!
//! It runs on its own thread and stops when dropped; every wait is bounded. If the client has not followed
//! the script, dropping the service fails the test. It does not look at audio samples.

#![allow(dead_code, reason = "shared by tests that use different parts")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

pub(crate) mod events;
mod ga;
pub(crate) mod proxy;
mod record;
mod script;
mod stories;
pub(crate) mod tls;
pub(crate) mod tokens;

pub(crate) use ga::{GaQuirks, NullTurns};
pub(crate) use record::Connection;
pub(crate) use script::{Behaviour, Step};

use rcgen::CertificateParams;
use record::Record;
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// Limit of every wait, unless a step has its own.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(10);

/// A running service.
pub(crate) struct Service {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    scheme: &'static str,
    ca_file: NamedTempFile,
    record: Arc<Record>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Serves connections over TLS, one behaviour each in order; the last behaviour repeats.
    pub(crate) fn start(behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        Self::start_with_certificate(behaviours, |_| {})
    }

    /// As [`Self::start`], with a certificate that `change` has changed.
    pub(crate) fn start_with_certificate(
        behaviours: impl IntoIterator<Item = Behaviour>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let (acceptor, ca_pem) = tls::acceptor_with(change);
        Self::serve(behaviours, Some(acceptor), "wss", &ca_pem)
    }

    /// As [`Self::start`], without TLS.
    pub(crate) fn start_plain(behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        Self::serve(behaviours, None, "ws", "")
    }

    fn serve(
        behaviours: impl IntoIterator<Item = Behaviour>,
        acceptor: Option<TlsAcceptor>,
        scheme: &'static str,
        ca_pem: &str,
    ) -> Self {
        let behaviours: Vec<Behaviour> = behaviours.into_iter().collect();
        assert!(!behaviours.is_empty(), "a service needs a behaviour");
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ca_file = NamedTempFile::with_suffix(".pem").unwrap();
        std::fs::write(ca_file.path(), ca_pem).unwrap();
        let record = Arc::new(Record::default());
        let (stop, stopped) = oneshot::channel();
        let thread_record = Arc::clone(&record);
        let thread = std::thread::Builder::new().name("service".to_owned()).spawn(move || {
            script::run(listener, acceptor, behaviours, thread_record, stopped);
        });
        Self { port, scheme, ca_file, record, stop: Some(stop), thread: Some(thread.unwrap()) }
    }

    /// Returns the address `wss://localhost:PORT`, without a path.
    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port)
    }

    /// Returns the PEM file of the CA that signed the service's certificate.
    pub(crate) fn ca_file(&self) -> &Path {
        self.ca_file.path()
    }

    /// Returns the connections so far, in order.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.record.read(<[Connection]>::to_vec)
    }

    /// Returns the client events so far, of all connections.
    pub(crate) fn received(&self) -> Vec<Value> {
        self.record.read(|all| all.iter().flat_map(|one| one.received.iter().cloned()).collect())
    }

    /// Discards the client events so far: a long conversation has too many to keep.
    #[allow(dead_code, reason = "used by the benchmark only")]
    pub(crate) fn forget(&self) {
        self.record.forget();
    }

    /// Waits until `is_so`; `what` describes the condition for the failure message.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&[Connection]) -> bool) {
        self.record.until(what, WAIT_LIMIT, is_so);
    }

    /// As [`Self::until`], with another time limit.
    pub(crate) fn until_within(&self, limit: Duration, what: &str, is_so: impl Fn(&[Connection]) -> bool) {
        self.record.until(what, limit, is_so);
    }

    /// Waits for a client event of this type on any connection, and returns the first.
    pub(crate) fn wait_for(&self, kind: &str) -> Value {
        self.until(kind, |all| all.iter().any(|one| one.count(kind) > 0));
        self.received().into_iter().find(|event| event["type"] == kind).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().is_none_or(|thread| thread.join().is_ok());
        let failures = self.record.failures();
        if !std::thread::panicking() {
            assert!(ended, "the service itself panicked");
            assert!(failures.is_empty(), "the client did not follow the script: {failures:?}");
        }
    }
}
