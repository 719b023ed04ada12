//! What the service says: one pass over the text, borrowing from it.
//!
//! Every field may be missing, null or of another kind than documented; only what the conversation cannot
//! do without makes an event malformed. Unknown events and fields are normal (protocol §5).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::client_event::SESSION_EVENT_ID;
use crate::conversation::{Event, Id, LinkChange, ResponseStatus, ServerError, ServiceEvent};

/// One server event, as far as mynah has a use for it.
#[derive(Debug)]
pub enum ServerEvent<'a> {
    /// `response.audio.delta`
    Audio(AudioDelta<'a>),
    /// `response.audio.done`: all audio of this part of this item has been sent.
    AudioDone { item: Cow<'a, str>, content_index: u32 },
    /// Something for the conversation.
    Service(ServiceEvent),
    /// `session.created`
    SessionCreated {
        id: Cow<'a, str>,
        /// When the service will end it (`expires_at`), in seconds of the Unix epoch, if it says so.
        expires_at_s: Option<u32>,
    },
    /// `session.updated`, with the text of the effective session, to be compared with what was asked.
    SessionUpdated(&'a str),
    /// The whole of what somebody said, as text.
    Transcript {
        who: Role,
        /// The item it was said in; empty when the service does not name it.
        item: Cow<'a, str>,
        words: Cow<'a, str>,
    },
    /// `error`
    Error(ServiceError<'a>),
    /// `warning`, or the failure of something beside the conversation: a sentence for the log.
    Warning(String),
    /// An event of this type, which is known and of no use here.
    Ignored(&'static str),
    /// An event that no source describes.
    Unknown(Cow<'a, str>),
}

impl ServerEvent<'_> {
    /// Returns its type, of which only known ones are told: others are the service's own words. What came under
    /// several types is given one name.
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

/// The audio of a reply.
#[derive(Debug)]
pub struct AudioDelta<'a> {
    pub reply: Cow<'a, str>,
    pub item: Cow<'a, str>,
    pub content_index: u32,
    /// base64 of PCM16 at 24 kHz; may be empty and may hold half a sample at its end.
    pub base64: Cow<'a, str>,
}

/// Whose words a transcript holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The service.
    Assistant,
}

/// An `error` event (protocol §11).
#[derive(Debug)]
pub struct ServiceError<'a> {
    /// What it means to the conversation.
    pub event: Event,
    /// The code, or the type where there is no code.
    pub code: Cow<'a, str>,
    /// The service's own sentence.
    pub message: Cow<'a, str>,
    /// The parameter it is about, if any.
    pub param: Cow<'a, str>,
}

/// Text that is no server event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not a JSON object.
    NotJson(String),
    /// An event without something that it makes no sense without.
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

/// Reads one server event.
///
/// # Errors
/// When the text is not a JSON object with a `type`, or lacks what its type makes no sense without.
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
            ServerEvent::Warning(format!("the owner's words could not be written down: {reason}"))
        }
        other => match UNUSED_EVENTS.iter().find(|known| **known == other) {
            Some(known) => ServerEvent::Ignored(known),
            None => ServerEvent::Unknown(kind),
        },
    };
    Ok(event)
}

/// How much of the parser's reason is kept: no reason of its own is longer.
const REASON_CHARS: usize = 100;

fn transcript<'a>(who: Role, item: OptionalText<'a>, words: OptionalText<'a>) -> ServerEvent<'a> {
    ServerEvent::Transcript { who, item: item.or_empty(), words: words.or_empty() }
}

/// Documented or recorded events without a use here (protocol §7, §17).
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

/// The fields of all events that matter, side by side, so that one pass finds them whatever the order.
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
            // An agent's trouble with one message, however the service calls its kind.
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

/// Text that is a string and no object is quoted whole by the parser, however long it is.
fn not_json(error: &serde_json::Error) -> Malformed {
    Malformed::NotJson(error.to_string().chars().take(REASON_CHARS).collect())
}

/// A nested object, or its defaults where it is missing or of another shape.
fn parse_nested<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// A string if there is one; anything else in its place is as good as nothing. Borrows when nothing
/// in it is escaped.
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

/// A small whole number, 0 where there is none.
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

/// Accepts any JSON and keeps what is simple.
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
