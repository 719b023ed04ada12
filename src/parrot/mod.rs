//! The built-in service: turns client events and time into server events, in the order of protocol §7 to §11.
//!
//! It detects speech by energy, commits the turn and repeats the user's audio, faster than real time. It
//! recognises no words. It owns no socket, thread, clock or log, and no input of a client makes it fail.

mod dsp;
mod error;
mod history;
mod ids;
mod input_audio;
mod input_buffer;
mod items;
mod playback_clock;
mod response;
mod response_stream;
mod schema;
mod session;
mod turn_detector;

pub use history::Item;

use dsp::Upsampler;
use error::{EventError, reject_unknown_keys, require_text};
use history::ItemHistory;
use ids::Ids;
use input_buffer::InputBuffer;
use playback_clock::PlaybackClock;
use response_stream::{OutboundEvent, ResponseStream};
use serde_json::{Map, Value, json};
use session::{SessionSettings, VadSettings};
use std::collections::VecDeque;
use std::time::Duration;
use turn_detector::SpeechDetector;

/// Limit of unsent events: a client that sends and never reads loses the newest.
const OUTBOX_EVENTS: usize = 4096;
/// Limit of delayed transcriptions; beyond it the newest is dropped.
const DELAYED_MAX: usize = 64;

/// One session of the service.
#[derive(Debug)]
pub struct Parrot {
    config: ParrotConfig,
    ids: Ids,
    conversation_id: String,
    settings: SessionSettings,
    detection: Option<VadSettings>,
    input: InputBuffer,
    upsampler: Upsampler,
    detector: SpeechDetector,
    /// Position of the first sample that the turn detector has not seen.
    analysed: u64,
    turn: Option<UserTurn>,
    /// Id of the newest user item with audio, and its audio, trimmed and halved.
    last_speech: Option<(String, Vec<i16>)>,
    items: ItemHistory,
    reply: Option<ResponseStream>,
    playback: PlaybackClock,
    has_spoken: bool,
    outbox: VecDeque<String>,
    delayed: VecDeque<(Duration, Vec<OutboundEvent>)>,
    now: Duration,
    /// When the session ends; `None` once it has.
    ends_at: Option<Duration>,
}

/// Choices where the real service may behave either way.
#[derive(Clone, Debug, PartialEq)]
pub struct ParrotConfig {
    /// `expires_at` of the session, in seconds of the Unix epoch.
    pub expires_at: u64,
    /// When the service ends the session, counted from its start; independent of `expires_at`.
    pub life: Duration,
    /// Time from the end of a turn to the first delta of its reply.
    pub think: Duration,
    /// Pace of the reply's audio as a multiple of real time; 0 sends it at once.
    pub pace: u32,
    /// The event order of a cascaded model (speech to text, language model, text to speech), protocol §9.2.
    pub cascaded: bool,
    /// Number of audio deltas of an interrupted reply that follow `speech_started`.
    pub late_deltas: usize,
    /// Whether the client may send what its speaker plays, as the second channel (protocol §8.4).
    pub takes_reference: bool,
}

impl Default for ParrotConfig {
    fn default() -> Self {
        Self {
            expires_at: 4_102_444_800,
            life: Duration::from_secs(3600),
            think: Duration::from_millis(150),
            pace: 4,
            cascaded: false,
            late_deltas: 0,
            takes_reference: true,
        }
    }
}

/// The current user turn: the id of its item, and the position of its first sample.
#[derive(Debug)]
struct UserTurn {
    item_id: String,
    from: u64,
}

impl Parrot {
    /// Opens a session whose ids are derived from `seed`; its first event is `session.created`, due at `now`.
    ///
    /// All times count from a moment that the caller chooses, such as the upgrade.
    #[must_use]
    pub fn new(config: ParrotConfig, seed: u64, now: Duration) -> Self {
        let mut ids = Ids::new(seed);
        let model = if config.cascaded { "parrot-cascaded" } else { "parrot-realtime" };
        let id = ids.next("sess");
        let settings = SessionSettings::new(&id, model, config.expires_at, config.takes_reference);
        let mut parrot = Self {
            conversation_id: ids.next("conv"),
            detection: settings.turn_detection(),
            ends_at: Some(now.saturating_add(config.life)),
            config,
            ids,
            settings,
            input: InputBuffer::default(),
            upsampler: Upsampler::default(),
            detector: SpeechDetector::new(),
            analysed: 0,
            turn: None,
            last_speech: None,
            items: ItemHistory::default(),
            reply: None,
            playback: PlaybackClock::default(),
            has_spoken: false,
            outbox: VecDeque::new(),
            delayed: VecDeque::new(),
            now,
        };
        parrot.send(("session.created", json!({"session": parrot.settings.session()})));
        parrot
    }

    /// Handles one client event, given as JSON. An invalid one has no effect but an `error` event.
    pub fn receive(&mut self, text: &str, now: Duration) {
        self.now = self.now.max(now);
        if self.ends_at.is_none() {
            return;
        }
        let (event_id, result) = match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(event)) => (event.get("event_id").cloned(), self.dispatch(&event)),
            Ok(_) => (None, Err(EventError::event("An event is a JSON object."))),
            Err(error) => (None, Err(EventError::event(format!("This is not JSON: {error}.")))),
        };
        if let Err(error) = result {
            self.send(("error", error.body(event_id.as_ref())));
        }
    }

    /// Returns the next server event that is due by `now`, as JSON; call it until it returns `None`.
    pub fn next_message(&mut self, now: Duration) -> Option<String> {
        self.now = self.now.max(now);
        loop {
            if let Some(event) = self.outbox.pop_front() {
                return Some(event);
            }
            let due = self.deadline().filter(|due| *due <= self.now)?;
            if self.ends_at == Some(due) {
                self.end();
                continue;
            }
            match self.delayed.pop_front_if(|(at, _)| *at == due) {
                Some((_, events)) => events.into_iter().for_each(|event| self.send(event)),
                None => self.advance(),
            }
        }
    }

    /// Returns when the next server event is due, unless the client sends something; `None` when the session
    /// has ended.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let outbox = (!self.outbox.is_empty()).then_some(self.now);
        let delayed = self.delayed.front().map(|(at, _)| *at);
        let reply = self.reply.as_ref().map(|reply| reply.due);
        [outbox, delayed, reply, self.ends_at].into_iter().flatten().min()
    }

    /// Returns whether the session has expired and all events are sent: the real service then closes the
    /// connection with code 1001.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ends_at.is_none() && self.outbox.is_empty()
    }

    /// Returns the items of the conversation, oldest first, deleted ones included.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        self.items.items()
    }

    /// Executes one client event; on error nothing has changed.
    fn dispatch(&mut self, event: &Map<String, Value>) -> Result<(), EventError> {
        let allow_keys =
            |keys: &[&str]| reject_unknown_keys(event, "", &[&["type", "event_id"], keys].concat());
        match require_text(event, "", "type")? {
            "session.update" => {
                allow_keys(&["session"])?;
                self.update_session(event)
            }
            "input_audio_buffer.append" => {
                allow_keys(&["audio"])?;
                self.append(require_text(event, "", "audio")?)
            }
            "input_audio_buffer.commit" => {
                allow_keys(&[])?;
                self.commit()
            }
            "input_audio_buffer.clear" => {
                allow_keys(&[])?;
                self.clear();
                Ok(())
            }
            "conversation.item.create" => {
                allow_keys(&["item", "previous_item_id"])?;
                self.create_item(event)
            }
            "conversation.item.retrieve" => {
                allow_keys(&["item_id"])?;
                self.retrieve_item(require_text(event, "", "item_id")?)
            }
            "conversation.item.truncate" => {
                allow_keys(&["item_id", "content_index", "audio_end_ms"])?;
                self.truncate_item(event)
            }
            "conversation.item.delete" => {
                allow_keys(&["item_id"])?;
                self.delete_item(require_text(event, "", "item_id")?)
            }
            "response.create" => {
                allow_keys(&["response", "additional_instructions"])?;
                self.create_response(event.get("response").filter(|request| !request.is_null()))
            }
            "response.cancel" => {
                allow_keys(&["response_id"])?;
                self.cancel_response(event.get("response_id").and_then(Value::as_str))
            }
            other if UNSUPPORTED.contains(&other) => {
                Err(EventError::event(format!("'{other}' is not for a session like this one.")))
            }
            other => Err(EventError::event(format!("There is no client event '{other}'."))),
        }
    }

    /// Ends the session with an `error` event, `session_expired`.
    fn end(&mut self) {
        (self.ends_at, self.reply) = (None, None);
        self.delayed.clear();
        let minutes = self.config.life.as_secs() / 60;
        let message = format!("This session has lasted its {minutes} minutes.");
        self.send(("error", EventError::new("session_expired", None, message).body(None)));
    }

    fn update_session(&mut self, event: &Map<String, Value>) -> Result<(), EventError> {
        let update = event.get("session").ok_or_else(|| EventError::missing("session"))?;
        self.settings.update(update, self.has_spoken)?;
        if update.get("turn_detection").is_some() {
            self.detection = self.settings.turn_detection();
            self.detector.reset();
            self.turn = None;
        }
        self.send(("session.updated", json!({"session": self.settings.session()})));
        Ok(())
    }

    /// Queues one event, with type and id first as the real service writes them.
    fn send(&mut self, (kind, body): OutboundEvent) {
        if self.outbox.len() >= OUTBOX_EVENTS {
            return;
        }
        let body = body.to_string();
        let rest = body.strip_prefix('{').unwrap_or("}");
        let comma = if rest == "}" { "" } else { "," };
        let event_id = self.ids.next("event");
        self.outbox.push_back(format!(r#"{{"type":"{kind}","event_id":"{event_id}"{comma}{rest}"#));
    }
}

/// Documented client events that are not supported: avatars, hosted agents, previews (protocol §6).
const UNSUPPORTED: &[&str] = &[
    "input_audio.turn.start",
    "input_audio.turn.append",
    "input_audio.turn.end",
    "input_audio.turn.cancel",
    "input_audio.clear",
    "session.avatar.connect",
    "mcp_approval_response",
    "output_audio_buffer.clear",
    "input_text.delta",
    "input_text.done",
    "transcription_session.update",
    "rtc.call.sdp.create",
    "byom_credential.update",
];
