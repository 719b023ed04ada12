//! Saves and restores the state of a conversation, for deterministic replay.
//!
//! States that no sequence of events can reach are rejected, and no number in a restored state can overflow.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::early_duck::EarlyDuck;
use super::open_tap::OpenTap;
use super::{Conversation, Mode, Phase};
use crate::model::Time;

/// The serialisable state of a conversation. Equal snapshots behave identically.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(Conversation);

/// Why a snapshot was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// A time of a past event is later than the snapshot.
    Future,
    /// The microphone is open although it is muted.
    MutedListening,
    /// A complete push-to-talk turn is pending in a mode other than hold.
    CompleteWithoutHold,
    /// The jitter generator has the state 0, which generates only zeros.
    ZeroSeed,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Future => "something in it happened after it was taken",
            Self::MutedListening => "it listens although it is muted",
            Self::CompleteWithoutHold => "a push-to-talk turn is pending in a mode other than hold",
            Self::ZeroSeed => "its source of jitter is 0",
        })
    }
}

impl std::error::Error for SnapshotError {}

impl Conversation {
    /// Returns a copy of the state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.clone())
    }

    /// Restores the conversation of a `snapshot` taken at `now`.
    ///
    /// # Errors
    /// If no sequence of events leads to this state.
    pub fn restore(snapshot: &Snapshot, now: Time) -> Result<Self, SnapshotError> {
        snapshot.0.validate(now)?;
        Ok(snapshot.0.clone())
    }

    fn validate(&self, now: Time) -> Result<(), SnapshotError> {
        if !self.jitter.is_valid() {
            return Err(SnapshotError::ZeroSeed);
        }
        let (listens, complete, times_are_past) = match &self.phase {
            Phase::Offline(offline) => {
                (offline.is_listening(), offline.has_complete_turn(), offline.dialled() <= now)
            }
            Phase::Online(online) => {
                (online.is_listening(), false, online.past_times().all(|time| time <= now))
            }
            Phase::Leaving { .. } | Phase::Ended => (false, false, true),
        };
        let mut others = self
            .open_tap
            .iter()
            .flat_map(OpenTap::past_times)
            .chain(self.early_duck.iter().flat_map(EarlyDuck::past_times));
        let times_are_past = times_are_past && others.all(|time| time <= now);
        match (times_are_past, listens && self.muted(), complete && self.mode != Mode::Hold) {
            (false, _, _) => Err(SnapshotError::Future),
            (true, true, _) => Err(SnapshotError::MutedListening),
            (true, false, true) => Err(SnapshotError::CompleteWithoutHold),
            (true, false, false) => Ok(()),
        }
    }
}
