//! Converts playback frames to the samples of a speaker: resampling, volume and limiting.
//!
//! The stream is continuous: the caller fills gaps with silence. Samples that the device has not accepted yet
//! wait here; a cut discards them together with the filter state. It knows no device and no thread.

use crate::audio::{PlaybackFrame, StreamFormat};
use crate::dsp::{Fader, Limiter, Resampler, UnsupportedRates, float, volume_factor};

/// Converts playback frames to mono samples at a device's rate.
pub struct PlaybackChain {
    resampler: Resampler,
    volume: Fader,
    percent: u8,
    limiter: Limiter,
    rate_hz: u32,
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
            volume: Fader::new(1.0, period_frames),
            percent: 100,
            limiter: Limiter::new(rate_hz),
            rate_hz,
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

    /// Returns the position in the stream that has been played once the device has played `frames`.
    pub(in crate::audio) fn stream_position(&self, frames: u64) -> u64 {
        self.resampler.input_position(frames)
    }

    /// Sets the volume in percent; it is reached within a period.
    pub(in crate::audio) fn set_volume(&mut self, percent: u8) {
        if percent != self.percent {
            self.percent = percent;
            self.volume.set_target(volume_factor(percent));
        }
    }

    /// Converts frames, at most as many as [`needed_for`](Self::needed_for) allows. No samples may be ready.
    pub(in crate::audio) fn process(&mut self, frames: &[PlaybackFrame]) {
        for (sample, [frame]) in self.block.iter_mut().zip(frames) {
            *sample = float(*frame);
        }
        let ready_frames = self.resampler.run(&self.block[..frames.len()], &mut self.ready);
        let ready = &mut self.ready[..ready_frames];
        self.volume.run(ready);
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
