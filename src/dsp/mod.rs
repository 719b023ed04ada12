//! Signal processing between a sound card's format and the lanes' mono 16-bit samples at 24 kHz.
//!
//! Converts interleaved bytes of n channels to mono floats (−1 to 1) and back, resamples, and limits levels.
//! It is pure arithmetic: it opens nothing, never blocks, and does not allocate after construction, so a
//! real-time thread may run it.

mod level;
mod pcm_format;
mod resample;

pub use level::{GainRamp, HighPass, Limiter, factor, volume_factor};
pub use pcm_format::{FrameCodec, MissingChannel, SampleFormat};
pub use resample::{Resampler, UnsupportedRates};

/// One step of a 16-bit sample: full scale is 32768 of them.
const STEP: f32 = 1.0 / 32768.0;

/// Converts a 16-bit sample to a float, exactly; full scale is 1.
#[must_use]
pub fn float(sample: i16) -> f32 {
    f32::from(sample) * STEP
}

/// Converts a float to the nearest 16-bit sample, clipping at full scale.
///
/// It is the exact inverse of [`float`].
#[must_use]
pub fn sample(float: f32) -> i16 {
    // The cast saturates and turns NaN into 0.
    (float / STEP).round() as i16
}
