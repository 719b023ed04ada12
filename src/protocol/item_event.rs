//! Parses what a server event says about the items of the conversation (protocol §7.2, §7.3).
//!
//! Several events repeat the same: an item is announced, created, done and listed in its response. Each is returned
//! as it is; `history` makes one of them. Every field may be missing; an event that names no item says nothing. It
//! reads no audio, and what the event means for the turn is up to [`parse`](super::parse).

use std::borrow::Cow;

use super::json;

/// Maximum number of items of a response, and of content parts of an item, that are read.
const ELEMENTS: usize = 64;

/// Who spoke the words of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
}

/// What one server event says about items.
#[derive(Debug, PartialEq, Eq)]
pub enum ItemEvent<'a> {
    /// There is such an item: `input_audio_buffer.speech_stopped` and `.committed`, `conversation.item.created`,
    /// `.added`, `.done` and `.retrieved`, `response.output_item.added` and `.done`.
    Item(ServerItem<'a>),
    /// `response.done`
    ReplyDone { reply: Cow<'a, str>, completed: bool, items: Vec<ServerItem<'a>> },
    /// Words of a content part.
    Words(ItemWords<'a>),
    /// `conversation.item.input_audio_transcription.failed`
    NotTranscribed { item: Cow<'a, str> },
    /// `response.audio_timestamp.delta`: when a word or a character of a reply is spoken.
    Timestamp { item: Cow<'a, str>, content_index: u32, offset_ms: u32, duration_ms: u32, text: Cow<'a, str> },
    /// `response.audio.done`: the service sends no more audio of this content part.
    AudioDone { item: Cow<'a, str>, content_index: u32 },
    /// `conversation.item.truncated`
    Truncated { item: Cow<'a, str>, content_index: u32, audio_end_ms: u32 },
    /// `conversation.item.deleted`
    Deleted { item: Cow<'a, str> },
}

/// An item as the service describes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ServerItem<'a> {
    pub id: Cow<'a, str>,
    /// The item before it; empty if the event does not say.
    pub previous: Cow<'a, str>,
    /// The response that it belongs to; empty if the event does not say.
    pub reply: Cow<'a, str>,
    /// Whether its response has ended it whole (`completed`) or not (`incomplete`); `None` while it is generated.
    pub completed: Option<bool>,
    pub body: ItemBody<'a>,
}

/// The content of an item, as far as the conversation's history needs it.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum ItemBody<'a> {
    /// The event only names the item, or its kind has no content that is kept.
    #[default]
    Unknown,
    /// A message, spoken or generated in this session, with the complete words of its parts.
    Message { role: Role, words: Vec<ItemWords<'a>> },
    /// A message that the client created (protocol §6.1), which knows its text.
    Created,
    /// `function_call`, or an `mcp_call`, whose output comes with it.
    Call { call: Cow<'a, str>, name: Cow<'a, str>, arguments: Cow<'a, str>, output: Option<Cow<'a, str>> },
    /// `function_call_output`
    CallOutput { call: Cow<'a, str>, output: Cow<'a, str> },
}

/// Words of one content part of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemWords<'a> {
    pub role: Role,
    /// The item's id; empty if the service does not send it.
    pub item: Cow<'a, str>,
    /// The response's id; empty if the service does not send it.
    pub reply: Cow<'a, str>,
    pub content_index: u32,
    pub words: Cow<'a, str>,
    /// Whether they are the words of audio, and not a text.
    pub spoken: bool,
    /// The `event_id` if these are the next words of the part; `None` if they are its complete words.
    pub next: Option<Cow<'a, str>>,
}

/// Parses what an event other than an audio delta says about items.
#[must_use]
pub fn item_event(text: &str) -> Option<ItemEvent<'_>> {
    if json::has_too_many_values(text) {
        return None;
    }
    let fields = ItemFields::read(text)?;
    let kind = fields.kind.and_then(json::text)?;
    let item = || fields.item_id.and_then(json::text).filter(|item| !item.is_empty());
    let content_index = fields.content_index;
    Some(match &*kind {
        "input_audio_buffer.speech_stopped" | "input_audio_buffer.committed" => {
            let previous = text_of(fields.previous_item_id);
            ItemEvent::Item(ServerItem { id: item()?, previous, ..ServerItem::default() })
        }
        "conversation.item.created"
        | "conversation.item.added"
        | "conversation.item.done"
        | "conversation.item.retrieved" => {
            let item = ServerItem::read(fields.item?, Described::InConversation)?;
            ItemEvent::Item(ServerItem { previous: text_of(fields.previous_item_id), ..item })
        }
        "response.output_item.added" | "response.output_item.done" => {
            let item = ServerItem::read(fields.item?, Described::InResponse)?;
            ItemEvent::Item(ServerItem { reply: text_of(fields.response_id), ..item })
        }
        "response.function_call_arguments.done" => {
            let (call, name) = (text_of(fields.call_id), text_of(fields.name));
            let body = ItemBody::Call { call, name, arguments: text_of(fields.arguments), output: None };
            let reply = text_of(fields.response_id);
            ItemEvent::Item(ServerItem { id: item()?, reply, body, ..ServerItem::default() })
        }
        "response.done" => reply_done(fields.response?)?,
        "conversation.item.input_audio_transcription.delta" => {
            ItemEvent::Words(fields.words(Role::User, fields.delta, true, true))
        }
        "conversation.item.input_audio_transcription.completed" => {
            ItemEvent::Words(fields.words(Role::User, fields.transcript, true, false))
        }
        "conversation.item.input_audio_transcription.failed" => ItemEvent::NotTranscribed { item: item()? },
        "response.audio_transcript.delta" | "response.output_audio_transcript.delta" => {
            ItemEvent::Words(fields.words(Role::Assistant, fields.delta, true, true))
        }
        "response.audio_transcript.done" | "response.output_audio_transcript.done" => {
            ItemEvent::Words(fields.words(Role::Assistant, fields.transcript, true, false))
        }
        "response.text.delta" | "response.output_text.delta" => {
            ItemEvent::Words(fields.words(Role::Assistant, fields.delta, false, true))
        }
        "response.text.done" | "response.output_text.done" => {
            ItemEvent::Words(fields.words(Role::Assistant, fields.text, false, false))
        }
        "response.content_part.done" => {
            let (words, spoken) = part_words(fields.part?)?;
            ItemEvent::Words(ItemWords { words, ..fields.words(Role::Assistant, None, spoken, false) })
        }
        "response.audio_timestamp.delta" => ItemEvent::Timestamp {
            item: item()?,
            content_index,
            offset_ms: fields.audio_offset_ms?,
            duration_ms: fields.audio_duration_ms.unwrap_or(0),
            text: text_of(fields.text),
        },
        "response.audio.done" | "response.output_audio.done" => {
            ItemEvent::AudioDone { item: item()?, content_index }
        }
        "conversation.item.truncated" => {
            ItemEvent::Truncated { item: item()?, content_index, audio_end_ms: fields.audio_end_ms? }
        }
        "conversation.item.deleted" => ItemEvent::Deleted { item: item()? },
        _ => return None,
    })
}

/// Where an item is described. The text of a message that the client has created comes back only in events about the
/// conversation, the text of a response in those about the response too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Described {
    InConversation,
    InResponse,
}

impl<'a> ServerItem<'a> {
    /// Reads an item; `None` if it has no id.
    fn read(item: &'a str, described: Described) -> Option<Self> {
        let fields = ItemFields::read(item)?;
        let id = fields.id.and_then(json::text).filter(|id| !id.is_empty())?;
        let completed = match (described, fields.status.and_then(json::text).as_deref()) {
            (Described::InResponse, Some("completed")) => Some(true),
            (Described::InResponse, Some("incomplete")) => Some(false),
            // No order is guaranteed between events about the conversation and the audio of a response.
            (Described::InResponse | Described::InConversation, _) => None,
        };
        let body = match fields.kind.and_then(json::text).as_deref() {
            Some("message") => fields.message(&id, described),
            Some("function_call") => ItemBody::Call {
                call: text_of(fields.call_id),
                name: text_of(fields.name),
                arguments: text_of(fields.arguments),
                output: None,
            },
            Some("mcp_call") => ItemBody::Call {
                call: id.clone(),
                name: text_of(fields.name),
                arguments: text_of(fields.arguments),
                output: fields.output.and_then(json::text),
            },
            Some("function_call_output") => {
                ItemBody::CallOutput { call: text_of(fields.call_id), output: text_of(fields.output) }
            }
            Some(_) | None => ItemBody::Unknown,
        };
        Some(Self { id, completed, body, ..Self::default() })
    }
}

/// The used fields of events and of items, as JSON text.
#[derive(Default)]
struct ItemFields<'a> {
    kind: Option<&'a str>,
    id: Option<&'a str>,
    event_id: Option<&'a str>,
    item_id: Option<&'a str>,
    previous_item_id: Option<&'a str>,
    response_id: Option<&'a str>,
    content_index: u32,
    status: Option<&'a str>,
    role: Option<&'a str>,
    content: Option<&'a str>,
    delta: Option<&'a str>,
    transcript: Option<&'a str>,
    text: Option<&'a str>,
    part: Option<&'a str>,
    item: Option<&'a str>,
    response: Option<&'a str>,
    call_id: Option<&'a str>,
    name: Option<&'a str>,
    arguments: Option<&'a str>,
    output: Option<&'a str>,
    audio_end_ms: Option<u32>,
    audio_offset_ms: Option<u32>,
    audio_duration_ms: Option<u32>,
}

impl<'a> ItemFields<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut fields = Self::default();
        let read = json::read_object(text, |key, value| match key {
            "type" => fields.kind = Some(value),
            "id" => fields.id = Some(value),
            "event_id" => fields.event_id = Some(value),
            "item_id" => fields.item_id = Some(value),
            "previous_item_id" => fields.previous_item_id = Some(value),
            "response_id" => fields.response_id = Some(value),
            "content_index" => fields.content_index = json::whole_number(value).unwrap_or(0),
            "status" => fields.status = Some(value),
            "role" => fields.role = Some(value),
            "content" => fields.content = Some(value),
            "delta" => fields.delta = Some(value),
            "transcript" => fields.transcript = Some(value),
            "text" => fields.text = Some(value),
            "part" => fields.part = Some(value),
            "item" => fields.item = Some(value),
            "response" => fields.response = Some(value),
            "call_id" => fields.call_id = Some(value),
            "name" => fields.name = Some(value),
            "arguments" => fields.arguments = Some(value),
            "output" => fields.output = Some(value),
            "audio_end_ms" => fields.audio_end_ms = json::whole_number(value),
            "audio_offset_ms" => fields.audio_offset_ms = json::whole_number(value),
            "audio_duration_ms" => fields.audio_duration_ms = json::whole_number(value),
            _ => {}
        });
        read.ok().map(|()| fields)
    }

    fn words(&self, role: Role, words: Option<&'a str>, spoken: bool, is_next: bool) -> ItemWords<'a> {
        ItemWords {
            role,
            item: text_of(self.item_id),
            reply: text_of(self.response_id),
            content_index: self.content_index,
            words: text_of(words),
            spoken,
            next: is_next.then(|| text_of(self.event_id)),
        }
    }

    /// Reads the content of a message.
    fn message(&self, id: &Cow<'a, str>, described: Described) -> ItemBody<'a> {
        let role = match self.role.and_then(json::text).as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some(_) | None => return ItemBody::Created,
        };
        let mut words = Vec::new();
        for (index, part) in (0..).zip(json::elements(self.content.unwrap_or("[]"), ELEMENTS)) {
            let Some((said, spoken)) = part_words(part) else { continue };
            if !spoken && described == Described::InConversation {
                return ItemBody::Created;
            }
            let (item, reply) = (id.clone(), Cow::default());
            words.push(ItemWords {
                role,
                item,
                reply,
                content_index: index,
                words: said,
                spoken,
                next: None,
            });
        }
        ItemBody::Message { role, words }
    }
}

fn reply_done(response: &str) -> Option<ItemEvent<'_>> {
    let fields = ItemFields::read(response)?;
    let reply = text_of(fields.id);
    let completed = fields.status.and_then(json::text).is_none_or(|status| status == "completed");
    let read =
        |item| Some(ServerItem { reply: reply.clone(), ..ServerItem::read(item, Described::InResponse)? });
    let items =
        json::elements(fields.output.unwrap_or("[]"), ELEMENTS).into_iter().filter_map(read).collect();
    Some(ItemEvent::ReplyDone { reply, completed, items })
}

/// Returns the words of a content part, and whether they are those of audio. The text of a text part may be empty where
/// `response.text.done` had it (protocol §7.3).
fn part_words(part: &str) -> Option<(Cow<'_, str>, bool)> {
    let fields = ItemFields::read(part)?;
    match fields.kind.and_then(json::text).as_deref() {
        Some("audio" | "output_audio" | "input_audio") => Some((text_of(fields.transcript), true)),
        Some("text" | "output_text" | "input_text") => Some((text_of(fields.text), false)),
        Some(_) | None => None,
    }
}

fn text_of(value: Option<&str>) -> Cow<'_, str> {
    value.and_then(json::text).unwrap_or_default()
}
