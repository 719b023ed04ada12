//! One item of the conversation: a message with the words of its parts and how much of them was heard, or a call of a
//! function.
//!
//! It knows no other item, and not which events its knowledge comes from.

use super::heard::{self, SpokenWord};
use crate::model::Id;
use crate::protocol::{ItemWords, RATE_HZ, Role};

/// Maximum size of the texts of one item, in bytes. What comes after is dropped; then the item is not whole.
pub(super) const ITEM_BYTES: usize = 8 * 1024;
/// Maximum number of content parts of an item. Words and audio of further ones are dropped.
const PARTS: usize = 4;
/// What a timestamp takes besides its text.
const TIMESTAMP_BYTES: usize = size_of::<SpokenWord>();
const FRAMES_PER_MS: u64 = RATE_HZ as u64 / 1000;

/// An item, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct HistoryItem {
    /// `None` if the service did not name it.
    pub(super) id: Option<Id>,
    /// The item before it.
    pub(super) previous: Option<Id>,
    /// The response that it belongs to.
    pub(super) reply: Option<Id>,
    /// Its session is over, so nothing more is said of it. What is left of its audio may still be played.
    pub(super) is_past: bool,
    /// It ended whole or not; `None` while it is generated.
    pub(super) completed: Option<bool>,
    /// It was shown, or nothing is left to be shown of it.
    pub(super) is_shown: bool,
    pub(super) body: Body,
}

#[derive(Debug, Default)]
pub(super) enum Body {
    /// Only its place is known.
    #[default]
    Unknown,
    Message {
        role: Role,
        parts: Vec<Part>,
    },
    Call(Call),
    /// The service has deleted it, or it is too long to be kept.
    Dropped,
}

/// A call of a function, and its result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) call: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) output: Option<String>,
}

/// A content part of a message.
#[derive(Debug, Default)]
pub(super) struct Part {
    index: u32,
    text: String,
    /// The text is complete.
    is_final: bool,
    /// Text was dropped for its length.
    is_clipped: bool,
    /// It is audio, and the text its transcript.
    is_spoken: bool,
    /// The event of the last addition to the text, which is ignored if it is repeated.
    last_event: Option<Id>,
    last_words: usize,
    /// Frames of audio that the service has sent.
    received: u64,
    /// Of these, frames that are to be played.
    queued: u64,
    /// Of these, frames that were played.
    heard: u64,
    /// The service sends no more audio of it.
    is_audio_done: bool,
    /// No more of it will be played.
    is_closed: bool,
    /// The service has truncated it to these frames.
    truncated: Option<u64>,
    /// When the words are spoken, in the order of their times.
    spoken: Vec<SpokenWord>,
}

impl HistoryItem {
    /// Returns whether it is the item of this id, of an earlier session or of the current one.
    pub(super) fn is_named(&self, name: &str, is_past: bool) -> bool {
        self.is_past == is_past && self.id.as_ref().is_some_and(|id| *id == *name)
    }

    /// Records the response that it belongs to.
    pub(super) fn set_reply(&mut self, reply: &str) {
        if self.reply.is_none() {
            self.reply = Id::try_from(reply).ok().filter(|reply| !reply.is_empty());
        }
    }

    /// Handles a call of a function, of which an event may know only a part. Arguments that are cut are no JSON, so a call
    /// that is too long is dropped.
    pub(super) fn set_call(&mut self, call: &str, name: &str, arguments: &str, output: Option<&str>) {
        if matches!(self.body, Body::Unknown) {
            self.body = Body::Call(Call::default());
        }
        let Body::Call(known) = &mut self.body else { return };
        for (known, told) in
            [(&mut known.call, call), (&mut known.name, name), (&mut known.arguments, arguments)]
        {
            if known.is_empty() {
                told.clone_into(known);
            }
        }
        known.add_output(output);
        if known.bytes() > ITEM_BYTES {
            self.body = Body::Dropped;
        }
    }

    /// Returns the words of a message that count: those of the user, those that were heard of a reply, and the texts that
    /// were only shown; and whether they are all.
    pub(super) fn words(&self) -> Option<(Role, String, bool)> {
        let Body::Message { role, parts } = &self.body else { return None };
        let mut words = String::new();
        let mut whole = true;
        for part in parts {
            let (end, is_whole) = match role {
                Role::User => part.said(self.is_past),
                Role::Assistant => part.heard(self.completed == Some(true)),
            };
            let text = part.text.get(..end).unwrap_or_default().trim();
            whole &= is_whole;
            if !words.is_empty() && !text.is_empty() {
                words.push(' ');
            }
            words.push_str(text);
        }
        (!words.is_empty()).then_some((*role, words, whole))
    }

    /// Returns whether its words will not change any more.
    pub(super) fn is_settled(&self) -> bool {
        let has_ended = self.is_past || self.completed.is_some();
        match &self.body {
            Body::Unknown => self.is_past,
            Body::Dropped => true,
            Body::Message { role: Role::User, parts } => {
                self.is_past || !parts.is_empty() && parts.iter().all(|part| part.is_final)
            }
            Body::Message { role: Role::Assistant, parts } => {
                let is_part_settled = |part: &Part| {
                    if part.is_spoken {
                        has_ended && part.is_over(has_ended)
                    } else {
                        has_ended || part.is_final
                    }
                };
                (has_ended || !parts.is_empty()) && parts.iter().all(is_part_settled)
            }
            Body::Call(_) => true,
        }
    }

    /// Returns the content part `index` of a message of `role`, which is created if there is room.
    pub(super) fn part(&mut self, role: Role, index: u32) -> Option<&mut Part> {
        let parts = self.parts(role)?;
        let at = match parts.iter().position(|part| part.index == index) {
            Some(at) => at,
            None if parts.len() == PARTS => return None,
            None => {
                // Parts are listed in their own order, however their events arrive.
                let at = parts.iter().take_while(|part| part.index < index).count();
                parts.insert(at, Part { index, ..Part::default() });
                at
            }
        };
        parts.get_mut(at)
    }

    /// Returns the parts of a message of `role`; `None` if the item is something else.
    pub(super) fn parts(&mut self, role: Role) -> Option<&mut Vec<Part>> {
        if matches!(self.body, Body::Unknown) {
            self.body = Body::Message { role, parts: Vec::new() };
        }
        match &mut self.body {
            Body::Message { role: known, parts } if *known == role => Some(parts),
            Body::Message { .. } | Body::Unknown | Body::Call(_) | Body::Dropped => None,
        }
    }

    /// Handles words of a part.
    pub(super) fn add_words(&mut self, words: &ItemWords<'_>) {
        let room = ITEM_BYTES.saturating_sub(self.bytes());
        let Some(part) = self.part(words.role, words.content_index) else { return };
        part.is_spoken |= words.spoken;
        match &words.next {
            Some(event) => part.add(&words.words, event, room),
            None => part.complete(&words.words, room),
        }
    }

    /// Handles the time at which a word of a part is spoken.
    pub(super) fn add_timestamp(&mut self, index: u32, spoken: SpokenWord) {
        let has_room = self.bytes() + TIMESTAMP_BYTES + spoken.word.len() <= ITEM_BYTES;
        let Some(part) = self.part(Role::Assistant, index).filter(|_| has_room) else { return };
        let at = part.spoken.partition_point(|known| known.offset_ms < spoken.offset_ms);
        if part.spoken.get(at).is_none_or(|known| *known != spoken) {
            part.spoken.insert(at, spoken);
        }
    }

    /// Returns the size of its texts in bytes.
    pub(super) fn bytes(&self) -> usize {
        match &self.body {
            Body::Unknown | Body::Dropped => 0,
            Body::Message { parts, .. } => parts.iter().map(Part::bytes).sum(),
            Body::Call(call) => call.bytes(),
        }
    }
}

impl Call {
    /// Handles the result, which is cut if it is too long.
    pub(super) fn add_output(&mut self, output: Option<&str>) {
        if self.output.is_none() {
            let room = ITEM_BYTES.saturating_sub(self.bytes());
            self.output = output
                .map(|output| output.get(..output.floor_char_boundary(room)).unwrap_or_default().to_owned());
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let Self { call, name, arguments, output } = self;
        call.len() + name.len() + arguments.len() + output.as_ref().map_or(0, String::len)
    }
}

impl Part {
    /// Records audio that the service has sent, and how much of it is to be played.
    pub(super) fn add_audio(&mut self, received: u64, queued: u64) {
        self.is_spoken = true;
        self.received += received.max(queued);
        self.queued += queued;
    }

    /// Records that frames were played.
    pub(super) fn add_heard(&mut self, frames: u64) {
        self.heard += frames;
    }

    /// Records that no more of it will be played.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Records that the service sends no more audio of it.
    pub(super) fn end_audio(&mut self) {
        self.is_audio_done = true;
    }

    /// Handles a truncation by the service.
    pub(super) fn truncate(&mut self, end_ms: u32) {
        let frames = u64::from(end_ms) * FRAMES_PER_MS;
        self.truncated = Some(self.truncated.map_or(frames, |before| before.min(frames)));
    }

    /// Drops the words of a transcription that has failed.
    pub(super) fn drop_words(&mut self) {
        self.text.clear();
        self.is_final = true;
    }

    /// Returns the length of the user's words in bytes: of those that are complete, or that were known when the session
    /// ended; and whether they are all.
    fn said(&self, is_past: bool) -> (usize, bool) {
        let end = if self.is_final || is_past { self.text.len() } else { 0 };
        (end, self.is_final && !self.is_clipped)
    }

    /// Returns the length of what was heard in bytes, and whether it is all. The item was `completed`, or has not ended or
    /// only in part: then its text runs ahead of its audio by an unknown time.
    fn heard(&self, completed: bool) -> (usize, bool) {
        let is_all_known = self.is_final && !self.is_clipped;
        if !self.is_spoken {
            return (self.text.len(), is_all_known);
        }
        let heard = self.heard.min(self.truncated.unwrap_or(u64::MAX));
        if completed && self.received > 0 && heard >= self.received {
            return (self.text.len(), is_all_known);
        }
        let heard_ms = heard / FRAMES_PER_MS;
        let end = if !self.spoken.is_empty() {
            heard::by_timestamps(&self.text, &self.spoken, heard_ms)
        } else {
            let share = heard::by_share(&self.text, heard, self.received);
            if completed && self.is_final { share } else { share.min(heard::by_pace(&self.text, heard_ms)) }
        };
        (end, false)
    }

    /// Returns whether no more of it will be heard.
    fn is_over(&self, has_ended: bool) -> bool {
        self.is_closed || (self.is_audio_done || has_ended) && self.heard >= self.queued
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.spoken.iter().map(|spoken| TIMESTAMP_BYTES + spoken.word.len()).sum::<usize>()
    }

    /// Appends the next words, which come in their order.
    fn add(&mut self, words: &str, event: &str, room: usize) {
        let event = Id::try_from(event).ok().filter(|event| !event.is_empty());
        let is_repeated = event.is_some() && event == self.last_event && {
            let before = self.text.len().saturating_sub(self.last_words);
            self.text.get(before..) == Some(words)
        };
        if self.is_final || is_repeated {
            return;
        }
        let end = words.floor_char_boundary(room);
        self.is_clipped |= end < words.len();
        let words = words.get(..end).unwrap_or_default();
        self.text.push_str(words);
        (self.last_event, self.last_words) = (event, words.len());
    }

    /// Handles the complete words. A reply that was interrupted may end with none, and later events repeat them.
    fn complete(&mut self, words: &str, room: usize) {
        let words = words.trim();
        if words.is_empty() || self.is_final {
            return;
        }
        let room = room + self.text.len();
        let end = words.floor_char_boundary(room);
        self.is_clipped = end < words.len();
        self.text = words.get(..end).unwrap_or_default().to_owned();
        self.is_final = true;
    }
}
