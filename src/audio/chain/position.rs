//! What the speaker was handed since it was last empty: which lane frame sits at which device frame,
//! and how it sounded.
//!
//! From it follow what has been heard and the fade that continues what is being heard. Lane frames are
//! placed in the stream that the outlet is given, device frames in what it makes of it; how one goes over
//! into the other is the outlet's to say. All in frames; it asks no device.

use heapless::Deque;

/// Stretches of lane frames the speaker may hold at once. A stretch ends only where the lane ran dry; when
/// there are too many the oldest is forgotten, and counts as heard when the one after it is.
const SPANS: usize = 64;
/// The part of a second whose samples are kept to make a fade from, more than a speaker's delay. Beyond it
/// a fade is silence.
const HISTORY_PER_S: usize = 3;

pub(in crate::audio) struct PlaybackPosition {
    /// Device frames written since the device was last empty.
    written: u64,
    played: u64,
    /// How many of them came before the stream: a fade.
    fade_frames: u64,
    /// Device frames of the stream that were written before the device was last empty.
    stream_before: u64,
    /// Frames of the stream so far.
    stream_frames: u64,
    last: f32,
    spans: Deque<PlayedSpan, SPANS>,
    history: Box<[f32]>,
}

/// Lane frames that follow each other in the stream as in the lane.
struct PlayedSpan {
    stream: u64,
    lane: u64,
    frames: u64,
}

impl PlaybackPosition {
    /// Opens an empty book for a device that plays `rate_hz` frames a second.
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

    /// Notes that `frames` frames went into the stream; `lane` is the position of the first, if they came
    /// from the lane.
    pub(in crate::audio) fn record_stream(&mut self, frames: usize, lane: Option<u64>) {
        let frames = frames as u64;
        if let Some(lane) = lane {
            self.record_span(lane, frames);
        }
        self.stream_frames += frames;
    }

    /// Notes a fade that was written before the stream.
    pub(in crate::audio) fn record_fade(&mut self, frames: &[f32]) {
        self.fade_frames += frames.len() as u64;
        self.record_written(frames);
    }

    /// Notes what was written.
    pub(in crate::audio) fn record_written(&mut self, frames: &[f32]) {
        for sample in frames {
            let slot = self.slot(self.written);
            self.history[slot] = *sample;
            self.written += 1;
        }
        self.last = frames.last().copied().unwrap_or(self.last);
    }

    /// Notes that `delay` frames are yet to be heard and returns how many frames were played since.
    ///
    /// A delay that cannot be, negative or more than was written, is taken for the nearest that can.
    pub(in crate::audio) fn record_delay(&mut self, delay: i64) -> u64 {
        let queued = u64::try_from(delay).unwrap_or(0).min(self.written);
        let previous = self.played;
        self.played = previous.max(self.written - queued);
        self.played - previous
    }

    /// Returns the lane position up to which lane frames have been played, if any were since last asked;
    /// `over` says how far the stream is over after so many device frames.
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

    /// Tells whether every lane frame that went into the stream has been heard.
    pub(in crate::audio) fn is_all_played(&self) -> bool {
        self.spans.is_empty()
    }

    /// Tells whether the speaker was handed nothing since it was last empty.
    pub(in crate::audio) fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Fills `into` with a fade-out of what would be heard next.
    ///
    /// The ramp is linear; where the frames end, the last one is held, so that it goes on from there.
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

    /// Notes that the speaker holds nothing now. What it lost will not count as heard; what it was not
    /// handed yet still may.
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

    /// Notes that the speaker holds nothing and that the stream begins anew.
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
        // There is room: it was just made.
        let _ = self.spans.push_back(PlayedSpan { stream: self.stream_frames, lane, frames });
    }

    fn slot(&self, position: u64) -> usize {
        (position % self.history.len() as u64) as usize
    }
}
