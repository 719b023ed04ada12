//! The whole session against a scripted service over real TLS, with WAV files for microphone and speaker.
//!
//! The samples of each reply have one value, so the speaker file shows to the sample which reply was played.

mod agent;
mod barge_in;
mod client_reference;
mod clock;
mod dialects;
mod flood;
mod handover;
mod history;
mod hostile;
mod input_rate;
mod light;
mod links;
mod outages;
mod panic;
mod record;
mod recorded;
mod refusals;
mod reset;
mod suspend;
mod turns;
mod wait_for_device;
mod watchdog;

use std::cell::RefCell;
use std::fs::File;
use std::io::{PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use mynah::audio::{
    self, Alignment, AudioError, CaptureLayout, ReferenceBlock, ReferenceSink, ReferenceUpload, StampFault,
    StreamFormat, WavDevices,
};
use mynah::background::Background;
use mynah::board::Board;
use mynah::config::{Credential, Endpoint, SavedState, Secret};
use mynah::conversation::{Exit, Mode};
use mynah::inputs::StatusLine;
use mynah::leds::Leds;
use mynah::model::{Choice, EchoCancellation, TurnDetection, Voice};
use mynah::protocol::SessionConfig;
use mynah::recorder::{ReplayOutcome, replay};
use mynah::session::{self, RecordingConfig, ServiceOrigins, SessionParts};
use mynah::transport::Tls;
use serde_json::Value;
use tempfile::TempDir;

use crate::allocator;
use crate::service::{Service, Step, events};

const KEY: &str = "k3y-that-nobody-may-see";
const TAP: Mode = Mode::Tap { quiet: Duration::from_secs(8) };
/// How a device hears unless a test is about that: the rate of its microphone, and who removes the echo.
const HEARING: (u32, EchoCancellation) = (24_000, EchoCancellation::Off);
/// One period of the WAV devices, in samples: the tolerance of `audio_end_ms`.
const PERIOD: usize = 240;

/// A running session with access to its keys and its printed lines.
struct Device {
    keys: Option<PipeWriter>,
    folder: TempDir,
    thread: JoinHandle<Result<Exit, AudioError>>,
    /// A byte written to it requests a recording.
    recording_requests: UnixStream,
    signals: UnixStream,
    upload: RefCell<ReferenceUpload>,
}

impl Device {
    fn start(service: &Service, mode: Mode) -> Self {
        Self::with_speech(service, mode, None)
    }

    /// A device whose microphone captures these samples, starting when it is first opened.
    fn with_speech(service: &Service, mode: Mode, speech: Option<&[i16]>) -> Self {
        Self::with_endpoint(remote(service), mode, speech)
    }

    fn with_endpoint(service: session::ServiceEndpoint, mode: Mode, speech: Option<&[i16]>) -> Self {
        Self::build(
            TempDir::new().unwrap(),
            service,
            mode,
            speech,
            false,
            Leds::default(),
            record_to_file,
            HEARING,
        )
    }

    /// A device that starts with the saved state of an earlier one.
    fn restart(folder: TempDir, service: &Service, mode: Mode) -> Self {
        Self::build(folder, remote(service), mode, None, false, Leds::default(), record_to_file, HEARING)
    }

    /// A device that starts with the saved state in `folder`, and sends sound at `input_rate_hz`.
    fn at_rate(
        folder: TempDir,
        service: session::ServiceEndpoint,
        mode: Mode,
        speech: Option<&[i16]>,
        input_rate_hz: u32,
    ) -> Self {
        let hearing = (input_rate_hz, EchoCancellation::Off);
        Self::build(folder, service, mode, speech, false, Leds::default(), record_to_file, hearing)
    }

    /// A device that sends what its speaker plays, with this speech. There is nothing to play it, so that the reference is
    /// silence.
    fn with_reference(service: &Service, mode: Mode, speech: &[i16]) -> Self {
        let hearing = (24_000, EchoCancellation::Client);
        let folder = TempDir::new().unwrap();
        let leds = Leds::default();
        Self::build(folder, remote(service), mode, Some(speech), false, leds, record_to_file, hearing)
    }

    /// Makes the reference one that cannot be used.
    fn lose_reference(&self) {
        let alignment = Alignment::Unaligned(StampFault::Still);
        let reference = ReferenceBlock { samples: &[], is_audible: false, alignment, position: None };
        self.upload.borrow_mut().block(&mut [], reference);
    }

    /// A device that counts the allocations of its session thread.
    fn counting_allocations(service: &Service, mode: Mode) -> Self {
        let nowhere = |_: &Path| RecordingConfig::default();
        Self::build(
            TempDir::new().unwrap(),
            remote(service),
            mode,
            None,
            true,
            Leds::default(),
            nowhere,
            HEARING,
        )
    }

    /// A device with LEDs.
    fn with_leds(service: &Service, mode: Mode, leds: Leds) -> Self {
        let hearing = (24_000, EchoCancellation::Off);
        Self::build(
            TempDir::new().unwrap(),
            remote(service),
            mode,
            None,
            false,
            leds,
            record_to_file,
            hearing,
        )
    }

    #[expect(clippy::too_many_arguments, reason = "each caller sets what its test is about")]
    fn build(
        folder: TempDir,
        service: session::ServiceEndpoint,
        mode: Mode,
        speech: Option<&[i16]>,
        count_allocations: bool,
        leds: Leds,
        recording_in: fn(&Path) -> RecordingConfig,
        (input_rate_hz, echo): (u32, EchoCancellation),
    ) -> Self {
        let state = folder.path().join("state.toml");
        let saved = std::fs::read_to_string(&state).unwrap_or_default();
        let muted = saved.contains("muted = true");
        let kept = |name: &str| {
            let line = saved.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.map(|value| value.trim_end_matches('"').to_owned())
        };
        let (accepted, conversation) = (kept("accepted"), kept("conversation"));
        let volume = saved.rsplit_once("volume = ").map_or(100, |(_, volume)| volume.trim().parse().unwrap());
        let speech = speech.map(|samples| write_wav(folder.path().join("speech.wav"), samples));
        let (input, keys) = std::io::pipe().unwrap();
        let lines = File::create(folder.path().join("lines")).unwrap();
        let speaker = Some(folder.path().join("speaker.wav"));
        let (session_signals, signals) = UnixStream::pair().unwrap();
        let (asked, recording_requests) = UnixStream::pair().unwrap();
        let recording = RecordingConfig { on_request: Some(asked), ..recording_in(folder.path()) };
        let (input, lines) = (OwnedFd::from(input), OwnedFd::from(lines));
        let mut board = Board::on(input, lines, None, mode == Mode::Hold, StatusLine::default()).unwrap();
        board.set_leds(leds);
        let layout = match echo {
            EchoCancellation::Client => CaptureLayout::WithReference,
            _ => CaptureLayout::Microphone,
        };
        let mut audio = audio::open_wav(
            WavDevices { microphone: speech, speaker, speed: 1 },
            StreamFormat { capture_hz: input_rate_hz, layout, ..StreamFormat::default() },
        )
        .unwrap();
        let (upload, status) = ReferenceUpload::new();
        audio.watch_echo(status);
        let parts = SessionParts {
            mode,
            config: SessionConfig { input_rate_hz, echo_cancellation: Some(echo), ..config(mode) },
            service,
            audio,
            earcons: true,
            resumes_replies: true,
            half_duplex: None,
            board,
            background: Background::start(
                Some(Credential::Key(Secret::new(KEY).unwrap())),
                Some(state.clone()),
            )
            .unwrap(),
            saved_state: SavedState { file: Some(state), muted, volume, accepted, conversation },
            signals: session_signals,
            watchdog_timeout: None,
            // A device that has worked before is a service.
            retry_refusals: saved.contains("accepted"),
            seed: 3,
            recording,
        };
        let thread = std::thread::spawn(move || {
            if count_allocations {
                allocator::watch_this_thread();
            }
            session::run(parts)
        });
        Self { keys: Some(keys), folder, thread, recording_requests, signals, upload: upload.into() }
    }

    fn press(&self) {
        self.key(b" ");
    }

    fn key(&self, key: &[u8]) {
        let mut keys = self.keys.as_ref().unwrap();
        keys.write_all(key).unwrap();
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("lines")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until lines that start with `line` have been printed this number of `times`.
    fn wait_for_line(&self, line: &str, times: usize) {
        self.wait_until(&format!("{line:?} is printed {times} times"), |lines| {
            lines.iter().filter(|printed| printed.starts_with(line)).count() >= times
        });
    }

    #[allow(clippy::disallowed_methods, reason = "a test outside the program waits for it to print")]
    fn wait_until(&self, what: &str, is_so: impl Fn(&[String]) -> bool) {
        for _ in 0..500 {
            if is_so(&self.lines()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("not within ten seconds: {what}: {:?}", self.lines());
    }

    /// Presses `q`, and returns the exit and the samples that the speaker played.
    #[allow(clippy::disallowed_methods, reason = "the fade after a cut is still to be played")]
    fn quit(self) -> (Exit, Vec<i16>) {
        std::thread::sleep(Duration::from_millis(100));
        self.key(b"q");
        self.wait_for_exit()
    }

    /// Presses `q`, and returns the folder with the saved files.
    fn quit_keeping_files(self) -> TempDir {
        self.key(b"q");
        self.thread.join().unwrap().unwrap();
        check_recording(&self.folder.path().join(RECORDING));
        self.folder
    }

    /// Waits until the session exits by itself; returns like `quit`.
    fn wait_for_exit(mut self) -> (Exit, Vec<i16>) {
        let exit = self.thread.join().unwrap().unwrap();
        drop(self.keys.take());
        check_recording(&self.folder.path().join(RECORDING));
        let mut wav = hound::WavReader::open(self.folder.path().join("speaker.wav")).unwrap();
        (exit, wav.samples::<i16>().map(Result::unwrap).collect())
    }
}

/// The recording of a whole run.
const RECORDING: &str = "flight.jsonl";

fn record_to_file(folder: &Path) -> RecordingConfig {
    let started = Some("2026-01-02T03:04:05Z".to_owned());
    RecordingConfig { file: Some(folder.join(RECORDING)), started, ..RecordingConfig::default() }
}

/// Asserts that the recording replays identically and holds no key.
fn check_recording(file: &Path) {
    let Ok(bytes) = std::fs::read(file) else { return };
    let replayed = replay(&bytes, |_, _| {});
    assert!(matches!(replayed, Ok(ReplayOutcome::Identical { .. })), "{replayed:?}");
    assert!(!String::from_utf8(bytes).unwrap().contains(KEY));
}

fn remote(service: &Service) -> session::ServiceEndpoint {
    let ca_file = service.url().starts_with("wss").then(|| service.ca_file());
    session::ServiceEndpoint::Remote {
        endpoint: Endpoint::new(&service.url(), "gpt-realtime", "2026-07-15").unwrap(),
        proxy: None,
        tls: Tls::new(ca_file).unwrap(),
        origins: ServiceOrigins::default(),
    }
}

fn config(mode: Mode) -> SessionConfig {
    SessionConfig {
        instructions: Some("Be brief.".into()),
        voice: Some(Voice::OpenAi("alloy".into())),
        turn_detection: (mode != Mode::Hold).then_some(TurnDetection::ServerVad).into(),
        noise_reduction: Choice::Off,
        echo_cancellation: Some(EchoCancellation::Off),
        transcription: Choice::On("whisper-1"),
        ..SessionConfig::default()
    }
}

fn write_wav(path: PathBuf, samples: &[i16]) -> PathBuf {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&path, spec).unwrap();
    samples.iter().for_each(|sample| wav.write_sample(*sample).unwrap());
    wav.finalize().unwrap();
    path
}

/// Returns `ms` milliseconds of samples of one value.
fn constant(value: i16, ms: usize) -> Vec<i16> {
    vec![value; ms * 24]
}

fn count_samples(samples: &[i16], value: i16) -> usize {
    samples.iter().filter(|sample| **sample == value).count()
}

/// A script that sets the session up, receives one turn, and then sends these events.
fn after_one_turn(events: impl IntoIterator<Item = Value>) -> Vec<Step> {
    [
        events::opening(),
        vec![Step::ExpectAudio(50)],
        events::sent(events::user_turn("u1")),
        events::sent(events),
    ]
    .concat()
}

/// Returns the `audio_end_ms` that the service received for this item.
fn truncated_ms(service: &Service, item: &str) -> u64 {
    let event = service.wait_for("conversation.item.truncate");
    assert_eq!((&event["item_id"], &event["content_index"]), (&item.into(), &0.into()));
    event["audio_end_ms"].as_u64().unwrap()
}
