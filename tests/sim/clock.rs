//! The simulated clock: nanoseconds since the start of the run. Only the scheduler advances it, and
//! a device that works on a flood.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A time, in nanoseconds since the start of the run.
pub(crate) type At = u64;

pub(crate) const US: At = 1_000;
pub(crate) const MS: At = 1_000_000;
pub(crate) const S: At = 1_000_000_000;

/// The current time, shared by every simulated part.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    now: Arc<AtomicU64>,
}

impl Clock {
    pub(super) fn now(&self) -> At {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, at: At) {
        self.now.store(at, Ordering::Relaxed);
    }
}
