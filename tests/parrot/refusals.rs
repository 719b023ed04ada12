//! Invalid events: each is answered by one `error` event (protocol §11) and has no other effect.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use super::{Client, tone};
use mynah::parrot::{Parrot, ParrotConfig};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn an_invalid_update_is_an_error_and_changes_nothing() {
    let vad = |key: &str, value: Value| json!({"turn_detection": {"type": "server_vad", key: value}});
    let cases = [
        (json!({"colour": "red"}), "unknown_parameter", "session.colour"),
        (json!({"audio": {"input": {}}}), "unknown_parameter", "session.audio"),
        (json!({"model": "other"}), "invalid_value", "session.model"),
        (json!({"modalities": ["audio"]}), "invalid_value", "session.modalities"),
        (json!({"modalities": ["text", "smell"]}), "invalid_value", "session.modalities"),
        (json!({"voice": "en-US-Ava"}), "invalid_value", "session.voice.name"),
        (json!({"voice": {"type": "azure-standard"}}), "missing_required_parameter", "session.voice.name"),
        (
            json!({"voice": {"type": "openai", "name": "echo", "rate": 1}}),
            "unknown_parameter",
            "session.voice.rate",
        ),
        (json!({"input_audio_format": "g711_ulaw"}), "invalid_value", "session.input_audio_format"),
        (json!({"input_audio_sampling_rate": 22050}), "invalid_value", "session.input_audio_sampling_rate"),
        (json!({"turn_detection": {}}), "missing_required_parameter", "session.turn_detection.type"),
        (json!({"turn_detection": "none"}), "invalid_value", "session.turn_detection"),
        (vad("threshold", json!(1.5)), "invalid_value", "session.turn_detection.threshold"),
        (
            vad("silence_duration_ms", json!(-1)),
            "invalid_value",
            "session.turn_detection.silence_duration_ms",
        ),
        (vad("eagerness", json!("low")), "unknown_parameter", "session.turn_detection.eagerness"),
        (
            vad("end_of_utterance_detection", json!({})),
            "missing_required_parameter",
            "session.turn_detection.end_of_utterance_detection.model",
        ),
        (
            json!({"input_audio_echo_cancellation": {"type": "server_echo_cancellation", "channels": 2}}),
            "invalid_ec_channels_requires_client",
            "session.input_audio_echo_cancellation.channels",
        ),
        (
            json!({"input_audio_echo_cancellation": {"type": "server_echo_cancellation", "reference_source": "client"}}),
            "invalid_ec_reference_channels",
            "session.input_audio_echo_cancellation.channels",
        ),
        (
            json!({"input_audio_noise_reduction": {"type": "magic"}}),
            "invalid_value",
            "session.input_audio_noise_reduction.type",
        ),
        (json!([]), "invalid_value", "session"),
    ];
    let mut client = Client::new(ParrotConfig::default());
    let before = client.update(json!({}));
    for (session, code, param) in cases {
        client.discard_received();
        client.send(json!({"type": "session.update", "event_id": "cli_7", "session": session}));
        assert_eq!(client.event_types(), ["error"], "{session}");
        let error = &client.nth("error", 0)["error"];
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{session}");
        assert_eq!((&error["event_id"], &error["type"]), (&json!("cli_7"), &json!("invalid_request_error")));
    }
    assert_eq!(client.update(json!({})), before);
}

#[test]
fn a_malformed_event_is_an_error_and_the_session_continues() {
    let cases = [
        ("", "invalid_event"),
        ("{", "invalid_event"),
        ("[]", "invalid_event"),
        ("null", "invalid_event"),
        ("{}", "missing_required_parameter"),
        (r#"{"type":7}"#, "invalid_value"),
        (r#"{"type":"session.dance"}"#, "invalid_event"),
        (r#"{"type":"session.avatar.connect","client_sdp":"x"}"#, "invalid_event"),
        (r#"{"type":"session.update"}"#, "missing_required_parameter"),
        (r#"{"type":"response.cancel","colour":1}"#, "unknown_parameter"),
        (r#"{"type":"input_audio_buffer.append"}"#, "missing_required_parameter"),
        (r#"{"type":"input_audio_buffer.append","audio":""}"#, "invalid_value"),
        (r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#, "invalid_value"),
        (r#"{"type":"input_audio_buffer.append","audio":"!"}"#, "invalid_value"),
        (r#"{"type":"input_audio_buffer.append","audio":null}"#, "invalid_value"),
        (r#"{"type":"conversation.item.create"}"#, "missing_required_parameter"),
        (r#"{"type":"conversation.item.create","item":{"type":"song"}}"#, "invalid_value"),
        (r#"{"type":"conversation.item.retrieve","item_id":"x"}"#, "invalid_value"),
        (r#"{"type":"response.create","response":{"tempo":1}}"#, "unknown_parameter"),
    ];
    let mut client = Client::new(ParrotConfig::default());
    for (text, code) in cases {
        client.discard_received();
        client.send_text(text);
        assert_eq!(client.event_types(), ["error"], "{text}");
        assert_eq!(client.nth("error", 0)["error"]["code"], code, "{text}");
    }
    client.update(json!({}));
}

#[test]
fn less_than_100_ms_of_audio_cannot_be_committed() {
    let mut client = Client::new(ParrotConfig::default());
    client.update(json!({"turn_detection": null}));
    for ms in [0, 99] {
        client.discard_received();
        client.append(&tone(ms.max(1), 9000, 0));
        client.send(json!({"type": "input_audio_buffer.commit"}));
        assert_eq!(client.nth("error", 0)["error"]["code"], "input_audio_buffer_commit_empty");
        client.send(json!({"type": "input_audio_buffer.clear"}));
    }
    client.discard_received();
    client.append(&tone(100, 9000, 0));
    client.send(json!({"type": "input_audio_buffer.commit"}));
    assert_eq!(client.count("input_audio_buffer.committed"), 1);
}

#[test]
fn truncation_at_zero_beyond_the_audio_or_twice_is_an_error() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.send_speech(500);
    client.send_silence(1500);
    let [user, reply] = [0, 1].map(|n| client.parrot.items()[n].id.clone());
    let produced_ms = client.parrot.items()[1].audio_ms;
    let cases = [
        (reply.as_str(), 0, u64::from(produced_ms) + 1, Some("invalid_value")),
        (&reply, 0, 0, Some("invalid_value")),
        (&reply, 1, 100, Some("invalid_value")),
        (&user, 0, 100, Some("unsupported_content_type")),
        ("item_unknown", 0, 100, Some("invalid_value")),
        (&reply, 0, 200, None),
        (&reply, 0, 200, Some("invalid_value")),
        (&reply, 0, 100, Some("invalid_value")),
    ];
    for (item_id, content_index, audio_end_ms, refused) in cases {
        client.discard_received();
        client.send(json!({
            "type": "conversation.item.truncate", "item_id": item_id, "content_index": content_index,
            "audio_end_ms": audio_end_ms,
        }));
        match refused {
            None => assert_eq!(client.nth("conversation.item.truncated", 0)["audio_end_ms"], audio_end_ms),
            Some(code) => {
                assert_eq!(client.nth("error", 0)["error"]["code"], code, "{item_id} {audio_end_ms}")
            }
        }
    }
    assert_eq!(client.parrot.items()[1].heard_ms, Some(200));
    client.send(json!({"type": "conversation.item.retrieve", "item_id": reply}));
    let item = &client.nth("conversation.item.retrieved", 0)["item"];
    assert_eq!(item["content"][0]["transcript"], Value::Null);
}

#[test]
fn the_voice_cannot_change_after_the_first_audio() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.update(json!({"voice": "ash"}));
    client.send_speech(300);
    client.send_silence(1500);
    client.update(json!({"voice": "ash"}));
    client.discard_received();
    client.send(json!({"type": "session.update", "session": {"voice": "echo"}}));
    assert_eq!(client.nth("error", 0)["error"]["code"], "cannot_update_voice");
}

#[test]
fn the_oldest_of_257_items_is_removed() {
    let mut client = Client::new(ParrotConfig::default());
    for n in 0..300 {
        client.send(json!({"type": "conversation.item.create", "item": {
            "id": n.to_string(), "type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "x"}],
        }}));
    }
    assert_eq!(client.parrot.items().len(), 256);
    assert_eq!(client.parrot.items()[255].id, "299");
    client.discard_received();
    client.send(json!({"type": "conversation.item.create", "item": {
        "type": "message", "role": "user", "content": [{"type": "input_text", "text": "x".repeat(70_000)}],
    }}));
    assert_eq!(client.nth("error", 0)["error"]["param"], "item");
}

#[test]
fn a_client_that_never_reads_loses_the_newest_events() {
    let mut parrot = Parrot::new(ParrotConfig::default(), 5, Duration::ZERO);
    for _ in 0..5000 {
        parrot.receive("?", Duration::ZERO);
    }
    let received = std::iter::from_fn(|| parrot.next_message(Duration::ZERO)).count();
    assert_eq!(received, 4096);
    parrot.receive("?", Duration::ZERO);
    assert!(parrot.next_message(Duration::ZERO).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_session(texts in prop::collection::vec(".{0,80}", 1..8)) {
        assert_survives(&texts)?;
    }

    #[test]
    fn no_corrupted_event_breaks_the_session(
        picks in prop::collection::vec((0..EVENTS.len(), any::<prop::sample::Index>(), wrong()), 1..30)
    ) {
        let texts: Vec<String> = picks.iter().map(|(pick, at, wrong)| corrupted(EVENTS[*pick], at, wrong)).collect();
        assert_survives(&texts)?;
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_response_is_done_once_in_any_order_of_events(
        picks in prop::collection::vec((0..EVENTS.len(), 0_u64..700), 1..40), late_deltas in 0_usize..3, pace in 0_u32..3
    ) {
        let mut client = Client::new(ParrotConfig { late_deltas, pace, ..ParrotConfig::default() });
        for (pick, wait_ms) in picks {
            client.send_text(EVENTS[pick]);
            client.append(&tone(wait_ms as usize + 1, if pick % 2 == 0 { 12_000 } else { 0 }, 0));
            client.wait(wait_ms);
        }
        client.wait(5_000);
        let ids = |kind: &str| -> Vec<Value> {
            client.events(kind).map(|(_, event)| event["response"]["id"].clone()).collect()
        };
        // A reply of a minute at real-time pace may still be active.
        let (created, done) = (ids("response.created"), ids("response.done"));
        prop_assert!(created.starts_with(&done) && created.len() <= done.len() + 1);
        prop_assert_eq!(client.count("response.output_item.added") >= client.count("response.output_item.done"), true);
    }
}

/// Events of every type, most of them valid.
const EVENTS: &[&str] = &[
    r#"{"type":"session.update","session":{"modalities":["text","audio"],"voice":{"type":"openai","name":"ash"}}}"#,
    r#"{"type":"session.update","session":{"turn_detection":null}}"#,
    r#"{"type":"session.update","session":{"turn_detection":{"type":"azure_semantic_vad","silence_duration_ms":100,"auto_truncate":true}}}"#,
    r#"{"type":"session.update","session":{"input_audio_echo_cancellation":{"type":"server_echo_cancellation"}}}"#,
    r#"{"type":"input_audio_buffer.append","audio":"AAAAQADAAEAAwABA"}"#,
    r#"{"type":"input_audio_buffer.commit"}"#,
    r#"{"type":"input_audio_buffer.clear"}"#,
    r#"{"type":"conversation.item.create","previous_item_id":"root","item":{"id":"a","type":"message","role":"system","content":[{"type":"input_text","text":"Be kind."}]}}"#,
    r#"{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_audio","audio":"AAAAQADA"}]}}"#,
    r#"{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c","output":"{}"}}"#,
    r#"{"type":"conversation.item.truncate","item_id":"a","content_index":0,"audio_end_ms":840}"#,
    r#"{"type":"conversation.item.delete","item_id":"a"}"#,
    r#"{"type":"conversation.item.retrieve","item_id":"a"}"#,
    r#"{"type":"response.create","additional_instructions":"Sing."}"#,
    r#"{"type":"response.create","response":{"modalities":["text"],"input_items":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hm?"}]}]}}"#,
    r#"{"type":"response.create","response":{"pre_generated_assistant_message":{"type":"message","role":"assistant","content":[{"type":"text","text":"Hello you."}]}}}"#,
    r#"{"type":"response.cancel"}"#,
];

/// Returns values that replace one value of an event.
fn wrong() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"type": "message"}, null])),
        Just(json!({"type": "server_vad", "threshold": []})),
    ]
}

/// Replaces one value of the event, at any depth, by `wrong`.
fn corrupted(event: &str, at: &prop::sample::Index, wrong: &Value) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    let mut pointers = Vec::new();
    pointers_in(&event, String::new(), &mut pointers);
    *event.pointer_mut(&pointers[at.index(pointers.len())]).unwrap() = wrong.clone();
    event.to_string()
}

fn pointers_in(value: &Value, pointer: String, into: &mut Vec<String>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        pointers_in(inner, format!("{pointer}/{key}"), into);
    }
    for (at, inner) in value.as_array().into_iter().flatten().enumerate() {
        pointers_in(inner, format!("{pointer}/{at}"), into);
    }
    into.push(pointer);
}

/// Sends `texts` to a new parrot, and checks that it answers in JSON and accepts an update afterwards.
fn assert_survives(texts: &[String]) -> Result<(), TestCaseError> {
    let mut parrot = Parrot::new(ParrotConfig::default(), 3, Duration::ZERO);
    for (at, text) in texts.iter().enumerate() {
        let now = Duration::from_millis(100 * at as u64);
        parrot.receive(text, now);
        while let Some(event) = parrot.next_message(now) {
            prop_assert!(serde_json::from_str::<Value>(&event).is_ok_and(|event| event["type"].is_string()));
        }
    }
    parrot.receive(r#"{"type":"session.update","session":{}}"#, Duration::from_secs(60));
    let mut last = String::new();
    while let Some(event) = parrot.next_message(Duration::from_secs(60)) {
        last = event;
    }
    prop_assert!(!last.is_empty());
    Ok(())
}
