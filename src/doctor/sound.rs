//! The topic `sound`: whether the cards open, what they grant, and what is really heard.
//!
//! The measurement runs over the product's own audio threads. It judges what they deliver; it opens no device by another
//! way.

use std::path::Path;
use std::time::Duration;

use super::level::{SILENCE_DB, clipped, mean, sorted_levels};
use super::sound_path::{Captured, LivePath, RATE_HZ, SoundPath};
use super::{Findings, Verdict, controls, test_sound};
use crate::audio::{self, AlsaDevices, AudioError, AudioIo, StreamFormat, WavDevices};
use crate::config::{AudioConfig, DoctorControls, DoctorTopic};

const TOPIC: DoctorTopic = DoctorTopic::Sound;
/// How long the quiet room is heard.
const QUIET: Duration = Duration::from_secs(3);
/// How long the sweep and its echo are heard.
const SWEEP: Duration = Duration::from_millis(2_500);
/// How long the user speaks.
const SPEECH: Duration = Duration::from_secs(5);
/// How long a microphone takes to open and to settle at most; nothing of this time is judged.
const SETTLING: Duration = Duration::from_millis(1_500);
/// Frames of a block of 20 ms, whose level is one value.
const BLOCK_FRAMES: usize = 480;
/// How far the rate may be from the nominal one: a clock of another crystal is 8 % off or more, and the time of a batch
/// of frames is known to less than 1 %.
const RATE_TOLERANCE: f32 = 0.03;
/// The loudest room in which anybody is understood, in dBFS.
const LOUD_ROOM_DB: f32 = -35.0;
/// The largest mean of the samples that is no fault: 3 % of full scale.
const OFFSET: f32 = 1_000.0;
/// How far speech at 1 m is above the room's noise, at least, in dB.
const SPEECH_DB: f32 = 20.0;
/// The level of an echo below which a speaker is not heard by somebody else in the room, in dBFS.
const FAINT_ECHO_DB: f32 = -60.0;

/// Opens the devices of `config` and checks them.
pub(super) fn check(
    findings: &mut Findings<'_>,
    config: AudioConfig,
    mode: DoctorControls,
    state_file: Option<&Path>,
) {
    let is_real = config.has_microphone();
    if is_real {
        controls::check(findings, &config.controls, mode, state_file);
    }
    match open(config) {
        Err(error) => findings.add(TOPIC, "devices", "cannot be opened", Verdict::Wrong(error.to_string())),
        Ok(audio) => {
            report_opened(findings, &audio);
            if is_real {
                check_live(findings, audio);
            } else {
                let why = "not measured: a WAV file stands for microphone or speaker";
                findings.add(TOPIC, "echo", why, Verdict::NotChecked);
            }
        }
    }
}

/// Checks a path from speaker to microphone: the quiet room, the clock, the echo of a test sound and, if somebody is
/// there, speech.
pub fn check_path(path: &mut dyn SoundPath, console: &mut dyn super::DoctorConsole) -> Vec<super::Finding> {
    let mut findings = Findings { all: Vec::new(), console };
    if let Err(reason) = measure(&mut findings, path) {
        findings.add(TOPIC, "sound", "stopped", Verdict::Wrong(reason));
    }
    findings.all
}

fn open(config: AudioConfig) -> Result<AudioIo, AudioError> {
    let AudioConfig { microphone, speaker, unplugged, speech, speaker_file, .. } = config;
    if speech.is_some() || speaker_file.is_some() {
        let files = WavDevices { microphone: speech, speaker: speaker_file, speed: 1 };
        return audio::open_wav(files, StreamFormat::default());
    }
    // The controls have been compared, and set if that was asked for.
    let cards = AlsaDevices { microphone, speaker, controls: Vec::new(), unplugged };
    audio::open_alsa(cards, StreamFormat::default())
}

pub(super) fn report_opened(findings: &mut Findings<'_>, audio: &AudioIo) {
    for granted in audio.granted() {
        findings.add(TOPIC, "granted", granted.to_string(), Verdict::Good);
    }
    for warning in audio.device_warnings() {
        findings.add(
            TOPIC,
            "device",
            warning,
            Verdict::Wrong("choose another with --microphone or --speaker".into()),
        );
    }
    if let Some(warning) = audio.input_warning() {
        findings.add(TOPIC, "file", warning, Verdict::Advice("write the file again".to_owned()));
    }
    if !audio.granted().is_empty() {
        match audio.denied_privileges() {
            None => {
                findings.add(TOPIC, "real time", "priorities and locked memory are granted", Verdict::Good)
            }
            Some(warning) => findings.add(
                TOPIC,
                "real time",
                warning,
                Verdict::Advice("under load, sound breaks up without it".to_owned()),
            ),
        }
    }
}

fn check_live(findings: &mut Findings<'_>, audio: AudioIo) {
    let mut live = LivePath::new(audio);
    let checked = live.exchange(&[], SETTLING, &mut |_| {}).and_then(|_| measure(findings, &mut live));
    if let Err(reason) = checked {
        findings.add(TOPIC, "sound", "stopped", Verdict::Wrong(reason));
    }
}

fn measure(findings: &mut Findings<'_>, path: &mut dyn SoundPath) -> Result<(), String> {
    findings.console.instruct("be quiet for 3 seconds");
    let quiet = path.exchange(&[], QUIET, &mut |_| {})?;
    let noise_db = judge_quiet(findings, &quiet);
    judge_rate(findings, &quiet);
    findings.console.instruct("now comes a short sound");
    let heard = path.exchange(&test_sound::sweep(), SWEEP, &mut |_| {})?;
    judge_echo(findings, &heard, noise_db);
    let mut xruns = quiet.xruns + heard.xruns;
    if findings.console.is_attended() {
        findings.console.instruct("now say a sentence, from one metre away");
        let spoken = path.exchange(&[], SPEECH, &mut |_| {})?;
        judge_speech(findings, &spoken, noise_db);
        xruns += spoken.xruns;
    } else {
        findings.add(TOPIC, "speech", "not heard: run it in a terminal to speak", Verdict::NotChecked);
    }
    match xruns {
        0 => findings.add(TOPIC, "gaps", "none", Verdict::Good),
        count => {
            let remedy = "give mynah real-time priority, use a better power supply, or set period_ms = 20 in a board file";
            findings.add(TOPIC, "gaps", count.to_string(), Verdict::Wrong(remedy.to_owned()));
        }
    }
    Ok(())
}

/// Judges the quiet room and returns its level.
fn judge_quiet(findings: &mut Findings<'_>, quiet: &Captured) -> f32 {
    let levels = sorted_levels(&quiet.samples, BLOCK_FRAMES);
    let noise_db = levels.get(levels.len() / 4).copied().unwrap_or(SILENCE_DB);
    let value = format!("{noise_db:.0} dBFS");
    let wrong = |remedy: &str| Verdict::Wrong(remedy.to_owned());
    let verdict = if quiet.samples.is_empty() {
        wrong("the microphone delivers nothing: check its cable, and the kernel's messages (sudo dmesg)")
    } else if quiet.samples.iter().all(|sample| *sample == 0) {
        wrong("it delivers only zeros: unmute it by its switch or button, or by alsamixer")
    } else if mean(&quiet.samples).abs() > OFFSET {
        wrong(
            "its samples have a large constant part: it delivers no sound; is it the right channel of the right card?",
        )
    } else if noise_db > LOUD_ROOM_DB {
        wrong("the noise is very loud: lower the microphone's gain, or check its ground and cable")
    } else {
        Verdict::Good
    };
    findings.add(TOPIC, "quiet room", value, verdict);
    noise_db
}

fn judge_rate(findings: &mut Findings<'_>, quiet: &Captured) {
    if quiet.samples.is_empty() {
        return;
    }
    let ratio = quiet.samples.len() as f32 / (quiet.elapsed.as_secs_f32() * RATE_HZ as f32);
    let value = format!("{:.1} % of the nominal rate", ratio * 100.0);
    let verdict = if (ratio - 1.0).abs() <= RATE_TOLERANCE {
        Verdict::Good
    } else {
        Verdict::Wrong(
            "the card's clock is wrong, as with an overlay for another crystal: sudo dmesg".to_owned(),
        )
    };
    findings.add(TOPIC, "clock", value, verdict);
}

fn judge_echo(findings: &mut Findings<'_>, heard: &Captured, noise_db: f32) {
    let Some(found) = test_sound::find(&heard.samples, noise_db) else {
        let remedy = "check the speaker's cable and amplifier, and raise its control (alsamixer, or --fix) or the volume";
        return findings.add(
            TOPIC,
            "echo",
            "the test sound was not heard",
            Verdict::Wrong(remedy.to_owned()),
        );
    };
    let value = format!(
        "{:.0} dBFS ({:.0} dB of what was played), after {:.0} ms, for {:.0} ms",
        found.level_db,
        found.level_db - test_sound::played_db(),
        test_sound::to_ms(found.delay_frames),
        test_sound::to_ms(found.tail_frames)
    );
    let verdict = if found.clipped > 0 {
        let remedy = "lower the microphone's gain or the speaker's volume, until none is clipped";
        Verdict::Wrong(format!("{} samples are clipped: {remedy}", found.clipped))
    } else if found.level_db < FAINT_ECHO_DB {
        Verdict::Advice("it is faint: raise the speaker's volume, or the microphone's gain".to_owned())
    } else {
        Verdict::Good
    };
    findings.add(TOPIC, "echo", value, verdict);
}

fn judge_speech(findings: &mut Findings<'_>, spoken: &Captured, noise_db: f32) {
    let levels = sorted_levels(&spoken.samples, BLOCK_FRAMES);
    let speech_db = levels.get(levels.len() * 9 / 10).copied().unwrap_or(SILENCE_DB);
    let value = format!("{speech_db:.0} dBFS, {:.0} dB above the noise", speech_db - noise_db);
    let verdict = if clipped(&spoken.samples) > 0 {
        Verdict::Wrong("it is clipped: lower the microphone's gain".to_owned())
    } else if speech_db - noise_db < SPEECH_DB {
        Verdict::Wrong(
            "that is too little: a microphone without its supply voltage hears only noise; else raise its gain, or \
             speak nearer"
                .to_owned(),
        )
    } else {
        Verdict::Good
    };
    findings.add(TOPIC, "speech", value, verdict);
}
