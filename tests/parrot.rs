//! The built-in service: event order as in the real one, turn detection, barge-in, items.

mod client;
mod dialogue;
mod refusals;
mod sessions;

use client::{Client, SPEECH_PEAK, tone};
use mynah::parrot::{Item, Parrot, ParrotConfig};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn the_first_event_is_the_default_session_with_seeded_ids() {
    let config = ParrotConfig { expires_at: 1_793_003_600, ..ParrotConfig::default() };
    let mut client = Client::new(config.clone());
    let created = client.expect_next("session.created");
    let session = &created["session"];
    assert!(session["id"].as_str().is_some_and(|id| id.starts_with("sess_")));
    assert_eq!(session["expires_at"], 1_793_003_600_u64);
    assert_eq!(session["modalities"], json!(["audio"]));
    assert_eq!(session["output_audio_format"], Value::Null);
    assert_eq!(session["turn_detection"]["silence_duration_ms"], 200);
    assert_eq!(session["turn_detection"]["prefix_padding_ms"], 300);
    assert_eq!(Client::new(config).expect_next("session.created"), created);
}

#[test]
fn every_event_starts_with_its_type_and_a_unique_id() {
    let mut parrot = Parrot::new(ParrotConfig::default(), 1, Duration::ZERO);
    parrot.receive("nonsense", Duration::ZERO);
    let created = parrot.next_message(Duration::ZERO).unwrap();
    let error = parrot.next_message(Duration::ZERO).unwrap();
    assert!(created.starts_with(r#"{"type":"session.created","event_id":"event_"#), "{created}");
    assert!(error.starts_with(r#"{"type":"error","event_id":"event_"#), "{error}");
    assert_ne!(created[30..70], error[20..60]);
    assert_eq!(parrot.next_message(Duration::ZERO), None);
    assert_eq!(parrot.deadline(), Some(ParrotConfig::default().life), "only the end of the session is due");
}

#[test]
fn an_update_replaces_sub_objects_and_fills_in_defaults() {
    let mut client = Client::new(ParrotConfig::default());
    let session = client.update(json!({
        "modalities": ["text", "audio"], "instructions": "", "voice": "echo",
        "turn_detection": {"type": "server_vad"}, "input_audio_transcription": {"model": "azure-speech"},
    }));
    assert_eq!(session["modalities"], json!(["audio", "text"]));
    assert_eq!(session["voice"], json!({"name": "echo", "type": "openai"}));
    assert_eq!(session["output_audio_format"], "pcm16");
    assert_ne!(session["instructions"], "");
    assert_eq!(session["input_audio_noise_reduction"], Value::Null);
    assert_eq!(session["turn_detection"]["prefix_padding_ms"], 400);
    assert_eq!(session["turn_detection"]["silence_duration_ms"], 500);
    let session = client.update(json!({"turn_detection": {"type": "azure_semantic_vad", "threshold": 0.3}}));
    assert_eq!(session["turn_detection"]["threshold"], 0.3);
    assert_eq!(session["turn_detection"]["prefix_padding_ms"], 420);
    assert_eq!(session["input_audio_transcription"]["model"], "azure-speech");
    let session = client.update(json!({"turn_detection": null}));
    assert_eq!(session["turn_detection"], Value::Null);
}

#[test]
fn a_session_update_with_every_field_is_accepted() {
    let mut client = Client::new(ParrotConfig::default());
    let session = client.update(json!({
        "modalities": ["text", "audio"], "instructions": "Keep it short.",
        "voice": {"type": "azure-standard", "name": "en-US-Ava:DragonHDLatestNeural", "temperature": 0.8, "rate": "1.0"},
        "input_audio_format": "pcm16", "output_audio_format": "pcm16", "input_audio_sampling_rate": 24000,
        "input_audio_transcription": {"model": "azure-speech", "language": "en-US", "phrase_list": ["sous vide"]},
        "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
        "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
        "turn_detection": {
            "type": "azure_semantic_vad", "threshold": 0.5, "prefix_padding_ms": 420, "silence_duration_ms": 500,
            "speech_duration_ms": 80, "remove_filler_words": true, "languages": ["en"], "create_response": true,
            "interrupt_response": true, "auto_truncate": true, "end_of_utterance_detection": {
                "model": "semantic_detection_v1", "threshold_level": "medium", "timeout_ms": 1000,
            },
        },
        "tools": [], "tool_choice": "auto", "parallel_tool_calls": true, "temperature": 0.7,
        "output_audio_timestamp_types": ["word"],
    }));
    assert_eq!(session["voice"]["rate"], "1.0");
    assert_eq!(session["turn_detection"]["end_of_utterance_detection"]["timeout_ms"], 1000);
}

#[test]
fn a_speech_native_turn_has_the_recorded_event_order() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.send_silence(600);
    client.send_speech(1000);
    client.send_silence(1500);
    let beginning = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio_transcript.delta",
        "response.audio.delta",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.audio_transcript.delta",
        "response.audio.delta",
    ];
    let end = [
        "response.audio.delta",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ];
    let types = client.event_types();
    assert_eq!(types[..beginning.len()], beginning);
    assert_eq!(types[types.len() - end.len()..], end);
    let between = &types[beginning.len()..types.len() - end.len()];
    assert!(between.iter().all(|kind| kind.ends_with(".delta")), "{between:?}");
    assert_eq!(client.nth("input_audio_buffer.speech_started", 0)["audio_start_ms"], 300);
    assert_eq!(client.nth("input_audio_buffer.speech_stopped", 0)["audio_end_ms"], 2100);
    assert_eq!(client.first_at_ms("response.created"), 2100);
    assert_eq!(client.first_at_ms("response.audio.delta"), 2250);
    let (user, reply) =
        (client.nth("conversation.item.created", 0), client.nth("conversation.item.created", 1));
    assert_eq!(reply["previous_item_id"], user["item"]["id"]);
    assert_eq!(client.nth("input_audio_buffer.committed", 0)["item_id"], user["item"]["id"]);
    assert_eq!(user["item"]["content"], json!([{"type": "input_audio", "transcript": null}]));
    let done = client.nth("response.done", 0);
    assert_eq!(done["response"]["status"], "completed");
    assert_eq!(done["response"]["output"][0]["content"][0]["transcript"], "I heard 1.1 s; here it is again.");
    assert!(done["response"]["usage"]["total_tokens"].as_u64().is_some_and(|tokens| tokens > 0));
    assert_eq!(roles(client.parrot.items()), [("user", 1800), ("assistant", 1080)]);
}

#[test]
fn a_cascaded_model_transcribes_before_the_item_is_created() {
    let mut client =
        Client::configured(ParrotConfig { cascaded: true, ..ParrotConfig::default() }, json!({}));
    client.send_speech(500);
    client.send_silence(1200);
    assert_eq!(
        client.event_types()[..6],
        [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.input_audio_transcription.completed",
            "conversation.item.created",
            "response.created",
        ]
    );
}

#[test]
fn the_reply_is_the_users_audio_at_half_amplitude() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.send_silence(300);
    client.send_speech(800);
    client.send_silence(1500);
    let answer = client.audio();
    let loudest = answer.iter().map(|sample| sample.unsigned_abs()).max();
    assert_eq!(loudest, Some(SPEECH_PEAK / 2));
    assert!((19_200..=21_600).contains(&answer.len()), "{}", answer.len());
}

#[test]
fn audio_is_sent_at_the_configured_pace() {
    for (pace, last_delta_ms) in [(1, 800), (4, 200), (0, 0)] {
        let mut client = Client::configured(ParrotConfig { pace, ..ParrotConfig::default() }, json!({}));
        client.send_speech(850);
        client.send_silence(2500);
        assert_eq!(client.count("response.audio.delta"), 5);
        let first = client.first_at_ms("response.audio.delta");
        let last =
            client.received.iter().rfind(|(_, event)| event["type"] == "response.audio.delta").unwrap().0;
        assert_eq!(last - first, last_delta_ms, "pace {pace}");
    }
}

#[test]
fn barge_in_cancels_the_reply_and_truncates_if_configured() {
    let config = ParrotConfig { late_deltas: 2, pace: 1, ..ParrotConfig::default() };
    let mut client = Client::configured(config, json!({"auto_truncate": true}));
    client.send_speech(3000);
    client.send_silence(1000);
    client.discard_received();
    client.send_speech(500);
    let types = [
        "input_audio_buffer.speech_started",
        "response.audio.delta",
        "response.audio.delta",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
        "conversation.item.truncated",
    ];
    let received = client.event_types();
    let start = received.iter().position(|kind| kind == types[0]).unwrap();
    assert_eq!(received[start..], types);
    let done = client.nth("response.done", 0)["response"].clone();
    assert_eq!(done["status"], "cancelled");
    assert_eq!(done["status_details"], json!({"type": "cancelled", "reason": "turn_detected"}));
    assert_eq!(done["output"][0]["status"], "incomplete");
    // The first delta was due at 3650 ms; the onset is detected 80 ms after 4000 ms.
    assert_eq!(client.nth("conversation.item.truncated", 0)["audio_end_ms"], 430);
    let item = &client.parrot.items()[1];
    assert_eq!((item.audio_ms, item.heard_ms), (1000, Some(430)));
    client.send_silence(2000);
    assert_eq!(client.count("response.created"), 1);
}

#[test]
fn without_auto_truncate_the_client_truncates() {
    let mut client = Client::configured(ParrotConfig { pace: 1, ..ParrotConfig::default() }, json!({}));
    client.send_speech(3000);
    client.send_silence(1000);
    client.send_speech(500);
    assert_eq!(client.count("conversation.item.truncated"), 0);
    let item_id = client.parrot.items()[1].id.clone();
    client.send(json!({
        "type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 350,
    }));
    assert_eq!(client.count("conversation.item.truncated"), 1);
    assert_eq!(client.parrot.items()[1].heard_ms, Some(350));
}

#[test]
fn barge_in_before_the_first_delta_leaves_no_item() {
    let mut client = Client::configured(
        ParrotConfig { think: Duration::from_secs(2), ..ParrotConfig::default() },
        json!({}),
    );
    client.send_speech(500);
    client.send_silence(700);
    client.discard_received();
    client.send_speech(500);
    assert_eq!(client.event_types(), ["input_audio_buffer.speech_started", "response.done"]);
    assert_eq!(client.nth("response.done", 0)["response"]["output"], json!([]));
    assert_eq!(client.parrot.items().len(), 1);
}

#[test]
fn barge_in_after_the_last_delta_truncates_only() {
    let mut client = Client::configured(
        ParrotConfig { pace: 0, ..ParrotConfig::default() },
        json!({"auto_truncate": true}),
    );
    client.send_speech(3000);
    client.send_silence(1000);
    assert_eq!(client.nth("response.done", 0)["response"]["status"], "completed");
    client.discard_received();
    client.send_speech(200);
    assert_eq!(client.event_types(), ["input_audio_buffer.speech_started", "conversation.item.truncated"]);
    assert_eq!(client.parrot.items()[1].heard_ms, Some(430));
}

#[test]
fn interrupt_response_and_create_response_can_be_disabled() {
    let mut client = Client::configured(
        ParrotConfig { pace: 1, ..ParrotConfig::default() },
        json!({"interrupt_response": false}),
    );
    client.send_speech(3000);
    client.send_silence(1000);
    client.send_speech(300);
    assert_eq!(client.count("response.done"), 0);
    client.send_silence(600);
    assert_eq!(client.nth("error", 0)["error"]["code"], "conversation_already_has_active_response");
    let mut client = Client::configured(ParrotConfig::default(), json!({"create_response": false}));
    client.send_speech(300);
    client.send_silence(2000);
    assert_eq!((client.count("conversation.item.done"), client.count("response.created")), (1, 0));
}

#[test]
fn silence_duration_and_prefix_padding_are_applied() {
    for (kind, silence_ms) in
        [("server_vad", 300), ("azure_semantic_vad", 800), ("azure_semantic_vad_en", 640)]
    {
        let mut client = Client::new(ParrotConfig::default());
        client.update(json!({"turn_detection": {
            "type": kind, "prefix_padding_ms": 100, "silence_duration_ms": silence_ms,
        }}));
        client.send_silence(1000);
        client.send_speech(400);
        client.send_silence(1000);
        assert_eq!(client.nth("input_audio_buffer.speech_started", 0)["audio_start_ms"], 900);
        assert_eq!(client.nth("input_audio_buffer.speech_stopped", 0)["audio_end_ms"], 1400 + silence_ms);
    }
}

#[test]
fn push_to_talk_replies_only_to_response_create() {
    let mut client = Client::new(ParrotConfig::default());
    client.update(json!({"turn_detection": null}));
    client.discard_received();
    client.send(json!({"type": "input_audio_buffer.clear"}));
    client.send_speech(700);
    client.send_silence(900);
    client.send(json!({"type": "input_audio_buffer.commit"}));
    client.send_silence(500);
    let types = [
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "conversation.item.done",
    ];
    assert_eq!(client.event_types(), types);
    client.discard_received();
    client.send(json!({"type": "response.create"}));
    client.send(json!({"type": "response.create"}));
    client.send(json!({"type": "response.cancel"}));
    client.send(json!({"type": "response.cancel"}));
    assert_eq!(client.event_types(), ["response.created", "error", "response.done", "error"]);
    assert_eq!(client.nth("error", 0)["error"]["code"], "conversation_already_has_active_response");
    assert_eq!(client.nth("error", 1)["error"]["code"], "response_cancel_not_active");
    let details = &client.nth("response.done", 0)["response"]["status_details"];
    assert_eq!(details["reason"], "client_cancelled");
    client.send(json!({"type": "response.create"}));
    client.send_silence(1000);
    assert_eq!(client.nth("response.done", 1)["response"]["status"], "completed");
}

#[test]
fn a_text_message_is_repeated_as_tones_and_transcript() {
    let mut client = Client::new(ParrotConfig::default());
    client.update(json!({"turn_detection": null}));
    let greeting = json!({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Good morning."}]});
    client
        .send(json!({"type": "response.create", "response": {"pre_generated_assistant_message": greeting}}));
    client.wait(2000);
    assert_eq!(client.nth("response.audio_transcript.done", 0)["transcript"], "Good morning.");
    assert!(client.count("response.audio.delta") > 0);
    client.send(json!({"type": "conversation.item.create", "item": {
        "type": "message", "role": "user", "content": [{"type": "input_text", "text": "How long is an egg?"}],
    }}));
    client.send(json!({"type": "response.create", "response": {"modalities": ["text"]}}));
    client.discard_received();
    client.wait(2000);
    let types = [
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.text.delta",
        "response.text.delta",
        "response.text.delta",
        "response.text.delta",
        "response.text.delta",
        "response.text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(client.event_types(), types);
    assert_eq!(client.nth("response.text.done", 0)["text"], "How long is an egg?");
}

#[test]
fn items_are_created_retrieved_and_deleted_by_id() {
    let mut client = Client::new(ParrotConfig::default());
    let message = |id: &str| json!({"id": id, "type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]});
    client.send(json!({"type": "conversation.item.create", "item": message("b")}));
    client
        .send(json!({"type": "conversation.item.create", "item": message("a"), "previous_item_id": "root"}));
    client.send(json!({"type": "conversation.item.create", "item": message("c"), "previous_item_id": "a"}));
    client.send(json!({"type": "conversation.item.retrieve", "item_id": "c"}));
    client.send(json!({"type": "conversation.item.delete", "item_id": "c"}));
    client.send(json!({"type": "conversation.item.delete", "item_id": "c"}));
    assert_eq!(client.nth("conversation.item.created", 2)["previous_item_id"], "a");
    assert_eq!(client.nth("conversation.item.retrieved", 0)["item"]["id"], "c");
    assert_eq!(client.nth("conversation.item.deleted", 0)["item_id"], "c");
    assert_eq!(client.nth("error", 0)["error"]["param"], "item_id");
    let record: Vec<_> = client.parrot.items().iter().map(|item| (item.id.as_str(), item.deleted)).collect();
    assert_eq!(record, [("a", false), ("c", true), ("b", false)]);
}

#[test]
fn with_echo_cancellation_only_a_voice_interrupts() {
    let echo = json!({"input_audio_echo_cancellation": {"type": "server_echo_cancellation"}});
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.update(echo);
    client.send_speech(3000);
    client.send_silence(660);
    client.discard_received();
    // The microphone picks up the reply at two fifths of its amplitude.
    client.send_tone(1500, SPEECH_PEAK / 5);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 0);
    client.send_tone(140, SPEECH_PEAK);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 0);
    client.send_tone(20, SPEECH_PEAK);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 1);
}

#[test]
fn with_a_reference_of_the_client_the_first_of_two_channels_is_heard() {
    let echo = json!({"type": "server_echo_cancellation", "reference_source": "client", "channels": 2});
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.update(json!({"input_audio_echo_cancellation": echo}));
    let append = |client: &mut Client, ms: usize, microphone: i16, reference: i16| {
        for _ in 0..ms / 10 {
            let frames = (0..240).flat_map(|at| {
                let sign = if at / 24 % 2 == 0 { 1 } else { -1 };
                [sign * microphone, sign * reference]
            });
            client.append(&frames.collect::<Vec<i16>>());
        }
    };
    append(&mut client, 1000, 0, 12_000);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 0, "what is played is not heard");
    append(&mut client, 400, 12_000, 0);
    append(&mut client, 1000, 0, 12_000);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 1);
    let stopped = client.nth("input_audio_buffer.speech_stopped", 0)["audio_end_ms"].as_u64().unwrap();
    assert!((1_900..2_000).contains(&stopped), "two samples are one frame: {stopped} ms");
    client.append(&[1, 2, 3]);
    assert_eq!(client.nth("error", 0)["error"]["param"], "audio");
}

#[test]
fn a_service_without_references_refuses_them() {
    let echo = json!({"type": "server_echo_cancellation", "reference_source": "client", "channels": 2});
    let config = ParrotConfig { takes_reference: false, ..ParrotConfig::default() };
    let mut client = Client::configured(config, json!({}));
    client.send(json!({"type": "session.update", "session": {"input_audio_echo_cancellation": echo}}));
    assert_eq!(client.nth("error", 0)["error"]["code"], "invalid_ec_reference_channels");
}

#[test]
fn without_echo_cancellation_the_reply_interrupts_itself() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.send_speech(3000);
    client.send_silence(660);
    client.discard_received();
    client.send_tone(300, SPEECH_PEAK / 5);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 1);
}

#[test]
fn speech_is_detected_above_steady_noise() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.send_tone(12_000, 600);
    assert_eq!(
        client.count("input_audio_buffer.speech_stopped"),
        client.count("input_audio_buffer.speech_started")
    );
    client.discard_received();
    client.send_tone(3000, 600);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 0);
    client.send_speech(500);
    client.send_tone(1000, 600);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 1);
    assert_eq!(client.count("input_audio_buffer.speech_stopped"), 1);
}

#[test]
fn a_click_is_not_speech() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    for _ in 0..20 {
        client.send_speech(50);
        client.send_silence(150);
    }
    assert_eq!(client.count("input_audio_buffer.speech_started"), 0);
}

#[test]
fn a_constant_offset_is_not_speech() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.send_audio(&[3000; 24_000]);
    assert_eq!(client.count("input_audio_buffer.speech_started"), 0);
}

#[test]
fn a_turn_longer_than_a_minute_keeps_its_last_minute() {
    let mut client = Client::new(ParrotConfig::default());
    client.update(json!({"turn_detection": null}));
    for _ in 0..7 {
        client.append(&tone(10_000, SPEECH_PEAK, 0));
    }
    client.send(json!({"type": "input_audio_buffer.commit"}));
    assert_eq!(roles(client.parrot.items()), [("user", 60_000)]);
}

fn roles(items: &[Item]) -> Vec<(&str, u32)> {
    items.iter().map(|item| (item.role.as_str(), item.audio_ms)).collect()
}
