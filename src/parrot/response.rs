//! Creates, advances and cancels responses, and chooses their content: the user's audio, or tones for a text.
//!
//! One response is active at a time.

use super::dsp::{SAMPLES_PER_MS, chirp};
use super::error::EventError;
use super::input_audio::seconds;
use super::response_stream::{ResponseContent, ResponseEnd, ResponseStream, item_status};
use super::session::SessionSettings;
use super::{Parrot, items};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Limit of a text that is spoken as tones, in characters.
const TEXT_CHARS_MAX: usize = 2000;
/// Limit of the earlier text that a reply quotes, in characters.
const QUOTE_CHARS_MAX: usize = 80;
/// Duration of one audio delta.
const DELTA_DURATION: Duration = Duration::from_millis(200);

impl Parrot {
    /// Handles `response.create`, and starts the response to a detected turn, where `request` is `None`.
    pub(super) fn create_response(&mut self, request: Option<&Value>) -> Result<(), EventError> {
        let empty = json!({});
        let request = request.unwrap_or(&empty);
        SessionSettings::check_response(request)?;
        if let Some(active) = &self.reply {
            let message = format!("'{}' is being said; wait until it is done.", active.id);
            return Err(EventError::new("conversation_already_has_active_response", None, message));
        }
        let constant = self.constant(request);
        let mut answer = self.answer(request)?;
        answer.is_spoken =
            constant["modalities"].as_array().is_some_and(|all| all.iter().any(|one| one == "audio"));
        let (id, item_id) = (self.ids.next("resp"), self.ids.next("item"));
        let reply = ResponseStream::new(id, item_id, answer, constant, self.now + self.config.think);
        self.send(reply.created());
        self.reply = Some(reply);
        Ok(())
    }

    /// Handles `response.cancel`.
    pub(super) fn cancel_response(&mut self, id: Option<&str>) -> Result<(), EventError> {
        match self.reply.take_if(|reply| id.is_none_or(|id| id == reply.id)) {
            Some(reply) => {
                self.playback.stop(self.now);
                self.finish(&reply, ResponseEnd::ClientCancelled);
                Ok(())
            }
            None => {
                let message = "Nothing like that is being said, so there is nothing to cancel.";
                Err(EventError::new("response_cancel_not_active", None, message))
            }
        }
    }

    /// Sends the events of the reply that are due: its start, the next words and audio, or its end.
    pub(super) fn advance(&mut self) {
        let Some(mut reply) = self.reply.take() else { return };
        if !reply.has_started() {
            let previous = self.items.last_id().map(str::to_owned);
            // The id is new, so this cannot fail.
            let _ = self.items.insert(reply.item("in_progress"), 0, None);
            self.playback.start(&reply.item_id, self.now);
            reply.start(previous.as_deref()).into_iter().for_each(|event| self.send(event));
        } else if reply.is_drained() {
            self.finish(&reply, ResponseEnd::Completed);
            return;
        }
        reply.next_words().into_iter().for_each(|event| self.send(event));
        self.send_audio(&mut reply);
        reply.due += DELTA_DURATION.checked_div(self.config.pace).unwrap_or_default();
        self.reply = Some(reply);
    }

    /// Sends the next audio delta, if there is one left.
    pub(super) fn send_audio(&mut self, reply: &mut ResponseStream) {
        let Some((event, samples)) = reply.next_audio() else { return };
        self.playback.extend(samples, self.now);
        self.has_spoken = true;
        self.send(event);
        if let Ok(item) = self.items.find(&reply.item_id) {
            item.audio_ms = u32::try_from(reply.sent_ms()).unwrap_or(u32::MAX);
        }
    }

    /// Sends the closing events and stores the item's final state.
    pub(super) fn finish(&mut self, reply: &ResponseStream, end: ResponseEnd) {
        if let Ok(item) = self.items.find(&reply.item_id) {
            item.body = reply.item(item_status(end));
            if let Some(heard_ms) = item.heard_ms {
                item.truncate(heard_ms);
            }
        }
        reply.close(end).into_iter().for_each(|event| self.send(event));
    }

    /// Returns the content of the reply: the message in the request, or an answer to the last user item.
    fn answer(&mut self, request: &Value) -> Result<ResponseContent, EventError> {
        if let Some(value) = request.get("pre_generated_assistant_message").filter(|value| !value.is_null()) {
            const PARAM: &str = "response.pre_generated_assistant_message";
            let message = items::check_item(value, PARAM)?;
            return match items::text_of(&message) {
                Some(text) if message["role"] == "assistant" => Ok(chirp_reply(text)),
                Some(_) | None => {
                    Err(EventError::value(PARAM, "This must be an assistant's message with text."))
                }
            };
        }
        let mut text_reply = None;
        for key in ["input_items", "append_input_items"] {
            for item in request[key].as_array().into_iter().flatten() {
                let item = items::check_item(item, &format!("response.{key}"))?;
                text_reply = items::text_of(&item).map(chirp_reply).or(text_reply);
            }
        }
        if let Some(answer) = text_reply {
            return Ok(answer);
        }
        let Some(last) = self.items.last_input() else {
            return Ok(chirp_reply("Say something, and I will say it again."));
        };
        Ok(match (&self.last_speech, items::text_of(&last.body)) {
            (Some((id, speech)), _) if *id == last.id => {
                let mut answer = repeat_reply(speech);
                if let Some(before) = self.items.last_text() {
                    // The quote shows that the client has restored the messages of an earlier session.
                    answer.words += &format!(" Before, somebody said: {}", quote(before));
                }
                answer
            }
            (_, Some(text)) => chirp_reply(text),
            (_, None) => chirp_reply("I no longer remember what you said."),
        })
    }

    fn constant(&self, request: &Value) -> Map<String, Value> {
        let session = self.settings.session();
        let pick = |key: &str| request.get(key).filter(|value| !value.is_null()).unwrap_or(&session[key]);
        let mut constant = Map::new();
        constant.insert("conversation_id".to_owned(), json!(self.conversation_id));
        for key in ["modalities", "voice", "output_audio_format"] {
            constant.insert(key.to_owned(), pick(key).clone());
        }
        constant.insert("temperature".to_owned(), session.get("temperature").cloned().unwrap_or_default());
        constant.insert("max_output_tokens".to_owned(), session["max_response_output_tokens"].clone());
        constant.insert("metadata".to_owned(), request.get("metadata").cloned().unwrap_or_default());
        constant
    }
}

fn repeat_reply(speech: &[i16]) -> ResponseContent {
    if speech.is_empty() {
        return chirp_reply("I heard nothing but silence.");
    }
    ResponseContent {
        words: format!("I heard {}; here it is again.", seconds(speech.len())),
        audio: speech.to_vec(),
        is_spoken: true,
        heard_ms: speech.len() / SAMPLES_PER_MS,
    }
}

/// Returns the start of `text`.
fn quote(text: &str) -> String {
    text.chars().take(QUOTE_CHARS_MAX).collect()
}

fn chirp_reply(text: &str) -> ResponseContent {
    let words: String = text.chars().take(TEXT_CHARS_MAX).collect();
    ResponseContent { audio: chirp(&words), words, is_spoken: true, heard_ms: 0 }
}
