//! Reads what the service reports as an error, a warning or the reason of a failed reply (protocol §11).
//!
//! Servers put the sentence for the user in different places; none of them is lost. `recognize` finds the class.

use std::borrow::Cow;

use super::client_event::SESSION_EVENT_ID;
use super::json;
use super::recognize::{Evidence, refusal_of_error, refusal_of_status};
use super::refusal::Refusal;
use crate::conversation::{Event, Id, LinkChange, ResponseStatus, ServerError, ServiceEvent};

/// What the service reports in an `error` event, or as the reason of a failed reply (protocol §11).
#[derive(Debug)]
pub struct ServiceError<'a> {
    /// The event for the conversation.
    pub event: Event,
    pub class: Refusal,
    /// `error.code`, or `error.type` if there is no code.
    pub code: Cow<'a, str>,
    /// `error.message`, as the service wrote it.
    pub message: Cow<'a, str>,
    /// `error.param`; empty if there is none.
    pub param: Cow<'a, str>,
    /// The `event_id` of the client event that it is about; empty if the service does not say.
    pub event_id: Cow<'a, str>,
}

/// Levels of nested objects that are read.
const LEVELS: u8 = 5;
/// Members of an array of errors that are read.
const MEMBERS: usize = 4;

/// The fields of an error or a warning. An empty string counts as missing.
#[derive(Default)]
pub(super) struct ErrorBody<'a> {
    /// Codes and types, the innermost first.
    words: Vec<Cow<'a, str>>,
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

    /// Reads the error inside an event or a `response`, if that has one there: `null`, `{}` and the like are none.
    pub(super) fn of_part(part: Option<&'a str>) -> Option<Self> {
        let body = Self::read(part?, LEVELS - 1);
        (body.message.is_some() || !body.words.is_empty()).then_some(body)
    }

    /// Reads `status_details` of a `response` whose `status` is not repeated in it. Its `reason` is a code.
    pub(super) fn of_status_details(details: Option<&'a str>) -> Option<Self> {
        let mut body = Self::of_part(details)?;
        let is_status = |word: &str| matches!(word, "failed" | "incomplete" | "cancelled" | "completed");
        body.kind = body.kind.filter(|kind| !is_status(kind));
        body.words.retain(|word| !is_status(word));
        if body.code.is_none()
            && body.message.as_deref().is_some_and(|message| !message.contains(char::is_whitespace))
        {
            body.code = body.message.take();
            body.words.extend(body.code.clone());
        }
        (body.message.is_some() || !body.words.is_empty()).then_some(body)
    }

    /// Reads an object, an array of errors, or a string that is the message. The fields of an inner object win over
    /// those around it.
    fn read(value: &'a str, levels: u8) -> Self {
        if let Some(message) = scalar(value) {
            return Self { message: Some(message), ..Self::default() };
        }
        let Some(inner_levels) = levels.checked_sub(1) else { return Self::default() };
        if value.starts_with('[') {
            let members = json::elements(value, MEMBERS);
            let join = |all: Self, member| all.and(Self::read(member, inner_levels));
            return members.into_iter().fold(Self::default(), join);
        }
        let mut own = Self::default();
        let (mut error, mut cause, mut message, mut detail) = (None, None, None, None);
        // Anything but an object has no fields.
        let _ = json::read_object(value, |key, value| match key {
            // The `type` of the event itself is not that of the error.
            "type" if levels < LEVELS => own.kind = scalar(value),
            "code" | "error_code" => own.code = scalar(value).or(own.code.take()),
            "param" => own.param = scalar(value),
            "event_id" => own.event_id = scalar(value),
            "error" | "errors" | "warning" => error = Some(value),
            "innererror" | "inner_error" | "cause" => cause = Some(value),
            "message" => message = Some(value),
            "detail" | "details" | "description" | "error_description" | "reason" | "msg" => {
                detail = scalar(value).map(|_| value).or(detail).or(Some(value));
            }
            _ => {}
        });
        own.words = [&own.code, &own.kind].into_iter().flatten().cloned().collect();
        let read =
            |value: Option<&'a str>| value.map(|value| Self::read(value, inner_levels)).unwrap_or_default();
        let sentence = read(message).or(read(detail));
        let cause = read(cause);
        match error.and_then(scalar) {
            // Beside a message, a string is the code.
            Some(code) if sentence.message.is_some() => {
                let code = Self { words: vec![code.clone()], code: Some(code), ..Self::default() };
                sentence.or(own).or(code).explained_by(cause)
            }
            Some(_) | None => read(error).or(sentence).or(own).explained_by(cause),
        }
    }

    /// Takes the missing fields from `other`, which is further out.
    fn or(mut self, other: Self) -> Self {
        self.words.extend(other.words);
        Self {
            words: self.words,
            kind: self.kind.or(other.kind),
            code: self.code.or(other.code),
            message: self.message.or(other.message),
            param: self.param.or(other.param),
            event_id: self.event_id.or(other.event_id),
        }
    }

    /// Adds another error of the same array.
    fn and(self, other: Self) -> Self {
        let message = match (&self.message, &other.message) {
            (Some(first), Some(second)) if first != second => Some(Cow::Owned(format!("{first}; {second}"))),
            (Some(_) | None, _) => None,
        };
        let all = self.or(other);
        Self { message: message.or(all.message), ..all }
    }

    /// Adds the cause: its words say more than those around it, its message only what is missing.
    fn explained_by(self, cause: Self) -> Self {
        let words = [cause.words.clone(), self.words.clone()].concat();
        Self { words, ..self.or(cause) }
    }

    pub(super) fn classify(self) -> ServiceError<'a> {
        let class = self.class();
        let is_about_session = self.event_id.as_deref() == Some(SESSION_EVENT_ID)
            || self.param.as_deref().is_some_and(|param| param.starts_with("session"));
        let event = if is_about_session && matches!(class, Refusal::Setting | Refusal::Unknown) {
            Event::Link(LinkChange::Misconfigured)
        } else {
            Event::Service(ServiceEvent::Refused(class.server_error()))
        };
        self.into_error(class, event)
    }

    /// Returns the reason of the reply `id` that has failed.
    pub(super) fn of_reply(self, id: Id, status: ResponseStatus) -> ServiceError<'a> {
        let class = self.class();
        let error = match (class, status) {
            (Refusal::Unknown, ResponseStatus::Incomplete) => ServerError::Withheld,
            (class, _) => class.server_error(),
        };
        let status = ResponseStatus::Refused(error);
        self.into_error(class, Event::Service(ServiceEvent::ReplyDone(id, status)))
    }

    fn into_error(self, class: Refusal, event: Event) -> ServiceError<'a> {
        ServiceError {
            event,
            class,
            code: self.code.or(self.kind).unwrap_or_default(),
            message: self.message.unwrap_or_default(),
            param: self.param.unwrap_or_default(),
            event_id: self.event_id.unwrap_or_default(),
        }
    }

    pub(super) fn class(&self) -> Refusal {
        self.with_evidence(refusal_of_error)
    }

    fn with_evidence<T>(&self, find: impl FnOnce(Evidence<'_>) -> T) -> T {
        let words: Vec<&str> = self.words.iter().map(AsRef::as_ref).collect();
        find(Evidence {
            words: &words,
            message: self.message.as_deref().unwrap_or_default(),
            names_parameter: self.param.is_some(),
        })
    }

    /// Returns the message and the code, if there is either.
    pub(super) fn sentence(self) -> Option<String> {
        match (self.message, self.code.or(self.kind)) {
            (Some(message), Some(code)) => Some(format!("{message} ({code})")),
            (message, code) => message.or(code).map(Cow::into_owned),
        }
    }
}

/// Finds the class of an upgrade that was answered with an HTTP `status` other than 101, and returns what its `body`
/// says, if that is an error and not a page.
#[must_use]
pub fn refusal_of_upgrade(status: u16, body: &str) -> (Refusal, Option<String>) {
    let body = body.trim();
    let is_web_page = body.starts_with('<');
    let error = if body.starts_with(['{', '[', '"']) {
        ErrorBody::of_event(body)
    } else if is_web_page {
        ErrorBody::default()
    } else {
        ErrorBody { message: (!body.is_empty()).then_some(Cow::Borrowed(body)), ..ErrorBody::default() }
    };
    let class = error.with_evidence(|evidence| refusal_of_status(status, is_web_page, evidence));
    (class, error.sentence())
}

/// Returns a string or a number as text, unless it is empty.
fn scalar(value: &str) -> Option<Cow<'_, str>> {
    let is_number = value.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let text = if is_number { Some(Cow::Borrowed(value)) } else { json::text(value) };
    text.filter(|text| !text.trim().is_empty())
}
