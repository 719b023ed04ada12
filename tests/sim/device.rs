//! The simulated device: the parts of its session, and a board with buttons and a light that is observed.
//!
//! It holds no logic: what happens to the device is up to the scenario.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mynah::audio::AudioIo;
use mynah::background::Background;
use mynah::board::{Board, BoardError};
use mynah::config::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, Endpoint, GpioLine, LedWiring,
    LightConfig, LineBias, SavedState,
};
use mynah::conversation::Mode;
use mynah::inputs::SimulatedButtons;
use mynah::leds::{Leds, OutputLines, SysfsPaths};
use mynah::model::{Choice, EchoCancellation, TurnDetection, TurnOptions, Voice};
use mynah::protocol::SessionConfig;
use mynah::session::{RecordingConfig, ServiceEndpoint, ServiceOrigins, SessionParts};
use mynah::transport::Tls;

use super::network::WriteContext;
use super::scenario::Scenario;
use super::server::DATE_S;

/// How long the microphone is held back after the speaker was heard.
pub(super) const HALF_DUPLEX_TAIL: Duration = Duration::from_millis(300);

pub(super) fn parts(
    scenario: &Scenario,
    audio: AudioIo,
    board: Board,
    background: Background,
    signals: UnixStream,
) -> SessionParts {
    let config = SessionConfig {
        instructions: Some("Be brief.".into()),
        voice: Some(Voice::OpenAi("alloy".into())),
        turn_detection: (scenario.mode != Mode::Hold).then_some(TurnDetection::ServerVad).into(),
        noise_reduction: Choice::Off,
        echo_cancellation: Some(scenario.room.map_or(scenario.echo, |room| room.cancellation)),
        turn: TurnOptions {
            // A voice of the room pauses for up to 0.2 s within a sentence.
            silence_ms: scenario.room.map(|_| 500),
            ..TurnOptions::default()
        },
        transcription: Choice::On("whisper-1"),
        ..SessionConfig::default()
    };
    let endpoint = Endpoint::new("ws://localhost:1", "gpt-realtime", "2026-07-15").unwrap();
    SessionParts {
        mode: scenario.mode,
        config,
        service: ServiceEndpoint::Remote {
            endpoint,
            proxy: None,
            // The date of the simulated servers.
            tls: Tls::with_clock(None, || DATE_S).unwrap(),
            origins: ServiceOrigins::default(),
        },
        audio,
        earcons: true,
        resumes_replies: true,
        half_duplex: (scenario.echo == EchoCancellation::HalfDuplex).then_some(HALF_DUPLEX_TAIL),
        board,
        background,
        saved_state: SavedState { file: None, muted: false, volume: 100, accepted: None, conversation: None },
        signals,
        // As in `mynah.service`.
        watchdog_timeout: scenario.counted.map(|_| Duration::from_secs(20)),
        retry_refusals: false,
        seed: scenario.seed,
        recording: RecordingConfig::default(),
    }
}

/// Returns a board with a talk button, a mute button, a mute switch and an RGB light. The light writes `context`, and
/// counts in `light_writes` how often it is written.
pub(super) fn board(
    context: &Arc<Mutex<WriteContext>>,
    light_writes: &Arc<AtomicU64>,
) -> (Board, SimulatedButtons) {
    let line = |name: &str| GpioLine::Named(name.to_owned());
    let button = |name: &str, kind| {
        let source = ButtonSource::Line {
            line: line(name),
            active_low: true,
            bias: LineBias::PullUp,
            debounce: Duration::ZERO,
        };
        ButtonConfig { name: name.to_owned(), source, kind }
    };
    let push = |action| ButtonKind::Push(ButtonBindings { press: Some(action), ..ButtonBindings::default() });
    let buttons = [
        button("talk", push(ButtonAction::Talk)),
        button("mute", push(ButtonAction::Mute)),
        button("switch", ButtonKind::MuteSwitch),
    ];
    let dev_null = OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    let (mut board, buttons_handle) = Board::simulated(&buttons, dev_null.into()).unwrap();
    let wiring = LedWiring::Lines { rgb: [line("R"), line("G"), line("B")], active_low: false };
    let light = LightConfig { name: "status".to_owned(), wiring, brightness: 255 };
    let mut open_lines = |_: &str, _: &[&GpioLine], _: bool| {
        Ok(Box::new(LightProbe(Arc::clone(context), Arc::clone(light_writes))) as Box<dyn OutputLines>)
    };
    board.set_leds(Leds::open::<BoardError>(&[light], &SysfsPaths::default(), &mut open_lines).unwrap());
    (board, buttons_handle)
}

/// Records whether the light shows a live microphone: green alone.
struct LightProbe(Arc<Mutex<WriteContext>>, Arc<AtomicU64>);

impl OutputLines for LightProbe {
    fn set(&mut self, lit: &[bool]) -> io::Result<()> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.lock().unwrap().lit = lit == [false, true, false];
        Ok(())
    }
}
