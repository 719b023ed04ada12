//! The kernel's stamps of edges (CLOCK_MONOTONIC) as the session's time.
//!
//! It never reads the session's clock: an edge is as much older than now as its stamp is older than the
//! kernel's clock.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The session's time and the kernel's at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Stamps {
    now: Instant,
    monotonic: Duration,
}

impl Stamps {
    /// Pairs the session's `now` with what CLOCK_MONOTONIC says, as a time since its beginning.
    #[must_use]
    pub fn new(now: Instant, monotonic: Duration) -> Self {
        Self { now, monotonic }
    }

    /// Pairs the session's `now` with what CLOCK_MONOTONIC says right now.
    pub(super) fn read(now: Instant) -> Self {
        // It counts from the machine's start, so it is never negative.
        let monotonic = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
        Self::new(now, monotonic)
    }

    /// Gives the session's time of what happened at `stamp`; nothing happens later than now.
    #[must_use]
    pub fn at(&self, stamp: Duration) -> Instant {
        self.now.checked_sub(self.monotonic.saturating_sub(stamp)).unwrap_or(self.now)
    }

    /// Gives the session's now.
    pub(super) fn now(&self) -> Instant {
        self.now
    }
}
