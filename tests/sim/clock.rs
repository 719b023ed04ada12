//! The time of a simulated world: nanoseconds since its beginning, moved by its scheduler alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A moment, in nanoseconds since the world's beginning.
pub(super) type At = u64;

pub(super) const US: At = 1_000;
pub(super) const MS: At = 1_000_000;
pub(super) const S: At = 1_000_000_000;

/// The time, shared by everything that is simulated.
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
