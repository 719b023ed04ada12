//! Liveness check of the background thread: a counter that the thread increments on request.
//!
//! It runs on the same executor as the other tasks, so that a blocked thread stops counting. It keeps no time
//! and judges nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Heartbeat {
    requested: Notify,
    beats: AtomicU64,
}

impl Heartbeat {
    /// Asks the thread to count one beat.
    pub(super) fn request(&self) {
        self.requested.notify_one();
    }

    /// Returns the beats counted since the start.
    pub(super) fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers requests; never returns.
    pub(super) async fn run(&self) {
        loop {
            self.requested.notified().await;
            self.beat();
        }
    }
}
