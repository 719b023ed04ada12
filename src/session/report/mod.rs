//! Reports of the session: log lines with a rate limit, the flight recorder, and the service manager's watchdog.
//!
//! It changes nothing that it reports. It prints nothing to the terminal and writes no file: messages and recordings
//! are returned.

pub(super) mod log;
pub(super) mod recorder;
pub(super) mod watchdog;

use std::time::Duration;

use crate::conversation::{Conversation, Mode};
use crate::model::Time;
use crate::recorder::RecordingTrigger;

use log::StatusReporter;
use recorder::{RecordingConfig, SessionRecorder};
use watchdog::{ThreadProgress, Watchdog};

/// Everything that reports what happens.
pub(super) struct Report {
    pub(super) log: StatusReporter,
    pub(super) recorder: SessionRecorder,
    watchdog: Option<Watchdog>,
}

impl Report {
    /// Creates the reports of a session in `mode` whose jitter has this `seed`.
    pub(super) fn new(
        recording: RecordingConfig,
        watchdog_timeout: Option<Duration>,
        session: (Mode, u64),
        conversation: &Conversation,
        now: Time,
    ) -> Self {
        Self {
            log: StatusReporter::default(),
            recorder: SessionRecorder::new(recording, session, conversation, now),
            watchdog: watchdog_timeout.map(|timeout| Watchdog::new(timeout, now)),
        }
    }

    /// Returns whether [`handle_progress`](Self::handle_progress) is due.
    pub(super) fn is_watchdog_due(&self, now: Time) -> bool {
        self.watchdog_deadline().is_some_and(|deadline| now >= deadline)
    }

    /// Feeds the service manager's watchdog if every thread with work has made progress, and records a fault if one
    /// has not.
    pub(super) fn handle_progress(&mut self, progress: ThreadProgress, now: Time) {
        let Some(watchdog) = &mut self.watchdog else { return };
        if watchdog.check(progress, now) {
            watchdog::feed();
        } else {
            self.recorder.record_fault(RecordingTrigger::Starved, now);
        }
    }

    /// Returns when the watchdog is to be fed, if the service manager has one.
    pub(super) fn watchdog_deadline(&self) -> Option<Time> {
        self.watchdog.as_ref().map(Watchdog::deadline)
    }
}
