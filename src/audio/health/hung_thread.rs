//! A sound thread that does nothing although its device is there and wanted: it is in its driver, which does not return.
//!
//! A device that moves nothing is for its thread to notice; this is for a thread that notices nothing any more. It
//! mends nothing: only the driver can, or a service manager that starts the program anew.

use std::time::Duration;

use crate::audio::error::Direction;
use crate::model::Time;

/// How long a thread may do nothing: longer than it needs to give up a device that stands still.
const LIMIT: Duration = Duration::from_millis(2500);

/// What one sound thread gets done.
#[derive(Debug, Default)]
pub struct HungThread {
    done: u64,
    /// Since when it has had work and done none.
    since: Option<Time>,
    is_hung: bool,
}

impl HungThread {
    /// Records whether the thread has work and the number of frames it has moved since the start. Returns whether it
    /// stands still when that has changed.
    pub fn update(&mut self, due: bool, done: u64, now: Time) -> Option<bool> {
        if done != self.done {
            let stood = self.is_hung;
            *self = Self { done, since: due.then_some(now), is_hung: false };
            return stood.then_some(false);
        }
        self.since = due.then(|| self.since.unwrap_or(now));
        let stands = self.is_hung || self.since.is_some_and(|since| now >= since + LIMIT);
        (stands != std::mem::replace(&mut self.is_hung, stands)).then_some(stands)
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
    pub fn sentence(end: Direction, stands: bool) -> String {
        if stands {
            format!(
                "the {end}'s driver has not answered for {} s; mynah waits for it, and a service manager starts it anew: if \
                 that happens again, take the {end} out and put it in, or restart the machine",
                LIMIT.as_secs_f32()
            )
        } else {
            format!("the {end}'s driver answers again")
        }
    }
}
