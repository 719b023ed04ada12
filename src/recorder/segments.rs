//! The encoded lines of the last 30 minutes, in segments of which each begins with a snapshot, and the lines
//! that are still to be written to a continuous recording.
//!
//! It opens no file. It omits lines when a segment is full, but never an event.

use std::collections::VecDeque;
use std::time::Duration;

use super::RecorderSetup;
use super::format::RecordLine;
use crate::conversation::Conversation;
use crate::model::Time;

/// Size of one segment of the ring, bytes. Memory becomes resident as segments fill, and is then reused.
pub const SEGMENT_BYTES: usize = 64 * 1024;
/// Segments in the ring, together 768 KiB. A new segment replaces the oldest one as a whole.
pub const SEGMENTS: usize = 12;
/// Maximum age of a segment's end. Older segments are dropped as a whole.
pub const RING_TIME: Duration = Duration::from_secs(30 * 60);
/// Maximum time that a segment covers, so that dropping one loses little.
const SEGMENT_TIME: Duration = Duration::from_secs(3 * 60);
/// Kept free in a segment for events, which are never omitted: one with all its actions takes less than half
/// of it.
const RESERVE_BYTES: usize = 4 * 1024;
/// A segment with less free space counts as full, so that the next line always fits. Messages with samples
/// take up to 13 KB and need more.
const FULL_BYTES: usize = 8 * 1024;
const FULL_BYTES_WITH_SAMPLES: usize = 32 * 1024;
/// Upper bound of a line's size without texts of variable length.
const LINE_BYTES: usize = 512;
/// Bytes that may wait to be written to a continuous recording. Further lines are dropped, and a
/// [`RecordLine::Gap`] takes their place.
pub const UNSAVED_BYTES: usize = 1024 * 1024;
/// Minimum time between two writes to a continuous recording that are not urgent.
const UNSAVED_INTERVAL: Duration = Duration::from_secs(1);

/// The ring of segments.
#[derive(Debug)]
pub(super) struct Segments {
    segments: VecDeque<Segment>,
    /// Empty segments. All memory of the ring is allocated at the start.
    free: Vec<Vec<u8>>,
    /// The free space below which a segment counts as full.
    full_bytes: usize,
    /// Lines dropped with their segments.
    pub(super) dropped: u64,
    /// Lines omitted for lack of space since the last snapshot.
    omitted: u64,
    pub(super) unsaved: Option<UnsavedLines>,
}

#[derive(Debug)]
struct Segment {
    began: Time,
    lines: u64,
    text: Vec<u8>,
}

/// The lines of a continuous recording that are not written yet.
#[derive(Debug)]
pub(super) struct UnsavedLines {
    text: Vec<u8>,
    /// Offset of the last snapshot in `text`.
    begins: Option<usize>,
    fetched: Time,
    /// Lines dropped because earlier ones were not fetched.
    lost: u64,
}

/// Lines to append to a continuous recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Offset of the last snapshot in `text`, where a new file can start.
    pub begins: Option<usize>,
    pub text: Vec<u8>,
}

impl Segments {
    /// Creates the ring, and begins its first segment.
    pub(super) fn begin(setup: &RecorderSetup, conversation: &Conversation, now: Time) -> Self {
        let unsaved =
            setup.follow.then(|| UnsavedLines { text: Vec::new(), begins: None, fetched: now, lost: 0 });
        let mut segments = Self {
            segments: VecDeque::with_capacity(SEGMENTS),
            free: (0..SEGMENTS).map(|_| Vec::with_capacity(SEGMENT_BYTES)).collect(),
            full_bytes: if setup.sound { FULL_BYTES_WITH_SAMPLES } else { FULL_BYTES },
            dropped: 0,
            omitted: 0,
            unsaved,
        };
        segments.begin_next(conversation, now);
        segments
    }

    /// Writes an event, and begins the next segment with the conversation `after` it if this one is over.
    pub(super) fn write_event(&mut self, line: &RecordLine<'_>, after: &Conversation, at: Time) {
        self.write(line);
        if self.is_over(at) {
            self.begin_next(after, at);
        }
    }

    /// Writes a line with `text_bytes` of variable length, or omits it if only events still fit.
    pub(super) fn write_if_room(&mut self, line: &RecordLine<'_>, text_bytes: usize) {
        let taken = self.segments.back().map_or(0, |segment| segment.text.len());
        if taken + LINE_BYTES + text_bytes + RESERVE_BYTES > SEGMENT_BYTES {
            self.omitted += 1;
        } else {
            self.write(line);
        }
    }

    /// Returns whether the current segment is full, or too old at `now`.
    pub(super) fn is_over(&self, now: Time) -> bool {
        let Some(last) = self.segments.back() else { return false };
        let full = last.text.len() + self.full_bytes > SEGMENT_BYTES;
        let aged = last.lines > 1 && now >= last.began + SEGMENT_TIME;
        full || aged
    }

    /// Begins the next segment, with a snapshot of the conversation.
    pub(super) fn begin_next(&mut self, conversation: &Conversation, now: Time) {
        if self.omitted > 0 {
            let lines = std::mem::take(&mut self.omitted);
            self.write(&RecordLine::Gap { at: now, lines });
        }
        while self.must_drop_oldest(now) {
            let Some(oldest) = self.segments.pop_front() else { break };
            self.dropped += oldest.lines;
            self.free.push(oldest.text);
        }
        let mut text = self.free.pop().unwrap_or_default();
        text.clear();
        self.segments.push_back(Segment { began: now, lines: 0, text });
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.begin(now);
        }
        self.write(&RecordLine::Snapshot { at: now, of: Box::new(conversation.snapshot()) });
    }

    /// Appends all segments to `text`.
    pub(super) fn append_to(&self, text: &mut Vec<u8>) {
        text.reserve_exact(self.segments.iter().map(|segment| segment.text.len()).sum());
        for segment in &self.segments {
            text.extend_from_slice(&segment.text);
        }
    }

    fn write(&mut self, line: &RecordLine<'_>) {
        let Some(Segment { lines, text, .. }) = self.segments.back_mut() else { return };
        let begin = text.len();
        // Serialising strings and numbers into memory cannot fail.
        let _ = serde_json::to_writer(&mut *text, line);
        text.push(b'\n');
        *lines += 1;
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.add(&text[begin..]);
        }
    }

    /// Returns whether the oldest segment must be dropped before a new one starts.
    fn must_drop_oldest(&self, now: Time) -> bool {
        let ended = self.segments.get(1).map(|next| next.began);
        self.segments.len() >= SEGMENTS || ended.is_some_and(|ended| now >= ended + RING_TIME)
    }
}

impl UnsavedLines {
    /// Takes the lines if they are due or `urgent`.
    pub(super) fn take(&mut self, urgent: bool, now: Time) -> Option<Chunk> {
        let due = urgent || now >= self.due() || self.text.len() > SEGMENT_BYTES;
        if !due || self.text.is_empty() {
            return None;
        }
        self.fetched = now;
        Some(Chunk { begins: self.begins.take(), text: std::mem::take(&mut self.text) })
    }

    /// Returns when the lines are due, unless they become urgent or too many before.
    pub(super) fn due(&self) -> Time {
        self.fetched + UNSAVED_INTERVAL
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn add(&mut self, line: &[u8]) {
        if self.lost > 0 || self.text.len() + line.len() > UNSAVED_BYTES {
            self.lost += 1;
        } else {
            self.text.extend_from_slice(line);
        }
    }

    /// Prepares for a snapshot, which makes the lines lost before it irrelevant for a replay.
    fn begin(&mut self, at: Time) {
        if self.lost > 0 && self.text.len() < UNSAVED_BYTES / 2 {
            let lines = std::mem::take(&mut self.lost);
            let _ = serde_json::to_writer(&mut self.text, &RecordLine::Gap { at, lines });
            self.text.push(b'\n');
        }
        if self.lost == 0 {
            self.begins = Some(self.text.len());
        }
    }
}

/// Returns the most bytes that a text can take in JSON: with every byte escaped (RFC 8259, section 7).
pub(super) fn escaped_bytes(text: &str) -> usize {
    text.len() * 6
}
