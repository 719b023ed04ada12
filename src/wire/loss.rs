//! What the end of a link means for the next one (protocol §4.1, §4.3).
//!
//! It is a table; when to try again is the conversation's business.

use std::time::Duration;

use crate::conversation::{Loss, PATIENCE};

/// The most patience that is granted: a service that asks for a week is asked again in an hour.
const LONGEST_PATIENCE: Duration = Duration::from_secs(3600);

/// Weighs an upgrade that was answered with an HTTP status other than 101.
#[must_use]
pub fn loss_of_status(status: u16, retry_after: Option<Duration>) -> Loss {
    let named = retry_after.map(|patience| Loss::Later(patience.min(LONGEST_PATIENCE)));
    match status {
        401 => Loss::Denied,
        429 => named.unwrap_or(Loss::Later(PATIENCE)),
        408 | 425 | 500..=599 => named.unwrap_or(Loss::Broken),
        // Redirects among them: a credential is not carried to another address.
        _ => Loss::Refused,
    }
}

/// Weighs the code of a close frame, or the one that stands for its absence.
#[must_use]
pub fn loss_of_close(code: u16) -> Loss {
    match code {
        // Policy: what the service did not like once it will not like again.
        1008 => Loss::Refused,
        // "Try again later", without saying when.
        1013 => Loss::Later(PATIENCE),
        // The others tell of this session and this connection, not of the next: the end of its time (1001), the
        // service's own trouble (1011, 1012), a network that ended it (1005, 1006, 1015), rules that it or mynah broke,
        // and codes that nobody has documented for it. Growing pauses keep a lasting trouble cheap.
        _ => Loss::Broken,
    }
}
