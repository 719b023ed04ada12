//! Stall detector: restart the stream after 400 ms without frames, treat the device as lost after 1.8 s.
//!
//! It counts the milliseconds that the caller has waited; it reads no clock and does not wait.

use crate::audio::error::DeviceLost;

/// Time without frames after which a running stream is restarted, in milliseconds.
const STALLED_MS: u32 = 400;
/// Time without frames after which the device counts as lost, in milliseconds: enough for a sound server to start, and
/// short enough that the session reports it within two seconds.
const LOST_MS: u32 = 1800;

/// Tracks the progress of a stream.
#[derive(Debug)]
pub struct StallDetector {
    idle_ms: u32,
    /// Frames moved since the stream was opened or restarted.
    moved: usize,
    /// Number of frames that proves that the stream runs: more than a device prefetches when it starts.
    proof_frames: usize,
    state: Proof,
}

/// Whether the stream has moved more frames than a device prefetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    NotYet,
    Moves,
    /// It had, then stalled, and has not since it was restarted.
    Restarted,
}

impl StallDetector {
    /// Creates a detector for a device that was just opened and prefetches at most `prefetched_frames` when it starts.
    #[must_use]
    pub fn new(prefetched_frames: usize) -> StallDetector {
        StallDetector { idle_ms: 0, moved: 0, proof_frames: 2 * prefetched_frames, state: Proof::NotYet }
    }

    /// Records that the device has moved `frames`.
    pub fn progressed(&mut self, frames: usize) {
        if frames == 0 {
            return;
        }
        self.moved = self.moved.saturating_add(frames);
        if self.moved >= self.proof_frames {
            self.state = Proof::Moves;
        }
        // Prefetch after a restart does not count as progress.
        if self.state != Proof::Restarted {
            self.idle_ms = 0;
        }
    }

    /// Records `ms` more milliseconds without frames and returns whether the stream should be restarted.
    ///
    /// # Errors
    /// Returns ETIMEDOUT when the device counts as lost.
    pub fn idle(&mut self, ms: u32) -> Result<bool, DeviceLost> {
        self.idle_ms += ms;
        if self.idle_ms >= LOST_MS {
            return Err(DeviceLost { errno: libc::ETIMEDOUT });
        }
        // Once only, and not before the first frames, since a sound server may take long to start.
        let restart = self.idle_ms >= STALLED_MS && self.moved >= self.proof_frames;
        if restart {
            (self.moved, self.state) = (0, Proof::Restarted);
        }
        Ok(restart)
    }

    /// Returns whether the last wait ended without frames.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.idle_ms > 0
    }

    /// Returns whether the stream has moved more frames than a device prefetches.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.state != Proof::NotYet
    }
}
