//! In which form the session and the items are written for each dialect, and what an error of the service teaches.

use mynah::model::{
    Choice, Dialect, NoiseReduction, TranscriptionOptions, TurnDetection, TurnOptions, Voice,
};
use mynah::protocol::{self, ClientEvent, Role, ServerEvent, SessionConfig, SessionForm, SessionShape};
use serde_json::{Value, json};

use super::{config, write_json};

const OPENAI: [Dialect; 2] = [Dialect::OpenAi, Dialect::AzureOpenAi];

#[test]
fn the_nested_session_has_every_value_in_its_place() {
    let config = SessionConfig {
        voice: Some(Voice::OpenAi("marin".into())),
        turn_detection: Choice::On(TurnDetection::ServerVad),
        turn: TurnOptions {
            threshold: Some(0.5),
            prefix_ms: Some(300),
            silence_ms: Some(500),
            ..TurnOptions::default()
        },
        noise_reduction: Choice::On(NoiseReduction::FarField),
        transcription: Choice::On("whisper-1"),
        transcription_options: TranscriptionOptions {
            language: Some("de-DE".into()),
            ..TranscriptionOptions::default()
        },
        ..config()
    };
    for dialect in OPENAI {
        assert_eq!(
            written(&SessionForm::of(dialect), &config),
            json!({
                "type": "realtime",
                "output_modalities": ["audio"],
                "instructions": "Be brief.",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000},
                        "turn_detection": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300,
                            "silence_duration_ms": 500, "create_response": true, "interrupt_response": true},
                        "noise_reduction": {"type": "far_field"},
                        "transcription": {"model": "whisper-1", "language": "de"},
                    },
                    "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
                },
            })
        );
    }
}

#[test]
fn what_only_azure_offers_is_left_out_for_openai_and_kept_for_a_nested_voice_live() {
    let openai = written(&SessionForm::of(Dialect::OpenAi), &config());
    let input = &openai["audio"]["input"];
    assert_eq!(input["turn_detection"]["type"], "server_vad");
    assert_eq!(input["noise_reduction"], Value::Null);
    assert_eq!((openai["audio"]["output"].get("voice"), input.get("echo_cancellation")), (None, None));
    assert!(
        !openai.to_string().contains("semantic") && !openai.to_string().contains("auto_truncate"),
        "{openai}"
    );
    let form = SessionForm { shape: SessionShape::Nested, ..SessionForm::of(Dialect::VoiceLive) };
    let (nested, flat) =
        (written(&form, &config()), written(&SessionForm::of(Dialect::VoiceLive), &config()));
    assert_eq!(nested["audio"]["input"]["turn_detection"], flat["turn_detection"]);
    assert_eq!(nested["audio"]["input"]["echo_cancellation"], flat["input_audio_echo_cancellation"]);
    assert_eq!(nested["audio"]["output"]["voice"], flat["voice"]);
    // OpenAI's shape of before, which some servers still have.
    let form = SessionForm { shape: SessionShape::Flat, ..SessionForm::of(Dialect::OpenAi) };
    let beta = written(&form, &SessionConfig { voice: Some(Voice::OpenAi("alloy".into())), ..config() });
    assert_eq!((&beta["voice"], &beta["input_audio_format"]), (&json!("alloy"), &json!("pcm16")));
    assert_eq!(beta["turn_detection"], input["turn_detection"]);
    assert!(!beta.to_string().contains("echo_cancellation"), "{beta}");
}

#[test]
fn every_flat_field_has_a_place_in_the_nested_shape() {
    let flat = written(&SessionForm::of(Dialect::VoiceLive), &config());
    let form = SessionForm { shape: SessionShape::Nested, ..SessionForm::of(Dialect::VoiceLive) };
    let nested = written(&form, &config());
    let kept: Vec<&String> =
        nested.as_object().unwrap().keys().filter(|key| flat.get(key).is_some()).collect();
    // A new field needs a row in the table of places.
    assert_eq!(kept, ["instructions"], "written as it is in the flat shape");
}

#[test]
fn an_assistants_words_have_the_content_type_of_the_shape() {
    let item = ClientEvent::CreateItem { who: Role::Assistant, words: "Hm.".into(), whole: true };
    for (shape, kind) in [(SessionShape::Flat, "text"), (SessionShape::Nested, "output_text")] {
        let event = write_json(|text| item.write(shape, text));
        assert_eq!(event["item"]["content"], json!([{"type": kind, "text": "Hm."}]));
    }
}

#[test]
fn session_created_shows_the_shape() {
    let nested = super::SERVER_GA.lines().next().unwrap();
    let flat = super::SERVER.lines().next().unwrap();
    for (text, expected) in [
        (nested, Some(SessionShape::Nested)),
        (flat, Some(SessionShape::Flat)),
        (
            r#"{"type":"session.created","session":{"input_audio_format":"pcm16","type":"realtime"}}"#,
            Some(SessionShape::Nested),
        ),
        (r#"{"type":"session.created","session":{"id":"s","type":7}}"#, None),
        (r#"{"type":"session.created"}"#, None),
    ] {
        let Ok(ServerEvent::SessionCreated { shape, .. }) = protocol::parse(text) else { panic!("{text}") };
        assert_eq!(shape, expected, "{text}");
    }
}

/// What the service says of its session, and the path that differs; `!` if that is fatal.
const DIFFERENCES: [(&str, &str); 9] = [
    (r#"{}"#, ""),
    (r#"{"type":"transcription"}"#, "!type"),
    (r#"{"output_modalities":["text"]}"#, "!output_modalities"),
    (r#"{"audio":{"input":{"format":{"type":"audio/pcm","rate":16000}}}}"#, "!audio.input.format.rate"),
    (r#"{"audio":{"output":{"format":{"type":"audio/pcmu"}}}}"#, "!audio.output.format.type"),
    (r#"{"audio":{"input":{"turn_detection":null}}}"#, "!audio.input.turn_detection"),
    (
        r#"{"audio":{"input":{"turn_detection":{"create_response":false}}}}"#,
        "!audio.input.turn_detection.create_response",
    ),
    (
        r#"{"audio":{"input":{"turn_detection":{"silence_duration_ms":200}}}}"#,
        "audio.input.turn_detection.silence_duration_ms",
    ),
    (r#"{"audio":{"output":{"voice":"alloy","speed":1.0}}}"#, "audio.output.voice"),
];

#[test]
fn a_nested_session_differs_only_in_what_it_mentions() {
    let config = SessionConfig { voice: Some(Voice::OpenAi("marin".into())), ..with_silence_ms() };
    let form = SessionForm::of(Dialect::OpenAi);
    for (effective, expected) in DIFFERENCES {
        let found = form.mismatches(&config, effective);
        let mark = |fatal| if fatal { "!" } else { "" };
        let found: Vec<_> = found.iter().map(|one| format!("{}{}", mark(one.fatal), one.path)).collect();
        assert_eq!(found.join(" "), expected, "{effective}");
    }
    assert_eq!(form.mismatches(&config, &written(&form, &config).to_string()), []);
    assert!(form.mismatches(&config, "null")[0].fatal);
}

/// Code, message, param and echoed `event_id` of an error, and what it teaches.
const LESSONS: &str = "
unknown_or_invalid_event | Unknown or invalid event: input_audio_buffer.clear | - | - | input_audio_buffer.clear
unknown_or_invalid_event | Unknown or invalid event | - | mynah_conversation.item.truncate | conversation.item.truncate
invalid_value | Invalid value: 'response.cancel'. Supported values are: 'session.update', 'input_audio_buffer.clear'. | type | - | response.cancel
invalid_event | There is no client event 'conversation.item.delete'. | - | - | conversation.item.delete
invalid_event | Unsupported event type: conversation.item.delete | - | - | conversation.item.delete
unsupported_event | Not here. | - | mynah_conversation.item.create | conversation.item.create
unknown_event | Not here. | - | mynah_input_audio_buffer.commit | -
unknown_event | Not here. | - | mynah_response.create | -
unknown_event | Not here. | - | - | -
invalid_value | The item does not exist. | item_id | mynah_conversation.item.truncate | -
invalid_event | audio_end_ms is too large. | - | mynah_conversation.item.truncate | -
response_cancel_not_active | Nothing to cancel. | - | mynah_response.cancel | -
server_error | Sorry. | - | mynah_input_audio_buffer.clear | -
";

#[test]
fn an_error_teaches_once_which_event_is_not_known() {
    for line in LESSONS.lines().filter(|line| !line.is_empty()) {
        let [code, message, param, event_id, lacks] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let text = error(code, message, param, event_id);
        let Ok(ServerEvent::Error(error)) = protocol::parse(&text) else { panic!("{line}") };
        let mut form = SessionForm::of(Dialect::OpenAi);
        let lesson = form.learn(&error, &config(), true).map(|lesson| lesson.to_string());
        assert_eq!(lesson.is_some(), lacks != "-", "{line}");
        assert!(lesson.is_none_or(|lesson| lesson.contains(&format!("does not know {lacks},"))), "{line}");
        assert_eq!(form.capabilities.has_event(lacks), lacks == "-", "{line}");
        assert_eq!(form.learn(&error, &config(), true), None, "{line}: twice");
    }
}

#[test]
fn a_field_that_is_not_known_is_left_out_unless_it_is_needed() {
    for (code, path, is_left_out) in [
        ("unknown_parameter", "audio.input.noise_reduction", true),
        ("unsupported_parameter", "audio.input.transcription", true),
        ("unknown_parameter", "audio.input.turn_detection.silence_duration_ms", true),
        ("unknown_parameter", "audio.input.turn_detection.create_response", false),
        ("unknown_parameter", "audio.input.turn_detection", false),
        ("unknown_parameter", "audio.input.format", false),
        ("unknown_parameter", "audio.input", false),
        ("unknown_parameter", "instructions", false),
        ("unknown_parameter", "audio.output.speed", false),
        ("invalid_value", "audio.input.noise_reduction", false),
    ] {
        let text = error(code, "No.", &format!("session.{path}"), "mynah_session");
        let Ok(ServerEvent::Error(error)) = protocol::parse(&text) else { panic!("{text}") };
        let mut form = SessionForm::of(Dialect::OpenAi);
        let before = written(&form, &with_silence_ms());
        let lesson = form.learn(&error, &with_silence_ms(), false);
        assert_eq!(lesson.as_ref().is_some_and(|lesson| lesson.changes_session()), is_left_out, "{path}");
        let after = written(&form, &with_silence_ms());
        let find = |session: &Value| path.split('.').try_fold(session, |value, key| value.get(key)).is_some();
        assert_eq!(
            (find(&after), before != after),
            (find(&before) && !is_left_out, is_left_out),
            "{path}: {after}"
        );
        assert_eq!(form.learn(&error, &with_silence_ms(), false), None, "{path}: twice");
    }
}

#[test]

fn a_service_that_keeps_its_turns_is_asked_to_answer_on_request_only() {
    let config = SessionConfig { turn_detection: Choice::Off, ..config() };
    for (form, path) in [
        (SessionForm::of(Dialect::OpenAi), "/audio/input/turn_detection"),
        (SessionForm::of(Dialect::VoiceLive), "/turn_detection"),
    ] {
        let mut form = form;
        assert_eq!(written(&form, &config).pointer(path), Some(&Value::Null));
        let param = format!("session{}", path.replace('/', "."));
        let text = error("invalid_value", "Expected an object.", &param, "mynah_session");
        let Ok(ServerEvent::Error(error)) = protocol::parse(&text) else { panic!("{text}") };
        assert!(form.learn(&error, &config, false).unwrap().changes_session());
        let session = written(&form, &config);
        let turns = session.pointer(path).unwrap();
        assert_eq!((&turns["create_response"], &turns["interrupt_response"]), (&json!(false), &json!(false)));
        assert_eq!(form.learn(&error, &config, false), None, "once");
    }
}

#[test]
fn an_error_shows_that_the_session_had_the_wrong_shape() {
    let shapes = [SessionForm::of(Dialect::VoiceLive), SessionForm::of(Dialect::OpenAi)];
    for (code, param, expected) in [
        ("missing_required_parameter", "session.type", [Some(SessionShape::Nested), None]),
        ("unknown_parameter", "session.modalities", [Some(SessionShape::Nested), None]),
        ("unknown_parameter", "session.audio", [None, Some(SessionShape::Flat)]),
        ("unknown_parameter", "session.output_modalities", [None, Some(SessionShape::Flat)]),
        ("invalid_value", "session.modalities", [None, None]),
        ("unknown_parameter", "session.voice", [None, None]),
    ] {
        let text = error(code, "No.", param, "mynah_session");
        let Ok(ServerEvent::Error(error)) = protocol::parse(&text) else { panic!("{text}") };
        assert_eq!(shapes.each_ref().map(|form| form.shape_of_error(&error)), expected, "{code} {param}");
    }
}

fn written(form: &SessionForm, config: &SessionConfig) -> Value {
    write_json(|text| form.session_update(config, text))["session"].clone()
}

fn error(code: &str, message: &str, param: &str, event_id: &str) -> String {
    let some = |text: &str| (text != "-").then(|| text.to_owned());
    let error = json!({
        "type": "invalid_request_error", "code": code, "message": message, "param": some(param), "event_id": some(event_id),
    });
    json!({"type": "error", "error": error}).to_string()
}

/// A configuration that sets a field of its turn detection.
fn with_silence_ms() -> SessionConfig {
    SessionConfig { turn: TurnOptions { silence_ms: Some(500), ..config().turn }, ..config() }
}
