//! The time of a simulated world: nanoseconds since its beginning, moved by its scheduler alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A moment, in nanoseconds since the world's beginning.
pub(super) type At = u64;

pub(super) const US: At = 1_000;
pub(super) const MS: At = 1_000_000;
pub(super) const S: At = 1_000_000_000;

/// The time, shared by everything that is simulated.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    beginning: Instant,
    now: Arc<AtomicU64>,
}

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "a moment to count from; nothing depends on which")]
    pub(super) fn new() -> Self {
        Self { beginning: Instant::now(), now: Arc::default() }
    }

    pub(super) fn now(&self) -> At {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, at: At) {
        self.now.store(at, Ordering::Relaxed);
    }

    /// The moment as the session knows it.
    pub(super) fn instant(&self, at: At) -> Instant {
        self.beginning + Duration::from_nanos(at)
    }

    /// The session's moment as the world knows it.
    pub(super) fn at(&self, instant: Instant) -> At {
        instant.saturating_duration_since(self.beginning).as_nanos() as At
    }
}
