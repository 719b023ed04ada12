//! Writes the nested shape of the session object (protocol §12): OpenAI's, and the one that a later version of Voice Live
//! may have.
//!
//! It takes the values from the flat shape, so that both shapes say the same of one configuration. What OpenAI does not
//! have is left out, or replaced by the nearest that it has. It chooses no values beyond that.

use serde_json::{Map, Value, json};

use crate::model::Dialect;

/// Where a flat field is in the nested shape. A field that is not listed keeps its name, and is left out for OpenAI.
const PLACES: &[(&str, &str)] = &[
    ("modalities", "output_modalities"),
    ("instructions", "instructions"),
    ("voice", "audio.output.voice"),
    ("input_audio_format", "audio.input.format"),
    // A part of the format.
    ("input_audio_sampling_rate", ""),
    ("output_audio_format", "audio.output.format"),
    ("turn_detection", "audio.input.turn_detection"),
    ("input_audio_noise_reduction", "audio.input.noise_reduction"),
    ("input_audio_echo_cancellation", "audio.input.echo_cancellation"),
    ("input_audio_transcription", "audio.input.transcription"),
    ("max_response_output_tokens", "max_output_tokens"),
    ("tools", "tools"),
    ("tool_choice", "tool_choice"),
];

/// The fields of OpenAI's kinds of turn detection.
const SERVER_VAD: [&str; 7] = [
    "type",
    "threshold",
    "prefix_padding_ms",
    "silence_duration_ms",
    "create_response",
    "interrupt_response",
    "idle_timeout_ms",
];
const SEMANTIC_VAD: [&str; 4] = ["type", "eagerness", "create_response", "interrupt_response"];

/// Returns the nested shape of a `flat` session.
pub(super) fn nested(flat: &Value, dialect: Dialect) -> Value {
    let mut session = json!({"type": "realtime"});
    for (field, value) in flat.as_object().into_iter().flatten() {
        let place = PLACES.iter().find(|(known, _)| known == field).map(|(_, place)| *place);
        match place {
            Some("") => {}
            Some(place) => {
                if let Some(value) = converted(field, value, flat, dialect) {
                    put(&mut session, place, value);
                }
            }
            None if dialect.is_openai() => {}
            None => put(&mut session, field, value.clone()),
        }
    }
    session
}

/// Returns a `flat` session as OpenAI had it before the nested one, which some servers still have: the same values.
pub(super) fn openai_flat(flat: Value, dialect: Dialect) -> Value {
    let session = nested(&flat, dialect);
    let Value::Object(mut fields) = flat else { return session };
    fields.retain(|field, value| {
        if field == "modalities" || field.ends_with("_format") {
            return true;
        }
        let place = PLACES.iter().find(|(known, place)| known == field && !place.is_empty());
        let found = place
            .and_then(|(_, place)| place.split('.').try_fold(&session, |value, key| value.get(key)).cloned());
        found.map(|found| *value = found).is_some()
    });
    Value::Object(fields)
}

/// Returns the value of a flat field as the nested shape has it; `None` if it does not exist there.
fn converted(field: &str, value: &Value, flat: &Value, dialect: Dialect) -> Option<Value> {
    let kind = value["type"].as_str().unwrap_or_default();
    let is_openai = dialect.is_openai();
    Some(match field {
        // Audio comes with its transcript: the two are no longer asked for together.
        "modalities" => {
            let speaks = value.as_array().is_some_and(|all| all.iter().any(|one| one == "audio"));
            json!([if speaks { "audio" } else { "text" }])
        }
        "input_audio_format" => format_of(value, &flat["input_audio_sampling_rate"]),
        "output_audio_format" => format_of(value, &json!(super::RATE_HZ)),
        "voice" if is_openai && kind == "openai" => value["name"].clone(),
        // The service's own voice.
        "voice" if is_openai => return None,
        "turn_detection" if is_openai && value.is_object() => openai_turn_detection(value),
        "input_audio_noise_reduction" if kind.starts_with("azure_") && is_openai => Value::Null,
        "input_audio_echo_cancellation" if is_openai => return None,
        "input_audio_transcription" if is_openai => openai_transcription(value),
        _ => value.clone(),
    })
}

/// Returns the object of a format: `pcm16` at a rate, or what both shapes call alike but for a prefix.
fn format_of(name: &Value, rate: &Value) -> Value {
    match name.as_str().unwrap_or_default() {
        "g711_ulaw" => json!({"type": "audio/pcmu"}),
        "g711_alaw" => json!({"type": "audio/pcma"}),
        _ => json!({"type": "audio/pcm", "rate": rate}),
    }
}

/// Returns what is nearest to a turn detection of Azure's: the same times, by energy.
fn openai_turn_detection(value: &Value) -> Value {
    let is_semantic = value["type"] == "semantic_vad";
    let known: &[&str] = if is_semantic { &SEMANTIC_VAD } else { &SERVER_VAD };
    let mut fields: Map<String, Value> = value.as_object().cloned().unwrap_or_default();
    fields.retain(|key, _| known.contains(&key.as_str()));
    if !is_semantic {
        fields.insert("type".to_owned(), json!("server_vad"));
    }
    Value::Object(fields)
}

/// Returns a transcription with its language as OpenAI takes it: one, without a region.
fn openai_transcription(value: &Value) -> Value {
    let mut transcription = value.clone();
    if let Some(fields) = transcription.as_object_mut()
        && let Some(language) = fields.remove("language").as_ref().and_then(Value::as_str)
        && !language.contains(',')
    {
        let primary = language.split('-').next().unwrap_or(language);
        fields.insert("language".to_owned(), json!(primary));
    }
    transcription
}

/// Puts `value` at a path such as `audio.input.format`.
fn put(session: &mut Value, path: &str, value: Value) {
    let mut target = session;
    for key in path.split('.') {
        target = &mut target[key];
    }
    *target = value;
}
