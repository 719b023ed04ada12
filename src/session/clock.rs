//! The session's clock: the only place that reads the monotonic clock.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::model::Time;

/// The monotonic clock, counted from [`Clock::start`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(read())
    }

    pub(super) fn now(self) -> Time {
        Time::ZERO + read().saturating_duration_since(self.0)
    }
}

/// Returns the time since it was first called, for the log, which has lines before and after a session.
#[must_use]
pub fn uptime() -> Duration {
    static START: LazyLock<Clock> = LazyLock::new(Clock::start);
    Duration::from_nanos(START.now().as_nanos())
}

#[expect(clippy::disallowed_methods, reason = "the only call; all other code gets the time as an argument")]
fn read() -> Instant {
    Instant::now()
}

/// Returns the total suspend time since boot: `CLOCK_BOOTTIME` - `CLOCK_MONOTONIC` (clock_gettime(2)).
pub(super) fn suspended() -> Duration {
    // The time between the two readings is far below `SUSPEND_MIN`.
    let [awake, all] = [ClockId::Monotonic, ClockId::Boottime].map(|clock| {
        let time = clock_gettime(clock);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    });
    all.saturating_sub(awake)
}
