//! When the microphone is live. It decides nothing; `conversation` implements the modes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::nanos;

/// What starts and ends the user's turn. Recordings contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mode {
    /// The microphone is always live and the service detects speech.
    Open,
    /// A press starts a conversation, which ends after a period of silence.
    Tap {
        /// Duration of silence that ends the conversation.
        #[serde(with = "nanos")]
        quiet: Duration,
    },
    /// The user speaks while the button is held; turn detection is off.
    Hold,
}
