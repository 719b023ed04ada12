//! The test sound, and what is heard of it: whether, how loud, when, and for how long.
//!
//! The sound is an exponential sweep (A. Farina, AES 108th Convention, 2000, preprint 5093), which is found in noise by
//! correlation. It plays and records nothing.

use super::level::{clipped, level_db, to_db};

/// The rate of all samples here, in Hz.
const RATE_HZ: f32 = 24_000.0;
/// The length of the sweep: 0.4 s.
const SWEEP_FRAMES: usize = 9_600;
/// The sweep's first and last frequency, in Hz: what every small speaker plays and the halved rate can hold.
const FREQUENCIES_HZ: (f32, f32) = (300.0, 5_000.0);
/// The sweep's amplitude: -12 dB, loud and not distorted.
const AMPLITUDE: f32 = 8_192.0;
/// Frames of its fades: 10 ms.
const FADE_FRAMES: usize = 240;
/// The longest delay that is searched for: 0.8 s.
const DELAY_FRAMES: usize = 19_200;
/// The least correlation of a sweep that was heard; that of noise is a third of it.
const HEARD: f32 = 0.12;
/// Frames of the blocks in which the tail is measured: 10 ms.
const BLOCK_FRAMES: usize = 240;
/// How far above the noise a block still belongs to the tail, in dB.
const ABOVE_NOISE_DB: f32 = 3.0;

/// What was heard of the sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HeardSound {
    /// From the first captured frame to the sweep's start, in frames.
    pub(super) delay_frames: usize,
    /// Its level at the microphone, in dBFS.
    pub(super) level_db: f32,
    /// How long it was heard after its end, in frames.
    pub(super) tail_frames: usize,
    pub(super) clipped: usize,
}

/// Returns the sweep: 16 bits, 24 kHz.
pub(super) fn sweep() -> Vec<i16> {
    let (first, last) = FREQUENCIES_HZ;
    let length_s = SWEEP_FRAMES as f32 / RATE_HZ;
    let growth = (last / first).ln();
    let sample = |frame: usize| {
        let time_s = frame as f32 / RATE_HZ;
        let turns = first * length_s / growth * ((time_s / length_s * growth).exp() - 1.0);
        let edge = frame.min(SWEEP_FRAMES - 1 - frame).min(FADE_FRAMES) as f32 / FADE_FRAMES as f32;
        (AMPLITUDE * edge * (std::f32::consts::TAU * turns.fract()).sin()) as i16
    };
    (0..SWEEP_FRAMES).map(sample).collect()
}

/// Finds the sweep in `heard`, which began when it was handed over. `noise_db` is the level without it. `None` if it was
/// not heard.
pub(super) fn find(heard: &[i16], noise_db: f32) -> Option<HeardSound> {
    let (sweep, halved) = (halve(&sweep()), halve(heard));
    let energy = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
    let sweep_energy = energy(&sweep);
    let mut best = (0.0, 0);
    for (delay, window) in halved.windows(sweep.len()).take(DELAY_FRAMES / 2).enumerate() {
        let product: f32 = window.iter().zip(&sweep).map(|(heard, played)| heard * played).sum();
        // One sample of noise more keeps silence from dividing by zero.
        let correlation = product.abs() / (sweep_energy * (energy(window) + 1.0)).sqrt();
        if correlation > best.0 {
            best = (correlation, delay * 2);
        }
    }
    let (correlation, delay_frames) = best;
    (correlation >= HEARD).then(|| {
        let end = (delay_frames + SWEEP_FRAMES).min(heard.len());
        let during = &heard[delay_frames..end];
        let is_tail = |block: &&[i16]| level_db(block) > noise_db + ABOVE_NOISE_DB;
        let tail = heard[end..].chunks_exact(BLOCK_FRAMES).take_while(is_tail).count();
        HeardSound {
            delay_frames,
            level_db: level_db(during),
            tail_frames: tail * BLOCK_FRAMES,
            clipped: clipped(during),
        }
    })
}

/// Returns the level of the sweep as it is played, in dBFS.
pub(super) fn played_db() -> f32 {
    to_db(AMPLITUDE / 32_768.0 / std::f32::consts::SQRT_2)
}

/// Returns frames as milliseconds.
pub(super) fn to_ms(frames: usize) -> f32 {
    frames as f32 * 1_000.0 / RATE_HZ
}

/// Returns `samples` at half their rate.
fn halve(samples: &[i16]) -> Vec<f32> {
    samples.chunks_exact(2).map(|pair| (f32::from(pair[0]) + f32::from(pair[1])) / 2.0).collect()
}
