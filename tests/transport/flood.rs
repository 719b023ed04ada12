//! A peer that never stops: each turn reads a portion of it, and a peer that sends nothing of use is dropped.
//!
//! Bytes, reads and messages are counted at the socket, where the client cannot miscount them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mynah::model::Time;
use mynah::transport::{
    ByteStream, FLOOD_MESSAGES, FLOOD_WINDOW, INBOUND_BYTES, LinkEvent, OUTBOUND_BYTES, TURN_BYTES,
    TURN_MESSAGES, TransportError, TransportErrorKind, USELESS_BYTES, USELESS_MESSAGES, UpgradeRequest,
    WsClient,
};
use tungstenite::handshake::derive_accept_key;

/// Ends a test whose client does not limit itself.
const ENDLESS: usize = 64 << 20;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A peer's name, its first bytes, and what it repeats for ever.
pub(crate) type Flooder = (&'static str, Vec<u8>, Vec<u8>);

#[test]
fn no_flood_of_frames_lasts_longer_than_a_turn_or_keeps_the_link() {
    for (name, first, repeated) in frame_floods() {
        let (mut link, peer) = open_link();
        peer.send(&first);
        peer.repeat(&repeated);
        let (mut turns, mut messages) = (0, 0);
        let error = loop {
            let (before, writes_before) = (peer.delivered(), peer.writes());
            let turn = run_turn(&mut link, |_| {});
            let (read, writes) = (peer.delivered() - before, peer.writes() - writes_before);
            assert!(read <= TURN_BYTES, "{name}: {read} bytes in a turn");
            assert!(writes <= TURN_MESSAGES, "{name}: {writes} writes in a turn");
            assert!(turn.messages <= TURN_MESSAGES, "{name}: {} messages in a turn", turn.messages);
            (turns, messages) = (turns + 1, messages + turn.messages);
            if let Some(error) = turn.error {
                break error;
            }
            assert!(link.has_unread(), "{name}: poll(2) would not tell of the rest");
        };
        assert!(turns > 10, "{name}: dropped after {turns} turns");
        assert_eq!(error.reason, TransportErrorKind::Flood, "{name}: {error}");
        assert!(peer.delivered() <= USELESS_BYTES + 2 * TURN_BYTES, "{name}: {} bytes", peer.delivered());
        assert!(messages <= USELESS_MESSAGES + 1, "{name}: {messages} messages");
        assert!(link.next(Time::ZERO).is_err(), "{name}: the error is not permanent");
    }
}

#[test]
fn a_peer_that_delivers_byte_by_byte_causes_few_reads_in_a_turn() {
    let (mut link, peer) = open_link();
    peer.repeat(&frame(TEXT, b"{}"));
    peer.0.lock().unwrap().most_at_once = 1;
    let before = peer.reads();
    run_turn(&mut link, |_| {});
    assert!(peer.reads() - before <= 512, "{} reads", peer.reads() - before);
}

#[test]
fn messages_of_use_keep_a_link_that_sends_much_and_an_old_flood_is_forgotten() {
    let (mut link, peer) = open_link();
    peer.repeat(&frame(TEXT, b"{}"));
    let mut messages = 0;
    while messages < 3 * USELESS_MESSAGES {
        let turn = run_turn(&mut link, WsClient::record_use);
        assert_eq!(turn.error, None);
        messages += turn.messages;
    }
    // But not for ever.
    let error = std::iter::repeat_with(|| run_turn(&mut link, WsClient::record_use)).find_map(|turn| {
        messages += turn.messages;
        turn.error
    });
    assert!(error.unwrap().reason == TransportErrorKind::Flood);
    assert!(messages <= FLOOD_MESSAGES + 1, "{messages} messages");

    // A service that sends less than the limit in each window.
    let (mut link, peer) = open_link();
    let mut now = Time::ZERO;
    for _ in 0..5 {
        peer.send(&frame(PING, b"there?").repeat(USELESS_MESSAGES - 10));
        while peer.has_more() || link.has_unread() {
            assert_eq!(run_turn_at(&mut link, now, |_| {}).error, None);
        }
        now += FLOOD_WINDOW;
    }
}

#[test]
fn the_longest_message_arrives_in_portions() {
    let (mut link, peer) = open_link();
    let text = format!("{{\"padding\":\"{}\"}}", "x".repeat(INBOUND_BYTES - 14));
    assert_eq!(text.len(), INBOUND_BYTES);
    peer.send(&frame(TEXT, text.as_bytes()));
    let mut received = Vec::new();
    let mut turns = 0;
    while received.is_empty() {
        let before = peer.delivered();
        loop {
            match link.next(Time::ZERO).unwrap() {
                Some(LinkEvent::Text(text)) => received.push(text),
                Some(other) => panic!("{other:?}"),
                None => break,
            }
        }
        assert!(peer.delivered() - before <= TURN_BYTES);
        turns += 1;
        assert!(turns <= INBOUND_BYTES / TURN_BYTES + 2, "{turns} turns");
    }
    assert_eq!(received, [&text]);
}

#[test]
fn pongs_to_a_peer_that_reads_nothing_are_bounded() {
    let (mut link, peer) = open_link();
    peer.repeat(&frame(PING, &[7; 125]));
    peer.0.lock().unwrap().takes_nothing = true;
    let written = peer.written();
    // More pongs than fit, were each kept.
    let pongs = 2 * OUTBOUND_BYTES / 131;
    for turn in 0..pongs / TURN_MESSAGES {
        assert_eq!(run_turn(&mut link, WsClient::record_use).error, None, "in turn {turn}");
    }
    peer.repeat(&[]);
    peer.0.lock().unwrap().takes_nothing = false;
    link.flush().unwrap();
    let queued = peer.written() - written;
    assert!(queued > OUTBOUND_BYTES / 2, "{queued} bytes: the test proves nothing");
    assert!(queued <= OUTBOUND_BYTES, "{queued} bytes were queued");
}

#[test]
fn no_answer_to_the_upgrade_is_endless() {
    let answers = [
        ("header lines", &b"HTTP/1.1 101 Switching Protocols\r\n"[..], &b"X-Padding: 0123456789\r\n"[..]),
        ("one header line", b"HTTP/1.1 101 Switching Protocols\r\nX-Padding: ", b"0123456789abcdef"),
        ("interim answers", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("empty lines", b"", b"\r\n"),
        ("a status line", b"HTTP/1.1 101 ", b"Switching "),
    ];
    for (name, first, repeated) in answers {
        for most_at_once in [usize::MAX, 1] {
            let peer = Peer::default();
            peer.0.lock().unwrap().most_at_once = most_at_once;
            peer.send(first);
            peer.repeat(repeated);
            let mut link = start(&peer);
            let error = loop {
                let before = peer.delivered();
                let turn = run_turn(&mut link, |_| {});
                assert!(peer.delivered() - before <= TURN_BYTES, "{name}");
                if let Some(error) = turn.error {
                    break error;
                }
            };
            assert!(peer.delivered() <= 65_536 + TURN_BYTES, "{name}: {} bytes, {error}", peer.delivered());
        }
    }
}

#[test]
fn a_turn_that_has_read_everything_leaves_nothing_unread() {
    let (mut link, peer) = open_link();
    peer.send(&frame(TEXT, b"{}").repeat(3));
    assert_eq!(run_turn(&mut link, |_| {}).messages, 3);
    assert!(!link.has_unread());
    peer.send(&frame(TEXT, b"{}").repeat(TURN_MESSAGES + 1));
    assert_eq!(run_turn(&mut link, |_| {}).messages, TURN_MESSAGES);
    assert!(link.has_unread(), "one is left, in a buffer of the client");
    assert_eq!(run_turn(&mut link, |_| {}).messages, 1);
    assert!(!link.has_unread());
    assert_eq!(link.deadline(), Some(Time::ZERO + Duration::from_secs(30)), "a flood sets no timer");
}

/// Returns every way to keep a WebSocket busy that RFC 6455 allows.
pub(crate) fn frame_floods() -> Vec<Flooder> {
    let start_of_text = frame(1, b"{");
    vec![
        ("empty pings", vec![], frame(PING, b"")),
        ("long pings", vec![], frame(PING, &[7; 125])),
        ("pongs", vec![], frame(PONG, b"")),
        ("empty fragments", start_of_text.clone(), frame(0, b"")),
        ("fragments with pings between", start_of_text, [frame(0, b""), frame(PING, b"")].concat()),
        ("empty texts", vec![], frame(TEXT, b"")),
        ("unknown events", vec![], frame(TEXT, br#"{"type":"no.such.event"}"#)),
        ("long events", vec![], frame(TEXT, "x".repeat(60_000).as_bytes())),
        ("binary messages", vec![], frame(BINARY, &[0xff; 200])),
    ]
}

/// What one turn has read.
struct TurnReport {
    /// Messages, without control frames.
    messages: usize,
    error: Option<TransportError>,
}

fn run_turn(link: &mut WsClient, after_message: impl Fn(&mut WsClient)) -> TurnReport {
    run_turn_at(link, Time::ZERO, after_message)
}

fn run_turn_at(link: &mut WsClient, now: Time, after_message: impl Fn(&mut WsClient)) -> TurnReport {
    let mut messages = 0;
    // Control frames are not returned, so that a link that gets only those is told here.
    after_message(link);
    loop {
        match link.next(now) {
            Ok(Some(_)) => messages += 1,
            Ok(None) => return TurnReport { messages, error: None },
            Err(error) => return TurnReport { messages, error: Some(error) },
        }
        after_message(link);
    }
}

/// Returns a link whose upgrade has succeeded, and its peer.
fn open_link() -> (WsClient, Peer) {
    let peer = Peer::default();
    let mut link = start(&peer);
    assert_eq!(link.next(Time::ZERO), Ok(None));
    peer.accept();
    assert_eq!(link.next(Time::ZERO), Ok(Some(LinkEvent::Up)));
    assert_eq!(link.next(Time::ZERO), Ok(None));
    (link, peer)
}

fn start(peer: &Peer) -> WsClient {
    let upgrade = UpgradeRequest { uri: "ws://localhost:1/".to_owned(), credential: None };
    WsClient::upgrade(ByteStream::memory(peer.clone()), &upgrade, Time::ZERO).unwrap()
}

pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(length as u8),
        length @ 126..65_536 => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// The peer's end of a stream in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer(Arc<Mutex<PeerState>>);

#[derive(Debug)]
struct PeerState {
    once: VecDeque<u8>,
    repeated: Vec<u8>,
    /// Where the peer is in `repeated`.
    at: usize,
    most_at_once: usize,
    takes_nothing: bool,
    delivered: usize,
    reads: usize,
    request: Vec<u8>,
    written: usize,
    writes: usize,
}

impl Default for PeerState {
    fn default() -> Self {
        Self {
            once: VecDeque::new(),
            repeated: Vec::new(),
            at: 0,
            most_at_once: usize::MAX,
            takes_nothing: false,
            delivered: 0,
            reads: 0,
            request: Vec::new(),
            written: 0,
            writes: 0,
        }
    }
}

impl Peer {
    pub(crate) fn send(&self, bytes: &[u8]) {
        self.0.lock().unwrap().once.extend(bytes);
    }

    pub(crate) fn repeat(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap();
        (state.repeated, state.at) = (bytes.to_vec(), 0);
    }

    fn has_more(&self) -> bool {
        !self.0.lock().unwrap().once.is_empty()
    }

    pub(crate) fn delivered(&self) -> usize {
        self.0.lock().unwrap().delivered
    }

    fn reads(&self) -> usize {
        self.0.lock().unwrap().reads
    }

    fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    fn written(&self) -> usize {
        self.0.lock().unwrap().written
    }

    /// Answers the upgrade.
    pub(crate) fn accept(&self) {
        self.accept_with("");
    }

    /// Answers the upgrade, with these header lines too.
    pub(crate) fn accept_with(&self, headers: &str) {
        let request = String::from_utf8(self.0.lock().unwrap().request.clone()).unwrap();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
        );
        self.send(answer.as_bytes());
    }
}

impl Read for Peer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let state = &mut *self.0.lock().unwrap();
        state.reads += 1;
        assert!(state.delivered < ENDLESS, "the client reads for ever");
        let most = into.len().min(state.most_at_once);
        let into = &mut into[..most];
        let read = if !state.once.is_empty() {
            state.once.read(into)?
        } else if !state.repeated.is_empty() {
            for byte in into.iter_mut() {
                *byte = state.repeated[state.at];
                state.at = (state.at + 1) % state.repeated.len();
            }
            most
        } else {
            return Err(ErrorKind::WouldBlock.into());
        };
        state.delivered += read;
        Ok(read)
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let state = &mut *self.0.lock().unwrap();
        if state.takes_nothing {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.written += bytes.len();
        state.writes += 1;
        if state.request.len() < 4096 {
            state.request.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
