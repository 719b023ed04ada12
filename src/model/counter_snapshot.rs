//! The values of the audio threads' counters at one moment. `audio` counts; the log and the recorder report.

use serde::{Deserialize, Serialize};

/// Counts since the start of the program. Recordings contain them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterSnapshot {
    /// Overruns and stalls of the capture device.
    pub capture_xruns: u64,
    /// Underruns and stalls of the playback device.
    pub playback_xruns: u64,
    /// Captured frames dropped because the capture lane was full.
    pub overruns: u64,
    /// Times the playback lane became empty during playback: at the end of each reply and at each gap in one.
    pub starved: u64,
    /// Receipts dropped because the queue to the session was full.
    pub receipts_lost: u64,
    /// Suspends of a device.
    pub suspends: u64,
    /// Reopens of a device.
    pub reopens: u64,
    /// Detections of a dead input: samples that are constant or repeat.
    pub dead_inputs: u64,
    /// Reopened cards whose mixer controls could not be set.
    pub controls_refused: u64,
}
