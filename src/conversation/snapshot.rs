//! The machine written down and set up again, so that what it did can be done once more.
//!
//! Times become nanoseconds since an epoch of the writer's choice: deadlines are compared to the nanosecond.
//! What no machine could have become is refused.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Conversation, Mode, Phase, Speaker};
use crate::model::nanos;

/// A conversation at rest on paper. Two are equal when the machines would do the same for ever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(Conversation<u64>);

/// Why a snapshot is none of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonsense {
    /// Something has happened later than the snapshot was taken.
    Future,
    /// The microphone is wanted although it is muted.
    MutedListening,
    /// A turn has been said with a button that is not held for talking in this mode.
    SaidUnheld,
    /// The source of jitter is one that never varies.
    NoLuck,
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Future => "something in it happened after it was taken",
            Self::MutedListening => "it listens although it is muted",
            Self::SaidUnheld => "a held turn was said in a mode without one",
            Self::NoLuck => "its source of jitter is 0",
        })
    }
}

impl std::error::Error for Nonsense {}

impl Conversation {
    /// Writes the machine down, with times since `epoch`, before which it did not begin.
    #[must_use]
    pub fn snapshot(&self, epoch: Instant) -> Snapshot {
        Snapshot(self.map(&|time: &Instant| nanos::whole(time.saturating_duration_since(epoch))))
    }

    /// Sets up the machine of a `snapshot` that was taken at `now`, with times since `epoch`.
    ///
    /// # Errors
    /// When no machine could have become like that.
    pub fn restore(snapshot: &Snapshot, epoch: Instant, now: Instant) -> Result<Self, Nonsense> {
        let conversation = snapshot.0.map(&|nanos: &u64| epoch + Duration::from_nanos(*nanos));
        conversation.judge(now)?;
        Ok(conversation)
    }

    fn judge(&self, now: Instant) -> Result<(), Nonsense> {
        if !self.luck.lasts() {
            return Err(Nonsense::NoLuck);
        }
        let (listens, said, past_is_past) = match &self.phase {
            Phase::Down(link) => (link.is_listening(), link.is_said(), *link.dialled() <= now),
            Phase::Up(up) => (up.is_listening(), false, up.past().all(|time| *time <= now)),
            Phase::Leaving { .. } | Phase::Gone => (false, false, true),
        };
        match (past_is_past, listens && self.muted(), said && self.mode != Mode::Hold) {
            (false, _, _) => Err(Nonsense::Future),
            (true, true, _) => Err(Nonsense::MutedListening),
            (true, false, true) => Err(Nonsense::SaidUnheld),
            (true, false, false) => Ok(()),
        }
    }
}

impl<T> Conversation<T> {
    fn map<U>(&self, to: &impl Fn(&T) -> U) -> Conversation<U> {
        let Self { mode, mute, speaker, last_words, luck, respite, phase } = self;
        let speaker = match speaker {
            Speaker::There => Speaker::There,
            Speaker::Away { until } => Speaker::Away { until: to(until) },
            Speaker::GivenUp => Speaker::GivenUp,
        };
        let phase = match phase {
            Phase::Down(link) => Phase::Down(link.map(to)),
            Phase::Up(up) => Phase::Up(up.map(to)),
            Phase::Leaving { until } => Phase::Leaving { until: to(until) },
            Phase::Gone => Phase::Gone,
        };
        let (mode, mute, last_words, luck) = (*mode, *mute, *last_words, luck.clone());
        Conversation { mode, mute, speaker, last_words, luck, respite: respite.as_ref().map(to), phase }
    }
}
