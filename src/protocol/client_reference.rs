//! The reference that a client sends for the service's echo cancellation, as a second channel of its sound (protocol
//! §8.4): whether a session takes it, and what shows that the service does not.
//!
//! It requests nothing; `session_object` does.

use serde_json::Value;

use super::json::without_lone_surrogates;

/// Words of messages and names of fields that only the reference has.
const NAMES: [&str; 4] = ["client_ec_reference", "invalid_ec_", "reference_source", "ec_reference"];

/// Returns whether the effective session (the JSON text of `session.updated`'s `session`) takes two channels, the
/// microphone and the client's reference. It must say so: two channels that are taken for one are noise.
#[must_use]
pub fn takes_reference(effective: &str) -> bool {
    let session: Value = serde_json::from_str(&without_lone_surrogates(effective)).unwrap_or(Value::Null);
    let nested = &session["audio"]["input"]["echo_cancellation"];
    [&session["input_audio_echo_cancellation"], nested]
        .into_iter()
        .any(|echo| echo["reference_source"] == "client" && echo["channels"] == 2)
}

/// Returns whether what a service says is about the client's reference.
#[must_use]
pub fn names_reference(said: &str) -> bool {
    NAMES.iter().any(|name| said.contains(name))
}
