//! Reads and classifies what the service reports as an error or a warning (protocol §11).
//!
//! Servers put the sentence for the user in different places; none of them is lost.

use std::borrow::Cow;

use super::client_event::SESSION_EVENT_ID;
use super::json;
use crate::conversation::{Event, LinkChange, ServerError, ServiceEvent};

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

impl ServiceError<'_> {
    /// Returns what the service reported, in one or a few words.
    #[must_use]
    pub fn subject(&self) -> &str {
        if self.code.is_empty() { "an error" } else { &self.code }
    }
}

/// Levels of nested objects that are read.
const LEVELS: u8 = 4;

/// The fields of an error or a warning. An empty string counts as missing.
#[derive(Default)]
pub(super) struct ErrorBody<'a> {
    kind: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    message: Option<Cow<'a, str>>,
    param: Option<Cow<'a, str>>,
    event_id: Option<Cow<'a, str>>,
}

impl<'a> ErrorBody<'a> {
    /// Reads the event `text`.
    pub(super) fn of_event(text: &'a str) -> Self {
        Self::read(text, LEVELS)
    }

    /// Reads an object, or a string that is the message. The fields of an inner object win over those around it.
    fn read(value: &'a str, levels: u8) -> Self {
        if let Some(message) = scalar(value) {
            return Self { message: Some(message), ..Self::default() };
        }
        let mut own = Self::default();
        let (mut error, mut message, mut detail) = (None, None, None);
        // Anything but an object has no fields.
        let _ = json::read_object(value, |key, value| match key {
            // The `type` of the event itself is not that of the error.
            "type" if levels < LEVELS => own.kind = scalar(value),
            "code" => own.code = scalar(value),
            "param" => own.param = scalar(value),
            "event_id" => own.event_id = scalar(value),
            "error" | "warning" => error = Some(value),
            "message" => message = Some(value),
            "detail" | "details" | "description" | "error_description" | "reason" | "msg" => {
                detail = scalar(value).map(|_| value).or(detail).or(Some(value));
            }
            _ => {}
        });
        let Some(levels) = levels.checked_sub(1) else { return own };
        let read = |value: Option<&'a str>| value.map(|value| Self::read(value, levels)).unwrap_or_default();
        let sentence = read(message).or(read(detail));
        match error.and_then(scalar) {
            // Beside a message, a string is the code.
            Some(code) if sentence.message.is_some() => {
                sentence.or(own).or(Self { code: Some(code), ..Self::default() })
            }
            Some(_) | None => read(error).or(sentence).or(own),
        }
    }

    /// Takes the missing fields from `other`.
    fn or(self, other: Self) -> Self {
        Self {
            kind: self.kind.or(other.kind),
            code: self.code.or(other.code),
            message: self.message.or(other.message),
            param: self.param.or(other.param),
            event_id: self.event_id.or(other.event_id),
        }
    }

    pub(super) fn classify(self) -> ServiceError<'a> {
        let (kind, code) =
            (self.kind.as_deref().unwrap_or_default(), self.code.as_deref().unwrap_or_default());
        let param = self.param.unwrap_or_default();
        let is_about_session =
            self.event_id.as_deref() == Some(SESSION_EVENT_ID) || param.starts_with("session");
        // A status says less than a word.
        let known = error_of_code(code).or_else(|| error_of_code(kind)).or_else(|| error_of_status(code));
        let event = match known {
            Some(error) => Event::Service(ServiceEvent::Refused(error)),
            None if kind == "server_error" => Event::Service(ServiceEvent::Refused(ServerError::Internal)),
            None if is_about_session => Event::Link(LinkChange::Misconfigured),
            None => Event::Service(ServiceEvent::Refused(ServerError::Other)),
        };
        let code = self.code.or(self.kind).unwrap_or_default();
        ServiceError { event, code, message: self.message.unwrap_or_default(), param }
    }

    /// Returns the message and the code, if there is either.
    pub(super) fn sentence(self) -> Option<String> {
        match (self.message, self.code.or(self.kind)) {
            (Some(message), Some(code)) => Some(format!("{message} ({code})")),
            (message, code) => message.or(code).map(Cow::into_owned),
        }
    }
}

/// Classifies a code, or the type of an error.
fn error_of_code(code: &str) -> Option<ServerError> {
    match code {
        "response_cancel_not_active" => Some(ServerError::NothingToCancel),
        "conversation_already_has_active_response" => Some(ServerError::ReplyInProgress),
        "input_audio_buffer_commit_empty" => Some(ServerError::NothingToCommit),
        "session_expired" => Some(ServerError::SessionExpired),
        "insufficient_quota" => Some(ServerError::QuotaExceeded),
        // An agent failed on one message: not an error of the service, whatever its `type`.
        "message_creation_failed" => Some(ServerError::Other),
        code if code.starts_with("rate_limit") => Some(ServerError::RateLimited),
        _ => None,
    }
}

/// Classifies a code that is an HTTP status.
fn error_of_status(code: &str) -> Option<ServerError> {
    match code.parse().ok()? {
        429 => Some(ServerError::RateLimited),
        500..=599 => Some(ServerError::Internal),
        _ => None,
    }
}

/// Returns a string or a number as text, unless it is empty.
fn scalar(value: &str) -> Option<Cow<'_, str>> {
    let is_number = value.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let text = if is_number { Some(Cow::Borrowed(value)) } else { json::text(value) };
    text.filter(|text| !text.trim().is_empty())
}
