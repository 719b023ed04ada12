//! The sound that is played to measure an echo, and how its sweeps are found in what was captured.
//!
//! It is a sweep, the same at a quarter of the amplitude, and noise whose level changes as that of speech does. A sweep
//! that is filtered with its own inverse is a pulse, and the response of speaker and room is what becomes of the pulse;
//! harmonics that the speaker adds are pulses before it (A. Farina, AES 108th Convention, 2000, preprint 5093). It plays
//! nothing.

use std::f64::consts::TAU;

use super::fourier::ComplexSamples;

/// The rate of all samples here, in Hz.
pub(super) const RATE_HZ: usize = 24_000;
/// A sweep: 1.6 s, from 150 Hz, which is the least that small speakers play, to 10 kHz.
pub(super) const SWEEP_FRAMES: usize = 38_400;
const FREQUENCIES_HZ: (f64, f64) = (150.0, 10_000.0);
/// The pause after each sound, in which the room becomes silent: 0.7 s.
pub(super) const PAUSE_FRAMES: usize = 16_800;
/// From the start of a sweep to that of the next sound.
pub(super) const SPACING_FRAMES: usize = SWEEP_FRAMES + PAUSE_FRAMES;
/// The noise: 2.4 s.
pub(super) const NOISE_FRAMES: usize = 57_600;
/// All sounds.
pub(super) const SOUND_FRAMES: usize = 2 * SPACING_FRAMES + NOISE_FRAMES;
/// The sweep's amplitude, −12 dBFS: loud, and not distorted by the card.
const AMPLITUDE: f64 = 8_192.0;
/// By how much the second sweep is quieter, as a factor: 12 dB.
pub(super) const QUIETER: f64 = 0.25;
/// The root mean square of the noise at its loudest, −21 dBFS.
const NOISE_AMPLITUDE: f64 = 2_900.0;
/// Frames of the fades: 10 ms.
const FADE_FRAMES: usize = 240;
/// How much is returned of the time before the first captured frame, in which harmonics of a sweep have their pulses: 0.8 s.
pub(super) const BEFORE_FRAMES: usize = 19_200;
/// The length of a transform that holds all that is captured, and a sweep.
const TRANSFORM_FRAMES: usize = 262_144;

/// Returns the sound: 16 bits, 24 kHz.
pub(super) fn test_sound() -> Vec<i16> {
    let sweep = sweep();
    let pause = || std::iter::repeat_n(0.0, PAUSE_FRAMES);
    let loud = sweep.iter().copied().chain(pause());
    let quiet = sweep.iter().map(|sample| QUIETER * sample).chain(pause());
    loud.chain(quiet).chain(noise()).map(|sample| sample.round() as i16).collect()
}

/// Returns the level of the loud sweep as it is written, in dBFS.
pub(super) fn written_db() -> f32 {
    (20.0 * (AMPLITUDE / 32_768.0 / std::f64::consts::SQRT_2).log10()) as f32
}

/// Returns what each sweep in `captured` becomes, as a gain: for a wire, a pulse of 1 `BEFORE_FRAMES` after the frame in
/// which the sweep starts, and of `QUIETER` for the second one. What is captured after nine seconds is not looked at.
pub(super) fn pulses(captured: &[i16]) -> Vec<f64> {
    let sweep = sweep();
    let growth_s = length_s() / ratio().ln();
    // The sweep backwards, with as much power in each octave as the sweep lacks: a sweep is slow where it is low.
    let inverse = |frame: usize| {
        let time_s = (SWEEP_FRAMES - 1 - frame) as f64 / RATE_HZ as f64;
        sweep[SWEEP_FRAMES - 1 - frame] * (time_s / growth_s).exp()
    };
    let filter = ComplexSamples::spectrum((0..SWEEP_FRAMES).map(inverse), TRANSFORM_FRAMES);
    let peak: f64 = (0..SWEEP_FRAMES).map(|frame| sweep[frame] * inverse(SWEEP_FRAMES - 1 - frame)).sum();
    let kept = captured.len().min(TRANSFORM_FRAMES - SWEEP_FRAMES);
    let captured = captured[..kept].iter().map(|sample| f64::from(*sample));
    let filtered = ComplexSamples::spectrum(captured, TRANSFORM_FRAMES).convolved(&filter);
    let start = SWEEP_FRAMES - 1 - BEFORE_FRAMES;
    filtered[start..start + kept].iter().map(|sample| sample / peak).collect()
}

/// Returns by how many frames the pulse of a harmonic is earlier than that of the sweep.
pub(super) fn harmonic_lead(harmonic: u32) -> usize {
    (f64::from(harmonic).ln() * length_s() / ratio().ln() * RATE_HZ as f64).round() as usize
}

fn sweep() -> Vec<f64> {
    let growth_s = length_s() / ratio().ln();
    let sample = |frame: usize| {
        let time_s = frame as f64 / RATE_HZ as f64;
        let turns = FREQUENCIES_HZ.0 * growth_s * ((time_s / growth_s).exp() - 1.0);
        AMPLITUDE * faded(frame, SWEEP_FRAMES) * (TAU * turns.fract()).sin()
    };
    (0..SWEEP_FRAMES).map(sample).collect()
}

/// Noise with less of the high frequencies, in syllables of 0.2 s: it has all frequencies at once, as speech has.
fn noise() -> impl Iterator<Item = f64> {
    let (mut state, mut low) = (1_u32, 0.0);
    (0..NOISE_FRAMES).map(move |frame| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let white = f64::from(state >> 8) / 8_388_608.0 - 1.0;
        // A pole at 1.2 kHz, and a gain that keeps the power.
        low += 0.27 * (white * 4.4 - low);
        let syllable = 0.6 + 0.4 * (TAU * frame as f64 / (0.2 * RATE_HZ as f64)).sin();
        NOISE_AMPLITUDE * faded(frame, NOISE_FRAMES) * syllable * low
    })
}

fn faded(frame: usize, frames: usize) -> f64 {
    frame.min(frames - 1 - frame).min(FADE_FRAMES) as f64 / FADE_FRAMES as f64
}

fn length_s() -> f64 {
    SWEEP_FRAMES as f64 / RATE_HZ as f64
}

fn ratio() -> f64 {
    FREQUENCIES_HZ.1 / FREQUENCIES_HZ.0
}
