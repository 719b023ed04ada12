//! A sound thread that does nothing although its device is there and wanted: it is in its driver, which does not return.
//!
//! A device that moves nothing is for its thread to notice; this is for a thread that notices nothing any more. It
//! mends nothing: only the driver can, or a service manager that starts the program anew.

use std::time::Duration;

use crate::audio::error::Direction;
use crate::model::Time;

/// How long a thread may do nothing: longer than it needs to give up a device that stands still.
const LIMIT: Duration = Duration::from_millis(2500);

/// What one sound thread gets moved.
#[derive(Debug, Default)]
pub struct HungThread {
    moved: u64,
    /// Since when it has had work and moved none.
    since: Option<Time>,
    is_hung: bool,
}

impl HungThread {
    /// Records whether the thread has work and the number of frames it has moved since the start. Returns whether it
    /// stands still when that has changed.
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

    /// Tells whether it stands still.
    #[must_use]
    pub fn is_hung(&self) -> bool {
        self.is_hung
    }

    /// Names the time to look again, if it does nothing before.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.since.filter(|_| !self.is_hung).map(|since| since + LIMIT)
    }

    /// Says what has become of the thread of this device, what mynah does about it, and what its owner can do.
    #[must_use]
    pub fn sentence(direction: Direction, is_hung: bool) -> String {
        if is_hung {
            format!(
                "the {direction}'s driver has not answered for {} s; mynah waits for it, and a service manager starts it anew: if \
                 that happens again, take the {direction} out and put it in, or restart the machine",
                LIMIT.as_secs_f32()
            )
        } else {
            format!("the {direction}'s driver answers again")
        }
    }
}
