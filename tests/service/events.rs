//! Constructors of server events for scripts, with the fields of protocol §7.

use super::Step;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mynah::parrot::{Parrot, ParrotConfig};
use serde_json::{Value, json};
use std::time::Duration;

/// Returns `session.created` as the real service sends it.
pub(crate) fn session_created() -> Value {
    session(None)
}

/// Returns the steps that open a session of an hour, and then state that it expires after `left_s` seconds.
pub(crate) fn opening_with(left_s: u64) -> Vec<Step> {
    let mut created = session_created();
    created["session"]["expires_at"] = json!(ParrotConfig::default().expires_at - 3600 + left_s);
    [opening(), vec![Step::Send(created)]].concat()
}

/// Returns the answer to a `session.update`: the complete effective session, or an error.
pub(crate) fn session_updated(update: &Value) -> Value {
    if update["session"]["type"] == "realtime" {
        return event("session.updated", json!({"session": update["session"]}));
    }
    session(Some(update))
}

/// Returns the steps that open a session: `session.created`, and the answer to `session.update`.
pub(crate) fn opening() -> Vec<Step> {
    vec![Step::Send(session_created()), Step::Expect("session.update"), Step::Answer(session_updated)]
}

/// Returns events as steps of a script.
pub(crate) fn sent(events: impl IntoIterator<Item = Value>) -> Vec<Step> {
    events.into_iter().map(Step::Send).collect()
}

pub(crate) fn speech_started(item_id: &str, audio_start_ms: u64) -> Value {
    event("input_audio_buffer.speech_started", json!({"audio_start_ms": audio_start_ms, "item_id": item_id}))
}

pub(crate) fn speech_stopped(item_id: &str, audio_end_ms: u64) -> Value {
    event("input_audio_buffer.speech_stopped", json!({"audio_end_ms": audio_end_ms, "item_id": item_id}))
}

pub(crate) fn committed(item_id: &str) -> Value {
    event("input_audio_buffer.committed", json!({"previous_item_id": null, "item_id": item_id}))
}

pub(crate) fn cleared() -> Value {
    event("input_audio_buffer.cleared", json!({}))
}

/// `conversation.item.created` of a user's spoken item.
pub(crate) fn user_item_created(item_id: &str) -> Value {
    event("conversation.item.created", json!({"previous_item_id": null, "item": user_item(item_id)}))
}

/// `conversation.item.done`, which the real service sends although it is undocumented (protocol §7.2).
pub(crate) fn user_item_done(item_id: &str) -> Value {
    event("conversation.item.done", json!({"previous_item_id": null, "item": user_item(item_id)}))
}

pub(crate) fn transcription_completed(item_id: &str, transcript: &str) -> Value {
    event(
        "conversation.item.input_audio_transcription.completed",
        json!({"item_id": item_id, "content_index": 0, "transcript": transcript}),
    )
}

pub(crate) fn transcription_failed(item_id: &str) -> Value {
    let error =
        json!({"type": "server_error", "code": "DeploymentNotFound", "message": "No model.", "param": null});
    event(
        "conversation.item.input_audio_transcription.failed",
        json!({"item_id": item_id, "content_index": 0, "error": error}),
    )
}

pub(crate) fn response_created(response_id: &str) -> Value {
    event(
        "response.created",
        json!({"response": response(response_id, "in_progress", Value::Null, json!([]))}),
    )
}

pub(crate) fn output_item_added(response_id: &str, item_id: &str) -> Value {
    let item = assistant_item(item_id, "in_progress", None);
    event("response.output_item.added", json!({"response_id": response_id, "output_index": 0, "item": item}))
}

/// `conversation.item.created` of the assistant's item, which comes right after `output_item_added`.
pub(crate) fn assistant_item_created(item_id: &str, previous_item_id: &str) -> Value {
    let item = assistant_item(item_id, "in_progress", None);
    event("conversation.item.created", json!({"previous_item_id": previous_item_id, "item": item}))
}

pub(crate) fn content_part_added(response_id: &str, item_id: &str) -> Value {
    let part = json!({"type": "audio", "transcript": ""});
    part_event("response.content_part.added", response_id, item_id, "part", part)
}

pub(crate) fn transcript_delta(response_id: &str, item_id: &str, delta: &str) -> Value {
    part_event("response.audio_transcript.delta", response_id, item_id, "delta", json!(delta))
}

pub(crate) fn audio_delta(response_id: &str, item_id: &str, samples: &[i16]) -> Value {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    audio_delta_of(response_id, item_id, &STANDARD.encode(bytes))
}

/// Returns an audio delta with any text as its base64.
pub(crate) fn audio_delta_of(response_id: &str, item_id: &str, base64: &str) -> Value {
    part_event("response.audio.delta", response_id, item_id, "delta", json!(base64))
}

pub(crate) fn audio_done(response_id: &str, item_id: &str) -> Value {
    event("response.audio.done", position(response_id, item_id))
}

pub(crate) fn transcript_done(response_id: &str, item_id: &str, transcript: &str) -> Value {
    part_event("response.audio_transcript.done", response_id, item_id, "transcript", json!(transcript))
}

pub(crate) fn content_part_done(response_id: &str, item_id: &str, transcript: &str) -> Value {
    let part = json!({"type": "audio", "transcript": transcript});
    part_event("response.content_part.done", response_id, item_id, "part", part)
}

/// `status`: `completed` or `incomplete`.
pub(crate) fn output_item_done(response_id: &str, item_id: &str, status: &str, transcript: &str) -> Value {
    let item = assistant_item(item_id, status, Some(transcript));
    event("response.output_item.done", json!({"response_id": response_id, "output_index": 0, "item": item}))
}

/// `response.done`, completed.
pub(crate) fn response_completed(response_id: &str) -> Value {
    event("response.done", json!({"response": response(response_id, "completed", Value::Null, json!([]))}))
}

/// `response.done`, cancelled; `reason`: `turn_detected` or `client_cancelled`.
pub(crate) fn response_cancelled(response_id: &str, reason: &str) -> Value {
    let details = json!({"type": "cancelled", "reason": reason});
    event("response.done", json!({"response": response(response_id, "cancelled", details, json!([]))}))
}

/// `response.done`, failed.
pub(crate) fn response_failed(response_id: &str, code: &str) -> Value {
    let details =
        json!({"type": "failed", "error": {"type": "server_error", "code": code, "message": "It broke."}});
    event("response.done", json!({"response": response(response_id, "failed", details, json!([]))}))
}

pub(crate) fn truncated(item_id: &str, audio_end_ms: u64) -> Value {
    event(
        "conversation.item.truncated",
        json!({"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}),
    )
}

/// `error`; `event_id` is the client event it is about.
pub(crate) fn error(code: &str, event_id: Option<&str>) -> Value {
    let error = json!({
        "type": "invalid_request_error", "code": code, "message": "An error of a test.", "param": null,
        "event_id": event_id,
    });
    event("error", json!({"error": error}))
}

/// Returns an event of any type, known or unknown, with an `event_id`.
pub(crate) fn event(kind: &str, body: Value) -> Value {
    let mut event = body;
    event["type"] = json!(kind);
    event["event_id"] = json!(format!("event_of_{}", kind.replace('.', "_")));
    event
}

/// Returns the events of a detected user turn, up to its item.
pub(crate) fn user_turn(item_id: &str) -> Vec<Value> {
    vec![
        speech_started(item_id, 0),
        speech_stopped(item_id, 1000),
        committed(item_id),
        user_item_created(item_id),
        user_item_done(item_id),
    ]
}

/// Returns the start of a spoken reply, up to its first delta.
pub(crate) fn reply_begun(response_id: &str, item_id: &str) -> Vec<Value> {
    vec![
        response_created(response_id),
        output_item_added(response_id, item_id),
        assistant_item_created(item_id, "item_before"),
        content_part_added(response_id, item_id),
    ]
}

/// Returns `samples` as audio deltas of 200 ms.
pub(crate) fn audio_deltas(response_id: &str, item_id: &str, samples: &[i16]) -> Vec<Value> {
    samples.chunks(4800).map(|chunk| audio_delta(response_id, item_id, chunk)).collect()
}

/// Returns the end of a completed spoken reply, `response.done` last.
pub(crate) fn reply_ended(response_id: &str, item_id: &str, transcript: &str) -> Vec<Value> {
    vec![
        audio_done(response_id, item_id),
        transcript_done(response_id, item_id, transcript),
        content_part_done(response_id, item_id, transcript),
        output_item_done(response_id, item_id, "completed", transcript),
        response_completed(response_id),
    ]
}

/// Returns the end of a reply that the user has interrupted.
pub(crate) fn reply_interrupted(response_id: &str, item_id: &str) -> Vec<Value> {
    vec![
        audio_done(response_id, item_id),
        transcript_done(response_id, item_id, ""),
        content_part_done(response_id, item_id, ""),
        output_item_done(response_id, item_id, "incomplete", ""),
        response_cancelled(response_id, "turn_detected"),
    ]
}

/// Returns a complete spoken reply.
pub(crate) fn reply(response_id: &str, item_id: &str, transcript: &str, samples: &[i16]) -> Vec<Value> {
    let mut events = reply_begun(response_id, item_id);
    events.push(transcript_delta(response_id, item_id, transcript));
    events.extend(audio_deltas(response_id, item_id, samples));
    events.extend(reply_ended(response_id, item_id, transcript));
    events
}

/// Returns the parrot's session event: `session.created`, or the answer to `update`.
fn session(update: Option<&Value>) -> Value {
    let mut parrot = Parrot::new(ParrotConfig::default(), 11, Duration::ZERO);
    let mut last = parrot.next_message(Duration::ZERO).unwrap();
    if let Some(update) = update {
        parrot.receive(&update.to_string(), Duration::ZERO);
        last = parrot.next_message(Duration::ZERO).unwrap();
    }
    serde_json::from_str(&last).unwrap()
}

fn user_item(item_id: &str) -> Value {
    json!({
        "id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
        "content": [{"type": "input_audio", "transcript": null}],
    })
}

fn assistant_item(item_id: &str, status: &str, transcript: Option<&str>) -> Value {
    let content = transcript.map(|text| json!({"type": "audio", "transcript": text}));
    json!({
        "id": item_id, "object": "realtime.item", "type": "message", "status": status, "role": "assistant",
        "content": content.into_iter().collect::<Vec<_>>(),
    })
}

fn response(id: &str, status: &str, details: Value, output: Value) -> Value {
    json!({
        "id": id, "object": "realtime.response", "status": status, "status_details": details, "output": output,
        "usage": null, "conversation_id": "conv_of_tests", "modalities": ["audio", "text"],
        "voice": {"type": "openai", "name": "alloy"}, "output_audio_format": "pcm16", "temperature": null,
        "max_output_tokens": "inf", "metadata": null,
    })
}

fn position(response_id: &str, item_id: &str) -> Value {
    json!({"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0})
}

fn part_event(kind: &str, response_id: &str, item_id: &str, key: &str, value: Value) -> Value {
    let mut body = position(response_id, item_id);
    body[key] = value;
    event(kind, body)
}
