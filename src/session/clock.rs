//! The one clock of the program.

use std::time::Instant;

/// Reads it.
#[expect(clippy::disallowed_methods, reason = "the one call that everybody else is forbidden")]
pub(super) fn now() -> Instant {
    Instant::now()
}
