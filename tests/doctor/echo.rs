//! `mynah doctor echo`: what it measures in rooms of which the truth is known, what it finds wrong, and what it chooses.

use std::time::Duration;

use mynah::audio::{LEAD_MS, StampFault};
use mynah::doctor::{
    Captured, EchoChoice, EchoExamination, EchoSetup, Finding, SoundPath, Verdict, check_echo,
};
use mynah::echo::{EchoCanceller, FRAME};
use mynah::model::EchoCancellation;

use super::{Silent, wrong};
use crate::echo::scenes::room::{Room, heard};

const RATE: usize = 24_000;
/// From when a sound is handed over to when it is played.
const LATENCY: usize = 7_400;
const LEAD: usize = LEAD_MS as usize * RATE / 1_000;
/// Where the quiet sweep begins in the sound, in frames.
const QUIET_SWEEP: usize = 55_200;

/// A speaker and a microphone in a room, and what is between.
#[derive(Clone)]
struct EchoRoom {
    /// Between the two, from its direct sound on, which has a gain of 1.
    response: Vec<f32>,
    gain: f32,
    /// Amplitude of the noise, 16 bits.
    noise: f32,
    speaker: fn(f32) -> f32,
    /// The gain of the card while the quiet sweep is heard.
    quiet_gain: f32,
    /// The volume before the reference is taken.
    volume: f32,
    reference: Reference,
    xruns: u64,
    random: fastrand::Rng,
    /// What has been played, in seconds.
    played_s: f32,
}

/// What the card says about what it plays.
#[derive(Clone, Copy, PartialEq)]
enum Reference {
    /// It leads by 4 ms, and so many frames more.
    Leads(i32),
    /// The same, and by so many less from the middle on.
    Jumps(i32),
    Silent,
    Fault(StampFault),
    None,
}

#[test]
fn each_room_gets_what_removes_its_echo_best() {
    use EchoCancellation::{Client, Device, HalfDuplex, Off, Server};
    use Reference::{Fault, Jumps, Leads};
    let good = good();
    let far = EchoRoom { response: response(0.6, 0.4), ..good.clone() };
    let missing = EchoRoom { reference: Fault(StampFault::Missing), ..good.clone() };
    let clipping = |sample: f32| sample.clamp(-0.14, 0.14);
    let broken = |sample: f32| sample.clamp(-0.03, 0.03);
    for (what, room, with_service, without) in [
        ("a good one", good.clone(), Device, Device),
        ("40 cm and an echoing room", far, Device, Device),
        ("a noisy one, down to its noise", EchoRoom { noise: 300.0, ..good.clone() }, Device, Device),
        ("no timestamps", missing.clone(), Server, HalfDuplex),
        ("no timestamps, and loud", EchoRoom { gain: 0.9, ..missing }, HalfDuplex, HalfDuplex),
        (
            "timestamps that stand still",
            EchoRoom { reference: Fault(StampFault::Still), ..good.clone() },
            Server,
            HalfDuplex,
        ),
        ("timestamps that lie", EchoRoom { reference: Leads(-240), ..good.clone() }, Server, HalfDuplex),
        (
            "timestamps that lie by much",
            EchoRoom { reference: Leads(7_200), ..good.clone() },
            Server,
            HalfDuplex,
        ),
        ("timestamps that wander", EchoRoom { reference: Jumps(24), ..good.clone() }, Server, HalfDuplex),
        ("a speaker that distorts", EchoRoom { speaker: clipping, ..good.clone() }, Client, Device),
        ("a broken speaker", EchoRoom { speaker: broken, gain: 0.9, ..good.clone() }, HalfDuplex, HalfDuplex),
        ("a microphone that clips", EchoRoom { gain: 6.0, ..good.clone() }, HalfDuplex, HalfDuplex),
        ("hardly an echo", EchoRoom { gain: 0.004, noise: 3.0, ..good }, Server, Off),
    ] {
        for (has_service, expected) in [(true, with_service), (false, without)] {
            let (choice, printed) = choice(room.clone(), has_service);
            assert_eq!(choice.cancellation, expected, "{what}, {has_service}: {printed}");
        }
    }
}

#[test]
fn what_is_wrong_is_found_and_told_by_name() {
    use Reference::{Fault, Jumps, Leads};
    let good = good();
    let two_speakers = {
        let mut response = good.response.clone();
        let second: Vec<f32> = response.iter().map(|tap| 0.8 * tap).collect();
        response.splice(0..0, vec![0.0; 720]);
        response.iter_mut().zip(second).for_each(|(tap, second)| *tap += second);
        response
    };
    let fault = |fault| EchoRoom { reference: Fault(fault), ..good.clone() };
    let with = |reference| EchoRoom { reference, ..good.clone() };
    let overdriven = |sample: f32| (4.0 * sample).tanh() / 4.0;
    for (what, room, expected) in [
        ("no timestamps", fault(StampFault::Missing), "hint  echo     reference: a device states no times"),
        ("another clock", fault(StampFault::Foreign), "the times of another clock"),
        ("they stand still", fault(StampFault::Still), "a device's times do not advance"),
        ("no reference at all", with(Reference::None), "a device states no times"),
        ("a silent reference", with(Reference::Silent), "a device has stated no time while it played"),
        ("too early", with(Leads(-240)), "the echo is heard 9.7 ms before it is played"),
        ("too late", with(Leads(7_200)), "the echo is heard 300 ms late"),
        ("wandering", with(Jumps(24)), "the delay has changed by 1.0 ms between two sounds"),
        (
            "a clipped microphone",
            EchoRoom { gain: 6.0, ..good.clone() },
            "% of it is clipped: lower the volume",
        ),
        (
            "an overdriven speaker",
            EchoRoom { speaker: overdriven, ..good.clone() },
            "the speaker or its amplifier is overdriven",
        ),
        (
            "AGC",
            EchoRoom { quiet_gain: 2.5, ..good.clone() },
            "is heard +8.0 dB out of proportion; the card has an automatic gain control",
        ),
        (
            "a gate, or a turned knob",
            EchoRoom { quiet_gain: 0.5, ..good.clone() },
            "is heard -6.0 dB out of proportion; the card suppresses what is quiet, or the volume was changed",
        ),
        (
            "two speakers",
            EchoRoom { response: two_speakers, ..good.clone() },
            "two sounds: 30 ms apart, -2 dB; two speakers play",
        ),
        (
            "an amplifier behind",
            EchoRoom { volume: 0.05, gain: 10.0, ..good.clone() },
            "a control or a knob behind mynah amplifies it",
        ),
        ("gaps", EchoRoom { xruns: 2, ..good.clone() }, "gaps: 2 while it was measured"),
        (
            "no speaker",
            EchoRoom { gain: 0.0, ..good.clone() },
            "WRONG echo     echo: the test sound is not in what the microphone hears",
        ),
    ] {
        let printed = printed(&examine(room, true).findings);
        assert!(printed.contains(expected), "{what}:\n{printed}");
    }
    let printed = printed(&examine(good, true).findings);
    assert_eq!(
        printed.lines().filter(|line| !line.starts_with("good")).collect::<Vec<_>>(),
        [""; 0],
        "{printed}"
    );
}

#[test]
fn a_device_that_is_no_card_is_named_where_its_timestamps_are_of_no_use() {
    let room = EchoRoom { reference: Reference::Fault(StampFault::Missing), ..good() };
    let setup = EchoSetup { microphone: "hw:CARD=a".to_owned(), ..setup(true) };
    let findings = check_echo(&mut room.clone(), &setup, &mut Silent { is_attended: false }).findings;
    assert!(printed(&findings).contains("use another card"), "{findings:?}");
    let setup = EchoSetup { speaker: "pulse".to_owned(), ..setup };
    let findings = check_echo(&mut room.clone(), &setup, &mut Silent { is_attended: false }).findings;
    assert!(printed(&findings).contains("\"pulse\" may lead through a sound server"), "{findings:?}");
}

#[test]
fn level_delay_tail_and_distortion_are_those_of_the_room() {
    let cubic = |sample: f32| sample - 1.6 * sample * sample * sample;
    for (what, room, gain_db, delay_ms, distortion) in [
        ("as it is", EchoRoom { gain: 1.0, ..bare() }, 0.0, 0.0, 0.0..0.2),
        (
            "quieter and later",
            EchoRoom { gain: 0.1, reference: Reference::Leads(48), ..bare() },
            -20.0,
            2.0,
            0.0..0.5,
        ),
        ("at a volume", EchoRoom { gain: 0.5, volume: 0.25, ..bare() }, -6.0, 0.0, 0.0..0.5),
        // A sine of amplitude a has 3rd harmonic k a³ / 4 of a - 3 k a³ / 4: with k = 1.6 and a = 0.25 that is 2.7 %.
        ("crooked", EchoRoom { gain: 1.0, speaker: cubic, ..bare() }, -0.6, 0.0, 2.3..3.1),
    ] {
        let printed = printed(&examine(room, true).findings);
        let number = |after: &str, before: &str| -> f32 {
            let (_, rest) = printed.split_once(after).unwrap_or_else(|| panic!("{after:?} in {printed}"));
            rest.split_once(before).unwrap().0.rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert!((number(" echo: ", " dB of what is played") - gain_db).abs() <= 1.0, "{what}: {printed}");
        assert!((number("is played, ", " ms after") - delay_ms).abs() <= 0.1, "{what}: {printed}");
        assert!(distortion.contains(&number("distortion: ", " %")), "{what}: {printed}");
    }
    // 60 dB in 0.4 s are 30 dB in 0.2 s.
    let decaying = (0..12_000).map(|frame| (-6.908 * frame as f32 / 9_600.0).exp());
    let mut random = fastrand::Rng::with_seed(3);
    let response: Vec<f32> = decaying.map(|decay| 0.1 * decay * (2.0 * random.f32() - 1.0)).collect();
    let (choice, printed) = choice(EchoRoom { response, gain: 0.5, ..bare() }, true);
    let (_, tail) = printed.split_once("30 dB lower after ").unwrap_or_else(|| panic!("{printed}"));
    let tail: f32 = tail.split_once(" ms").unwrap().0.parse().unwrap();
    assert!((170.0..230.0).contains(&tail), "{printed}");
    assert!(choice.half_duplex_tail >= Duration::from_millis(200), "{choice:?}");
}

#[test]
fn the_filter_that_is_kept_removes_the_echo_from_the_first_fifth_of_a_second_on() {
    let room = good();
    let learned = examine(room.clone(), true).result.unwrap().learned.unwrap();
    let mut random = fastrand::Rng::with_seed(9);
    let played: Vec<f32> = (0..RATE / 5).map(|_| 0.2 * (2.0 * random.f32() - 1.0)).collect();
    let mut echo = heard(&played, &room.response);
    echo.splice(0..0, vec![0.0; LEAD]);
    let removed_db = |canceller: &mut EchoCanceller| {
        let mut out = [0.0; FRAME];
        let (mut before, mut after) = (0.0, 0.0);
        for (echo, played) in echo.as_chunks::<FRAME>().0.iter().zip(played.as_chunks::<FRAME>().0) {
            let microphone = echo.map(|sample| room.gain * sample);
            canceller.process(&microphone, played, &mut out);
            before += microphone.iter().map(|sample| sample * sample).sum::<f32>();
            after += out.iter().map(|sample| sample * sample).sum::<f32>();
        }
        10.0 * (before / after.max(1e-12)).log10()
    };
    let mut canceller = Box::<EchoCanceller>::default();
    assert!(canceller.restore(&learned));
    let (kept, cold) = (removed_db(&mut canceller), removed_db(&mut Box::<EchoCanceller>::default()));
    assert!(kept >= 20.0 && kept >= cold + 6.0, "{kept} dB, cold {cold} dB");
}

#[test]
fn all_is_heard_within_ten_seconds_and_a_bar_follows_it() {
    let mut console = Silent { is_attended: true };
    let mut room = good();
    check_echo(&mut room, &setup(true), &mut console);
    assert!((5.0..=10.0).contains(&room.played_s), "{} s", room.played_s);
}

#[test]
fn the_picture_is_a_small_file_of_its_own_with_units_and_both_lines() {
    let picture = examine(good(), true).result.unwrap().picture;
    assert!(picture.len() < 40_000, "{} bytes", picture.len());
    assert_well_formed(&picture);
    for text in [
        "<title>mynah doctor echo</title>",
        ">ms after the first sound<",
        ">dB of its peak<",
        ">s after the start<",
        "(ERLE)",
    ] {
        assert!(picture.contains(text), "{text} in {picture}");
    }
    assert!(!picture.contains("href") && !picture.contains("<script"), "{picture}");
    let lines: Vec<Vec<(f32, f32)>> = picture.split("<polyline points=\"").skip(1).map(points).collect();
    let [response, gain] = &lines[..] else { panic!("{lines:?}") };
    // From -20 to 300 ms: its peak is at 0, a sixteenth of the way.
    let highest = |line: &[(f32, f32)]| line.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!(response.len(), 320);
    assert!((highest(response).0 - (70.0 + 660.0 / 16.0)).abs() < 3.0, "{:?}", highest(response));
    assert!(response[5].1 > highest(response).1 + 60.0, "before it, nothing: {:?}", response[5]);
    // Nothing is removed before something is played, and most at the end.
    assert_eq!(gain[0].1, gain.iter().map(|(_, y)| *y).fold(0.0, f32::max));
    assert!(highest(gain).0 > 70.0 + 330.0, "{:?}", highest(gain));
    let unknown = EchoRoom { reference: Reference::Fault(StampFault::Missing), ..good() };
    let picture = examine(unknown, true).result.unwrap().picture;
    assert_well_formed(&picture);
    assert!(picture.contains("not known, without a reference"), "{picture}");
}

#[test]
fn a_path_that_breaks_is_wrong_and_nothing_is_chosen() {
    struct Broken;
    impl SoundPath for Broken {
        fn exchange(
            &mut self,
            _: &[i16],
            _: Duration,
            _: &mut dyn FnMut(Duration),
        ) -> Result<Captured, String> {
            Err("it is disconnected".to_owned())
        }
    }
    let examined = check_echo(&mut Broken, &setup(true), &mut Silent { is_attended: false });
    assert!(wrong(&examined.findings).contains("stopped; it is disconnected"), "{examined:?}");
    assert!(examined.result.is_none());
}

/// A device of which speaker and microphone are 10 cm apart, in a quiet room.
fn good() -> EchoRoom {
    EchoRoom { response: response(0.4, 0.1), ..bare() }
}

/// A wire, with a little noise.
fn bare() -> EchoRoom {
    EchoRoom {
        response: vec![1.0],
        gain: 0.3,
        noise: 4.0,
        speaker: |sample| sample,
        quiet_gain: 1.0,
        volume: 1.0,
        reference: Reference::Leads(0),
        xruns: 0,
        random: fastrand::Rng::with_seed(7),
        played_s: 0.0,
    }
}

/// Returns a room's response, from its direct sound on, which has a gain of 1.
fn response(rt60_s: f64, distance_m: f64) -> Vec<f32> {
    let response = Room::new(5, rt60_s, distance_m).echo();
    let peak = response.iter().fold(0.0_f32, |peak, tap| peak.max(tap.abs()));
    response.iter().map(|tap| tap / peak).collect()
}

impl SoundPath for EchoRoom {
    fn exchange(
        &mut self,
        samples: &[i16],
        time: Duration,
        progress: &mut dyn FnMut(Duration),
    ) -> Result<Captured, String> {
        let frames = (time.as_secs_f32() * RATE as f32) as usize;
        self.played_s += time.as_secs_f32();
        progress(time);
        let mut played = vec![0.0; LATENCY];
        played.extend(samples.iter().map(|sample| self.volume * f32::from(*sample) / 32_768.0));
        played.resize(frames + RATE, 0.0);
        let shift = match self.reference {
            Reference::Leads(frames) => Some((LEAD as i32 + frames, 0)),
            Reference::Jumps(frames) => Some((LEAD as i32, frames)),
            Reference::Silent | Reference::Fault(_) | Reference::None => None,
        };
        let sample = |frame: usize| {
            let (lead, jump) = shift?;
            let jump = if frame > QUIET_SWEEP - RATE / 10 { jump } else { 0 };
            played.get(frame.checked_add_signed((lead - jump) as isize)?).copied()
        };
        let reference = match self.reference {
            Reference::None => Vec::new(),
            Reference::Leads(_) | Reference::Jumps(_) | Reference::Silent | Reference::Fault(_) => {
                (0..frames).map(|frame| rounded(sample(frame).unwrap_or(0.0))).collect()
            }
        };
        let distorted: Vec<f32> = played.iter().map(|sample| (self.speaker)(*sample)).collect();
        let quiet = LATENCY + QUIET_SWEEP..LATENCY + 2 * QUIET_SWEEP;
        let echo = heard(&distorted, &self.response);
        let microphone = (0..frames).map(|frame| {
            let gain = self.gain * if quiet.contains(&frame) { self.quiet_gain } else { 1.0 };
            let noise = self.noise * (2.0 * self.random.f32() - 1.0) / 32_768.0;
            rounded(gain * echo[frame] + noise)
        });
        let fault = match self.reference {
            Reference::Fault(fault) => Some(fault),
            Reference::Leads(_) | Reference::Jumps(_) | Reference::Silent | Reference::None => None,
        };
        Ok(Captured { samples: microphone.collect(), reference, fault, elapsed: time, xruns: self.xruns })
    }
}

fn rounded(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16
}

fn setup(has_service: bool) -> EchoSetup {
    let name = || "hw:CARD=Device".to_owned();
    EchoSetup { microphone: name(), speaker: name(), has_service, current: Some(EchoCancellation::Device) }
}

fn examine(mut room: EchoRoom, has_service: bool) -> EchoExamination {
    check_echo(&mut room, &setup(has_service), &mut Silent { is_attended: false })
}

fn choice(room: EchoRoom, has_service: bool) -> (EchoChoice, String) {
    let examined = examine(room, has_service);
    let printed = printed(&examined.findings);
    let result = examined.result.unwrap_or_else(|| panic!("{printed}"));
    let best = examined.findings.iter().find(|finding| finding.what == "best").unwrap();
    let is_current = result.choice.cancellation == EchoCancellation::Device;
    assert_eq!(best.verdict == Verdict::Good, is_current, "{printed}");
    (result.choice, printed)
}

fn printed(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

/// Returns the points of a polyline, of which the text begins with its list.
fn points(text: &str) -> Vec<(f32, f32)> {
    let list = text.split_once('"').unwrap().0;
    let pair = |pair: &str| {
        let (x, y) = pair.split_once(',').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    list.split_whitespace().map(pair).collect()
}

/// Asserts that each element is closed in turn, each attribute is quoted, and nothing needs an entity.
fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains(['&', '>']), "{text}");
        let (tag, after) = after.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = |tag: &'_ str| tag.split_whitespace().next().unwrap_or_default().to_owned();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().map(name).as_deref(), Some(closed), "{xml}");
        } else if !tag.ends_with('/') {
            open.push(tag);
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
}
