//! The session object of protocol §8 and its defaults. As in the real service, a sub-object of an update
//! replaces the old one completely, and missing fields get the service's defaults (protocol §8.1).
//!
//! An invalid update changes nothing.

use super::error::EventError;
use super::schema::{Fields, Schema, object};
use Schema::{Anything, Flag, Number, Object, OneOf, OrNull, SomeOf, Text, Texts, Typed, Whole, WholeOr};
use serde_json::{Map, Value, json};

#[derive(Debug)]
pub(super) struct SessionSettings {
    session: Map<String, Value>,
    /// Whether the client may send what its speaker plays.
    takes_reference: bool,
}

/// The effective settings of the turn detector.
#[derive(Clone, Copy, Debug)]
pub(super) struct VadSettings {
    pub(super) prefix_padding_ms: u32,
    pub(super) silence_duration_ms: u32,
    pub(super) speech_duration_ms: u32,
    pub(super) create_response: bool,
    pub(super) interrupt_response: bool,
    pub(super) auto_truncate: bool,
}

impl SessionSettings {
    /// Creates the session as it is before the first update. `takes_reference` is whether the client may send what its
    /// speaker plays.
    pub(super) fn new(id: &str, model: &str, expires_at: u64, takes_reference: bool) -> Self {
        let defaults = json!({
            "id": id,
            "object": "realtime.session",
            "model": model,
            "modalities": ["audio"],
            "instructions": "You are a parrot. Say again what you hear.",
            "voice": {"name": "alloy", "type": "openai"},
            "input_audio_format": "pcm16",
            "output_audio_format": null,
            "input_audio_sampling_rate": 24000,
            "input_audio_transcription": null,
            "input_audio_noise_reduction": null,
            "input_audio_echo_cancellation": null,
            "turn_detection": {
                "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
                "create_response": true, "interrupt_response": true, "auto_truncate": false,
                "end_of_utterance_detection": null, "idle_timeout_ms": null, "speech_duration_ms": null,
                "appended_text_after_truncation": null,
            },
            "tools": [],
            "tool_choice": "auto",
            "max_response_output_tokens": "inf",
            "expires_at": expires_at,
            "animation": null,
            "avatar": null,
            "output_audio_timestamp_types": null,
            "truncation_strategy": null,
            "include": null,
        });
        Self { session: defaults.as_object().cloned().unwrap_or_default(), takes_reference }
    }

    pub(super) fn session(&self) -> &Map<String, Value> {
        &self.session
    }

    /// Merges `update`. After the first reply audio (`has_spoken`) the voice cannot change.
    pub(super) fn update(&mut self, update: &Value, has_spoken: bool) -> Result<(), EventError> {
        Schema::Keys(0, SESSION).check(update, "session")?;
        let mut session = self.session.clone();
        for (key, value) in object(update, "session")? {
            match key.as_str() {
                "model" if *value == session["model"] => {}
                "model" => {
                    let message = "The model was chosen when the session was opened.";
                    return Err(EventError::value("session.model", message));
                }
                "voice" => {
                    let voice = effective_voice(value, "session.voice")?;
                    if has_spoken && voice != session["voice"] {
                        let message = "The voice cannot change once there was audio in it.";
                        return Err(EventError::new("cannot_update_voice", Some("session.voice"), message));
                    }
                    session.insert(key.clone(), voice);
                }
                "input_audio_sampling_rate" if *value != 16_000 && *value != 24_000 => {
                    let message = "This service hears 16000 or 24000 samples a second.";
                    return Err(EventError::value("session.input_audio_sampling_rate", message));
                }
                "modalities" => {
                    session.insert(key.clone(), effective_modalities(value)?);
                }
                "turn_detection" => {
                    session.insert(key.clone(), effective_turn_detection(value));
                }
                "input_audio_echo_cancellation" => {
                    self.check_echo_reference(value)?;
                    session.insert(key.clone(), value.clone());
                }
                // In the real service an empty text leaves the built-in instructions in force (protocol
                // §8.1).
                "instructions" if value == "" => {}
                _ => {
                    session.insert(key.clone(), value.clone());
                }
            }
        }
        if session["output_audio_format"].is_null() {
            session.insert("output_audio_format".to_owned(), json!("pcm16"));
        }
        self.session = session;
        Ok(())
    }

    /// Returns the settings of the turn detector; `None` for push to talk.
    pub(super) fn turn_detection(&self) -> Option<VadSettings> {
        let detection = self.session["turn_detection"].as_object()?;
        let ms = |key: &str, default: u32| {
            detection
                .get(key)
                .and_then(Value::as_u64)
                .and_then(|ms| u32::try_from(ms).ok())
                .unwrap_or(default)
        };
        let flag = |key: &str, default: bool| detection.get(key).and_then(Value::as_bool).unwrap_or(default);
        Some(VadSettings {
            prefix_padding_ms: ms("prefix_padding_ms", 300),
            silence_duration_ms: ms("silence_duration_ms", 500),
            speech_duration_ms: ms("speech_duration_ms", 80),
            create_response: flag("create_response", true),
            interrupt_response: flag("interrupt_response", true),
            auto_truncate: flag("auto_truncate", false),
        })
    }

    /// Returns whether the input has 16 000 samples a second, and not 24 000.
    pub(super) fn hears_16_khz(&self) -> bool {
        self.session["input_audio_sampling_rate"] == 16_000
    }

    pub(super) fn cancels_echo(&self) -> bool {
        !self.session["input_audio_echo_cancellation"].is_null()
    }

    /// Returns whether the input has two channels: the microphone, and what the client's speaker plays.
    pub(super) fn hears_reference(&self) -> bool {
        self.session["input_audio_echo_cancellation"]["channels"] == 2
    }

    /// Checks that two channels and the client's reference are asked for together (protocol §8.4).
    fn check_echo_reference(&self, requested: &Value) -> Result<(), EventError> {
        let is_client = requested["reference_source"] == "client";
        let (code, message) = match (is_client, requested["channels"] == 2) {
            (false, false) => return Ok(()),
            (true, true) if self.takes_reference => return Ok(()),
            (false, true) => {
                ("invalid_ec_channels_requires_client", "Two channels need reference_source 'client'.")
            }
            (true, false) => {
                ("invalid_ec_reference_channels", "reference_source 'client' needs two channels.")
            }
            (true, true) => ("invalid_ec_reference_channels", "This service hears one channel."),
        };
        Err(EventError::new(code, Some("session.input_audio_echo_cancellation.channels"), message))
    }

    pub(super) fn transcribes(&self) -> bool {
        !self.session["input_audio_transcription"].is_null()
    }

    /// Checks the `response` of `response.create` (protocol §6.2).
    pub(super) fn check_response(requested: &Value) -> Result<(), EventError> {
        Schema::Keys(0, RESPONSE).check(requested, "response")?;
        if !requested["voice"].is_null() {
            effective_voice(&requested["voice"], "response.voice")?;
        }
        Ok(())
    }
}

/// Returns the voice as the session shows it: always an object.
fn effective_voice(requested: &Value, param: &str) -> Result<Value, EventError> {
    let voice = match requested.as_str() {
        Some(name) => json!({"name": name, "type": "openai"}),
        None => requested.clone(),
    };
    VOICE.check(&voice, param)?;
    Ok(voice)
}

fn effective_modalities(requested: &Value) -> Result<Value, EventError> {
    let mut words: Vec<&str> = requested.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if words == ["audio"] {
        return Err(EventError::value("session.modalities", "Audio comes with text: ask for both."));
    }
    words.sort_unstable();
    words.dedup();
    Ok(json!(words))
}

/// Fills missing fields with the service's defaults, which differ from those of a new session (protocol
/// §8.1).
fn effective_turn_detection(requested: &Value) -> Value {
    let mut settings = match requested["type"].as_str() {
        None => return Value::Null,
        Some("semantic_vad") => {
            json!({"eagerness": "auto", "create_response": true, "interrupt_response": true})
        }
        Some("server_vad") => json!({
            "threshold": 0.5, "prefix_padding_ms": 400, "silence_duration_ms": 500, "speech_duration_ms": null,
            "create_response": true, "interrupt_response": true, "auto_truncate": false,
            "end_of_utterance_detection": null, "idle_timeout_ms": null,
            "appended_text_after_truncation": null,
        }),
        Some(_) => json!({
            "threshold": 0.5, "prefix_padding_ms": 420, "silence_duration_ms": 500, "speech_duration_ms": 80,
            "remove_filler_words": false, "languages": null,
            "create_response": true, "interrupt_response": true, "auto_truncate": false,
            "end_of_utterance_detection": null, "appended_text_after_truncation": null,
        }),
    };
    if let (Some(settings), Some(requested)) = (settings.as_object_mut(), requested.as_object()) {
        settings.extend(requested.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    settings
}

const MODALITIES: &[&str] = &["text", "audio", "animation", "avatar"];
const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh"];
const DURATION_MS_MAX: u64 = 60_000;

const SESSION: Fields = &[
    ("model", Text),
    ("modalities", SomeOf(MODALITIES)),
    ("voice", Anything),
    ("instructions", Text),
    // The parrot supports one of the service's three formats, and two of its rates.
    ("input_audio_format", OneOf(&["pcm16"])),
    ("input_audio_sampling_rate", Whole(16_000, 24_000)),
    ("output_audio_format", OneOf(&["pcm16"])),
    ("turn_detection", OrNull(&Typed(DETECTORS))),
    ("input_audio_noise_reduction", OrNull(&Typed(NOISE))),
    ("input_audio_echo_cancellation", OrNull(&Typed(ECHO))),
    ("input_audio_transcription", OrNull(&Schema::Keys(1, TRANSCRIPTION))),
    ("output_audio_timestamp_types", OrNull(&SomeOf(&["word"]))),
    ("tools", Anything),
    ("tool_choice", Anything),
    ("parallel_tool_calls", Flag),
    ("temperature", OrNull(&Number(0.0, 1.2))),
    ("max_response_output_tokens", WholeOr(1, 4096, "inf")),
    ("reasoning_effort", OrNull(&OneOf(EFFORTS))),
    ("interim_response", OrNull(&Object)),
    ("include", OrNull(&Texts)),
    ("metadata", OrNull(&Object)),
    ("animation", OrNull(&Object)),
    ("avatar", OrNull(&Object)),
];

const RESPONSE: Fields = &[
    ("modalities", SomeOf(MODALITIES)),
    ("instructions", Text),
    ("voice", Anything),
    ("output_audio_format", OneOf(&["pcm16"])),
    ("tools", Anything),
    ("tool_choice", Anything),
    ("temperature", OrNull(&Number(0.0, 1.2))),
    ("max_output_tokens", WholeOr(1, 4096, "inf")),
    ("append_input_items", Anything),
    ("input_items", Anything),
    ("commit", Flag),
    ("cancel_previous", Flag),
    ("pre_generated_assistant_message", OrNull(&Object)),
    ("reasoning_effort", OrNull(&OneOf(EFFORTS))),
    ("metadata", OrNull(&Object)),
    ("interim_response", OrNull(&Object)),
    ("conversation", OneOf(&["auto", "none"])),
];

const DETECTORS: &[(&str, usize, Fields)] = &[
    ("server_vad", 0, SERVER_VAD),
    ("azure_semantic_vad", 0, AZURE_VAD),
    ("azure_semantic_vad_multilingual", 0, AZURE_VAD),
    ("azure_semantic_vad_en", 0, AZURE_VAD),
    ("semantic_vad", 0, SEMANTIC_VAD),
];

const SERVER_VAD: Fields = &[
    ("threshold", Number(0.0, 1.0)),
    ("prefix_padding_ms", Whole(0, DURATION_MS_MAX)),
    ("silence_duration_ms", Whole(0, DURATION_MS_MAX)),
    ("speech_duration_ms", OrNull(&Whole(0, DURATION_MS_MAX))),
    ("end_of_utterance_detection", OrNull(&Schema::Keys(1, END_OF_UTTERANCE))),
    ("create_response", Flag),
    ("interrupt_response", Flag),
    ("auto_truncate", Flag),
    ("appended_text_after_truncation", OrNull(&Text)),
    ("idle_timeout_ms", OrNull(&Whole(0, DURATION_MS_MAX))),
];

const AZURE_VAD: Fields = &[
    ("threshold", Number(0.0, 1.0)),
    ("prefix_padding_ms", Whole(0, DURATION_MS_MAX)),
    ("silence_duration_ms", Whole(0, DURATION_MS_MAX)),
    ("speech_duration_ms", Whole(0, DURATION_MS_MAX)),
    ("speech_duration_assistant_speaking_ms", Whole(0, DURATION_MS_MAX)),
    ("remove_filler_words", Flag),
    ("languages", OrNull(&Texts)),
    ("end_of_utterance_detection", OrNull(&Schema::Keys(1, END_OF_UTTERANCE))),
    ("create_response", Flag),
    ("interrupt_response", Flag),
    ("auto_truncate", Flag),
    ("appended_text_after_truncation", OrNull(&Text)),
];

const SEMANTIC_VAD: Fields = &[
    ("eagerness", OneOf(&["auto", "low", "medium", "high"])),
    ("create_response", Flag),
    ("interrupt_response", Flag),
];

const END_OF_UTTERANCE: Fields = &[
    (
        "model",
        OneOf(&["semantic_detection_v1", "semantic_detection_v1_en", "semantic_detection_v1_multilingual"]),
    ),
    ("threshold_level", OneOf(&["low", "medium", "high", "default"])),
    ("timeout_ms", Whole(0, DURATION_MS_MAX)),
];

const NOISE: &[(&str, usize, Fields)] =
    &[("azure_deep_noise_suppression", 0, &[]), ("near_field", 0, &[]), ("far_field", 0, &[])];

const ECHO: &[(&str, usize, Fields)] = &[(
    "server_echo_cancellation",
    0,
    &[("reference_source", OneOf(&["server", "client"])), ("channels", Whole(1, 2))],
)];

const TRANSCRIPTION: Fields = &[
    (
        "model",
        OneOf(&[
            "whisper-1",
            "gpt-4o-transcribe",
            "gpt-4o-mini-transcribe",
            "gpt-4o-transcribe-diarize",
            "mai-transcribe",
            "mai-transcribe-1",
            "mai-transcribe-2",
            "azure-speech",
        ]),
    ),
    ("language", OrNull(&Text)),
    ("custom_speech", OrNull(&Object)),
    ("phrase_list", OrNull(&Texts)),
    ("prompt", OrNull(&Text)),
];

const OPENAI_VOICES: &[&str] =
    &["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];
const PERSONAL_MODELS: &[&str] = &[
    "DragonLatestNeural",
    "PhoenixLatestNeural",
    "PhoenixV2Neural",
    "DragonHDOmniLatestNeural",
    "MAI-Voice-1",
];

/// The keys of an Azure voice: the required ones of its type, then those that every Azure voice may have.
macro_rules! azure_voice {
    ($($required:expr),*) => {
        &[
            $($required,)*
            ("temperature", OrNull(&Number(0.0, 1.0))),
            ("custom_lexicon_url", OrNull(&Text)),
            ("custom_text_normalization_url", OrNull(&Text)),
            ("prefer_locales", OrNull(&Texts)),
            ("locale", OrNull(&Text)),
            ("style", OrNull(&Text)),
            ("pitch", OrNull(&Text)),
            ("rate", OrNull(&Text)),
            ("volume", OrNull(&Text)),
        ]
    };
}

const VOICE: Schema = Typed(&[
    ("openai", 1, &[("name", OneOf(OPENAI_VOICES))]),
    ("azure-standard", 1, azure_voice!(("name", Text))),
    ("azure-custom", 2, azure_voice!(("name", Text), ("endpoint_id", Text))),
    ("azure-personal", 2, azure_voice!(("name", Text), ("model", OneOf(PERSONAL_MODELS)))),
    ("avatar-voice-sync", 1, azure_voice!(("model", Text))),
    ("azure-realtime-native", 1, &[("name", Text)]),
]);
