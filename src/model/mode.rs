//! When the microphone is live. What a mode leads to is decided by `conversation`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::nanos;

/// Who decides when the user's turn begins and ends. Recordings contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mode {
    /// The microphone is always live and the service detects speech.
    Open,
    /// A press starts a conversation, which ends by itself after this much quiet.
    Tap {
        #[serde(with = "nanos")]
        quiet: Duration,
    },
    /// The user speaks while the button is held; the service detects nothing.
    Hold,
}
