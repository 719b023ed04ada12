//! How long a device may move nothing: then it is begun anew once, and then it is gone.
//!
//! It counts the milliseconds it is told and waits for nothing.

use super::trouble::Gone;

/// How long a device that was moving may be silent before it is begun anew, in milliseconds.
const STALLED_MS: u32 = 400;
/// How long any device may be silent before it counts as gone, in milliseconds: what a sound server needs to
/// start, and less than two seconds with a look and the session's turn.
const GONE_MS: u32 = 1800;

/// What a device has moved, and for how long it has not.
#[derive(Debug)]
pub struct Vigil {
    silent_ms: u32,
    /// Frames moved since the device was opened or begun anew.
    moved: usize,
    /// Frames that are more than a device fetches ahead when it starts, so that they prove it moves.
    proof: usize,
    /// Whether it was begun anew and has proven nothing since.
    doubted: bool,
    proven: bool,
}

impl Vigil {
    /// Begins to watch over a device whose buffer holds `buffer_frames` and that was just opened.
    #[must_use]
    pub fn new(buffer_frames: usize) -> Vigil {
        Vigil { silent_ms: 0, moved: 0, proof: 2 * buffer_frames, doubted: false, proven: false }
    }

    /// Notes that it has moved so many frames.
    pub fn moved(&mut self, frames: usize) {
        if frames == 0 {
            return;
        }
        self.moved = self.moved.saturating_add(frames);
        if self.moved >= self.proof {
            (self.proven, self.doubted) = (true, false);
        }
        // What it fetches ahead when it is begun anew is no sign of life.
        if !self.doubted {
            self.silent_ms = 0;
        }
    }

    /// Notes that it was waited for in vain for `ms` more milliseconds, and tells whether it is to be begun anew.
    ///
    /// # Errors
    /// When it is to be given up.
    pub fn silent(&mut self, ms: u32) -> Result<bool, Gone> {
        self.silent_ms += ms;
        if self.silent_ms >= GONE_MS {
            return Err(Gone { errno: libc::ETIMEDOUT });
        }
        // Only once, and not at the first start, when a sound server may take its time.
        let anew = self.silent_ms >= STALLED_MS && self.moved >= self.proof;
        if anew {
            (self.moved, self.doubted) = (0, true);
        }
        Ok(anew)
    }

    /// Tells whether it has moved more than it may fetch ahead.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.proven
    }
}
