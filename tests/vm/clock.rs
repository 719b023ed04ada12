//! The guest's clock, CLOCK_MONOTONIC in nanoseconds, and sleeping by it.
//!
//! All timestamps are of this clock; ALSA and the kernel's trace use it too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const S: u64 = 1_000 * MS;

/// Returns the nanoseconds of CLOCK_MONOTONIC.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * S + time.tv_nsec.cast_unsigned()
}

pub(crate) fn sleep_ms(ms: u64) {
    sleep_ns(ms * MS);
}

pub(crate) fn sleep_ns(ns: u64) {
    std::thread::sleep(Duration::from_nanos(ns));
}

/// Polls `is_so` every millisecond for at most `ms`. Returns whether it became true.
pub(crate) fn until(ms: u64, is_so: impl Fn() -> bool) -> bool {
    let end = now() + ms * MS;
    while !is_so() {
        if now() >= end {
            return false;
        }
        sleep_ms(1);
    }
    true
}

/// Returns `from` to `to` in milliseconds.
pub(crate) fn ms_between(from: u64, to: u64) -> f64 {
    (to as f64 - from as f64) / MS as f64
}

/// Pseudo-random numbers (xorshift), the same in every run: they spread events over the time between two ticks.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Returns a number of nanoseconds below `ms` milliseconds.
    pub(crate) fn below_ms(&mut self, ms: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % (ms * MS)
    }
}
