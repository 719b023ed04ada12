//! The kernel's stamps of edges (CLOCK_MONOTONIC) as the session's time.
//!
//! It never reads the session's clock: an edge is as much older than now as its stamp is older than the
//! kernel's clock.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::model::Time;

/// The session's time and the kernel's at one moment.
#[derive(Clone, Copy, Debug)]
pub struct ClockOffset {
    now: Time,
    monotonic: Duration,
}

impl ClockOffset {
    /// Pairs the session's `now` with what CLOCK_MONOTONIC says, as a time since its beginning.
    #[must_use]
    pub fn new(now: Time, monotonic: Duration) -> Self {
        Self { now, monotonic }
    }

    /// Pairs the session's `now` with what CLOCK_MONOTONIC says right now.
    pub(crate) fn read(now: Time) -> Self {
        // It counts from the machine's start, so it is never negative.
        let monotonic = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
        Self::new(now, monotonic)
    }

    /// Gives the session's time of what happened at `stamp`; nothing happens later than now, or before its start.
    #[must_use]
    pub fn at(&self, stamp: Duration) -> Time {
        self.now - self.monotonic.saturating_sub(stamp)
    }

    /// Gives the session's now.
    pub(crate) fn now(&self) -> Time {
        self.now
    }
}
