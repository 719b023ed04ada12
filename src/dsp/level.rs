//! Levels: a high-pass filter against DC offset, gain, a limiter against clipping, and a click-free volume.
//!
//! Each works in place and sample by sample, so the result does not depend on block sizes.

use std::f32::consts::TAU;

/// Converts decibels to an amplitude factor; exactly 1 for 0 dB.
#[must_use]
pub fn factor(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

/// The level of volume 1, in decibels.
const VOLUME_MIN_DB: f32 = -50.0;

/// Returns the amplitude factor for a volume in percent; more than 100 counts as 100.
///
/// Loudness is perceived logarithmically, so equal steps are equal in decibels: 100 is 0 dB, 1 is −50 dB, 0
/// is silence.
#[must_use]
pub fn volume_factor(percent: u8) -> f32 {
    match percent {
        0 => 0.0,
        1..100 => factor(VOLUME_MIN_DB * f32::from(100 - percent) / 99.0),
        100.. => 1.0,
    }
}

/// The −3 dB frequency of the high-pass filter in hertz: below every voice.
const CORNER_HZ: f32 = 20.0;

/// Removes the DC offset that many I2S MEMS microphones have (one pole at 20 Hz).
#[derive(Clone, Debug)]
pub struct HighPass {
    pole: f32,
    /// The last input and output sample; `None` after a reset.
    last: Option<(f32, f32)>,
}

impl HighPass {
    /// Creates a filter for samples at `rate_hz`.
    #[must_use]
    pub fn new(rate_hz: u32) -> HighPass {
        HighPass { pole: (-TAU * CORNER_HZ / rate_hz.max(1) as f32).exp(), last: None }
    }

    /// Filters in place. The first sample after a reset counts as the offset, so that the start makes no
    /// thump.
    pub fn run(&mut self, samples: &mut [f32]) {
        let Some(first) = samples.first() else { return };
        let (mut last_in, mut last_out) = self.last.unwrap_or((*first, 0.0));
        for sample in samples {
            // The first factor normalises the gain to 1 at the Nyquist frequency.
            last_out = (1.0 + self.pole) / 2.0 * (*sample - last_in) + self.pole * last_out;
            last_in = *sample;
            *sample = last_out;
        }
        self.last = Some((last_in, last_out));
    }

    /// Clears the state.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

/// The limiter's output peak: the largest 16-bit sample.
const CEILING: f32 = 32767.0 / 32768.0;
/// Release of the limiter in decibels per second: fast enough to recover within a third of a second after a
/// loud word, slow enough that the gain change between two peaks of a low voice (10 ms) is not audible as
/// distortion.
const RELEASE_DB_PER_S: f32 = 40.0;

/// Keeps samples within full scale: reduces the gain at once where a sample would clip and restores it
/// smoothly. At full gain, samples below full scale are unchanged.
#[derive(Clone, Debug)]
pub struct Limiter {
    /// Factor by which the gain grows with each sample.
    release: f32,
    gain: f32,
}

impl Limiter {
    /// Creates a limiter for samples at `rate_hz`.
    #[must_use]
    pub fn new(rate_hz: u32) -> Limiter {
        Limiter { release: factor(RELEASE_DB_PER_S / rate_hz.max(1) as f32), gain: 1.0 }
    }

    /// Limits in place.
    pub fn run(&mut self, samples: &mut [f32]) {
        for sample in samples {
            self.gain = (self.gain * self.release).min(1.0);
            let peak = sample.abs();
            if peak * self.gain > CEILING {
                self.gain = CEILING / peak;
            }
            *sample = (*sample * self.gain).clamp(-CEILING, CEILING);
        }
    }

    /// Clears the state.
    pub fn reset(&mut self) {
        self.gain = 1.0;
    }
}

/// An amplitude factor along the frames of a stream, which ramps linearly to each new value.
///
/// It is a function of the frame, so frames may be computed again.
#[derive(Clone, Debug)]
pub struct GainRamp {
    from: f32,
    to: f32,
    start: u64,
    ramp_frames: u64,
}

impl GainRamp {
    /// Creates a ramp that stays at `factor`; each change takes `ramp_frames` frames.
    #[must_use]
    pub fn new(factor: f32, ramp_frames: usize) -> GainRamp {
        GainRamp { from: factor, to: factor, start: 0, ramp_frames: ramp_frames.max(1) as u64 }
    }

    /// Changes to `factor` from the frame `start` on, over `ramp_frames` frames, as do all later changes. Nothing before
    /// it can be computed again.
    pub fn fade_to(&mut self, factor: f32, start: u64, ramp_frames: usize) {
        if factor.to_bits() != self.to.to_bits() {
            self.set_target(factor, start);
            self.ramp_frames = ramp_frames.max(1) as u64;
        }
    }

    /// Changes to `factor` from the frame `start` on. Nothing before it can be computed again.
    pub fn set_target(&mut self, factor: f32, start: u64) {
        if factor.to_bits() != self.to.to_bits() {
            let from = match start.checked_sub(1) {
                Some(last) => self.at(last),
                None => self.from,
            };
            (self.from, self.to, self.start) = (from, factor, start);
        }
    }

    /// Returns the factor of a frame.
    #[must_use]
    pub fn at(&self, frame: u64) -> f32 {
        let done = (frame + 1).saturating_sub(self.start);
        if done >= self.ramp_frames {
            self.to
        } else {
            self.from + (self.to - self.from) * done as f32 / self.ramp_frames as f32
        }
    }

    /// Multiplies `samples`, the first of which is the frame `first`, in place; a factor of 1 leaves them unchanged.
    pub fn apply(&self, first: u64, samples: &mut [f32]) {
        if (first + 1).saturating_sub(self.start) < self.ramp_frames {
            for (frame, sample) in (first..).zip(samples) {
                *sample *= self.at(frame);
            }
        } else if self.to.to_bits() != 1.0_f32.to_bits() {
            for sample in samples {
                *sample *= self.to;
            }
        }
    }
}
