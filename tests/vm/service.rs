//! A scripted Voice Live service on the guest's loopback interface that timestamps everything sent and received.
//!
//! It sets up every session by itself; all other events come from the scenario. It judges nothing.

use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use crate::clock::{self, now};
use crate::scripted::{events, tls};

/// Queued orders; a scenario waits for each, so there is at most one.
const ORDERS: usize = 4;

/// A running service.
pub(crate) struct Service {
    port: u16,
    ca_file: NamedTempFile,
    log: Arc<Mutex<Log>>,
    orders: mpsc::Sender<Order>,
}

/// What was received.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) connections: usize,
    /// Client events without the microphone's audio, with the time of arrival.
    pub(crate) events: Vec<(u64, Value)>,
    pub(crate) appends: Vec<Append>,
}

/// One message of microphone audio and when it arrived.
#[derive(Clone)]
pub(crate) struct Append {
    pub(crate) at: u64,
    pub(crate) samples: Box<[i16]>,
}

/// Events to send, and where to report when.
struct Order {
    texts: Vec<String>,
    sent_at: SyncSender<u64>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let (acceptor, ca_pem) = tls::acceptor();
        let ca_file = NamedTempFile::with_suffix_in(".pem", ".").expect("room for a file");
        std::fs::write(ca_file.path(), ca_pem).expect("room for a certificate");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let log = Arc::new(Mutex::new(Log::default()));
        let kept = Arc::clone(&log);
        let (orders, taken) = mpsc::channel(ORDERS);
        std::thread::Builder::new()
            .name("service".to_owned())
            .spawn(move || serve(listener, &acceptor, &kept, taken))
            .expect("a thread");
        Self { port, ca_file, log, orders }
    }

    /// Returns the arguments for mynah to connect to it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let (url, ca_file) = (format!("wss://localhost:{}", self.port), path(self.ca_file.path()));
        std::fs::write("key", "the-key-of-the-vm").expect("room for a key");
        ["--endpoint", &url, "--ca-file", &ca_file, "--api-key-file", "key"].map(str::to_owned).into()
    }

    /// Sends events in order without a pause. Returns the time right before the first.
    pub(crate) fn send(&self, events: impl IntoIterator<Item = Value>) -> u64 {
        let texts = events.into_iter().map(|event| event.to_string()).collect();
        let (sent_at, at) = sync_channel(1);
        self.orders.blocking_send(Order { texts, sent_at }).expect("the service runs");
        at.recv().expect("the service sends the order")
    }

    /// Sends a user turn and a reply of `samples`, with ids derived from `name`.
    pub(crate) fn reply(&self, name: &str, samples: &[i16]) {
        let [user, reply, item] = ["user", "resp", "item"].map(|kind| format!("{kind}_{name}"));
        self.send(events::user_turn(&user));
        self.send(events::reply_begun(&reply, &item));
        self.send(events::audio_deltas(&reply, &item, samples));
        self.send(events::reply_ended(&reply, &item, "Counted."));
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a client event of this type at or after `since`. Returns it with its time.
    pub(crate) fn wait_for(&self, kind: &str, since: u64, timeout_ms: u64) -> Option<(u64, Value)> {
        let find = || {
            let log = self.log();
            log.events.iter().find(|(at, event)| *at >= since && event["type"] == kind).cloned()
        };
        clock::until(timeout_ms, || find().is_some());
        find()
    }

    /// Waits for microphone audio at or after `since`. Returns the time of the first.
    pub(crate) fn wait_for_sound(&self, since: u64, timeout_ms: u64) -> Option<u64> {
        let find = || {
            let log = self.log();
            log.appends.iter().rev().take_while(|append| append.at >= since).last().map(|append| append.at)
        };
        clock::until(timeout_ms, || find().is_some());
        find()
    }
}

fn path(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

fn serve(listener: TcpListener, acceptor: &TlsAcceptor, log: &Mutex<Log>, mut orders: mpsc::Receiver<Order>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a listener that does not wait");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        while let Ok((tcp, _)) = listener.accept().await {
            log.lock().unwrap_or_else(PoisonError::into_inner).connections += 1;
            // A failed handshake or a closed connection is followed by a new one.
            let _ = converse(tcp, acceptor, log, &mut orders).await;
        }
    });
}

async fn converse(
    tcp: TcpStream,
    acceptor: &TlsAcceptor,
    log: &Mutex<Log>,
    orders: &mut mpsc::Receiver<Order>,
) -> Option<()> {
    tcp.set_nodelay(true).ok()?;
    let mut socket = accept_async(acceptor.accept(tcp).await.ok()?).await.ok()?;
    socket.send(Message::text(events::session_created().to_string())).await.ok()?;
    loop {
        tokio::select! {
            message = socket.next() => {
                let at = now();
                let Message::Text(text) = message?.ok()? else { continue };
                let event: Value = serde_json::from_str(&text).ok()?;
                if event["type"] == "session.update" {
                    socket.send(Message::text(events::session_updated(&event).to_string())).await.ok()?;
                }
                take(&mut log.lock().unwrap_or_else(PoisonError::into_inner), at, event);
            }
            Some(order) = orders.recv() => {
                let _ = order.sent_at.send(now());
                for text in order.texts {
                    socket.feed(Message::text(text)).await.ok()?;
                }
                socket.flush().await.ok()?;
            }
        }
    }
}

fn take(log: &mut Log, at: u64, event: Value) {
    match event["audio"].as_str() {
        Some(base64) => {
            let bytes = STANDARD.decode(base64).expect("the microphone's samples are base64");
            let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
            log.appends.push(Append { at, samples });
        }
        None => log.events.push((at, event)),
    }
}
