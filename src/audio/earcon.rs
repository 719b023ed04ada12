//! Earcons: two soft notes, falling or rising, as frames for the lane "spoken".
//!
//! It does not decide what they mean, nor when one is played.

use std::f32::consts::TAU;

use super::PlaybackFrame;

/// E5 and B4: a fourth, and where small loudspeakers are at their best.
const HIGH_HZ: f32 = 659.26;
const LOW_HZ: f32 = 493.88;
/// The length of a note: two of them pass for no word.
const NOTE_MS: usize = 150;
/// The amplitude of a note at its loudest: 20 dB under full scale, before the volume.
const PEAK: f32 = 3276.0;
/// The amplitude of the octave above, so that a small loudspeaker has something to play.
const OVERTONE: f32 = 0.2;
/// The part of a note in which it grows; in the rest it dies away.
const ATTACK: f32 = 0.12;

/// Returns a high note, then a low one, at `rate_hz` frames a second.
#[must_use]
pub fn falling(rate_hz: u32) -> Vec<PlaybackFrame> {
    [HIGH_HZ, LOW_HZ].into_iter().flat_map(|hz| note(hz, rate_hz)).collect()
}

/// Returns a low note, then a high one, at `rate_hz` frames a second.
#[must_use]
pub fn rising(rate_hz: u32) -> Vec<PlaybackFrame> {
    [LOW_HZ, HIGH_HZ].into_iter().flat_map(|hz| note(hz, rate_hz)).collect()
}

fn note(hz: f32, rate_hz: u32) -> impl Iterator<Item = PlaybackFrame> {
    let frames = note_frames(rate_hz);
    (0..frames).map(move |frame| {
        let progress = frame as f32 / frames as f32;
        let ramp = if progress < ATTACK { progress / ATTACK } else { (1.0 - progress) / (1.0 - ATTACK) };
        // Half a cosine up and half a cosine down: no corner, no click.
        let envelope = 0.5 - 0.5 * (TAU / 2.0 * ramp).cos();
        let phase = TAU * (hz * frame as f32 / rate_hz as f32).fract();
        let wave = (phase.sin() + OVERTONE * (2.0 * phase).sin()) / (1.0 + OVERTONE);
        [(PEAK * envelope * wave) as i16]
    })
}

fn note_frames(rate_hz: u32) -> usize {
    rate_hz as usize * NOTE_MS / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 24_000;

    #[test]
    fn an_earcon_is_short_soft_and_has_no_corner() {
        for frames in [falling(RATE_HZ), rising(RATE_HZ)] {
            let samples: Vec<i32> = frames.iter().map(|[sample]| i32::from(*sample)).collect();
            assert_eq!(samples.len(), 2 * note_frames(RATE_HZ));
            assert!(samples.iter().all(|sample| sample.abs() <= PEAK as i32));
            assert!(samples.iter().any(|sample| sample.abs() > PEAK as i32 / 2));
            let jumps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            // The steepest slope of the higher note and its octave.
            let steepest = PEAK * TAU * HIGH_HZ / RATE_HZ as f32 * (1.0 + 2.0 * OVERTONE) / (1.0 + OVERTONE);
            assert!(jumps.max().unwrap_or(0) <= steepest as i32 + 60);
            assert_eq!((samples.first(), samples.last().map(|last| last.abs() < 8)), (Some(&0), Some(true)));
        }
    }

    #[test]
    fn one_earcon_falls_and_the_other_rises() {
        let crossings = |samples: &[PlaybackFrame]| {
            samples.windows(2).filter(|pair| pair[0][0] < 0 && pair[1][0] >= 0).count()
        };
        let halves = |frames: Vec<PlaybackFrame>| {
            let (first, second) = frames.split_at(note_frames(RATE_HZ));
            (crossings(first), crossings(second))
        };
        let ((high, then_low), (low, then_high)) = (halves(falling(RATE_HZ)), halves(rising(RATE_HZ)));
        assert!(high > then_low + 15 && then_high > low + 15, "{high} {then_low} {low} {then_high}");
    }
}
