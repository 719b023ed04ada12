//! The conversation as a list of items: what a new session is told, the recorder keeps and the screen shows.
//!
//! An item is kept once, by its id, in the place that `previous_item_id` gives it; where the service gives none, in the
//! order of the first event that names it. A reply is cut at what was heard ([`History::heard`]), a text without audio
//! counts as shown. Items of sessions that are over stay, in front of those of the current one.
//!
//! It transcribes nothing itself, writes nothing to disk, and a reset clears it.

mod heard;
mod item;

use heard::SpokenWord;
use item::{Body, Call, HistoryItem, Part};

use crate::model::Id;
use crate::protocol::{ClientEvent, ItemBody, ItemEvent, ItemWords, Role, ServerItem};

/// Maximum number of items, those of unknown content included; the oldest is dropped. A turn has two or three.
pub const ITEMS: usize = 64;
/// Maximum size of all texts together, in bytes; the oldest items are dropped. One item has at most 8 KiB.
pub const TEXT_BYTES: usize = 64 * 1024;
/// Maximum number of items that a new session receives, the newest ones. The last minutes are enough to continue a
/// conversation.
pub const REPLAYED_ITEMS: usize = 32;
/// Maximum number of characters of them together; older items are left out. About 2000 tokens, a fiftieth of the
/// service's limit per minute (protocol §4.2).
pub const REPLAYED_CHARACTERS: usize = 8000;
/// Maximum number of characters of one of them; the rest is left out.
pub const REPLAYED_ITEM_CHARACTERS: usize = 2000;

/// The items of the conversation.
#[derive(Debug, Default)]
pub struct History {
    /// Those of earlier sessions first, in their order; then those of the current one, as they became known.
    items: Vec<HistoryItem>,
}

/// The words of an item that will not change any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    pub role: Role,
    pub words: String,
    /// Whether they are all of the item's words.
    pub whole: bool,
}

/// Frames of a content part that were played.
#[derive(Clone, Copy, Debug)]
pub struct HeardPart<'a> {
    pub item: &'a str,
    pub content_index: u32,
    /// Frames that were played since the last report.
    pub frames: u64,
    /// Whether the item is of an earlier session.
    pub is_past: bool,
}

impl History {
    /// Handles what an event of the current session says about items.
    pub fn apply(&mut self, event: &ItemEvent<'_>) {
        match event {
            ItemEvent::Item(item) => self.handle_item(item),
            ItemEvent::ReplyDone { reply, completed, items } => {
                items.iter().for_each(|item| self.handle_item(item));
                let is_of_reply = |item: &&mut HistoryItem| {
                    !item.is_past && item.reply.as_ref().is_some_and(|known| **known == **reply)
                };
                for item in self.items.iter_mut().filter(is_of_reply) {
                    item.completed = item.completed.or(Some(*completed));
                }
            }
            ItemEvent::Words(words) => self.handle_words(words),
            ItemEvent::NotTranscribed { item } => {
                if let Some(part) = self.part(item, Role::User, 0) {
                    part.drop_words();
                }
            }
            ItemEvent::Timestamp { item, content_index, offset_ms, duration_ms, text } => {
                let end_ms = offset_ms.saturating_add(*duration_ms);
                let spoken = SpokenWord { offset_ms: *offset_ms, end_ms, word: (&**text).into() };
                if let Some(item) = self.item(item) {
                    item.add_timestamp(*content_index, spoken);
                }
            }
            ItemEvent::AudioDone { item, content_index } => {
                if let Some(part) = self.part(item, Role::Assistant, *content_index) {
                    part.end_audio();
                }
            }
            ItemEvent::Truncated { item, content_index, audio_end_ms } => {
                if let Some(part) = self.part(item, Role::Assistant, *content_index) {
                    part.truncate(*audio_end_ms);
                }
            }
            ItemEvent::Deleted { item } => {
                if let Some(item) = self.item(item) {
                    item.body = Body::Dropped;
                }
            }
        }
        self.drop_oldest();
    }

    /// Records audio of a reply: the frames `received` from the service, of which those `queued` are to be played.
    pub fn audio(&mut self, reply: &str, item: &str, content_index: u32, received: u64, queued: u64) {
        let Some(item) = self.item(item) else { return };
        item.set_reply(reply);
        if let Some(part) = item.part(Role::Assistant, content_index) {
            part.add_audio(received, queued);
        }
        self.drop_oldest();
    }

    /// Records that more of a reply was played.
    pub fn heard(&mut self, HeardPart { item, content_index, frames, is_past }: HeardPart<'_>) {
        if let Some(item) = self.find(item, is_past)
            && let Some(part) = item.part(Role::Assistant, content_index)
        {
            part.add_heard(frames);
        }
    }

    /// Records that no more of an item will be played than was, because it was cut. Until then its text is kept whole, so
    /// that the rest may still be played.
    pub fn close(&mut self, item: &str, is_past: bool) {
        if let Some(item) = self.find(item, is_past)
            && let Some(parts) = item.parts(Role::Assistant)
        {
            parts.iter_mut().for_each(Part::close);
        }
    }

    /// Handles the end of the session: its items keep their places and what is known of them.
    pub fn end_session(&mut self) {
        let order = self.order();
        let mut items: Vec<_> = std::mem::take(&mut self.items).into_iter().map(Some).collect();
        self.items = order.into_iter().filter_map(|at| items.get_mut(at)?.take()).collect();
        for item in &mut self.items {
            (item.is_past, item.previous) = (true, None);
        }
        // Nothing more becomes known of an item, so one without content stays so.
        self.items.retain(|item| item.bytes() > 0);
    }

    /// Handles the end of the conversation: nothing more is heard of any item.
    pub fn end(&mut self) {
        self.end_session();
        for parts in self.items.iter_mut().filter_map(|item| item.parts(Role::Assistant)) {
            parts.iter_mut().for_each(Part::close);
        }
    }

    /// Removes all items.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Returns the words of the next item that will not change any more, once for each item, in the order of the
    /// conversation as far as they settle in it.
    pub fn poll_line(&mut self) -> Option<HistoryLine> {
        while self.items.iter().any(|item| !item.is_shown && item.is_settled()) {
            let is_next =
                |at: &usize| self.items.get(*at).is_some_and(|item| !item.is_shown && item.is_settled());
            let at = self.order().into_iter().find(is_next)?;
            let item = self.items.get_mut(at)?;
            item.is_shown = true;
            if let Some((role, words, whole)) = item.words() {
                return Some(HistoryLine { role, words, whole });
            }
        }
        None
    }

    /// Returns the events that tell a new session of the conversation so far, oldest item first: messages as far as they
    /// were heard, and calls with their results. An item without words is left out, and a call without its result.
    #[must_use]
    pub fn replay(&self) -> Vec<ClientEvent> {
        let (mut newest_first, mut items, mut characters) = (Vec::new(), 0, 0);
        for at in self.order().into_iter().rev() {
            let Some(item) = self.items.get(at) else { continue };
            let events = replay_of(item);
            if events.is_empty() {
                continue;
            }
            items += 1;
            characters += events.iter().map(characters_of).sum::<usize>();
            if items > REPLAYED_ITEMS || characters > REPLAYED_CHARACTERS {
                break;
            }
            newest_first.extend(events.into_iter().rev());
        }
        newest_first.reverse();
        newest_first
    }

    fn handle_item(&mut self, server: &ServerItem<'_>) {
        match &server.body {
            // It repeats what is known from an earlier session.
            ItemBody::Created => return,
            ItemBody::Call { call, .. } if server.reply.is_empty() && self.is_replayed(call, &server.id) => {
                return;
            }
            ItemBody::CallOutput { call, output } => self.handle_output(call, output),
            ItemBody::Unknown | ItemBody::Message { .. } | ItemBody::Call { .. } => {}
        }
        self.set_previous(&server.id, &server.previous);
        let Some(item) = self.item(&server.id) else { return };
        item.set_reply(&server.reply);
        item.completed = item.completed.or(server.completed);
        match &server.body {
            ItemBody::Message { role, words } => {
                if item.parts(*role).is_some() {
                    words.iter().for_each(|words| item.add_words(words));
                }
            }
            ItemBody::Call { call, name, arguments, output } => {
                item.set_call(call, name, arguments, output.as_deref());
            }
            ItemBody::Unknown | ItemBody::Created | ItemBody::CallOutput { .. } => {}
        }
    }

    fn handle_words(&mut self, words: &ItemWords<'_>) {
        let item = if id(&words.item).is_some() {
            self.item(&words.item)
        } else if words.next.is_none() && !words.words.trim().is_empty() {
            self.unnamed_item(words.role)
        } else {
            None
        };
        let Some(item) = item else { return };
        item.set_reply(&words.reply);
        item.add_words(words);
    }

    /// Returns the item that complete words without a usable id belong to: the last reply without words, or another item.
    fn unnamed_item(&mut self, role: Role) -> Option<&mut HistoryItem> {
        let awaits_words = |item: &HistoryItem| {
            let is_reply = matches!(item.body, Body::Message { role: Role::Assistant, .. });
            role == Role::Assistant && is_reply && !item.is_past && item.bytes() == 0
        };
        match self.items.iter().rposition(awaits_words) {
            Some(at) => self.items.get_mut(at),
            None => {
                self.items.push(HistoryItem::default());
                self.items.last_mut()
            }
        }
    }

    /// Adds the result to a call, of whatever session.
    fn handle_output(&mut self, call: &str, output: &str) {
        let is_call = |item: &&mut HistoryItem| matches!(&item.body, Body::Call(known) if known.call == call);
        if let Some(item) = self.items.iter_mut().rev().find(is_call)
            && let Body::Call(known) = &mut item.body
        {
            known.add_output(Some(output));
        }
    }

    /// Returns whether an item without a response repeats a call of an earlier session, which was replayed.
    fn is_replayed(&self, call: &str, item: &str) -> bool {
        let repeats = |known: &HistoryItem| matches!(&known.body, Body::Call(known) if known.call == call);
        self.items.iter().any(|known| known.is_past && repeats(known))
            && !self.items.iter().any(|known| known.is_named(item, false))
    }

    /// Sets the item before `item`, the first time an event says which it is. One that would close a circle is ignored.
    fn set_previous(&mut self, item: &str, previous: &str) {
        let Some(previous) = id(previous) else { return };
        let mut before = Some(previous.clone());
        while let Some(one) = before {
            if *one == *item {
                return;
            }
            before = self.find(&one, false).and_then(|one| one.previous.clone());
        }
        if let Some(item) = self.item(item) {
            item.previous = item.previous.take().or(Some(previous));
        }
    }

    /// Returns the item of the current session with this id, which is created if there is none; `None` if the id is empty
    /// or too long.
    fn item(&mut self, name: &str) -> Option<&mut HistoryItem> {
        if let Some(at) = self.items.iter().rposition(|item| item.is_named(name, false)) {
            return self.items.get_mut(at);
        }
        self.items.push(HistoryItem { id: Some(id(name)?), ..HistoryItem::default() });
        self.items.last_mut()
    }

    fn part(&mut self, item: &str, role: Role, content_index: u32) -> Option<&mut Part> {
        self.item(item)?.part(role, content_index)
    }

    fn find(&mut self, name: &str, is_past: bool) -> Option<&mut HistoryItem> {
        self.items.iter_mut().rev().find(|item| item.is_named(name, is_past))
    }

    /// Returns the positions of the items in the order of the conversation: an item comes behind the one that it names as
    /// the previous one, and behind what follows that already.
    fn order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.items.len());
        let position = |name: &Id| self.items.iter().position(|item| item.is_named(name, false));
        let previous: Vec<Option<usize>> =
            self.items.iter().map(|item| item.previous.as_ref().and_then(position)).collect();
        let following = |one: Option<usize>| {
            let items = previous.iter().enumerate().rev();
            items.filter(move |(_, previous)| **previous == one).map(|(at, _)| at)
        };
        let mut stack: Vec<usize> = following(None).collect();
        while let Some(at) = stack.pop() {
            order.push(at);
            stack.extend(following(Some(at)));
        }
        order
    }

    /// Drops the oldest items until the rest is within the limits.
    fn drop_oldest(&mut self) {
        while self.items.len() > ITEMS
            || self.items.iter().map(HistoryItem::bytes).sum::<usize>() > TEXT_BYTES
        {
            let Some(oldest) = self.order().first().copied() else { return };
            self.items.remove(oldest);
        }
    }
}

/// Returns the events that create an item again; none if nothing of it is to be told.
fn replay_of(item: &HistoryItem) -> Vec<ClientEvent> {
    if let Some((who, mut words, mut whole)) = item.words() {
        let end = heard::first_characters(&words, REPLAYED_ITEM_CHARACTERS);
        whole &= end == words.len();
        words.truncate(end);
        return vec![ClientEvent::CreateItem { who, words, whole }];
    }
    let Body::Call(Call { call, name, arguments, output: Some(output) }) = &item.body else {
        return Vec::new();
    };
    // A part of the arguments is no JSON, a part of a result still tells something.
    if call.is_empty() || name.is_empty() || arguments.chars().count() > REPLAYED_ITEM_CHARACTERS {
        return Vec::new();
    }
    let arguments = if arguments.is_empty() { "{}".to_owned() } else { arguments.clone() };
    let end = heard::first_characters(output, REPLAYED_ITEM_CHARACTERS);
    let output = output.get(..end).unwrap_or_default().to_owned();
    vec![
        ClientEvent::CreateCall { call: call.clone(), name: name.clone(), arguments },
        ClientEvent::CreateCallOutput { call: call.clone(), output },
    ]
}

fn characters_of(event: &ClientEvent) -> usize {
    match event {
        ClientEvent::CreateItem { words, .. } => words.chars().count(),
        ClientEvent::CreateCall { name, arguments, .. } => name.chars().count() + arguments.chars().count(),
        ClientEvent::CreateCallOutput { output, .. } => output.chars().count(),
        ClientEvent::Commit
        | ClientEvent::Clear
        | ClientEvent::Create
        | ClientEvent::Cancel(_)
        | ClientEvent::Truncate { .. }
        | ClientEvent::Delete(_) => 0,
    }
}

/// Returns an id, if it is one of at most 64 bytes.
fn id(name: &str) -> Option<Id> {
    Id::try_from(name).ok().filter(|id| !id.is_empty())
}
