//! What was heard of each item, and how long each step of a turn took.
//!
//! Audio is known here only by its place in the spoken lane: an item owns the frames from one place to
//! another, the speaker says up to which place it has really been heard, and a cut says where hearing
//! ends. From that come the corrections that keep the service's memory true (protocol §10).
//!
//! It reads no clock and decides nothing about the conversation.

use std::time::Duration;

use heapless::{Deque, Vec};

use crate::model::{Id, Time};

/// Items with audio in flight: queued, being heard, or cut and waiting for the speaker's word. A reply
/// has one or two; when they do not fit, the audio of a further item is refused.
pub const ITEMS: usize = 32;
/// Corrections the service has yet to be told; beyond it the oldest is dropped, because the youngest
/// item is the one the next reply depends on.
pub const CORRECTIONS: usize = 32;

/// The book.
#[derive(Debug)]
pub struct Ledger {
    frames_per_ms: u64,
    spans: Deque<Span, ITEMS>,
    corrections: Vec<QueuedCorrection, CORRECTIONS>,
    /// Items that a cut has settled; what still comes of them changes nothing.
    closed: Deque<Id, ITEMS>,
    replies_done: Deque<Id, ITEMS>,
    drained_reported: bool,
    turn: TurnTimings,
}

/// What the service has to be told so that it remembers what was heard, and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correction {
    /// `conversation.item.truncate`: only the beginning was heard.
    Truncate {
        item: Id,
        content_index: u32,
        /// How much was heard, in whole milliseconds, at least 1 and at most what was received.
        audio_end_ms: u64,
        received_ms: u64,
    },
    /// `conversation.item.delete`: nothing was heard, and truncating to 0 is refused (protocol §10).
    Delete { item: Id },
}

/// A moment of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnMark {
    /// The owner's turn ended: the service heard it end, or the button was released.
    TurnEnded,
    Created,
    FirstAudio,
    /// The reply was cut: the event or the press arrived.
    Cut,
}

/// How long the steps of one turn took, as far as they happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnTimings {
    /// When the owner's turn ended.
    pub ended: Option<Time>,
    /// When the service began the reply.
    pub created: Option<Time>,
    /// When the first audio of the reply arrived.
    pub first_audio: Option<Time>,
    /// When the first frame of the reply left the loudspeaker.
    pub first_heard: Option<Time>,
    /// When the reply was cut.
    pub cut: Option<Time>,
    /// When the loudspeaker was known to be silent after the cut.
    pub silent: Option<Time>,
    /// How much of the reply was heard.
    pub heard: Duration,
}

#[derive(Clone, Debug)]
struct Span {
    reply: Id,
    item: Id,
    content_index: u32,
    start: u64,
    end: u64,
    /// The service has sent the whole of this item's audio.
    complete: bool,
    /// The session that knew the item is gone: nobody is to be told.
    orphaned: bool,
}

#[derive(Clone, Debug)]
struct QueuedCorrection {
    reply: Id,
    correction: Correction,
}

impl Ledger {
    /// Opens an empty book for frames at `rate_hz`, a whole number of kilohertz.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        Self {
            frames_per_ms: u64::from(rate_hz / 1000).max(1),
            spans: Deque::new(),
            corrections: Vec::new(),
            closed: Deque::new(),
            replies_done: Deque::new(),
            drained_reported: true,
            turn: TurnTimings::default(),
        }
    }

    /// Enters `frames` frames of an item that will stand at place `at` of the spoken lane, and tells
    /// whether there was room in the book.
    #[must_use]
    pub fn queue(&mut self, reply: &str, item: &str, content_index: u32, at: u64, frames: u64) -> bool {
        self.drained_reported = false;
        if let Some(last) = self.spans.back_mut()
            && last.end == at
            && last.item == item
            && last.content_index == content_index
        {
            last.end += frames;
            return true;
        }
        let (Ok(reply), Ok(item)) = (Id::try_from(reply), Id::try_from(item)) else { return false };
        let span = Span {
            reply,
            item,
            content_index,
            start: at,
            end: at + frames,
            complete: false,
            orphaned: false,
        };
        self.spans.push_back(span).is_ok()
    }

    /// Takes in that audio came which nobody may hear. An item of which nothing was ever queued is to
    /// be forgotten by the service, or it would remember words that never were.
    pub fn discarded(&mut self, reply: &str, item: &str) {
        let known = self.spans.iter().any(|span| span.item == item)
            || self.closed.iter().any(|closed| closed == item);
        let (false, Ok(reply), Ok(item)) = (known, Id::try_from(reply), Id::try_from(item)) else { return };
        push_evicting(&mut self.closed, &item);
        self.queue_correction(&reply, Correction::Delete { item });
    }

    /// Takes in that the service has sent all audio of an item's part.
    pub fn audio_done(&mut self, item: &str, content_index: u32) {
        for span in
            self.spans.iter_mut().filter(|span| span.item == item && span.content_index == content_index)
        {
            span.complete = true;
        }
    }

    /// Takes in that the service is done with a reply, so that its items can be deleted.
    pub fn reply_done(&mut self, reply: &Id) {
        push_evicting(&mut self.replies_done, reply);
        for span in self.spans.iter_mut().filter(|span| span.reply == *reply) {
            span.complete = true;
        }
    }

    /// Takes in up to which place of the spoken lane the loudspeaker has been heard.
    pub fn played(&mut self, position: u64, now: Time) {
        if self.turn.first_heard.is_none()
            && self.turn.first_audio.is_some()
            && let Some(span) = self.spans.front()
            && position > span.start
        {
            self.turn.first_heard = Some(now - self.duration(position - span.start));
        }
        while let Some(span) = self.spans.front()
            && span.end <= position
            && (span.complete || self.spans.len() > 1)
        {
            self.turn.heard += self.duration(span.end - span.start);
            self.spans.pop_front();
        }
    }

    /// Tells, once, that everything queued has been heard.
    #[must_use]
    pub fn take_drained(&mut self, position: u64) -> bool {
        let drained = self.spans.back().is_none_or(|last| last.end <= position);
        let newly_drained = drained && !self.drained_reported;
        self.drained_reported |= newly_drained;
        newly_drained
    }

    /// Tells whether any item has audio that is queued, being heard, or not yet known to be over.
    #[must_use]
    pub fn has_items(&self) -> bool {
        !self.spans.is_empty()
    }

    /// Returns how many frames are still to be heard.
    #[must_use]
    pub fn unplayed_frames(&self, position: u64) -> u64 {
        self.spans.back().map_or(0, |last| last.end.saturating_sub(position))
    }

    /// Takes in the speaker's word on a cut: of what stood before `cut`, everything up to `heard` was
    /// heard. Corrections come of it.
    pub fn silenced(&mut self, cut: u64, heard: u64, now: Time) {
        self.turn.silent = Some(now);
        while let Some(span) = self.spans.front()
            && span.start < cut
        {
            let Some(span) = self.spans.pop_front() else { break };
            let frames = heard.clamp(span.start, span.end) - span.start;
            self.turn.heard += self.duration(frames);
            self.close_span(&span, frames);
        }
        self.drained_reported |= self.spans.is_empty();
    }

    /// Takes out the next correction that the service can take.
    pub fn next_correction(&mut self) -> Option<Correction> {
        let ready = self.corrections.iter().position(|queued| match queued.correction {
            Correction::Truncate { .. } => true,
            // Deleting an item that is still being made is undefined; its reply's end comes soon.
            Correction::Delete { .. } => self.replies_done.iter().any(|done| *done == queued.reply),
        })?;
        Some(self.corrections.remove(ready).correction)
    }

    /// Takes in that the session that knew the items is gone: nothing is to be corrected any more, and what is
    /// still queued is followed to its end.
    pub fn session_lost(&mut self) {
        self.corrections.clear();
        self.closed.clear();
        self.replies_done.clear();
        for span in self.spans.iter_mut() {
            (span.complete, span.orphaned) = (true, true);
        }
    }

    /// Notes a moment of the turn; the end of the owner's turn begins a new one.
    pub fn mark(&mut self, mark: TurnMark, now: Time) {
        match mark {
            TurnMark::TurnEnded => self.turn = TurnTimings { ended: Some(now), ..TurnTimings::default() },
            TurnMark::Created => self.turn.created = Some(now),
            TurnMark::FirstAudio => self.turn.first_audio = self.turn.first_audio.or(Some(now)),
            TurnMark::Cut => (self.turn.cut, self.turn.silent) = (Some(now), None),
        }
    }

    /// Returns the times of the turn so far.
    #[must_use]
    pub fn timings(&self) -> &TurnTimings {
        &self.turn
    }

    fn close_span(&mut self, span: &Span, frames: u64) {
        push_evicting(&mut self.closed, &span.item);
        if span.orphaned || frames == span.end - span.start && span.complete {
            return;
        }
        let audio_end_ms = frames / self.frames_per_ms;
        self.queue_correction(
            &span.reply,
            match audio_end_ms {
                0 => Correction::Delete { item: span.item.clone() },
                _ => Correction::Truncate {
                    item: span.item.clone(),
                    content_index: span.content_index,
                    audio_end_ms,
                    received_ms: (span.end - span.start) / self.frames_per_ms,
                },
            },
        );
    }

    fn queue_correction(&mut self, reply: &Id, correction: Correction) {
        if self.corrections.is_full() {
            self.corrections.remove(0);
        }
        let _ = self.corrections.push(QueuedCorrection { reply: reply.clone(), correction });
    }

    fn duration(&self, frames: u64) -> Duration {
        Duration::from_micros(frames * 1000 / self.frames_per_ms)
    }
}

/// Keeps the latest names, forgetting the oldest.
fn push_evicting(ids: &mut Deque<Id, ITEMS>, id: &Id) {
    if ids.is_full() {
        ids.pop_front();
    }
    let _ = ids.push_back(id.clone());
}
