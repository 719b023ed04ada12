//! Measures the way from the speaker to the microphone by what was captured of the test sound, and what the canceller
//! makes of it.
//!
//! It judges nothing and chooses nothing.

use std::fmt;
use std::ops::Range;

use super::fourier::ComplexSamples;
use super::sounds::{
    BEFORE_FRAMES, NOISE_FRAMES, QUIETER, RATE_HZ, SPACING_FRAMES, SWEEP_FRAMES, harmonic_lead, pulses,
    written_db,
};
use crate::audio::{LEAD_MS, StampFault};
use crate::doctor::level::{SILENCE_DB, clipped, level_db};
use crate::doctor::sound_path::Captured;
use crate::echo::{DELAY_FRAMES, EchoCanceller, EchoResponse, FRAME, TAPS};

/// How long after it was handed over a sound is played at most, and heard at most after that: 0.8 s.
const DELAY_FRAMES_MAX: usize = 19_200;
/// By how much the pulse of an echo that is heard is above what else there is: 15 dB. That of noise is below 2 dB.
const HEARD: f64 = 30.0;
/// The part of a response that is compared: 50 ms, in which there is most of its energy.
const DIRECT_FRAMES: usize = 1_200;
/// What a pulse has before its peak, because the sweep lacks the lowest and the highest frequencies: 2 ms.
const RISE_FRAMES: usize = 48;
/// The part of a response in which it decays: 0.65 s.
const DECAY_FRAMES: usize = 15_600;
/// The harmonics that count as distortion.
const HARMONICS: Range<u32> = 2..6;
/// The reference has to lead by 2 to 6 ms; the canceller's response has 250 ms.
const ONSET_FRAMES: Range<usize> = 36..4_800;
/// By how much the delay may differ between the sweeps: a hundred parts per million are 0.2 ms, which are not heard in
/// the delay of a reference that follows the clocks.
const WANDER_FRAMES: usize = 2;
/// A reference with a pulse below this, −60 dB, is silent.
const SILENT: f64 = 1e-3;
/// The parts in which the response is shown and searched for a second speaker: 1 ms.
const PART_FRAMES: usize = 24;
/// The parts of the time in which the canceller's gain is shown: 100 ms.
pub(super) const GAIN_FRAMES: usize = 10 * FRAME;

/// What was measured. Levels are in dBFS of a full-scale square wave.
pub(super) struct EchoMeasurement {
    /// The echo of the loud sweep at the microphone.
    pub(super) level_db: f32,
    /// That relative to what was played, after the volume if there is a reference.
    pub(super) gain_db: f32,
    /// From what is played to when it is heard, if the reference says when that was.
    pub(super) delay_ms: Option<f32>,
    /// After how long the echo of a sound that has ended is 30 dB lower; `None` if the room is too loud to tell.
    pub(super) tail_ms: Option<f32>,
    /// The amplitude of all harmonics relative to that of the sweep.
    pub(super) distortion: f32,
    /// The share of the loud sweep's samples that are clipped.
    pub(super) clipped: f32,
    /// By how much the quieter sweep is louder than in proportion, if it was heard.
    pub(super) disproportion_db: Option<f32>,
    pub(super) second: Option<SecondSound>,
    /// Why the reference is of no use, if it is not.
    pub(super) problem: Option<ReferenceProblem>,
    /// What the canceller makes of it; `None` without a reference.
    pub(super) gain: Option<CancellerGain>,
    /// The response in parts of 1 ms from the first one of `SHOWN_MS`, as levels relative to its peak.
    pub(super) response_db: Vec<f32>,
}

/// Something that is heard a second time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SecondSound {
    /// Relative to the first.
    pub(super) level_db: f32,
    pub(super) later_ms: f32,
}

/// What the canceller removes, in decibels.
pub(super) struct CancellerGain {
    /// By its filter, after it has learned, and with what suppresses the rest.
    pub(super) filter_db: f32,
    pub(super) total_db: f32,
    /// The most that it could, down to the noise of the room.
    pub(super) limit_db: f32,
    /// In each 100 ms, from the first captured frame on; 0 while nothing is played.
    pub(super) course_db: Vec<f32>,
    /// What it has learned.
    pub(super) learned: EchoResponse,
}

/// Why a reference is of no use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ReferenceProblem {
    Stamps(StampFault),
    /// It has no sound in it, though something was heard.
    Silent,
    /// The echo is heard so many milliseconds before it is played.
    Early(f32),
    /// It is heard so long after that the canceller's response does not reach it.
    Late(f32),
    /// The delay has changed by so many milliseconds between the sweeps.
    Wanders(f32),
}

impl fmt::Display for ReferenceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stamps(fault) => write!(f, "{fault}"),
            Self::Silent => f.write_str("a device has stated no time while it played"),
            Self::Early(ms) => {
                write!(f, "the timestamps are wrong: the echo is heard {ms:.1} ms before it is played")
            }
            Self::Late(ms) => {
                write!(f, "the timestamps are wrong, or more is between: the echo is heard {ms:.0} ms late")
            }
            Self::Wanders(ms) => {
                write!(f, "the timestamps are wrong: the delay has changed by {ms:.1} ms between two sounds")
            }
        }
    }
}

/// The part of a response that is shown, in milliseconds around its peak.
pub(super) const SHOWN_MS: Range<i32> = -20..300;

/// Measures what was captured from when the test sound was handed over. `noise_db` is the level of the quiet room. `None`
/// if the sound was not heard.
pub(super) fn measure(captured: &Captured, noise_db: f32) -> Option<EchoMeasurement> {
    let microphone = Pulses::find(&captured.samples)?;
    let start = microphone.loud - BEFORE_FRAMES.min(microphone.loud);
    let sweep = section(&captured.samples, start..start + SWEEP_FRAMES);
    let (problem, played) = match captured.fault {
        Some(fault) => (Some(ReferenceProblem::Stamps(fault)), None),
        None if captured.reference.is_empty() => (Some(ReferenceProblem::Stamps(StampFault::Missing)), None),
        None => match Pulses::find(&captured.reference).filter(|played| played.peak() >= SILENT) {
            None => (Some(ReferenceProblem::Silent), None),
            Some(played) => (problem(&microphone, &played), Some(played)),
        },
    };
    let is_usable = problem.is_none();
    let played_db = match &played {
        Some(played) => {
            let start = played.loud - BEFORE_FRAMES.min(played.loud);
            level_db(section(&captured.reference, start..start + SWEEP_FRAMES))
        }
        None => written_db(),
    };
    let level = level_db(sweep);
    let lead = LEAD_MS as f32;
    Some(EchoMeasurement {
        level_db: level,
        gain_db: level - played_db,
        delay_ms: played
            .as_ref()
            .filter(|_| is_usable)
            .map(|played| to_ms(microphone.loud as f32 - played.loud as f32) - lead),
        tail_ms: microphone.tail_frames().map(|frames| to_ms(frames as f32)),
        distortion: microphone.distortion(),
        clipped: clipped(sweep) as f32 / sweep.len().max(1) as f32,
        disproportion_db: microphone.disproportion_db(),
        second: microphone.second(),
        problem,
        gain: played.map(|_| cancel(captured, start, noise_db)),
        response_db: microphone.shown(),
    })
}

/// Returns what is wrong with the reference, by the delays of both sweeps.
fn problem(microphone: &Pulses, played: &Pulses) -> Option<ReferenceProblem> {
    let lead = LEAD_MS as f32;
    if microphone.loud < played.loud + ONSET_FRAMES.start {
        return Some(ReferenceProblem::Early(lead - to_ms(microphone.loud as f32 - played.loud as f32)));
    }
    let delay = microphone.loud - played.loud;
    if delay >= ONSET_FRAMES.end {
        return Some(ReferenceProblem::Late(to_ms(delay as f32) - lead));
    }
    let quiet = microphone.quiet?.checked_sub(played.quiet?)?;
    let wander = quiet.abs_diff(delay);
    (wander > WANDER_FRAMES).then(|| ReferenceProblem::Wanders(to_ms(wander as f32)))
}

/// Lets the canceller work on what was captured. The first sweep begins at `start`.
fn cancel(captured: &Captured, start: usize, noise_db: f32) -> CancellerGain {
    let mut canceller = Box::<EchoCanceller>::default();
    let mut out = [0.0; FRAME];
    let mut cleaned = Vec::with_capacity(captured.samples.len());
    let mut course_db = Vec::new();
    let (microphone, reference) =
        (captured.samples.as_chunks::<FRAME>().0, captured.reference.as_chunks::<FRAME>().0);
    for (index, (heard, played)) in microphone.iter().zip(reference).enumerate() {
        let report = canceller.process(&heard.map(to_float), &played.map(to_float), &mut out);
        cleaned.extend(out.map(|sample| (sample * 32_768.0).round() as i16));
        if (index + 1) % (GAIN_FRAMES / FRAME) == 0 {
            // What is cleaned is late by less than that.
            let end = index * FRAME;
            let frames = end.saturating_sub(GAIN_FRAMES)..end;
            course_db.push(if report.active { gain_db(captured, &cleaned, frames) } else { 0.0 });
        }
    }
    let mut learned = EchoResponse::silent();
    canceller.response(&mut learned);
    // The last second of the noise, without its fade.
    let end = start + 2 * SPACING_FRAMES + NOISE_FRAMES - RATE_HZ / 20;
    let judged = end - RATE_HZ..end;
    let level = level_db(section(&captured.samples, judged.clone()));
    CancellerGain {
        filter_db: filter_db(captured, &learned, judged.clone()),
        total_db: gain_db(captured, &cleaned, judged),
        limit_db: (level - noise_db).max(0.0),
        course_db,
        learned,
    }
}

/// Returns by how much what was captured is louder than what a filter of this response leaves of it.
fn filter_db(captured: &Captured, learned: &EchoResponse, frames: Range<usize>) -> f32 {
    let before = frames.start.min(TAPS);
    let played = section(&captured.reference, frames.start - before..frames.end);
    let size = (played.len() + TAPS).next_power_of_two();
    let taps = ComplexSamples::spectrum(learned.taps.iter().map(|tap| f64::from(*tap)), size);
    let echo =
        ComplexSamples::spectrum(played.iter().map(|sample| f64::from(*sample)), size).convolved(&taps);
    let heard = section(&captured.samples, frames);
    let left = |(heard, echo): (&i16, &f64)| (f64::from(*heard) - echo).powi(2);
    let left: f64 = heard.iter().zip(&echo[before..]).map(left).sum();
    let whole: f64 = heard.iter().map(|heard| f64::from(*heard).powi(2)).sum();
    if left > 0.0 { (10.0 * (whole / left).max(1.0).log10()) as f32 } else { 0.0 }
}

/// Returns by how much `cleaned`, which is a few frames late, is quieter than what was captured.
fn gain_db(captured: &Captured, cleaned: &[i16], frames: Range<usize>) -> f32 {
    let late = DELAY_FRAMES * FRAME;
    let left = section(cleaned, frames.start + late..frames.end + late);
    if left.is_empty() {
        return 0.0;
    }
    (level_db(section(&captured.samples, frames)) - level_db(left)).clamp(0.0, -SILENCE_DB)
}

/// The pulses of both sweeps in a signal.
struct Pulses {
    signal: Vec<f64>,
    /// Where the peak of the loud one is.
    loud: usize,
    /// Where that of the other is, if it is heard.
    quiet: Option<usize>,
    /// The power of what else there is in a frame, as far as the pulses before the loud one tell.
    noise: f64,
}

impl Pulses {
    /// Finds them; `None` if the loud one is not there.
    fn find(samples: &[i16]) -> Option<Self> {
        let signal = pulses(samples);
        let latest = BEFORE_FRAMES + 2 * DELAY_FRAMES_MAX;
        let loud = peak(&signal, BEFORE_FRAMES.saturating_sub(RATE_HZ / 100)..latest)?;
        let others = median_energy(section(&signal, 0..loud.saturating_sub(2 * RISE_FRAMES)));
        let is_heard = |at: usize, others: f64| {
            let own = energy(section(&signal, at.saturating_sub(PART_FRAMES)..at + PART_FRAMES));
            own > 0.0 && own >= HEARD * others
        };
        if !is_heard(loud, others) {
            return None;
        }
        let near = loud + SPACING_FRAMES - RATE_HZ / 5..loud + SPACING_FRAMES + RATE_HZ / 5;
        let quiet = peak(&signal, near).filter(|at| is_heard(*at, others));
        // Between the pulses of the fifth harmonic and of the sixth.
        let before = loud.saturating_sub(harmonic_lead(HARMONICS.end - 1));
        let silence = section(&signal, before.saturating_sub(1_400)..before.saturating_sub(400));
        let noise = energy(silence) / silence.len().max(1) as f64;
        Some(Self { loud, quiet, noise, signal })
    }

    fn peak(&self) -> f64 {
        self.signal[self.loud].abs()
    }

    /// Returns the energy near `at` without the noise.
    fn energy_near(&self, at: usize, frames: usize) -> f64 {
        let near = section(&self.signal, at.saturating_sub(RISE_FRAMES)..at + frames);
        (energy(near) - self.noise * near.len() as f64).max(0.0)
    }

    /// Returns after how many frames there is 30 dB less energy to come (M. R. Schroeder, 1965).
    fn tail_frames(&self) -> Option<usize> {
        let start = self.loud.saturating_sub(RISE_FRAMES);
        let whole = self.energy_near(self.loud, DECAY_FRAMES);
        // What is left to come has to be seen above the sum of the noise.
        if whole < 30.0 * self.noise * DECAY_FRAMES as f64 {
            return None;
        }
        let mut left = whole;
        let has_decayed = |sample: &f64| {
            left -= sample * sample - self.noise;
            left < whole / 1_000.0
        };
        let decay = section(&self.signal, start..self.loud + DECAY_FRAMES);
        decay.iter().position(has_decayed).map(|frames| frames.saturating_sub(RISE_FRAMES))
    }

    fn distortion(&self) -> f32 {
        // The energy of a harmonic is that of a narrower band: it is the same response otherwise.
        let harmonics: f64 = HARMONICS
            .map(|n| self.energy_near(self.loud - harmonic_lead(n).min(self.loud), DIRECT_FRAMES))
            .sum();
        let whole = self.energy_near(self.loud, DIRECT_FRAMES);
        if whole > 0.0 { (harmonics / whole).sqrt() as f32 } else { 0.0 }
    }

    fn disproportion_db(&self) -> Option<f32> {
        let loud = self.energy_near(self.loud, DIRECT_FRAMES);
        let quiet = self.energy_near(self.quiet?, DIRECT_FRAMES);
        (loud > 0.0 && quiet > 0.0).then(|| (10.0 * (quiet / (loud * QUIETER * QUIETER)).log10()) as f32)
    }

    /// Returns the loudest sound more than 10 ms away, if it is less than 6 dB lower.
    fn second(&self) -> Option<SecondSound> {
        let parts = self.parts(self.loud.saturating_sub(100 * PART_FRAMES)..self.loud + 250 * PART_FRAMES);
        let loudest = |skipped: Option<usize>| {
            let far = |part: &usize| skipped.is_none_or(|skipped| part.abs_diff(skipped) >= 10);
            (0..parts.len()).filter(far).max_by(|a, b| parts[*a].total_cmp(&parts[*b]))
        };
        let first = loudest(None)?;
        let second = loudest(Some(first))?;
        let ratio = parts[second] / parts[first];
        (ratio >= 0.25).then(|| SecondSound {
            level_db: 10.0 * ratio.log10() as f32,
            later_ms: second.abs_diff(first) as f32,
        })
    }

    /// Returns the response as it is shown.
    fn shown(&self) -> Vec<f32> {
        let frame = |ms: i32| self.loud.saturating_add_signed(ms as isize * PART_FRAMES as isize);
        let parts = self.parts(frame(SHOWN_MS.start)..frame(SHOWN_MS.end));
        let peak = parts.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        parts.iter().map(|part| (10.0 * (part / peak).max(1e-10).log10()) as f32).collect()
    }

    /// Returns the energy of each millisecond.
    fn parts(&self, frames: Range<usize>) -> Vec<f64> {
        section(&self.signal, frames).chunks_exact(PART_FRAMES).map(energy).collect()
    }
}

fn peak(signal: &[f64], within: Range<usize>) -> Option<usize> {
    let start = within.start;
    let largest = section(signal, within).iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    largest.map(|(at, _)| start + at)
}

/// Returns the median of the energies of parts as long as two milliseconds.
fn median_energy(signal: &[f64]) -> f64 {
    let mut energies: Vec<f64> = signal.chunks_exact(2 * PART_FRAMES).map(energy).collect();
    energies.sort_by(f64::total_cmp);
    energies.get(energies.len() / 2).copied().unwrap_or_default()
}

/// Returns what there is of `range`.
fn section<T>(samples: &[T], range: Range<usize>) -> &[T] {
    let end = range.end.min(samples.len());
    &samples[range.start.min(end)..end]
}

fn energy(samples: &[f64]) -> f64 {
    samples.iter().map(|sample| sample * sample).sum()
}

fn to_float(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

fn to_ms(frames: f32) -> f32 {
    frames * 1_000.0 / RATE_HZ as f32
}
