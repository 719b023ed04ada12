//! The topic `echo`: what the microphone hears of the speaker, and who removes it best.
//!
//! It plays two sweeps and a noise through the session's own threads, within ten seconds. It changes nothing unless that is
//! asked for: then it writes its choice, and what the canceller has learned, where the next start finds them.

mod choice;
mod fourier;
mod keep;
mod measurement;
mod picture;
mod sounds;

use std::path::Path;
use std::time::Duration;

use super::level::{SILENCE_DB, sorted_levels};
use super::sound_path::{Captured, LivePath, RATE_HZ, SoundPath};
use super::{DoctorConsole, Finding, Findings, Verdict};
use crate::audio::{self, AlsaDevices, AudioError, AudioIo, CaptureLayout, ReferenceUpload, StreamFormat};
use crate::config::{AudioConfig, Config, DoctorControls, DoctorTopic, ServiceTarget};
use crate::echo::EchoResponse;
use crate::model::EchoCancellation;

pub use choice::EchoChoice;

use choice::{BROKEN, FAINT_DB, choose};
use measurement::{EchoMeasurement, ReferenceProblem, measure};
use sounds::{SOUND_FRAMES, test_sound};

const TOPIC: DoctorTopic = DoctorTopic::Echo;
/// How long a microphone takes to open and to settle at most.
const SETTLING: Duration = Duration::from_millis(1_200);
/// How long the quiet room is heard.
const QUIET: Duration = Duration::from_millis(800);
/// How long the test sound and its echo are heard: half a second more than the sound, for what is between.
const HEARD: Duration = Duration::from_millis(SOUND_FRAMES as u64 * 1_000 / RATE_HZ as u64 + 500);
/// All of it.
const WHOLE: Duration =
    Duration::from_millis((SETTLING.as_millis() + QUIET.as_millis() + HEARD.as_millis()) as u64);
/// Frames of a block of 20 ms, whose level is one value.
const BLOCK_FRAMES: usize = 480;
/// The distortion that is worth a word, as a share of the sound.
const DISTORTED: f32 = 0.03;
/// By how much a quiet sound is heard louder or quieter than in proportion where nothing changes its level, in decibels.
const PROPORTION_DB: f32 = 2.0;
/// By how much an echo is louder than the reference where a control of the card amplifies it, in decibels.
const AMPLIFIED_DB: f32 = 12.0;

/// What is known before anything is heard.
#[derive(Clone, Debug)]
pub struct EchoSetup {
    /// The ALSA names.
    pub microphone: String,
    pub speaker: String,
    /// Whether the service can remove an echo itself.
    pub has_service: bool,
    /// What is done about the echo now.
    pub current: Option<EchoCancellation>,
}

/// What was found about the echo.
#[derive(Clone, Debug)]
pub struct EchoExamination {
    pub findings: Vec<Finding>,
    /// `None` if no echo was heard.
    pub result: Option<EchoResult>,
}

/// What follows from an echo that was heard.
#[derive(Clone, Debug)]
pub struct EchoResult {
    pub choice: EchoChoice,
    /// What the canceller has learned, if its reference is of use and it removes some of the echo.
    pub learned: Option<EchoResponse>,
    /// An SVG.
    pub picture: String,
}

/// Opens the devices and examines the echo; writes what follows, or removes it, as `mode` says. Returns the picture.
pub(super) fn check(findings: &mut Findings<'_>, config: &Config, mode: DoctorControls) -> Option<String> {
    let place = keep::Place::new(config.saved_state.file.as_deref());
    if mode == DoctorControls::Undo {
        keep::undo(findings, &place);
        return None;
    }
    let devices = config.audio.clone();
    if !devices.has_microphone() {
        let why = "not measured: a WAV file stands for microphone or speaker";
        findings.add(TOPIC, "echo", why, Verdict::NotChecked);
        return None;
    }
    if config.saved_state.volume == 0 {
        let remedy = "raise it with --volume 60, or + in mynah".to_owned();
        findings.add(TOPIC, "echo", "not measured: the volume is 0 %", Verdict::Wrong(remedy));
        return None;
    }
    let setup = EchoSetup {
        microphone: devices.microphone.device.clone(),
        speaker: devices.speaker.device.clone(),
        has_service: match &config.service.target {
            ServiceTarget::Parrot => true,
            ServiceTarget::Azure(azure) => !azure.endpoint.dialect.is_openai(),
        },
        current: config.service.echo_cancellation,
    };
    let (audio, identity) = match open(devices) {
        Ok(opened) => opened,
        Err(error) => {
            findings.add(TOPIC, "devices", "cannot be opened", Verdict::Wrong(error.to_string()));
            return None;
        }
    };
    audio.playback.set_volume(config.saved_state.volume);
    let result = examine(findings, &mut LivePath::new(audio), &setup)?;
    if mode == DoctorControls::Fix {
        keep::fix(findings, &place, &result, &identity);
        keep::tell_override(findings, config.origin_of("echo_cancellation"), result.choice.cancellation);
    }
    Some(result.picture)
}

/// Examines the echo of a path from speaker to microphone.
pub fn check_echo(
    path: &mut dyn SoundPath,
    setup: &EchoSetup,
    console: &mut dyn DoctorConsole,
) -> EchoExamination {
    let mut findings = Findings { all: Vec::new(), console };
    let result = examine(&mut findings, path, setup);
    EchoExamination { findings: findings.all, result }
}

/// Opens the cards, with a reference, and returns what the canceller's response depends on.
fn open(config: AudioConfig) -> Result<(AudioIo, String), AudioError> {
    let AudioConfig { microphone, speaker, controls, unplugged, .. } = config;
    let mut cards = AlsaDevices { microphone, speaker, controls, unplugged };
    let identity = cards.echo_setup(Path::new("/"));
    // The topic sound compares the controls, and sets them if that is asked for.
    cards.controls.clear();
    let (upload, status) = ReferenceUpload::new();
    let format = StreamFormat { layout: CaptureLayout::WithReference, ..StreamFormat::default() };
    let mut audio = audio::open_alsa_with_reference(cards, format, Box::new(upload))?;
    audio.watch_echo(status);
    Ok((audio, identity))
}

fn examine(findings: &mut Findings<'_>, path: &mut dyn SoundPath, setup: &EchoSetup) -> Option<EchoResult> {
    findings.console.instruct("be quiet for 10 seconds; two sweeps and a noise are played");
    let (quiet, heard) = match listen(path, findings.console) {
        Ok(captured) => captured,
        Err(reason) => {
            findings.add(TOPIC, "echo", "stopped", Verdict::Wrong(reason));
            return None;
        }
    };
    let levels = sorted_levels(&quiet.samples, BLOCK_FRAMES);
    let noise_db = levels.get(levels.len() / 2).copied().unwrap_or(SILENCE_DB);
    if heard.xruns > 0 {
        let value =
            format!("{} while it was measured: the figures below are worse than they are", heard.xruns);
        findings.add(TOPIC, "gaps", value, Verdict::Advice("stop other programs and repeat it".to_owned()));
    }
    let Some(measured) = measure(&heard, noise_db) else {
        let remedy = "if you have heard it, the board removes its echo itself: set echo_cancellation = \"off\" under \
                      [hearing] in mynah.toml; if not, check the speaker's cable and control, and the microphone's switch";
        findings.add(
            TOPIC,
            "echo",
            "the test sound is not in what the microphone hears",
            Verdict::Wrong(remedy.to_owned()),
        );
        return None;
    };
    report_echo(findings, &measured);
    report_oddities(findings, &measured);
    report_reference(findings, &measured, setup);
    let choice = choose(&measured, setup.has_service);
    report_choice(findings, &choice, setup.current);
    let picture = picture::draw(&measured);
    let learned = measured.problem.is_none().then_some(measured.gain).flatten();
    let learned = learned.filter(|gain| gain.filter_db > 0.0).map(|gain| gain.learned);
    Some(EchoResult { choice, learned, picture })
}

/// Returns what is heard of the quiet room and of the test sound.
fn listen(path: &mut dyn SoundPath, console: &mut dyn DoctorConsole) -> Result<(Captured, Captured), String> {
    let mut done = Duration::ZERO;
    let mut hear = |samples: &[i16], time: Duration| {
        let captured = path.exchange(samples, time, &mut |passed| console.progress(done + passed, WHOLE));
        done += time;
        captured
    };
    let heard = hear(&[], SETTLING).and_then(|_| {
        let quiet = hear(&[], QUIET)?;
        Ok((quiet, hear(&test_sound(), HEARD)?))
    });
    // Whoever watches sees no bar beside an error.
    console.progress(WHOLE, WHOLE);
    heard
}

fn report_echo(findings: &mut Findings<'_>, measured: &EchoMeasurement) {
    let EchoMeasurement { level_db, gain_db, clipped, .. } = *measured;
    let delay = match measured.delay_ms {
        Some(ms) => format!("{ms:.1} ms after it is played"),
        None => "when, is not known".to_owned(),
    };
    let value = format!("{level_db:.0} dBFS, {gain_db:+.0} dB of what is played, {delay}");
    let verdict = if clipped > 0.0 {
        let share = clipped * 100.0;
        Verdict::Wrong(format!(
            "{share:.1} % of it is clipped: lower the volume or the microphone's gain, or move the two apart"
        ))
    } else if level_db < FAINT_DB {
        Verdict::Advice("it is faint".to_owned())
    } else if gain_db > AMPLIFIED_DB {
        Verdict::Advice(
            "a control or a knob behind mynah amplifies it: lower that and raise mynah's volume instead"
                .to_owned(),
        )
    } else {
        Verdict::Good
    };
    findings.add(TOPIC, "echo", value, verdict);
    let tail = match measured.tail_ms {
        Some(ms) => format!("30 dB lower after {ms:.0} ms"),
        None => "not measured: the room is too loud".to_owned(),
    };
    let verdict = if measured.tail_ms.is_some() { Verdict::Good } else { Verdict::NotChecked };
    findings.add(TOPIC, "tail", tail, verdict);
}

fn report_oddities(findings: &mut Findings<'_>, measured: &EchoMeasurement) {
    let EchoMeasurement { distortion, clipped, .. } = *measured;
    let value = format!("{:.1} %", distortion * 100.0);
    let remedy = "lower the volume: the speaker or its amplifier is overdriven".to_owned();
    let verdict = match distortion {
        BROKEN.. => Verdict::Wrong(remedy),
        DISTORTED.. => Verdict::Advice(remedy),
        _ => Verdict::Good,
    };
    findings.add(TOPIC, "distortion", value, verdict);
    match measured.disproportion_db {
        None => {
            findings.add(TOPIC, "level", "not compared: the quiet sweep is not heard", Verdict::NotChecked)
        }
        // What is clipped is quieter than in proportion.
        Some(db) if db.abs() <= PROPORTION_DB || clipped > 0.0 => {
            findings.add(TOPIC, "level", format!("in proportion ({db:+.1} dB)"), Verdict::Good);
        }
        Some(db) => {
            let value = format!("a sound that is 12 dB quieter is heard {db:+.1} dB out of proportion");
            let remedy = if db > 0.0 {
                "the card has an automatic gain control, or the speaker a limiter: switch it off (alsamixer), and leave \
                 the volume alone meanwhile"
            } else {
                "the card suppresses what is quiet, or the volume was changed meanwhile: switch that off (alsamixer)"
            };
            findings.add(TOPIC, "level", value, Verdict::Advice(remedy.to_owned()));
        }
    }
    if let Some(second) = measured.second {
        let value = format!("{:.0} ms apart, {:.0} dB", second.later_ms, second.level_db);
        let remedy = "two speakers play, or something hard is near: switch one off if it is another device's";
        findings.add(TOPIC, "two sounds", value, Verdict::Advice(remedy.to_owned()));
    }
}

fn report_reference(findings: &mut Findings<'_>, measured: &EchoMeasurement, setup: &EchoSetup) {
    match measured.problem {
        None => findings.add(TOPIC, "reference", "what is played is known to the sample", Verdict::Good),
        Some(problem) => {
            let others = [&setup.microphone, &setup.speaker].into_iter().find(|name| !is_card(name));
            let remedy = match (others, problem) {
                (Some(name), _) => format!(
                    "{name:?} may lead through a sound server or a plugin: name a card by \"hw:CARD=…\" (mynah devices)"
                ),
                (None, ReferenceProblem::Late(_)) => {
                    "is the speaker on Bluetooth, HDMI or a network? use one of the card".to_owned()
                }
                (None, _) => "this card's driver cannot be used for that; use another card".to_owned(),
            };
            findings.add(TOPIC, "reference", problem.to_string(), Verdict::Advice(remedy));
        }
    }
    let Some(gain) = measured.gain.as_ref().filter(|_| measured.problem.is_none()) else {
        return findings.add(TOPIC, "canceller", "not tried: it needs the reference", Verdict::NotChecked);
    };
    let value = format!(
        "removes {:.0} dB by its filter and {:.0} dB in all; the room's noise is {:.0} dB lower",
        gain.filter_db, gain.total_db, gain.limit_db
    );
    findings.add(TOPIC, "canceller", value, Verdict::Good);
}

fn report_choice(findings: &mut Findings<'_>, choice: &EchoChoice, current: Option<EchoCancellation>) {
    let EchoChoice { cancellation, reason, half_duplex_tail } = choice;
    let word = keep::word(*cancellation);
    let value = format!("{word}: {reason}");
    let verdict = if current == Some(*cancellation) {
        Verdict::Good
    } else {
        let tail = match cancellation {
            EchoCancellation::HalfDuplex => {
                format!(" and half_duplex_tail_ms = {}", half_duplex_tail.as_millis())
            }
            EchoCancellation::Server
            | EchoCancellation::Client
            | EchoCancellation::Device
            | EchoCancellation::Off => String::new(),
        };
        Verdict::Advice(format!(
            "set echo_cancellation = {word:?}{tail} under [hearing] in mynah.toml, or repeat it with --fix"
        ))
    };
    findings.add(TOPIC, "best", value, verdict);
}

/// Returns whether an ALSA name is that of a card, perhaps with a conversion of its format.
fn is_card(name: &str) -> bool {
    ["hw:", "plughw:"].iter().any(|prefix| name.starts_with(prefix))
}
