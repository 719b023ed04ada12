//! Estimates what the client plays: the service assumes that a reply is played in real time from when it is
//! sent.
//!
//! It never learns the real position, except by truncation.

use super::dsp::{SAMPLES_PER_MS, power_db};
use std::time::Duration;

/// The reply that is presumably playing.
#[derive(Debug, Default)]
pub(super) struct PlaybackClock {
    item_id: String,
    from: Duration,
    until: Duration,
    square_sum: f64,
    samples: u64,
}

impl PlaybackClock {
    /// Starts the audio of `item_id`: now, or when the previous audio has ended.
    pub(super) fn start(&mut self, item_id: &str, now: Duration) {
        let from = now.max(self.until);
        *self = Self { item_id: item_id.to_owned(), from, until: from, square_sum: 0.0, samples: 0 };
    }

    /// Adds audio that was sent.
    pub(super) fn extend(&mut self, samples: &[i16], now: Duration) {
        let length = Duration::from_micros((samples.len() * 1000 / SAMPLES_PER_MS) as u64);
        self.until = self.until.max(now) + length;
        self.square_sum += samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>();
        self.samples += samples.len() as u64;
    }

    /// Stops playback; returns the item that was playing and its played position in milliseconds.
    pub(super) fn stop(&mut self, now: Duration) -> Option<(String, u32)> {
        if self.until <= now {
            return None;
        }
        self.until = now;
        let played_ms = now.saturating_sub(self.from).as_millis();
        let sent_ms = u128::from(self.samples / SAMPLES_PER_MS as u64);
        Some((self.item_id.clone(), u32::try_from(played_ms.min(sent_ms)).unwrap_or(u32::MAX)))
    }

    /// Stops playback of `item_id`, which the client has truncated or deleted.
    pub(super) fn drop_item(&mut self, item_id: &str, now: Duration) {
        if self.item_id == item_id {
            self.stop(now);
        }
    }

    /// Returns the level of the reply so far in dBFS; `None` if nothing is playing.
    pub(super) fn level_db(&self, now: Duration) -> Option<f32> {
        (self.until > now).then(|| power_db((self.square_sum / self.samples.max(1) as f64) as f32))
    }
}
