//! Lines that are recorded but not encoded yet, in a ring of fixed size.
//!
//! Putting a line here neither encodes JSON nor allocates, so that recording delays no action of the session.
//! It takes no text of variable length, and never drops a line.

use std::borrow::Cow;

use heapless::Deque;

use super::LinkEnd;
use super::format::RecordLine;
use super::segments::{Segments, escaped_bytes};
use crate::conversation::{Actions, Conversation, Event};
use crate::model::Time;

/// Lines that the ring holds, about 1 KB each: several times those of a press and its actions, so that none is
/// encoded before playback is cut. A burst of messages may fill it: all its lines are then encoded before the
/// next one is put, so that none is lost.
const PENDING_LINES: usize = 32;

/// A line with what its encoding needs. Nothing in it is on the heap.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would allocate")]
pub(super) enum PendingLine {
    Event {
        at: Time,
        event: Event,
        then: Actions,
        /// The conversation after the event, for the line and for the snapshot of a segment that begins
        /// there.
        after: Conversation,
    },
    Link {
        at: Time,
        end: LinkEnd,
    },
    /// Any other line, whose texts are all static.
    Other(RecordLine<'static>),
}

impl PendingLine {
    fn write_to(&self, segments: &mut Segments) {
        match self {
            Self::Event { at, event, then, after } => {
                let line = RecordLine::Event {
                    at: *at,
                    is: event.clone(),
                    then: Cow::Borrowed(then),
                    state: after.state(),
                    live: after.microphone_open(),
                    until: after.deadline(),
                };
                segments.write_event(&line, after, *at);
            }
            Self::Link { at, end } => {
                let what = end.to_string();
                let text_bytes = escaped_bytes(&what);
                segments.write_if_room(&RecordLine::Link { at: *at, what: what.into() }, text_bytes);
            }
            Self::Other(line) => segments.write_if_room(line, 0),
        }
    }
}

/// The ring, oldest line first.
#[derive(Debug, Default)]
pub(super) struct PendingLines(Deque<PendingLine, PENDING_LINES>);

impl PendingLines {
    /// Adds a line. If the ring is full, the lines before it are encoded into `segments` first.
    pub(super) fn put(&mut self, line: PendingLine, segments: &mut Segments) {
        if let Err(line) = self.0.push_back(line) {
            self.write_all(segments);
            // The ring is empty now.
            let _ = self.0.push_back(line);
        }
    }

    /// Encodes all lines into `segments`, oldest first. Each is removed only once it is encoded.
    pub(super) fn write_all(&mut self, segments: &mut Segments) {
        while let Some(line) = self.0.front() {
            line.write_to(segments);
            self.0.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
