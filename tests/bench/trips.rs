//! The measured trips: one 20 ms frame up and one 200 ms delta down through mynah's own code.
//!
//! Only [`Trip::run`] is measured. Before and after it the peer and the devices do their part in the same thread, so
//! nothing runs in parallel and nothing blocks.

use std::net::TcpStream;
use std::time::Duration;

use bytes::BytesMut;
use mynah::audio::{
    AudioIo, BufferLevel, Capture, CaptureDevice, CaptureFrame, PcmError, Playback, PlaybackDevice,
    QueuePlan, Recovery, StreamFormat, steps,
};
use mynah::dsp::float;
use mynah::model::Time;
use mynah::protocol::{self, Pcm16Decoder, ServerEvent};
use mynah::transport::{ByteStream, LinkEvent, Tls, UpgradeRequest, WsClient};
use rustix::event::{PollFd, poll};

use crate::floor;
use crate::peer::{Listener, WebSocketPeer};
use crate::record::{RecordKind, RecordTrip};

/// 20 ms.
pub(crate) const FRAME_SAMPLES: usize = 480;
/// 200 ms.
pub(crate) const DELTA_SAMPLES: usize = 4800;

/// The path of one piece of audio.
pub(crate) trait Trip {
    /// The work of devices and peer before it.
    fn prepare(&mut self) {}
    /// The client's part, which is measured.
    fn run(&mut self);
    /// The work of devices and peer after it.
    fn finish(&mut self) {}
}

/// Creates a trip by its name.
pub(crate) fn named(name: &str) -> Box<dyn Trip> {
    match name {
        "up" => Box::new(Up::over_tls()),
        "down" => Box::new(Down::over_tls()),
        "up-pair" => Box::new(Up::over_socket_pair()),
        "down-pair" => Box::new(Down::over_socket_pair()),
        "up-floor" => Box::new(floor::Up::new()),
        "down-floor" => Box::new(floor::Down::new()),
        "record-up" => Box::new(RecordTrip::new(RecordKind::Up)),
        "record-down" => Box::new(RecordTrip::new(RecordKind::Down)),
        "record-event" => Box::new(RecordTrip::new(RecordKind::Event)),
        other => panic!("unknown trip {other}"),
    }
}

/// Runs a trip `count` times.
pub(crate) fn repeat(name: &str, count: u32) {
    let mut trip = named(name);
    for _ in 0..count {
        trip.prepare();
        measured_part(&mut *trip);
        trip.finish();
    }
}

/// The function in which callgrind counts, by its name.
#[inline(never)]
pub(crate) fn measured_part(trip: &mut dyn Trip) {
    trip.run();
}

/// One frame up: lane, base64, JSON, WebSocket, TLS, socket.
struct Up<P> {
    audio: AudioIo,
    capture: Capture,
    microphone: Microphone,
    link: WsClient,
    peer: P,
}

impl Up<WebSocketPeer> {
    fn over_tls() -> Self {
        let (link, peer) = tls();
        Self::new(link, peer)
    }
}

impl Up<WsClient> {
    fn over_socket_pair() -> Self {
        let (link, peer) = WsClient::pair(Time::ZERO).unwrap();
        Self::new(link, peer)
    }
}

impl<P> Up<P> {
    fn new(link: WsClient, peer: P) -> Self {
        let (audio, capture, _) = steps(StreamFormat::default()).unwrap();
        Self {
            audio,
            capture,
            microphone: Microphone { samples: test_samples(FRAME_SAMPLES), position: 0 },
            link,
            peer,
        }
    }
}

impl<P: Peer> Trip for Up<P> {
    fn prepare(&mut self) {
        self.microphone.position = 0;
        self.capture.step(&mut self.microphone).unwrap();
    }

    fn run(&mut self) {
        let mut frames = [CaptureFrame::default(); FRAME_SAMPLES];
        let count = self.audio.capture.read(&mut frames);
        self.link
            .send(|text| {
                let _ = protocol::append(&frames[..count], text);
            })
            .unwrap();
        self.link.flush().unwrap();
    }

    fn finish(&mut self) {
        self.peer.receive();
    }
}

/// One delta down: socket, TLS, WebSocket, JSON, base64, samples, lane; and the read that finds the socket empty.
struct Down<P> {
    audio: AudioIo,
    playback: Playback,
    samples: Pcm16Decoder,
    link: WsClient,
    now: Time,
    peer: P,
    event: String,
}

impl Down<WebSocketPeer> {
    fn over_tls() -> Self {
        let (link, peer) = tls();
        Self::new(link, peer)
    }
}

impl Down<WsClient> {
    fn over_socket_pair() -> Self {
        let (link, peer) = WsClient::pair(Time::ZERO).unwrap();
        Self::new(link, peer)
    }
}

impl<P> Down<P> {
    fn new(link: WsClient, peer: P) -> Self {
        let (audio, _, playback) = steps(StreamFormat::default()).unwrap();
        let mut base64 = BytesMut::new();
        protocol::encode(&test_samples(DELTA_SAMPLES), &mut base64);
        let event = format!(
            r#"{{"type":"response.audio.delta","event_id":"event_00000000000000000000","response_id":"resp_00000000000000000000","item_id":"item_00000000000000000000","output_index":0,"content_index":0,"delta":"{}"}}"#,
            str::from_utf8(&base64).unwrap()
        );
        Self { audio, playback, samples: Pcm16Decoder::default(), link, now: Time::ZERO, peer, event }
    }
}

impl<P: Peer> Trip for Down<P> {
    fn prepare(&mut self) {
        // The length of the delta: faster would be a flood.
        self.now += Duration::from_millis(200);
        self.peer.send(&self.event);
    }

    fn run(&mut self) {
        while let Some(event) = self.link.next(self.now).unwrap() {
            let LinkEvent::Text(text) = event else { panic!("{event:?}") };
            let Ok(ServerEvent::Audio(delta)) = protocol::parse(&text) else { panic!("not a delta") };
            let playback = &mut self.audio.playback;
            self.samples
                .decode(&delta.base64, |samples| {
                    assert_eq!(playback.write(samples.as_chunks().0), samples.len())
                })
                .unwrap();
            self.link.record_use();
        }
    }

    fn finish(&mut self) {
        self.playback.run(&mut InstantSpeaker).unwrap();
        assert_eq!(self.audio.playback.waiting(), 0);
    }
}

/// The service's end.
trait Peer {
    fn receive(&mut self);
    fn send(&mut self, text: &str);
}

impl Peer for WebSocketPeer {
    fn receive(&mut self) {
        assert!(self.receive() > FRAME_SAMPLES * 2);
    }

    fn send(&mut self, text: &str) {
        self.send(text);
    }
}

impl Peer for WsClient {
    fn receive(&mut self) {
        assert!(matches!(self.next(Time::ZERO), Ok(Some(LinkEvent::Text(_)))));
        self.record_use();
        assert!(matches!(self.next(Time::ZERO), Ok(None)), "the turn is over");
    }

    fn send(&mut self, text: &str) {
        self.send(|into| into.extend_from_slice(text.as_bytes())).unwrap();
        self.flush().unwrap();
    }
}

/// Returns an upgraded link over loopback TLS, and its peer.
fn tls() -> (WsClient, WebSocketPeer) {
    let now = Time::ZERO;
    let listener = Listener::open();
    let tls = Tls::new(Some(&listener.ca_file())).unwrap();
    let (tcp, peer): (TcpStream, _) = listener.accept(WebSocketPeer::accept);
    let stream = ByteStream::tls(tcp, "localhost", &tls, Time::ZERO).unwrap();
    let upgrade = UpgradeRequest { uri: "wss://localhost/voice-live/realtime".to_owned(), credential: None };
    let mut link = WsClient::upgrade(stream, &upgrade, now).unwrap();
    while link.next(now).unwrap() != Some(LinkEvent::Up) {
        let mut fds = [PollFd::from_borrowed_fd(link.fd().unwrap(), link.interest())];
        poll(&mut fds, None).unwrap();
    }
    (link, peer.join().unwrap())
}

/// Returns varied samples; no part of the path depends on their content.
pub(crate) fn test_samples(samples: usize) -> Vec<i16> {
    (0..samples).map(|position| ((position * 7919) % 20_011) as i16 - 10_000).collect()
}

/// A microphone that delivers the same frame repeatedly.
struct Microphone {
    samples: Vec<i16>,
    position: usize,
}

impl CaptureDevice for Microphone {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        let rest = &self.samples[self.position..];
        let taken = rest.len().min(into.len());
        for (into, sample) in into.iter_mut().zip(&rest[..taken]) {
            *into = float(*sample);
        }
        self.position += taken;
        Ok(taken)
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}

/// A speaker that accepts everything at once.
struct InstantSpeaker;

impl PlaybackDevice for InstantSpeaker {
    fn queue(&self) -> QueuePlan {
        QueuePlan::fixed(DELTA_SAMPLES)
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        Ok(BufferLevel { queued: 0, delay: 0 })
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        Ok(frames.len())
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}
