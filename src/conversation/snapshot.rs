//! The machine written down and set up again, so that what it did can be done once more.
//!
//! What no machine could have become is refused, and no number in what is left can make one overflow.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Conversation, Mode, Phase};
use crate::model::Time;

/// A conversation at rest on paper. Two are equal when the machines would do the same for ever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(Conversation);

/// Why a snapshot is none of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// Something has happened later than the snapshot was taken.
    Future,
    /// The microphone is wanted although it is muted.
    MutedListening,
    /// A turn has been said with a button that is not held for talking in this mode.
    CompleteWithoutHold,
    /// The source of jitter is one that never varies.
    ZeroSeed,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Future => "something in it happened after it was taken",
            Self::MutedListening => "it listens although it is muted",
            Self::CompleteWithoutHold => "a held turn was said in a mode without one",
            Self::ZeroSeed => "its source of jitter is 0",
        })
    }
}

impl std::error::Error for SnapshotError {}

impl Conversation {
    /// Writes the machine down.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.clone())
    }

    /// Sets up the machine of a `snapshot` that was taken at `now`.
    ///
    /// # Errors
    /// When no machine could have become like that.
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
        match (times_are_past, listens && self.muted(), complete && self.mode != Mode::Hold) {
            (false, _, _) => Err(SnapshotError::Future),
            (true, true, _) => Err(SnapshotError::MutedListening),
            (true, false, true) => Err(SnapshotError::CompleteWithoutHold),
            (true, false, false) => Ok(()),
        }
    }
}
