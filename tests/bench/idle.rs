//! The CPU time of wake-ups alone on this machine: the floor of a whole conversation.
//!
//! Two threads, as in mynah: a timer wakes one every 10 ms, and that one wakes the other through an eventfd. They do
//! nothing else. On a busy machine this alone may exceed a goal that was set for an idle one.

use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

const TICKS: u32 = 300;
const PERIOD: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// Returns the CPU seconds per minute of both threads. Takes three seconds.
pub(crate) fn cpu_s_per_minute() -> f64 {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::empty()).unwrap();
    let every = Itimerspec { it_interval: PERIOD, it_value: PERIOD };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every).unwrap();
    let wake_fd = eventfd(0, EventfdFlags::empty()).unwrap();
    let (wake_fd, timer) = (&wake_fd, &timer);
    let notify = |count: u64| {
        rustix::io::write(wake_fd, &count.to_ne_bytes()).unwrap();
    };
    let used = std::thread::scope(|scope| {
        let woken = scope.spawn(|| wait_ticks(wake_fd, |_| ()));
        wait_ticks(timer, notify) + woken.join().unwrap()
    });
    used.as_secs_f64() / (f64::from(TICKS) * 0.01) * 60.0
}

/// Waits for [`TICKS`] ticks of `fd`, calls `then` after each wake-up, and returns the thread's CPU time.
fn wait_ticks(fd: &OwnedFd, then: impl Fn(u64)) -> Duration {
    let began = clock_gettime(ClockId::ThreadCPUTime);
    let mut ticks = 0;
    while ticks < u64::from(TICKS) {
        poll(&mut [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)], None).unwrap();
        // Missed ticks are read as one number.
        let mut count = [0; 8];
        rustix::io::read(fd, &mut count).unwrap();
        let count = u64::from_ne_bytes(count);
        ticks += count;
        then(count);
    }
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - began).unwrap()
}
