//! How far the speaker is behind a service that believes its audio to be played as it is received, as its echo
//! cancellation does (protocol §8.4).
//!
//! It measures; what follows is up to others. It knows no samples.

use std::time::Duration;

use crate::model::Time;

/// The lag from which on the service's echo cancellation is documented to get worse.
const DOCUMENTED_LIMIT: Duration = Duration::from_secs(2);

/// The lag of what is being played.
#[derive(Debug, Default)]
pub(super) struct PlaybackLag {
    /// When the service believes that all it has sent will have been heard; `None` while nothing is to be heard.
    believed_end: Option<Time>,
    /// The longest lag since the start, once it is over the limit.
    long: Option<Duration>,
    was_told: bool,
}

impl PlaybackLag {
    /// Records that audio of this length was received.
    pub(super) fn record_received(&mut self, length: Duration, now: Time) {
        let begins = self.believed_end.map_or(now, |end| end.max(now));
        self.believed_end = Some(begins + length);
    }

    /// Records how much received audio is still to be played, and returns how late its end will be.
    pub(super) fn record_left(&mut self, left: Duration, now: Time) -> Duration {
        let Some(believed_end) = self.believed_end.filter(|_| !left.is_zero()) else {
            self.believed_end = None;
            return Duration::ZERO;
        };
        let end = now + left;
        let lag = if end > believed_end { end - believed_end } else { Duration::ZERO };
        if lag > DOCUMENTED_LIMIT {
            self.long = self.long.max(Some(lag));
        }
        lag
    }

    /// Returns, once, a lag that is longer than the service's echo cancellation allows.
    pub(super) fn take_long(&mut self) -> Option<Duration> {
        self.long.filter(|_| !std::mem::replace(&mut self.was_told, self.long.is_some()))
    }
}
