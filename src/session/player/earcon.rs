//! What the owner hears of the link: two soft notes, falling when it is lost and rising when it is back.
//!
//! They wait until nothing else is heard, and are no part of any reply. Whether there is something to tell is the
//! conversation's to say.

use crate::audio::earcon;
use crate::conversation::Earcon;
use crate::protocol::RATE_HZ;
use crate::session::Session;

/// What is to be heard, and is not yet. One tone: a later one says more than an earlier.
#[derive(Debug)]
pub(in crate::session) struct EarconPlayer {
    /// Whether the owner wants to hear anything of it.
    enabled: bool,
    pending: Option<Earcon>,
}

impl EarconPlayer {
    pub(in crate::session) fn new(enabled: bool) -> Self {
        Self { enabled, pending: None }
    }

    /// Takes in what the owner is to hear. An outage that is over before it could be heard of is none.
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
    /// Lets the owner hear what waits, if nothing else is heard.
    pub(in crate::session) fn play_earcon(&mut self) {
        let silent = !self.downlink.is_waiting()
            && self.ledger.unplayed_frames(self.audio.playback.played_position()) == 0;
        // Without a speaker it would be heard when that is back, and be untrue.
        if let Some(earcon) = self.earcons.pending.take_if(|_| silent || self.missing.playback.is_some())
            && silent
            && self.missing.playback.is_none()
        {
            let frames = match earcon {
                Earcon::Disconnected => earcon::falling(RATE_HZ),
                Earcon::Reconnected => earcon::rising(RATE_HZ),
            };
            // The lane is empty, so all of it fits.
            let _ = self.audio.playback.write(&frames);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_that_nobody_could_hear_of_ends_unheard() {
        let mut player = EarconPlayer::new(true);
        player.request(Earcon::Disconnected);
        player.request(Earcon::Reconnected);
        assert_eq!(player.pending, None);
        player.request(Earcon::Reconnected);
        assert_eq!(player.pending, Some(Earcon::Reconnected));
        let mut player = EarconPlayer::new(false);
        player.request(Earcon::Disconnected);
        assert_eq!(player.pending, None, "an owner who wants none hears none");
    }
}
