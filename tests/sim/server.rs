//! The simulated server of one connection: it accepts, refuses or ignores the upgrade and has the parrot behind it.
//!
//! It follows protocol §4 and §7 in virtual time. Every sample of a reply identifies that reply.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use mynah::conversation::HANDOVER_BEFORE;
use mynah::parrot::{Parrot, ParrotConfig};
use serde_json::Value;
use tungstenite::handshake::server::{ErrorResponse, Request, Response, ServerHandshake};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use super::clock::{At, Clock};
use super::hostile::{flood_frame, hostile_frame};
use super::invariants::Invariants;
use super::network::{LinkHandle, SimSocket};
use super::quirks::{Outgoing, Quirks};
use super::room::Room;

/// The server's date at every upgrade, and the same as seconds since the Unix epoch.
const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
pub(super) const DATE_S: u64 = 1_767_225_600;

/// Adds headers to the response to an upgrade.
type UpgradeCallback = fn(&Request, Response) -> Result<Response, ErrorResponse>;

#[expect(clippy::result_large_err, reason = "tungstenite's `Callback` has this signature")]
const ADD_DATE: UpgradeCallback = |_, mut answer| {
    answer.headers_mut().insert("date", HeaderValue::from_static(DATE));
    Ok(answer)
};

/// The first bytes of the device's most frequent event, and of the parrot's events that are handled here.
const APPEND_PREFIX: &str = r#"{"type":"input_audio_buffer.append""#;
const REPLY_PREFIX: &str = r#"{"type":"response."#;
const DELTA_PREFIX: &str = r#"{"type":"response.audio.delta""#;
const STARTED_PREFIX: &str = r#"{"type":"input_audio_buffer.speech_started""#;
const UPDATED_PREFIX: &str = r#"{"type":"session.updated""#;

/// How a server treats one connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ServerBehaviour {
    /// Serves normally.
    Serves(ParrotConfig),
    /// Answers the upgrade with this status and `Retry-After` in seconds.
    Refuses(u16, Option<u64>),
    /// Never answers the upgrade.
    IgnoresUpgrade,
    /// Serves, but sends no event of any reply.
    OmitsReplies(ParrotConfig),
    /// Accepts the upgrade, but never confirms the session.
    NeverConfirms(ParrotConfig),
    /// Serves, and closes with this code after this time.
    Closes(ParrotConfig, u16, At),
}

impl ServerBehaviour {
    /// Returns the same of a server that takes no reference of the device's.
    pub(super) fn refusing_reference(self) -> Self {
        let refusing = |config| ParrotConfig { takes_reference: false, ..config };
        match self {
            Self::Serves(config) => Self::Serves(refusing(config)),
            Self::OmitsReplies(config) => Self::OmitsReplies(refusing(config)),
            Self::NeverConfirms(config) => Self::NeverConfirms(refusing(config)),
            Self::Closes(config, code, after) => Self::Closes(refusing(config), code, after),
            other @ (Self::Refuses(..) | Self::IgnoresUpgrade) => other,
        }
    }
}

/// The server's side of one connection.
pub(super) struct Server {
    clock: Clock,
    pub(super) link: LinkHandle,
    behaviour: ServerBehaviour,
    opened_at: At,
    stage: Stage,
    parrot: Option<Parrot>,
    invariants: Rc<RefCell<Invariants>>,
    /// It has sent a close frame.
    closing: bool,
    /// When it confirmed the session, and the network's latency then.
    confirmed: Option<(At, At)>,
    /// The samples of each instant in the session's sound.
    channels: usize,
    /// It sends no event of any reply until then.
    omits_until: At,
    quirks: Option<Quirks>,
    /// The room in which the device stands: the service's replies are voices.
    room: Option<Rc<RefCell<Room>>>,
    /// When it last received audio: the session in use is the one with the latest.
    pub(super) heard_at: Option<At>,
    /// The id of the newest reply with audio.
    reply: String,
    /// The digest of all messages in order; equal digests mean equal runs.
    pub(super) digest: Digest,
}

enum Stage {
    Fresh(SimSocket),
    Upgrading(Box<MidHandshake<ServerHandshake<SimSocket, UpgradeCallback>>>),
    Open(Box<WebSocket<SimSocket>>),
    Silent { _held: SimSocket },
    Over,
}

/// A digest (FNV-1a).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest(pub(super) u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Server {
    pub(super) fn new(
        clock: &Clock,
        stream: SimSocket,
        behaviour: ServerBehaviour,
        seed: u64,
        quirks: Option<Quirks>,
        (invariants, room): (&Rc<RefCell<Invariants>>, Option<&Rc<RefCell<Room>>>),
    ) -> Self {
        let parrot = match &behaviour {
            ServerBehaviour::Serves(config)
            | ServerBehaviour::OmitsReplies(config)
            | ServerBehaviour::NeverConfirms(config)
            | ServerBehaviour::Closes(config, ..) => {
                let expires_at = DATE_S + config.life.as_secs();
                Some(Parrot::new(ParrotConfig { expires_at, ..config.clone() }, seed, Duration::ZERO))
            }
            ServerBehaviour::Refuses(..) | ServerBehaviour::IgnoresUpgrade => None,
        };
        Self {
            clock: clock.clone(),
            link: stream.link(),
            opened_at: clock.now(),
            stage: if behaviour == ServerBehaviour::IgnoresUpgrade {
                Stage::Silent { _held: stream }
            } else {
                Stage::Fresh(stream)
            },
            behaviour,
            parrot,
            invariants: Rc::clone(invariants),
            closing: false,
            confirmed: None,
            channels: 1,
            omits_until: 0,
            quirks,
            room: room.cloned(),
            heard_at: None,
            reply: String::new(),
            digest: Digest::default(),
        }
    }

    /// Returns whether its session is so near its end that a second connection may replace it.
    pub(super) fn is_ending(&self) -> bool {
        let session_length = match &self.behaviour {
            ServerBehaviour::Serves(config)
            | ServerBehaviour::OmitsReplies(config)
            | ServerBehaviour::NeverConfirms(config)
            | ServerBehaviour::Closes(config, ..) => config.life,
            ServerBehaviour::Refuses(..) | ServerBehaviour::IgnoresUpgrade => return false,
        };
        self.age() + HANDOVER_BEFORE + Duration::from_secs(60) >= session_length
    }

    /// Returns when it next sends something unprompted.
    pub(super) fn next(&self) -> Option<At> {
        if !matches!(self.stage, Stage::Open(_)) {
            return None;
        }
        let parrot = self
            .parrot
            .as_ref()
            .filter(|_| !self.closing)
            .and_then(Parrot::deadline)
            .map(|at| self.opened_at + at.as_nanos() as At);
        let closes = match &self.behaviour {
            ServerBehaviour::Closes(_, _, after) => (!self.closing).then_some(self.opened_at + after),
            ServerBehaviour::Serves(_)
            | ServerBehaviour::OmitsReplies(_)
            | ServerBehaviour::Refuses(..)
            | ServerBehaviour::IgnoresUpgrade
            | ServerBehaviour::NeverConfirms(_) => None,
        };
        let quirks = self.quirks.as_ref().filter(|_| !self.closing).and_then(Quirks::next);
        parrot.into_iter().chain(closes).chain(quirks).min()
    }

    /// Returns whether [`Self::turn`] has anything to do.
    pub(super) fn is_due(&self, now: At) -> bool {
        match &self.stage {
            Stage::Over | Stage::Silent { .. } => false,
            Stage::Fresh(_) | Stage::Upgrading(_) | Stage::Open(_) => {
                self.link.is_readable(true) || self.next().is_some_and(|at| at <= now)
            }
        }
    }

    /// Handles what has arrived and sends what is due.
    pub(super) fn turn(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Fresh(stream) => match self.behaviour {
                ServerBehaviour::Refuses(status, retry_after) => refuse(stream, status, retry_after),
                ServerBehaviour::Serves(_)
                | ServerBehaviour::OmitsReplies(_)
                | ServerBehaviour::IgnoresUpgrade
                | ServerBehaviour::NeverConfirms(_)
                | ServerBehaviour::Closes(..) => upgrade(tungstenite::accept_hdr(stream, ADD_DATE)),
            },
            Stage::Upgrading(handshake) => upgrade(handshake.handshake()),
            stage @ (Stage::Open(_) | Stage::Silent { .. } | Stage::Over) => stage,
        };
        if let Stage::Open(mut socket) = std::mem::replace(&mut self.stage, Stage::Over)
            && self.serve(&mut socket).is_ok()
        {
            self.stage = Stage::Open(socket);
        }
    }

    /// Suppresses all events of replies until then.
    pub(super) fn omit_replies(&mut self, until: At) {
        self.omits_until = until;
    }

    /// Begins a reply that nobody has asked for, unless the service hears something or has just done so.
    pub(super) fn nudge(&mut self) {
        let is_hearing = self.quirks.as_ref().is_none_or(Quirks::is_hearing);
        if !is_hearing && self.confirmed.is_some() {
            let age = self.age();
            if let Some(parrot) = &mut self.parrot {
                parrot.receive(r#"{"type":"response.create"}"#, age);
            }
        }
    }

    /// Takes a noise for speech.
    pub(super) fn make_noise(&mut self, length: At) {
        let now = self.clock.now();
        if self.confirmed.is_some()
            && let Some(quirks) = &mut self.quirks
        {
            quirks.make_noise(length, now);
        }
    }

    /// Sends up to `count` malformed messages. Returns how many were sent.
    pub(super) fn send_hostile(&mut self, seed: u64, count: usize) -> usize {
        let Stage::Open(socket) = &mut self.stage else { return 0 };
        if self.confirmed.is_none() || self.closing || flush(socket).is_err() {
            return 0;
        }
        let mut rng = Rng::with_seed(seed);
        for sent in 1..=count {
            let (bytes, is_last) = hostile_frame(&mut rng, &self.reply);
            self.digest.add(&bytes);
            let written = socket.get_mut().write_all(&bytes);
            if written.is_err() {
                // Nothing is kept that could be written later.
                socket.get_mut().give_up_write();
            }
            if written.is_err() || is_last {
                return sent;
            }
        }
        count
    }

    /// Repeats one frame without end for this time.
    pub(super) fn flood(&mut self, seed: u64, time: At) {
        let Stage::Open(socket) = &mut self.stage else { return };
        if self.confirmed.is_some() && !self.closing && flush(socket).is_ok() {
            let frame = flood_frame(&mut Rng::with_seed(seed));
            self.digest.add(&frame);
            self.link.flood(self.clock.now() + time, frame);
        }
    }

    fn serve(&mut self, socket: &mut WebSocket<SimSocket>) -> tungstenite::Result<()> {
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => self.handle_event(&text, socket.get_ref()),
                Ok(Message::Close(_)) => {
                    let _ = socket.flush();
                    return Err(tungstenite::Error::ConnectionClosed);
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.send_pending(socket)?;
        flush(socket)
    }

    fn age(&self) -> Duration {
        Duration::from_nanos(self.clock.now() - self.opened_at)
    }

    fn handle_event(&mut self, text: &str, stream: &SimSocket) {
        let now = self.clock.now();
        self.digest.add(&now.to_le_bytes());
        self.digest.add(text.as_bytes());
        let mut is_session_update = false;
        if text.starts_with(APPEND_PREFIX) {
            self.heard_at = Some(now);
            let context = stream.context();
            let event: Value = serde_json::from_str(text).unwrap();
            let bytes = STANDARD.decode(event["audio"].as_str().unwrap()).unwrap();
            let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            if let Some(room) = &self.room {
                room.borrow_mut().record.sent.extend(samples.clone());
            }
            let mut invariants = self.invariants.borrow_mut();
            // One way for the confirmation, and one for the audio sent after it.
            let known =
                self.confirmed.is_some_and(|(at, latency)| now >= at + 2 * latency.min(self.link.latency()));
            invariants.microphone_audio(context.lit, known, now);
            invariants.held_frames -= (bytes.len() / 2 / self.channels) as i64;
            invariants.check_channels(samples.clone(), self.channels, now);
            samples.step_by(self.channels).for_each(|sample| invariants.user_audio_received(sample));
        } else {
            let event: Value = serde_json::from_str(text).unwrap();
            is_session_update = event["type"] == "session.update";
            if let Some(room) = self.room.as_ref().filter(|_| is_session_update) {
                let echo = &event["session"]["input_audio_echo_cancellation"]["type"];
                room.borrow_mut().record.requested.push(echo.as_str().unwrap_or_default().to_owned());
            }
            if event["type"] == "conversation.item.delete" {
                self.invariants.borrow_mut().check_deletion(event["item_id"].as_str().unwrap(), now);
            }
            if event["type"] == "conversation.item.create" && self.quirks.is_some() {
                let text = event["item"]["content"][0]["text"].as_str().unwrap_or_default();
                self.invariants.borrow_mut().check_told(text, event["item"]["role"] == "user", now);
            }
            if event["type"] == "response.cancel" || event["type"] == "conversation.item.delete" {
                self.invariants
                    .borrow_mut()
                    .declined(event["response_id"].as_str(), event["item_id"].as_str());
            }
            // In a room the samples of a reply say nothing of where they come from.
            if event["type"] == "conversation.item.truncate" && self.room.is_none() {
                let (item, ms) =
                    (event["item_id"].as_str().unwrap(), event["audio_end_ms"].as_u64().unwrap());
                self.invariants.borrow_mut().check_truncation(item, ms, now);
            }
        }
        if matches!(self.behaviour, ServerBehaviour::NeverConfirms(_)) && is_session_update {
            return;
        }
        let age = self.age();
        if let Some(parrot) = &mut self.parrot {
            parrot.receive(text, age);
        }
    }

    fn send_pending(&mut self, socket: &mut WebSocket<SimSocket>) -> tungstenite::Result<()> {
        if self.closing {
            return Ok(());
        }
        let age = self.age();
        let now = self.clock.now();
        for event in self.quirks.as_mut().map(|quirks| quirks.due(now)).unwrap_or_default() {
            self.send_quirk(event, socket)?;
        }
        while let Some(event) = self.parrot.as_mut().and_then(|parrot| parrot.next_message(age)) {
            if let Some(quirks) = &mut self.quirks {
                if event.starts_with(UPDATED_PREFIX) {
                    self.confirmed.get_or_insert((now, self.link.latency()));
                }
                for event in quirks.pass(&event, now) {
                    self.send_quirk(event, socket)?;
                }
                continue;
            }
            let omits = matches!(self.behaviour, ServerBehaviour::OmitsReplies(_))
                || self.clock.now() < self.omits_until;
            if omits && event.starts_with(REPLY_PREFIX) {
                continue;
            }
            self.digest.add(event.as_bytes());
            if event.starts_with(UPDATED_PREFIX) {
                self.channels = if event.contains(r#""channels":2"#) { 2 } else { 1 };
                self.confirmed.get_or_insert((self.clock.now(), self.link.latency()));
            }
            if let Some(room) = self.room.as_ref().filter(|_| event.starts_with(STARTED_PREFIX)) {
                room.borrow_mut().hear_speech(self.clock.now());
            }
            if event.starts_with(DELTA_PREFIX) {
                let (coded, replies) = self.encode_source(&event);
                write(socket, coded)?;
                socket.get_mut().label(replies);
                flush(socket)?;
            } else {
                write(socket, event)?;
            }
        }
        match self.behaviour {
            ServerBehaviour::Closes(_, code, after)
                if self.clock.now() >= self.opened_at + after && !self.closing =>
            {
                self.closing = true;
                close(socket, code)
            }
            ServerBehaviour::Serves(_)
            | ServerBehaviour::OmitsReplies(_)
            | ServerBehaviour::Refuses(..)
            | ServerBehaviour::IgnoresUpgrade
            | ServerBehaviour::NeverConfirms(_)
            | ServerBehaviour::Closes(..) => Ok(()),
        }
    }

    fn send_quirk(&mut self, event: Outgoing, socket: &mut WebSocket<SimSocket>) -> tungstenite::Result<()> {
        let now = self.clock.now();
        let text = match &event {
            Outgoing::Event(text) | Outgoing::Again(text) | Outgoing::Noise(text, _) => text,
        };
        self.digest.add(text.as_bytes());
        self.invariants.borrow_mut().said(text);
        match event {
            // Keys are sorted, so the type does not come first.
            Outgoing::Event(text) if text.contains(r#""type":"response.audio.delta""#) => {
                let (coded, replies) = self.encode_source(&text);
                write(socket, coded)?;
                socket.get_mut().label(replies);
                flush(socket)
            }
            Outgoing::Noise(text, begins) => {
                let latency = self.link.latency();
                self.invariants.borrow_mut().noise(begins, now, latency);
                write(socket, text)
            }
            Outgoing::Event(text) => {
                if text.contains(r#""type":"input_audio_buffer.speech_started""#) {
                    self.invariants.borrow_mut().user_interrupts();
                }
                write(socket, text)
            }
            Outgoing::Again(text) => write(socket, text),
        }
    }

    /// Replaces every sample of a delta by its reply's value, or by a voice. Returns the event and the reply's number.
    fn encode_source(&mut self, event: &str) -> (String, usize) {
        let mut event: Value = serde_json::from_str(event).unwrap();
        let (name, item) = (event["response_id"].as_str().unwrap(), event["item_id"].as_str().unwrap());
        let (code, replies) = self.invariants.borrow_mut().code_of(name, item);
        name.clone_into(&mut self.reply);
        let bytes = STANDARD.decode(event["delta"].as_str().unwrap()).unwrap();
        self.invariants.borrow_mut().reply_sent(replies, bytes.len() as u64 / 2);
        let coded: Vec<u8> = match &self.room {
            Some(room) => room.borrow_mut().answer(replies, &bytes),
            None => code.to_le_bytes().into_iter().cycle().take(bytes.len()).collect(),
        };
        event["delta"] = STANDARD.encode(coded).into();
        (event.to_string(), replies)
    }
}

fn upgrade(
    result: Result<WebSocket<SimSocket>, HandshakeError<ServerHandshake<SimSocket, UpgradeCallback>>>,
) -> Stage {
    match result {
        Ok(socket) => Stage::Open(Box::new(socket)),
        Err(HandshakeError::Interrupted(handshake)) => Stage::Upgrading(Box::new(handshake)),
        Err(HandshakeError::Failure(_)) => Stage::Over,
    }
}

fn refuse(mut stream: SimSocket, status: u16, retry_after: Option<u64>) -> Stage {
    let mut request = [0; 4096];
    if stream.read(&mut request).is_err() {
        return Stage::Fresh(stream);
    }
    let retry_after = retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    let answer = format!("HTTP/1.1 {status} Sorry\r\n{retry_after}Content-Length: 2\r\n\r\nno");
    let _ = stream.write_all(answer.as_bytes());
    Stage::Over
}

fn write(socket: &mut WebSocket<SimSocket>, text: String) -> tungstenite::Result<()> {
    match socket.write(Message::Text(text.into())) {
        Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        written => written,
    }
}

fn flush(socket: &mut WebSocket<SimSocket>) -> tungstenite::Result<()> {
    match socket.flush() {
        Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        flushed => flushed,
    }
}

fn close(socket: &mut WebSocket<SimSocket>, code: u16) -> tungstenite::Result<()> {
    let _ = socket.close(Some(CloseFrame { code: CloseCode::from(code), reason: "".into() }));
    let _ = socket.flush();
    Ok(())
}
