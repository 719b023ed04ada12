//! The timers of the session: what wakes it if no descriptor becomes ready before.
//!
//! A timer is not set: it is computed from the state of its component, so none can be forgotten or left running.

use super::Session;
use crate::model::Time;

/// What is due at the end of the wait, by component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The conversation has waited long enough: for the service, for the user, or to dial again.
    Conversation,
    /// A ping, the answer to one, or the answer to a close frame is due.
    Links,
    /// Messages are left that poll(2) does not report; at once.
    Unread,
    /// A key or button has been held, or has been quiet, for long enough.
    Inputs,
    /// The light changes by itself.
    Light,
    /// The playback lane has room for more of the reply.
    Refill,
    /// All audio in the playback lane has been played.
    Drained,
    /// In half duplex, the microphone is held back no more.
    HalfDuplex,
    /// A burst of xruns ends, or a thread counts as hung.
    Monitor,
    /// New lines of the continuous recording are written.
    Recording,
    /// The service manager's watchdog is to be fed.
    Watchdog,
    /// The light has shown for long enough why the program exits.
    Exit,
}

impl Timer {
    const ALL: [Self; 12] = [
        Self::Conversation,
        Self::Links,
        Self::Unread,
        Self::Inputs,
        Self::Light,
        Self::Refill,
        Self::Drained,
        Self::HalfDuplex,
        Self::Monitor,
        Self::Recording,
        Self::Watchdog,
        Self::Exit,
    ];
}

const _: () = assert!(Timer::ALL.len() == Timer::Exit as usize + 1, "every timer is in the table");

impl Session {
    /// Returns when the next turn is due if no descriptor becomes ready before, or `None` if no turn is due.
    #[must_use]
    pub fn deadline(&self, now: Time) -> Option<Time> {
        self.next_timer(now).map(|(at, _)| at)
    }

    /// Returns the timer that fires next, and when.
    #[must_use]
    pub fn next_timer(&self, now: Time) -> Option<(Time, Timer)> {
        let due = Timer::ALL.into_iter().filter_map(|timer| Some((self.due(timer, now)?, timer)));
        due.min_by_key(|(at, _)| *at)
    }

    fn due(&self, timer: Timer, now: Time) -> Option<Time> {
        let shell = &self.shell;
        match timer {
            Timer::Conversation => self.core.deadline(),
            Timer::Links => shell.links.deadline(),
            Timer::Unread => shell.links.has_unread().then_some(now),
            Timer::Inputs => shell.ui.input_deadline(),
            Timer::Light => shell.ui.light_deadline(shell.player.is_microphone_open()),
            Timer::Refill => shell.player.refill_deadline(now),
            Timer::Drained => shell.player.drain_deadline(now),
            Timer::HalfDuplex => shell.player.half_duplex_deadline(now),
            Timer::Monitor => shell.player.monitor_deadline(),
            Timer::Recording => shell.report.recorder.deadline(),
            Timer::Watchdog => shell.report.watchdog_deadline(),
            Timer::Exit => shell.exit.map(|(_, at)| at),
        }
    }
}
