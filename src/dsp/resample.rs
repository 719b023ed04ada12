//! From one rate to another: a polyphase filter of `rubato`, at the exact ratio, fed any number of frames.
//!
//! Its phases stand exactly where output frames fall, so nothing is interpolated between them and block
//! edges leave no trace. It never adjusts itself to a clock, and is the only place that knows `rubato`.

use std::fmt;

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, Resizable as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction, calculate_cutoff,
};

/// Length of the filter in frames of the lower of the two rates: half of it is the delay (1.3 ms at 24 kHz),
/// and the upper eighth of the band is what it costs (half the amplitude is left at 10.5 of 12 kHz).
const FILTER_FRAMES: usize = 64;
/// Side lobes below −92 dB (F. J. Harris, 1978), under the noise of 16 bits.
const WINDOW: WindowFunction = WindowFunction::BlackmanHarris;
/// The most phases: 160, for 22.05 kHz, with room for rates of no card known today.
const PHASES_MAX: u32 = 640;

/// A pair of rates that has no exact and short ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedRates {
    pub from_hz: u32,
    pub to_hz: u32,
}

impl fmt::Display for UnsupportedRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no way from {} Hz to {} Hz", self.from_hz, self.to_hz)
    }
}

impl std::error::Error for UnsupportedRates {}

/// Turns a stream at one rate into the same at another.
pub struct Resampler {
    /// Nothing when both rates are the same: then frames go through as they are.
    filter: Option<Async<f32>>,
    /// Frames that come for every `outs` that go, in lowest terms.
    ratio_in: u32,
    ratio_out: u32,
    delay_frames: usize,
    /// The most frames handed to the filter at once.
    block_frames: usize,
}

impl Resampler {
    /// Makes one for blocks of about `most` frames; longer ones are taken in parts.
    ///
    /// # Errors
    /// When there is no exact ratio of small numbers between the rates, or one of them is 0.
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
        // The filter counts in frames that come, so it is longer where fewer go.
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

    /// Tells whether frames go through as they are.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.filter.is_none()
    }

    /// Returns the most frames that may come of `frames`.
    #[must_use]
    pub fn room_for(&self, frames: usize) -> usize {
        // One for what was held back, and what `rubato` asks to be spare.
        frames * self.ratio_out as usize / self.ratio_in as usize + if self.is_exact() { 0 } else { 2 }
    }

    /// Returns how many frames must come, about, for `frames` to go; never 0.
    #[must_use]
    pub fn needed_for(&self, frames: usize) -> usize {
        (frames * self.ratio_in as usize).div_ceil(self.ratio_out as usize).max(1)
    }

    /// Returns the delay, in frames that come.
    #[must_use]
    pub fn delay_frames(&self) -> usize {
        self.delay_frames
    }

    /// Returns how many frames of those that came are over once the first `outs` of those that go are.
    ///
    /// Both are counted from the beginning or the last reset.
    #[must_use]
    pub fn over(&self, output_frames: u64) -> u64 {
        (output_frames * u64::from(self.ratio_in) / u64::from(self.ratio_out))
            .saturating_sub(self.delay_frames as u64)
    }

    /// Takes all of `input` and returns how many frames it made of it in `output`, which must have
    /// [`room_for`](Resampler::room_for) them; what has no room is lost.
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

    /// Forgets all that came.
    pub fn reset(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.reset();
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}
