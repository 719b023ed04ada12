//! The one clock of the program.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Reads it.
#[expect(clippy::disallowed_methods, reason = "the one call that everybody else is forbidden")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Returns how long the machine has slept since it was started: what the boot clock has gone on without the other.
pub(super) fn slept() -> Duration {
    // What comes in between the two readings is far less than a sleep.
    let [awake, all] = [ClockId::Monotonic, ClockId::Boottime].map(|clock| {
        let time = clock_gettime(clock);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    });
    all.saturating_sub(awake)
}
