//! Plays earcons: two soft notes, falling when the service is disconnected and rising when it is reconnected.
//!
//! An earcon waits until nothing else plays, and is part of no reply. The conversation decides when one is
//! due.

use crate::audio::{PlaybackFrame, earcon};
use crate::conversation::Earcon;
use crate::protocol::RATE_HZ;

/// The earcon that waits to be played, at most one: a later one replaces an earlier.
#[derive(Debug)]
pub(super) struct EarconPlayer {
    enabled: bool,
    pending: Option<Earcon>,
}

impl EarconPlayer {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, pending: None }
    }

    /// Requests an earcon. An outage that ends before its earcon was played cancels it and needs none.
    pub(super) fn request(&mut self, earcon: Earcon) {
        self.pending = match (self.pending, earcon) {
            _ if !self.enabled => None,
            (Some(Earcon::Disconnected), Earcon::Reconnected) => None,
            (
                Some(Earcon::Disconnected | Earcon::Reconnected) | None,
                Earcon::Disconnected | Earcon::Reconnected,
            ) => Some(earcon),
        };
    }

    /// Takes the frames of the pending earcon once nothing else plays. Without a speaker it is dropped: played after a
    /// reconnect it would be out of date.
    pub(super) fn take(&mut self, is_silent: bool, has_speaker: bool) -> Option<Vec<PlaybackFrame>> {
        let earcon = self.pending.take_if(|_| is_silent || !has_speaker)?;
        let frames = match earcon {
            Earcon::Disconnected => earcon::falling(RATE_HZ),
            Earcon::Reconnected => earcon::rising(RATE_HZ),
        };
        (is_silent && has_speaker).then_some(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_over_before_its_earcon_plays_none() {
        let mut player = EarconPlayer::new(true);
        player.request(Earcon::Disconnected);
        player.request(Earcon::Reconnected);
        assert_eq!(player.pending, None);
        player.request(Earcon::Reconnected);
        assert_eq!(player.pending, Some(Earcon::Reconnected));
        let mut player = EarconPlayer::new(false);
        player.request(Earcon::Disconnected);
        assert_eq!(player.pending, None, "earcons are disabled");
    }
}
