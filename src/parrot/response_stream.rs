//! The event sequence of one reply, in the order of protocol §9.2, and when the next step is due.
//!
//! It creates events only: it stores no item and does not track playback.

use super::dsp::{SAMPLES_PER_MS, encode_pcm16};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Duration of the audio in one delta, in milliseconds.
const DELTA_MS: usize = 200;

/// An event to send: type and body.
pub(super) type OutboundEvent = (&'static str, Value);

/// A response between `response.created` and `response.done`.
#[derive(Debug)]
pub(super) struct ResponseStream {
    pub(super) id: String,
    pub(super) item_id: String,
    /// When the next step is due, on the session's time scale.
    pub(super) due: Duration,
    /// Constant keys of the response object: `conversation_id`, `voice` and so on.
    constant: Map<String, Value>,
    /// Whether the reply is audio with a transcript; otherwise it is text.
    is_spoken: bool,
    words: Vec<String>,
    words_sent: usize,
    audio: Vec<i16>,
    audio_sent: usize,
    heard_ms: usize,
    has_started: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ResponseEnd {
    Completed,
    TurnDetected,
    ClientCancelled,
}

/// The content of a reply.
#[derive(Debug)]
pub(super) struct ResponseContent {
    pub(super) words: String,
    pub(super) audio: Vec<i16>,
    pub(super) is_spoken: bool,
    /// Duration of the user audio that it answers, in milliseconds, for `usage`.
    pub(super) heard_ms: usize,
}

impl ResponseStream {
    pub(super) fn new(
        id: String,
        item_id: String,
        answer: ResponseContent,
        constant: Map<String, Value>,
        due: Duration,
    ) -> Self {
        let words = answer.words.split_inclusive(' ').map(str::to_owned).collect();
        Self {
            id,
            item_id,
            due,
            constant,
            is_spoken: answer.is_spoken,
            words,
            words_sent: 0,
            audio: if answer.is_spoken { answer.audio } else { Vec::new() },
            audio_sent: 0,
            heard_ms: answer.heard_ms,
            has_started: false,
        }
    }

    pub(super) fn has_started(&self) -> bool {
        self.has_started
    }

    /// Returns whether all words and audio are sent, so that only the closing events are left.
    pub(super) fn is_drained(&self) -> bool {
        self.has_started && self.audio_sent == self.audio.len() && self.words_sent == self.words.len()
    }

    /// Returns the duration of the audio sent, in milliseconds.
    pub(super) fn sent_ms(&self) -> usize {
        self.audio_sent / SAMPLES_PER_MS
    }

    /// Returns `response.created`, the first event.
    pub(super) fn created(&self) -> OutboundEvent {
        ("response.created", json!({"response": self.response("in_progress", Value::Null)}))
    }

    /// Returns the events that announce the item; `previous_item_id` is the item before it.
    pub(super) fn start(&mut self, previous_item_id: Option<&str>) -> Vec<OutboundEvent> {
        self.has_started = true;
        let item = self.item("in_progress");
        let part = if self.is_spoken {
            json!({"type": "audio", "transcript": ""})
        } else {
            json!({"type": "text", "text": ""})
        };
        vec![
            ("response.output_item.added", json!({"response_id": self.id, "output_index": 0, "item": item})),
            ("conversation.item.created", json!({"previous_item_id": previous_item_id, "item": item})),
            ("response.content_part.added", self.part_event("part", part)),
        ]
    }

    /// Returns the next words. They run ahead of the audio, and the last one precedes the last audio delta.
    pub(super) fn next_words(&mut self) -> Vec<OutboundEvent> {
        let sent_after = self.audio_sent + DELTA_MS * SAMPLES_PER_MS;
        let share = if sent_after >= self.audio.len() {
            self.words.len()
        } else {
            (2 * self.words.len() * sent_after).div_ceil(self.audio.len()).min(self.words.len())
        };
        let kind = if self.is_spoken { "response.audio_transcript.delta" } else { "response.text.delta" };
        let from = self.words_sent.min(share);
        self.words_sent = self.words_sent.max(share);
        self.words[from..share].iter().map(|word| (kind, self.part_event("delta", json!(word)))).collect()
    }

    /// Returns the next audio delta and its samples; `None` once all is sent.
    pub(super) fn next_audio(&mut self) -> Option<(OutboundEvent, &[i16])> {
        let from = self.audio_sent;
        let to = (from + DELTA_MS * SAMPLES_PER_MS).min(self.audio.len());
        if from == to {
            return None;
        }
        self.audio_sent = to;
        let samples = &self.audio[from..to];
        Some((("response.audio.delta", self.part_event("delta", json!(encode_pcm16(samples)))), samples))
    }

    /// Returns the closing events, `response.done` last. An item that was not announced gets none.
    pub(super) fn close(&self, end: ResponseEnd) -> Vec<OutboundEvent> {
        let (status, details) = match end {
            ResponseEnd::Completed => ("completed", Value::Null),
            ResponseEnd::TurnDetected => {
                ("cancelled", json!({"type": "cancelled", "reason": "turn_detected"}))
            }
            ResponseEnd::ClientCancelled => {
                ("cancelled", json!({"type": "cancelled", "reason": "client_cancelled"}))
            }
        };
        let mut events = Vec::new();
        if self.has_started {
            let transcript = self.transcript();
            if self.is_spoken {
                events.push(("response.audio.done", self.position()));
                events.push((
                    "response.audio_transcript.done",
                    self.part_event("transcript", json!(transcript)),
                ));
                let part = json!({"type": "audio", "transcript": transcript});
                events.push(("response.content_part.done", self.part_event("part", part)));
            } else {
                events.push(("response.text.done", self.part_event("text", json!(transcript))));
                // The real service sends an empty text here; `response.text.done` has it (protocol §7.3).
                events.push((
                    "response.content_part.done",
                    self.part_event("part", json!({"type": "text", "text": ""})),
                ));
            }
            let item = self.item(item_status(end));
            events.push((
                "response.output_item.done",
                json!({"response_id": self.id, "output_index": 0, "item": item}),
            ));
        }
        let mut response = self.response(status, details);
        response["usage"] = self.usage();
        if self.has_started {
            response["output"] = json!([self.item(item_status(end))]);
        }
        events.push(("response.done", json!({"response": response})));
        events
    }

    /// Returns the item with the words sent so far.
    pub(super) fn item(&self, status: &str) -> Value {
        let content = match (status, self.is_spoken) {
            ("in_progress", _) => json!([]),
            (_, true) => json!([{"type": "audio", "transcript": self.transcript()}]),
            (_, false) => json!([{"type": "text", "text": self.transcript()}]),
        };
        json!({
            "id": self.item_id, "object": "realtime.item", "type": "message", "status": status,
            "role": "assistant", "content": content,
        })
    }

    fn transcript(&self) -> String {
        self.words[..self.words_sent].concat().trim_end().to_owned()
    }

    fn response(&self, status: &str, details: Value) -> Value {
        let mut response = self.constant.clone();
        response.insert("object".to_owned(), json!("realtime.response"));
        response.insert("id".to_owned(), json!(self.id));
        response.insert("status".to_owned(), json!(status));
        response.insert("status_details".to_owned(), details);
        response.insert("output".to_owned(), json!([]));
        response.insert("usage".to_owned(), Value::Null);
        Value::Object(response)
    }

    fn position(&self) -> Value {
        json!({
            "response_id": self.id, "item_id": self.item_id, "output_index": 0, "content_index": 0,
        })
    }

    fn part_event(&self, key: &str, value: Value) -> Value {
        let mut body = self.position();
        body[key] = value;
        body
    }

    /// Returns token counts at the rates of protocol §4.2: 10 a second of input, 20 a second of output.
    fn usage(&self) -> Value {
        let (input_tokens, audio_tokens, text_tokens) =
            (self.heard_ms / 100, self.sent_ms() / 50, self.words_sent);
        json!({
            "total_tokens": input_tokens + audio_tokens + text_tokens,
            "input_tokens": input_tokens,
            "output_tokens": audio_tokens + text_tokens,
            "input_token_details": {
                "cached_tokens": 0, "text_tokens": 0, "audio_tokens": input_tokens, "image_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": text_tokens, "audio_tokens": audio_tokens, "reasoning_tokens": 0},
        })
    }
}

pub(super) fn item_status(end: ResponseEnd) -> &'static str {
    match end {
        ResponseEnd::Completed => "completed",
        ResponseEnd::TurnDetected | ResponseEnd::ClientCancelled => "incomplete",
    }
}
