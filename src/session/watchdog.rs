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
    pub errands: ThreadWork,
}

/// The watchdog as its ward sees it.
#[derive(Debug)]
pub struct Watchdog {
    every: Duration,
    next: Time,
    seen: ThreadProgress,
}

impl Watchdog {
    /// Makes one for a manager with this much `patience` (`WatchdogSec=`).
    #[must_use]
    pub fn new(patience: Duration, now: Time) -> Self {
        Self { every: patience / CHECKS_PER_TIMEOUT, next: now, seen: ThreadProgress::default() }
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
        self.next = now + self.every;
        let moves =
            |before: ThreadWork, after: ThreadWork| !(before.due && after.due) || after.done != before.done;
        let well = moves(self.seen.microphone, progress.microphone)
            && moves(self.seen.speaker, progress.speaker)
            && moves(self.seen.errands, progress.errands);
        self.seen = progress;
        well
    }
}

impl Session {
    pub(super) fn feed_watchdog(&mut self, now: Time) {
        let Some(watchdog) = &mut self.watchdog else { return };
        let counters = self.audio.counters();
        let progress = ThreadProgress {
            microphone: ThreadWork { due: self.audio.capture.is_open(), done: counters.captured.get() },
            speaker: ThreadWork { due: self.missing.playback.is_none(), done: counters.played.get() },
            errands: ThreadWork { due: true, done: self.background.heartbeats() },
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
    tell(NotifyState::Ready);
}

/// Tells the manager that all is well.
pub(super) fn feed() {
    tell(NotifyState::Watchdog);
}

/// Tells the manager that the end is wanted.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(what: NotifyState<'_>) {
    // Without a manager this does nothing; a manager that cannot be told will act on its own.
    let _ = sd_notify::notify(&[what]);
}
