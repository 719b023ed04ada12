//! Handles client events about items: create, retrieve, truncate, delete (protocol §6.1). It stores none
//! itself.

use super::Parrot;
use super::dsp::{SAMPLES_PER_MS, decode_pcm16, halve, trim};
use super::error::{EventError, require_text};
use super::schema::{Fields, Schema};
use Schema::{Anything, Flag, OneOf, OrNull, Text, Typed};
use serde_json::{Map, Value, json};

/// Limit of an item without its audio, in bytes of JSON.
const ITEM_BYTES_MAX: usize = 64 * 1024;

impl Parrot {
    /// Handles `conversation.item.create`. Audio in the item is repeated like spoken audio.
    pub(super) fn create_item(&mut self, event: &Map<String, Value>) -> Result<(), EventError> {
        let given = event.get("item").ok_or_else(|| EventError::missing("item"))?;
        let mut item = check_item(given, "item")?;
        if item["id"].as_str().is_none_or(str::is_empty) {
            item["id"] = json!(self.ids.next("item"));
        }
        let audio = audio_of(given)?;
        let after = match event.get("previous_item_id") {
            None | Some(Value::Null) => None,
            Some(_) => Some(require_text(event, "", "previous_item_id")?),
        };
        let previous = match after {
            None => self.items.last_id(),
            Some("root") => None,
            Some(after) => Some(after),
        };
        let created = json!({"previous_item_id": previous, "item": item});
        if created.to_string().len() > ITEM_BYTES_MAX {
            return Err(EventError::value(
                "item",
                format!("An item is at most {ITEM_BYTES_MAX} bytes without its audio."),
            ));
        }
        let audio_ms =
            audio.as_ref().map_or(0, |audio| u32::try_from(audio.len() / SAMPLES_PER_MS).unwrap_or(u32::MAX));
        let id = item["id"].as_str().unwrap_or_default().to_owned();
        self.items.insert(item, audio_ms, after)?;
        if let Some(audio) = audio {
            self.last_speech = Some((id, halve(trim(&audio))));
        }
        self.send(("conversation.item.created", created));
        Ok(())
    }

    /// Handles `conversation.item.retrieve`. The answer contains no audio, since the parrot keeps none.
    pub(super) fn retrieve_item(&mut self, id: &str) -> Result<(), EventError> {
        let item = self.items.find(id)?.body.clone();
        self.send(("conversation.item.retrieved", json!({"item": item})));
        Ok(())
    }

    /// Handles `conversation.item.truncate`.
    pub(super) fn truncate_item(&mut self, event: &Map<String, Value>) -> Result<(), EventError> {
        let whole = |key: &str| {
            let value = event.get(key).ok_or_else(|| EventError::missing(key))?;
            value.as_u64().ok_or_else(|| EventError::value(key, "This must be a whole number, not negative."))
        };
        let id = require_text(event, "", "item_id")?;
        let (content_index, audio_end_ms) = (whole("content_index")?, whole("audio_end_ms")?);
        self.items.truncate(id, content_index, audio_end_ms)?;
        self.playback.drop_item(id, self.now);
        let body = json!({"item_id": id, "content_index": content_index, "audio_end_ms": audio_end_ms});
        self.send(("conversation.item.truncated", body));
        Ok(())
    }

    /// Handles `conversation.item.delete`.
    pub(super) fn delete_item(&mut self, id: &str) -> Result<(), EventError> {
        self.items.find(id)?.deleted = true;
        self.playback.drop_item(id, self.now);
        self.send(("conversation.item.deleted", json!({"item_id": id})));
        Ok(())
    }
}

/// Checks the client's item at path `param` and returns it as the service shows it.
pub(super) fn check_item(given: &Value, param: &str) -> Result<Value, EventError> {
    ITEM.check(given, param)?;
    let mut item = given.clone();
    item["object"] = json!("realtime.item");
    if item["status"].is_null() {
        item["status"] = json!("completed");
    }
    if item["type"] != "message" {
        return Ok(item);
    }
    let parts = match item["role"].as_str() {
        Some("user") => &USER_PART,
        Some("assistant") => &ASSISTANT_PART,
        Some(_) | None => &SYSTEM_PART,
    };
    let param = format!("{param}.content");
    let content = item["content"].as_array_mut();
    for (at, part) in content.ok_or_else(|| not_an_array(&param))?.iter_mut().enumerate() {
        parts.check(part, &format!("{param}[{at}]"))?;
        if part["type"] == "output_text" {
            part["type"] = json!("text");
        }
        if part["type"] == "input_audio" {
            *part = json!({"type": "input_audio", "transcript": part["transcript"]});
        }
    }
    Ok(item)
}

/// Returns the first text of an item.
pub(super) fn text_of(item: &Value) -> Option<&str> {
    let content = item["content"].as_array().into_iter().flatten();
    content.filter_map(|part| part["text"].as_str()).next().or(item["output"].as_str())
}

fn audio_of(item: &Value) -> Result<Option<Vec<i16>>, EventError> {
    let mut content = item["content"].as_array().into_iter().flatten();
    let Some(audio) = content.find_map(|part| part["audio"].as_str()) else { return Ok(None) };
    decode_pcm16(audio).map(Some).map_err(|message| EventError::value("item.content.audio", message))
}

fn not_an_array(param: &str) -> EventError {
    EventError::value(param, "This must be an array of content parts.")
}

/// The keys of an item: the required ones of its type, then those that every item may have.
macro_rules! item_keys {
    ($($required:expr),*) => {
        &[$($required,)* ("id", OrNull(&Text)), ("object", Text), ("status", OrNull(&OneOf(STATUSES)))]
    };
}

const STATUSES: &[&str] = &["completed", "incomplete", "in_progress"];

const ITEM: Schema = Typed(&[
    ("message", 2, item_keys!(("role", OneOf(&["system", "user", "assistant"])), ("content", Anything))),
    ("function_call", 3, item_keys!(("name", Text), ("call_id", Text), ("arguments", Text))),
    ("function_call_output", 2, item_keys!(("call_id", Text), ("output", Text))),
    ("mcp_approval_response", 2, item_keys!(("approval_request_id", Text), ("approve", Flag))),
]);

const SYSTEM_PART: Schema = Typed(&[("input_text", 1, TEXT)]);
const USER_PART: Schema = Typed(&[
    ("input_text", 1, TEXT),
    ("input_audio", 1, &[("audio", Text), ("transcript", OrNull(&Text))]),
    ("input_image", 0, &[("image_url", Text), ("detail", OneOf(&["auto", "low", "high"]))]),
]);
const ASSISTANT_PART: Schema = Typed(&[("text", 1, TEXT), ("output_text", 1, TEXT)]);
const TEXT: Fields = &[("text", Text)];
