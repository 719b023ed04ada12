//! Plays earcons: two soft notes, falling when the service is disconnected and rising when it is reconnected.
//!
//! An earcon waits until nothing else plays, and is part of no reply. The conversation decides when one is
//! due.

use crate::audio::earcon;
use crate::conversation::Earcon;
use crate::protocol::RATE_HZ;
use crate::session::Session;

/// The earcon that waits to be played, at most one: a later one replaces an earlier.
#[derive(Debug)]
pub(in crate::session) struct EarconPlayer {
    enabled: bool,
    pending: Option<Earcon>,
}

impl EarconPlayer {
    pub(in crate::session) fn new(enabled: bool) -> Self {
        Self { enabled, pending: None }
    }

    /// Requests an earcon. An outage that ends before its earcon was played cancels it and needs none.
    pub(in crate::session) fn request(&mut self, earcon: Earcon) {
        self.pending = match (self.pending, earcon) {
            _ if !self.enabled => None,
            (Some(Earcon::Disconnected), Earcon::Reconnected) => None,
            (
                Some(Earcon::Disconnected | Earcon::Reconnected) | None,
                Earcon::Disconnected | Earcon::Reconnected,
            ) => Some(earcon),
        };
    }
}

impl Session {
    /// Plays the pending earcon if nothing else is playing.
    pub(in crate::session) fn play_earcon(&mut self) {
        let silent = !self.downlink.is_waiting()
            && self.ledger.unplayed_frames(self.audio.playback.played_position()) == 0;
        let has_speaker = self.monitor.missing().playback.is_none();
        // Without a speaker it is dropped: played after a reconnect it would be out of date.
        if let Some(earcon) = self.earcons.pending.take_if(|_| silent || !has_speaker)
            && silent
            && has_speaker
        {
            let frames = match earcon {
                Earcon::Disconnected => earcon::falling(RATE_HZ),
                Earcon::Reconnected => earcon::rising(RATE_HZ),
            };
            // The lane is empty, so the whole earcon fits.
            let _ = self.audio.playback.write(&frames);
        }
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
