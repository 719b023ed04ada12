//! Writes client events: `input_audio_buffer.append` without allocation, all others through `serde_json`.
//!
//! It does not decide when to send them.

use std::ops::Range;

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use super::item_event::Role;
use super::pcm16;
use super::session_form::SessionShape;
use crate::conversation::Id;

/// The `event_id` of every `session.update`, which an error about it echoes (protocol §9.6).
pub const SESSION_EVENT_ID: &str = "mynah_session";

/// How the `event_id` of every other event begins; its type follows. An error about it echoes that, too.
const EVENT_ID: &str = "mynah_";

/// Returns the type of the event that an error echoes the `event_id` of.
pub(super) fn event_kind_of(event_id: &str) -> Option<&str> {
    event_id.strip_prefix(EVENT_ID)
}

/// The `type` of what [`append`] writes.
pub const APPEND: &str = "input_audio_buffer.append";

const APPEND_HEAD: &[u8] = br#"{"type":"input_audio_buffer.append","audio":""#;
const APPEND_TAIL: &[u8] = br#""}"#;

/// Appends to `text` one `input_audio_buffer.append` of interleaved PCM16 frames, and returns the range of its base64
/// in `text`. Allocates nothing if `text` has the capacity.
pub fn append<const CHANNELS: usize>(frames: &[[i16; CHANNELS]], text: &mut BytesMut) -> Range<usize> {
    text.extend_from_slice(APPEND_HEAD);
    let start = text.len();
    pcm16::encode(frames.as_flattened(), text);
    let end = text.len();
    text.extend_from_slice(APPEND_TAIL);
    start..end
}

/// A client event other than audio and configuration (protocol §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// `input_audio_buffer.commit`
    Commit,
    /// `input_audio_buffer.clear`
    Clear,
    /// `response.create`
    Create,
    /// `response.cancel` of this reply
    Cancel(Id),
    /// `conversation.item.truncate`
    Truncate { item: Id, content_index: u32, audio_end_ms: u64 },
    /// `conversation.item.delete` of this item
    Delete(Id),
    /// `conversation.item.create` of a message of an earlier session (protocol §6.1)
    CreateItem {
        who: Role,
        words: String,
        /// Whether it was spoken, and played, to the end.
        whole: bool,
    },
    /// `conversation.item.create` of a `function_call` of an earlier session
    CreateCall { call: String, name: String, arguments: String },
    /// `conversation.item.create` of the `function_call_output` of that call
    CreateCallOutput { call: String, output: String },
}

impl ClientEvent {
    /// Returns the event's `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Commit => "input_audio_buffer.commit",
            Self::Clear => "input_audio_buffer.clear",
            Self::Create => "response.create",
            Self::Cancel(_) => "response.cancel",
            Self::Truncate { .. } => "conversation.item.truncate",
            Self::Delete(_) => "conversation.item.delete",
            Self::CreateItem { .. } | Self::CreateCall { .. } | Self::CreateCallOutput { .. } => {
                "conversation.item.create"
            }
        }
    }

    /// Returns the event for a log: its type alone, if it carries words.
    #[must_use]
    pub fn without_words(&self) -> String {
        match self {
            Self::CreateItem { .. } | Self::CreateCall { .. } | Self::CreateCallOutput { .. } => {
                self.kind().to_owned()
            }
            Self::Commit
            | Self::Clear
            | Self::Create
            | Self::Cancel(_)
            | Self::Truncate { .. }
            | Self::Delete(_) => format!("{self:?}"),
        }
    }

    /// Appends the event to `text` as JSON, for a session of this shape.
    pub fn write(&self, shape: SessionShape, text: &mut BytesMut) {
        let kind = self.kind();
        let mut event = match self {
            Self::Commit | Self::Clear | Self::Create => json!({"type": kind}),
            Self::Cancel(reply) => json!({"type": kind, "response_id": reply.as_str()}),
            Self::Truncate { item, content_index, audio_end_ms } => json!({
                "type": kind,
                "item_id": item.as_str(),
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }),
            Self::Delete(item) => json!({"type": kind, "item_id": item.as_str()}),
            Self::CreateItem { who, words, whole } => {
                let (role, part) = match who {
                    Role::User => ("user", "input_text"),
                    Role::Assistant => (
                        "assistant",
                        match shape {
                            SessionShape::Flat => "text",
                            SessionShape::Nested => "output_text",
                        },
                    ),
                };
                let status = if *whole { "completed" } else { "incomplete" };
                json!({
                    "type": kind,
                    "item": {
                        "type": "message",
                        "role": role,
                        "status": status,
                        "content": [{"type": part, "text": words}],
                    },
                })
            }
            Self::CreateCall { call, name, arguments } => json!({
                "type": kind,
                "item": {"type": "function_call", "call_id": call, "name": name, "arguments": arguments},
            }),
            Self::CreateCallOutput { call, output } => json!({
                "type": kind,
                "item": {"type": "function_call_output", "call_id": call, "output": output},
            }),
        };
        event["event_id"] = json!(format!("{EVENT_ID}{kind}"));
        write(&event, text);
    }
}

pub(super) fn write(event: &Value, text: &mut BytesMut) {
    // Serialising strings and numbers into memory cannot fail.
    let _ = serde_json::to_writer(text.writer(), event);
}
