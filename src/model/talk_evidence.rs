//! How sure the device itself is that somebody talks over the speaker, before the service says so.
//!
//! It is evidence about sound only: what follows from it is decided elsewhere.

use serde::{Deserialize, Serialize};

/// What the echo canceller makes of what is left of the microphone's sound, weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TalkEvidence {
    /// Nobody talks over the speaker, as far as can be told.
    #[default]
    None,
    /// Somebody may.
    Weak,
    /// Somebody does.
    Strong,
}

impl TalkEvidence {
    /// All values, weakest first.
    pub const ALL: [TalkEvidence; 3] = [TalkEvidence::None, TalkEvidence::Weak, TalkEvidence::Strong];

    /// Returns the value whose number, as of `value as u8`, this is; none for any other number.
    #[must_use]
    pub fn from_number(number: u8) -> TalkEvidence {
        TalkEvidence::ALL.get(usize::from(number)).copied().unwrap_or_default()
    }
}
