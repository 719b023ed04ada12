//! How many lines of others are written: a service must not flood a log or a terminal.
//!
//! It reads no clock and writes nothing.

use std::time::Duration;

/// Time in which room for one more line arises: 20 a second, more than a conversation or a start has.
const INTERVAL: Duration = Duration::from_millis(50);
/// Lines that are written at once.
const BURST: u32 = 100;

/// Counts lines, and lets only so many through.
#[derive(Debug, Default)]
pub struct LineRate {
    /// When all the room is there again.
    full_at: Duration,
    dropped: u64,
}

impl LineRate {
    /// Returns whether a line may be written at `now`, the time since any fixed moment: if so, the number of those that
    /// were dropped since the last one.
    pub fn admit(&mut self, now: Duration) -> Option<u64> {
        let full_at = self.full_at.max(now) + INTERVAL;
        if full_at > now + INTERVAL * BURST {
            self.dropped += 1;
            return None;
        }
        self.full_at = full_at;
        Some(std::mem::take(&mut self.dropped))
    }
}
