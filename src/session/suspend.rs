//! Detects that the machine was suspended: the boot clock counts suspend time, the session's clock does not
//! (clock_gettime(2)).
//!
//! No deadline passes during a suspend, so a link that the service closed long ago still looks alive. It
//! reads no clock itself.

use std::time::Duration;

/// Shorter differences are clock adjustments, not suspends.
const SUSPEND_MIN: Duration = Duration::from_secs(1);

/// Compares total suspend times.
#[derive(Debug)]
pub struct SuspendDetector {
    suspended: Duration,
}

impl SuspendDetector {
    /// Creates a detector for a machine whose total suspend time is `suspended`.
    #[must_use]
    pub fn new(suspended: Duration) -> Self {
        Self { suspended }
    }

    /// Records the total suspend time, and returns the duration of a suspend since the last call.
    pub fn update(&mut self, suspended: Duration) -> Option<Duration> {
        let new = suspended.saturating_sub(self.suspended);
        let is_sleep = new >= SUSPEND_MIN;
        if is_sleep {
            self.suspended = suspended;
        }
        is_sleep.then_some(new)
    }
}
