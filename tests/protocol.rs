//! Parsing and writing of the service's JSON: recorded events, both dialects, arbitrary text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use mynah::conversation::{Event, Id, LinkChange, ResponseStatus, ServerError, ServiceEvent};
use mynah::model::{
    Choice, EchoCancellation, EndOfUtterance, NoiseReduction, TurnDetection, TurnOptions, Voice,
};
use mynah::protocol::{
    self, ClientEvent, ItemEvent, ItemWords, Pcm16Decoder, ServerEvent, SessionConfig, SessionShape,
};
use proptest::prelude::*;
use serde_json::{Value, json};

mod bounds;
mod error_shapes;
mod forms;
mod items;
mod languages;
mod reference;
mod refusal;
mod session_object;
mod surrogates;

const SERVER: &str = include_str!("vectors/server-events.jsonl");
const SERVER_GA: &str = include_str!("vectors/server-events-openai-ga.jsonl");
const CLIENT: &str = include_str!("vectors/client-events.jsonl");

#[test]
fn every_recorded_event_is_parsed() {
    let expected = [
        "created sess_Kq3mV8xwT2aYd51LrB0cHz",
        "updated",
        "SpeechStarted",
        "SpeechStopped",
        r#"Committed(Some("item_u7Lh20Qe9ZbT"))"#,
        "ignored",
        "ignored",
        "ignored",
        "User: Set a timer for ten minutes.",
        "warning: the user's speech could not be transcribed: the service does not offer the model: No deployment matches the transcription model. (DeploymentNotFound)",
        r#"ReplyCreated("resp_Jd05yTq7Xn2E")"#,
        "ignored",
        "ignored",
        "ignored",
        "audio resp_Jd05yTq7Xn2E item_a1Vx88KmP0sD 0: 240 samples",
        "ignored",
        "audio done item_a1Vx88KmP0sD 0",
        "Assistant: Your timer is set for ten minutes.",
        "ignored",
        "ignored",
        r#"ReplyDone("resp_Jd05yTq7Xn2E", Completed)"#,
        r#"ReplyDone("resp_Jd05yTq7Xn2E", Cancelled)"#,
        "ignored",
        "ignored",
        "error response_cancel_not_active: Service(Refused(NothingToCancel))",
    ];
    assert_eq!(SERVER.lines().map(summary).collect::<Vec<_>>(), expected);
}

#[test]
fn kind_returns_the_type_of_every_recorded_event() {
    for text in SERVER.lines() {
        let event: Value = serde_json::from_str(text).unwrap();
        let expected = match event["type"].as_str().unwrap() {
            "conversation.item.input_audio_transcription.failed" => "warning",
            kind => kind,
        };
        assert_eq!(protocol::parse(text).unwrap().kind(), expected);
    }
}

#[test]
fn the_other_dialect_is_parsed_without_a_setting() {
    let expected = [
        "created sess_Ga7Lw2",
        "ignored",
        "ignored",
        "User: Stop.",
        "ignored",
        "audio resp_Jd05yTq7Xn2E item_a1Vx88KmP0sD 0: 240 samples",
        "ignored",
        "Assistant: Done.",
        "audio done item_a1Vx88KmP0sD 0",
        "ignored",
        r#"ReplyDone("resp_Jd05yTq7Xn2E", Completed)"#,
        "IdleTimeout",
        "ignored",
        "error session_expired: Service(Refused(SessionExpired))",
    ];
    assert_eq!(SERVER_GA.lines().map(summary).collect::<Vec<_>>(), expected);
}

#[test]
fn client_events_are_written_as_recorded() {
    let recorded: Vec<Value> = CLIENT.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events = [
        (3, ClientEvent::Commit),
        (4, ClientEvent::Clear),
        (9, ClientEvent::Truncate { item: id("item_a1Vx88KmP0sD"), content_index: 0, audio_end_ms: 840 }),
        (10, ClientEvent::Delete(id("item_u7Lh20Qe9ZbT"))),
        (14, ClientEvent::Cancel(id("resp_Jd05yTq7Xn2E"))),
    ];
    for (line, event) in events {
        let mut expected = recorded[line].clone();
        expected.as_object_mut().unwrap().remove("event_id");
        let mut written = write_json(|text| event.write(SessionShape::Flat, text));
        assert_eq!(written["event_id"], format!("mynah_{}", event.kind()));
        written.as_object_mut().unwrap().remove("event_id");
        assert_eq!(written, expected);
    }
    assert_eq!(
        write_json(|text| ClientEvent::Create.write(SessionShape::Flat, text)),
        json!({"type": "response.create", "event_id": "mynah_response.create"})
    );
}

#[test]
fn appended_frames_are_the_recorded_base64() {
    let recorded: Value = serde_json::from_str(CLIENT.lines().nth(2).unwrap()).unwrap();
    let bytes = STANDARD.decode(recorded["audio"].as_str().unwrap()).unwrap();
    let frames: Vec<[i16; 1]> =
        bytes.chunks(2).map(|pair| [i16::from_le_bytes([pair[0], pair[1]])]).collect();
    let mut base64 = String::new();
    let event = write_json(|text| {
        let audio = protocol::append(&frames, text);
        base64 = String::from_utf8(text[audio].to_vec()).unwrap();
    });
    assert_eq!(base64, recorded["audio"]);
    assert_eq!((&event["type"], &event["audio"]), (&json!(protocol::APPEND), &recorded["audio"]));
}

#[test]
fn two_channels_are_appended_interleaved() {
    let event = write_json(|text| {
        let _ = protocol::append(&[[1i16, 2], [3, 4]], text);
    });
    assert_eq!(event["audio"], json!(STANDARD.encode([1, 0, 2, 0, 3, 0, 4, 0])));
}

#[test]
fn appending_allocates_nothing_once_warm() {
    let frames = [[-5i16; 1]; 480];
    let mut text = BytesMut::with_capacity(4096);
    protocol::append(&frames, &mut text);
    assert_no_alloc::assert_no_alloc(|| {
        for _ in 0..100 {
            text.clear();
            protocol::append(&frames, &mut text);
        }
    });
}

#[test]
fn parsing_and_decoding_an_audio_delta_allocates_nothing() {
    let delta = SERVER.lines().nth(14).unwrap();
    let mut samples = Pcm16Decoder::default();
    let _ = summary(delta);
    assert_no_alloc::assert_no_alloc(|| {
        for _ in 0..100 {
            let Ok(ServerEvent::Audio(audio)) = protocol::parse(delta) else { panic!("not audio") };
            assert!(samples.decode(&audio.base64, |_| {}).is_ok());
        }
    });
}

#[test]
fn half_a_sample_is_kept_for_the_next_delta() {
    let mut samples = Pcm16Decoder::default();
    let mut all = Vec::new();
    for bytes in [&[1u8][..], &[], &[0, 2, 0, 3], &[0]] {
        samples.decode(&STANDARD.encode(bytes), |piece| all.extend_from_slice(piece)).unwrap();
    }
    assert_eq!(all, [1, 2, 3]);
    samples.decode(&STANDARD.encode([9]), |piece| all.extend_from_slice(piece)).unwrap();
    samples.restart();
    samples.decode(&STANDARD.encode([4, 0]), |piece| all.extend_from_slice(piece)).unwrap();
    assert_eq!(all, [1, 2, 3, 4]);
}

#[test]
fn invalid_base64_does_not_affect_the_next_delta() {
    let mut samples = Pcm16Decoder::default();
    for bad in ["A", "A===", "AAA", "!!!!", "AAAA====", "ÄÄ"] {
        assert!(samples.decode(bad, |_| {}).is_err(), "{bad}");
    }
    assert!(samples.decode("AAA=", |_| {}).is_ok());
}

#[test]
fn escaped_strings_are_decoded() {
    let text = r#"{"type":"response.audio.delta","response_id":"r\u0031","item_id":"i","delta":"\/\/8="}"#;
    assert_eq!(summary(text), "audio r1 i 0: 1 samples");
}

#[test]
fn only_required_fields_must_be_present_and_of_their_type() {
    let cases = [
        (
            r#"{"type":"response.audio.delta","response_id":"r","item_id":"i","delta":null}"#,
            "response.audio.delta without a usable delta",
        ),
        (
            r#"{"type":"response.audio.delta","response_id":5,"item_id":"i","delta":""}"#,
            "response.audio.delta without a usable response_id",
        ),
        (r#"{"type":"response.created"}"#, "response.created without a usable response.id"),
        (r#"{"type":"response.created","response":[1]}"#, "response.created without a usable response.id"),
        (r#"{"event_id":"x"}"#, "event without a usable type"),
        (r#"{"type":"response.invocation.delta","delta":{"a":[1,{"b":2}]}}"#, "ignored"),
        (r#"{"type":"response.audio.done","item_id":"i","content_index":2.0}"#, "audio done i 2"),
        (r#"{"type":"response.audio.done","item_id":"i","content_index":"x"}"#, "audio done i 0"),
        (r#"{"type":"error"}"#, "error : Service(Refused(Other))"),
        (r#"{"type":"error","error":"text"}"#, "error : Service(Refused(Other))"),
        (r#"{"type":"session.updated"}"#, "updated"),
        (r#"{"type":"response.done","response":{"id":"r","status":7}}"#, r#"ReplyDone("r", Completed)"#),
        (r#"{"type":"no.such.event"}"#, "unknown no.such.event"),
    ];
    for (text, expected) in cases {
        assert_eq!(summary(text), expected, "{text}");
    }
    let long = format!(r#"{{"type":"response.created","response":{{"id":"{}"}}}}"#, "x".repeat(65));
    assert_eq!(summary(&long), "response.created without a usable response.id of at most 64 bytes");
}

#[test]
fn every_error_code_becomes_one_event() {
    let classify = |error: Value| match protocol::parse(&json!({"type": "error", "error": error}).to_string())
    {
        Ok(ServerEvent::Error(error)) => error.event,
        other => panic!("{other:?}"),
    };
    let codes = [
        ("response_cancel_not_active", ServerError::NothingToCancel),
        ("conversation_already_has_active_response", ServerError::ReplyInProgress),
        ("input_audio_buffer_commit_empty", ServerError::NothingToCommit),
        ("session_expired", ServerError::SessionExpired),
        ("insufficient_quota", ServerError::QuotaExceeded),
        ("never_heard_of", ServerError::Other),
    ];
    for (code, error) in codes {
        assert_eq!(classify(json!({"code": code})), Event::Service(ServiceEvent::Refused(error)));
    }
    assert_eq!(
        classify(json!({"code": "invalid_value", "event_id": protocol::SESSION_EVENT_ID})),
        Event::Link(LinkChange::Misconfigured)
    );
    assert_eq!(
        classify(json!({"code": "unknown_parameter", "param": "session.voice"})),
        Event::Link(LinkChange::Misconfigured)
    );
    assert_eq!(
        classify(json!({"type": "server_error", "event_id": protocol::SESSION_EVENT_ID})),
        Event::Service(ServiceEvent::Refused(ServerError::Internal))
    );
}

#[test]
fn session_update_leaves_to_the_service_what_is_not_set() {
    let event = write_json(|text| protocol::session_update(&config(), text));
    assert_eq!(
        event["session"],
        json!({
            "modalities": ["text", "audio"],
            "instructions": "Be brief.",
            "voice": {"type": "azure-standard", "name": "en-US-Ava:DragonHDLatestNeural"},
            "input_audio_format": "pcm16",
            "input_audio_sampling_rate": 24000,
            "output_audio_format": "pcm16",
            "turn_detection": {
                "type": "azure_semantic_vad", "create_response": true, "interrupt_response": true,
                "auto_truncate": false, "end_of_utterance_detection": {"model": "semantic_detection_v1"},
            },
            "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
            "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
            "input_audio_transcription": {"model": "azure-speech"},
        })
    );
}

#[test]
fn push_to_talk_sends_null_turn_detection() {
    let voice = Voice::OpenAi("alloy".into());
    let config = SessionConfig { turn_detection: Choice::Off, voice: Some(voice), ..config() };
    let event = write_json(|text| protocol::session_update(&config, text));
    assert_eq!(event["session"]["turn_detection"], Value::Null);
    assert_eq!(event["session"]["voice"], json!({"type": "openai", "name": "alloy"}));
}

#[test]
fn server_vad_is_sent_with_what_the_conversation_counts_on() {
    let config = SessionConfig { turn_detection: Choice::On(TurnDetection::ServerVad), ..config() };
    let event = write_json(|text| protocol::session_update(&config, text));
    assert_eq!(
        event["session"]["turn_detection"],
        json!({"type": "server_vad", "create_response": true, "interrupt_response": true, "auto_truncate": false})
    );
}

#[test]
fn fields_that_the_service_adds_are_no_mismatch() {
    let mut session = effective_session();
    session["modalities"] = json!(["audio", "text"]);
    session["model"] = json!("gpt-realtime-global-standard");
    session["turn_detection"]["idle_timeout_ms"] = Value::Null;
    session["turn_detection"]["threshold"] = json!(0.5f32);
    session["voice"] = json!("en-US-Ava:DragonHDLatestNeural");
    session["temperature"] = Value::Null;
    assert_eq!(protocol::mismatches(&config(), &session.to_string()), []);
}

#[test]
fn a_mismatch_has_a_path_and_may_be_fatal() {
    let mut session = effective_session();
    session["turn_detection"]["auto_truncate"] = json!(true);
    session["input_audio_sampling_rate"] = json!(16000);
    session.as_object_mut().unwrap().remove("instructions");
    let found = protocol::mismatches(&config(), &session.to_string());
    let paths: Vec<_> = found.iter().map(|mismatch| (mismatch.path.as_str(), mismatch.fatal)).collect();
    assert_eq!(
        paths,
        [
            ("input_audio_sampling_rate", true),
            ("instructions", false),
            ("turn_detection.auto_truncate", false)
        ]
    );
    assert!(protocol::mismatches(&config(), "null")[0].fatal);
    assert!(protocol::mismatches(&config(), "not json")[0].fatal);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn samples_survive_any_division_into_deltas(
        samples in prop::collection::vec(any::<i16>(), 0..9000), cuts in prop::collection::vec(0usize..18_000, 0..6),
    ) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let (mut decoder, mut all) = (Pcm16Decoder::default(), Vec::new());
        for ends in cuts.windows(2) {
            decoder.decode(&STANDARD.encode(&bytes[ends[0]..ends[1]]), |piece| all.extend_from_slice(piece)).unwrap();
        }
        prop_assert_eq!(&all, &samples);
        let mut text = BytesMut::new();
        protocol::encode(&samples, &mut text);
        prop_assert_eq!(text.to_vec(), STANDARD.encode(&bytes).into_bytes());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".*") {
        let _ = (protocol::parse(&text), protocol::item_event(&text));
        let _ = protocol::mismatches(&config(), &text);
        let _ = Pcm16Decoder::default().decode(&text, |_| {});
    }

    #[test]
    fn no_mutated_event_makes_the_parser_panic(
        line in 0usize..39, at in any::<prop::sample::Index>(), insert in "[\\PC\\x00-\\x1f]{0,3}", remove in 0usize..40,
    ) {
        let line = SERVER.lines().chain(SERVER_GA.lines()).nth(line).unwrap();
        let mut chars: Vec<char> = line.chars().collect();
        let at = at.index(chars.len());
        chars.splice(at..(at + remove).min(chars.len()), insert.chars());
        let text: String = chars.into_iter().collect();
        let _ = (protocol::parse(&text), protocol::item_event(&text));
    }
}

fn summary(text: &str) -> String {
    match protocol::parse(text) {
        Ok(ServerEvent::Audio(audio)) => {
            let mut count = 0;
            Pcm16Decoder::default().decode(&audio.base64, |piece| count += piece.len()).unwrap();
            format!("audio {} {} {}: {count} samples", audio.reply, audio.item, audio.content_index)
        }
        Ok(ServerEvent::AudioDone { item, content_index }) => format!("audio done {item} {content_index}"),
        Ok(ServerEvent::Service(event)) => format!("{event:?}"),
        Ok(ServerEvent::SessionCreated { id, .. }) => format!("created {id}"),
        Ok(ServerEvent::SessionUpdated(_)) => "updated".into(),
        Ok(ServerEvent::Error(error)) => format!("error {}: {:?}", error.code, error.event),
        Ok(ServerEvent::Warning(sentence)) => format!("warning: {sentence}"),
        Ok(ServerEvent::Ignored("response.content_part.done")) => "ignored".into(),
        Ok(ServerEvent::Ignored(_)) => match protocol::item_event(text) {
            Some(ItemEvent::Words(ItemWords { role, words, next: None, .. })) => format!("{role:?}: {words}"),
            Some(_) | None => "ignored".into(),
        },
        Ok(ServerEvent::Unknown(kind)) => format!("unknown {kind}"),
        Err(malformed) => malformed.to_string(),
    }
}

fn write_json(write: impl FnOnce(&mut BytesMut)) -> Value {
    let mut text = BytesMut::new();
    write(&mut text);
    serde_json::from_slice(&text).unwrap()
}

fn config() -> SessionConfig {
    SessionConfig {
        instructions: Some("Be brief.".into()),
        voice: Some(Voice::AzureStandard("en-US-Ava:DragonHDLatestNeural".into())),
        turn_detection: Choice::On(TurnDetection::AzureSemanticVad),
        noise_reduction: Choice::On(NoiseReduction::AzureDeepNoiseSuppression),
        echo_cancellation: Some(EchoCancellation::Server),
        transcription: Choice::On("azure-speech"),
        turn: TurnOptions { end_of_utterance: Some(EndOfUtterance::default()), ..TurnOptions::default() },
        ..SessionConfig::default()
    }
}

/// Returns the session of the request as the service would echo it.
fn effective_session() -> Value {
    write_json(|text| protocol::session_update(&config(), text))["session"].clone()
}

fn id(name: &str) -> Id {
    Id::try_from(name).unwrap()
}

#[test]
fn response_done_has_one_of_four_statuses() {
    for (status, outcome) in [
        ("completed", ResponseStatus::Completed),
        ("cancelled", ResponseStatus::Cancelled),
        ("incomplete", ResponseStatus::Incomplete),
        ("failed", ResponseStatus::Failed),
    ] {
        let text = json!({"type": "response.done", "response": {"id": "r", "status": status}}).to_string();
        assert!(
            matches!(protocol::parse(&text), Ok(ServerEvent::Service(ServiceEvent::ReplyDone(_, found))) if found == outcome),
            "{status}"
        );
    }
}
