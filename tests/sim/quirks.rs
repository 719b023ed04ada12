//! The quirks of real services: what comes late, twice, not at all, or in another shape; noises, and replies that nobody
//! has asked for.
//!
//! It stands between the parrot and the connection, and draws from a seed which quirks a connection has. Words are
//! replaced by numbered ones, so that the history of a later session shows which were said.

use std::collections::{HashMap, VecDeque};

use fastrand::Rng;
use serde_json::{Value, json};

use super::clock::{At, MS, S};

/// How long a reply pauses while a tool runs, with a sign of life every second: longer than the device waits for silence.
const PAUSE_S: u64 = 12;
/// How late a delta of a finished reply comes.
const LATE: At = 1500 * MS;

/// An event to be sent.
#[derive(Clone, Debug)]
pub(super) enum Outgoing {
    /// As the parrot made it.
    Event(String),
    /// A delta that was sent before.
    Again(String),
    /// A noise begins or ends.
    Noise(String, bool),
}

/// The quirks of one connection.
#[derive(Debug)]
pub(super) struct Quirks {
    rng: Rng,
    detects_speech: bool,
    omits_created: bool,
    pauses: bool,
    has_paused: bool,
    delays_transcripts: bool,
    repeats: bool,
    halves_characters: bool,
    sends_late_audio: bool,
    states_errors_as_text: bool,
    /// From when on a reply may fail.
    fails_from: Option<At>,
    /// Events of the reply that pauses, until then.
    paused: Option<(At, VecDeque<String>)>,
    later: Vec<(At, Outgoing)>,
    last_delta: Option<String>,
    /// The user's turn is not committed.
    is_speaking: bool,
    is_noisy: bool,
    /// The number of words sent of each item.
    words: HashMap<String, usize>,
    noises: u64,
}

impl Quirks {
    pub(super) fn new(seed: u64, detects_speech: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut has = || rng.u32(0..3) == 0;
        let [
            omits_created,
            pauses,
            delays_transcripts,
            repeats,
            halves_characters,
            sends_late_audio,
            fails,
            states_errors_as_text,
        ] = std::array::from_fn(|_| has());
        Self {
            rng,
            detects_speech,
            omits_created,
            pauses,
            has_paused: false,
            delays_transcripts,
            repeats,
            halves_characters,
            sends_late_audio,
            states_errors_as_text,
            fails_from: fails.then_some(0),
            paused: None,
            later: Vec::new(),
            last_delta: None,
            is_speaking: false,
            is_noisy: false,
            words: HashMap::new(),
            noises: 0,
        }
    }

    /// Returns when something is due.
    pub(super) fn next(&self) -> Option<At> {
        let paused = self.paused.as_ref().map(|(until, _)| *until);
        self.later.iter().map(|(at, _)| *at).chain(paused).min()
    }

    /// Returns what is due.
    pub(super) fn due(&mut self, now: At) -> Vec<Outgoing> {
        let mut due: Vec<_> = self.later.extract_if(.., |(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        let mut all: Vec<Outgoing> = due.into_iter().map(|(_, event)| event).collect();
        if self.paused.as_ref().is_some_and(|(until, _)| *until <= now) {
            all.extend(self.end_pause());
        }
        if all.iter().any(|event| matches!(event, Outgoing::Noise(_, false))) {
            self.is_noisy = false;
        }
        all
    }

    /// Returns what is sent for an event of the parrot, now.
    pub(super) fn pass(&mut self, text: &str, now: At) -> Vec<Outgoing> {
        let mut event: Value = serde_json::from_str(text).unwrap();
        self.number_words(&mut event);
        let kind = event["type"].as_str().unwrap().to_owned();
        match kind.as_str() {
            "input_audio_buffer.speech_started" => self.is_speaking = true,
            "input_audio_buffer.committed" => self.is_speaking = false,
            "response.created" if self.omits_created => return Vec::new(),
            // Three in half a minute end the session.
            "response.done"
                if self.fails_from.is_some_and(|from| now >= from)
                    && event["response"]["status"] == "completed"
                    && self.rng.u32(0..4) == 0 =>
            {
                self.fails_from = Some(now + 60 * S);
                event["response"]["status"] = "failed".into();
                event["response"]["status_details"] = json!({
                    "type": "failed", "error": {"type": "server_error", "code": null, "message": "The server is busy."}
                });
            }
            _ => {}
        }
        let mut text = event.to_string();
        if kind.ends_with("transcription.completed") && self.halves_characters {
            text = text.replacen(r#""transcript":""#, r#""transcript":"\ud83d "#, 1);
        }
        let mut all = Vec::new();
        // Speech ends a pause: the service cancels the reply.
        if kind == "input_audio_buffer.speech_started" {
            all.extend(self.end_pause());
        }
        if kind.starts_with("response.")
            && let Some((_, held)) = &mut self.paused
        {
            held.push_back(text);
            return all;
        }
        if kind.ends_with("transcription.completed") && self.delays_transcripts {
            self.later.push((now + self.rng.u64(0..5 * S), Outgoing::Event(text)));
            return all;
        }
        if self.repeats && kind.starts_with("conversation.item.") && self.rng.bool() {
            all.push(Outgoing::Event(text.clone()));
        }
        all.push(Outgoing::Event(text.clone()));
        match kind.as_str() {
            "response.audio.delta" => {
                self.last_delta = Some(text);
                // At most one in a reply, so that sessions have safe moments for a handover.
                if self.pauses && !self.has_paused && self.rng.u32(0..12) == 0 {
                    self.has_paused = true;
                    self.begin_pause(now);
                }
            }
            "response.done" => {
                self.has_paused = false;
                if self.states_errors_as_text && self.rng.u32(0..4) == 0 {
                    let error = json!({"type": "error", "event_id": "event_error", "error": "The service says this."});
                    all.push(Outgoing::Event(error.to_string()));
                }
                let late = self.last_delta.take().filter(|_| self.sends_late_audio);
                self.later.extend(late.map(|delta| (now + LATE, Outgoing::Again(delta))));
            }
            _ => {}
        }
        all
    }

    /// Makes a noise that the service takes for speech and neither commits nor answers. Returns whether it does now.
    pub(super) fn make_noise(&mut self, length: At, now: At) -> bool {
        if !self.detects_speech || self.is_speaking || self.is_noisy {
            return false;
        }
        self.is_noisy = true;
        self.noises += 1;
        let item = format!("item_noise{}", self.noises);
        let event = |kind: &str, at: &str| {
            json!({"type": kind, "event_id": "event_noise", at: 0, "item_id": item}).to_string()
        };
        self.later
            .push((now, Outgoing::Noise(event("input_audio_buffer.speech_started", "audio_start_ms"), true)));
        self.later.push((
            now + length,
            Outgoing::Noise(event("input_audio_buffer.speech_stopped", "audio_end_ms"), false),
        ));
        true
    }

    /// Returns whether the user's turn, or a noise, is in progress.
    pub(super) fn is_hearing(&self) -> bool {
        self.is_speaking || self.is_noisy
    }

    fn begin_pause(&mut self, now: At) {
        self.paused = Some((now + PAUSE_S * S, VecDeque::new()));
        for second in 1..PAUSE_S {
            let event = json!({"type": "response.mcp_call.in_progress", "event_id": "event_tool", "output_index": 1, "item_id": "item_tool"});
            self.later.push((now + second * S, Outgoing::Event(event.to_string())));
        }
    }

    fn end_pause(&mut self) -> Vec<Outgoing> {
        let held = self.paused.take().map(|(_, held)| held).unwrap_or_default();
        held.into_iter().map(Outgoing::Event).collect()
    }

    /// Replaces every word of an item by its number, `ITEM#0 ITEM#1` and so on.
    fn number_words(&mut self, event: &mut Value) {
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        if let Some(item) = event["item_id"].as_str().map(str::to_owned) {
            if kind == "response.audio_transcript.delta" {
                let first = self.words.get(&item).copied().unwrap_or(0);
                let count = event["delta"].as_str().unwrap_or_default().split_whitespace().count();
                self.words.insert(item.clone(), first + count);
                event["delta"] = numbered(&item, first..first + count, true).into();
            }
            number_transcripts(event, &item);
        }
        for field in ["item", "response"] {
            event.get_mut(field).into_iter().for_each(number_items);
        }
    }
}

/// Numbers the transcripts of an item, or of the items in the output of a response.
fn number_items(value: &mut Value) {
    if let Some(item) = value["id"].as_str().map(str::to_owned) {
        number_transcripts(value, &item);
    }
    if let Some(output) = value.get_mut("output").and_then(Value::as_array_mut) {
        output.iter_mut().for_each(number_items);
    }
}

/// Numbers the words of all complete transcripts in `value`, which belong to `item`.
fn number_transcripts(value: &mut Value, item: &str) {
    if let Some(fields) = value.as_object_mut() {
        for (name, field) in fields {
            if name == "transcript" && field.is_string() {
                let count = field.as_str().unwrap_or_default().split_whitespace().count();
                *field = numbered(item, 0..count, false).into();
            } else if name != "output" {
                number_transcripts(field, item);
            }
        }
    } else if let Some(all) = value.as_array_mut() {
        all.iter_mut().for_each(|one| number_transcripts(one, item));
    }
}

fn numbered(item: &str, range: std::ops::Range<usize>, with_space: bool) -> String {
    let words: Vec<String> = range.map(|index| format!("{item}#{index}")).collect();
    let space = if with_space && !words.is_empty() { " " } else { "" };
    format!("{}{space}", words.join(" "))
}
