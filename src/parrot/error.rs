//! Why the parrot refuses a client event: what becomes the service's `error` event (protocol §11).
//!
//! A refusal changes nothing else: the event is as if it had never been sent, and the session stays open.

use serde_json::{Map, Value, json};

/// One refused client event.
#[derive(Debug)]
pub(super) struct EventError {
    code: &'static str,
    message: String,
    param: Option<String>,
}

impl EventError {
    pub(super) fn new(code: &'static str, param: Option<&str>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: param.map(str::to_owned) }
    }

    /// A value of the wrong type, out of range, or naming what does not exist.
    pub(super) fn value(param: &str, message: impl Into<String>) -> Self {
        Self::new("invalid_value", Some(param), message)
    }

    /// A required key that is not there.
    pub(super) fn missing(param: &str) -> Self {
        Self::new("missing_required_parameter", Some(param), format!("'{param}' is required."))
    }

    /// An event that is not JSON, not an object, or of a type this service does not take.
    pub(super) fn event(message: impl Into<String>) -> Self {
        Self::new("invalid_event", None, message)
    }

    /// The body of the `error` event; `event_id` is the client's own, echoed.
    pub(super) fn body(&self, event_id: Option<&Value>) -> Value {
        json!({"error": {
            "type": "invalid_request_error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id.and_then(Value::as_str),
        }})
    }
}

/// Refuses the first key of `object` that is not in `known`; `within` is its path, empty at the top.
pub(super) fn reject_unknown_keys(
    object: &Map<String, Value>,
    parent: &str,
    allowed: &[&str],
) -> Result<(), EventError> {
    match object.keys().find(|key| !allowed.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let param = path(parent, key);
            let message = format!("'{param}' is not a parameter here.");
            Err(EventError::new("unknown_parameter", Some(&param), message))
        }
    }
}

/// The text at `key`, which must be there.
pub(super) fn require_text<'a>(
    object: &'a Map<String, Value>,
    parent: &str,
    key: &str,
) -> Result<&'a str, EventError> {
    let param = path(parent, key);
    let value = object.get(key).ok_or_else(|| EventError::missing(&param))?;
    value.as_str().ok_or_else(|| EventError::value(&param, "This must be a string."))
}

/// `key` as an error names it: `session.voice.name`.
pub(super) fn path(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}
