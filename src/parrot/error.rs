//! Errors of client events: the contents of the `error` event (protocol §11), and checks that return them.
//!
//! A rejected event has no other effect, and the session stays open.

use serde_json::{Map, Value, json};

/// Why a client event was rejected.
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

    /// Creates an error for a value of the wrong type, out of range, or referring to something that does not
    /// exist.
    pub(super) fn value(param: &str, message: impl Into<String>) -> Self {
        Self::new("invalid_value", Some(param), message)
    }

    /// Creates an error for a missing required key.
    pub(super) fn missing(param: &str) -> Self {
        Self::new("missing_required_parameter", Some(param), format!("'{param}' is required."))
    }

    /// Creates an error for an event that is not JSON, not an object, or of an unsupported type.
    pub(super) fn event(message: impl Into<String>) -> Self {
        Self::new("invalid_event", None, message)
    }

    /// Returns the body of the `error` event; `event_id` is that of the client's event.
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

/// Returns an error for the first key of `object` that is not in `allowed`; `parent` is the path of `object`,
/// empty at the top.
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

/// Returns the string at the required `key`.
pub(super) fn require_text<'a>(
    object: &'a Map<String, Value>,
    parent: &str,
    key: &str,
) -> Result<&'a str, EventError> {
    let param = path(parent, key);
    let value = object.get(key).ok_or_else(|| EventError::missing(&param))?;
    value.as_str().ok_or_else(|| EventError::value(&param, "This must be a string."))
}

/// Returns the path of `key` for an error's `param`, e.g. `session.voice.name`.
pub(super) fn path(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}
