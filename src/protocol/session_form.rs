//! In which form one service wants the session and the items: its dialect, the shape of its session object (protocol
//! §12), and what it has turned out to lack.
//!
//! Everything that is written depends on it; what is read is understood in every form at all times. It chooses no form:
//! the address, `session.created` and the service's errors do.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::capabilities::{Capabilities, Lesson};
use super::client_event::{self, SESSION_EVENT_ID};
use super::nested_session::{nested, openai_flat};
use super::service_error::ServiceError;
use super::session_config::{ConfigMismatch, SESSION_UPDATE, SessionConfig, compare};
use super::session_object::{echo_cancellation, merge, session};
use crate::model::{Choice, Dialect, EchoCancellation};

/// The shapes of the session object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionShape {
    /// All fields side by side: `input_audio_format`.
    Flat,
    /// `type: "realtime"`, and the audio in an object of its own: `audio.input.format`.
    Nested,
}

/// The form of the session at one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionForm {
    pub dialect: Dialect,
    pub shape: SessionShape,
    pub capabilities: Capabilities,
}

impl SessionForm {
    /// Returns the form that `dialect` usually has.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        let shape = if dialect.is_openai() { SessionShape::Nested } else { SessionShape::Flat };
        Self { dialect, shape, capabilities: Capabilities::default() }
    }

    /// Appends a complete `session.update` in this form to `text`.
    pub fn session_update(&self, config: &SessionConfig, text: &mut BytesMut) {
        let session = self.session(config);
        let event = json!({"type": SESSION_UPDATE, "event_id": SESSION_EVENT_ID, "session": session});
        client_event::write(&event, text);
    }

    /// Returns how the effective session (the JSON text of `session.updated`'s `session`) differs from the request. The
    /// model is not compared: the service may return another name for it (protocol §2.4). Of a nested session a field
    /// that is absent is not known, and no difference.
    #[must_use]
    pub fn mismatches(&self, config: &SessionConfig, effective: &str) -> Vec<ConfigMismatch> {
        let effective =
            serde_json::from_str(&super::json::without_lone_surrogates(effective)).unwrap_or(Value::Null);
        let mut requested = self.session(config);
        if self.shape == SessionShape::Nested {
            remove_absent(&mut requested, &effective);
        }
        let mut mismatches = Vec::new();
        compare("", &requested, &effective, &mut mismatches);
        mismatches
    }

    /// Returns the other shape, if `error` shows that the session was written in the wrong one: it misses the first field
    /// of the other shape, or does not know one that only this shape has.
    #[must_use]
    pub fn shape_of_error(&self, error: &ServiceError<'_>) -> Option<SessionShape> {
        let param = error.param.strip_prefix("session.").unwrap_or(&error.param);
        let is_unknown = matches!(&*error.code, "unknown_parameter" | "unsupported_parameter");
        let other = match self.shape {
            SessionShape::Flat => {
                (error.code == "missing_required_parameter" && param == "type")
                    || (is_unknown && ["modalities", "input_audio_format"].contains(&param))
            }
            SessionShape::Nested => is_unknown && ["type", "audio", "output_modalities"].contains(&param),
        };
        other.then_some(match self.shape {
            SessionShape::Flat => SessionShape::Nested,
            SessionShape::Nested => SessionShape::Flat,
        })
    }

    /// Learns from an error what the service lacks. Before the session `is_configured`, an error that names no other event
    /// can only be about it.
    pub fn learn(
        &mut self,
        error: &ServiceError<'_>,
        config: &SessionConfig,
        is_configured: bool,
    ) -> Option<Lesson> {
        let session = self.session(config);
        self.capabilities.learn(error, (!is_configured).then_some(&session))
    }

    /// Returns the session as it is written.
    pub(super) fn session(&self, config: &SessionConfig) -> Value {
        let mut flat = session(config);
        if config.turn_detection == Choice::Off && !self.capabilities.offers_push_to_talk() {
            flat["turn_detection"] = json!({
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 500,
                "create_response": false,
                "interrupt_response": false,
            });
        }
        if config.echo_cancellation == Some(EchoCancellation::Client) && !self.capabilities.takes_reference()
        {
            flat["input_audio_echo_cancellation"] = echo_cancellation(EchoCancellation::Server);
        }
        let mut session = match self.shape {
            SessionShape::Flat if self.dialect.is_openai() => openai_flat(flat, self.dialect),
            SessionShape::Flat => flat,
            SessionShape::Nested => nested(&flat, self.dialect),
        };
        merge(&mut session, &Value::Object(config.extra.clone()));
        self.capabilities.leave_out(&mut session);
        session
    }
}

/// Removes from `requested` what `effective` does not mention.
fn remove_absent(requested: &mut Value, effective: &Value) {
    if let (Value::Object(requested), Value::Object(effective)) = (requested, effective) {
        requested.retain(|key, _| effective.contains_key(key));
        requested.iter_mut().for_each(|(key, value)| remove_absent(value, &effective[key]));
    }
}
