//! How each option of a session is written (protocol §8), and that the built-in service, which knows every field, accepts
//! it.

use std::time::Duration;

use bytes::BytesMut;
use mynah::model::{
    Choice, EchoCancellation, EndOfUtterance, InterimKind, InterimResponse, ReplyOptions, TokenCap,
    TranscriptionOptions, TurnDetection, TurnOptions, Voice, VoiceOptions,
};
use mynah::parrot::{Parrot, ParrotConfig};
use mynah::protocol::{self, SessionConfig};
use serde_json::{Value, json};

use super::write_json;

#[test]
fn nothing_is_written_but_the_format_of_the_sound_unless_it_is_set() {
    assert_eq!(
        written(&SessionConfig::default()),
        json!({"modalities": ["text", "audio"], "input_audio_format": "pcm16",
            "input_audio_sampling_rate": 24000, "output_audio_format": "pcm16"})
    );
}

#[test]
fn a_voice_is_written_with_its_kind_and_how_it_speaks() {
    let options = VoiceOptions {
        temperature: Some(0.8),
        rate: Some("1.1".into()),
        pitch: Some("-2st".into()),
        volume: Some("+10%".into()),
        style: Some("cheerful".into()),
        locale: Some("en-GB".into()),
        prefer_locales: vec!["en-GB".into(), "pt-BR".into()],
        lexicon_url: Some("https://x/l".into()),
        text_normalization_url: Some("https://x/t".into()),
    };
    for (voice, options, expected) in [
        (Voice::OpenAi("alloy".into()), VoiceOptions::default(), json!({"type": "openai", "name": "alloy"})),
        (
            Voice::AzureStandard("en-US-Ava".into()),
            options,
            json!({"type": "azure-standard", "name": "en-US-Ava", "temperature": 0.8, "rate": "1.1", "pitch": "-2st",
                "volume": "+10%", "style": "cheerful", "locale": "en-GB", "prefer_locales": ["en-GB", "pt-BR"],
                "custom_lexicon_url": "https://x/l", "custom_text_normalization_url": "https://x/t"}),
        ),
        (
            Voice::AzureCustom { name: "Mine".into(), endpoint_id: "e1".into() },
            VoiceOptions::default(),
            json!({"type": "azure-custom", "name": "Mine", "endpoint_id": "e1"}),
        ),
        (
            Voice::AzurePersonal { name: "1234".into(), model: "DragonLatestNeural" },
            VoiceOptions::default(),
            json!({"type": "azure-personal", "name": "1234", "model": "DragonLatestNeural"}),
        ),
        (
            Voice::AzureRealtimeNative("ava".into()),
            VoiceOptions::default(),
            json!({"type": "azure-realtime-native", "name": "ava"}),
        ),
    ] {
        let config = SessionConfig { voice: Some(voice), voice_options: options, ..SessionConfig::default() };
        assert_eq!(accepted(&config)["voice"], expected);
    }
}

#[test]
fn each_turn_detection_is_written_with_the_fields_that_it_has() {
    let turn = TurnOptions {
        threshold: Some(0.4),
        prefix_ms: Some(250),
        silence_ms: Some(700),
        speech_ms: Some(90),
        interrupt_ms: Some(300),
        idle_timeout_ms: Some(5000),
        remove_filler_words: Some(true),
        languages: vec!["en".into(), "fr".into()],
        eagerness: Some("high"),
        end_of_utterance: Some(EndOfUtterance { model: None, threshold: Some("low"), timeout_ms: Some(800) }),
    };
    let azure = |kind: &str, end: &str| {
        json!({"type": kind, "threshold": 0.4, "prefix_padding_ms": 250, "silence_duration_ms": 700,
            "speech_duration_ms": 90, "remove_filler_words": true,
            "end_of_utterance_detection": {"model": end, "threshold_level": "low", "timeout_ms": 800},
            "create_response": true, "interrupt_response": true, "auto_truncate": false})
    };
    let with_languages = |mut object: Value| {
        object["languages"] = json!(["en", "fr"]);
        object["speech_duration_assistant_speaking_ms"] = json!(300);
        object
    };
    for (kind, expected) in [
        (
            TurnDetection::ServerVad,
            json!({"type": "server_vad", "threshold": 0.4, "prefix_padding_ms": 250, "silence_duration_ms": 700,
                "speech_duration_ms": 90, "idle_timeout_ms": 5000, "create_response": true,
                "interrupt_response": true, "auto_truncate": false}),
        ),
        (
            TurnDetection::AzureSemanticVad,
            with_languages(azure("azure_semantic_vad", "semantic_detection_v1")),
        ),
        (TurnDetection::AzureSemanticVadEn, azure("azure_semantic_vad_en", "semantic_detection_v1_en")),
        (
            TurnDetection::AzureSemanticVadMultilingual,
            with_languages(azure("azure_semantic_vad_multilingual", "semantic_detection_v1_multilingual")),
        ),
        (
            TurnDetection::SemanticVad,
            json!({"type": "semantic_vad", "eagerness": "high", "create_response": true,
                "interrupt_response": true}),
        ),
    ] {
        let config = SessionConfig {
            turn_detection: Choice::On(kind),
            turn: turn.clone(),
            ..SessionConfig::default()
        };
        assert_eq!(accepted(&config)["turn_detection"], expected, "{kind:?}");
    }
}

#[test]
fn transcription_is_written_with_what_helps_it() {
    let options = TranscriptionOptions {
        language: Some("en,de-DE".into()),
        phrases: vec!["hill".into()],
        custom_speech: [("en-US".to_owned(), "e1".to_owned())].into(),
        prompt: Some("Birds.".into()),
    };
    let config = SessionConfig {
        transcription: Choice::On("azure-speech"),
        transcription_options: options,
        ..SessionConfig::default()
    };
    assert_eq!(
        accepted(&config)["input_audio_transcription"],
        json!({"model": "azure-speech", "language": "en,de-DE", "phrase_list": ["hill"],
            "custom_speech": {"en-US": "e1"}, "prompt": "Birds."})
    );
}

#[test]
fn the_service_removes_the_echo_only_if_nobody_else_does() {
    let service = json!({"type": "server_echo_cancellation"});
    let client = json!({"type": "server_echo_cancellation", "reference_source": "client", "channels": 2});
    for (kind, expected) in [
        (EchoCancellation::Server, service),
        (EchoCancellation::Client, client),
        (EchoCancellation::Device, Value::Null),
        (EchoCancellation::HalfDuplex, Value::Null),
        (EchoCancellation::Off, Value::Null),
    ] {
        let config = SessionConfig { echo_cancellation: Some(kind), ..SessionConfig::default() };
        assert_eq!(accepted(&config)["input_audio_echo_cancellation"], expected, "{kind:?}");
    }
}

#[test]
fn the_options_of_replies_are_fields_of_the_session() {
    let interim = |kind| Some(InterimResponse { kind, triggers: vec!["tool".into()], after_ms: Some(1500) });
    let llm =
        InterimKind::Llm { model: Some("gpt-4.1-mini".into()), instructions: None, max_tokens: Some(30) };
    let reply = ReplyOptions {
        text_only: true,
        temperature: Some(0.7),
        max_tokens: Some(TokenCap::Tokens(400)),
        reasoning_effort: Some("low"),
        interim: interim(InterimKind::Static { texts: vec!["One moment.".into()] }),
        word_timestamps: true,
        metadata: [("room".to_owned(), "kitchen".to_owned())].into(),
    };
    let session = accepted(&SessionConfig { reply: reply.clone(), ..SessionConfig::default() });
    for (field, expected) in [
        ("modalities", json!(["text"])),
        ("temperature", json!(0.7)),
        ("max_response_output_tokens", json!(400)),
        ("reasoning_effort", json!("low")),
        (
            "interim_response",
            json!({"type": "static_interim_response", "texts": ["One moment."], "triggers": ["tool"],
                "latency_threshold_ms": 1500}),
        ),
        ("output_audio_timestamp_types", json!(["word"])),
        ("metadata", json!({"room": "kitchen"})),
    ] {
        assert_eq!(session[field], expected, "{field}");
    }
    let reply = ReplyOptions { interim: interim(llm), max_tokens: Some(TokenCap::Unlimited), ..reply };
    let session = accepted(&SessionConfig { reply, ..SessionConfig::default() });
    assert_eq!(session["max_response_output_tokens"], "inf");
    assert_eq!(
        session["interim_response"],
        json!({"type": "llm_interim_response", "model": "gpt-4.1-mini", "max_completion_tokens": 30,
            "triggers": ["tool"], "latency_threshold_ms": 1500})
    );
}

#[test]
fn raw_fields_are_merged_last_object_by_object() {
    let extra = json!({
        "turn_detection": {"silence_duration_ms": 900, "new_field": [1]},
        "include": ["a"],
        "input_audio_noise_reduction": null,
    });
    let config = SessionConfig {
        turn_detection: Choice::On(TurnDetection::ServerVad),
        turn: TurnOptions { silence_ms: Some(500), threshold: Some(0.4), ..TurnOptions::default() },
        extra: extra.as_object().unwrap().clone(),
        ..SessionConfig::default()
    };
    let session = written(&config);
    assert_eq!(
        session["turn_detection"],
        json!({"type": "server_vad", "threshold": 0.4, "silence_duration_ms": 900, "new_field": [1],
            "create_response": true, "interrupt_response": true, "auto_truncate": false})
    );
    assert_eq!(
        (&session["include"], session.get("input_audio_noise_reduction")),
        (&json!(["a"]), Some(&Value::Null))
    );
    let mut effective = session;
    effective["include"] = json!(["b"]);
    let found = protocol::mismatches(&config, &effective.to_string());
    assert_eq!(found.iter().map(|one| (&*one.path, one.fatal)).collect::<Vec<_>>(), [("include", false)]);
}

#[test]
fn an_option_that_the_service_changes_is_told() {
    let config = SessionConfig {
        turn_detection: Choice::On(TurnDetection::ServerVad),
        turn: TurnOptions { silence_ms: Some(700), ..TurnOptions::default() },
        reply: ReplyOptions { temperature: Some(0.7), ..ReplyOptions::default() },
        input_rate_hz: 16_000,
        ..SessionConfig::default()
    };
    let mut effective = written(&config);
    effective["turn_detection"]["silence_duration_ms"] = json!(500);
    effective["turn_detection"]["threshold"] = json!(0.1);
    effective["temperature"] = json!(0.8);
    effective["input_audio_sampling_rate"] = json!(24_000);
    let found = protocol::mismatches(&config, &effective.to_string());
    let mut paths: Vec<_> = found.iter().map(|one| (&*one.path, one.fatal)).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            ("input_audio_sampling_rate", true),
            ("temperature", false),
            ("turn_detection.silence_duration_ms", false)
        ]
    );
}

fn written(config: &SessionConfig) -> Value {
    write_json(|text| protocol::session_update(config, text))["session"].clone()
}

/// Returns the session object that is written, after the built-in service has accepted it as it is.
fn accepted(config: &SessionConfig) -> Value {
    let mut text = BytesMut::new();
    protocol::session_update(config, &mut text);
    let mut parrot = Parrot::new(ParrotConfig::default(), 7, Duration::ZERO);
    parrot.receive(std::str::from_utf8(&text).unwrap(), Duration::ZERO);
    let answers: Vec<Value> = std::iter::from_fn(|| parrot.next_message(Duration::ZERO))
        .map(|answer| serde_json::from_str(&answer).unwrap())
        .collect();
    let refused = answers.iter().find(|answer| answer["type"] == "error");
    assert!(refused.is_none(), "{refused:?}");
    let updated = answers.iter().find(|answer| answer["type"] == "session.updated").unwrap();
    let effective = updated["session"].to_string();
    assert_eq!(protocol::mismatches(config, &effective), []);
    written(config)
}
