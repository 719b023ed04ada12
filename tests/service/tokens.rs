//! A service on loopback that gives tokens, over TLS or without: good, slow, wrong, huge, lying or redirecting.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tempfile::NamedTempFile;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::tls;

/// What the service does with a connection after its request.
#[derive(Clone)]
pub(crate) enum TokenAnswer {
    /// Answers with this status and JSON.
    Json(u16, String),
    /// Sends this and closes.
    Raw(Vec<u8>),
    /// Sends this for ever.
    Endless(&'static [u8]),
    /// Keeps the connection and says nothing.
    Silent,
}

impl TokenAnswer {
    /// A bearer token that is good for an hour.
    pub(crate) fn token(token: &str) -> Self {
        Self::Json(200, format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{token}"}}"#))
    }

    /// A refusal as of the login service.
    pub(crate) fn refusal(status: u16, error: &str, description: &str) -> Self {
        Self::Json(status, format!(r#"{{"error":"{error}","error_description":"{description}"}}"#))
    }
}

pub(crate) struct TokenService {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    scheme: &'static str,
    ca_file: NamedTempFile,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TokenService {
    /// Answers over TLS, one request each in order; the last answer repeats.
    pub(crate) fn start(answers: impl IntoIterator<Item = TokenAnswer>) -> Self {
        let (config, ca_pem) = tls::server_config(|_| {});
        Self::serve(answers, "https", Some(Arc::new(config)), &ca_pem)
    }

    /// As [`Self::start`], without TLS.
    pub(crate) fn start_plain(answers: impl IntoIterator<Item = TokenAnswer>) -> Self {
        Self::serve(answers, "http", None, "")
    }

    fn serve(
        answers: impl IntoIterator<Item = TokenAnswer>,
        scheme: &'static str,
        config: Option<Arc<ServerConfig>>,
        ca_pem: &str,
    ) -> Self {
        let answers: Vec<_> = answers.into_iter().collect();
        let ca_file = NamedTempFile::with_suffix(".pem").unwrap();
        std::fs::write(ca_file.path(), ca_pem).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, stopped) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (seen, ends) = (Arc::clone(&requests), Arc::clone(&stopped));
        let thread = thread::spawn(move || {
            for socket in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let (socket, config) = (socket.unwrap(), config.clone());
                let (answers, seen, ends) = (answers.clone(), Arc::clone(&seen), Arc::clone(&ends));
                thread::spawn(move || match config {
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        answer(StreamOwned::new(connection, socket), &answers, &seen, &ends);
                    }
                    None => answer(socket, &answers, &seen, &ends),
                });
            }
        });
        Self { port, scheme, ca_file, requests, stopped, thread: Some(thread) }
    }

    /// Returns the address without a path.
    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port)
    }

    /// Returns the PEM file of the CA that signed the service's certificate.
    pub(crate) fn ca_file(&self) -> &Path {
        self.ca_file.path()
    }

    /// Returns the requests so far: line, header fields and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for TokenService {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the service itself panicked");
    }
}

trait Peer: Read + Write {
    fn close(&mut self);
}

impl Peer for TcpStream {
    fn close(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Peer for StreamOwned<ServerConnection, TcpStream> {
    fn close(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
        let _ = self.sock.shutdown(Shutdown::Write);
    }
}

/// The client may leave at any time, so errors of the socket only end the connection.
fn answer(mut peer: impl Peer, answers: &[TokenAnswer], seen: &Mutex<Vec<String>>, ends: &AtomicBool) {
    let Some(request) = read_request(&mut peer) else { return };
    let index = {
        let mut seen = seen.lock().unwrap();
        seen.push(request);
        seen.len() - 1
    };
    match &answers[index.min(answers.len() - 1)] {
        TokenAnswer::Json(status, body) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = peer.write_all(format!("{head}{body}").as_bytes());
        }
        TokenAnswer::Raw(bytes) => {
            let _ = peer.write_all(bytes);
        }
        TokenAnswer::Endless(bytes) => while !ends.load(Ordering::SeqCst) && peer.write_all(bytes).is_ok() {},
        TokenAnswer::Silent => {
            let _ = peer.read(&mut [0]);
        }
    }
    peer.close();
    let _ = peer.read(&mut [0]);
}

fn read_request(peer: &mut impl Peer) -> Option<String> {
    let mut reader = BufReader::new(peer);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return None;
        }
    }
    let length = request.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(request + &String::from_utf8(body).unwrap())
}
