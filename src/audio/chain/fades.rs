//! Frames on their way to the speaker: a block from the lane, the fade of an underrun, and the fade of a cut.
//!
//! Each is a buffer and a position in it. None decides when it is played.

use crate::audio::PlaybackFrame;
use crate::lane::Reader;

/// Frames taken from the lane and not yet passed to the chain.
pub(in crate::audio) struct FrameBlock {
    frames: Box<[PlaybackFrame]>,
    next: usize,
    end: usize,
    /// The lane position of the next frame.
    pub(in crate::audio) position: u64,
}

impl FrameBlock {
    pub(in crate::audio) fn new(frames_max: usize) -> FrameBlock {
        FrameBlock { frames: vec![[0]; frames_max].into(), next: 0, end: 0, position: 0 }
    }

    pub(in crate::audio) fn refill(&mut self, lane: &mut Reader<PlaybackFrame>, wanted: usize) {
        let frames_max = self.frames.len().min(wanted);
        self.next = 0;
        self.end = lane.read(&mut self.frames[..frames_max]);
        self.position = lane.position() - self.end as u64;
    }

    pub(in crate::audio) fn discard_before(&mut self, cut: u64) {
        let discarded = cut.saturating_sub(self.position).min((self.end - self.next) as u64);
        self.advance(discarded as usize);
    }

    pub(in crate::audio) fn frames(&self) -> &[PlaybackFrame] {
        &self.frames[self.next..self.end]
    }

    pub(in crate::audio) fn is_empty(&self) -> bool {
        self.next == self.end
    }

    pub(in crate::audio) fn advance(&mut self, taken: usize) {
        self.next += taken;
        self.position += taken as u64;
    }
}

/// The fade in the stream after the lane ran empty: the last sample, reduced linearly to zero.
pub(in crate::audio) struct UnderrunFade {
    last: i16,
    frames: Box<[PlaybackFrame]>,
    next: usize,
}

impl UnderrunFade {
    pub(in crate::audio) fn new(length: usize) -> UnderrunFade {
        UnderrunFade { last: 0, frames: vec![[0]; length].into(), next: length }
    }

    /// Records the sample that a fade would start from.
    pub(in crate::audio) fn record_last(&mut self, frames: &[PlaybackFrame]) {
        if let Some([last]) = frames.last() {
            self.last = *last;
        }
    }

    pub(in crate::audio) fn begin(&mut self) {
        let length = self.frames.len() as i32;
        for (index, [frame]) in (0..).zip(&mut self.frames) {
            // Its magnitude only shrinks, so it fits.
            *frame = (i32::from(self.last) * (length - index) / (length + 1)) as i16;
        }
        self.next = 0;
    }

    pub(in crate::audio) fn clear(&mut self) {
        self.next = self.frames.len();
    }

    pub(in crate::audio) fn frames(&self) -> &[PlaybackFrame] {
        &self.frames[self.next..]
    }

    pub(in crate::audio) fn is_empty(&self) -> bool {
        self.next == self.frames.len()
    }

    pub(in crate::audio) fn advance(&mut self, taken: usize) {
        self.next = self.frames.len().min(self.next + taken);
    }
}

/// The rest of the fade of a cut that is still to be written.
pub(in crate::audio) struct CutFade {
    frames: Box<[f32]>,
    next: usize,
}

impl CutFade {
    pub(in crate::audio) fn new(length: usize) -> CutFade {
        CutFade { frames: vec![0.0; length].into(), next: length }
    }

    pub(in crate::audio) fn refill(&mut self, fade: impl FnOnce(&mut [f32])) {
        fade(&mut self.frames);
        self.next = 0;
    }

    pub(in crate::audio) fn clear(&mut self) {
        self.next = self.frames.len();
    }

    pub(in crate::audio) fn frames(&self) -> &[f32] {
        &self.frames[self.next..]
    }

    pub(in crate::audio) fn is_empty(&self) -> bool {
        self.next == self.frames.len()
    }

    pub(in crate::audio) fn advance(&mut self, taken: usize) {
        self.next += taken;
    }
}
