//! The far end of the network: a server that accepts, refuses or falls silent, and the parrot behind it.
//!
//! It answers as protocol §4 and §7 say, in virtual time; whose sound it sends it writes into every sample.

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
use super::hostile::utterance;
use super::invariants::Promises;
use super::network::{Cable, End};

/// What time it is for the service at every upgrade, and the same in seconds of the Unix epoch.
const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
const DATE_S: u64 = 1_767_225_600;

/// What is added to the answer to an upgrade.
type Greeting = fn(&Request, Response) -> Result<Response, ErrorResponse>;

#[expect(clippy::result_large_err, reason = "it is what tungstenite asks for")]
const GREETING: Greeting = |_, mut answer| {
    answer.headers_mut().insert("date", HeaderValue::from_static(DATE));
    Ok(answer)
};

/// How the device's most frequent event begins, and the parrot's.
const APPEND: &str = r#"{"type":"input_audio_buffer.append""#;
const OF_A_REPLY: &str = r#"{"type":"response."#;
const DELTA: &str = r#"{"type":"response.audio.delta""#;
const UPDATED: &str = r#"{"type":"session.updated""#;

/// How a server treats one connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Manner {
    /// It serves.
    Serves(ParrotConfig),
    /// It answers the upgrade with this status, and the `Retry-After` in seconds.
    Refuses(u16, Option<u64>),
    /// It never answers the upgrade.
    Ignores,
    /// It serves, and never says a word of a reply.
    Forgets(ParrotConfig),
    /// It accepts, and never confirms the session.
    Dithers(ParrotConfig),
    /// It serves and closes with this code after so long.
    Closes(ParrotConfig, u16, At),
}

/// One connection, as the server has it.
pub(super) struct Far {
    clock: Clock,
    pub(super) cable: Cable,
    manner: Manner,
    born: At,
    stage: Stage,
    parrot: Option<Parrot>,
    promises: Rc<RefCell<Promises>>,
    /// It has said goodbye.
    closing: bool,
    /// When it confirmed the session, and how long that takes to be known.
    confirmed: Option<(At, At)>,
    /// It says nothing of replies until then.
    forgets_until: At,
    /// The reply it spoke of last.
    reply: String,
    /// Everything that was said, in order, as a number: two lives are the same when it is.
    pub(super) digest: Digest,
}

enum Stage {
    Fresh(End),
    Upgrading(Box<MidHandshake<ServerHandshake<End, Greeting>>>),
    Open(Box<WebSocket<End>>),
    Silent { _held: End },
    Over,
}

/// A digest of what happened (FNV-1a).
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

impl Far {
    pub(super) fn new(
        clock: &Clock,
        end: End,
        manner: Manner,
        seed: u64,
        promises: &Rc<RefCell<Promises>>,
    ) -> Self {
        let parrot = match &manner {
            Manner::Serves(habits)
            | Manner::Forgets(habits)
            | Manner::Dithers(habits)
            | Manner::Closes(habits, ..) => {
                let expires_at = DATE_S + habits.life.as_secs();
                Some(Parrot::new(ParrotConfig { expires_at, ..habits.clone() }, seed, Duration::ZERO))
            }
            Manner::Refuses(..) | Manner::Ignores => None,
        };
        Self {
            clock: clock.clone(),
            cable: end.cable(),
            born: clock.now(),
            stage: if manner == Manner::Ignores { Stage::Silent { _held: end } } else { Stage::Fresh(end) },
            manner,
            parrot,
            promises: Rc::clone(promises),
            closing: false,
            confirmed: None,
            forgets_until: 0,
            reply: String::new(),
            digest: Digest::default(),
        }
    }

    /// Tells whether its session may be replaced by another at this moment.
    pub(super) fn is_ending(&self) -> bool {
        let life = match &self.manner {
            Manner::Serves(habits)
            | Manner::Forgets(habits)
            | Manner::Dithers(habits)
            | Manner::Closes(habits, ..) => habits.life,
            Manner::Refuses(..) | Manner::Ignores => return false,
        };
        self.age() + HANDOVER_BEFORE + Duration::from_secs(60) >= life
    }

    /// When it has something to say without having been asked.
    pub(super) fn next(&self) -> Option<At> {
        if !matches!(self.stage, Stage::Open(_)) {
            return None;
        }
        let parrot = self
            .parrot
            .as_ref()
            .filter(|_| !self.closing)
            .and_then(Parrot::deadline)
            .map(|at| self.born + at.as_nanos() as At);
        let closes = match &self.manner {
            Manner::Closes(_, _, after) => (!self.closing).then_some(self.born + after),
            Manner::Serves(_)
            | Manner::Forgets(_)
            | Manner::Refuses(..)
            | Manner::Ignores
            | Manner::Dithers(_) => None,
        };
        parrot.into_iter().chain(closes).min()
    }

    /// Tells whether it has anything to do.
    pub(super) fn is_due(&self, now: At) -> bool {
        match &self.stage {
            Stage::Over | Stage::Silent { .. } => false,
            Stage::Fresh(_) | Stage::Upgrading(_) | Stage::Open(_) => {
                self.cable.is_readable(true) || self.next().is_some_and(|at| at <= now)
            }
        }
    }

    /// Takes in what has come and says what is due.
    pub(super) fn turn(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Fresh(end) => match self.manner {
                Manner::Refuses(status, retry_after) => refuse(end, status, retry_after),
                Manner::Serves(_)
                | Manner::Forgets(_)
                | Manner::Ignores
                | Manner::Dithers(_)
                | Manner::Closes(..) => upgrade(tungstenite::accept_hdr(end, GREETING)),
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

    /// Says nothing of any reply until then.
    pub(super) fn forget(&mut self, until: At) {
        self.forgets_until = until;
    }

    /// Says up to `count` things that it should not, and tells how many.
    pub(super) fn utter(&mut self, seed: u64, count: usize) -> usize {
        let Stage::Open(socket) = &mut self.stage else { return 0 };
        if self.confirmed.is_none() || self.closing || flush(socket).is_err() {
            return 0;
        }
        let mut luck = Rng::with_seed(seed);
        for said in 1..=count {
            let (bytes, is_last) = utterance(&mut luck, &self.reply);
            self.digest.add(&bytes);
            if socket.get_mut().write_all(&bytes).is_err() || is_last {
                return said;
            }
        }
        count
    }

    fn serve(&mut self, socket: &mut WebSocket<End>) -> tungstenite::Result<()> {
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => self.take(&text, socket.get_ref()),
                Ok(Message::Close(_)) => {
                    let _ = socket.flush();
                    return Err(tungstenite::Error::ConnectionClosed);
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.answer(socket)?;
        flush(socket)
    }

    fn age(&self) -> Duration {
        Duration::from_nanos(self.clock.now() - self.born)
    }

    fn take(&mut self, text: &str, end: &End) {
        let now = self.clock.now();
        self.digest.add(&now.to_le_bytes());
        self.digest.add(text.as_bytes());
        let mut asked = false;
        if text.starts_with(APPEND) {
            let mark = end.mark();
            let event: Value = serde_json::from_str(text).unwrap();
            let bytes = STANDARD.decode(event["audio"].as_str().unwrap()).unwrap();
            let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            let mut promises = self.promises.borrow_mut();
            // It takes one way to learn of it, and one for the sound.
            let known = self.confirmed.is_some_and(|(at, way)| now >= at + 2 * way.min(self.cable.latency()));
            promises.uplink(mark.lit, known, now);
            samples.for_each(|sample| promises.understand(sample));
        } else {
            let event: Value = serde_json::from_str(text).unwrap();
            asked = event["type"] == "session.update";
            if event["type"] == "response.cancel" || event["type"] == "conversation.item.delete" {
                self.promises.borrow_mut().decline(event["response_id"].as_str(), event["item_id"].as_str());
            }
            if event["type"] == "conversation.item.truncate" {
                let (item, ms) =
                    (event["item_id"].as_str().unwrap(), event["audio_end_ms"].as_u64().unwrap());
                self.promises.borrow_mut().told(item, ms, now);
            }
        }
        if matches!(self.manner, Manner::Dithers(_)) && asked {
            return;
        }
        let age = self.age();
        if let Some(parrot) = &mut self.parrot {
            parrot.receive(text, age);
        }
    }

    fn answer(&mut self, socket: &mut WebSocket<End>) -> tungstenite::Result<()> {
        if self.closing {
            return Ok(());
        }
        let age = self.age();
        while let Some(event) = self.parrot.as_mut().and_then(|parrot| parrot.next_message(age)) {
            let forgets = matches!(self.manner, Manner::Forgets(_)) || self.clock.now() < self.forgets_until;
            if forgets && event.starts_with(OF_A_REPLY) {
                continue;
            }
            self.digest.add(event.as_bytes());
            if event.starts_with(UPDATED) {
                self.confirmed.get_or_insert((self.clock.now(), self.cable.latency()));
            }
            if event.starts_with(DELTA) {
                let (signed, replies) = self.sign(&event);
                write(socket, signed)?;
                socket.get_mut().label(replies);
                flush(socket)?;
            } else {
                write(socket, event)?;
            }
        }
        match self.manner {
            Manner::Closes(_, code, after) if self.clock.now() >= self.born + after && !self.closing => {
                self.closing = true;
                close(socket, code)
            }
            Manner::Serves(_)
            | Manner::Forgets(_)
            | Manner::Refuses(..)
            | Manner::Ignores
            | Manner::Dithers(_)
            | Manner::Closes(..) => Ok(()),
        }
    }

    /// Writes into every sample of a delta whose it is.
    fn sign(&mut self, event: &str) -> (String, usize) {
        let mut event: Value = serde_json::from_str(event).unwrap();
        let (name, item) = (event["response_id"].as_str().unwrap(), event["item_id"].as_str().unwrap());
        let (code, replies) = self.promises.borrow_mut().code(name, item);
        name.clone_into(&mut self.reply);
        let bytes = STANDARD.decode(event["delta"].as_str().unwrap()).unwrap().len();
        self.promises.borrow_mut().send(replies, bytes as u64 / 2);
        let signed: Vec<u8> = code.to_le_bytes().into_iter().cycle().take(bytes).collect();
        event["delta"] = STANDARD.encode(signed).into();
        (event.to_string(), replies)
    }
}

fn upgrade(result: Result<WebSocket<End>, HandshakeError<ServerHandshake<End, Greeting>>>) -> Stage {
    match result {
        Ok(socket) => Stage::Open(Box::new(socket)),
        Err(HandshakeError::Interrupted(handshake)) => Stage::Upgrading(Box::new(handshake)),
        Err(HandshakeError::Failure(_)) => Stage::Over,
    }
}

fn refuse(mut end: End, status: u16, retry_after: Option<u64>) -> Stage {
    let mut request = [0; 4096];
    if end.read(&mut request).is_err() {
        return Stage::Fresh(end);
    }
    let retry_after = retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    let answer = format!("HTTP/1.1 {status} Sorry\r\n{retry_after}Content-Length: 2\r\n\r\nno");
    let _ = end.write_all(answer.as_bytes());
    Stage::Over
}

fn write(socket: &mut WebSocket<End>, text: String) -> tungstenite::Result<()> {
    match socket.write(Message::Text(text.into())) {
        Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        written => written,
    }
}

fn flush(socket: &mut WebSocket<End>) -> tungstenite::Result<()> {
    match socket.flush() {
        Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        flushed => flushed,
    }
}

fn close(socket: &mut WebSocket<End>, code: u16) -> tungstenite::Result<()> {
    let _ = socket.close(Some(CloseFrame { code: CloseCode::from(code), reason: "".into() }));
    let _ = socket.flush();
    Ok(())
}
