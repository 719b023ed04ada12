//! A reset clears the history and mutes: the next session receives nothing that was said, and no sound.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use mynah::audio::{self, StreamFormat, WavDevices};
use mynah::background::Background;
use mynah::board::Board;
use mynah::config::{
    ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, Credential, GpioLine, LineBias, ResetHold,
    SavedState, Secret,
};
use mynah::conversation::Mode;
use mynah::model::Time;
use mynah::session::{ReadySources, RecordingConfig, Session, SessionParts};

use super::{KEY, after_one_turn, config, constant, remote};
use crate::service::{Behaviour, Service, events};

/// Long enough for both sessions on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn a_reset_sends_no_history_to_the_next_session() {
    let mut said = vec![events::transcription_completed("u1", "A secret.")];
    said.extend(events::reply("r1", "i1", "Hush.", &constant(1000, 100)));
    let service =
        Service::start([Behaviour::script(after_one_turn(said)), Behaviour::script(events::opening())]);
    let folder = tempfile::tempdir().unwrap();
    let lines = File::create(folder.path().join("lines")).unwrap();
    let (board, buttons) = Board::simulated(&[button()], OwnedFd::from(lines)).unwrap();
    let (signals, _signals_peer) = UnixStream::pair().unwrap();
    let wav = WavDevices { microphone: None, speaker: Some(folder.path().join("speaker.wav")), speed: 1 };
    let parts = SessionParts {
        recording: RecordingConfig::default(),
        mode: Mode::Open,
        config: config(Mode::Open),
        service: remote(&service),
        audio: audio::open_wav(wav, StreamFormat::default()).unwrap(),
        earcons: true,
        resumes_replies: true,
        half_duplex: None,
        board,
        background: Background::start(Some(Credential::Key(Secret::new(KEY).unwrap())), None).unwrap(),
        saved_state: SavedState { file: None, muted: false, volume: 100, accepted: None, conversation: None },
        signals,
        watchdog_timeout: None,
        retry_refusals: false,
        seed: 3,
    };
    let mut session = Session::begin(parts, now());
    let printed = || std::fs::read_to_string(folder.path().join("lines")).unwrap();
    run_until(&mut session, || printed().contains("time: reply heard"));
    buttons.edge(0, true, now());
    run_until(&mut session, || printed().contains("notice: reset"));
    run_until(&mut session, || service.connections().get(1).is_some_and(|one| !one.story().is_empty()));
    run_until(&mut session, || printed().lines().any(|line| line.trim() == "muted"));
    let second = &service.connections()[1];
    assert_eq!(second.story(), ["session.update"]);
    assert_eq!(second.audio_ms, 0, "it starts muted");
}

/// A button that resets the device when it is held for 300 ms.
fn button() -> ButtonConfig {
    let (line, debounce) = (GpioLine::Named("R".to_owned()), Duration::ZERO);
    let reset = ResetHold { warn_after: Duration::from_millis(200), act_after: Duration::from_millis(300) };
    ButtonConfig {
        name: "reset".to_owned(),
        source: ButtonSource::Line { line, active_low: true, bias: LineBias::AsIs, debounce },
        kind: ButtonKind::Push(ButtonBindings { reset: Some(reset), ..ButtonBindings::default() }),
    }
}

/// Runs turns of the session until `condition` holds.
#[allow(clippy::disallowed_methods, reason = "a test outside the program lets time pass for it")]
fn run_until(session: &mut Session, condition: impl Fn() -> bool) {
    let end = now() + TIMEOUT;
    while !condition() {
        assert!(now() < end, "the condition did not hold within {TIMEOUT:?}");
        std::thread::sleep(Duration::from_millis(5));
        let ready = ReadySources { audio: true, signals: false, board: true, background: true, link: true };
        assert!(session.turn(ready, now()).is_none());
    }
}

#[allow(clippy::disallowed_methods, reason = "the clock of a session that the test drives")]
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> Time {
    Time::ZERO + START.elapsed()
}
