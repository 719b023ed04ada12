//! What the end of a link means for the next one (protocol §4.1, §4.3).
//!
//! It is a table; when to try again is the conversation's business.

use std::time::Duration;

use crate::conversation::Loss;

/// How long to wait after "too many requests" without a `Retry-After`.
const PATIENCE: Duration = Duration::from_secs(10);

/// Weighs an upgrade that was answered with an HTTP status other than 101.
#[must_use]
pub fn loss_of_status(status: u16, retry_after: Option<Duration>) -> Loss {
    match status {
        429 => Loss::Later(retry_after.unwrap_or(PATIENCE)),
        503 => retry_after.map_or(Loss::Broken, Loss::Later),
        408 | 425 | 500..=599 => Loss::Broken,
        // Redirects among them: a credential is not carried to another address.
        _ => Loss::Refused,
    }
}

/// Weighs the code of a close frame.
#[must_use]
pub fn loss_of_close(code: u16) -> Loss {
    match code {
        // Policy: what the service did not like once it will not like again.
        1008 => Loss::Refused,
        _ => Loss::Broken,
    }
}
