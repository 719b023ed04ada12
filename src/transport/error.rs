//! The end of a connection: a reason to act on, and a message for the user.
//!
//! It does not decide whether to reconnect: see `protocol::close_reason_of_status` and `close_reason_of_code`.

use std::time::Duration;
use std::{fmt, io};

use jiff::fmt::rfc2822::DateTimeParser;
use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::http::Response;
use tungstenite::protocol::CloseFrame;

use super::budget::{FLOOD_WINDOW, Flood};
use super::{BODY_BYTES, INBOUND_BYTES, OUTBOUND_BYTES, certificate};
use crate::printable::{clipped, without_number};

/// Why the connection has ended or could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    pub reason: TransportErrorKind,
    /// A message for the user, without a full stop; quotes the service, but never the credential.
    pub message: String,
    /// What the peer said, as it came: the body of an HTTP answer, at most 4 KiB, or the reason of a close frame.
    pub said: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The upgrade was answered with this HTTP status instead of 101.
    Http {
        status: u16,
        /// `Retry-After`: seconds, or a date relative to the response's own `Date` (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
    },
    /// Close code (RFC 6455 §7.4.1): 1005 for a close frame without a code, 1006 without a close frame.
    Closed(u16),
    /// A network, TLS or WebSocket error.
    Broken,
    /// The peer sends more than a conversation needs.
    Flood,
    /// The date of this machine is outside the time for which the service's certificate is good.
    WrongClock,
    /// The service's certificate is not trusted.
    Untrusted,
    /// The address or the credential cannot be used: a configuration error.
    Setup,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

impl TransportError {
    /// Creates an error of kind [`TransportErrorKind::Broken`].
    #[must_use]
    pub fn broken(message: String) -> Self {
        Self::new(TransportErrorKind::Broken, message)
    }

    pub(super) fn setup(message: String) -> Self {
        Self::new(TransportErrorKind::Setup, message)
    }

    fn new(reason: TransportErrorKind, message: String) -> Self {
        Self { reason, message, said: String::new() }
    }

    pub(super) fn already_closed() -> Self {
        Self::broken("the connection is already closed".to_owned())
    }

    pub(super) fn no_pong(silence: Duration) -> Self {
        Self::broken(format!(
            "the service has sent nothing for {} s and does not answer a ping",
            silence.as_secs()
        ))
    }

    pub(super) fn flooded(flood: Flood) -> Self {
        let count = match flood {
            Flood::Messages(messages) => format!("{messages} messages"),
            Flood::Useless { messages, bytes } => {
                format!("{messages} messages and {} KiB, none of use,", bytes / 1024)
            }
        };
        Self::new(TransportErrorKind::Flood, format!("{count} in less than {} s", FLOOD_WINDOW.as_secs()))
    }

    pub(super) fn closed(frame: Option<CloseFrame>, replied: bool) -> Self {
        let (code, said) =
            frame.map_or((1005, String::new()), |frame| (u16::from(frame.code), frame.reason.to_string()));
        let reason = if said.is_empty() { "no reason given".to_owned() } else { clipped(&said) };
        let suffix = if replied { "" } else { " (the close frame could not be answered)" };
        let message = format!("closed with code {code}: {reason}{suffix}");
        Self { reason: TransportErrorKind::Closed(code), message, said }
    }

    fn http(response: &Response<Option<Vec<u8>>>) -> Self {
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let mut message = format!("the upgrade was answered with HTTP {status}");
        if status.is_redirection() {
            // Following it would send the credential to another host.
            let to = header("location").map(clipped).unwrap_or_default();
            message += &format!(", a redirect that mynah does not follow ({to}); check the endpoint");
        }
        let body = response.body().as_deref().unwrap_or_default();
        let mut said = String::from_utf8_lossy(&body[..body.len().min(BODY_BYTES)]).into_owned();
        if said.trim().is_empty() && header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
        {
            // The page itself may still be on its way.
            said = "<html>".to_owned();
        }
        let retry_after = header("retry-after").and_then(|value| retry_after_delay(value, header("date")));
        Self { reason: TransportErrorKind::Http { status: status.as_u16(), retry_after }, message, said }
    }
}

impl From<Error> for TransportError {
    fn from(error: Error) -> Self {
        match error {
            Error::Http(response) => Self::http(&response),
            Error::Io(error) => error.into(),
            Error::ConnectionClosed => {
                Self::new(TransportErrorKind::Closed(1000), "closed with code 1000".to_owned())
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::new(
                TransportErrorKind::Closed(1006),
                "the connection ended without a close frame (1006)".to_owned(),
            ),
            Error::Protocol(ProtocolError::HttparseError(_)) => {
                Self::broken("what answers at this address does not speak HTTP".to_owned())
            }
            Error::Protocol(ProtocolError::HandshakeIncomplete) => {
                Self::broken("the connection ended during the upgrade".to_owned())
            }
            Error::WriteBufferFull(_) => {
                Self::broken(format!("the network is stalled: {} KiB are unsent", OUTBOUND_BYTES / 1024))
            }
            Error::Capacity(CapacityError::MessageTooLong { size, .. }) => Self::broken(format!(
                "the service sent a message of {size} bytes; the limit is {} MiB",
                INBOUND_BYTES / 1024 / 1024
            )),
            Error::HttpFormat(error) => {
                Self::setup(format!("the endpoint does not make a valid request: {error}"))
            }
            Error::Url(error) => Self::setup(format!("the endpoint is not a WebSocket address: {error}")),
            other @ (Error::Capacity(_)
            | Error::Protocol(_)
            | Error::AlreadyClosed
            | Error::Tls(_)
            | Error::Utf8(_)
            | Error::AttackAttempt) => {
                Self::broken(format!("invalid WebSocket data from the service: {other}"))
            }
        }
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => {
                let (reason, message) = certificate::describe(error);
                Self::new(reason, message)
            }
            None => Self::broken(format!("network: {}", without_number(&error))),
        }
    }
}

/// Parses `Retry-After`. A date is relative to the response's `Date`, since a board without an RTC may have
/// the wrong time; without a `Date` the result is `None`.
fn retry_after_delay(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = retry_after.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = unix_s(retry_after)? - unix_s(date?)?;
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
}

/// Parses an HTTP date (RFC 9110 §5.6.7) to seconds of the Unix epoch.
pub(super) fn unix_s(date: &str) -> Option<i64> {
    DateTimeParser::new().parse_timestamp(date.trim()).ok().map(|at| at.as_second())
}
