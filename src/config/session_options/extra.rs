//! Reads the fields of the session object for which there is no setting.
//!
//! They are merged in last and win over the settings: objects field by field, and anything else as a whole. It refuses
//! those on which the format of the sound and the conversation depend.

use serde_json::{Map, Value};

use super::{Key, Values};
use crate::model::EchoCancellation;

/// Fields that cannot be set, by their path, and what to do instead.
const RESERVED: [(&str, &str); 12] = [
    ("type", "the endpoint decides it"),
    ("model", "set model"),
    ("modalities", "set reply_modalities"),
    ("input_audio_format", "mynah sends PCM"),
    ("input_audio_sampling_rate", "set input_rate"),
    ("output_audio_format", "mynah plays PCM at 24000 Hz"),
    ("audio", "set the voice, turns and hearing by their settings"),
    ("input_audio_echo_cancellation.reference_source", "set echo_cancellation"),
    ("input_audio_echo_cancellation.channels", "set echo_cancellation"),
    ("turn_detection.create_response", "mynah counts on true"),
    ("turn_detection.interrupt_response", "mynah counts on true"),
    ("turn_detection.auto_truncate", "mynah truncates what was not heard itself"),
];

/// Reads the fields. `has_turn_detection` is false in push to talk.
pub(in crate::config) fn read(
    values: &mut Values,
    has_turn_detection: bool,
    echo: Option<EchoCancellation>,
) -> Map<String, Value> {
    let Some(extra) = values.json(Key::SessionExtra) else { return Map::new() };
    for (path, instead) in RESERVED {
        let mut fields = path.split('.');
        let first = fields.next().and_then(|field| extra.get(field));
        if fields.try_fold(first, |value, field| Some(value?.get(field))).flatten().is_some() {
            values.refuse(Key::SessionExtra, &format!("{path} cannot be set here: {instead}"));
        }
    }
    if echo == Some(EchoCancellation::Device)
        && extra.get("input_audio_echo_cancellation").is_some_and(|cancels| !cancels.is_null())
    {
        let reason = "input_audio_echo_cancellation cannot be set here with echo_cancellation = \"device\": the second of \
                      two cancellers in a row harms the voice; remove one of the two";
        values.refuse(Key::SessionExtra, reason);
    }
    match extra.get("turn_detection") {
        Some(_) if !has_turn_detection => {
            let reason = "turn_detection cannot be set in the mode hold, in which the button decides";
            values.refuse(Key::SessionExtra, reason);
        }
        Some(detection) if !detection.is_object() => {
            let reason = "turn_detection must be an object here; for push to talk set mode = \"hold\"";
            values.refuse(Key::SessionExtra, reason);
        }
        Some(_) | None => {}
    }
    extra
}

/// Returns the names of the fields, for output: their values may hold a secret.
pub(in crate::config) fn shown(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        Ok(_) | Err(_) => "(not shown)".to_owned(),
    }
}
