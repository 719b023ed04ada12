//! Events of the input audio buffer, start and end of a user turn, and barge-in.
//!
//! It recognises no words: a transcript states the duration of the speech.

use super::dsp::{SAMPLES_PER_MS, decode_pcm16, halve, trim};
use super::error::EventError;
use super::input_buffer::{PAUSE_SAMPLES_MAX, TURN_SAMPLES_MAX};
use super::response_stream::ResponseEnd;
use super::session::VadSettings;
use super::turn_detector::{DetectorThresholds, FRAME_SAMPLES, SpeechChange};
use super::{DELAYED_MAX, Parrot, UserTurn};
use serde_json::{Value, json};
use std::time::Duration;

/// Shortest audio that can be committed, in milliseconds.
const COMMIT_MS_MIN: usize = 100;
/// Shortest onset while a reply plays with echo cancellation, in milliseconds.
const REPLY_ONSET_MS_MIN: u32 = 150;
/// How far below the level of the reply an onset may be while the reply plays, in dB: half the amplitude.
const BELOW_REPLY_DB: f32 = 6.0;
/// Limit of the onset that `speech_duration_ms` asks for, in milliseconds.
const ONSET_MS_MAX: u32 = 1000;
/// Delay of the user's transcription after the first delta of the reply.
const TRANSCRIPTION_DELAY: Duration = Duration::from_millis(20);

impl Parrot {
    /// Handles `input_audio_buffer.append`.
    pub(super) fn append(&mut self, audio: &str) -> Result<(), EventError> {
        let mut samples = decode_pcm16(audio).map_err(|message| EventError::value("audio", message))?;
        if self.settings.hears_reference() {
            samples = microphone(&samples).map_err(|message| EventError::value("audio", message))?;
        }
        if self.settings.hears_16_khz() {
            samples = self.upsampler.push(&samples);
        }
        for chunk in samples.chunks(FRAME_SAMPLES) {
            let is_paused = self.detection.is_some() && !self.detector.in_speech();
            self.input.write(chunk, if is_paused { PAUSE_SAMPLES_MAX } else { TURN_SAMPLES_MAX });
            self.detect_turns();
        }
        Ok(())
    }

    /// Handles `input_audio_buffer.commit`: the whole buffer becomes a user item. It starts no response.
    pub(super) fn commit(&mut self) -> Result<(), EventError> {
        if self.input.len() < COMMIT_MS_MIN * SAMPLES_PER_MS {
            let held_ms = self.input.len() / SAMPLES_PER_MS;
            let message = format!("{held_ms} ms of audio is too little: at least {COMMIT_MS_MIN} ms.");
            return Err(EventError::new("input_audio_buffer_commit_empty", None, message));
        }
        let (from, to) = (self.input.start(), self.input.end());
        let item_id = self.turn.take().map_or_else(|| self.ids.next("item"), |turn| turn.item_id);
        self.reset_turn();
        self.add_user_item(item_id, from, to);
        Ok(())
    }

    /// Handles `input_audio_buffer.clear`.
    pub(super) fn clear(&mut self) {
        self.input.clear();
        self.reset_turn();
        self.send(("input_audio_buffer.cleared", json!({})));
    }

    fn reset_turn(&mut self) {
        self.turn = None;
        self.detector.reset();
        self.analysed = self.input.end();
    }

    /// Passes every complete new frame to the turn detector.
    fn detect_turns(&mut self) {
        let Some(detection) = self.detection else {
            self.analysed = self.input.end();
            return;
        };
        while self.input.end() - self.analysed >= FRAME_SAMPLES as u64 {
            let mut frame = [0; FRAME_SAMPLES];
            self.input.copy(self.analysed, &mut frame);
            let thresholds = self.thresholds(detection);
            let change = self.detector.push(&frame, self.analysed, thresholds);
            self.analysed += FRAME_SAMPLES as u64;
            match change {
                SpeechChange::None => {}
                SpeechChange::Started(first_loud) => self.start_turn(detection, first_loud),
                SpeechChange::Ended => self.end_turn(detection),
            }
        }
    }

    fn thresholds(&self, detection: VadSettings) -> DetectorThresholds {
        let onset_ms = detection.speech_duration_ms.min(ONSET_MS_MAX);
        let silence_ms = detection.silence_duration_ms;
        match self.playback.level_db(self.now).filter(|_| self.settings.cancels_echo()) {
            None => DetectorThresholds { onset_ms, silence_ms, min_level_db: f32::NEG_INFINITY },
            Some(level_db) => DetectorThresholds {
                onset_ms: onset_ms.max(REPLY_ONSET_MS_MIN),
                silence_ms,
                min_level_db: level_db - BELOW_REPLY_DB,
            },
        }
    }

    fn start_turn(&mut self, detection: VadSettings, first_loud: u64) {
        let padding = u64::from(detection.prefix_padding_ms) * SAMPLES_PER_MS as u64;
        let from = first_loud.saturating_sub(padding).max(self.input.start());
        let item_id = self.ids.next("item");
        let body = json!({"audio_start_ms": from / SAMPLES_PER_MS as u64, "item_id": item_id});
        self.turn = Some(UserTurn { item_id, from });
        self.send(("input_audio_buffer.speech_started", body));
        if detection.interrupt_response {
            self.interrupt(detection.auto_truncate);
        }
    }

    /// Handles barge-in (protocol §9.3): cancels the reply, and truncates the item if `auto_truncate` is set.
    fn interrupt(&mut self, auto_truncate: bool) {
        let played = self.playback.stop(self.now);
        if let Some(mut reply) = self.reply.take() {
            if reply.has_started() {
                for _ in 0..self.config.late_deltas {
                    self.send_audio(&mut reply);
                }
                self.playback.stop(self.now);
            }
            self.finish(&reply, ResponseEnd::TurnDetected);
        }
        let Some((item_id, heard_ms)) = played.filter(|_| auto_truncate) else { return };
        if let Ok(item) = self.items.find(&item_id)
            && item.heard_ms.is_none()
        {
            item.truncate(heard_ms);
            let body = json!({"item_id": item_id, "content_index": 0, "audio_end_ms": heard_ms});
            self.send(("conversation.item.truncated", body));
        }
    }

    fn end_turn(&mut self, detection: VadSettings) {
        let Some(UserTurn { item_id, from }) = self.turn.take() else { return };
        let to = self.analysed;
        let body = json!({"audio_end_ms": to / SAMPLES_PER_MS as u64, "item_id": item_id});
        self.send(("input_audio_buffer.speech_stopped", body));
        self.add_user_item(item_id, from, to);
        if detection.create_response
            && let Err(error) = self.create_response(None)
        {
            self.send(("error", error.body(None)));
        }
    }

    /// Makes the audio from `from` up to `to` a user item; events in the order of protocol §9.2.
    fn add_user_item(&mut self, item_id: String, from: u64, to: u64) {
        let audio = self.input.take(from, to);
        let audio_ms = u32::try_from(audio.len() / SAMPLES_PER_MS).unwrap_or(u32::MAX);
        let speech = halve(trim(&audio));
        let transcript = format!("({} of speech)", seconds(speech.len()));
        let previous = self.items.last_id().map(str::to_owned);
        let body = json!({"previous_item_id": previous, "item_id": item_id});
        self.send(("input_audio_buffer.committed", body));
        let transcription =
            |key: &str, text: &str| json!({"item_id": item_id, "content_index": 0, key: text});
        let completed = (
            "conversation.item.input_audio_transcription.completed",
            transcription("transcript", &transcript),
        );
        let item = json!({
            "id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": [{"type": "input_audio", "transcript": Value::Null}],
        });
        let created = json!({"previous_item_id": previous, "item": item});
        if self.config.cascaded {
            self.send(completed);
            self.send(("conversation.item.created", created));
        } else {
            self.send(("conversation.item.created", created.clone()));
            self.send(("conversation.item.done", created));
            if self.settings.transcribes() {
                let delta = "conversation.item.input_audio_transcription.delta";
                let due = self.now + self.config.think + TRANSCRIPTION_DELAY;
                self.delayed.push_back((due, vec![(delta, transcription("delta", &transcript)), completed]));
                self.delayed.truncate(DELAYED_MAX);
            }
        }
        // The id is new, so this cannot fail.
        let _ = self.items.insert(item, audio_ms, None);
        self.last_speech = Some((item_id, speech));
    }
}

/// Returns the microphone's samples of two channels, of which the second one is the client's reference.
fn microphone(samples: &[i16]) -> Result<Vec<i16>, &'static str> {
    match samples.as_chunks::<2>() {
        (frames, []) => Ok(frames.iter().map(|[microphone, _]| *microphone).collect()),
        (_, [..]) => Err("Two channels have an even number of samples."),
    }
}

/// Formats a number of samples as a duration, e.g. `1.4 s`.
pub(super) fn seconds(samples: usize) -> String {
    let tenths = samples.div_ceil(100 * SAMPLES_PER_MS);
    format!("{}.{} s", tenths / 10, tenths % 10)
}
