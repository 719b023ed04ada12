//! `mynah doctor`: what it says of rooms, cards, kernels and services.

mod echo;

use std::time::Duration;

use mynah::doctor::{Captured, DoctorConsole, Finding, SoundPath, Verdict, check_path, judge_kernel_log};

/// A room, and what is wrong with it.
#[derive(Clone)]
struct Room {
    /// Between the speaker and the microphone.
    gain: f32,
    delay_frames: usize,
    /// Amplitude of the noise.
    noise: f32,
    /// Amplitude of the user's speech.
    speech: f32,
    offset: i16,
    /// The real rate, as a part of the nominal one.
    rate: f32,
    xruns: u64,
    fails: bool,
    exchanges: usize,
    random: fastrand::Rng,
}

#[test]
fn a_room_is_judged_by_what_is_heard_in_it() {
    let good = room();
    for (name, room, expected) in [
        ("good", good.clone(), ""),
        ("muted", Room { gain: 0.0, noise: 0.0, speech: 0.0, ..good.clone() }, "delivers only zeros"),
        ("no speaker", Room { gain: 0.0, ..good.clone() }, "the test sound was not heard"),
        ("too loud", Room { gain: 5.0, ..good.clone() }, "samples are clipped"),
        ("hum", Room { noise: 3_000.0, speech: 20_000.0, ..good.clone() }, "the noise is very loud"),
        ("offset", Room { offset: 4_000, ..good.clone() }, "a large constant part"),
        ("crystal", Room { rate: 0.92, ..good.clone() }, "92.0 % of the nominal rate"),
        ("no supply", Room { speech: 60.0, ..good.clone() }, "that is too little"),
        ("shouting", Room { speech: 40_000.0, ..good.clone() }, "it is clipped"),
        ("gaps", Room { xruns: 2, ..good.clone() }, "gaps: 6"),
        ("unplugged", Room { fails: true, ..good.clone() }, "stopped; it is disconnected"),
    ] {
        let wrong = wrong(&findings(room, true));
        assert_eq!(wrong.is_empty(), expected.is_empty(), "{name}: {wrong}");
        assert!(wrong.contains(expected), "{name}: {wrong}");
    }
}

#[test]
fn the_echo_is_measured_in_decibels_and_milliseconds() {
    for (gain, delay_frames, expected) in [
        (0.1, 2_400, "echo: -35 dBFS (-20 dB of what was played), after 100 ms, for 0 ms"),
        (0.5, 0, "echo: -21 dBFS (-6 dB of what was played), after 0 ms, for 0 ms"),
        (0.02, 18_000, "echo: -49 dBFS (-34 dB of what was played), after 750 ms, for 0 ms"),
    ] {
        let all = findings(Room { gain, delay_frames, ..room() }, false);
        let echo = all.iter().find(|finding| finding.what == "echo").unwrap().to_string();
        assert!(echo.contains(expected), "{echo}");
    }
}

#[test]
fn nobody_is_asked_to_speak_where_nobody_is() {
    let all = findings(room(), false);
    let speech = all.iter().find(|finding| finding.what == "speech").unwrap();
    assert_eq!(speech.verdict, Verdict::NotChecked);
    assert_eq!(wrong(&all), "");
}

#[test]
fn a_finding_is_one_line_that_commands_no_terminal() {
    let finding = Finding {
        topic: mynah::config::DoctorTopic::Sound,
        what: "echo".to_owned(),
        value: "a\nb\u{1b}[2J".to_owned(),
        verdict: Verdict::Wrong("do it".to_owned()),
    };
    let line = finding.to_string();
    assert!(line.starts_with("WRONG sound    echo: a") && line.ends_with("; do it"), "{line:?}");
    assert!(!line.contains(['\n', '\u{1b}']), "{line:?}");
}

#[test]
fn the_kernel_says_what_is_wrong_with_a_card() {
    for (log, expected) in [
        ("usb 1-1: new high-speed USB device number 3", ""),
        (
            "wm8960 1-001a: No MCLK configured\nwm8960 1-001a: No MCLK configured",
            "(2 times); the overlay names no clock",
        ),
        ("wm8960 1-001a: failed to configure clock", "cannot make this rate"),
        ("hwmon hwmon1: Undervoltage detected!", "the power supply is too weak"),
        ("bcm2835-i2s 3f203000.i2s: I2S SYNC error!", ""),
        ("usb 1-1.2: device descriptor read/64, error -71", "a short cable without a hub"),
    ] {
        let said = wrong(&judge_kernel_log(log));
        assert_eq!(said.is_empty(), expected.is_empty(), "{log}: {said}");
        assert!(said.contains(expected), "{log}: {said}");
    }
    let harmless = judge_kernel_log("bcm2835-i2s 3f203000.i2s: I2S SYNC error!");
    assert!(harmless[0].to_string().contains("which is harmless"), "{}", harmless[0]);
}

fn room() -> Room {
    Room {
        gain: 0.3,
        delay_frames: 1_200,
        noise: 20.0,
        speech: 4_000.0,
        offset: 0,
        rate: 1.0,
        xruns: 0,
        fails: false,
        exchanges: 0,
        random: fastrand::Rng::with_seed(7),
    }
}

impl SoundPath for Room {
    fn exchange(
        &mut self,
        samples: &[i16],
        time: Duration,
        _: &mut dyn FnMut(Duration),
    ) -> Result<Captured, String> {
        if self.fails {
            return Err("it is disconnected".to_owned());
        }
        self.exchanges += 1;
        let frames = (time.as_secs_f32() * 24_000.0 * self.rate) as usize;
        let is_speech = self.exchanges == 3;
        let captured = (0..frames).map(|frame| {
            let played = frame.checked_sub(self.delay_frames).and_then(|at| samples.get(at)).copied();
            let echo = self.gain * f32::from(played.unwrap_or(0));
            let noise = self.noise * (2.0 * self.random.f32() - 1.0);
            let voice = if is_speech { self.speech * (frame as f32 * 0.05).sin() } else { 0.0 };
            (echo + noise + voice + f32::from(self.offset)).clamp(-32_768.0, 32_767.0) as i16
        });
        let samples = captured.collect();
        Ok(Captured { samples, elapsed: time, xruns: self.xruns, ..Captured::default() })
    }
}

/// A console that keeps nothing.
struct Silent {
    is_attended: bool,
}

impl DoctorConsole for Silent {
    fn show(&mut self, _: &Finding) {}

    fn instruct(&mut self, _: &str) {}

    fn progress(&mut self, _: Duration, _: Duration) {}

    fn is_attended(&self) -> bool {
        self.is_attended
    }

    fn clock_s(&self) -> i64 {
        0
    }
}

fn findings(mut room: Room, is_attended: bool) -> Vec<Finding> {
    check_path(&mut room, &mut Silent { is_attended })
}

/// Returns the findings that are wrong, one a line.
fn wrong(findings: &[Finding]) -> String {
    let wrong = findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Wrong(_)));
    wrong.map(Finding::to_string).collect::<Vec<_>>().join("\n")
}
