//! The service manager's watchdog (sd_notify(3)), fed by the progress of the threads and not by a timer.
//!
//! It restarts nothing itself: when a thread stalls it stops feeding, and the service manager restarts the
//! program.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::model::Time;

/// Checks of the progress within one watchdog timeout.
const CHECKS_PER_TIMEOUT: u32 = 3;

/// The work of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadWork {
    /// Whether the thread has work: its device is present and in use, or a heartbeat was requested.
    pub due: bool,
    /// Frames processed, or heartbeats answered, since the start.
    pub done: u64,
}

/// The work of all threads but the session, which proves its own progress by checking. Links have their own
/// timeouts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadProgress {
    pub microphone: ThreadWork,
    pub speaker: ThreadWork,
    pub background: ThreadWork,
}

/// Decides when to feed the service manager's watchdog.
#[derive(Debug)]
pub struct Watchdog {
    interval: Duration,
    next: Time,
    last: ThreadProgress,
}

impl Watchdog {
    /// Creates a watchdog for a service manager with this `timeout` (`WatchdogSec=`).
    #[must_use]
    pub fn new(timeout: Duration, now: Time) -> Self {
        Self { interval: timeout / CHECKS_PER_TIMEOUT, next: now, last: ThreadProgress::default() }
    }

    /// Returns when to check again.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.next
    }

    /// Returns whether to feed the watchdog now: a check is due, and every thread that has had work since the
    /// last check has done some. A thread whose work has just begun has until the next check.
    pub fn check(&mut self, progress: ThreadProgress, now: Time) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + self.interval;
        let progressed =
            |before: ThreadWork, after: ThreadWork| !(before.due && after.due) || after.done != before.done;
        let all_progressed = progressed(self.last.microphone, progress.microphone)
            && progressed(self.last.speaker, progress.speaker)
            && progressed(self.last.background, progress.background);
        self.last = progress;
        all_progressed
    }
}

/// Reports `READY=1`: the start is complete.
pub(in crate::session) fn ready() {
    notify(NotifyState::Ready);
}

/// Reports `WATCHDOG=1`.
pub(in crate::session) fn feed() {
    notify(NotifyState::Watchdog);
}

/// Reports `STOPPING=1`: the exit is intended.
pub(in crate::session) fn stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    // Without a service manager this does nothing; one that cannot be reached restarts the program by itself.
    let _ = sd_notify::notify(&[state]);
}
