//! A service's bytes: the answer to an upgrade, or frames after a good one. The link ends once, in one short line.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};

use mynah::model::Time;
use mynah::transport::{ByteStream, LinkEvent, TransportError, UpgradeRequest, WsClient};
use tungstenite::handshake::derive_accept_key;

/// What a sentence may hold besides the 300 characters of what others wrote.
const SENTENCE_CHARS: usize = 800;

/// The first byte says where the others come: as the answer to the upgrade, or after it; and how many at once.
pub(super) fn judge(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let now = Time::ZERO;
    let far = Far::default();
    let upgrade = UpgradeRequest { uri: "ws://localhost:1/".to_owned(), credential: None };
    let mut link = WsClient::upgrade(ByteStream::memory(far.clone()), &upgrade, now).unwrap();
    let mut heard = 0;
    let mut lost = listen(&mut link, now, &mut heard);
    if first & 1 == 1 {
        far.accept();
        lost = lost.or_else(|| listen(&mut link, now, &mut heard));
        assert_eq!(lost, None, "the upgrade is good");
    }
    for piece in rest.chunks(usize::from(first >> 1) * 8 + 1) {
        far.say(piece);
        lost = lost.or_else(|| listen(&mut link, now, &mut heard));
    }
    far.0.lock().unwrap().ended = true;
    let lost = lost.or_else(|| listen(&mut link, now, &mut heard)).unwrap();
    assert!(heard <= rest.len(), "{heard} bytes of {}", rest.len());
    let sentence = lost.to_string();
    assert!(
        sentence.chars().count() <= SENTENCE_CHARS && !sentence.contains(char::is_control),
        "{sentence:?}"
    );
    assert!(link.next(now).is_err(), "what is over stays over");
    assert!(far.0.lock().unwrap().taken <= rest.len() * 8 + 4096, "it answers more than it is told");
}

fn listen(link: &mut WsClient, now: Time, heard: &mut usize) -> Option<TransportError> {
    loop {
        match link.next(now) {
            Ok(Some(LinkEvent::Text(text))) => *heard += text.len(),
            Ok(Some(LinkEvent::Binary(bytes))) => *heard += bytes,
            Ok(Some(LinkEvent::Up)) => {}
            Ok(None) => return None,
            Err(lost) => return Some(lost),
        }
    }
}

/// The other end.
#[derive(Clone, Default)]
struct Far(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    says: VecDeque<u8>,
    request: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl Far {
    fn say(&self, bytes: &[u8]) {
        self.0.lock().unwrap().says.extend(bytes);
    }

    fn accept(&self) {
        let request = String::from_utf8(self.0.lock().unwrap().request.clone()).unwrap();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = derive_accept_key(key.as_bytes());
        self.say(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
    }
}

impl Read for Far {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        match state.says.read(into)? {
            0 if !state.ended => Err(ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Far {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        state.taken += bytes.len();
        if state.request.len() < 4096 {
            state.request.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
