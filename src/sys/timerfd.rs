//! A timerfd (timerfd_create(2)) on CLOCK_MONOTONIC: its descriptor becomes readable at expiry, once or
//! periodically.
//!
//! It reads no clock and does not wait; the caller polls it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// A timer that can be polled.
#[derive(Debug)]
pub struct TimerFd {
    fd: OwnedFd,
}

impl TimerFd {
    /// Creates a disarmed timer.
    ///
    /// # Errors
    /// Returns the system's error, such as that no file descriptor is left.
    pub fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { fd })
    }

    /// Arms the timer to expire once, `after` from now; `None` disarms it.
    pub fn set(&self, after: Option<Duration>) {
        self.arm(after.map_or(Duration::ZERO, at_least_1_ns), Duration::ZERO);
    }

    /// Arms the timer to expire every `period`.
    pub fn set_periodic(&self, period: Duration) {
        let period = at_least_1_ns(period);
        self.arm(period, period);
    }

    /// Clears the expirations since the last call and returns their number.
    pub fn drain(&self) -> u64 {
        let mut count = [0; 8];
        // Fails if there was none.
        rustix::io::read(&self.fd, &mut count).map_or(0, |_| u64::from_ne_bytes(count))
    }

    fn arm(&self, first: Duration, period: Duration) {
        let times = Itimerspec { it_interval: timespec(period), it_value: timespec(first) };
        // Fails only for a time out of range, which `timespec` never returns.
        let _ = timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &times);
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Zero would disarm the timer.
fn at_least_1_ns(time: Duration) -> Duration {
    time.max(Duration::from_nanos(1))
}

fn timespec(time: Duration) -> Timespec {
    Timespec::try_from(time).unwrap_or(Timespec { tv_sec: i64::from(i32::MAX), tv_nsec: 0 })
}
