//! The one clock of the program.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::model::Time;

/// A clock that began to count when it was started.
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

#[expect(clippy::disallowed_methods, reason = "the one call that everybody else is forbidden")]
fn read() -> Instant {
    Instant::now()
}

/// Returns how long the machine has slept since it was started: what the boot clock has gone on without the other.
pub(super) fn suspended() -> Duration {
    // What comes in between the two readings is far less than a sleep.
    let [awake, all] = [ClockId::Monotonic, ClockId::Boottime].map(|clock| {
        let time = clock_gettime(clock);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    });
    all.saturating_sub(awake)
}
