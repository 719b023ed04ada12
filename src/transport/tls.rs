//! TLS over a non-blocking socket. It verifies the server against Mozilla's roots and offers no client
//! certificate.
//!
//! rustls' own `Stream` is not used: it returns `Ok(0)` from a write when its buffer is full, which
//! tungstenite takes for the end of the connection, and it does not read while writes are pending. Here a
//! full buffer is `WouldBlock`, and reading continues while the uplink is stalled.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::budget::{Metered, ReadMeter};
use super::error::TransportError;
use super::trusted_time::{self, DatedVerifier, ReleaseFloor, WallClock};
use crate::model::Time;

/// The TLS client configuration; cheap to clone.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    verifier: Arc<DatedVerifier>,
    clock: WallClock,
}

/// The CA file cannot be used: a message for the user, with the file.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

impl Tls {
    /// Trusts Mozilla's root certificates and those in the PEM file `ca_file`.
    ///
    /// # Errors
    /// When the file cannot be read or contains no usable certificate.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, TlsError> {
        Self::with_clock(ca_file, trusted_time::system_clock)
    }

    /// As [`Self::new`], with another clock than the system's.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_clock(ca_file: Option<&Path>, clock: WallClock) -> Result<Self, TlsError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = ca_file {
            add_certificates(&mut roots, path)?;
        }
        let unusable = |error: &dyn fmt::Display| TlsError(format!("cannot set up TLS: {error}"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| unusable(&error))?;
        let verifier = Arc::new(DatedVerifier::new(verifier));
        let config = ClientConfig::builder_with_details(provider, Arc::new(ReleaseFloor(clock)))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?
            // rustls calls every verifier of a caller dangerous; this one leaves all but the time to rustls' own.
            .dangerous()
            .with_custom_certificate_verifier(Arc::<DatedVerifier>::clone(&verifier))
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), verifier, clock })
    }

    /// Returns what the clock of this machine says, in seconds of the Unix epoch.
    #[must_use]
    pub fn clock_s(&self) -> i64 {
        i64::try_from((self.clock)()).unwrap_or(i64::MAX)
    }

    pub(super) fn connect(&self, socket: TcpStream, host: &str, now: Time) -> Result<TlsIo, TransportError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            TransportError::setup(format!("{host} is not a valid TLS server name; check the endpoint"))
        })?;
        self.verifier.dial(now);
        let connection = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| TransportError::broken(format!("cannot start TLS: {error}")))?;
        Ok(TlsIo { connection, socket: Metered::new(socket) })
    }
}

fn add_certificates(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let fail = |why: &dyn fmt::Display| {
        TlsError(format!("cannot use the CA file {} (ca_file or SSL_CERT_FILE): {why}", path.display()))
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| fail(&error))?;
    let mut added = 0;
    for certificate in certificates {
        roots.add(certificate.map_err(|error| fail(&error))?).map_err(|error| fail(&error))?;
        added += 1;
    }
    if added == 0 { Err(fail(&"it contains no PEM certificate")) } else { Ok(()) }
}

/// One TLS connection.
pub(super) struct TlsIo {
    connection: ClientConnection,
    /// Metered below TLS: records without data are read in a loop, and have to end too.
    socket: Metered<TcpStream>,
}

impl TlsIo {
    pub(super) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    pub(super) fn meter_mut(&mut self) -> &mut ReadMeter {
        self.socket.meter_mut()
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

impl AsFd for TlsIo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Read for TlsIo {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if self.connection.read_tls(&mut self.socket)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the service closed the connection without a TLS close notification",
                ));
            }
            let processed = self.connection.process_new_packets();
            // Handshake messages and alerts have to be sent even when there is no application data.
            let written = self.write_pending();
            processed.map_err(io::Error::other)?;
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => written?,
            }
        }
    }
}

impl Write for TlsIo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let accepted = self.connection.writer().write(bytes)?;
        match self.write_pending() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => written?,
        }
        if accepted == 0 && !bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(accepted) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pending()
    }
}
