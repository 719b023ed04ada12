//! Two sound cards with clocks of their own: what one captures of the sound that the other plays, and the reference that
//! the product reads from their timestamps.
//!
//! The product's own ring, clock map, delay-locked loop and interpolator run here in virtual time. What is captured is
//! computed without them, with a kernel that is six times as long, so that their errors are in the figures.

use std::f64::consts::PI;

use mynah::audio::{AlignedReference, Clocks, ReferenceRates, Stamp, reference_ring};
use mynah::echo::FRAME;

use super::{LEAD, RATE};

/// Half the length of the converters' kernel, the positions at which it is tabulated, and its shape: it passes what is
/// below 11.5 kHz.
const HALF: usize = 200;
const PHASES: usize = 512;
const CUTOFF: f64 = 0.98;
const KAISER_BETA: f64 = 9.0;
/// Each card is asked every 10 ms, the speaker 3 ms after the microphone; it holds a tenth of a second.
const SPEAKER_AFTER_S: f64 = 0.003;
const QUEUED: usize = RATE / 10;
/// A timestamp is up to this much later than the 10 ms.
const JITTER_S: f64 = 2e-5;
/// One timestamp of 500 was taken up to 10 ms late.
const LATE: f64 = 0.002;

/// How exact a driver's timestamps are, as in the tests of the clock map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Driver {
    /// The position is up to four frames old, and half a frame uncertain.
    I2s,
    /// It counts whole transfers of so many milliseconds.
    Usb(u32),
}

/// The cards of the speaker and of the microphone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cards {
    /// By how much the speaker's clock is faster; `None` if both are one card.
    pub(crate) drift_ppm: Option<f64>,
    pub(crate) speaker: Driver,
    pub(crate) microphone: Driver,
}

impl Cards {
    /// Returns the position of the speaker's clock while a frame is captured.
    fn tick(&self, captured: f64) -> f64 {
        captured * (1.0 + 1e-6 * self.drift_ppm.unwrap_or(0.0))
    }

    /// Returns what the microphone captures of a sound by the speaker's clock.
    pub(crate) fn capture(&self, sound: &[f32]) -> Vec<f32> {
        let kernel = kernel();
        let taps = 2 * HALF;
        let sample = |frame: usize| {
            let position = self.tick(frame as f64);
            let first = position as i64 - (HALF as i64 - 1);
            let phase = position.fract() * PHASES as f64;
            let (here, next) = kernel[phase as usize * taps..].split_at(taps);
            let (share, mut sum) = (phase.fract(), 0.0);
            for (tap, (here, next)) in here.iter().zip(next).enumerate() {
                let at = usize::try_from(first + tap as i64).ok().and_then(|at| sound.get(at));
                sum += at.map_or(0.0, |sample| f64::from(*sample) * (here + share * (next - here)));
            }
            sum as f32
        };
        (0..sound.len()).map(sample).collect()
    }

    /// Returns the reference of the captured frames of a reply, which begins to play when the microphone has captured
    /// `LEAD` frames.
    pub(crate) fn reference(&self, reply: &[f32], seed: u64) -> Vec<f32> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut writer, reader) = reference_ring();
        let hz = RATE as u32;
        let rates = ReferenceRates { capture_hz: hz, playback_hz: hz, frames_hz: hz };
        let clocks = if self.drift_ppm.is_some() { Clocks::Apart } else { Clocks::Same };
        let mut aligned = AlignedReference::new(reader, rates, clocks, FRAME);
        let (mut reference, mut written) = (Vec::new(), 0);
        for block in 0..reply.len() / FRAME {
            let at_s = (block * FRAME) as f64 / RATE as f64 + SPEAKER_AFTER_S;
            let played = self.tick(at_s * RATE as f64) - LEAD as f64;
            let until = (played.max(0.0) as usize + QUEUED).min(reply.len()).max(written);
            writer.write(&reply[written..until]);
            written = until;
            if played > 0.0 {
                writer.stamp(self.speaker.position(played, &mut rng), at_ns(at_s));
            }
            let end_s = ((block + 1) * FRAME) as f64 / RATE as f64 + JITTER_S * rng.f64();
            let captured = self.microphone.position(end_s * RATE as f64, &mut rng);
            aligned.capture_stamp(captured, at_ns(end_s));
            reference.extend_from_slice(aligned.read((block * FRAME) as f64, FRAME).samples);
        }
        reference.resize(reply.len(), 0.0);
        reference
    }
}

impl Driver {
    /// Returns the position that it states.
    fn position(self, at: f64, rng: &mut fastrand::Rng) -> i64 {
        // The sum of twelve uniform values is nearly normal, of variance 1.
        let mut normal = || (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
        let old = match self {
            Driver::I2s => 0.5 * normal() + 4.0 * rng.f64(),
            Driver::Usb(grain_ms) => f64::from(grain_ms) * RATE as f64 / 1000.0 * rng.f64(),
        };
        let late = if rng.f64() < LATE { 0.01 * RATE as f64 * rng.f64() } else { 0.0 };
        (at - old - late).round() as i64
    }
}

fn at_ns(at_s: f64) -> Stamp {
    Stamp::At((at_s * 1e9) as u64)
}

/// Returns a low pass of `2 * HALF` taps, read at `PHASES` positions between two samples and at the next sample.
fn kernel() -> Vec<f64> {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    let window = |x: f64| bessel(KAISER_BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel(KAISER_BETA);
    let tap = |phase: usize, tap: usize| {
        let distance = phase as f64 / PHASES as f64 + (HALF - 1) as f64 - tap as f64;
        CUTOFF * sinc(CUTOFF * distance) * window(distance / HALF as f64)
    };
    (0..=PHASES).flat_map(|phase| (0..2 * HALF).map(move |index| tap(phase, index))).collect()
}

/// Returns the modified Bessel function of the first kind and order 0, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    (1..80).fold(1.0, |sum, k| {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum + term
    })
}
