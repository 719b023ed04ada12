//! A speaker as the playback step sees it: how much it holds, and how a cut reaches that.
//!
//! It decides nothing: which of the three ways a device takes is decided where it is opened.

use crate::audio::CutMode;
use crate::audio::error::{PcmError, Recovery};
use crate::audio::reference::clock_map::Stamp;

/// How much a device is kept filled with, and how it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlan {
    pub cut: CutMode,
    /// Frames while something is heard, or may be soon.
    pub short: usize,
    /// Frames while nothing is.
    pub long: usize,
    /// Frames in the buffer at which a reply is faded if the lane is empty. Until then its next frames may still arrive.
    pub fade_at: usize,
    /// Frames of silence after which the device is stopped; `None` for never.
    pub awake_frames: Option<u64>,
}

impl QueuePlan {
    /// Returns the plan of a device whose queue is always the same, and which is cut by dropping it.
    #[must_use]
    pub fn fixed(frames: usize) -> QueuePlan {
        QueuePlan { cut: CutMode::Drop, short: frames, long: frames, fade_at: frames, awake_frames: None }
    }

    /// Returns the number of frames that the device is to hold.
    pub(in crate::audio) fn target(&self, is_quiet: bool) -> usize {
        if is_quiet { self.long.max(self.short) } else { self.short }
    }

    /// Returns the number of frames in the buffer at which it is to be filled again.
    pub(in crate::audio) fn wake_level(&self, is_quiet: bool, period_frames: usize) -> usize {
        let target = self.target(is_quiet);
        match self.cut {
            // Of a short queue every period is needed.
            CutMode::Drop | CutMode::RunOut if target <= self.fade_at => {
                target.saturating_sub(period_frames.div_ceil(2))
            }
            CutMode::Drop | CutMode::RunOut | CutMode::Rewrite => target / 2,
        }
    }

    /// Returns whether `queued` frames of silence are worth dropping when a reply begins: they would delay it by more than
    /// a queue that is as short as a gapless reply allows.
    pub(in crate::audio) fn is_dropped_for_a_reply(&self, queued: usize) -> bool {
        self.cut == CutMode::Drop && queued > self.fade_at
    }

    /// Returns whether the device may not wake the thread for longer than its short queue lasts.
    pub(in crate::audio) fn may_wait_long(&self) -> bool {
        self.cut == CutMode::Rewrite || self.long > self.short || self.awake_frames.is_some()
    }
}

/// A playback device.
pub trait PlaybackDevice {
    /// Returns how much the device should be kept filled with, and how it is cut.
    fn queue(&self) -> QueuePlan;

    /// Returns the fill level of the device's buffer.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn level(&mut self) -> Result<BufferLevel, PcmError>;

    /// Returns the timestamp of the last level: both are of one snapshot. Called only if a reference is wanted.
    fn stamp(&self) -> Stamp {
        Stamp::Missing
    }

    /// Writes as many of `frames`, mono at the device's rate, as fit and returns their number. The device starts
    /// by itself once it holds its short queue.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first; no frame was written.
    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError>;

    /// Takes back up to `frames` of the last frames in the buffer, so that others can be written in their place, and
    /// returns their number. A device whose cut mode is not [`CutMode::Rewrite`] takes back none.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn take_back(&mut self, frames: usize) -> Result<usize, PcmError> {
        let _ = frames;
        Ok(0)
    }

    /// Drops everything in the device's buffer at once. The device is stopped until it is filled again.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn flush(&mut self) -> Result<(), PcmError>;

    /// Sets the number of frames in the buffer at which the thread is to be woken. A device that is stepped by a clock
    /// ignores it.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn wake_at(&mut self, queued: usize) -> Result<(), PcmError> {
        let _ = queued;
        Ok(())
    }

    /// Recovers from `error`, so that the device can play again.
    ///
    /// # Errors
    /// Returns the error that recovery met.
    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError>;
}

/// The fill level of a device's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLevel {
    /// Frames in the buffer.
    pub queued: usize,
    /// Frames until a frame written now is played; drivers may return impossible values.
    pub delay: i64,
}
