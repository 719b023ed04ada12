//! What one service has turned out to lack, learned from its errors, once each: client events, fields of the session, and
//! push to talk.
//!
//! An error teaches only if it says that something is unknown, and only about what a conversation can do without. It
//! sends nothing and tells nobody.

use std::fmt;

use serde_json::Value;

use super::client_event::event_kind_of;
use super::service_error::ServiceError;
use crate::conversation::{Event, ServiceEvent};

/// Limit of the fields of the session that are left out: more than are sent.
const FIELDS: usize = 32;

/// Client events that a conversation can do without, and what is lost.
const OPTIONAL_EVENTS: [(&str, &str); 5] = [
    ("input_audio_buffer.clear", "noises before a turn may become part of it"),
    ("conversation.item.truncate", "the model will believe that an interrupted reply was heard to its end"),
    ("conversation.item.delete", "the model will believe that a reply was heard of which nothing was played"),
    ("conversation.item.create", "a new session will begin without the conversation so far"),
    ("response.cancel", "an interrupted reply will go on unheard, and the next one begins after it"),
];

/// Fields without which there is no conversation; with them all that they are in.
const NEEDED_FIELDS: [&str; 6] =
    ["instructions", "modalities", "output_modalities", "type", "create_response", "interrupt_response"];

/// What the service lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    events: Vec<&'static str>,
    /// Paths in the session, such as `audio.input.noise_reduction`.
    fields: Vec<String>,
    push_to_talk: PushToTalk,
    /// It is not asked to take the client's reference any more.
    lacks_reference: bool,
}

/// Whether the service leaves the turns to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PushToTalk {
    #[default]
    Offered,
    /// It detects turns, and has been asked at least not to answer them.
    Replaced,
    /// It answers them all the same.
    Denied,
}

/// What an error has taught. `Display` writes it for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lesson {
    /// A client event, and what is lost without it.
    Event(&'static str, &'static str),
    /// A field of the session.
    Field(String),
    /// It detects turns although it was asked not to.
    OwnTurns,
    /// It answers turns although it was asked not to.
    OwnAnswers,
    /// It does not take the client's reference for its echo cancellation.
    ClientReference,
}

impl Lesson {
    /// Returns whether the session has to be configured again.
    #[must_use]
    pub fn changes_session(&self) -> bool {
        match self {
            Self::Event(..) | Self::OwnAnswers => false,
            Self::Field(_) | Self::OwnTurns | Self::ClientReference => true,
        }
    }
}

impl fmt::Display for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(kind, lost) => {
                write!(f, "the service does not know {kind}, which is not sent to it any more: {lost}")
            }
            Self::Field(path) => {
                write!(f, "the service does not know the field {path} of the session, which is left out now")
            }
            Self::OwnAnswers => f.write_str(
                "the service answers without being asked, so that a reply may begin while you still speak; the modes open and tap fit it",
            ),
            Self::ClientReference => f.write_str(
                "the service does not take this device's reference, which echo_cancellation = \"client\" asks for; it gets \
                 the microphone alone, and removes the echo with its own sound, as with \"server\"",
            ),
            Self::OwnTurns => f.write_str(
                "the service detects turns itself although it was asked not to; it is asked now to answer only on request",
            ),
        }
    }
}

impl Capabilities {
    /// Returns whether the service is not known to lack this client event.
    #[must_use]
    pub fn has_event(&self, kind: &str) -> bool {
        !self.events.contains(&kind)
    }

    /// Returns whether the service is not known to detect turns without being asked to.
    #[must_use]
    pub fn offers_push_to_talk(&self) -> bool {
        self.push_to_talk == PushToTalk::Offered
    }

    /// Learns that the service detects turns although it was asked not to; nothing if that is known.
    pub fn learn_turns(&mut self) -> Option<Lesson> {
        let is_new = self.push_to_talk == PushToTalk::Offered;
        if is_new {
            self.push_to_talk = PushToTalk::Replaced;
        }
        is_new.then_some(Lesson::OwnTurns)
    }

    /// Learns that the service answers turns although it was asked not to; nothing if that is known.
    pub fn learn_answers(&mut self) -> Option<Lesson> {
        let is_new = std::mem::replace(&mut self.push_to_talk, PushToTalk::Denied) != PushToTalk::Denied;
        is_new.then_some(Lesson::OwnAnswers)
    }

    /// Returns whether the client's reference may be sent, if it is asked for.
    #[must_use]
    pub fn takes_reference(&self) -> bool {
        !self.lacks_reference
    }

    /// Learns that the client's reference is not taken, or that there is none; nothing if that is known.
    pub fn learn_reference(&mut self) -> Option<Lesson> {
        let is_new = !std::mem::replace(&mut self.lacks_reference, true);
        is_new.then_some(Lesson::ClientReference)
    }

    /// Learns from an error about the `session` that was written and is not yet confirmed, or about another event. Returns
    /// `None` if it teaches nothing new.
    pub(super) fn learn(&mut self, error: &ServiceError<'_>, session: Option<&Value>) -> Option<Lesson> {
        if let Some(session) = session {
            return self.learn_field(error, session);
        }
        if !matches!(error.event, Event::Service(ServiceEvent::Refused(_))) {
            return None;
        }
        let (kind, lost) = unknown_event(error)?;
        if !self.has_event(kind) {
            return None;
        }
        self.events.push(kind);
        Some(Lesson::Event(kind, lost))
    }

    /// Removes the fields that the service lacks.
    pub(super) fn leave_out(&self, session: &mut Value) {
        for path in &self.fields {
            let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
            let parent = parent.split('.').filter(|key| !key.is_empty());
            let object = parent.into_iter().try_fold(&mut *session, |value, key| value.get_mut(key));
            if let Some(fields) = object.and_then(Value::as_object_mut) {
                fields.remove(key);
            }
        }
    }

    fn learn_field(&mut self, error: &ServiceError<'_>, session: &Value) -> Option<Lesson> {
        let path = error.param.strip_prefix("session.").unwrap_or(&error.param);
        let is_turns = matches!(path, "turn_detection" | "audio.input.turn_detection");
        let written = path.split('.').try_fold(session, |value, key| value.get(key))?;
        if is_turns && written.is_null() {
            return self.learn_turns();
        }
        let is_unknown = matches!(&*error.code, "unknown_parameter" | "unsupported_parameter");
        if !is_unknown || is_turns || is_needed(path, written) || self.fields.len() >= FIELDS {
            return None;
        }
        self.fields.push(path.to_owned());
        Some(Lesson::Field(path.to_owned()))
    }
}

/// Returns whether there is no conversation without the field at `path`.
fn is_needed(path: &str, written: &Value) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    let holds_needed = || path == "audio" || path == "audio.input" || path == "audio.output";
    NEEDED_FIELDS.contains(&name) || name.ends_with("format") || (written.is_object() && holds_needed())
}

/// Returns the client event that the service does not know, if `error` says so, and what is lost without it.
fn unknown_event(error: &ServiceError<'_>) -> Option<(&'static str, &'static str)> {
    let message = error.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let code = error.code.to_ascii_lowercase();
    let is_unknown = (code.contains("unknown") && code.contains("event"))
        || matches!(&*code, "unsupported_event" | "unsupported_event_type" | "invalid_event_type")
        || (error.param == "type" && code.starts_with("invalid_"))
        || (code.starts_with("invalid_event")
            && says(&["unknown", "unsupported", "not supported", "no client event", "unrecognized"]));
    if !is_unknown {
        return None;
    }
    // A list of the known ones may follow the unknown one.
    let first = || {
        let named = OPTIONAL_EVENTS.iter().filter_map(|(kind, _)| Some((message.find(kind)?, *kind)));
        named.min().map(|(_, kind)| kind)
    };
    let kind = event_kind_of(&error.event_id).or_else(first)?;
    OPTIONAL_EVENTS.into_iter().find(|(known, _)| *known == kind)
}
