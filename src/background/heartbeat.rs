//! A sign of life of the errands thread, given only when it is asked for.
//!
//! Whatever keeps the thread from its other errands keeps it from this one, too.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Heartbeat {
    requested: Notify,
    beats: AtomicU64,
}

impl Heartbeat {
    /// Has the thread give one more sign.
    pub(super) fn request(&self) {
        self.requested.notify_one();
    }

    /// Counts the signs since the start.
    pub(super) fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers for ever.
    pub(super) async fn run(&self) {
        loop {
            self.requested.notified().await;
            self.beat();
        }
    }
}
