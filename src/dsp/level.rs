//! Levels: a high-pass against a constant offset, gain, a limiter against clipping, and a volume that
//! changes without a click.
//!
//! Each of them works in place and sample by sample, so block edges mean nothing to it.

use std::f32::consts::TAU;

/// Returns by what a sample is multiplied to be `db` decibels louder; exactly 1 for 0 dB.
#[must_use]
pub fn factor(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

/// How quiet the lowest volume but silence is, in decibels.
const VOLUME_MIN_DB: f32 = -50.0;

/// Returns by what a sample is multiplied at a volume of `percent`, whatever is over 100 counting as 100.
///
/// Ears hear levels, so equal steps are equal numbers of decibels: 100 is 0 dB, 1 is −50 dB, 0 is silence.
#[must_use]
pub fn volume_factor(percent: u8) -> f32 {
    match percent {
        0 => 0.0,
        1..100 => factor(VOLUME_MIN_DB * f32::from(100 - percent) / 99.0),
        100.. => 1.0,
    }
}

/// Where the high-pass lets half of the power through, in hertz: below every voice and most rumble.
const CORNER_HZ: f32 = 20.0;

/// Takes away a constant offset, as many I2S MEMS microphones have (one pole at 20 Hz).
#[derive(Clone, Debug)]
pub struct HighPass {
    pole: f32,
    /// What came in and went out last; nothing at the beginning.
    last: Option<(f32, f32)>,
}

impl HighPass {
    /// Makes one for samples at `rate_hz`.
    #[must_use]
    pub fn new(rate_hz: u32) -> HighPass {
        HighPass { pole: (-TAU * CORNER_HZ / rate_hz.max(1) as f32).exp(), last: None }
    }

    /// Filters in place. The first sample of all counts as the offset, so that beginning makes no thump.
    pub fn run(&mut self, samples: &mut [f32]) {
        let Some(first) = samples.first() else { return };
        let (mut last_in, mut last_out) = self.last.unwrap_or((*first, 0.0));
        for sample in samples {
            // The first factor makes up for what the filter adds at the top of the band.
            last_out = (1.0 + self.pole) / 2.0 * (*sample - last_in) + self.pole * last_out;
            last_in = *sample;
            *sample = last_out;
        }
        self.last = Some((last_in, last_out));
    }

    /// Forgets what it heard.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

/// The loudest that leaves the limiter: the largest 16-bit sample.
const CEILING: f32 = 32767.0 / 32768.0;
/// How fast the limiter gives back what it took, in decibels a second: a loud word is over in a third of one,
/// and between two peaks of a low voice (10 ms) it is too little to be heard as distortion.
const RELEASE_DB_PER_S: f32 = 40.0;

/// Keeps samples within full scale: at once where one would clip, and smoothly back. What stays below full
/// scale goes through unchanged.
#[derive(Clone, Debug)]
pub struct Limiter {
    /// By what the gain grows with each sample.
    release: f32,
    gain: f32,
}

impl Limiter {
    /// Makes one for samples at `rate_hz`.
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

    /// Forgets what it heard.
    pub fn reset(&mut self) {
        self.gain = 1.0;
    }
}

/// A factor that moves to a new value in a straight line.
#[derive(Clone, Debug)]
pub struct Fader {
    current: f32,
    target: f32,
    frames_left: usize,
    ramp_frames: usize,
}

impl Fader {
    /// Makes one that stands at `factor` and takes `ramp_frames` frames to get anywhere else.
    #[must_use]
    pub fn new(factor: f32, ramp_frames: usize) -> Fader {
        Fader { current: factor, target: factor, frames_left: 0, ramp_frames: ramp_frames.max(1) }
    }

    /// Begins to move to `factor`, from wherever it stands.
    pub fn aim(&mut self, factor: f32) {
        if factor.to_bits() != self.target.to_bits() {
            (self.target, self.frames_left) = (factor, self.ramp_frames);
        }
    }

    /// Multiplies in place; a factor of 1 changes nothing.
    pub fn run(&mut self, samples: &mut [f32]) {
        for sample in samples {
            if self.frames_left > 0 {
                self.current += (self.target - self.current) / self.frames_left as f32;
                self.frames_left -= 1;
                if self.frames_left == 0 {
                    self.current = self.target;
                }
            }
            *sample *= self.current;
        }
    }
}
