//! Classifies the end of a connection: whether and when a new one may succeed (protocol §4.1, §4.3).
//!
//! It is a table. The back-off belongs to the conversation.

use std::time::Duration;

use crate::conversation::{CloseReason, RATE_LIMIT_HOLD_OFF};

/// Limit of `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Classifies an upgrade that was answered with an HTTP status other than 101.
#[must_use]
pub fn close_reason_of_status(status: u16, retry_after: Option<Duration>) -> CloseReason {
    let requested = retry_after.map(|delay| CloseReason::RetryAfter(delay.min(RETRY_AFTER_MAX)));
    match status {
        401 => CloseReason::Unauthorized,
        429 => requested.unwrap_or(CloseReason::RetryAfter(RATE_LIMIT_HOLD_OFF)),
        408 | 425 | 500..=599 => requested.unwrap_or(CloseReason::Transient),
        // Redirects included: the credential must not be sent to another host.
        _ => CloseReason::Permanent,
    }
}

/// Classifies a close code: that of the close frame, 1005 or 1006.
#[must_use]
pub fn close_reason_of_code(code: u16) -> CloseReason {
    match code {
        // Policy violation: a retry would violate the same policy.
        1008 => CloseReason::Permanent,
        // "Try again later", without a time.
        1013 => CloseReason::RetryAfter(RATE_LIMIT_HOLD_OFF),
        // The others concern this session or connection only: session time over (1001), error of the service
        // (1011, 1012), network (1005, 1006, 1015), protocol errors, undocumented codes. Back-off limits the
        // cost of a persistent error.
        _ => CloseReason::Transient,
    }
}
