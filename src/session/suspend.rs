//! That the machine has slept: its boot clock goes on then, and the session's stands still (clock_gettime(2)).
//!
//! No deadline passes in a sleep, so a link that the other end gave up long ago looks alive. It reads no clock.

use std::time::Duration;

/// The least that counts as a sleep.
const SUSPEND_MIN: Duration = Duration::from_secs(1);

/// How long the machine has slept since it was started.
#[derive(Debug)]
pub struct SuspendDetector {
    suspended: Duration,
}

impl SuspendDetector {
    /// Begins with a machine that has `slept` for so long in all.
    #[must_use]
    pub fn new(suspended: Duration) -> Self {
        Self { suspended }
    }

    /// Notes how long it has slept in all, and tells for how long it has just slept.
    pub fn update(&mut self, suspended: Duration) -> Option<Duration> {
        let new = suspended.saturating_sub(self.suspended);
        let is_sleep = new >= SUSPEND_MIN;
        if is_sleep {
            self.suspended = suspended;
        }
        is_sleep.then_some(new)
    }
}
