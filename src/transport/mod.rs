//! Text in and out over one WebSocket, without ever blocking: TCP, TLS, or a socket pair.
//!
//! A [`Link`] is polled for [`Link::interest`], then asked for what is [`next`](Link::next). The TLS
//! handshake and the upgrade happen in the same way, so connecting stalls nothing either. When it is
//! over, it says why in one sentence. It does not know what the text means, reads no clock and makes no
//! new connection.

mod error;
mod stream;
mod tls;

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

pub use error::{TransportError, TransportErrorKind, clipped};
pub use stream::ByteStream;
pub use tls::{Tls, TlsError};
/// A text message; cheap to hold, and nothing is copied to get it.
pub use tungstenite::Utf8Bytes as Text;

/// Unsent bytes beyond which the uplink counts as stuck: about sixteen seconds of speech, because what was said in an
/// outage, ten seconds at most, goes all at once when it is over. The link is lost.
pub const OUTBOUND_BYTES: usize = 1024 * 1024;
/// The longest message taken in; the service documents no limit of its own (protocol §4.2). The link is lost.
pub const INBOUND_BYTES: usize = 10 * 1024 * 1024;
/// How long the peer may be silent before it is asked for a sign of life (protocol §4.3).
pub const PING_AFTER: Duration = Duration::from_secs(30);
/// How long it may take to give one.
pub const PONG_LIMIT: Duration = Duration::from_secs(15);
/// The same while somebody talks or waits for an answer, who would talk to a dead link for that long.
pub const BUSY_PING_AFTER: Duration = Duration::from_secs(4);
/// And how long the sign of life may take then: an uplink that is further behind is of no use to a talk.
pub const BUSY_PONG_LIMIT: Duration = Duration::from_secs(6);

/// Bytes read at a time. tungstenite fills as many with zeros before each read, so more is not better.
const READ_BYTES: usize = 4 * 1024;
/// How much of a refusal's body is worth a log line.
const BODY_BYTES: usize = 4096;

/// One connection.
pub struct WsClient {
    state: ConnectionState,
    text: BytesMut,
    write_blocked: bool,
    last_received: Time,
    /// Until when the peer may answer the latest ping.
    pong_deadline: Option<Time>,
    /// Somebody talks, or waits for an answer.
    busy: bool,
    server_date_s: Option<i64>,
}

enum ConnectionState {
    Upgrading(MidHandshake<ClientHandshake<ByteStream>>),
    Open(Box<WebSocket<ByteStream>>),
    Closed,
}

/// What the upgrade asks for.
#[derive(Clone, Debug)]
pub struct UpgradeRequest {
    /// The address as a `ws` or `wss` URI, e.g. `wss://name.services.ai.azure.com/voice-live/realtime?model=m`.
    pub uri: String,
    /// The header that carries the credential, and its value.
    pub credential: Option<(&'static str, String)>,
}

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkEvent {
    Up,
    Text(Text),
    /// A binary message that is not text either, of so many bytes: dropped.
    Binary(usize),
}

impl WsClient {
    /// Begins the upgrade over a connected pipe.
    ///
    /// # Errors
    /// When no request can be made of `upgrade`, or the pipe breaks at once.
    pub fn upgrade(stream: ByteStream, upgrade: &UpgradeRequest, now: Time) -> Result<Self, TransportError> {
        let request = request(upgrade)?;
        let handshake = ClientHandshake::start(stream, request, Some(websocket_config()))
            .map_err(TransportError::from)?;
        Ok(Self::new(ConnectionState::Upgrading(handshake), now))
    }

    /// Makes a connected pair inside this process: the client's end and the server's. There is no upgrade.
    ///
    /// # Errors
    /// When the kernel has no socket pair to give.
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
        }
    }

    /// Returns the file descriptor to poll, where there is one.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.stream().and_then(ByteStream::fd)
    }

    /// Returns what to poll for.
    #[must_use]
    pub fn interest(&self) -> PollFlags {
        let writing = self.write_blocked || self.stream().is_some_and(ByteStream::wants_write);
        if writing { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
    }

    /// Returns what time it was for the peer at the upgrade (`Date`), in seconds of the Unix epoch, if it said so.
    #[must_use]
    pub fn server_date_s(&self) -> Option<i64> {
        self.server_date_s
    }

    /// Says whether somebody talks or waits for an answer: then a dead peer is to be noticed sooner.
    pub fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Returns how long the peer may be silent, and how long it may take to answer a ping.
    fn limits(&self) -> (Duration, Duration) {
        if self.busy { (BUSY_PING_AFTER, BUSY_PONG_LIMIT) } else { (PING_AFTER, PONG_LIMIT) }
    }

    /// Names the time to call [`Self::tick`], while nothing is heard.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match &self.state {
            ConnectionState::Open(_) => {
                Some(self.pong_deadline.unwrap_or(self.last_received + self.limits().0))
            }
            ConnectionState::Upgrading(_) | ConnectionState::Closed => None,
        }
    }

    /// Asks a silent peer for a sign of life, or gives it up.
    ///
    /// # Errors
    /// When the peer gave none in time.
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

    /// Takes in the next message; `None` when there is none yet. Call it until then before polling again:
    /// TLS may hold whole messages that no poll knows of.
    ///
    /// # Errors
    /// When the link is over. Every later call says so again.
    pub fn next(&mut self, now: Time) -> Result<Option<LinkEvent>, TransportError> {
        loop {
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
                    return Ok(None);
                }
                Err(error) => {
                    self.state = ConnectionState::Closed;
                    return Err(error.into());
                }
            };
            return Ok(Some(event));
        }
    }

    /// Queues one message, written by `write` into a buffer that is used again and again.
    ///
    /// # Errors
    /// When the link is over, or so much is unsent that the uplink counts as stuck.
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

    /// Hands what is queued to the kernel, as far as it takes it.
    ///
    /// # Errors
    /// When the link is over.
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

    /// Says goodbye with code 1000. The peer's answer ends the link: [`Self::next`] tells.
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
                Ok(None)
            }
            Err(HandshakeError::Failure(error)) => Err(error.into()),
        }
    }

    fn check_write(&mut self, result: tungstenite::Result<()>) -> Result<(), TransportError> {
        match result {
            Ok(()) => Ok(()),
            // The message is queued all the same.
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.write_blocked = true;
                Ok(())
            }
            // The peer has closed; reading tells why.
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
            TransportError::setup(format!("the credential holds characters that a {name} header cannot"))
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(*name, value);
    }
    Ok(request)
}
