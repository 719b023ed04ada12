//! What the end of a link means for the next one (protocol §4.1, §4.3).
//!
//! It is a table; when to try again is the conversation's business.

use std::time::Duration;

use crate::conversation::{CloseReason, UNAUTHORIZED_LIMIT};

/// The most patience that is granted: a service that asks for a week is asked again in an hour.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Weighs an upgrade that was answered with an HTTP status other than 101.
#[must_use]
pub fn close_reason_of_status(status: u16, retry_after: Option<Duration>) -> CloseReason {
    let requested = retry_after.map(|delay| CloseReason::RetryAfter(delay.min(RETRY_AFTER_MAX)));
    match status {
        401 => CloseReason::Unauthorized,
        429 => requested.unwrap_or(CloseReason::RetryAfter(UNAUTHORIZED_LIMIT)),
        408 | 425 | 500..=599 => requested.unwrap_or(CloseReason::Transient),
        // Redirects among them: a credential is not carried to another address.
        _ => CloseReason::Permanent,
    }
}

/// Weighs the code of a close frame, or the one that stands for its absence.
#[must_use]
pub fn close_reason_of_code(code: u16) -> CloseReason {
    match code {
        // Policy: what the service did not like once it will not like again.
        1008 => CloseReason::Permanent,
        // "Try again later", without saying when.
        1013 => CloseReason::RetryAfter(UNAUTHORIZED_LIMIT),
        // The others tell of this session and this connection, not of the next: the end of its time (1001), the
        // service's own trouble (1011, 1012), a network that ended it (1005, 1006, 1015), rules that it or mynah broke,
        // and codes that nobody has documented for it. Growing pauses keep a lasting trouble cheap.
        _ => CloseReason::Transient,
    }
}
