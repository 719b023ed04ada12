//! Writes the session object of Voice Live (protocol §8): one function for each of its sub-objects.
//!
//! A field that is not requested is not written, so that the service's default for the model applies. What the
//! conversation relies on is always written. It chooses no values: they come from the configuration.

use serde_json::{Map, Value, json};

use super::session_config::SessionConfig;
use crate::model::{
    Choice, EchoCancellation, EndOfUtterance, InterimKind, InterimResponse, NoiseReduction, ReplyOptions,
    TokenCap, TranscriptionOptions, TurnDetection, TurnOptions, Voice, VoiceOptions,
};

/// Returns the session object that requests `config`, without its raw fields.
pub(super) fn session(config: &SessionConfig) -> Value {
    let reply = &config.reply;
    let mut session = Object::default();
    session.set("modalities", json!(if reply.text_only { &["text"][..] } else { &["text", "audio"] }));
    session.option("instructions", config.instructions.as_ref());
    session.option("voice", config.voice.as_ref().map(|voice| written_voice(voice, &config.voice_options)));
    session.set("input_audio_format", json!("pcm16"));
    session.set("input_audio_sampling_rate", json!(config.input_rate_hz));
    session.set("output_audio_format", json!("pcm16"));
    session.choice("turn_detection", config.turn_detection, |kind| turn_detection(kind, &config.turn));
    session.choice("input_audio_noise_reduction", config.noise_reduction, noise_reduction);
    session.option("input_audio_echo_cancellation", config.echo_cancellation.map(echo_cancellation));
    session.choice("input_audio_transcription", config.transcription, |model| {
        transcription(model, &config.transcription_options)
    });
    add_reply(&mut session, reply);
    Value::Object(session.0)
}

/// Merges `extra` into `target`: objects field by field; any other value replaces the one that is there.
pub(super) fn merge(target: &mut Value, extra: &Value) {
    match (target, extra) {
        (Value::Object(target), Value::Object(extra)) => {
            for (key, value) in extra {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (target, extra) => *target = extra.clone(),
    }
}

fn written_voice(voice: &Voice, options: &VoiceOptions) -> Value {
    let mut object = Object::default();
    let (family, name) = match voice {
        Voice::OpenAi(name) => ("openai", name),
        Voice::AzureStandard(name) => ("azure-standard", name),
        Voice::AzureCustom { name, .. } => ("azure-custom", name),
        Voice::AzurePersonal { name, .. } => ("azure-personal", name),
        Voice::AzureRealtimeNative(name) => ("azure-realtime-native", name),
    };
    object.set("type", json!(family));
    object.set("name", json!(name));
    match voice {
        Voice::AzureCustom { endpoint_id, .. } => object.set("endpoint_id", json!(endpoint_id)),
        Voice::AzurePersonal { model, .. } => object.set("model", json!(model)),
        Voice::OpenAi(_) | Voice::AzureStandard(_) | Voice::AzureRealtimeNative(_) => {}
    }
    object.option("temperature", options.temperature);
    object.option("rate", options.rate.as_ref());
    object.option("pitch", options.pitch.as_ref());
    object.option("volume", options.volume.as_ref());
    object.option("style", options.style.as_ref());
    object.option("locale", options.locale.as_ref());
    object.list("prefer_locales", &options.prefer_locales);
    object.option("custom_lexicon_url", options.lexicon_url.as_ref());
    object.option("custom_text_normalization_url", options.text_normalization_url.as_ref());
    Value::Object(object.0)
}

fn turn_detection(kind: TurnDetection, options: &TurnOptions) -> Value {
    let mut object = Object::default();
    let name = match kind {
        TurnDetection::ServerVad => "server_vad",
        TurnDetection::AzureSemanticVad => "azure_semantic_vad",
        TurnDetection::AzureSemanticVadEn => "azure_semantic_vad_en",
        TurnDetection::AzureSemanticVadMultilingual => "azure_semantic_vad_multilingual",
        TurnDetection::SemanticVad => "semantic_vad",
    };
    object.set("type", json!(name));
    // The conversation counts on both, whatever the service's defaults become.
    object.set("create_response", json!(true));
    object.set("interrupt_response", json!(true));
    if kind == TurnDetection::SemanticVad {
        object.option("eagerness", options.eagerness);
        return Value::Object(object.0);
    }
    // It is off: mynah knows the played position, the service would guess it (protocol §10).
    object.set("auto_truncate", json!(false));
    object.option("threshold", options.threshold);
    object.option("prefix_padding_ms", options.prefix_ms);
    object.option("silence_duration_ms", options.silence_ms);
    object.option("speech_duration_ms", options.speech_ms);
    if kind == TurnDetection::ServerVad {
        object.option("idle_timeout_ms", options.idle_timeout_ms);
        return Value::Object(object.0);
    }
    object.option("remove_filler_words", options.remove_filler_words);
    object.option(
        "end_of_utterance_detection",
        options.end_of_utterance.map(|end| end_of_utterance(kind, end)),
    );
    if kind.takes_languages() {
        object.option("speech_duration_assistant_speaking_ms", options.interrupt_ms);
        object.list("languages", &options.languages);
    }
    Value::Object(object.0)
}

fn end_of_utterance(kind: TurnDetection, options: EndOfUtterance) -> Value {
    let fitting = match kind {
        TurnDetection::AzureSemanticVadMultilingual => "semantic_detection_v1_multilingual",
        TurnDetection::AzureSemanticVadEn => "semantic_detection_v1_en",
        TurnDetection::AzureSemanticVad | TurnDetection::ServerVad | TurnDetection::SemanticVad => {
            "semantic_detection_v1"
        }
    };
    let mut object = Object::default();
    object.set("model", json!(options.model.unwrap_or(fitting)));
    object.option("threshold_level", options.threshold);
    object.option("timeout_ms", options.timeout_ms);
    Value::Object(object.0)
}

fn noise_reduction(kind: NoiseReduction) -> Value {
    let name = match kind {
        NoiseReduction::AzureDeepNoiseSuppression => "azure_deep_noise_suppression",
        NoiseReduction::NearField => "near_field",
        NoiseReduction::FarField => "far_field",
    };
    json!({"type": name})
}

pub(super) fn echo_cancellation(kind: EchoCancellation) -> Value {
    match kind {
        // Never two cancellers in a row.
        EchoCancellation::Off | EchoCancellation::Device | EchoCancellation::HalfDuplex => Value::Null,
        EchoCancellation::Server => json!({"type": "server_echo_cancellation"}),
        EchoCancellation::Client => {
            json!({"type": "server_echo_cancellation", "reference_source": "client", "channels": 2})
        }
    }
}

fn transcription(model: &str, options: &TranscriptionOptions) -> Value {
    let mut object = Object::default();
    object.set("model", json!(model));
    // Several languages are one string here, unlike in `turn_detection` (protocol §8.5).
    object.option("language", options.language.as_ref());
    object.list("phrase_list", &options.phrases);
    if !options.custom_speech.is_empty() {
        object.set("custom_speech", json!(options.custom_speech));
    }
    object.option("prompt", options.prompt.as_ref());
    Value::Object(object.0)
}

fn add_reply(session: &mut Object, reply: &ReplyOptions) {
    session.option("temperature", reply.temperature);
    session.option(
        "max_response_output_tokens",
        reply.max_tokens.map(|cap| match cap {
            TokenCap::Tokens(tokens) => json!(tokens),
            TokenCap::Unlimited => json!("inf"),
        }),
    );
    session.option("reasoning_effort", reply.reasoning_effort);
    session.option("interim_response", reply.interim.as_ref().map(interim_response));
    if reply.word_timestamps {
        session.set("output_audio_timestamp_types", json!(["word"]));
    }
    if !reply.metadata.is_empty() {
        session.set("metadata", json!(reply.metadata));
    }
}

fn interim_response(interim: &InterimResponse) -> Value {
    let mut object = Object::default();
    match &interim.kind {
        InterimKind::Static { texts } => {
            object.set("type", json!("static_interim_response"));
            object.list("texts", texts);
        }
        InterimKind::Llm { model, instructions, max_tokens } => {
            object.set("type", json!("llm_interim_response"));
            object.option("model", model.as_ref());
            object.option("instructions", instructions.as_ref());
            object.option("max_completion_tokens", *max_tokens);
        }
    }
    object.list("triggers", &interim.triggers);
    object.option("latency_threshold_ms", interim.after_ms);
    Value::Object(object.0)
}

/// An object that is being written, without the fields that are left to the service.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn set(&mut self, field: &str, value: Value) {
        self.0.insert(field.to_owned(), value);
    }

    fn option(&mut self, field: &str, value: Option<impl serde::Serialize>) {
        if let Some(value) = value {
            self.set(field, json!(value));
        }
    }

    /// Writes a list unless it is empty.
    fn list(&mut self, field: &str, list: &[String]) {
        if !list.is_empty() {
            self.set(field, json!(list));
        }
    }

    fn choice<T>(&mut self, field: &str, choice: Choice<T>, write: impl FnOnce(T) -> Value) {
        match choice {
            Choice::Unset => {}
            Choice::Off => self.set(field, Value::Null),
            Choice::On(value) => self.set(field, write(value)),
        }
    }
}
