//! The floor: the cost of the same audio with base64, one copy and TLS only.
//!
//! rustls over a non-blocking TCP socket, the same base64 engine, preallocated buffers. No WebSocket, no JSON, no lane,
//! no poll, and no further read to find the socket empty.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::Simd;
use base64::engine::general_purpose::PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::peer::{BarePeer, Listener};
use crate::trips::{DELTA_SAMPLES, FRAME_SAMPLES, Trip, test_samples};

const FRAME_BYTES: usize = FRAME_SAMPLES * 2;
const FRAME_CHARS: usize = FRAME_BYTES / 3 * 4;
const DELTA_BYTES: usize = DELTA_SAMPLES * 2;
const DELTA_CHARS: usize = DELTA_BYTES / 3 * 4;

/// One frame up.
pub(crate) struct Up {
    connection: TlsConnection,
    engine: Simd,
    voice: Vec<u8>,
    bytes: Vec<u8>,
    text: Vec<u8>,
    received: Vec<u8>,
}

impl Up {
    pub(crate) fn new() -> Self {
        Self {
            connection: TlsConnection::new(),
            engine: Simd::standard(PAD),
            voice: bytes_of(&test_samples(FRAME_SAMPLES)),
            bytes: vec![0; FRAME_BYTES],
            text: vec![0; FRAME_CHARS],
            received: vec![0; FRAME_CHARS],
        }
    }
}

impl Trip for Up {
    fn run(&mut self) {
        self.bytes.copy_from_slice(&self.voice);
        self.engine.encode_slice(&self.bytes, &mut self.text).unwrap();
        self.connection.write(&self.text);
    }

    fn finish(&mut self) {
        self.connection.peer.receive(&mut self.received);
    }
}

/// One delta down.
pub(crate) struct Down {
    connection: TlsConnection,
    engine: Simd,
    sent: Vec<u8>,
    text: Vec<u8>,
    bytes: Vec<u8>,
    samples: Vec<u8>,
}

impl Down {
    pub(crate) fn new() -> Self {
        let engine = Simd::standard(PAD);
        Self {
            connection: TlsConnection::new(),
            sent: engine.encode(bytes_of(&test_samples(DELTA_SAMPLES))).into_bytes(),
            engine,
            text: vec![0; DELTA_CHARS],
            bytes: vec![0; DELTA_BYTES],
            samples: vec![0; DELTA_BYTES],
        }
    }
}

impl Trip for Down {
    fn prepare(&mut self) {
        self.connection.peer.send(&self.sent);
    }

    fn run(&mut self) {
        self.connection.read(&mut self.text);
        self.engine.decode_slice(&self.text, &mut self.bytes).unwrap();
        self.samples.copy_from_slice(&self.bytes);
    }
}

struct TlsConnection {
    tls: ClientConnection,
    tcp: TcpStream,
    peer: BarePeer,
}

impl TlsConnection {
    fn new() -> Self {
        let listener = Listener::open();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(listener.ca_file()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tls =
            ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let (mut tcp, peer) = listener.accept(BarePeer::accept);
        tcp.set_nodelay(true).unwrap();
        tls.writer().write_all(&[0]).unwrap();
        while tls.is_handshaking() || tls.wants_write() {
            tls.complete_io(&mut tcp).unwrap();
        }
        tcp.set_nonblocking(true).unwrap();
        Self { tls, tcp, peer: peer.join().unwrap() }
    }

    fn write(&mut self, text: &[u8]) {
        self.tls.writer().write_all(text).unwrap();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp).unwrap();
        }
    }

    fn read(&mut self, text: &mut [u8]) {
        let mut filled = 0;
        while filled < text.len() {
            match self.tls.reader().read(&mut text[filled..]) {
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.tls.read_tls(&mut self.tcp).unwrap();
                    self.tls.process_new_packets().unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn bytes_of(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}
