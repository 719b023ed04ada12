//! The service manager's watchdog (sd_notify(3)), fed by what the threads get done and not by a timer.
//!
//! It restarts nothing itself: where the sound stands still it stays silent, and the manager acts.

use std::time::Duration;

use sd_notify::NotifyState;

use super::Session;
use crate::model::Time;
use crate::recorder::RecordingTrigger;

/// How often within the manager's patience the progress is looked at.
const CHECKS_PER_TIMEOUT: u32 = 3;

/// What a thread has done, and whether it has anything to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadWork {
    /// Whether it has: its device is there and wanted, or it was asked for a sign.
    pub due: bool,
    /// Frames it has moved, or signs it has given, since the start.
    pub done: u64,
}

/// What the threads have done. The session's own progress is that it looks, and the link has a limit of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadProgress {
    pub microphone: ThreadWork,
    pub speaker: ThreadWork,
    pub background: ThreadWork,
}

/// The watchdog as its ward sees it.
#[derive(Debug)]
pub struct Watchdog {
    interval: Duration,
    next: Time,
    last: ThreadProgress,
}

impl Watchdog {
    /// Makes one for a manager with this much `timeout` (`WatchdogSec=`).
    #[must_use]
    pub fn new(timeout: Duration, now: Time) -> Self {
        Self { interval: timeout / CHECKS_PER_TIMEOUT, next: now, last: ThreadProgress::default() }
    }

    /// Names the time to look again.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.next
    }

    /// Tells whether the watchdog is to be fed now: it is time, and whoever had work since the last time has
    /// done some. Whoever has only just been given work has until the next time.
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

impl Session {
    pub(super) fn feed_watchdog(&mut self, now: Time) {
        let Some(watchdog) = &mut self.watchdog else { return };
        let counters = self.audio.counters();
        let progress = ThreadProgress {
            microphone: ThreadWork { due: self.audio.capture.is_open(), done: counters.captured.get() },
            speaker: ThreadWork { due: self.missing.playback.is_none(), done: counters.played.get() },
            background: ThreadWork { due: true, done: self.background.heartbeats() },
        };
        let due = now >= watchdog.deadline();
        if due {
            self.background.request_heartbeat();
        }
        if watchdog.check(progress, now) {
            feed();
        } else if due {
            self.record_fault(RecordingTrigger::Starved, now);
        }
    }
}

/// Tells the manager that the device is at work.
pub(super) fn ready() {
    notify(NotifyState::Ready);
}

/// Tells the manager that all is well.
pub(super) fn feed() {
    notify(NotifyState::Watchdog);
}

/// Tells the manager that the end is wanted.
pub(super) fn stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    // Without a manager this does nothing; a manager that cannot be told will act on its own.
    let _ = sd_notify::notify(&[state]);
}
