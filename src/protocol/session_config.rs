//! Writes `session.update` and compares the service's answer with it (protocol §8).
//!
//! Sub-objects are always sent complete, since the service fills gaps with its own defaults (protocol §8.1).
//! It chooses no values: they come from the configuration.

use bytes::BytesMut;
use serde_json::{Map, Value, json};

use crate::model::{EchoCancellation, NoiseReduction, TurnDetection, Voice};

use super::client_event;
use super::client_event::SESSION_EVENT_ID;

/// The requested session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// The system prompt.
    pub instructions: String,
    pub voice: Voice,
    /// The service's turn detector; `None` is push to talk.
    pub turn_detection: Option<TurnDetection>,
    /// `None` is off.
    pub noise_reduction: Option<NoiseReduction>,
    pub echo_cancellation: EchoCancellation,
    /// The model that transcribes the user's speech, e.g. `azure-speech`; `None` is off (protocol §8.5).
    pub transcription: Option<&'static str>,
    /// Whether the service detects the end of an utterance from the words (protocol §8.3); only the `azure_` kinds of
    /// turn detection have it.
    pub end_of_utterance: bool,
    /// The user's language as a BCP-47 tag, or several with commas between them; `None` if it is not configured.
    pub language: Option<String>,
}

/// A field of the effective session that differs from the request.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigMismatch {
    /// Path of the field, e.g. `turn_detection.silence_duration_ms`.
    pub path: String,
    pub requested: Value,
    pub effective: Value,
    /// Whether the conversation would fail with it: another audio format, or another kind of turn detection.
    pub fatal: bool,
}

/// The `type` of what [`session_update`] writes.
pub const SESSION_UPDATE: &str = "session.update";

/// Appends a complete `session.update` to `text`.
pub fn session_update(config: &SessionConfig, text: &mut BytesMut) {
    let event = json!({"type": SESSION_UPDATE, "event_id": SESSION_EVENT_ID, "session": session(config)});
    client_event::write(&event, text);
}

/// Fields of the protocol, in either dialect (protocol §12), and the settings of mynah that they are made of. The
/// innermost field of a path decides.
const SETTINGS: &[(&str, &str)] = &[
    ("input_audio_noise_reduction", "noise_reduction"),
    ("noise_reduction", "noise_reduction"),
    ("input_audio_echo_cancellation", "echo_cancellation"),
    ("echo_cancellation", "echo_cancellation"),
    ("input_audio_transcription", "transcription"),
    ("transcription", "transcription"),
    ("turn_detection", "turn_detection"),
    ("end_of_utterance_detection", "turn_detection"),
    ("languages", "language"),
    ("language", "language"),
    ("voice", "voice"),
    ("instructions", "instructions"),
    ("api-version", "api_version"),
    ("api_version", "api_version"),
];

/// Returns the setting of mynah that an error is about: the one that `param` names, such as
/// `session.turn_detection.languages[0]`, or else the first one that `message` names by its field.
#[must_use]
pub fn setting_of(param: &str, message: &str) -> Option<&'static str> {
    let find = |word: &str| SETTINGS.iter().find(|(field, _)| *field == word).map(|(_, setting)| *setting);
    let fields = |text: &str| -> Vec<String> {
        let is_end = |end: char| !(end.is_ascii_alphanumeric() || matches!(end, '_' | '-'));
        text.split(is_end).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect()
    };
    let named = fields(param);
    let is_model = named.iter().find(|field| *field != "session").is_some_and(|field| field == "model");
    if is_model {
        return Some("model");
    }
    let by_param = named.iter().rev().find_map(|field| find(field));
    // A common word, such as "voice", names a setting only where it is the parameter.
    let is_field = |word: &&String| word.contains('_') || word.contains('-');
    by_param.or_else(|| {
        named.is_empty().then(|| fields(message).iter().filter(is_field).find_map(|field| find(field)))?
    })
}

/// Returns how the effective session (the JSON text of `session.updated`'s `session`) differs from the
/// request. The model is not compared: the service may return another name for it (protocol §2.4).
#[must_use]
pub fn mismatches(config: &SessionConfig, effective: &str) -> Vec<ConfigMismatch> {
    let effective =
        serde_json::from_str(&super::json::without_lone_surrogates(effective)).unwrap_or(Value::Null);
    let mut mismatches = Vec::new();
    compare("", &session(config), &effective, &mut mismatches);
    mismatches
}

fn session(config: &SessionConfig) -> Value {
    json!({
        "modalities": ["text", "audio"],
        "instructions": config.instructions,
        "voice": voice(&config.voice),
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": super::RATE_HZ,
        "output_audio_format": "pcm16",
        "turn_detection": config.turn_detection.map(|kind| turn_detection(kind, config)),
        "input_audio_noise_reduction": config.noise_reduction.map(noise_reduction),
        "input_audio_echo_cancellation":
            echo_cancellation(config.echo_cancellation),
        "input_audio_transcription":
            config.transcription.map(|model| transcription(model, config.language.as_deref())),
    })
}

fn voice(voice: &Voice) -> Value {
    let (family, name) = match voice {
        Voice::OpenAi(name) => ("openai", name),
        Voice::AzureStandard(name) => ("azure-standard", name),
        Voice::AzureRealtimeNative(name) => ("azure-realtime-native", name),
    };
    json!({"type": family, "name": name})
}

fn noise_reduction(kind: NoiseReduction) -> Value {
    let name = match kind {
        NoiseReduction::AzureDeepNoiseSuppression => "azure_deep_noise_suppression",
        NoiseReduction::NearField => "near_field",
        NoiseReduction::FarField => "far_field",
    };
    json!({"type": name})
}

fn echo_cancellation(kind: EchoCancellation) -> Value {
    match kind {
        EchoCancellation::Off => Value::Null,
        EchoCancellation::Server => json!({"type": "server_echo_cancellation"}),
    }
}

fn transcription(model: &str, language: Option<&str>) -> Value {
    // Several languages are one string here, unlike in `turn_detection` (protocol §8.5).
    let mut object = Map::from_iter([("model".to_owned(), json!(model))]);
    if let Some(language) = language {
        object.insert("language".to_owned(), json!(language));
    }
    Value::Object(object)
}

fn turn_detection(kind: TurnDetection, config: &SessionConfig) -> Value {
    // `auto_truncate` is off: mynah knows the played position, the service would guess it (protocol §10).
    match kind {
        TurnDetection::ServerVad => json!({
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "create_response": true,
            "interrupt_response": true,
            "auto_truncate": false,
        }),
        TurnDetection::AzureSemanticVad => {
            azure_semantic_vad("azure_semantic_vad", "semantic_detection_v1", config)
        }
        TurnDetection::AzureSemanticVadMultilingual => azure_semantic_vad(
            "azure_semantic_vad_multilingual",
            "semantic_detection_v1_multilingual",
            config,
        ),
        TurnDetection::SemanticVad => json!({
            "type": "semantic_vad",
            "eagerness": "auto",
            "create_response": true,
            "interrupt_response": true,
        }),
    }
}

fn azure_semantic_vad(kind: &str, end_of_utterance: &str, config: &SessionConfig) -> Value {
    let mut object = json!({
        "type": kind,
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "speech_duration_ms": 80,
        "remove_filler_words": false,
        "create_response": true,
        "interrupt_response": true,
        "auto_truncate": false,
    });
    if config.end_of_utterance {
        object["end_of_utterance_detection"] =
            json!({"model": end_of_utterance, "threshold_level": "default", "timeout_ms": 1000});
    }
    if let Some(language) = &config.language {
        let languages: Vec<&str> = language.split(',').map(str::trim).collect();
        object["languages"] = json!(languages);
    }
    object
}

fn compare(path: &str, asked: &Value, got: &Value, mismatches: &mut Vec<ConfigMismatch>) {
    let equal = match (asked, got) {
        (Value::Object(asked), Value::Object(got)) => {
            for (key, value) in asked {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, value, got.get(key).unwrap_or(&Value::Null), mismatches);
            }
            true
        }
        // The service may return the bare name of a voice object.
        (Value::Object(asked), Value::String(name)) => asked.get("name").is_some_and(|asked| asked == name),
        // The service does not keep the order of arrays (protocol §5).
        (Value::Array(asked), Value::Array(got)) => {
            asked.len() == got.len() && asked.iter().all(|member| got.contains(member))
        }
        (Value::Number(asked), Value::Number(got)) => match (asked.as_f64(), got.as_f64()) {
            (Some(asked), Some(got)) => (asked - got).abs() < 1e-6,
            (Some(_) | None, Some(_) | None) => false,
        },
        (asked, got) => asked == got,
    };
    if !equal {
        mismatches.push(ConfigMismatch {
            path: path.to_owned(),
            requested: asked.clone(),
            effective: got.clone(),
            fatal: is_fatal(path),
        });
    }
}

fn is_fatal(path: &str) -> bool {
    const FATAL: [&str; 9] = [
        "",
        "modalities",
        "input_audio_format",
        "input_audio_sampling_rate",
        "output_audio_format",
        "turn_detection",
        "turn_detection.type",
        "turn_detection.create_response",
        "turn_detection.interrupt_response",
    ];
    FATAL.contains(&path)
}
