//! Why a link is over: a reason for the machine and a sentence for the person.
//!
//! What follows from a reason is decided elsewhere.

use std::time::Duration;
use std::{fmt, io};

use jiff::fmt::rfc2822::DateTimeParser;
use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::http::Response;
use tungstenite::protocol::CloseFrame;

use super::{BODY_BYTES, INBOUND_BYTES, OUTBOUND_BYTES};

/// The end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    pub reason: TransportErrorKind,
    /// What to tell the owner, without a full stop.
    pub message: String,
}

/// What kind of end it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The upgrade was answered with this HTTP status, and perhaps a wish for patience.
    Http {
        status: u16,
        /// `Retry-After`: seconds, or a date as seen from the answer's own `Date` (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
    },
    /// A close frame with this code ended it (1005 when it named none).
    Closed(u16),
    /// The network, TLS or the peer's WebSocket broke.
    Broken,
    /// It cannot work as it is set up here.
    Setup,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

impl TransportError {
    /// An end that came from outside the WebSocket.
    #[must_use]
    pub fn broken(message: String) -> Self {
        Self { reason: TransportErrorKind::Broken, message }
    }

    pub(super) fn setup(message: String) -> Self {
        Self { reason: TransportErrorKind::Setup, message }
    }

    pub(super) fn already_closed() -> Self {
        Self::broken("the link is already over".to_owned())
    }

    pub(super) fn no_pong(silence: Duration) -> Self {
        Self::broken(format!("the service has been silent for {} s and answers no ping", silence.as_secs()))
    }

    pub(super) fn closed(frame: Option<CloseFrame>, replied: bool) -> Self {
        let (code, reason) =
            frame.map_or((1005, String::new()), |frame| (u16::from(frame.code), frame.reason.to_string()));
        let reason = if reason.is_empty() { "no reason given".to_owned() } else { clipped(&reason) };
        let suffix = if replied { "" } else { ", and could not be answered" };
        Self {
            reason: TransportErrorKind::Closed(code),
            message: format!("closed with code {code}: {reason}{suffix}"),
        }
    }

    fn http(response: &Response<Option<Vec<u8>>>) -> Self {
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let mut message = format!("the upgrade was answered with HTTP {status}");
        if status.is_redirection() {
            // Following it would hand the credential to whoever is at the other end.
            let to = header("location").map(clipped).unwrap_or_default();
            message += &format!(", a redirect that is never followed ({to})");
        }
        let body = response.body().as_deref().unwrap_or_default();
        let body = String::from_utf8_lossy(&body[..body.len().min(BODY_BYTES)]);
        if !body.trim().is_empty() {
            message += &format!(": {}", clipped(body.trim()));
        }
        let retry_after = header("retry-after").and_then(|value| retry_after_delay(value, header("date")));
        Self { reason: TransportErrorKind::Http { status: status.as_u16(), retry_after }, message }
    }
}

impl From<Error> for TransportError {
    fn from(error: Error) -> Self {
        match error {
            Error::Http(response) => Self::http(&response),
            Error::Io(error) => error.into(),
            Error::ConnectionClosed => {
                Self { reason: TransportErrorKind::Closed(1000), message: "closed with code 1000".to_owned() }
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self {
                reason: TransportErrorKind::Closed(1006),
                message: "the connection ended without a close frame (1006)".to_owned(),
            },
            Error::Protocol(ProtocolError::HandshakeIncomplete) => {
                Self::broken("the connection ended during the upgrade".to_owned())
            }
            Error::WriteBufferFull(_) => Self::broken(format!(
                "the network takes nothing: {} KiB are waiting to be sent",
                OUTBOUND_BYTES / 1024
            )),
            Error::Capacity(CapacityError::MessageTooLong { size, .. }) => Self::broken(format!(
                "the service sent a message of {size} bytes; more than {} MiB is refused",
                INBOUND_BYTES / 1024 / 1024
            )),
            Error::HttpFormat(error) => Self::setup(format!("the address makes no request: {error}")),
            Error::Url(error) => Self::setup(format!("the address is not a WebSocket address: {error}")),
            other @ (Error::Capacity(_)
            | Error::Protocol(_)
            | Error::AlreadyClosed
            | Error::Tls(_)
            | Error::Utf8(_)
            | Error::AttackAttempt) => {
                Self::broken(format!("the service broke the WebSocket rules: {other}"))
            }
        }
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(reason)) => Self::broken(format!(
                "the service's certificate is not accepted ({reason:?}); check the clock, and --ca-file where a proxy or a test has a root of its own"
            )),
            Some(error) => Self::broken(format!("TLS: {error}")),
            None => Self::broken(format!("network: {error}")),
        }
    }
}

/// Reads `Retry-After`. A date is measured from the service's clock, because a board without a battery may have
/// no idea of the time; without a `Date` it says nothing.
fn retry_after_delay(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = retry_after.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = unix_s(retry_after)? - unix_s(date?)?;
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
}

/// Reads an HTTP date (RFC 9110 §5.6.7) as seconds of the Unix epoch.
pub(super) fn unix_s(date: &str) -> Option<i64> {
    DateTimeParser::new().parse_timestamp(date.trim()).ok().map(|at| at.as_second())
}

/// Makes one line of at most 300 characters of `text`: what others write must not fill the log or draw on the
/// terminal.
#[must_use]
pub fn clipped(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
