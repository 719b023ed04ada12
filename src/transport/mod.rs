//! A non-blocking WebSocket client: text messages over TLS, TCP or a socket pair.
//!
//! Poll [`WsClient::fd`] for [`WsClient::interest`], unless [`WsClient::has_unread`], then call [`WsClient::next`] until it
//! returns `None`: that is one turn, in which at most [`TURN_BYTES`] and [`TURN_MESSAGES`] are read.
//! The TLS handshake and the upgrade proceed in the same calls. The end of a connection is a
//! [`TransportError`]; a peer that sends more than a conversation needs is one of its reasons. This module does not interpret
//! the text, reads no clock and never reconnects.

mod budget;
mod certificate;
mod error;
mod exchange;
mod stream;
mod tls;
mod trusted_time;

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::event::PollFlags;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::{ClientHandshake, Request};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::model::Time;

pub use budget::{FLOOD_MESSAGES, FLOOD_WINDOW, TURN_BYTES, TURN_MESSAGES, USELESS_BYTES, USELESS_MESSAGES};
pub use certificate::utc_date;
pub use error::{TransportError, TransportErrorKind};
pub use exchange::Exchange;
pub use stream::ByteStream;
pub use tls::{Tls, TlsError};
pub use trusted_time::{RELEASED_S, WallClock};
/// A text message: a reference-counted slice of the receive buffer.
pub use tungstenite::Utf8Bytes as Text;

use budget::FloodDetector;

/// Limit of unsent bytes, beyond which the connection is given up: 16 s of speech. Speech that was buffered
/// offline, 10 s at most, is sent at once after a reconnect and has to fit.
pub const OUTBOUND_BYTES: usize = 1024 * 1024;
/// Limit of a received message in bytes, beyond which the connection is given up (protocol §4.2): as much as the service's
/// own Python client takes. A message is parsed in one go, so that it also limits how long a turn can take.
pub const INBOUND_BYTES: usize = 4 * 1024 * 1024;
/// A ping is sent after this time without a message from the peer (protocol §4.3).
pub const PING_AFTER: Duration = Duration::from_secs(30);
/// The connection is given up if no message follows a ping within this time.
pub const PONG_LIMIT: Duration = Duration::from_secs(15);
/// As [`PING_AFTER`], while the user speaks or waits for a reply.
pub const BUSY_PING_AFTER: Duration = Duration::from_secs(4);
/// As [`PONG_LIMIT`], while the user speaks or waits for a reply: with a longer delay a conversation is
/// impossible.
pub const BUSY_PONG_LIMIT: Duration = Duration::from_secs(6);

/// Size of a read in bytes. tungstenite zeroes a buffer of this size before each read, so a larger one costs
/// more.
const READ_BYTES: usize = 4 * 1024;
/// Bytes kept of the body of an HTTP error (protocol §4.1).
const BODY_BYTES: usize = 4096;

/// One end of a WebSocket connection.
pub struct WsClient {
    state: ConnectionState,
    text: BytesMut,
    write_blocked: bool,
    last_received: Time,
    /// Deadline for an answer to the latest ping; `None` while no ping is unanswered.
    pong_deadline: Option<Time>,
    /// Whether the user speaks or waits for a reply.
    busy: bool,
    server_date_s: Option<i64>,
    /// Messages that may still be read in this turn.
    messages_left: usize,
    /// The last turn has ended before everything was read.
    unread: bool,
    /// `None` where both ends are of this process.
    flood: Option<FloodDetector>,
}

enum ConnectionState {
    Upgrading(MidHandshake<ClientHandshake<ByteStream>>),
    Open(Box<WebSocket<ByteStream>>),
    Closed,
}

/// The HTTP upgrade request. Its `Debug` text holds no credential.
#[derive(Clone)]
pub struct UpgradeRequest {
    /// The address as a `ws` or `wss` URI, e.g.
    /// `wss://name.services.ai.azure.com/voice-live/realtime?model=m`.
    pub uri: String,
    /// Name and value of the header that carries the credential.
    pub credential: Option<(&'static str, String)>,
}

impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credential = self.credential.as_ref().map(|(name, _)| (name, "***"));
        f.debug_struct("UpgradeRequest").field("uri", &self.uri).field("credential", &credential).finish()
    }
}

/// What the peer has sent.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The upgrade succeeded.
    Up,
    Text(Text),
    /// A binary message that is not UTF-8, dropped; its size in bytes.
    Binary(usize),
}

impl WsClient {
    /// Starts the upgrade over a connected stream.
    ///
    /// # Errors
    /// When `upgrade` is not a valid request, or the stream fails at once.
    pub fn upgrade(stream: ByteStream, upgrade: &UpgradeRequest, now: Time) -> Result<Self, TransportError> {
        let request = request(upgrade)?;
        let handshake = ClientHandshake::start(stream, request, Some(websocket_config()))
            .map_err(TransportError::from)?;
        let flood = Some(FloodDetector::new(now));
        Ok(Self { flood, ..Self::new(ConnectionState::Upgrading(handshake), now) })
    }

    /// Creates a connected pair, client and server, over a Unix socket pair. There is no upgrade.
    ///
    /// # Errors
    /// When the kernel provides no socket pair.
    pub fn pair(now: Time) -> Result<(Self, Self), TransportError> {
        let (client, server) = ByteStream::pair()?;
        let end = |stream, role| {
            let socket = WebSocket::from_raw_socket(stream, role, Some(websocket_config()));
            Self::new(ConnectionState::Open(Box::new(socket)), now)
        };
        Ok((end(client, Role::Client), end(server, Role::Server)))
    }

    fn new(state: ConnectionState, now: Time) -> Self {
        let text = BytesMut::with_capacity(4096);
        Self {
            state,
            text,
            write_blocked: false,
            last_received: now,
            pong_deadline: None,
            busy: false,
            server_date_s: None,
            messages_left: TURN_MESSAGES,
            unread: false,
            flood: None,
        }
    }

    /// Returns the file descriptor to poll; `None` for a stream in memory or after the end.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.stream().and_then(ByteStream::fd)
    }

    /// Returns the events to poll for.
    #[must_use]
    pub fn interest(&self) -> PollFlags {
        let writing = self.write_blocked || self.stream().is_some_and(ByteStream::wants_write);
        if writing { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
    }

    /// Returns the peer's `Date` header of the upgrade, in seconds of the Unix epoch.
    #[must_use]
    pub fn server_date_s(&self) -> Option<i64> {
        self.server_date_s
    }

    /// Sets whether the user speaks or waits for a reply: then a dead peer is detected sooner.
    pub fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Returns the ping interval and the pong timeout.
    fn limits(&self) -> (Duration, Duration) {
        if self.busy { (BUSY_PING_AFTER, BUSY_PONG_LIMIT) } else { (PING_AFTER, PONG_LIMIT) }
    }

    /// Returns when to call [`Self::tick`], unless a message arrives earlier.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match &self.state {
            ConnectionState::Open(_) => {
                Some(self.pong_deadline.unwrap_or(self.last_received + self.limits().0))
            }
            ConnectionState::Upgrading(_) | ConnectionState::Closed => None,
        }
    }

    /// Sends a ping when one is due.
    ///
    /// # Errors
    /// When the peer has not answered the previous ping in time, or the write fails.
    pub fn tick(&mut self, now: Time) -> Result<(), TransportError> {
        let (after, limit) = self.limits();
        let ConnectionState::Open(socket) = &mut self.state else { return Ok(()) };
        match self.pong_deadline {
            Some(deadline) if now >= deadline => {
                self.state = ConnectionState::Closed;
                Err(TransportError::no_pong(now - self.last_received))
            }
            Some(_) => Ok(()),
            None if now >= self.last_received + after => {
                self.pong_deadline = Some(now + limit);
                let result = socket.write(Message::Ping(Bytes::new()));
                self.check_write(result)?;
                self.flush()
            }
            None => Ok(()),
        }
    }

    /// Returns whether the last turn has ended before everything was read. poll(2) does not report what is left: TLS and
    /// WebSocket may hold whole messages. So the next turn is due at once, after the other sources were served.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.unread
    }

    /// Records that the last message was of use: see [`USELESS_MESSAGES`].
    pub fn record_use(&mut self) {
        if let Some(flood) = &mut self.flood {
            flood.record_use();
        }
    }

    /// Returns the next message; `None` at the end of the turn: when there is none yet, or when the turn has read
    /// [`TURN_BYTES`] or [`TURN_MESSAGES`], control frames among them.
    ///
    /// # Errors
    /// When the connection has ended, and on every later call; when the peer sends more than a conversation needs.
    pub fn next(&mut self, now: Time) -> Result<Option<LinkEvent>, TransportError> {
        loop {
            if self.messages_left == 0 && !matches!(self.state, ConnectionState::Closed) {
                return self.end_turn(true, now);
            }
            let message = match std::mem::replace(&mut self.state, ConnectionState::Closed) {
                ConnectionState::Upgrading(handshake) => return self.handshake(handshake, now),
                ConnectionState::Open(mut socket) => {
                    let message = socket.read();
                    self.state = ConnectionState::Open(socket);
                    message
                }
                ConnectionState::Closed => return Err(TransportError::already_closed()),
            };
            let event = match message {
                Ok(message) => {
                    (self.last_received, self.pong_deadline) = (now, None);
                    self.messages_left -= 1;
                    self.count_read(1, now)?;
                    match message {
                        Message::Text(text) => LinkEvent::Text(text),
                        Message::Binary(bytes) => {
                            let length = bytes.len();
                            Text::try_from(bytes).map_or(LinkEvent::Binary(length), LinkEvent::Text)
                        }
                        Message::Close(frame) => {
                            let flushed = self.flush();
                            self.state = ConnectionState::Closed;
                            return Err(TransportError::closed(frame, flushed.is_ok()));
                        }
                        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                    }
                }
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.flush()?;
                    return self.end_turn(false, now);
                }
                Err(error) => {
                    self.state = ConnectionState::Closed;
                    return Err(error.into());
                }
            };
            return Ok(Some(event));
        }
    }

    /// Ends a turn; `is_cut` if messages may be left. What was read in it counts, even if no message is complete.
    fn end_turn(&mut self, is_cut: bool, now: Time) -> Result<Option<LinkEvent>, TransportError> {
        self.count_read(0, now)?;
        self.messages_left = TURN_MESSAGES;
        let has_refused = self.stream_mut().is_some_and(|stream| stream.meter_mut().refill());
        self.unread = is_cut || has_refused;
        Ok(None)
    }

    fn count_read(&mut self, messages: usize, now: Time) -> Result<(), TransportError> {
        let bytes = self.stream_mut().map_or(0, |stream| stream.meter_mut().take_read());
        let Some(flood) = &mut self.flood else { return Ok(()) };
        flood.add(messages, bytes, now).map_err(|flood| {
            self.state = ConnectionState::Closed;
            TransportError::flooded(flood)
        })
    }

    /// Queues the text message that `write` appends to an empty buffer; the buffer is reused. Drops it if it
    /// is not UTF-8.
    ///
    /// # Errors
    /// When the connection has ended, or more than [`OUTBOUND_BYTES`] are unsent.
    pub fn send(&mut self, write: impl FnOnce(&mut BytesMut)) -> Result<(), TransportError> {
        write(&mut self.text);
        let bytes = self.text.split().freeze();
        let ConnectionState::Open(socket) = &mut self.state else {
            return Err(TransportError::already_closed());
        };
        let Ok(text) = Text::try_from(bytes) else { return Ok(()) };
        let result = socket.write(Message::Text(text));
        self.check_write(result)
    }

    /// Writes queued bytes until the kernel's buffer is full. Does nothing before the upgrade and after the
    /// end.
    ///
    /// # Errors
    /// When the write fails.
    pub fn flush(&mut self) -> Result<(), TransportError> {
        let ConnectionState::Open(socket) = &mut self.state else { return Ok(()) };
        match socket.flush() {
            Ok(()) => {
                self.write_blocked = false;
                Ok(())
            }
            Err(error) => self.check_write(Err(error)),
        }
    }

    /// Sends a close frame with code 1000; [`Self::next`] returns the end when the peer has answered.
    pub fn close(&mut self) {
        if let ConnectionState::Open(socket) = &mut self.state {
            let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            let _ = socket.close(Some(frame));
            let _ = self.flush();
        } else {
            self.state = ConnectionState::Closed;
        }
    }

    fn handshake(
        &mut self,
        handshake: MidHandshake<ClientHandshake<ByteStream>>,
        now: Time,
    ) -> Result<Option<LinkEvent>, TransportError> {
        match handshake.handshake() {
            Ok((socket, response)) => {
                let date = response.headers().get("date").and_then(|date| date.to_str().ok());
                self.server_date_s = date.and_then(error::unix_s);
                self.state = ConnectionState::Open(Box::new(socket));
                self.last_received = now;
                Ok(Some(LinkEvent::Up))
            }
            Err(HandshakeError::Interrupted(handshake)) => {
                self.state = ConnectionState::Upgrading(handshake);
                self.end_turn(false, now)
            }
            Err(HandshakeError::Failure(error)) => Err(error.into()),
        }
    }

    fn check_write(&mut self, result: tungstenite::Result<()>) -> Result<(), TransportError> {
        match result {
            Ok(()) => Ok(()),
            // tungstenite has queued the message nevertheless.
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.write_blocked = true;
                Ok(())
            }
            // The peer has closed; the next read returns the reason.
            Err(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::SendAfterClosing)) => Ok(()),
            Err(error) => {
                self.state = ConnectionState::Closed;
                Err(error.into())
            }
        }
    }

    fn stream(&self) -> Option<&ByteStream> {
        match &self.state {
            ConnectionState::Upgrading(handshake) => Some(handshake.get_ref().get_ref()),
            ConnectionState::Open(socket) => Some(socket.get_ref()),
            ConnectionState::Closed => None,
        }
    }

    fn stream_mut(&mut self) -> Option<&mut ByteStream> {
        match &mut self.state {
            ConnectionState::Upgrading(handshake) => Some(handshake.get_mut().get_mut()),
            ConnectionState::Open(socket) => Some(socket.get_mut()),
            ConnectionState::Closed => None,
        }
    }
}

fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(OUTBOUND_BYTES)
        .max_message_size(Some(INBOUND_BYTES))
        .max_frame_size(Some(INBOUND_BYTES))
}

fn request(upgrade: &UpgradeRequest) -> Result<Request, TransportError> {
    let mut request = upgrade.uri.as_str().into_client_request().map_err(TransportError::from)?;
    let agent = HeaderValue::from_static(concat!("mynah/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert("User-Agent", agent);
    if let Some((name, value)) = &upgrade.credential {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            TransportError::setup(format!(
                "the credential contains characters that are not allowed in the header {name}; check the key or \
                 token"
            ))
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(*name, value);
    }
    Ok(request)
}
