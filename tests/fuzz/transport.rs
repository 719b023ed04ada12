//! A server's bytes: the response to an upgrade, or frames after a valid one. The link ends once, with one short message.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};

use mynah::model::Time;
use mynah::transport::{ByteStream, LinkEvent, TransportError, UpgradeRequest, WsClient};
use tungstenite::handshake::derive_accept_key;

/// The maximum length of a message, including up to 300 quoted characters.
const MESSAGE_CHARS: usize = 800;

/// The first byte selects where the others are sent, as the response to the upgrade or after it, and the chunk size.
pub(super) fn check(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let now = Time::ZERO;
    let stream = MemoryStream::default();
    let upgrade = UpgradeRequest { uri: "ws://localhost:1/".to_owned(), credential: None };
    let mut link = WsClient::upgrade(ByteStream::memory(stream.clone()), &upgrade, now).unwrap();
    let mut received = 0;
    let mut error = read_all(&mut link, now, &mut received);
    if first & 1 == 1 {
        stream.accept();
        error = error.or_else(|| read_all(&mut link, now, &mut received));
        assert_eq!(error, None, "the upgrade is valid");
    }
    for piece in rest.chunks(usize::from(first >> 1) * 8 + 1) {
        stream.push(piece);
        error = error.or_else(|| read_all(&mut link, now, &mut received));
    }
    stream.0.lock().unwrap().ended = true;
    let error = error.or_else(|| read_all(&mut link, now, &mut received)).unwrap();
    assert!(received <= rest.len(), "{received} bytes of {}", rest.len());
    let message = error.to_string();
    assert!(message.chars().count() <= MESSAGE_CHARS && !message.contains(char::is_control), "{message:?}");
    assert!(link.next(now).is_err(), "a link that has ended stays ended");
    assert!(
        stream.0.lock().unwrap().written <= rest.len() * 8 + 4096,
        "the client writes too much in response"
    );
}

fn read_all(link: &mut WsClient, now: Time, received: &mut usize) -> Option<TransportError> {
    loop {
        match link.next(now) {
            Ok(Some(LinkEvent::Text(text))) => *received += text.len(),
            Ok(Some(LinkEvent::Binary(bytes))) => *received += bytes,
            Ok(Some(LinkEvent::Up)) => {}
            Ok(None) if link.has_unread() => {}
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// The server's end, in memory.
#[derive(Clone, Default)]
struct MemoryStream(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    incoming: VecDeque<u8>,
    request: Vec<u8>,
    written: usize,
    ended: bool,
}

impl MemoryStream {
    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap().incoming.extend(bytes);
    }

    fn accept(&self) {
        let request = String::from_utf8(self.0.lock().unwrap().request.clone()).unwrap();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = derive_accept_key(key.as_bytes());
        self.push(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
    }
}

impl Read for MemoryStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        match state.incoming.read(into)? {
            0 if !state.ended => Err(ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for MemoryStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        state.written += bytes.len();
        if state.request.len() < 4096 {
            state.request.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
