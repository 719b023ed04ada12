//! Keeps what the canceller has learned across restarts: as bytes, which somebody else reads and writes.
//!
//! The capture thread copies it after a reply to where the session finds it ([`EchoStatus`]); here it is decided when that
//! is worth a write. It opens no file, and waits for no thread.

use std::path::Path;
use std::time::Duration;

use super::AlsaDevices;
use super::device_canceller::{DeviceCanceller, EchoStatus};
use crate::echo::{EchoResponse, KeptResponseError};
use crate::model::Time;
use crate::sys::alsa_proc::read_cards;

/// How often what is learned is returned at most, besides the end of the session. The file has 24 KB: that is 48 writes and
/// 1.2 MB a day, 0.4 GB a year. Even if a card erased 4 MB for each write, it were 70 GB a year, nine times all of a card
/// of 8 GB, whose cells stand hundreds of times.
const KEEP_INTERVAL: Duration = Duration::from_secs(30 * 60);
/// By which part of its energy a response has to change to be returned again: an echo that is removed by 30 dB would
/// then be removed by less.
const CHANGED: f32 = 1e-3;

/// Decides when to keep what the canceller has learned.
#[derive(Debug)]
pub struct EchoKeeper {
    /// What the response depends on.
    setup: String,
    kept: Option<EchoResponse>,
    /// How many responses the capture thread had copied when the last one was taken.
    taken: u64,
    not_before: Time,
}

impl EchoKeeper {
    /// Creates a keeper of responses that belong to `setup`, see [`AlsaDevices::echo_setup`].
    #[must_use]
    pub fn new(setup: String) -> EchoKeeper {
        EchoKeeper { setup, kept: None, taken: 0, not_before: Time::ZERO }
    }

    /// Lets the canceller start from the bytes that an [`EchoKeeper`] of the same set-up has returned.
    ///
    /// # Errors
    /// Returns why they are of no use. The canceller is as it was.
    pub fn restore(
        &mut self,
        bytes: &[u8],
        canceller: &mut DeviceCanceller,
    ) -> Result<(), KeptResponseError> {
        let response = EchoResponse::decode(bytes, &self.setup)?;
        if !canceller.restore(&response) {
            return Err(KeptResponseError::Implausible);
        }
        self.kept = Some(response);
        Ok(())
    }

    /// Returns the bytes to keep, if there is something new and it is time, or the session ends.
    pub(super) fn poll(&mut self, status: &EchoStatus, is_ending: bool, now: Time) -> Option<Vec<u8>> {
        if !is_ending && now < self.not_before {
            return None;
        }
        let response = status.learned(&mut self.taken)?;
        self.not_before = now + KEEP_INTERVAL;
        if self.kept.as_ref().is_some_and(|kept| !has_changed(kept, &response)) {
            return None;
        }
        let bytes = response.encode(&self.setup);
        self.kept = Some(response);
        Some(bytes)
    }
}

impl AlsaDevices {
    /// Returns a name of all that an echo depends on before the reference and behind it: the cards below `root`, the devices and
    /// channels on them, the microphone's gain and all mixer controls. The volume of replies is not in it: the reference
    /// comes after that.
    #[must_use]
    pub fn echo_setup(&self, root: &Path) -> String {
        let AlsaDevices { microphone, speaker, controls, .. } = self;
        let mut cards: Vec<_> = read_cards(root).into_iter().map(|card| card.id).collect();
        cards.sort();
        format!(
            "{cards:?} {:?} {:?} {} {:?} {:?} {controls:?}",
            microphone.device, microphone.channels, microphone.gain_db, speaker.device, speaker.channels
        )
    }
}

fn has_changed(before: &EchoResponse, after: &EchoResponse) -> bool {
    let energy = |samples: &mut dyn Iterator<Item = f32>| samples.map(|sample| sample * sample).sum::<f32>();
    let pairs = before.taps.iter().zip(after.taps.iter());
    energy(&mut pairs.map(|(before, after)| after - before))
        > CHANGED * energy(&mut before.taps.iter().copied())
}
