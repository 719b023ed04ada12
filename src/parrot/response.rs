//! The parrot's output side: what it answers, step by step, and what stops it.

use super::dsp::{PER_MS, chirp};
use super::error::EventError;
use super::input_audio::seconds;
use super::response_stream::{ResponseContent, ResponseEnd, ResponseStream, item_status};
use super::session::SessionSettings;
use super::{Parrot, items};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The most of a written message that is said, in characters.
const MESSAGE_CHARS_MAX: usize = 2000;
/// The most of what was said before that is said again with an answer, in characters.
const LONGEST_QUOTE: usize = 80;
const DELTA: Duration = Duration::from_millis(200);

impl Parrot {
    /// `response.create`, and what a turn detector does by itself when it asks for nothing.
    pub(super) fn create_response(&mut self, asked: Option<&Value>) -> Result<(), EventError> {
        let nothing = json!({});
        let asked = asked.unwrap_or(&nothing);
        SessionSettings::check_response(asked)?;
        if let Some(active) = &self.reply {
            let message = format!("'{}' is being said; wait until it is done.", active.id);
            return Err(EventError::new("conversation_already_has_active_response", None, message));
        }
        let constant = self.constant(asked);
        let mut answer = self.answer(asked)?;
        answer.is_spoken =
            constant["modalities"].as_array().is_some_and(|all| all.iter().any(|one| one == "audio"));
        let (id, item_id) = (self.ids.next("resp"), self.ids.next("item"));
        let reply = ResponseStream::new(id, item_id, answer, constant, self.now + self.config.think);
        self.send(reply.created());
        self.reply = Some(reply);
        Ok(())
    }

    /// `response.cancel`.
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

    /// The next step of the reply, whose time has come.
    pub(super) fn advance(&mut self) {
        let Some(mut reply) = self.reply.take() else { return };
        if !reply.has_begun() {
            let previous = self.items.last_id().map(str::to_owned);
            // The id is fresh, so the memory takes it.
            let _ = self.items.insert(reply.item("in_progress"), 0, None);
            self.playback.begin(&reply.item_id, self.now);
            reply.begin(previous.as_deref()).into_iter().for_each(|event| self.send(event));
        } else if reply.is_told() {
            self.finish(&reply, ResponseEnd::Completed);
            return;
        }
        reply.next_words().into_iter().for_each(|event| self.send(event));
        self.send_audio(&mut reply);
        reply.due += DELTA.checked_div(self.config.pace).unwrap_or_default();
        self.reply = Some(reply);
    }

    /// One audio delta, if there is one left.
    pub(super) fn send_audio(&mut self, reply: &mut ResponseStream) {
        let Some((event, samples)) = reply.next_audio() else { return };
        self.playback.extend(samples, self.now);
        self.has_spoken = true;
        self.send(event);
        if let Ok(item) = self.items.find(&reply.item_id) {
            item.audio_ms = u32::try_from(reply.sent_ms()).unwrap_or(u32::MAX);
        }
    }

    /// Closes the reply, and remembers the item as it ended.
    pub(super) fn finish(&mut self, reply: &ResponseStream, end: ResponseEnd) {
        if let Ok(item) = self.items.find(&reply.item_id) {
            item.body = reply.item(item_status(end));
            if let Some(heard_ms) = item.heard_ms {
                item.cut(heard_ms);
            }
        }
        reply.close(end).into_iter().for_each(|event| self.send(event));
    }

    /// What to say: the message it was given, or what it heard last, or what it was written last.
    fn answer(&mut self, asked: &Value) -> Result<ResponseContent, EventError> {
        if let Some(given) = asked.get("pre_generated_assistant_message").filter(|given| !given.is_null()) {
            const PARAM: &str = "response.pre_generated_assistant_message";
            let message = items::checked(given, PARAM)?;
            return match items::text_of(&message) {
                Some(text) if message["role"] == "assistant" => Ok(chirped(text)),
                Some(_) | None => {
                    Err(EventError::value(PARAM, "This must be an assistant's message with text."))
                }
            };
        }
        let mut written = None;
        for key in ["input_items", "append_input_items"] {
            for item in asked[key].as_array().into_iter().flatten() {
                let item = items::checked(item, &format!("response.{key}"))?;
                written = items::text_of(&item).map(chirped).or(written);
            }
        }
        if let Some(answer) = written {
            return Ok(answer);
        }
        let Some(last) = self.items.last_heard() else {
            return Ok(chirped("Say something, and I will say it again."));
        };
        Ok(match (&self.heard, items::text_of(&last.body)) {
            (Some((id, speech)), _) if *id == last.id => {
                let mut answer = repeated(speech);
                if let Some(before) = self.items.last_written() {
                    // What it was told of an earlier session, it shows that it knows.
                    answer.words += &format!(" Before, somebody said: {}", clipped(before));
                }
                answer
            }
            (_, Some(text)) => chirped(text),
            (_, None) => chirped("I no longer remember what you said."),
        })
    }

    fn constant(&self, asked: &Value) -> Map<String, Value> {
        let session = self.settings.session();
        let pick = |key: &str| asked.get(key).filter(|given| !given.is_null()).unwrap_or(&session[key]);
        let mut constant = Map::new();
        constant.insert("conversation_id".to_owned(), json!(self.conversation_id));
        for key in ["modalities", "voice", "output_audio_format"] {
            constant.insert(key.to_owned(), pick(key).clone());
        }
        constant.insert("temperature".to_owned(), session.get("temperature").cloned().unwrap_or_default());
        constant.insert("max_output_tokens".to_owned(), session["max_response_output_tokens"].clone());
        constant.insert("metadata".to_owned(), asked.get("metadata").cloned().unwrap_or_default());
        constant
    }
}

fn repeated(speech: &[i16]) -> ResponseContent {
    if speech.is_empty() {
        return chirped("I heard nothing but silence.");
    }
    ResponseContent {
        words: format!("I heard {}; here it is again.", seconds(speech.len())),
        audio: speech.to_vec(),
        is_spoken: true,
        heard_ms: speech.len() / PER_MS,
    }
}

/// The beginning of `text`, enough to know it by.
fn clipped(text: &str) -> String {
    text.chars().take(LONGEST_QUOTE).collect()
}

fn chirped(text: &str) -> ResponseContent {
    let words: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
    ResponseContent { audio: chirp(&words), words, is_spoken: true, heard_ms: 0 }
}
