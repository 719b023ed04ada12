//! What a session is requested with, and how the service's answer differs from it (protocol §8).
//!
//! It chooses no values: they come from the configuration. `session_object` spells them.

use bytes::BytesMut;
use serde_json::{Map, Value};

use super::session_form::SessionForm;
use crate::model::{
    Choice, Dialect, EchoCancellation, NoiseReduction, ReplyOptions, TranscriptionOptions, TurnDetection,
    TurnOptions, Voice, VoiceOptions,
};

/// The requested session. What is `None`, [`Choice::Unset`] or empty is not sent: the service, or the agent, decides.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionConfig {
    /// The system prompt.
    pub instructions: Option<String>,
    pub voice: Option<Voice>,
    /// For a voice that [takes them](Voice::takes_options).
    pub voice_options: VoiceOptions,
    /// The service's turn detector; off is push to talk.
    pub turn_detection: Choice<TurnDetection>,
    /// Of these, those that the turn detector has are sent.
    pub turn: TurnOptions,
    pub noise_reduction: Choice<NoiseReduction>,
    pub echo_cancellation: Option<EchoCancellation>,
    /// The model that transcribes the user's speech, e.g. `azure-speech` (protocol §8.5).
    pub transcription: Choice<&'static str>,
    pub transcription_options: TranscriptionOptions,
    pub reply: ReplyOptions,
    /// The sample rate of the captured sound that is sent: 16 000 or 24 000 Hz. That of replies is
    /// [`RATE_HZ`](super::RATE_HZ).
    pub input_rate_hz: u32,
    /// Fields of the session object that mynah has no setting for, merged in last.
    pub extra: Map<String, Value>,
}

/// A session of which everything is left to the service, except the format of the sound.
impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            instructions: None,
            voice: None,
            voice_options: VoiceOptions::default(),
            turn_detection: Choice::Unset,
            turn: TurnOptions::default(),
            noise_reduction: Choice::Unset,
            echo_cancellation: None,
            transcription: Choice::Unset,
            transcription_options: TranscriptionOptions::default(),
            reply: ReplyOptions::default(),
            input_rate_hz: super::RATE_HZ,
            extra: Map::new(),
        }
    }
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

/// The `type` of what configures a session.
pub const SESSION_UPDATE: &str = "session.update";

/// Appends a complete `session.update` to `text`, as Voice Live usually wants it; [`SessionForm`] has the other forms.
pub fn session_update(config: &SessionConfig, text: &mut BytesMut) {
    SessionForm::of(Dialect::VoiceLive).session_update(config, text);
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
    ("phrase_list", "phrase_list"),
    ("custom_speech", "custom_speech"),
    ("prompt", "transcription_prompt"),
    ("threshold", "turn_threshold"),
    ("prefix_padding_ms", "turn_prefix_ms"),
    ("silence_duration_ms", "turn_silence_ms"),
    ("speech_duration_ms", "turn_speech_ms"),
    ("speech_duration_assistant_speaking_ms", "turn_interrupt_ms"),
    ("idle_timeout_ms", "turn_idle_timeout_ms"),
    ("remove_filler_words", "turn_remove_filler_words"),
    ("eagerness", "turn_eagerness"),
    ("voice", "voice"),
    ("endpoint_id", "voice_endpoint_id"),
    ("prefer_locales", "voice_prefer_locales"),
    ("custom_lexicon_url", "voice_lexicon_url"),
    ("custom_text_normalization_url", "voice_text_normalization_url"),
    ("instructions", "instructions"),
    ("input_audio_sampling_rate", "input_rate"),
    ("max_response_output_tokens", "reply_max_tokens"),
    ("reasoning_effort", "reasoning_effort"),
    ("interim_response", "interim_response"),
    ("output_audio_timestamp_types", "reply_timestamps"),
    ("metadata", "metadata"),
    ("api-version", "api_version"),
    ("api_version", "api_version"),
];

/// Returns the settings that [`setting_of`] can name; some more than once.
pub fn session_settings() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|(_, setting)| *setting).chain(["model"])
}

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

/// Returns how the effective session differs from that request; see [`SessionForm::mismatches`].
#[must_use]
pub fn mismatches(config: &SessionConfig, effective: &str) -> Vec<ConfigMismatch> {
    SessionForm::of(Dialect::VoiceLive).mismatches(config, effective)
}

pub(super) fn compare(path: &str, asked: &Value, got: &Value, mismatches: &mut Vec<ConfigMismatch>) {
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
    // The later ones are those of the nested shape (protocol §12).
    const FATAL: [&str; 19] = [
        "",
        "modalities",
        "input_audio_format",
        "input_audio_sampling_rate",
        "output_audio_format",
        "turn_detection",
        "turn_detection.type",
        "turn_detection.create_response",
        "turn_detection.interrupt_response",
        "type",
        "output_modalities",
        "audio.input.format.type",
        "audio.input.format.rate",
        "audio.output.format.type",
        "audio.output.format.rate",
        "audio.input.turn_detection",
        "audio.input.turn_detection.type",
        "audio.input.turn_detection.create_response",
        "audio.input.turn_detection.interrupt_response",
    ];
    FATAL.contains(&path)
}
