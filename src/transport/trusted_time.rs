//! The time by which certificates are judged. The network sets the clock of most boards, and nothing authenticates it.
//!
//! It is never before the release of this version, and a host whose certificate was good once in this run is still
//! accepted if the clock jumps. It cannot tell a wrong clock from a right one: whoever sets the clock can make a
//! certificate valid that has expired since the release, with that certificate's key. It decides nothing but dates.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::model::Time;

/// When this version was released, in seconds of the Unix epoch: the date of the newest entry in `cross/debian/changelog`,
/// from which packages are dated too. A test compares them. A constant, and no date of the build, keeps builds equal.
pub const RELEASED_S: u64 = 1_795_348_800;

/// Reads the clock of this machine, in seconds of the Unix epoch.
pub type WallClock = fn() -> u64;

/// The clock of this machine, but never before [`RELEASED_S`].
pub(super) struct ReleaseFloor(pub(super) WallClock);

impl fmt::Debug for ReleaseFloor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReleaseFloor")
    }
}

impl TimeProvider for ReleaseFloor {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time((self.0)().max(RELEASED_S)))
    }
}

/// Reads the clock of the operating system.
pub(super) fn system_clock() -> u64 {
    UnixTime::now().as_secs()
}

/// Verifies certificates, and judges their dates by the time that has passed where the clock says something else.
#[derive(Debug)]
pub(super) struct DatedVerifier {
    inner: Arc<WebPkiServerVerifier>,
    /// When the latest connection was started.
    dialled: AtomicU64,
    proven: Mutex<Option<ProvenHost>>,
}

/// A host whose certificate was good.
#[derive(Clone, Debug)]
struct ProvenHost {
    name: ServerName<'static>,
    /// What the clock said, and when.
    clock: UnixTime,
    at: Time,
}

impl DatedVerifier {
    pub(super) fn new(inner: Arc<WebPkiServerVerifier>) -> Self {
        Self { inner, dialled: AtomicU64::new(0), proven: Mutex::new(None) }
    }

    /// Records when a connection is started, whose certificate is verified soon after.
    pub(super) fn dial(&self, now: Time) {
        self.dialled.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// Returns the time by the first clock that was proven good for this host, and the time passed since.
    fn expected_time(&self, name: &ServerName<'_>) -> Option<UnixTime> {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let passed = Time::from_nanos(self.dialled.load(Ordering::Relaxed)) - proven.at;
        (proven.name == *name).then(|| unix_time(proven.clock.as_secs() + passed.as_secs()))
    }

    fn record_proven(&self, name: &ServerName<'_>, clock: UnixTime) {
        let at = Time::from_nanos(self.dialled.load(Ordering::Relaxed));
        let proven = ProvenHost { name: name.to_owned(), clock, at };
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(proven);
    }
}

impl ServerCertVerifier for DatedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify_at = |at| self.inner.verify_server_cert(end_entity, intermediates, name, ocsp, at);
        let by_clock = verify_at(now);
        let expected = self.expected_time(name);
        match (&by_clock, expected) {
            (Ok(_), None) => self.record_proven(name, now),
            // The clock that was proven first may have been wrong: then it stops being good for this host.
            (Ok(_), Some(expected)) if verify_at(expected).is_err() => self.record_proven(name, now),
            (Err(error), Some(expected)) if is_of_dates(error) => {
                let by_time_passed = verify_at(expected);
                let is_refused_too = by_time_passed.as_ref().is_err_and(is_of_dates);
                return if is_refused_too { by_clock } else { by_time_passed };
            }
            (Ok(_), Some(_)) | (Err(_), _) => {}
        }
        by_clock
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Returns whether a certificate is refused for its dates. Everything else may be wrong too: rustls may not have looked.
fn is_of_dates(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

fn unix_time(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}
