//! A server of OpenAI's dialect (protocol §12): the parrot, with the session object and the names of that dialect, and with
//! what other servers lack.
//!
//! It refuses what OpenAI refuses: a flat session, and the flat names in what a client creates.

use std::collections::VecDeque;
use std::time::Duration;

use mynah::parrot::{Parrot, ParrotConfig};
use serde_json::{Value, json};

/// What a server makes of `turn_detection: null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NullTurns {
    /// It detects no turns.
    #[default]
    Taken,
    /// It answers with an error.
    Refused,
    /// It says that it detects turns nevertheless.
    Kept,
    /// It says that it detects none, and does.
    Ignored,
}

/// In what a server differs from OpenAI's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GaQuirks {
    pub(crate) null_turns: NullTurns,
    /// Whether it answers turns that it was asked not to answer.
    pub(crate) answers_unasked: bool,
    /// Client events that it does not know.
    pub(crate) unknown_events: &'static [&'static str],
    /// Whether an error names the event only in its message.
    pub(crate) echoes_no_id: bool,
    /// Fields of the session that it does not know, by their paths.
    pub(crate) unknown_fields: &'static [&'static str],
    /// Whether it confirms no truncation.
    pub(crate) confirms_no_truncation: bool,
    /// Whether it sends no `session.created`.
    pub(crate) omits_session_created: bool,
}

/// One session.
pub(crate) struct GaServer {
    parrot: Parrot,
    quirks: GaQuirks,
    session: Value,
    /// The paths of the fields that it knows.
    known: Vec<String>,
    ready: VecDeque<Value>,
}

impl GaServer {
    pub(crate) fn new(config: ParrotConfig, quirks: GaQuirks, seed: u64) -> Self {
        let session = json!({
            "type": "realtime", "object": "realtime.session", "id": format!("sess_{seed}"), "model": "gpt-realtime",
            "output_modalities": ["audio"], "instructions": "Be a parrot.", "tools": [], "tool_choice": "auto",
            "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null,
            "expires_at": config.expires_at, "include": null,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000}, "transcription": null, "noise_reduction": null,
                    "turn_detection": {
                        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
                        "idle_timeout_ms": null, "create_response": true, "interrupt_response": true,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
            },
        });
        Self {
            parrot: Parrot::new(config, seed, Duration::ZERO),
            quirks,
            known: paths(&session, ""),
            session,
            ready: VecDeque::new(),
        }
    }

    pub(crate) fn receive(&mut self, text: &str, now: Duration) {
        let mut event: Value = serde_json::from_str(text).unwrap();
        let kind = event["type"].as_str().unwrap().to_owned();
        if self.quirks.unknown_events.contains(&&*kind) {
            return self.refuse(
                &event,
                "unknown_or_invalid_event",
                Value::Null,
                &format!("Unknown or invalid event: {kind}"),
            );
        }
        match &*kind {
            "session.update" => match self.update(&event["session"]) {
                Ok(flat) => event["session"] = flat,
                Err((code, param)) => {
                    return self.refuse(&event, code, json!(param), &format!("{code}: '{param}'."));
                }
            },
            "conversation.item.create" => {
                let part = &event["item"]["content"][0]["type"];
                if event["item"]["role"] == "assistant" && part != "output_text" {
                    return self.refuse(
                        &event,
                        "invalid_value",
                        json!("item.content[0].type"),
                        "Expected output_text.",
                    );
                }
            }
            _ => {}
        }
        self.parrot.receive(&event.to_string(), now);
    }

    pub(crate) fn next_message(&mut self, now: Duration) -> Option<String> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event.to_string());
            }
            let text = self.parrot.next_message(now)?;
            self.translate(serde_json::from_str(&text).unwrap());
        }
    }

    pub(crate) fn parrot(&self) -> &Parrot {
        &self.parrot
    }

    /// Takes an update, and returns it for the parrot.
    fn update(&mut self, update: &Value) -> Result<Value, (&'static str, String)> {
        if update["type"] != "realtime" {
            return Err(("missing_required_parameter", "session.type".to_owned()));
        }
        let unknown = |path: &str| ("unknown_parameter", format!("session.{path}"));
        for path in paths(update, "") {
            let is_known = self.known.contains(&path) || OPTIONAL.contains(&&*path);
            if !is_known || self.quirks.unknown_fields.contains(&&*path) {
                return Err(unknown(&path));
            }
        }
        let input = &update["audio"]["input"];
        let turns = &input["turn_detection"];
        if turns["type"].is_string()
            && !["server_vad", "semantic_vad"].contains(&turns["type"].as_str().unwrap())
        {
            return Err(("invalid_value", "session.audio.input.turn_detection.type".to_owned()));
        }
        if let Some(voice) = update["audio"]["output"].get("voice").filter(|voice| !voice.is_string()) {
            return Err(("invalid_value", format!("session.audio.output.voice: {voice}")));
        }
        if turns.is_null() && self.quirks.null_turns == NullTurns::Refused {
            return Err(("invalid_value", "session.audio.input.turn_detection".to_owned()));
        }
        let kept = self.session["audio"]["input"]["turn_detection"].clone();
        merge(&mut self.session, update);
        let mut flat = json!({"modalities": ["text", "audio"], "instructions": update["instructions"]});
        if !turns.is_null() || self.quirks.null_turns == NullTurns::Taken {
            flat["turn_detection"] = turns.clone();
        }
        if self.quirks.answers_unasked && flat["turn_detection"].is_object() {
            flat["turn_detection"]["create_response"] = json!(true);
        }
        if turns.is_null() && self.quirks.null_turns == NullTurns::Kept {
            self.session["audio"]["input"]["turn_detection"] = kept;
        }
        if self.quirks.answers_unasked && self.quirks.null_turns == NullTurns::Kept {
            self.session["audio"]["input"]["turn_detection"]["create_response"] = json!(true);
        }
        Ok(flat)
    }

    /// Queues what this server sends for an event of the parrot.
    fn translate(&mut self, mut event: Value) {
        let kind = event["type"].as_str().unwrap().to_owned();
        if kind == "session.created" && self.quirks.omits_session_created {
            return;
        }
        if kind == "conversation.item.truncated" && self.quirks.confirms_no_truncation {
            return;
        }
        if kind.starts_with("session.") {
            event["session"] = self.session.clone();
        }
        for part in event["response"]["output"].as_array_mut().into_iter().flatten() {
            for content in part["content"].as_array_mut().into_iter().flatten() {
                content["type"] = json!(format!("output_{}", content["type"].as_str().unwrap()));
            }
        }
        for (flat, nested) in NAMES {
            if let Some(rest) = kind.strip_prefix(flat) {
                event["type"] = json!(format!("{nested}{rest}"));
            }
        }
        if kind == "conversation.item.created" {
            event["type"] = json!("conversation.item.added");
            self.ready.push_back(event.clone());
            event["type"] = json!("conversation.item.done");
            if event["item"]["status"] != "completed" {
                return;
            }
        }
        self.ready.push_back(event);
    }

    fn refuse(&mut self, event: &Value, code: &str, param: Value, message: &str) {
        let event_id = if self.quirks.echoes_no_id { Value::Null } else { event["event_id"].clone() };
        let error = json!({
            "type": "invalid_request_error", "code": code, "message": message, "param": param, "event_id": event_id,
        });
        self.ready.push_back(json!({"type": "error", "event_id": "event_refused", "error": error}));
    }
}

const NAMES: [(&str, &str); 3] = [
    ("response.audio.", "response.output_audio."),
    ("response.audio_transcript.", "response.output_audio_transcript."),
    ("response.text.", "response.output_text."),
];

/// Fields that the first session object does not show.
const OPTIONAL: [&str; 5] = [
    "audio.input.transcription.model",
    "audio.input.transcription.language",
    "audio.input.transcription.prompt",
    "audio.input.noise_reduction.type",
    "audio.input.turn_detection.eagerness",
];

/// Returns the paths of all fields.
fn paths(value: &Value, path: &str) -> Vec<String> {
    let fields = value.as_object().into_iter().flatten();
    fields
        .flat_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let mut all = paths(value, &path);
            all.push(path);
            all
        })
        .collect()
}

/// Objects of the session are merged; a `turn_detection` is taken whole.
fn merge(session: &mut Value, update: &Value) {
    for (key, value) in update.as_object().into_iter().flatten() {
        if value.is_object() && session[key].is_object() && key != "turn_detection" {
            merge(&mut session[key], value);
        } else {
            session[key] = value.clone();
        }
    }
}
