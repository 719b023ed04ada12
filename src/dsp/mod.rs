//! From any card's samples to the one form that is spoken here, and back: mono, 24 kHz.
//!
//! Bytes of n channels become mono floats (−1 to 1) and return; rates are converted, levels are kept in
//! bounds. It is pure arithmetic over memory that it takes when it is made: it opens nothing, waits for
//! nothing, and after construction allocates nothing, so a real-time thread may run it.

mod level;
mod pcm_format;
mod resample;

pub use level::{Fader, HighPass, Limiter, factor, volume_factor};
pub use pcm_format::{FrameCodec, MissingChannel, SampleFormat};
pub use resample::{Resampler, UnsupportedRates};

/// One step of a 16-bit sample: full scale is 32768 of them.
const STEP: f32 = 1.0 / 32768.0;

/// Spells a 16-bit sample as a float; exact.
#[must_use]
pub fn float(sample: i16) -> f32 {
    f32::from(sample) * STEP
}

/// Spells a float as the nearest 16-bit sample, and what is beyond full scale as full scale.
///
/// It gives back exactly what [`float`] was given.
#[must_use]
pub fn sample(float: f32) -> i16 {
    // The cast stays in bounds by itself, and takes no number for silence.
    (float / STEP).round() as i16
}
