//! Tracks what was written to the speaker since it was last empty: which lane frame is at which device frame,
//! and the samples.
//!
//! From this it computes the played position and the fade that continues what is being played. Lane frames have
//! a position in the stream, the input of the playback chain; device frames are its output. The caller passes
//! the function that maps device frames to stream frames. All counts are frames; it queries no device.

use heapless::Deque;

/// Maximum number of spans that the speaker may hold. A span ends only where the lane ran empty. If there are
/// more, the oldest is dropped, and counts as played with the one after it.
const SPANS: usize = 64;
/// The fraction of a second whose samples are kept for a fade: more than the delay of a speaker. Beyond it a
/// fade is silence.
const HISTORY_PER_S: usize = 3;

pub(in crate::audio) struct PlaybackPosition {
    /// Device frames written since the device was last empty.
    written: u64,
    played: u64,
    /// Frames of a cut fade among `written`; they precede the stream.
    fade_frames: u64,
    /// Device frames of the stream written before the device was last empty.
    stream_before: u64,
    /// Frames passed to the chain since the last reset.
    stream_frames: u64,
    last: f32,
    spans: Deque<PlayedSpan, SPANS>,
    history: Box<[f32]>,
}

/// Consecutive lane frames that are also consecutive in the stream.
struct PlayedSpan {
    stream: u64,
    lane: u64,
    frames: u64,
}

impl PlaybackPosition {
    /// Creates an empty record for a device that plays `rate_hz` frames per second.
    pub(in crate::audio) fn new(rate_hz: u32) -> PlaybackPosition {
        let history = (rate_hz as usize / HISTORY_PER_S).next_power_of_two();
        PlaybackPosition {
            written: 0,
            played: 0,
            fade_frames: 0,
            stream_before: 0,
            stream_frames: 0,
            last: 0.0,
            spans: Deque::new(),
            history: vec![0.0; history].into(),
        }
    }

    /// Records that `frames` went into the stream. `lane` is the lane position of the first, if they came from
    /// the lane.
    pub(in crate::audio) fn record_stream(&mut self, frames: usize, lane: Option<u64>) {
        let frames = frames as u64;
        if let Some(lane) = lane {
            self.record_span(lane, frames);
        }
        self.stream_frames += frames;
    }

    /// Records the samples of a cut fade, which were written before the stream.
    pub(in crate::audio) fn record_fade(&mut self, frames: &[f32]) {
        self.fade_frames += frames.len() as u64;
        self.record_written(frames);
    }

    /// Records the samples that were written to the device.
    pub(in crate::audio) fn record_written(&mut self, frames: &[f32]) {
        for sample in frames {
            let slot = self.slot(self.written);
            self.history[slot] = *sample;
            self.written += 1;
        }
        self.last = frames.last().copied().unwrap_or(self.last);
    }

    /// Records that `delay` device frames are not played yet and returns the number of frames played since the
    /// last call.
    ///
    /// An impossible delay, negative or larger than what was written, is clamped.
    pub(in crate::audio) fn record_delay(&mut self, delay: i64) -> u64 {
        let queued = u64::try_from(delay).unwrap_or(0).min(self.written);
        let previous = self.played;
        self.played = previous.max(self.written - queued);
        self.played - previous
    }

    /// Returns the lane position up to which frames have been played, if it has changed since the last call.
    /// `stream_position` maps device frames to stream frames.
    pub(in crate::audio) fn lane_position(&mut self, stream_position: impl Fn(u64) -> u64) -> Option<u64> {
        let position = stream_position(self.stream_before + self.played.saturating_sub(self.fade_frames));
        let mut played_to = None;
        while let Some(span) = self.spans.front() {
            let played = position.saturating_sub(span.stream).min(span.frames);
            if played > 0 {
                played_to = Some(span.lane + played);
            }
            if played < span.frames {
                break;
            }
            self.spans.pop_front();
        }
        played_to
    }

    /// Returns whether every lane frame in the stream has been played.
    pub(in crate::audio) fn is_all_played(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns whether nothing was written since the device was last empty.
    pub(in crate::audio) fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Fills `into` with a fade-out of the samples that would be played next.
    ///
    /// The ramp is linear. Where the written samples end, the last one is held, so that the fade continues from
    /// it.
    pub(in crate::audio) fn fade(&self, into: &mut [f32]) {
        let length = into.len() as f32;
        for (index, frame) in into.iter_mut().enumerate() {
            let position = self.played + index as u64;
            let source = if position >= self.written {
                self.last
            } else if self.written - position <= self.history.len() as u64 {
                self.history[self.slot(position)]
            } else {
                0.0
            };
            *frame = source * (length - index as f32) / (length + 1.0);
        }
    }

    /// Records that the device is empty. What its buffer held does not count as played; what is still in the
    /// chain may be.
    pub(in crate::audio) fn discard_queued(&mut self, stream_position: impl Fn(u64) -> u64) {
        self.stream_before += self.written.saturating_sub(self.fade_frames);
        (self.written, self.played, self.fade_frames, self.last) = (0, 0, 0, 0.0);
        let lost_position = stream_position(self.stream_before);
        while let Some(span) = self.spans.front_mut() {
            let lost_frames = lost_position.saturating_sub(span.stream).min(span.frames);
            span.stream += lost_frames;
            span.lane += lost_frames;
            span.frames -= lost_frames;
            if span.frames > 0 {
                break;
            }
            self.spans.pop_front();
        }
    }

    /// Records that the device is empty and that the stream restarts.
    pub(in crate::audio) fn reset(&mut self) {
        (self.written, self.played, self.fade_frames, self.last) = (0, 0, 0, 0.0);
        (self.stream_before, self.stream_frames) = (0, 0);
        self.spans.clear();
    }

    fn record_span(&mut self, lane: u64, frames: u64) {
        if let Some(span) = self.spans.back_mut()
            && span.lane + span.frames == lane
            && span.stream + span.frames == self.stream_frames
        {
            span.frames += frames;
            return;
        }
        if self.spans.is_full() {
            self.spans.pop_front();
        }
        // The oldest span was just removed if the queue was full.
        let _ = self.spans.push_back(PlayedSpan { stream: self.stream_frames, lane, frames });
    }

    fn slot(&self, position: u64) -> usize {
        (position % self.history.len() as u64) as usize
    }
}
