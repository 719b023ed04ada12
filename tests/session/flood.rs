//! A service that never stops sending: buttons and signals are obeyed after one turn's bytes of it, and it is dropped.
//!
//! The session is driven turn by turn with one time, so that nothing depends on a clock.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::BytesMut;
use mynah::audio::{self, StreamFormat};
use mynah::background::{Background, BackgroundEvent, Connection, SimulatedBackground, Socket};
use mynah::board::Board;
use mynah::config::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, Endpoint, GpioLine, LineBias,
    SavedState,
};
use mynah::conversation::{Exit, Mode, State};
use mynah::inputs::SimulatedButtons;
use mynah::model::Time;
use mynah::protocol;
use mynah::session::{
    ReadySources, RecordingConfig, ServiceEndpoint, ServiceOrigins, Session, SessionParts, Timer,
};
use mynah::transport::{RELEASED_S, TURN_BYTES, Tls, USELESS_BYTES, WallClock};

use super::config;
use crate::hostile::logged_by;
use crate::service::events;
use crate::transport::flood::{Peer, frame, frame_floods};

const TEXT: u8 = 0x81;

#[test]
fn a_mute_is_obeyed_within_one_turns_bytes_of_any_flood() {
    for (name, first, repeated) in frame_floods() {
        let mut device = Device::online();
        device.peer.send(&first);
        device.peer.repeat(&repeated);
        for muted in [true, false, true] {
            device.turn(false);
            assert_ne!(device.session.conversation().muted(), muted, "{name}");
            let before = device.peer.delivered();
            device.now += Duration::from_millis(50);
            device.buttons.edge(0, true, device.now);
            device.turn(true);
            assert_eq!(device.session.conversation().muted(), muted, "{name}");
            assert!(device.peer.delivered() - before <= TURN_BYTES, "{name}");
            device.now += Duration::from_millis(50);
            device.buttons.edge(0, false, device.now);
            device.turn(true);
        }
        assert_ne!(device.session.conversation().state(), State::Offline, "{name}: the test proves nothing");
    }
}

#[test]
fn a_signal_ends_the_program_during_a_flood() {
    let mut device = Device::online();
    device.peer.repeat(&frame(0x89, b"there?"));
    device.turn(false);
    device.signals.write_all(b"!").unwrap();
    device.turn(false);
    assert!(device.session.conversation().is_leaving());
    // The peer does not answer the close frame, so the exit takes its time limit.
    device.now += Duration::from_secs(2);
    let exit = device.session.turn(ReadySources::default(), device.now);
    assert!(matches!(exit, Some(Ok(Exit::Requested))), "{exit:?}");
}

#[test]
fn a_link_that_floods_is_dropped_and_dialled_again_with_back_off() {
    for (name, first, repeated) in frame_floods() {
        let mut device = Device::online();
        device.peer.send(&first);
        device.peer.repeat(&repeated);
        let mut turns = 0;
        let logged = logged_by(|| {
            while device.session.conversation().state() != State::Offline {
                // What is left is not reported by poll(2), so the turn is due by itself.
                let timer = device.session.next_timer(device.now);
                assert!(turns == 0 || timer == Some((device.now, Timer::Unread)), "{name}: {timer:?}");
                device.turn(false);
                turns += 1;
                assert!(turns <= USELESS_BYTES / TURN_BYTES + 2, "{name}: {turns} turns");
            }
        });
        let reason = "the service sends more than a conversation needs: ";
        assert!(logged.iter().any(|line| line.starts_with(reason)), "{name}: {logged:?}");
        assert!(device.background.next_request().is_none(), "{name}: it is dialled at once");
        device.now += Duration::from_secs(5);
        let _ = device.session.turn(ReadySources::default(), device.now);
        assert!(matches!(device.background.next_request(), Some(Some(_))), "{name}: it is not dialled again");
    }
}

#[test]
fn audio_of_a_reply_is_no_flood() {
    let mut device = Device::online();
    // Ten minutes at once, of a reply that was not asked for: 6000 messages.
    let delta = events::audio_deltas("r1", "i1", &[1000; 2400]).remove(0).to_string();
    device.peer.send(&frame(TEXT, delta.as_bytes()).repeat(6000));
    let sent = device.peer.delivered();
    for _ in 0..2 * 6000 * delta.len() / TURN_BYTES {
        device.turn(false);
    }
    assert!(device.peer.delivered() - sent > 6000 * delta.len(), "not everything was read");
    assert_ne!(device.session.conversation().state(), State::Offline);
}

/// A muted or unmuted device in a session, with a service in memory.
pub(super) struct Device {
    session: Session,
    buttons: SimulatedButtons,
    background: SimulatedBackground,
    signals: UnixStream,
    peer: Peer,
    now: Time,
}

impl Device {
    /// A device whose session is configured.
    fn online() -> Self {
        Self::online_at(|| RELEASED_S, "")
    }

    /// A device with this clock whose service has answered the upgrade with these header lines.
    pub(super) fn online_at(clock: WallClock, headers: &str) -> Self {
        let (audio, _capture, _playback) = audio::steps(StreamFormat::default()).unwrap();
        let (board, buttons) = board();
        let (background, simulated) = Background::simulated().unwrap();
        let (session_signals, signals) = UnixStream::pair().unwrap();
        let parts = SessionParts {
            mode: Mode::Tap { quiet: Duration::from_secs(8) },
            config: config(Mode::Open),
            service: ServiceEndpoint::Remote {
                endpoint: Endpoint::new("ws://localhost:1", "gpt-realtime", "2026-07-15").unwrap(),
                proxy: None,
                tls: Tls::with_clock(None, clock).unwrap(),
                origins: ServiceOrigins::default(),
            },
            audio,
            earcons: false,
            resumes_replies: true,
            half_duplex: None,
            board,
            background,
            saved_state: SavedState {
                file: None,
                muted: false,
                volume: 100,
                accepted: None,
                conversation: None,
            },
            signals: session_signals,
            watchdog_timeout: None,
            retry_refusals: false,
            seed: 1,
            recording: RecordingConfig::default(),
        };
        let now = Time::ZERO;
        let session = Session::begin(parts, now);
        let mut device =
            Self { session, buttons, background: simulated, signals, peer: Peer::default(), now };
        let dial = device.background.next_request().flatten().unwrap();
        let connection = Connection {
            socket: Socket::Simulated(Box::new(device.peer.clone())),
            credential: ("api-key", "k".to_owned()),
        };
        device.background.report(BackgroundEvent::Connected { number: dial.number, result: Ok(connection) });
        device.turn(false);
        device.peer.accept_with(headers);
        device.turn(false);
        let mut update = BytesMut::new();
        protocol::session_update(&config(Mode::Open), &mut update);
        let updated = events::session_updated(&serde_json::from_slice(&update).unwrap());
        for event in [events::session_created(), updated] {
            device.peer.send(&frame(TEXT, event.to_string().as_bytes()));
        }
        device.turn(false);
        assert_eq!(device.session.conversation().state(), State::Idle);
        device
    }

    pub(super) fn state(&self) -> State {
        self.session.conversation().state()
    }

    fn turn(&mut self, board: bool) {
        let ready = ReadySources { board, signals: true, background: true, link: true, audio: false };
        assert!(self.session.turn(ready, self.now).is_none());
    }
}

/// A board with a mute button.
fn board() -> (Board, SimulatedButtons) {
    let source = ButtonSource::Line {
        line: GpioLine::Named("mute".to_owned()),
        active_low: true,
        bias: LineBias::PullUp,
        debounce: Duration::ZERO,
    };
    let press = ButtonBindings { press: Some(ButtonAction::Mute), ..ButtonBindings::default() };
    let button = ButtonConfig { name: "mute".to_owned(), source, kind: ButtonKind::Push(press) };
    let output = OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    Board::simulated(&[button], output.into()).unwrap()
}
