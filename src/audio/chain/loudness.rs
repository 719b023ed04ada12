//! Tells whether the microphone hears more than the usual noise of its room, from the energy of each block.
//!
//! It is generous: what it takes for sound by mistake costs a few wakes, and what it misses is sent a little later. It
//! knows no speech and decides nothing.

use crate::audio::CaptureFrame;

/// How far above the noise a block is loud: 6 dB, as an energy.
const LOUD: f32 = 4.0;
/// Added to it, so that the last bits of a silent converter are not loud: an amplitude of 16 of 32768.
const LEAST: f32 = 256.0;
/// How long it stays loud after the last loud block: well beyond the silence after which a service ends a turn.
const HOLD_S: f32 = 3.0;
/// How fast the noise is learned, in seconds: from a block below it, so that a pause between two words is enough if the
/// first block was speech; from a quiet block above it; and from a loud one.
const FALLEN_S: f32 = 0.05;
const LEARNED_S: f32 = 0.5;
const LOUD_LEARNED_S: f32 = 10.0;

pub(in crate::audio) struct LoudnessDetector {
    rate_hz: f32,
    /// The energy of the noise; `None` before the first block.
    noise: Option<f32>,
    hold_s: f32,
}

impl LoudnessDetector {
    /// Creates a detector for `rate_hz` frames per second. It is loud until it has learned the noise.
    pub(in crate::audio) fn new(rate_hz: u32) -> LoudnessDetector {
        LoudnessDetector { rate_hz: rate_hz as f32, noise: None, hold_s: HOLD_S }
    }

    /// Forgets the noise: another device, or another time.
    pub(in crate::audio) fn reset(&mut self) {
        (self.noise, self.hold_s) = (None, HOLD_S);
    }

    pub(in crate::audio) fn push(&mut self, block: &[CaptureFrame]) {
        if block.is_empty() {
            return;
        }
        let energy = variance(block);
        let noise = self.noise.get_or_insert(energy);
        let duration_s = block.len() as f32 / self.rate_hz;
        let is_loud = energy > LOUD * *noise + LEAST;
        let learned_s = match is_loud {
            true => LOUD_LEARNED_S,
            false if energy < *noise => FALLEN_S,
            false => LEARNED_S,
        };
        *noise += (energy - *noise) * (duration_s / learned_s).min(1.0);
        self.hold_s = if is_loud { HOLD_S } else { (self.hold_s - duration_s).max(0.0) };
    }

    pub(in crate::audio) fn is_loud(&self) -> bool {
        self.hold_s > 0.0
    }
}

/// Returns the mean square around the mean, so that a DC offset does not count.
fn variance(block: &[CaptureFrame]) -> f32 {
    let count = block.len() as f32;
    let (mut sum, mut squares) = (0.0_f32, 0.0_f32);
    for [sample] in block {
        let sample = f32::from(*sample);
        sum += sample;
        squares += sample * sample;
    }
    (squares / count - (sum / count).powi(2)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = 240;

    #[test]
    fn noise_is_quiet_after_the_hold_at_any_level_and_offset() {
        for (amplitude, offset) in [(0, 0), (3, 0), (300, 0), (300, 4_000), (3_000, -4_000)] {
            let mut detector = LoudnessDetector::new(24_000);
            let mut noise = Noise(1);
            (0..301).for_each(|_| detector.push(&noise.block(amplitude, offset)));
            assert!(!detector.is_loud(), "after 3 s of {amplitude} around {offset}");
            let loud = (0..6_000).filter(|_| {
                detector.push(&noise.block(amplitude, offset));
                detector.is_loud()
            });
            assert_eq!(loud.count(), 0, "in a minute of {amplitude} around {offset}");
        }
    }

    #[test]
    fn the_first_block_above_the_noise_is_loud_and_holds() {
        for amplitude in [3, 300, 3_000] {
            let mut detector = LoudnessDetector::new(24_000);
            let mut noise = Noise(7);
            (0..1_000).for_each(|_| detector.push(&noise.block(amplitude, 0)));
            detector.push(&noise.block(amplitude * 3 + 40, 0));
            assert!(detector.is_loud(), "9 dB above {amplitude}");
            (0..290).for_each(|_| detector.push(&noise.block(amplitude, 0)));
            assert!(detector.is_loud(), "2.9 s later");
            (0..20).for_each(|_| detector.push(&noise.block(amplitude, 0)));
            assert!(!detector.is_loud(), "3.1 s later");
        }
    }

    #[test]
    fn speech_that_is_there_from_the_first_block_is_loud_after_its_first_pause() {
        let mut detector = LoudnessDetector::new(24_000);
        let mut noise = Noise(5);
        for second in 0..60 {
            (0..70).for_each(|_| detector.push(&noise.block(6_000, 0)));
            (0..30).for_each(|_| detector.push(&noise.block(30, 0)));
            assert!(detector.is_loud(), "after {second} s");
        }
    }

    #[test]
    fn a_fan_that_starts_becomes_the_noise() {
        let mut detector = LoudnessDetector::new(24_000);
        let mut noise = Noise(3);
        (0..500).for_each(|_| detector.push(&noise.block(30, 0)));
        (0..2_000).for_each(|_| detector.push(&noise.block(1_000, 0)));
        assert!(!detector.is_loud(), "20 s after its start");
        detector.reset();
        assert!(detector.is_loud());
    }

    struct Noise(u32);

    impl Noise {
        fn block(&mut self, amplitude: i16, offset: i16) -> Vec<CaptureFrame> {
            (0..BLOCK)
                .map(|_| {
                    self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let unit = f32::from((self.0 >> 16) as u16) / 32_768.0 - 1.0;
                    [offset + (unit * f32::from(amplitude)) as i16]
                })
                .collect()
        }
    }
}
