//! Tracks how much of each item was played, and the latency of each step of a turn.
//!
//! Each item occupies a range of frame positions in the playback lane. The speaker reports the played
//! position, and a cut the position at which playback ended. From these the ledger derives the corrections
//! that keep the service's memory equal to what was played (protocol §10).
//!
//! It holds no audio, reads no clock and decides nothing about the conversation.

use std::time::Duration;

use heapless::{Deque, Vec};

use crate::model::{Id, Time};

/// Maximum number of items that are queued, playing, or cut without a receipt yet. A reply has one or two;
/// beyond the limit the audio of further items is rejected.
pub const ITEMS: usize = 32;
/// Maximum number of unsent corrections; beyond it the oldest is dropped, because the next reply depends on
/// the newest item.
pub const CORRECTIONS: usize = 32;

/// Played positions of the items of the conversation, and the timings of the current turn.
#[derive(Debug)]
pub struct Ledger {
    frames_per_ms: u64,
    spans: Deque<Span, ITEMS>,
    corrections: Vec<QueuedCorrection, CORRECTIONS>,
    /// Items closed by a cut or played to their end; late audio of them changes nothing.
    closed: Deque<Id, ITEMS>,
    replies_done: Deque<Id, ITEMS>,
    /// What was played of the items that are no longer queued.
    reports: Deque<PlayedPart, ITEMS>,
    drained_reported: bool,
    turn: TurnTimings,
    /// When speech ended that the service has not answered so far.
    speech_ended: Option<Time>,
}

/// What was played of a content part since the last report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayedPart {
    pub item: Id,
    pub content_index: u32,
    /// Frames that were played.
    pub frames: u64,
    /// The item was cut: what is left of it was dropped.
    pub was_cut: bool,
    /// The item is of a session that was lost.
    pub orphaned: bool,
}

/// A correction of the service's memory of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correction {
    /// `conversation.item.truncate`: only the beginning was played.
    Truncate {
        item: Id,
        content_index: u32,
        /// Milliseconds played, rounded down, at least 1.
        audio_end_ms: u64,
    },
    /// `conversation.item.delete`: nothing was played. The service rejects a truncation to 0 (protocol §10).
    Delete { item: Id },
}

impl Correction {
    fn item(&self) -> &Id {
        match self {
            Self::Truncate { item, .. } | Self::Delete { item } => item,
        }
    }
}

/// A step of a turn whose time is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnMark {
    /// The service detected the end of speech, which may be a turn or a noise.
    SpeechEnded,
    /// The user's turn ended: the button was released.
    TurnEnded,
    Created,
    FirstAudio,
    /// The reply was cut by an event of the service or a press.
    Cut,
}

/// The times of the steps of one turn; `None` for steps that have not happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnTimings {
    /// When the user's turn ended.
    pub ended: Option<Time>,
    /// When the service started the reply.
    pub created: Option<Time>,
    /// When the first audio of the reply arrived.
    pub first_audio: Option<Time>,
    /// When the speaker played the first frame of the reply.
    pub first_played: Option<Time>,
    /// When the reply was cut.
    pub cut: Option<Time>,
    /// When the receipt of the cut reported silence.
    pub silent: Option<Time>,
    /// Duration of the reply that was played.
    pub played: Duration,
    /// By how much the speaker was behind at most what the service believes to be played.
    pub lag: Duration,
}

#[derive(Clone, Debug)]
struct Span {
    reply: Id,
    item: Id,
    content_index: u32,
    /// Frames of the item before `start`, which are played first.
    played: u64,
    start: u64,
    end: u64,
    /// The service has sent all audio of this item.
    complete: bool,
    /// The session of the item was lost, so no correction can be sent.
    orphaned: bool,
    /// The lane position of the cut after which nothing of it will be played.
    cut: Option<u64>,
    /// Played frames that were reported.
    reported: u64,
}

#[derive(Clone, Debug)]
struct QueuedCorrection {
    reply: Id,
    correction: Correction,
}

impl Ledger {
    /// Creates an empty ledger for frames at `rate_hz`, a multiple of 1000.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        Self {
            frames_per_ms: u64::from(rate_hz / 1000).max(1),
            spans: Deque::new(),
            corrections: Vec::new(),
            closed: Deque::new(),
            replies_done: Deque::new(),
            reports: Deque::new(),
            drained_reported: true,
            turn: TurnTimings::default(),
            speech_ended: None,
        }
    }

    /// Reserves an entry for audio of an item at position `at` of the playback lane, or continues the item's entry that
    /// ends there. Returns `false` if the ledger is full or an id is too long.
    #[must_use]
    pub fn reserve(&mut self, reply: &str, item: &str, content_index: u32, at: u64) -> bool {
        self.drained_reported = false;
        let continues =
            |last: &Span| last.end == at && last.item == item && last.content_index == content_index;
        let is_open = |last: &Span| last.cut.is_none() && continues(last);
        if self.spans.back().is_some_and(is_open) {
            return true;
        }
        let (Ok(reply), Ok(item)) = (Id::try_from(reply), Id::try_from(item)) else { return false };
        // Audio of another item may have come in between.
        let before = self.spans.iter().rfind(|span| span.item == item && span.content_index == content_index);
        let played = before.map_or(0, |span| span.played + span.end - span.start);
        let span = Span {
            reply,
            item,
            content_index,
            played,
            start: at,
            end: at,
            complete: false,
            orphaned: false,
            cut: None,
            reported: 0,
        };
        self.spans.push_back(span).is_ok()
    }

    /// Records that `frames` frames were queued for the entry that was reserved last.
    pub fn extend(&mut self, frames: u64) {
        if let Some(last) = self.spans.back_mut() {
            last.end += frames;
        }
    }

    /// Records by how much the speaker is behind what the service believes to be played.
    pub fn record_lag(&mut self, lag: Duration) {
        self.turn.lag = self.turn.lag.max(lag);
    }

    /// Records that audio of an item was discarded. An item of which nothing was ever queued is deleted,
    /// because the service would remember words that were never played.
    pub fn discarded(&mut self, reply: &str, item: &str) {
        let known = self.spans.iter().any(|span| span.item == item)
            || self.closed.iter().any(|closed| closed == item);
        let (false, Ok(reply), Ok(item)) = (known, Id::try_from(reply), Id::try_from(item)) else { return };
        push_evicting(&mut self.closed, item.clone());
        self.queue_correction(&reply, Correction::Delete { item });
    }

    /// Records that the service has sent all audio of a content part.
    pub fn audio_done(&mut self, item: &str, content_index: u32) {
        for span in
            self.spans.iter_mut().filter(|span| span.item == item && span.content_index == content_index)
        {
            span.complete = true;
        }
    }

    /// Records that the service has finished a reply, so that its items can be deleted.
    pub fn reply_done(&mut self, reply: &Id) {
        push_evicting(&mut self.replies_done, reply.clone());
        for span in self.spans.iter_mut().filter(|span| span.reply == *reply) {
            span.complete = true;
        }
    }

    /// Records the played position of the playback lane, in frames.
    pub fn played(&mut self, position: u64, now: Time) {
        if self.turn.first_played.is_none()
            && self.turn.first_audio.is_some()
            && let Some(span) = self.spans.front()
            && position > span.start
        {
            self.turn.first_played = Some(now - self.duration(position - span.start));
        }
        while let Some(span) = self.spans.front()
            && span.end <= position
            && (span.complete || self.spans.len() > 1)
        {
            let Some(mut span) = self.spans.pop_front() else { break };
            self.turn.played += self.duration(span.end - span.start);
            let report = span.report(span.end - span.start, false);
            push_evicting(&mut self.reports, report);
            push_evicting(&mut self.closed, span.item);
        }
    }

    /// Handles the receipt of a pause: playback stopped after position `played`, and what follows will be played from
    /// position `cut` on. Nothing is corrected until it is known whether it will.
    pub fn pause_receipt(&mut self, cut: u64, played: u64, now: Time) {
        self.turn.silent = Some(now);
        self.played(played, now);
        let mut heard = 0;
        for span in self.spans.iter_mut() {
            let frames = span.played_until(played);
            let report = span.report(frames, false);
            push_evicting(&mut self.reports, report);
            heard += frames;
            span.played += frames;
            (span.start, span.reported) = (span.start + frames, 0);
        }
        // What is left moves to the position at which it will be played.
        let shift = cut.saturating_sub(played);
        for span in self.spans.iter_mut() {
            (span.start, span.end) = (span.start + shift, span.end + shift);
        }
        self.turn.played += self.duration(heard);
    }

    /// Closes all items that have not been played to their end: nothing more of them will be. Queues the resulting
    /// corrections. To be called while playback is paused.
    pub fn close_all(&mut self) {
        while let Some(mut span) = self.spans.pop_front() {
            let report = span.report(span.reported, true);
            push_evicting(&mut self.reports, report);
            self.close_span(&span, span.played);
        }
        self.drained_reported = true;
    }

    /// Removes and returns what was played of the next item up to `position` since the last report; `None` if no more was.
    pub fn next_played(&mut self, position: u64) -> Option<PlayedPart> {
        if let Some(report) = self.reports.pop_front() {
            return Some(report);
        }
        let span = self.spans.iter_mut().find(|span| span.played_until(position) > span.reported)?;
        Some(span.report(span.played_until(position), false))
    }

    /// Returns `true` once after everything queued has been played.
    #[must_use]
    pub fn take_drained(&mut self, position: u64) -> bool {
        let drained = self.spans.back().is_none_or(|last| last.end <= position);
        let newly_drained = drained && !self.drained_reported;
        self.drained_reported |= newly_drained;
        newly_drained
    }

    /// Returns whether any item is queued, playing, or may still receive audio.
    #[must_use]
    pub fn has_items(&self) -> bool {
        !self.spans.is_empty()
    }

    /// Returns the number of queued frames after the played `position`.
    #[must_use]
    pub fn unplayed_frames(&self, position: u64) -> u64 {
        self.spans.back().map_or(0, |last| last.end.saturating_sub(position))
    }

    /// Records that everything queued was cut at position `cut`, also what was queued for later positions.
    pub fn cut(&mut self, cut: u64) {
        for span in self.spans.iter_mut() {
            span.cut = span.cut.or(Some(cut));
        }
    }

    /// Handles the receipt of a cut: of the frames before position `cut`, those before position `played` were
    /// played. Queues the resulting corrections.
    pub fn cut_receipt(&mut self, cut: u64, played: u64, now: Time) {
        self.turn.silent = Some(now);
        while let Some(span) = self.spans.front()
            && (span.start < cut || span.cut.is_some_and(|at| at <= cut))
        {
            let Some(mut span) = self.spans.pop_front() else { break };
            let frames = span.played_until(played);
            self.turn.played += self.duration(frames);
            let report = span.report(frames, true);
            push_evicting(&mut self.reports, report);
            self.close_span(&span, span.played + frames);
        }
        self.drained_reported |= self.spans.is_empty();
    }

    /// Handles the loss of all frames from position `played` to `lost`, the end: closes the items if no more audio of them
    /// is to come, and queues the resulting corrections. Returns whether it has closed any.
    #[must_use]
    pub fn lose_end(&mut self, lost: u64, played: u64, now: Time) -> bool {
        let is_over = !self.spans.is_empty() && self.spans.iter().all(|span| span.complete);
        if is_over {
            self.cut_receipt(lost, played, now);
        }
        is_over
    }

    /// Removes and returns the next correction that may be sent now.
    pub fn next_correction(&mut self) -> Option<Correction> {
        let ready = self.corrections.iter().position(|queued| match queued.correction {
            Correction::Truncate { .. } => true,
            // Deleting an item that is still generated is undefined, so its reply has to end first.
            Correction::Delete { .. } => self.replies_done.iter().any(|done| *done == queued.reply),
        })?;
        Some(self.corrections.remove(ready).correction)
    }

    /// Handles the loss of the session: drops all corrections. Items that are still queued play to their end
    /// and are not corrected.
    pub fn session_lost(&mut self) {
        self.corrections.clear();
        self.closed.clear();
        self.replies_done.clear();
        for span in self.spans.iter_mut() {
            (span.complete, span.orphaned) = (true, true);
        }
    }

    /// Records the time of a step. [`TurnMark::TurnEnded`] starts the timings of a new turn, as does
    /// [`TurnMark::SpeechEnded`] once a reply is created: until then the previous reply may go on.
    pub fn mark(&mut self, mark: TurnMark, now: Time) {
        match mark {
            TurnMark::SpeechEnded => self.speech_ended = Some(now),
            TurnMark::TurnEnded => self.begin_turn(now),
            TurnMark::Created => {
                if let Some(ended) = self.speech_ended {
                    self.begin_turn(ended);
                }
                self.turn.created = Some(now);
            }
            TurnMark::FirstAudio => self.turn.first_audio = self.turn.first_audio.or(Some(now)),
            TurnMark::Cut => (self.turn.cut, self.turn.silent) = (Some(now), None),
        }
    }

    /// Returns the timings of the current turn.
    #[must_use]
    pub fn timings(&self) -> &TurnTimings {
        &self.turn
    }

    fn begin_turn(&mut self, ended: Time) {
        self.turn = TurnTimings { ended: Some(ended), ..TurnTimings::default() };
        self.speech_ended = None;
    }

    fn close_span(&mut self, span: &Span, frames: u64) {
        // Its beginning was heard, as another content part, or has been corrected.
        let is_corrected = self.corrections.iter().any(|queued| queued.correction.item() == &span.item);
        let is_known = self.closed.iter().any(|closed| *closed == span.item);
        let is_rest = frames == span.played && is_known && (frames == 0 || is_corrected);
        push_evicting(&mut self.closed, span.item.clone());
        let received = span.played + span.end - span.start;
        if span.orphaned || is_rest || frames == received && span.complete {
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

impl Span {
    /// Returns its frames before `position`.
    fn played_until(&self, position: u64) -> u64 {
        position.clamp(self.start, self.end) - self.start
    }

    /// Reports that `frames` of it were played.
    fn report(&mut self, frames: u64, was_cut: bool) -> PlayedPart {
        let new = frames.saturating_sub(self.reported);
        self.reported += new;
        let Self { item, content_index, orphaned, .. } = self;
        PlayedPart {
            item: item.clone(),
            content_index: *content_index,
            frames: new,
            was_cut,
            orphaned: *orphaned,
        }
    }
}

/// Appends an element, dropping the oldest if the queue is full.
fn push_evicting<T>(queue: &mut Deque<T, ITEMS>, element: T) {
    if queue.is_full() {
        queue.pop_front();
    }
    let _ = queue.push_back(element);
}
