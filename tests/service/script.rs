//! Behaviours and steps of a connection, and the code that executes them.

use super::WAIT_LIMIT;
use super::ga::{GaQuirks, GaServer};
use super::record::Record;
use futures_util::{SinkExt, StreamExt};
use mynah::parrot::{Parrot, ParrotConfig};
use serde_json::Value;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// How long a connection stays open after its script, for the client to close it.
const LINGER: Duration = Duration::from_secs(60);

/// The service's constant `Date` header: an hour before the default `expires_at` of a session.
pub(super) const DATE: &str = "Thu, 31 Dec 2099 23:00:00 GMT";

/// How the service treats one connection.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// The built-in service, in real time.
    Parrot(ParrotConfig),
    /// The same in OpenAI's dialect.
    Ga(ParrotConfig, GaQuirks),
    /// Executes these steps in order, then reads until the client closes.
    Script(Vec<Step>),
    /// Answers the upgrade with this HTTP response. `Content-Length` is added.
    Refuse { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Accepts TCP and does nothing else.
    Mute,
}

impl Behaviour {
    /// Creates [`Self::Script`].
    pub(crate) fn script(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::Script(steps.into_iter().collect())
    }

    /// Creates [`Self::Refuse`] without further headers.
    pub(crate) fn refuse(status: u16, body: &str) -> Self {
        Self::Refuse { status, headers: Vec::new(), body: body.to_owned() }
    }
}

/// One step of a script. While a step waits, the service records client events and answers pings.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Waits for a client event of this type, and skips others. Events that have arrived since the last
    /// expected one count.
    Expect(&'static str),
    /// Waits until this duration of audio, in milliseconds, was appended on the connection.
    ExpectAudio(u64),
    /// Sends an event.
    Send(Value),
    /// Sends the event that the function makes of the last expected client event.
    Answer(fn(&Value) -> Value),
    /// Sends a text frame that need not be JSON.
    SendText(String),
    /// Sends any frame: binary, ping, pong.
    SendRaw(Message),
    /// Waits for this duration.
    Wait(Duration),
    /// Sends a close frame with this code and reason.
    Close(u16, &'static str),
    /// Resets the TCP connection, without a close frame. Ends the script.
    Reset,
    /// Ends the TCP connection, without a close frame or TLS notice. Ends the script.
    HangUp,
    /// Reads nothing for this duration, so that the client's writes stall.
    Stall(Duration),
    /// Discards everything the client sends and answers nothing, pings included. Ends the script.
    Silence,
}

/// The stream below the WebSocket: TCP or TLS.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

type Socket = WebSocketStream<Box<dyn Transport>>;

/// Serves until `stopped` is disconnected, then drops every connection.
pub(super) fn run(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    behaviours: Vec<Behaviour>,
    record: Arc<Record>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let serve = async {
            while let Ok((tcp, _)) = listener.accept().await {
                let number = record.open();
                let behaviour = behaviours[number.min(behaviours.len() - 1)].clone();
                let (acceptor, record) = (acceptor.clone(), Arc::clone(&record));
                tokio::spawn(async move {
                    connection(tcp, acceptor, behaviour, number, &record).await;
                    record.write(number, |connection| connection.is_over = true);
                });
            }
        };
        tokio::select! {
            () = serve => {}
            _ = stopped => {}
        }
    });
}

async fn connection(
    tcp: TcpStream,
    acceptor: Option<TlsAcceptor>,
    behaviour: Behaviour,
    number: usize,
    record: &Record,
) {
    let _ = tcp.set_nodelay(true);
    if matches!(behaviour, Behaviour::Mute) {
        sleep(LINGER).await;
        return;
    }
    let transport: Box<dyn Transport> = match acceptor {
        None => Box::new(tcp),
        Some(acceptor) => match timeout(WAIT_LIMIT, acceptor.accept(tcp)).await {
            Ok(Ok(tls)) => Box::new(tls),
            // The client has rejected the certificate or closed: the test sees that on its side.
            Ok(Err(_)) | Err(_) => return,
        },
    };
    let error_response = error_response(&behaviour);
    #[expect(clippy::result_large_err, reason = "tungstenite defines the callback's type")]
    let record_request = |request: &Request, response: Response| {
        record.write(number, |connection| {
            connection.uri = request.uri().to_string();
            connection.headers = request
                .headers()
                .iter()
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect();
        });
        let mut response = response;
        response.headers_mut().insert("date", HeaderValue::from_static(DATE));
        error_response.map_or(Ok(response), Err)
    };
    let Ok(Ok(socket)) = timeout(WAIT_LIMIT, accept_hdr_async(transport, record_request)).await else {
        return;
    };
    match behaviour {
        Behaviour::Parrot(config) => {
            let parrot = Parrot::new(config, number as u64, Duration::ZERO);
            run_session(socket, parrot, number, record).await;
        }
        Behaviour::Ga(config, quirks) => {
            let server = GaServer::new(config, quirks, number as u64);
            run_session(socket, server, number, record).await;
        }
        Behaviour::Script(steps) => {
            let mut runner = ScriptRunner { socket, number, record, seen: 0, expected: Value::Null };
            if let Err(failure) = runner.run_steps(steps).await {
                record.add_failure(format!("connection {number}: {failure}"));
            }
        }
        Behaviour::Refuse { .. } | Behaviour::Mute => {}
    }
}

fn error_response(behaviour: &Behaviour) -> Option<ErrorResponse> {
    let Behaviour::Refuse { status, headers, body } = behaviour else { return None };
    let mut response = ErrorResponse::new(Some(body.clone()));
    *response.status_mut() = StatusCode::from_u16(*status).unwrap();
    let length = [("content-length", body.len().to_string())];
    for (name, value) in headers.iter().chain(&length) {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Some(response)
}

/// A session that answers by itself.
trait LiveSession {
    fn receive(&mut self, text: &str, now: Duration);
    fn next_message(&mut self, now: Duration) -> Option<String>;
    fn parrot(&self) -> &Parrot;
}

impl LiveSession for Parrot {
    fn receive(&mut self, text: &str, now: Duration) {
        Parrot::receive(self, text, now);
    }

    fn next_message(&mut self, now: Duration) -> Option<String> {
        Parrot::next_message(self, now)
    }

    fn parrot(&self) -> &Parrot {
        self
    }
}

impl LiveSession for GaServer {
    fn receive(&mut self, text: &str, now: Duration) {
        GaServer::receive(self, text, now);
    }

    fn next_message(&mut self, now: Duration) -> Option<String> {
        GaServer::next_message(self, now)
    }

    fn parrot(&self) -> &Parrot {
        self.parrot()
    }
}

/// Connects the socket to a session, in real time.
async fn run_session(mut socket: Socket, mut session: impl LiveSession, number: usize, record: &Record) {
    let started = Instant::now();
    loop {
        let mut has_sent = false;
        while let Some(text) = session.next_message(started.elapsed()) {
            has_sent = true;
            if socket.feed(Message::text(text)).await.is_err() {
                return;
            }
        }
        if has_sent {
            record.write(number, |connection| connection.items = session.parrot().items().to_vec());
        }
        if session.parrot().has_ended() {
            let frame = CloseFrame { code: CloseCode::Away, reason: "maximum session duration".into() };
            let _ = socket.close(Some(frame)).await;
            return;
        }
        let due = session.parrot().deadline().map_or_else(|| Instant::now() + LINGER, |due| started + due);
        tokio::select! {
            message = read(&mut socket, number, record) => match message {
                Some(Message::Text(text)) => session.receive(&text, started.elapsed()),
                Some(_) => {}
                None => return,
            },
            () = sleep_until(due) => {}
        }
    }
}

/// Flushes, then returns the next message and records it; `None` when the connection has ended.
async fn read(socket: &mut Socket, number: usize, record: &Record) -> Option<Message> {
    socket.flush().await.ok()?;
    let message = socket.next().await?.ok()?;
    record.write(number, |connection| connection.record(&message));
    Some(message)
}

/// A connection that follows a script.
struct ScriptRunner<'a> {
    socket: Socket,
    number: usize,
    record: &'a Record,
    /// Number of client events that were expected or skipped.
    seen: usize,
    expected: Value,
}

impl ScriptRunner<'_> {
    async fn run_steps(&mut self, steps: Vec<Step>) -> Result<(), String> {
        for step in steps {
            match step {
                Step::Expect(kind) => self.expect(kind).await?,
                Step::ExpectAudio(ms) => self.expect_audio(ms).await?,
                Step::Send(event) => self.send(Message::text(event.to_string())).await?,
                Step::Answer(answer) => {
                    let event = answer(&self.expected);
                    self.send(Message::text(event.to_string())).await?;
                }
                Step::SendText(text) => self.send(Message::text(text)).await?,
                Step::SendRaw(message) => self.send(message).await?,
                Step::Wait(time) => self.read_until(Instant::now() + time).await,
                Step::Close(code, reason) => {
                    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
                    self.send(Message::Close(Some(frame))).await?;
                }
                Step::Stall(time) => sleep(time).await,
                Step::Reset => {
                    let reset = self.socket.get_ref().tcp().set_zero_linger();
                    return reset.map_err(|error| error.to_string());
                }
                Step::HangUp => return Ok(()),
                Step::Silence => {
                    self.discard_input().await;
                    return Ok(());
                }
            }
        }
        self.read_until(Instant::now() + LINGER).await;
        Ok(())
    }

    async fn expect(&mut self, kind: &str) -> Result<(), String> {
        let deadline = Instant::now() + WAIT_LIMIT;
        loop {
            let seen = self.seen;
            let found = self.record.write(self.number, |connection| {
                let new = &connection.received[seen..];
                let at = new.iter().position(|event| event["type"] == kind)?;
                Some((seen + at + 1, new[at].clone()))
            });
            if let Some((seen, event)) = found {
                (self.seen, self.expected) = (seen, event);
                return Ok(());
            }
            self.read_before(deadline).await.map_err(|why| format!("expected {kind}, but {why}"))?;
        }
    }

    async fn expect_audio(&mut self, ms: u64) -> Result<(), String> {
        let deadline = Instant::now() + WAIT_LIMIT;
        while self.record.write(self.number, |connection| connection.audio_ms) < ms {
            self.read_before(deadline)
                .await
                .map_err(|why| format!("expected {ms} ms of audio, but {why}"))?;
        }
        Ok(())
    }

    async fn read_before(&mut self, deadline: Instant) -> Result<(), String> {
        match timeout_at(deadline, read(&mut self.socket, self.number, self.record)).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("the client closed the connection".to_owned()),
            Err(_) => Err(format!("it did not arrive within {WAIT_LIMIT:?}")),
        }
    }

    /// Reads until `deadline`, or until the client closes.
    async fn read_until(&mut self, deadline: Instant) {
        while self.read_before(deadline).await.is_ok() {}
    }

    async fn send(&mut self, message: Message) -> Result<(), String> {
        match timeout(WAIT_LIMIT, self.socket.send(message)).await {
            // As with the real service, messages to a client that has closed are lost.
            Ok(Ok(()) | Err(_)) => Ok(()),
            Err(_) => Err(format!("the client read nothing for {WAIT_LIMIT:?}")),
        }
    }

    async fn discard_input(&mut self) {
        let mut bytes = vec![0; 64 * 1024];
        let transport = self.socket.get_mut();
        let _ =
            timeout(LINGER, async { while transport.read(&mut bytes).await.is_ok_and(|n| n > 0) {} }).await;
    }
}
