//! Detects an audio thread that hangs in its driver: it has work, but moves no frames.
//!
//! A stalled device is noticed by its own thread; this detector runs in the session, for a thread that no longer
//! returns from a call. It cannot recover the thread: only the driver or a restart by the service manager can.

use std::time::Duration;

use crate::audio::error::Direction;
use crate::model::Time;

/// How long a thread may make no progress: longer than it needs to give up a stalled device.
const LIMIT: Duration = Duration::from_millis(2500);

/// The progress of one audio thread.
#[derive(Debug, Default)]
pub struct HungThread {
    moved: u64,
    /// Since when the thread has had work and moved no frames.
    since: Option<Time>,
    is_hung: bool,
}

impl HungThread {
    /// Records whether the thread has work, and the number of frames it has moved since the start. Returns whether it
    /// hangs, if that has changed.
    pub fn update(&mut self, has_work: bool, moved: u64, now: Time) -> Option<bool> {
        if moved != self.moved {
            let was_hung = self.is_hung;
            *self = Self { moved, since: has_work.then_some(now), is_hung: false };
            return was_hung.then_some(false);
        }
        self.since = has_work.then(|| self.since.unwrap_or(now));
        let is_hung = self.is_hung || self.since.is_some_and(|since| now >= since + LIMIT);
        (is_hung != std::mem::replace(&mut self.is_hung, is_hung)).then_some(is_hung)
    }

    #[must_use]
    pub fn is_hung(&self) -> bool {
        self.is_hung
    }

    /// Returns when to call [`update`](Self::update) again, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.since.filter(|_| !self.is_hung).map(|since| since + LIMIT)
    }

    /// Returns the message for the user: what happened, what mynah does, and the remedy.
    #[must_use]
    pub fn message(direction: Direction, is_hung: bool) -> String {
        if is_hung {
            format!(
                "the {direction} driver has not responded for {} s; mynah waits for it, and the service manager restarts \
                 mynah. If this happens again, unplug the {direction} and plug it in again, or reboot",
                LIMIT.as_secs_f32()
            )
        } else {
            format!("the {direction} driver responds again")
        }
    }
}
