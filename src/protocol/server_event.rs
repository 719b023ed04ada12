//! Parses server events in one pass that borrows from the text.
//!
//! Every field may be missing, null or of another type than documented; an event is malformed only if it
//! lacks a field that the conversation requires. Unknown events and fields are not errors (protocol §5).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::client_event::SESSION_EVENT_ID;
use crate::conversation::{Event, Id, LinkChange, ResponseStatus, ServerError, ServiceEvent};

/// One server event, reduced to what mynah uses.
#[derive(Debug)]
pub enum ServerEvent<'a> {
    /// `response.audio.delta`
    Audio(AudioDelta<'a>),
    /// `response.audio.done`: the service has sent all audio of this content part.
    AudioDone { item: Cow<'a, str>, content_index: u32 },
    /// An event that the conversation handles.
    Service(ServiceEvent),
    /// `session.created`
    SessionCreated {
        id: Cow<'a, str>,
        /// `expires_at`: when the service ends the session, in seconds of the Unix epoch.
        expires_at_s: Option<u32>,
    },
    /// `session.updated`, with the JSON text of the effective session for [`super::mismatches`].
    SessionUpdated(&'a str),
    /// The complete transcript of an item.
    Transcript {
        role: Role,
        /// The item's id; empty if the service does not send it.
        item: Cow<'a, str>,
        words: Cow<'a, str>,
    },
    /// `error`
    Error(ServiceError<'a>),
    /// `warning`, or a failed transcription: a message for the log.
    Warning(String),
    /// A known event of this type that mynah does not use.
    Ignored(&'static str),
    /// An event of a type that no source documents.
    Unknown(Cow<'a, str>),
}

impl ServerEvent<'_> {
    /// Returns the event's type for the recording. An unknown type is not returned, since the service chose
    /// the text. Types that are handled alike share one name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Audio(_) | Self::Service(ServiceEvent::Audio(_)) => "response.audio.delta",
            Self::AudioDone { .. } => "response.audio.done",
            Self::SessionCreated { .. } => "session.created",
            Self::SessionUpdated(_) => "session.updated",
            Self::Transcript { .. } => "a transcript",
            Self::Error(_) | Self::Service(ServiceEvent::Refused(_)) => "error",
            Self::Warning(_) => "warning",
            Self::Ignored(known) => known,
            Self::Unknown(_) => "unknown",
            Self::Service(ServiceEvent::SpeechStarted) => "input_audio_buffer.speech_started",
            Self::Service(ServiceEvent::SpeechStopped) => "input_audio_buffer.speech_stopped",
            Self::Service(ServiceEvent::Committed) => "input_audio_buffer.committed",
            Self::Service(ServiceEvent::ReplyCreated(_)) => "response.created",
            Self::Service(ServiceEvent::ReplyDone(..)) => "response.done",
        }
    }
}

#[derive(Debug)]
pub struct AudioDelta<'a> {
    pub reply: Cow<'a, str>,
    pub item: Cow<'a, str>,
    pub content_index: u32,
    /// base64 of PCM16 at 24 kHz; may be empty and may end with half a sample.
    pub base64: Cow<'a, str>,
}

/// Who spoke a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
}

/// An `error` event (protocol §11).
#[derive(Debug)]
pub struct ServiceError<'a> {
    /// The event for the conversation.
    pub event: Event,
    /// `error.code`, or `error.type` if there is no code.
    pub code: Cow<'a, str>,
    /// `error.message`, as the service wrote it.
    pub message: Cow<'a, str>,
    /// `error.param`; empty if there is none.
    pub param: Cow<'a, str>,
}

/// Text that is not a usable server event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not a JSON object; the parser's message.
    NotJson(String),
    /// An event without a required field.
    Missing { event: String, field: &'static str },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(reason) => write!(f, "not an event: {reason}"),
            Self::Missing { event, field } => write!(f, "{event} without a usable {field}"),
        }
    }
}

/// Parses one server event.
///
/// # Errors
/// When the text is not a JSON object with a `type`, or lacks a field that its type requires.
pub fn parse(text: &str) -> Result<ServerEvent<'_>, Malformed> {
    let fields: EventFields<'_> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let kind = fields.kind.need("type", "event")?;
    let event = match &*kind {
        "response.audio.delta" | "response.output_audio.delta" => ServerEvent::Audio(AudioDelta {
            reply: fields.response_id.need("response_id", &kind)?,
            item: fields.item_id.need("item_id", &kind)?,
            content_index: fields.content_index.0,
            base64: fields.delta.need("delta", &kind)?,
        }),
        "response.audio.done" | "response.output_audio.done" => ServerEvent::AudioDone {
            item: fields.item_id.need("item_id", &kind)?,
            content_index: fields.content_index.0,
        },
        "input_audio_buffer.speech_started" => ServerEvent::Service(ServiceEvent::SpeechStarted),
        "input_audio_buffer.speech_stopped" => ServerEvent::Service(ServiceEvent::SpeechStopped),
        "input_audio_buffer.committed" => ServerEvent::Service(ServiceEvent::Committed),
        "response.created" => {
            ServerEvent::Service(ServiceEvent::ReplyCreated(ResponseFields::read(fields.response, &kind)?.0))
        }
        "response.done" => {
            let (id, status) = ResponseFields::read(fields.response, &kind)?;
            ServerEvent::Service(ServiceEvent::ReplyDone(id, status))
        }
        "session.created" => {
            let session = parse_nested::<SessionFields<'_>>(fields.session);
            let expires_at_s = (session.expires_at.0 > 0).then_some(session.expires_at.0);
            ServerEvent::SessionCreated { id: session.id.or_empty(), expires_at_s }
        }
        "session.updated" => ServerEvent::SessionUpdated(fields.session.map_or("null", RawValue::get)),
        "conversation.item.input_audio_transcription.completed" => {
            transcript(Role::User, fields.item_id, fields.transcript)
        }
        "response.audio_transcript.done" | "response.output_audio_transcript.done" => {
            transcript(Role::Assistant, fields.item_id, fields.transcript)
        }
        "response.text.done" | "response.output_text.done" => {
            transcript(Role::Assistant, fields.item_id, fields.text)
        }
        "error" => ServerEvent::Error(parse_nested::<ErrorBody<'_>>(fields.error).classify()),
        "warning" => ServerEvent::Warning(parse_nested::<ErrorBody<'_>>(fields.warning).sentence()),
        "conversation.item.input_audio_transcription.failed" => {
            let reason = parse_nested::<ErrorBody<'_>>(fields.error).sentence();
            ServerEvent::Warning(format!("the user's speech could not be transcribed: {reason}"))
        }
        other => match UNUSED_EVENTS.iter().find(|known| **known == other) {
            Some(known) => ServerEvent::Ignored(known),
            None => ServerEvent::Unknown(kind),
        },
    };
    Ok(event)
}

/// Length limit of the parser's message in characters; its own messages are shorter.
const REASON_CHARS: usize = 100;

fn transcript<'a>(who: Role, item: OptionalText<'a>, words: OptionalText<'a>) -> ServerEvent<'a> {
    ServerEvent::Transcript { role: who, item: item.or_empty(), words: words.or_empty() }
}

/// Documented or recorded events that mynah does not use (protocol §7, §17).
const UNUSED_EVENTS: [&str; 54] = [
    "conversation.created",
    "conversation.item.added",
    "conversation.item.created",
    "conversation.item.deleted",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.segment",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "byom_credential.updated",
    "input_audio_buffer.cleared",
    "input_audio_buffer.timeout_triggered",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "mcp_list_tools.in_progress",
    "output_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "rate_limits.updated",
    "response.animation_blendshapes.delta",
    "response.animation_blendshapes.done",
    "response.animation_viseme.delta",
    "response.animation_viseme.done",
    "response.audio_timestamp.delta",
    "response.audio_timestamp.done",
    "response.audio_transcript.annotation.added",
    "response.audio_transcript.delta",
    "response.content_part.added",
    "response.content_part.done",
    "response.file_search_call.completed",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.invocation.delta",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.output_audio_transcript.delta",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.text.delta",
    "response.video.delta",
    "response.web_search_call.completed",
    "response.web_search_call.in_progress",
    "response.web_search_call.searching",
    "rtc.call.sdp.created",
    "rtc.call.sdp.error",
    "session.avatar.connecting",
    "session.avatar.switch_to_idle",
    "session.avatar.switch_to_speaking",
];

/// The used fields of all events in one struct, so that one pass finds them in any order.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct EventFields<'a> {
    #[serde(rename = "type", borrow)]
    kind: OptionalText<'a>,
    #[serde(borrow)]
    response_id: OptionalText<'a>,
    #[serde(borrow)]
    item_id: OptionalText<'a>,
    content_index: OptionalIndex,
    #[serde(borrow)]
    delta: OptionalText<'a>,
    #[serde(borrow)]
    transcript: OptionalText<'a>,
    #[serde(borrow)]
    text: OptionalText<'a>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    session: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    warning: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct SessionFields<'a> {
    #[serde(borrow)]
    id: OptionalText<'a>,
    expires_at: OptionalIndex,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct ResponseFields<'a> {
    #[serde(borrow)]
    id: OptionalText<'a>,
    #[serde(borrow)]
    status: OptionalText<'a>,
}

impl ResponseFields<'_> {
    fn read(raw: Option<&RawValue>, kind: &str) -> Result<(Id, ResponseStatus), Malformed> {
        let response: ResponseFields<'_> = parse_nested(raw);
        let missing = |field| Malformed::Missing { event: kind.to_owned(), field };
        let id = response.id.need("response.id", kind)?;
        let id = Id::try_from(&*id).map_err(|_| missing("response.id of at most 64 bytes"))?;
        let status = match response.status.0.as_deref() {
            Some("cancelled") => ResponseStatus::Cancelled,
            Some("incomplete") => ResponseStatus::Incomplete,
            Some("failed") => ResponseStatus::Failed,
            Some(_) | None => ResponseStatus::Completed,
        };
        Ok((id, status))
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct ErrorBody<'a> {
    #[serde(rename = "type", borrow)]
    kind: OptionalText<'a>,
    #[serde(borrow)]
    code: OptionalText<'a>,
    #[serde(borrow)]
    message: OptionalText<'a>,
    #[serde(borrow)]
    param: OptionalText<'a>,
    #[serde(borrow)]
    event_id: OptionalText<'a>,
}

impl<'a> ErrorBody<'a> {
    fn classify(self) -> ServiceError<'a> {
        let is_server_error = self.kind.0.as_deref() == Some("server_error");
        let code = self.code.0.or(self.kind.0).unwrap_or_default();
        let param = self.param.or_empty();
        let is_about_session =
            self.event_id.0.as_deref() == Some(SESSION_EVENT_ID) || param.starts_with("session");
        let server_error = |error| Event::Service(ServiceEvent::Refused(error));
        let event = match &*code {
            "response_cancel_not_active" => server_error(ServerError::NothingToCancel),
            "conversation_already_has_active_response" => server_error(ServerError::ReplyInProgress),
            "input_audio_buffer_commit_empty" => server_error(ServerError::NothingToCommit),
            "session_expired" => server_error(ServerError::SessionExpired),
            "insufficient_quota" => server_error(ServerError::QuotaExceeded),
            // An agent failed on one message: not an error of the service, whatever its `type`.
            "message_creation_failed" => server_error(ServerError::Other),
            code if code.starts_with("rate_limit") => server_error(ServerError::RateLimited),
            _ if is_server_error => server_error(ServerError::Internal),
            _ if is_about_session => Event::Link(LinkChange::Misconfigured),
            _ => server_error(ServerError::Other),
        };
        ServiceError { event, code, message: self.message.or_empty(), param }
    }

    fn sentence(self) -> String {
        let code = self.code.0.or(self.kind.0).unwrap_or_default();
        format!("{} ({code})", self.message.or_empty())
    }
}

/// Truncates the parser's message, which quotes a JSON string at full length.
fn not_json(error: &serde_json::Error) -> Malformed {
    Malformed::NotJson(error.to_string().chars().take(REASON_CHARS).collect())
}

/// Parses a nested object; returns the defaults if it is missing or has another shape.
fn parse_nested<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// A string; any other JSON value counts as missing. Borrows from the text unless the string has escapes.
#[derive(Default)]
struct OptionalText<'a>(Option<Cow<'a, str>>);

impl<'a> OptionalText<'a> {
    fn need(self, field: &'static str, event: &str) -> Result<Cow<'a, str>, Malformed> {
        self.0.ok_or_else(|| Malformed::Missing { event: event.to_owned(), field })
    }

    fn or_empty(self) -> Cow<'a, str> {
        self.0.unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for OptionalText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(AnyJson)? {
            SimpleValue::Text(text) => Ok(Self(Some(text))),
            SimpleValue::Number(_) | SimpleValue::Nothing => Ok(Self(None)),
        }
    }
}

/// A whole number; 0 for any other JSON value.
#[derive(Clone, Copy, Default)]
struct OptionalIndex(u32);

impl<'de> Deserialize<'de> for OptionalIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(AnyJson)? {
            SimpleValue::Number(number) => Ok(Self(number)),
            SimpleValue::Text(_) | SimpleValue::Nothing => Ok(Self(0)),
        }
    }
}

enum SimpleValue<'a> {
    Text(Cow<'a, str>),
    Number(u32),
    Nothing,
}

/// Accepts any JSON value; keeps strings and whole numbers.
struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = SimpleValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(SimpleValue::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(SimpleValue::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(u32::try_from(number).map_or(SimpleValue::Nothing, SimpleValue::Number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(SimpleValue::Nothing)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // Whole numbers are sometimes written as floats (protocol §5).
        let whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        Ok(if whole { SimpleValue::Number(number as u32) } else { SimpleValue::Nothing })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(SimpleValue::Nothing)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(SimpleValue::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(SimpleValue::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(SimpleValue::Nothing)
    }
}
