//! What the sound threads have counted, at one moment. They count in `audio`; the log and the recorder report it.

use serde::{Deserialize, Serialize};

/// Counts since the start. Recordings contain them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterSnapshot {
    /// Times the microphone's buffer overflowed or its device stalled.
    pub capture_xruns: u64,
    /// Times the speaker's buffer ran empty or its device stalled.
    pub playback_xruns: u64,
    /// Captured frames dropped because the session had not read those before them.
    pub overruns: u64,
    /// Times playback ran dry after sound: at the end of every reply, and at every gap in one.
    pub starved: u64,
    /// Receipts dropped because the session had not taken those before them.
    pub receipts_lost: u64,
    /// Times a device was suspended.
    pub suspends: u64,
    /// Times a device was opened again.
    pub reopens: u64,
    /// Times a microphone that delivers samples was found to be deaf. Older recordings do not have it.
    #[serde(default)]
    pub dead_inputs: u64,
    /// Times the controls of a card that came back could not be set again.
    pub controls_refused: u64,
}
