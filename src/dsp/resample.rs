//! Sample rate conversion with a polyphase filter of `rubato`, at the exact ratio, for blocks of any size.
//!
//! The filter has a phase for each output position, so nothing is interpolated between phases and the result
//! does not depend on block sizes. It does not adapt to clock drift.

use std::fmt;

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, Resizable as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction, calculate_cutoff,
};

/// Length of the filter in frames of the lower of the two rates. Half of it is the delay (1.3 ms at 24 kHz);
/// the upper eighth of the band is attenuated (−6 dB at 10.5 of 12 kHz).
const FILTER_FRAMES: usize = 64;
/// Side lobes below −92 dB (F. J. Harris, 1978), under the noise of 16 bits.
const WINDOW: WindowFunction = WindowFunction::BlackmanHarris;
/// The largest number of phases. 22.05 kHz needs 160, the most of all common rates.
const PHASES_MAX: u32 = 640;

/// A pair of rates without an exact ratio of small integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedRates {
    pub from_hz: u32,
    pub to_hz: u32,
}

impl fmt::Display for UnsupportedRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot convert {} Hz to {} Hz", self.from_hz, self.to_hz)
    }
}

impl std::error::Error for UnsupportedRates {}

/// Converts a mono stream from one rate to another.
pub struct Resampler {
    /// `None` for equal rates: frames are copied.
    filter: Option<Async<f32>>,
    /// Input frames for every `ratio_out` output frames, in lowest terms.
    ratio_in: u32,
    ratio_out: u32,
    delay_frames: usize,
    /// The largest number of frames passed to the filter at once.
    block_frames: usize,
}

impl Resampler {
    /// Creates a resampler for blocks of `block_frames` frames; longer blocks are split.
    ///
    /// # Errors
    /// Returns the rates if one is 0 or their ratio is not one of small integers.
    pub fn new(from_hz: u32, to_hz: u32, block_frames: usize) -> Result<Resampler, UnsupportedRates> {
        let unsupported = UnsupportedRates { from_hz, to_hz };
        let common = gcd(from_hz, to_hz);
        if from_hz == 0 || to_hz == 0 || to_hz / common > PHASES_MAX || from_hz / common > PHASES_MAX {
            return Err(unsupported);
        }
        let (ratio_in, ratio_out, block_frames) = (from_hz / common, to_hz / common, block_frames.max(1));
        if ratio_in == ratio_out {
            return Ok(Resampler { filter: None, ratio_in, ratio_out, delay_frames: 0, block_frames });
        }
        // The length is in input frames, so it is longer when the rate goes down.
        let length = (FILTER_FRAMES * ratio_in.max(ratio_out) as usize)
            .div_ceil(ratio_out as usize)
            .next_multiple_of(8);
        let parameters = SincInterpolationParameters::new(length, WINDOW)
            .f_cutoff(calculate_cutoff(FILTER_FRAMES, WINDOW))
            .oversampling_factor(ratio_out as usize)
            .interpolation(SincInterpolationType::Nearest);
        let ratio = f64::from(ratio_out) / f64::from(ratio_in);
        let filter = Async::new_sinc(ratio, 1.0, &parameters, block_frames, 1, FixedAsync::Input);
        let filter = Some(filter.map_err(|_| unsupported)?);
        Ok(Resampler { filter, ratio_in, ratio_out, delay_frames: length / 2, block_frames })
    }

    /// Returns whether frames are copied unchanged because both rates are equal.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.filter.is_none()
    }

    /// Returns the largest number of output frames that `frames` input frames may give.
    #[must_use]
    pub fn output_frames_max(&self, frames: usize) -> usize {
        // One for a frame held back before, and one that `rubato` requires as reserve.
        frames * self.ratio_out as usize / self.ratio_in as usize + if self.is_exact() { 0 } else { 2 }
    }

    /// Returns the approximate number of input frames needed for `frames` output frames; at least 1.
    #[must_use]
    pub fn input_frames_for(&self, frames: usize) -> usize {
        (frames * self.ratio_in as usize).div_ceil(self.ratio_out as usize).max(1)
    }

    /// Returns the delay in input frames.
    #[must_use]
    pub fn delay_frames(&self) -> usize {
        self.delay_frames
    }

    /// Returns the number of input frames that are fully played once `output_frames` are, accounting for the
    /// delay. Both count from the start or the last reset.
    #[must_use]
    pub fn input_position(&self, output_frames: u64) -> u64 {
        (output_frames * u64::from(self.ratio_in) / u64::from(self.ratio_out))
            .saturating_sub(self.delay_frames as u64)
    }

    /// Returns the number of output frames after which `input_frames` input frames are fully played: the inverse of
    /// [`input_position`](Resampler::input_position).
    #[must_use]
    pub fn output_position(&self, input_frames: u64) -> u64 {
        ((input_frames + self.delay_frames as u64) * u64::from(self.ratio_out))
            .div_ceil(u64::from(self.ratio_in))
    }

    /// Consumes all of `input` and returns the number of frames written to `output`. It must have space for
    /// [`output_frames_max`](Resampler::output_frames_max) frames; what does not fit is dropped.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> usize {
        let Some(filter) = &mut self.filter else {
            let copied = input.len().min(output.len());
            output[..copied].copy_from_slice(&input[..copied]);
            return copied;
        };
        let mut written = 0;
        for block in input.chunks(self.block_frames) {
            let space = &mut output[written..];
            let frames = space.len();
            let (Ok(()), Ok(from), Ok(mut into)) = (
                filter.set_chunk_size(block.len()),
                InterleavedSlice::new(block, 1, block.len()),
                InterleavedSlice::new_mut(space, 1, frames),
            ) else {
                break;
            };
            written += filter.process_into_buffer(&from, &mut into, None).map_or(0, |(_, written)| written);
        }
        written
    }

    /// Clears the filter's state.
    pub fn reset(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.reset();
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}
