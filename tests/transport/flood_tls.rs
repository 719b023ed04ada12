//! Every way to keep a TLS connection busy without saying anything: records that a WebSocket never sees.
//!
//! The kernel counts what the client has read, so that nothing depends on the client's own count, or on a clock.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use mynah::model::Time;
use mynah::transport::{
    ByteStream, LinkEvent, TURN_BYTES, Tls, TransportError, TransportErrorKind, UpgradeRequest, WsClient,
};
use rustix::io::ioctl_fionread;
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConnection, StreamOwned,
    SupportedCipherSuite,
};
use tungstenite::handshake::derive_accept_key;

use super::{flood::frame, wait_for};
use crate::service::tls::server_config;

/// What is sent before the client begins to read: three turns.
const FIRST_BYTES: usize = 3 * TURN_BYTES;
/// An empty ping.
const PING: u8 = 0x89;

#[test]
fn records_without_data_end_a_turn_and_then_the_link() {
    flood("empty records", |writer| writer.record(ContentType::ApplicationData, b""));
}

#[test]
fn records_of_one_byte_end_a_turn_and_then_the_link() {
    let mut bytes = frame(PING, b"").into_iter().cycle();
    flood("records of one byte", move |writer| {
        writer.record(ContentType::ApplicationData, &[bytes.next().unwrap()])
    });
}

#[test]
fn session_tickets_end_a_turn_and_then_the_link() {
    // RFC 8446 §4.6.1: lifetime, age_add, nonce, ticket, no extensions.
    let body = [&[0, 0, 14, 16, 1, 2, 3, 4, 1, 9, 0, 32][..], &[5; 32], &[0, 0]].concat();
    let ticket = [&[4, 0, 0, body.len() as u8][..], &body].concat();
    let many = ticket.repeat(200);
    flood("session tickets", move |writer| writer.record(ContentType::Handshake, &ticket));
    flood("session tickets in long records", move |writer| writer.record(ContentType::Handshake, &many));
}

#[test]
fn alerts_and_change_cipher_spec_end_the_link() {
    flood("warning alerts", |writer| writer.record(ContentType::Alert, &[1, 90]));
    flood("change_cipher_spec", |_| vec![20, 3, 3, 0, 1, 1]);
    flood("unreadable records", |_| [&[23, 3, 3, 0, 64][..], &[7; 64]].concat());
}

#[test]
fn key_updates_end_a_turn_and_then_the_link() {
    let ping = frame(PING, b"");
    let error = Flooded::start(Keys::Kept, move |writer| writer.key_update_and(&ping)).run("key updates");
    assert_eq!(error.reason, TransportErrorKind::Flood, "{error}");
}

/// Sends what `next` returns for ever, and checks the turns of the client that reads it.
fn flood(name: &str, next: impl FnMut(&mut RecordWriter) -> Vec<u8> + Send + 'static) {
    let error = Flooded::start(Keys::Extracted, next).run(name);
    let is_told = ["breaks the rules of TLS", "TLS: ", "wrong order", "not speak TLS"];
    assert!(
        error.reason == TransportErrorKind::Flood
            || is_told.iter().any(|words| error.message.contains(words)),
        "{name}: {error}"
    );
}

/// A client of a server that floods it.
struct Flooded {
    link: WsClient,
    server: JoinHandle<()>,
    go: SyncSender<()>,
    written: Receiver<usize>,
}

/// Whether the server keeps its TLS connection, or writes its records by itself.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    Kept,
    Extracted,
}

impl Flooded {
    fn start(keys: Keys, mut next: impl FnMut(&mut RecordWriter) -> Vec<u8> + Send + 'static) -> Self {
        let (mut config, ca_pem) = server_config(|_| {});
        (config.enable_secret_extraction, config.send_tls13_tickets) = (true, 0);
        let ca_file = tempfile::NamedTempFile::with_suffix(".pem").unwrap();
        std::fs::write(ca_file.path(), ca_pem).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (go, may_go) = sync_channel(1);
        let (write_count, written) = sync_channel(1);
        let server = std::thread::spawn(move || {
            let (tcp, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp);
            accept_upgrade(&mut stream).unwrap();
            let StreamOwned { conn, sock } = stream;
            let mut tcp = sock;
            let mut writer = RecordWriter::new(conn, keys);
            may_go.recv().unwrap();
            let mut first = Vec::new();
            while first.len() < FIRST_BYTES {
                first.extend(next(&mut writer));
            }
            tcp.write_all(&first).unwrap();
            write_count.send(first.len()).unwrap();
            may_go.recv().unwrap();
            // Until the client has dropped the link.
            loop {
                let more: Vec<u8> = (0..64).flat_map(|_| next(&mut writer)).collect();
                if tcp.write_all(&more).is_err() {
                    return;
                }
            }
        });
        let socket = TcpStream::connect(address).unwrap();
        let tls = Tls::new(Some(ca_file.path())).unwrap();
        let upgrade = UpgradeRequest { uri: "wss://localhost/".to_owned(), credential: None };
        let stream = ByteStream::tls(socket, "localhost", &tls, Time::ZERO).unwrap();
        let mut link = WsClient::upgrade(stream, &upgrade, Time::ZERO).unwrap();
        while link.next(Time::ZERO).unwrap() != Some(LinkEvent::Up) {
            wait_for(&link, link.interest());
        }
        assert_eq!(link.next(Time::ZERO), Ok(None));
        Self { link, server, go, written }
    }

    /// Checks the turns that read the first bytes, and returns with which error the link ends.
    fn run(self, name: &str) -> TransportError {
        let Self { mut link, server, go, written } = self;
        go.send(()).unwrap();
        let written = written.recv().unwrap();
        while unread(&link) < written {
            std::thread::yield_now();
        }
        let mut error = None;
        while error.is_none() && unread(&link) > 0 {
            let before = unread(&link);
            error = run_turn(&mut link);
            if link.fd().is_some() {
                let read = before - unread(&link);
                assert!(read <= TURN_BYTES, "{name}: {read} bytes in a turn");
                assert!(read == before || link.has_unread(), "{name}: the rest is forgotten");
            }
        }
        go.send(()).unwrap();
        let error = error.unwrap_or_else(|| {
            loop {
                if !link.has_unread() {
                    wait_for(&link, link.interest());
                }
                if let Some(error) = run_turn(&mut link) {
                    return error;
                }
            }
        });
        drop(link);
        server.join().unwrap();
        error
    }
}

/// Runs a turn in which no message is of use.
fn run_turn(link: &mut WsClient) -> Option<TransportError> {
    loop {
        match link.next(Time::ZERO) {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// Returns the number of bytes that the kernel holds for the client.
fn unread(link: &WsClient) -> usize {
    link.fd().map_or(0, |fd| ioctl_fionread(fd).unwrap() as usize)
}

/// Answers an upgrade.
pub(super) fn accept_upgrade(stream: &mut StreamOwned<ServerConnection, TcpStream>) -> io::Result<()> {
    let (mut request, mut bytes) = (String::new(), [0; 4096]);
    while !request.ends_with("\r\n\r\n") {
        let read = stream.read(&mut bytes)?;
        request.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes())?;
    stream.flush()
}

/// Writes TLS 1.3 records of any kind.
enum RecordWriter {
    Kept(Box<ServerConnection>),
    Extracted { encrypter: Box<dyn MessageEncrypter>, sequence: u64 },
}

impl RecordWriter {
    fn new(connection: ServerConnection, keys: Keys) -> Self {
        if keys == Keys::Kept {
            return Self::Kept(Box::new(connection));
        }
        let Some(SupportedCipherSuite::Tls13(suite)) = connection.negotiated_cipher_suite() else {
            panic!("not TLS 1.3")
        };
        let (sequence, secrets) = connection.dangerous_extract_secrets().unwrap().tx;
        let encrypter = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv }
            | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
            | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => suite.aead_alg.encrypter(key, iv),
            _ => panic!("an unknown cipher"),
        };
        Self::Extracted { encrypter, sequence }
    }

    fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let Self::Extracted { encrypter, sequence } = self else { panic!("the connection has the keys") };
        let message = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(payload),
        };
        let record = encrypter.encrypt(message, *sequence).unwrap().encode();
        *sequence += 1;
        record
    }

    /// Returns a KeyUpdate, and data: without any, the client allows 32 updates.
    fn key_update_and(&mut self, data: &[u8]) -> Vec<u8> {
        let Self::Kept(connection) = self else { panic!("the keys were extracted") };
        connection.refresh_traffic_keys().unwrap();
        connection.writer().write_all(data).unwrap();
        let mut records = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut records).unwrap();
        }
        records
    }
}
