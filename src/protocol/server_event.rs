//! Parses server events in one pass that borrows from the text.
//!
//! Every field may be missing, null or of another type than documented; an event is malformed only if it
//! lacks a field that the conversation requires. Unknown events and fields are not errors (protocol §5).

use std::borrow::Cow;
use std::fmt;

use serde_json::error::Category;

use super::json;
use super::refusal::Refusal;
use super::service_error::{ErrorBody, ServiceError};
use super::session_form::SessionShape;
use crate::conversation::{Event, Id, ResponseStatus, ServiceEvent};

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
        /// The shape of its session object; `None` if it has too few fields to tell.
        shape: Option<SessionShape>,
    },
    /// `session.updated`, with the JSON text of the effective session for [`super::mismatches`].
    SessionUpdated(&'a str),
    /// `error`, or a `response.done` that says why the reply failed
    Error(ServiceError<'a>),
    /// `warning`, a failed transcription or a failed tool: a message for the log.
    Warning(String),
    /// A known event of this type that means nothing for the turn.
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
            Self::Error(ServiceError { event: Event::Service(ServiceEvent::ReplyDone(..)), .. }) => {
                "response.done"
            }
            Self::Error(_) | Self::Service(ServiceEvent::Refused(_)) => "error",
            Self::Warning(_) => "warning",
            Self::Ignored(known) => known,
            Self::Unknown(_) => "unknown",
            Self::Service(ServiceEvent::SpeechStarted) => "input_audio_buffer.speech_started",
            Self::Service(ServiceEvent::SpeechStopped) => "input_audio_buffer.speech_stopped",
            Self::Service(ServiceEvent::Committed(_)) => "input_audio_buffer.committed",
            Self::Service(ServiceEvent::IdleTimeout) => "input_audio_buffer.timeout_triggered",
            Self::Service(ServiceEvent::Transcribed { .. }) => "the end of a transcription",
            Self::Service(ServiceEvent::ReplyCreated(_)) => "response.created",
            Self::Service(ServiceEvent::ReplyProgress(_)) => "a sign of life",
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

impl AudioDelta<'_> {
    /// Returns a copy that borrows nothing.
    #[must_use]
    pub fn to_owned(&self) -> AudioDelta<'static> {
        let owned = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
        let Self { reply, item, content_index, base64 } = self;
        AudioDelta {
            reply: owned(reply),
            item: owned(item),
            content_index: *content_index,
            base64: owned(base64),
        }
    }
}

/// Text that is not a usable server event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not a JSON object; the parser's message.
    NotJson(String),
    /// More values than an event has: parsing them would take too long.
    TooManyValues,
    /// An event without a required field.
    Missing { event: String, field: &'static str },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(reason) => write!(f, "not an event: {reason}"),
            Self::TooManyValues => write!(f, "not an event: more than {} values", json::VALUES),
            Self::Missing { event, field } => write!(f, "{event} without a usable {field}"),
        }
    }
}

/// Parses one server event.
///
/// # Errors
/// When the text is not a JSON object with a `type`, lacks a field that its type requires, or has too many values.
pub fn parse(text: &str) -> Result<ServerEvent<'_>, Malformed> {
    if json::has_too_many_values(text) {
        return Err(Malformed::TooManyValues);
    }
    let fields = EventFields::read(text).map_err(|error| not_json(&error))?;
    let has_error = fields.error.is_some_and(|error| error != "null");
    let kind = match fields.kind.and_then(json::text) {
        // A gateway's error has no `type`.
        None if has_error => Cow::Borrowed("error"),
        kind => kind.ok_or_else(|| missing("type", "event"))?,
    };
    let event = match &*kind {
        "response.audio.delta" | "response.output_audio.delta" => ServerEvent::Audio(AudioDelta {
            reply: need(fields.response_id, "response_id", &kind)?,
            item: need(fields.item_id, "item_id", &kind)?,
            content_index: fields.content_index,
            base64: need(fields.delta, "delta", &kind)?,
        }),
        "response.audio.done" | "response.output_audio.done" => ServerEvent::AudioDone {
            item: need(fields.item_id, "item_id", &kind)?,
            content_index: fields.content_index,
        },
        "input_audio_buffer.speech_started" => ServerEvent::Service(ServiceEvent::SpeechStarted),
        "input_audio_buffer.speech_stopped" => ServerEvent::Service(ServiceEvent::SpeechStopped),
        "input_audio_buffer.committed" => ServerEvent::Service(ServiceEvent::Committed(id(fields.item_id))),
        "input_audio_buffer.timeout_triggered" => ServerEvent::Service(ServiceEvent::IdleTimeout),
        "response.created" => {
            ServerEvent::Service(ServiceEvent::ReplyCreated(ResponseFields::read(&fields).id(&kind)?))
        }
        "response.done" => reply_done(&ResponseFields::read(&fields), &kind)?,
        "session.created" => {
            let session = SessionFields::read(fields.session);
            let expires_at_s = session.expires_at.filter(|seconds| *seconds > 0);
            let (id, shape) = (session.id.unwrap_or_default(), session.shape);
            ServerEvent::SessionCreated { id, expires_at_s, shape }
        }
        "session.updated" => ServerEvent::SessionUpdated(fields.session.unwrap_or("null")),
        "error" => ServerEvent::Error(ErrorBody::of_event(text).classify()),
        "warning" => ServerEvent::Warning(
            reason(ErrorBody::of_event(text)).unwrap_or_else(|| "a warning without a message".to_owned()),
        ),
        "conversation.item.input_audio_transcription.failed" => {
            let why = ErrorBody::of_event(text);
            ServerEvent::Warning(failure("the user's speech could not be transcribed", why))
        }
        "response.output_item.done" => match ErrorBody::of_part(item_error(fields.item)) {
            Some(error) => ServerEvent::Warning(failure("a tool of the service failed", error)),
            None => ServerEvent::Ignored("response.output_item.done"),
        },
        other => {
            let has_failed = has_error || other.ends_with(".failed") || other.ends_with(".error");
            match UNUSED_EVENTS.iter().find(|known| **known == other) {
                _ if has_failed => ServerEvent::Warning(failure(other, ErrorBody::of_event(text))),
                Some(known) => ServerEvent::Ignored(known),
                None => ServerEvent::Unknown(kind),
            }
        }
    };
    Ok(event)
}

/// Returns the reply that an event shows to be in progress, `None` within if the event does not name it, or `None` for an
/// event that says nothing of the kind. Calls of tools name no reply (protocol §7.4).
#[must_use]
pub fn sign_of_life(text: &str) -> Option<Option<Id>> {
    if json::has_too_many_values(text) {
        return None;
    }
    let fields = EventFields::read(text).ok()?;
    let kind = json::text(fields.kind?)?;
    let is_alive = ["response.", "conversation.item.created", "conversation.item.added"]
        .iter()
        .any(|prefix| kind.starts_with(prefix));
    (is_alive && !matches!(&*kind, "response.created" | "response.done")).then(|| id(fields.response_id))
}

/// Length limit of the parser's message in characters; its own messages are shorter.
const REASON_CHARS: usize = 100;

/// Returns the message of what has failed, and why.
fn failure(what: &str, error: ErrorBody<'_>) -> String {
    let why = reason(error).map_or_else(String::new, |why| format!(": {why}"));
    format!("{what}{why}")
}

/// Returns the sentence of an error, after that of its class.
fn reason(error: ErrorBody<'_>) -> Option<String> {
    let class = error.class();
    let sentence = error.sentence()?;
    Some(if class == Refusal::Unknown { sentence } else { format!("{}: {sentence}", class.sentence()) })
}

/// Reads `response.done`. A reply that was cancelled or completed needs no reason.
fn reply_done<'a>(response: &ResponseFields<'a>, kind: &str) -> Result<ServerEvent<'a>, Malformed> {
    let (id, status) = (response.id(kind)?, response.status());
    let error = match status {
        ResponseStatus::Failed | ResponseStatus::Incomplete => response.error(),
        ResponseStatus::Completed | ResponseStatus::Cancelled | ResponseStatus::Refused(_) => None,
    };
    Ok(match error {
        Some(error) => ServerEvent::Error(error.of_reply(id, status)),
        None => ServerEvent::Service(ServiceEvent::ReplyDone(id, status)),
    })
}

/// Documented or recorded events that mean nothing for the turn (protocol §7, §17). What some of them say about the
/// conversation's items is read by [`super::item_event()`].
const UNUSED_EVENTS: [&str; 57] = [
    "conversation.created",
    "conversation.item.added",
    "conversation.item.created",
    "conversation.item.deleted",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.segment",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "byom_credential.updated",
    "input_audio_buffer.cleared",
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
    "response.audio_transcript.done",
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
    "response.output_audio_transcript.done",
    "response.output_item.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.text.delta",
    "response.text.done",
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

/// The used fields of all events in one struct, so that one pass finds them in any order. Each is JSON text.
#[derive(Default)]
struct EventFields<'a> {
    kind: Option<&'a str>,
    response_id: Option<&'a str>,
    item_id: Option<&'a str>,
    content_index: u32,
    delta: Option<&'a str>,
    response: Option<&'a str>,
    session: Option<&'a str>,
    item: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> EventFields<'a> {
    fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        let mut fields = Self::default();
        json::read_object(text, |key, value| match key {
            "type" => fields.kind = Some(value),
            "response_id" => fields.response_id = Some(value),
            "item_id" => fields.item_id = Some(value),
            "content_index" => fields.content_index = json::whole_number(value).unwrap_or(0),
            "delta" => fields.delta = Some(value),
            "response" => fields.response = Some(value),
            "session" => fields.session = Some(value),
            "item" => fields.item = Some(value),
            "error" => fields.error = Some(value),
            _ => {}
        })?;
        Ok(fields)
    }
}

#[derive(Default)]
struct SessionFields<'a> {
    id: Option<Cow<'a, str>>,
    expires_at: Option<u32>,
    shape: Option<SessionShape>,
}

impl<'a> SessionFields<'a> {
    fn read(session: Option<&'a str>) -> Self {
        let mut fields = Self::default();
        read_nested(session, |key, value| match key {
            "id" => fields.id = json::text(value),
            "expires_at" => fields.expires_at = json::whole_number(value),
            "type" if json::text(value).as_deref() == Some("realtime") => {
                fields.shape = Some(SessionShape::Nested);
            }
            "input_audio_format" | "modalities" => {
                fields.shape = fields.shape.or(Some(SessionShape::Flat));
            }
            _ => {}
        });
        fields
    }
}

/// The used fields of an event's `response`, as JSON text.
#[derive(Default)]
struct ResponseFields<'a> {
    id: Option<&'a str>,
    status: Option<&'a str>,
    details: Option<&'a str>,
    /// Not documented, but some servers write it.
    error: Option<&'a str>,
}

impl<'a> ResponseFields<'a> {
    fn read(event: &EventFields<'a>) -> Self {
        let mut fields = Self { error: event.error, ..Self::default() };
        read_nested(event.response, |key, value| match key {
            "id" => fields.id = Some(value),
            "status" => fields.status = Some(value),
            "status_details" => fields.details = Some(value),
            "incomplete_details" => fields.details = fields.details.or(Some(value)),
            "error" | "errors" => fields.error = Some(value),
            _ => {}
        });
        fields
    }

    fn id(&self, kind: &str) -> Result<Id, Malformed> {
        let id = need(self.id, "response.id", kind)?;
        let too_long =
            |_| Malformed::Missing { event: kind.to_owned(), field: "response.id of at most 64 bytes" };
        Id::try_from(&*id).map_err(too_long)
    }

    /// Returns the status, which the details repeat.
    fn status(&self) -> ResponseStatus {
        let mut repeated = None;
        read_nested(self.details, |key, value| {
            if key == "type" {
                repeated = json::text(value);
            }
        });
        match self.status.and_then(json::text).or(repeated).as_deref() {
            Some("cancelled") => ResponseStatus::Cancelled,
            Some("incomplete") => ResponseStatus::Incomplete,
            Some("failed") => ResponseStatus::Failed,
            Some(_) | None => ResponseStatus::Completed,
        }
    }

    /// Returns why the reply failed, if the service says so.
    fn error(&self) -> Option<ErrorBody<'a>> {
        ErrorBody::of_status_details(self.details).or_else(|| ErrorBody::of_part(self.error))
    }
}

/// Returns the `error` of an item.
fn item_error(item: Option<&str>) -> Option<&str> {
    let mut error = None;
    read_nested(item, |key, value| {
        if key == "error" {
            error = Some(value);
        }
    });
    error
}

/// Returns the parser's message without what it quotes of the event: that may be words of the conversation.
fn not_json(error: &serde_json::Error) -> Malformed {
    let reason = match error.classify() {
        Category::Data => {
            format!("a field is of another type at line {} column {}", error.line(), error.column())
        }
        Category::Io | Category::Syntax | Category::Eof => error.to_string(),
    };
    Malformed::NotJson(reason.chars().take(REASON_CHARS).collect())
}

/// Reads a nested object; anything else has no fields.
fn read_nested<'a>(object: Option<&'a str>, take: impl FnMut(&str, &'a str)) {
    if let Some(object) = object {
        let _ = json::read_object(object, take);
    }
}

fn need<'a>(value: Option<&'a str>, field: &'static str, event: &str) -> Result<Cow<'a, str>, Malformed> {
    value.and_then(json::text).ok_or_else(|| missing(field, event))
}

/// Reads an identifier that may be missing or too long to be remembered.
fn id(value: Option<&str>) -> Option<Id> {
    Id::try_from(&*value.and_then(json::text)?).ok().filter(|id| !id.is_empty())
}

fn missing(field: &'static str, event: &str) -> Malformed {
    Malformed::Missing { event: event.to_owned(), field }
}
