//! Conversion of kernel timestamps of edges (CLOCK_MONOTONIC) to the session's time.
//!
//! It never reads the session's clock: the age of an edge is CLOCK_MONOTONIC now minus its timestamp.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::model::Time;

/// The session's time and CLOCK_MONOTONIC at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct ClockOffset {
    now: Time,
    monotonic: Duration,
}

impl ClockOffset {
    /// Pairs the session's `now` with the value of CLOCK_MONOTONIC.
    #[must_use]
    pub fn new(now: Time, monotonic: Duration) -> Self {
        Self { now, monotonic }
    }

    /// Pairs the session's `now` with CLOCK_MONOTONIC, which it reads (clock_gettime(2)).
    pub(crate) fn read(now: Time) -> Self {
        // Never negative: it counts from boot.
        let monotonic = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
        Self::new(now, monotonic)
    }

    /// Converts a timestamp to the session's time, clamped between its start and now.
    #[must_use]
    pub fn at(&self, stamp: Duration) -> Time {
        self.now - self.monotonic.saturating_sub(stamp)
    }

    /// Returns the session's time at which the offset was read.
    pub(crate) fn now(&self) -> Time {
        self.now
    }
}
