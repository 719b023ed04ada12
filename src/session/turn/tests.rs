//! Turns with simulated devices and a service: what is sent, played and kept, in which order.
//!
//! No card and no network take part.

use std::fs::OpenOptions;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;
use crate::audio::{
    Alignment, BufferLevel, Capture, CaptureDevice, CutMode, DeviceCanceller, EchoKeeper, PcmError, Playback,
    PlaybackDevice, QueuePlan, Recovery, ReferenceBlock, ReferenceSink, StreamFormat, steps,
};
use crate::background::{Background, SimulatedBackground};
use crate::board::Board;
use crate::config::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, GpioLine, LineBias, SavedState,
};
use crate::conversation::{Event, Id, LinkChange, Mode, ServiceEvent, State, UserInput};
use crate::inputs::SimulatedButtons;
use crate::model::{Choice, EchoCancellation, TurnDetection, Voice};
use crate::parrot::ParrotConfig;
use crate::protocol::SessionConfig;
use crate::recorder::{RecordLine, RecordingReader};
use crate::session::{RecordingConfig, ServiceEndpoint, SessionParts};

const SECOND: Duration = Duration::from_secs(1);
/// A reply of 20 ms.
const DELTA: &str =
    r#"{"type":"response.audio.delta","response_id":"r","item_id":"i","content_index":0,"delta":""#;
const FRAME_MS: Duration = Duration::from_millis(10);

#[test]
fn a_press_cuts_the_reply_before_kept_audio_is_sent() {
    for kept_s in [0, 10] {
        let mut device = Device::begin(Mode::Open);
        device.keep_speech(kept_s);
        device.happen(Event::Link(LinkChange::Configured));
        device.start_reply();
        assert_eq!(device.session.conversation().state(), State::Speaking);
        let before = device.lines().len();
        let pressed = device.now;
        device.button(true);
        let done = device.lines().split_off(before);
        // The cut is the first action of the press.
        let mut expected = vec!["input down", "event press", "sent response.cancel", "light"];
        expected.extend((kept_s > 0).then_some("sent 10000 ms of audio"));
        assert_eq!(done, expected, "with {kept_s} s of audio kept");
        assert_eq!(device.session.shell.player.timings().cut, Some(pressed));
    }
}

#[test]
fn in_half_duplex_a_press_interrupts_and_nothing_is_sent_until_the_speaker_is_silent() {
    let mut device = Device::begin(Mode::Open);
    device.session.shell.player.set_half_duplex(SECOND / 5);
    device.happen(Event::Link(LinkChange::Configured));
    device.capture(60);
    device.turn(ReadySources { audio: true, ..ReadySources::default() });
    device.start_reply();
    let before = device.lines().len();
    device.capture(60);
    device.turn(ReadySources { audio: true, ..ReadySources::default() });
    device.capture(60);
    device.button(true);
    device.capture(60);
    device.turn(ReadySources { audio: true, ..ReadySources::default() });
    let done = device.lines();
    assert_eq!(done[..before].iter().filter(|line| line.ends_with("of audio")).count(), 1, "{done:?}");
    assert_eq!(done[before..], ["input down", "event press", "sent response.cancel", "light"]);
}

#[test]
fn a_release_commits_all_that_was_captured_before_it() {
    let mut device = Device::begin(Mode::Hold);
    device.happen(Event::Link(LinkChange::Configured));
    device.button(true);
    let before = device.lines().len();
    device.capture(480);
    device.button(false);
    let expected = [
        "input up",
        "event release { heard: 480ms }",
        "sent 480 ms of audio",
        "sent input_audio_buffer.commit",
        "sent response.create",
        "light",
    ];
    assert_eq!(device.lines().split_off(before), expected);
}

#[test]
fn an_opened_microphone_sends_nothing_from_before() {
    let mut device = Device::begin(Mode::Open);
    device.happen(Event::Link(LinkChange::Configured));
    device.happen(Event::Input(UserInput::Mute));
    let before = device.lines().len();
    // The device closes a little later than requested.
    device.capture(60);
    device.happen(Event::Input(UserInput::Mute));
    device.capture(20);
    device.turn(ReadySources { audio: true, ..ReadySources::default() });
    assert_eq!(device.lines().split_off(before), ["event mute", "light", "sent 20 ms of audio"]);
}

#[test]
fn whether_the_room_is_quiet_is_told_while_a_tap_is_open() {
    for (mode, expected) in
        [(Mode::Tap { quiet: 8 * SECOND }, vec!["false", "true", "false"]), (Mode::Hold, vec![])]
    {
        let mut device = Device::begin(mode);
        device.happen(Event::Link(LinkChange::Configured));
        device.button(true);
        if mode != Mode::Hold {
            device.button(false);
        }
        for (tenths, amplitude) in [(35, 0.0), (2, 0.25), (35, 0.0)] {
            device.amplitude = amplitude;
            for _ in 0..tenths {
                device.capture(100);
                device.turn(ReadySources { audio: true, ..ReadySources::default() });
            }
        }
        let lines = device.lines();
        let told = lines.iter().filter_map(|line| line.strip_prefix("event device(room { loud: "));
        assert_eq!(told.map(|loud| loud.trim_end_matches(" }")).collect::<Vec<_>>(), expected, "{mode:?}");
    }
}

#[test]
fn a_talker_over_the_reply_turns_it_down_within_35_ms_and_alone_only_for_a_while() {
    let mut device = Device::begin(Mode::Open);
    device.happen(Event::Link(LinkChange::Configured));
    device.start_reply();
    let mut room = Room::new();
    // What the reply sounds like, "ICAg" in base64, until long after the talker.
    let loud = i16::from_le_bytes(*b"  ");
    let delta = format!("{DELTA}{}\"}}", "ICAg".repeat(3_200));
    for _ in 0..50 {
        device.session.shell.receive(&delta, &mut device.session.core.context(device.now));
        device.session.settle(device.now);
    }
    room.live(&mut device, 500, 0.0);
    assert_eq!(room.out.last(), Some(&loud));
    assert!(device.lines().iter().all(|line| !line.contains("talk")), "of the echo alone");
    let start = room.live(&mut device, 40, 0.1);
    let lines = device.lines();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("talk")).collect();
    assert_eq!(told, ["event device(talk(weak", "event device(talk(strong"]);
    let found = start + 240 * room.found.unwrap();
    for (level_db, limit_ms) in [(-12.0, 35), (-26.0, 350)] {
        let level = (f32::from(loud) * 10f32.powf(level_db / 20.0)).round() as i16;
        let heard = room.out[found..].iter().position(|sample| *sample <= level + 1).unwrap();
        assert!(heard <= limit_ms * 24, "{level_db} dB after {} ms", heard / 24);
    }
    // The service says nothing.
    let quiet = room.live(&mut device, 200, 0.0);
    let back = room.out[quiet..].iter().position(|sample| *sample == loud).unwrap();
    assert!((24_000..2 * 24_000).contains(&back), "after {} ms", back / 24);
}

#[test]
fn what_is_learned_of_the_echo_is_kept_after_a_reply_and_at_the_end() {
    let audio = ReadySources { audio: true, ..ReadySources::default() };
    let (mut device, mut room) = (Device::begin(Mode::Open), Room::new());
    let mut reply = |device: &mut Device, gain: f32| {
        room.gain = gain;
        room.live(device, 500, 0.0);
        device.canceller.interrupt();
        device.turn(audio);
        device.disk.next_echo_write()
    };
    assert!(reply(&mut device, 0.5).is_some());
    assert_eq!(reply(&mut device, 0.3), None, "a minute later");
    device.happen(Event::Input(UserInput::Leave));
    assert!(device.session.turn(audio, device.now + 60 * SECOND).is_some(), "the session ends");
    assert!(device.disk.next_echo_write().is_some());
}

/// A room with the speaker's sound in the microphone, the canceller of the device, and its speaker.
struct Room {
    /// How loud the echo is.
    gain: f32,
    random: fastrand::Rng,
    played: Vec<f32>,
    queued: std::collections::VecDeque<i16>,
    /// What was heard.
    out: Vec<i16>,
    /// The frame of 10 ms at whose end the canceller first told of a talker.
    found: Option<usize>,
}

impl Room {
    fn new() -> Self {
        let (played, queued, out) = (Vec::new(), std::collections::VecDeque::new(), Vec::new());
        Self { gain: 0.5, random: fastrand::Rng::with_seed(5), played, queued, out, found: None }
    }

    /// Lets frames of 10 ms pass, with a talker of this level; two travel together, as they do while a reply is heard.
    /// Returns what was heard before. The canceller hears a noise of its own: the reply has one value.
    fn live(&mut self, device: &mut Device, frames: usize, talk: f32) -> usize {
        let start = self.out.len();
        self.found = None;
        for frame in 0..frames {
            self.capture(device, talk);
            let tells = device.echo.talk() != crate::model::TalkEvidence::None;
            self.found = self.found.or(tells.then_some(frame));
            if frame % 2 == 1 {
                device.turn(ReadySources { audio: true, ..ReadySources::default() });
                device.now = Time::ZERO + FRAME_MS * u32::try_from(self.played.len() / 240).unwrap();
            }
            device.playback.run(self).unwrap();
            let heard: Vec<i16> = self.queued.drain(..240).collect();
            self.out.extend(heard);
        }
        start
    }

    fn capture(&mut self, device: &mut Device, talk: f32) {
        let start = self.played.len();
        let mut captured = [[0_i16]; 240];
        for frame in &mut captured {
            let at = self.played.len();
            self.played.push(0.3 * (2.0 * self.random.f32() - 1.0));
            let noise = 1e-4 * (2.0 * self.random.f32() - 1.0);
            let echo = at.checked_sub(150).map_or(0.0, |from| self.gain * self.played[from]);
            let voice = |hz: f32| (std::f32::consts::TAU * hz * at as f32 / 24_000.0).sin();
            let sound = echo + noise + talk * (voice(220.0) + voice(660.0) + voice(1_540.0)) / 3.0;
            *frame = [(sound * 32_768.0) as i16];
        }
        let samples = &self.played[start..];
        let alignment = Alignment::Aligned;
        let reference = ReferenceBlock { samples, is_audible: true, alignment, position: None };
        device.canceller.block(&mut captured, reference);
    }
}

impl PlaybackDevice for Room {
    fn queue(&self) -> QueuePlan {
        QueuePlan { cut: CutMode::Rewrite, short: 4_800, long: 24_000, fade_at: 720, awake_frames: None }
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        Ok(BufferLevel { queued: self.queued.len(), delay: self.queued.len() as i64 })
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.queued.extend(frames.iter().map(|frame| (frame * 32_768.0).round() as i16));
        Ok(frames.len())
    }

    fn take_back(&mut self, frames: usize) -> Result<usize, PcmError> {
        // As a USB card does, it has read 8 ms already.
        let taken_back = frames.min(self.queued.len().saturating_sub(192));
        self.queued.truncate(self.queued.len() - taken_back);
        Ok(taken_back)
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.queued.clear();
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Emptied)
    }
}

struct Device {
    session: Session,
    buttons: SimulatedButtons,
    capture: Capture,
    playback: Playback,
    canceller: DeviceCanceller,
    echo: std::sync::Arc<crate::audio::EchoStatus>,
    disk: SimulatedBackground,
    /// Of what the microphone hears: a tone of 1 kHz around a constant.
    amplitude: f32,
    now: Time,
    _signals: UnixStream,
}

impl Device {
    /// A device that has just connected to the built-in service.
    fn begin(mode: Mode) -> Self {
        let (mut audio, capture, playback) = steps(StreamFormat::default()).unwrap();
        let (canceller, echo) = DeviceCanceller::new();
        audio.watch_echo(std::sync::Arc::clone(&echo));
        audio.keep_echo(EchoKeeper::new("this device".to_owned()));
        let (board, buttons) = board();
        let (background, disk) = Background::simulated().unwrap();
        let (signals, _signals) = UnixStream::pair().unwrap();
        let config = SessionConfig {
            instructions: Some(String::new()),
            voice: Some(Voice::OpenAi("alloy".to_owned())),
            turn_detection: Choice::On(TurnDetection::ServerVad),
            noise_reduction: Choice::Off,
            echo_cancellation: Some(EchoCancellation::Off),
            transcription: Choice::Off,
            ..SessionConfig::default()
        };
        let parts = SessionParts {
            mode,
            config,
            service: ServiceEndpoint::Parrot(ParrotConfig::default()),
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
            signals,
            watchdog_timeout: None,
            retry_refusals: false,
            seed: 1,
            recording: RecordingConfig::default(),
        };
        let now = Time::ZERO;
        let session = Session::begin(parts, now);
        let amplitude = 0.0;
        Self { session, buttons, capture, playback, canceller, echo, disk, amplitude, now, _signals }
    }

    /// Presses the button while there is no session, and captures this many seconds.
    fn keep_speech(&mut self, seconds: usize) {
        self.button(true);
        self.button(false);
        for _ in 0..seconds {
            self.capture(1000);
            self.turn(ReadySources { audio: true, ..ReadySources::default() });
        }
    }

    /// Captures this many milliseconds, without a turn of the session.
    fn capture(&mut self, ms: usize) {
        let mut microphone = Microphone { left: ms * 24, amplitude: self.amplitude };
        while self.capture.step(&mut microphone) == Ok(true) {}
    }

    /// Presses or releases the button, in one turn with all that was captured.
    fn button(&mut self, down: bool) {
        self.buttons.edge(0, down, self.now);
        self.turn(ReadySources { board: true, audio: true, ..ReadySources::default() });
    }

    /// Receives a reply to speech, without pumping the microphone.
    fn start_reply(&mut self) {
        let reply = Id::try_from("r").unwrap();
        for event in
            [ServiceEvent::SpeechStarted, ServiceEvent::SpeechStopped, ServiceEvent::ReplyCreated(reply)]
        {
            self.happen(Event::Service(event));
        }
        let delta = format!("{DELTA}{}\"}}", "AAAA".repeat(320));
        self.session.shell.receive(&delta, &mut self.session.core.context(self.now));
        self.session.settle(self.now);
    }

    fn happen(&mut self, event: Event) {
        self.session.core.context(self.now).queue(event);
        self.session.settle(self.now);
    }

    fn turn(&mut self, ready: ReadySources) {
        assert!(self.session.turn(ready, self.now).is_none());
        self.now += SECOND / 10;
    }

    /// What was recorded, a word or two for each line.
    fn lines(&self) -> Vec<String> {
        let recording = self.session.recording();
        let mut reader = RecordingReader::begin(&recording).unwrap();
        let mut lines = Vec::new();
        while let Some((_, line)) = reader.next().unwrap() {
            match line {
                RecordLine::Input { what, .. } => lines.push(format!("input {what}")),
                RecordLine::Event { is, .. } => {
                    let name = format!("{is:?}").to_lowercase();
                    lines.push(format!("event {}", name.replace("input(", "").replace(')', "")));
                }
                RecordLine::Sent(message) => lines.push(match message.audio {
                    Some(audio) => format!("sent {} ms of audio", audio.frames / 24),
                    None => format!("sent {}", message.kind),
                }),
                RecordLine::Light { .. } => lines.push("light".to_owned()),
                RecordLine::Snapshot { .. }
                | RecordLine::Got(_)
                | RecordLine::Words { .. }
                | RecordLine::Link { .. }
                | RecordLine::Counters { .. }
                | RecordLine::Fault { .. }
                | RecordLine::Gap { .. } => {}
            }
        }
        lines
    }
}

struct Microphone {
    left: usize,
    amplitude: f32,
}

impl CaptureDevice for Microphone {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        let count = self.left.min(into.len());
        self.left -= count;
        for (place, sample) in into[..count].iter_mut().enumerate() {
            *sample = 0.25 + if place % 24 < 12 { self.amplitude } else { -self.amplitude };
        }
        Ok(count)
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Emptied)
    }
}

/// A board with a talk button.
fn board() -> (Board, SimulatedButtons) {
    let source = ButtonSource::Line {
        line: GpioLine::Named("talk".to_owned()),
        active_low: true,
        bias: LineBias::PullUp,
        debounce: Duration::ZERO,
    };
    let press = ButtonBindings { press: Some(ButtonAction::Talk), ..ButtonBindings::default() };
    let button = ButtonConfig { name: "talk".to_owned(), source, kind: ButtonKind::Push(press) };
    let output = OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    Board::simulated(&[button], output.into()).unwrap()
}
