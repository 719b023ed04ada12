//! The service's end of the trips: a blocking TLS server, with or without WebSocket on top.
//!
//! It runs in the client's thread and only between the measured parts, so that none of its time, instructions and
//! allocations are counted.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::NamedTempFile;
use tungstenite::{Message, WebSocket};

use crate::service::tls;

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Accepts one client.
pub(crate) struct Listener {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    ca_file: NamedTempFile,
}

impl Listener {
    pub(crate) fn open() -> Self {
        let (acceptor, ca_pem) = tls::acceptor();
        let ca_file = NamedTempFile::with_suffix(".pem").unwrap();
        std::fs::write(ca_file.path(), ca_pem).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        Self { listener, config: Arc::clone(acceptor.config()), ca_file }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.ca_file.path().to_owned()
    }

    /// Returns a client's TCP connection and the thread that accepts it on the service's side.
    pub(crate) fn accept<P: Send + 'static>(
        self,
        accept: impl FnOnce(Stream) -> P + Send + 'static,
    ) -> (TcpStream, JoinHandle<P>) {
        let address = self.listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (tcp, _) = self.listener.accept().unwrap();
            tcp.set_nodelay(true).unwrap();
            let connection = ServerConnection::new(self.config).unwrap();
            accept(StreamOwned::new(connection, tcp))
        });
        (TcpStream::connect(address).unwrap(), thread)
    }
}

/// TLS with WebSocket on top.
pub(crate) struct WebSocketPeer(WebSocket<Stream>);

impl WebSocketPeer {
    pub(crate) fn accept(stream: Stream) -> Self {
        Self(tungstenite::accept(stream).expect("the upgrade succeeds"))
    }

    pub(crate) fn receive(&mut self) -> usize {
        self.0.read().unwrap().len()
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }
}

/// TLS with nothing on top.
pub(crate) struct BarePeer(Stream);

impl BarePeer {
    pub(crate) fn accept(mut stream: Stream) -> Self {
        // The handshake is complete when the client's first byte has arrived.
        stream.read_exact(&mut [0]).unwrap();
        Self(stream)
    }

    pub(crate) fn receive(&mut self, into: &mut [u8]) {
        self.0.read_exact(into).unwrap();
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }
}
