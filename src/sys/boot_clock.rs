//! The time since the machine was started, through suspends too: by it a token expires.
//!
//! Nobody sets this clock, unlike the time of day.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns `CLOCK_BOOTTIME` (clock_gettime(2)).
#[must_use]
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
