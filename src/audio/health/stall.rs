//! How long a device may move nothing: then it is begun anew once, and then it is gone.
//!
//! It counts the milliseconds it is told and waits for nothing.

use crate::audio::error::DeviceLost;

/// How long a device that was moving may be silent before it is begun anew, in milliseconds.
const STALLED_MS: u32 = 400;
/// How long any device may be silent before it counts as gone, in milliseconds: what a sound server needs to
/// start, and less than two seconds with a look and the session's turn.
const LOST_MS: u32 = 1800;

/// What a device has moved, and for how long it has not.
#[derive(Debug)]
pub struct StallDetector {
    idle_ms: u32,
    /// Frames moved since the device was opened or begun anew.
    moved: usize,
    /// Frames that are more than a device fetches ahead when it starts, so that they prove it moves.
    proof_frames: usize,
    state: Proof,
}

/// Whether the device has moved more than it may fetch ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    NotYet,
    Moves,
    /// It did, stalled, and has not again since it was restarted.
    Restarted,
}

impl StallDetector {
    /// Begins to watch over a device whose buffer holds `buffer_frames` and that was just opened.
    #[must_use]
    pub fn new(buffer_frames: usize) -> StallDetector {
        StallDetector { idle_ms: 0, moved: 0, proof_frames: 2 * buffer_frames, state: Proof::NotYet }
    }

    /// Notes that it has moved so many frames.
    pub fn progressed(&mut self, frames: usize) {
        if frames == 0 {
            return;
        }
        self.moved = self.moved.saturating_add(frames);
        if self.moved >= self.proof_frames {
            self.state = Proof::Moves;
        }
        // What it fetches ahead when it is begun anew is no sign of life.
        if self.state != Proof::Restarted {
            self.idle_ms = 0;
        }
    }

    /// Notes that it was waited for in vain for `ms` more milliseconds, and tells whether it is to be begun anew.
    ///
    /// # Errors
    /// When it is to be given up.
    pub fn idle(&mut self, ms: u32) -> Result<bool, DeviceLost> {
        self.idle_ms += ms;
        if self.idle_ms >= LOST_MS {
            return Err(DeviceLost { errno: libc::ETIMEDOUT });
        }
        // Only once, and not at the first start, when a sound server may take its time.
        let restart = self.idle_ms >= STALLED_MS && self.moved >= self.proof_frames;
        if restart {
            (self.moved, self.state) = (0, Proof::Restarted);
        }
        Ok(restart)
    }

    /// Tells whether it has moved more than it may fetch ahead.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.state != Proof::NotYet
    }
}
