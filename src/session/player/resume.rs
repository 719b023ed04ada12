//! Keeps what was written to the playback lane, so that a paused reply goes on where it was cut.
//!
//! A cut drops what the lane and the device hold, and only its receipt tells what was played. It decides nothing, and
//! holds no audio that was played longer ago than the lane and a device can delay it.

use std::collections::VecDeque;

use crate::audio::{PLAYBACK_LANE_S, PlaybackFrame, PlaybackHandle};
use crate::protocol::RATE_HZ;

/// The latest frames that are kept: what the lane holds, and two seconds for the queue of a device.
const KEPT_FRAMES: usize = (PLAYBACK_LANE_S + 2) * RATE_HZ as usize;
/// Length of the fade with which a reply goes on, frames: 5 ms, as at a cut.
const FADE_FRAMES: usize = RATE_HZ as usize / 200;

/// The latest frames written to the lane, and those that are written to it again.
#[derive(Debug)]
pub(super) struct ResumeBuffer {
    /// Ends at lane position `end`.
    written: VecDeque<PlaybackFrame>,
    end: u64,
    /// Frames that precede what the reply queue holds.
    again: VecDeque<PlaybackFrame>,
}

impl Default for ResumeBuffer {
    /// Reserves its memory at the start: a reply does not make the device larger.
    fn default() -> Self {
        let buffer = || VecDeque::with_capacity(KEPT_FRAMES);
        Self { written: buffer(), end: 0, again: buffer() }
    }
}

impl ResumeBuffer {
    /// Records that `frames` were written, up to lane position `end`.
    pub(super) fn record(&mut self, frames: &[PlaybackFrame], end: u64) {
        if self.end + frames.len() as u64 != end {
            // Something else was written in between.
            self.written.clear();
        }
        self.end = end;
        let excess = (self.written.len() + frames.len()).saturating_sub(KEPT_FRAMES);
        self.written.drain(..excess.min(self.written.len()));
        self.written.extend(frames.iter().skip(frames.len().saturating_sub(KEPT_FRAMES)));
    }

    /// Takes back what was written from position `played` to `cut`, to be written again.
    pub(super) fn take_back(&mut self, cut: u64, played: u64) {
        let count = cut.saturating_sub(played) as usize;
        let missing = if self.end == cut { count.saturating_sub(self.written.len()) } else { count };
        let kept = self.written.len() - (count - missing).min(self.written.len());
        for frame in self.written.drain(kept..).rev() {
            self.again.push_front(frame);
        }
        // A device with a longer queue than is kept loses these frames: silence keeps the positions true.
        for _ in 0..missing {
            self.again.push_front([0]);
        }
        self.written.clear();
        for (index, [sample]) in (0..).zip(self.again.iter_mut().take(FADE_FRAMES)) {
            *sample = (i32::from(*sample) * index / FADE_FRAMES as i32) as i16;
        }
    }

    /// Returns the number of frames to be written again.
    pub(super) fn len(&self) -> usize {
        self.again.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.again.is_empty()
    }

    /// Writes again as many frames as the lane has room for.
    pub(super) fn write_again(&mut self, playback: &mut PlaybackHandle) {
        while !self.again.is_empty() {
            let taken = playback.write(self.again.as_slices().0);
            if taken == 0 {
                return;
            }
            let frames: Vec<PlaybackFrame> = self.again.drain(..taken).collect();
            self.record(&frames, playback.written());
        }
    }

    pub(super) fn clear(&mut self) {
        self.again.clear();
    }
}
