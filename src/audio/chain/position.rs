//! Tracks which lane frame is at which device frame, from which it computes the played position.
//!
//! Lane frames have a position in a stream, the input of the playback chain; device frames are its output. A stream
//! begins where the chain was reset. All counts are frames; it queries no device.

use heapless::Deque;

use super::playback_chain::PlaybackChain;

/// Maximum number of spans that the speaker may hold. A span ends only where the lane ran empty. If there are
/// more, the oldest is dropped, and counts as played with the one after it.
const SPANS: usize = 64;

#[derive(Default)]
pub(in crate::audio) struct LanePositions {
    /// The device frame at which the present stream began.
    stream_start: u64,
    /// Frames passed to the chain since then.
    stream_frames: u64,
    spans: Deque<PlayedSpan, SPANS>,
}

/// Consecutive lane frames that are also consecutive in a stream.
struct PlayedSpan {
    /// The device frame at which its stream began.
    stream_start: u64,
    stream: u64,
    lane: u64,
    frames: u64,
}

impl LanePositions {
    /// Records that `frames` went into the stream. `lane` is the lane position of the first, if they came from
    /// the lane.
    pub(in crate::audio) fn record_stream(&mut self, frames: usize, lane: Option<u64>) {
        let frames = frames as u64;
        if let Some(lane) = lane {
            self.record_span(lane, frames);
        }
        self.stream_frames += frames;
    }

    /// Records that `frames` device frames, which belong to no stream, come before the present one.
    pub(in crate::audio) fn postpone(&mut self, frames: usize) {
        self.stream_start += frames as u64;
    }

    /// Returns the lane position that has been played once the device has played up to `device`, if that has changed
    /// since the last call.
    pub(in crate::audio) fn played(&mut self, device: u64, chain: &PlaybackChain) -> Option<u64> {
        let mut played_to = None;
        while let Some(span) = self.spans.front() {
            let played = span.frames_before(device, chain);
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

    /// Returns whether every lane frame has been played.
    pub(in crate::audio) fn is_all_played(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns the device frame at which every lane frame will have been played; `None` if all are.
    pub(in crate::audio) fn end(&self, chain: &PlaybackChain) -> Option<u64> {
        let span = self.spans.back()?;
        Some(span.stream_start + chain.device_frames(span.stream + span.frames))
    }

    /// Returns the device frame at which the next frame of the stream will be played.
    pub(in crate::audio) fn next_frame(&self, chain: &PlaybackChain) -> u64 {
        self.stream_start + chain.device_frames(self.stream_frames)
    }

    /// Records that the device has lost its frames up to `device`: they do not count as played. Returns the lane
    /// position after them if no other frame is left.
    pub(in crate::audio) fn lose(&mut self, device: u64, chain: &PlaybackChain) -> Option<u64> {
        let mut end = None;
        while let Some(span) = self.spans.front_mut() {
            let lost = span.frames_before(device, chain);
            span.stream += lost;
            span.lane += lost;
            span.frames -= lost;
            if span.frames > 0 {
                return None;
            }
            end = Some(span.lane);
            self.spans.pop_front();
        }
        end
    }

    /// Records that nothing of the lane is left to be played.
    pub(in crate::audio) fn clear(&mut self) {
        self.spans.clear();
    }

    /// Records that a new stream begins at the device frame `device`.
    pub(in crate::audio) fn start_stream(&mut self, device: u64) {
        (self.stream_start, self.stream_frames) = (device, 0);
    }

    fn record_span(&mut self, lane: u64, frames: u64) {
        if let Some(span) = self.spans.back_mut()
            && span.lane + span.frames == lane
            && span.stream_start == self.stream_start
            && span.stream + span.frames == self.stream_frames
        {
            span.frames += frames;
            return;
        }
        if self.spans.is_full() {
            self.spans.pop_front();
        }
        // The oldest span was just removed if the queue was full.
        let _ = self.spans.push_back(PlayedSpan {
            stream_start: self.stream_start,
            stream: self.stream_frames,
            lane,
            frames,
        });
    }
}

impl PlayedSpan {
    /// Returns how many of its frames have been played once the device has played up to `device`.
    fn frames_before(&self, device: u64, chain: &PlaybackChain) -> u64 {
        let position = chain.stream_position(device.saturating_sub(self.stream_start));
        position.saturating_sub(self.stream).min(self.frames)
    }
}
