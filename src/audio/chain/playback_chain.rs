//! From what is said to what a speaker's device is handed: our stream at its rate, at the owner's volume.
//!
//! The stream never ends: where nothing is said it is silence. What is not handed over yet waits here, and
//! is thrown away by a cut together with what the filter still holds.

use crate::audio::{PlaybackFrame, StreamFormat};
use crate::dsp::{Fader, Limiter, Resampler, UnsupportedRates, float, volume_factor};

/// Spoken frames become mono floats at a device's rate.
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
    /// Makes one for a device that plays `rate_hz` frames a second in periods of `period_frames`.
    ///
    /// # Errors
    /// When there is no way from our rate to the device's.
    pub fn new(
        format: StreamFormat,
        rate_hz: u32,
        period_frames: usize,
    ) -> Result<PlaybackChain, UnsupportedRates> {
        let resampler = Resampler::new(format.rate_hz, rate_hz, format.period_frames)?;
        let ready_max = resampler.room_for(format.period_frames);
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

    /// Returns the frames a second of the device.
    pub(in crate::audio) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Returns how many frames of the stream make about `wanted` of the device, as far as they fit.
    pub(in crate::audio) fn needed_for(&self, wanted: usize) -> usize {
        self.resampler.needed_for(wanted).min(self.block.len())
    }

    /// Returns up to which frame the stream is over once the device has played `frames` of it.
    pub(in crate::audio) fn stream_position(&self, frames: u64) -> u64 {
        self.resampler.over(frames)
    }

    /// Moves to a volume within a period.
    pub(in crate::audio) fn set_volume(&mut self, percent: u8) {
        if percent != self.percent {
            self.percent = percent;
            self.volume.aim(volume_factor(percent));
        }
    }

    /// Appends frames to the stream, at most as many as [`Outlet::needed_for`] allows; nothing may be ready.
    pub(in crate::audio) fn process(&mut self, frames: &[PlaybackFrame]) {
        for (sample, [frame]) in self.block.iter_mut().zip(frames) {
            *sample = float(*frame);
        }
        let ready_frames = self.resampler.run(&self.block[..frames.len()], &mut self.ready);
        let ready = &mut self.ready[..ready_frames];
        self.volume.run(ready);
        if !self.resampler.is_exact() {
            // A filter may overshoot.
            self.limiter.run(ready);
        }
        (self.next, self.end) = (0, ready_frames);
    }

    /// Returns what waits for the device.
    pub(in crate::audio) fn ready(&self) -> &[f32] {
        &self.ready[self.next..self.end]
    }

    /// Notes that the device took so many of the frames that wait.
    pub(in crate::audio) fn advance(&mut self, taken: usize) {
        self.next += taken;
    }

    /// Throws away what waits and what is held inside: the stream begins anew.
    pub(in crate::audio) fn reset(&mut self) {
        (self.next, self.end) = (0, 0);
        self.resampler.reset();
        self.limiter.reset();
    }
}
