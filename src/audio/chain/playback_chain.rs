//! Converts playback frames to the samples of a speaker, before the volume: resampling and limiting.
//!
//! The stream is continuous: the caller fills gaps with silence. Samples that the device has not accepted yet
//! wait here; a cut discards them together with the filter state. It knows no device and no thread.

use crate::audio::{PlaybackFrame, StreamFormat};
use crate::dsp::{Limiter, Resampler, UnsupportedRates, float};

/// Converts playback frames to mono samples at a device's rate.
pub struct PlaybackChain {
    resampler: Resampler,
    limiter: Limiter,
    rate_hz: u32,
    period_frames: usize,
    block: Box<[f32]>,
    ready: Box<[f32]>,
    next: usize,
    end: usize,
}

impl PlaybackChain {
    /// Creates a chain for a device that plays `rate_hz` frames per second in periods of `period_frames`.
    ///
    /// # Errors
    /// When the rate of the lanes cannot be converted to the device's rate.
    pub fn new(
        format: StreamFormat,
        rate_hz: u32,
        period_frames: usize,
    ) -> Result<PlaybackChain, UnsupportedRates> {
        let resampler = Resampler::new(format.rate_hz, rate_hz, format.period_frames)?;
        let ready_max = resampler.output_frames_max(format.period_frames);
        Ok(PlaybackChain {
            resampler,
            limiter: Limiter::new(rate_hz),
            rate_hz,
            period_frames,
            block: vec![0.0; format.period_frames].into(),
            ready: vec![0.0; ready_max].into(),
            next: 0,
            end: 0,
        })
    }

    /// Returns the device's rate in frames per second.
    pub(in crate::audio) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Returns the number of stream frames that make about `wanted` device frames, at most a block.
    pub(in crate::audio) fn needed_for(&self, wanted: usize) -> usize {
        self.resampler.input_frames_for(wanted).min(self.block.len())
    }

    /// Returns the device's period in frames.
    pub(in crate::audio) fn period_frames(&self) -> usize {
        self.period_frames
    }

    /// Returns the position in the stream that has been played once the device has played `frames` of it.
    pub(in crate::audio) fn stream_position(&self, frames: u64) -> u64 {
        self.resampler.input_position(frames)
    }

    /// Returns how many frames the device plays until the stream has been played up to `position`.
    pub(in crate::audio) fn device_frames(&self, position: u64) -> u64 {
        self.resampler.output_position(position)
    }

    /// Converts frames, at most as many as [`needed_for`](Self::needed_for) allows. No samples may be ready.
    pub(in crate::audio) fn process(&mut self, frames: &[PlaybackFrame]) {
        for (sample, [frame]) in self.block.iter_mut().zip(frames) {
            *sample = float(*frame);
        }
        let ready_frames = self.resampler.run(&self.block[..frames.len()], &mut self.ready);
        let ready = &mut self.ready[..ready_frames];
        if !self.resampler.is_exact() {
            // The resampling filter may overshoot.
            self.limiter.run(ready);
        }
        (self.next, self.end) = (0, ready_frames);
    }

    /// Returns the samples that are ready for the device.
    pub(in crate::audio) fn ready(&self) -> &[f32] {
        &self.ready[self.next..self.end]
    }

    /// Records that the device accepted `taken` of the ready samples.
    pub(in crate::audio) fn advance(&mut self, taken: usize) {
        self.next += taken;
    }

    /// Discards the ready samples and the filter state: the stream restarts.
    pub(in crate::audio) fn reset(&mut self) {
        (self.next, self.end) = (0, 0);
        self.resampler.reset();
        self.limiter.reset();
    }
}
