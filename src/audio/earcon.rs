//! Earcons: two soft notes, falling or rising, as frames for the playback lane.
//!
//! It does not decide what they mean or when they are played.

use std::f32::consts::TAU;

use super::PlaybackFrame;

/// E5 and B4, a fourth apart, in the range where small loudspeakers are most efficient.
const HIGH_HZ: f32 = 659.26;
const LOW_HZ: f32 = 493.88;
/// Length of a note in milliseconds.
const NOTE_MS: usize = 150;
/// Peak amplitude of a note: 20 dB below full scale, before the volume.
const PEAK: f32 = 3276.0;
/// Amplitude of the octave above relative to the note, which keeps it audible on small loudspeakers.
const OVERTONE: f32 = 0.2;
/// Fraction of a note in which its envelope rises; it falls in the rest.
const ATTACK: f32 = 0.12;

/// Returns a high note followed by a low one, at `rate_hz` frames per second.
#[must_use]
pub fn falling(rate_hz: u32) -> Vec<PlaybackFrame> {
    [HIGH_HZ, LOW_HZ].into_iter().flat_map(|hz| note(hz, rate_hz)).collect()
}

/// Returns a low note followed by a high one, at `rate_hz` frames per second.
#[must_use]
pub fn rising(rate_hz: u32) -> Vec<PlaybackFrame> {
    [LOW_HZ, HIGH_HZ].into_iter().flat_map(|hz| note(hz, rate_hz)).collect()
}

fn note(hz: f32, rate_hz: u32) -> impl Iterator<Item = PlaybackFrame> {
    let frames = note_frames(rate_hz);
    (0..frames).map(move |frame| {
        let progress = frame as f32 / frames as f32;
        let ramp = if progress < ATTACK { progress / ATTACK } else { (1.0 - progress) / (1.0 - ATTACK) };
        // Half a cosine up and half a cosine down, without a corner that would click.
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
    fn an_earcon_is_short_quiet_and_does_not_click() {
        for frames in [falling(RATE_HZ), rising(RATE_HZ)] {
            let samples: Vec<i32> = frames.iter().map(|[sample]| i32::from(*sample)).collect();
            assert_eq!(samples.len(), 2 * note_frames(RATE_HZ));
            assert!(samples.iter().all(|sample| sample.abs() <= PEAK as i32));
            assert!(samples.iter().any(|sample| sample.abs() > PEAK as i32 / 2));
            let jumps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            // The largest step of the higher note with its octave.
            let steepest = PEAK * TAU * HIGH_HZ / RATE_HZ as f32 * (1.0 + 2.0 * OVERTONE) / (1.0 + OVERTONE);
            assert!(jumps.max().unwrap_or(0) <= steepest as i32 + 60);
            assert_eq!((samples.first(), samples.last().map(|last| last.abs() < 8)), (Some(&0), Some(true)));
        }
    }

    #[test]
    fn falling_and_rising_differ_in_the_order_of_notes() {
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
