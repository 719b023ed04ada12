//! Converts captured samples to capture frames: DC removal, gain, resampling and limiting.
//!
//! Samples of a 16-bit device at the rate of the capture lane pass through bit-exact. It knows no device and no thread.

use crate::audio::{CAPTURE_CHANNELS, CaptureFrame, StreamFormat};
use crate::dsp::{HighPass, Limiter, Resampler, UnsupportedRates, factor, sample};

/// Converts mono samples at a device's rate to capture frames.
pub struct CaptureChain {
    high_pass: HighPass,
    gain: f32,
    resampler: Resampler,
    limiter: Limiter,
    /// Whether samples pass through unchanged.
    is_passthrough: bool,
    period_frames: usize,
    device_hz: u32,
    frames_hz: u32,
    converted: Box<[f32]>,
    frames: Box<[CaptureFrame]>,
}

impl CaptureChain {
    /// Creates a chain for a device that captures `rate_hz` frames per second in periods of `period_frames`,
    /// with `gain_db` decibels of gain.
    ///
    /// If nothing is to be converted and the device is `exact`, because its samples have 16 bits, they pass
    /// through unchanged, with any DC offset.
    ///
    /// # Errors
    /// When the device's rate cannot be converted to the rate of the capture lane.
    pub fn new(
        format: StreamFormat,
        rate_hz: u32,
        period_frames: usize,
        gain_db: f32,
        exact: bool,
    ) -> Result<CaptureChain, UnsupportedRates> {
        let resampler = Resampler::new(rate_hz, format.capture_hz, period_frames)?;
        let gain = factor(gain_db);
        let converted_max = resampler.output_frames_max(period_frames);
        Ok(CaptureChain {
            high_pass: HighPass::new(rate_hz),
            gain,
            is_passthrough: exact && resampler.is_exact() && gain_db == 0.0,
            resampler,
            limiter: Limiter::new(format.capture_hz),
            period_frames,
            device_hz: rate_hz,
            frames_hz: format.capture_hz,
            converted: vec![0.0; converted_max].into(),
            frames: vec![[0; CAPTURE_CHANNELS]; converted_max].into(),
        })
    }

    pub(in crate::audio) fn period_frames(&self) -> usize {
        self.period_frames
    }

    /// Returns the device's rate in frames per second.
    pub(in crate::audio) fn device_hz(&self) -> u32 {
        self.device_hz
    }

    /// Returns the rate of the lanes in frames per second.
    pub(in crate::audio) fn frames_hz(&self) -> u32 {
        self.frames_hz
    }

    /// Returns the most frames that a period becomes.
    pub(in crate::audio) fn block_frames(&self) -> usize {
        self.frames.len()
    }

    /// Returns which frame of the device the capture frame `frame` is, both counted from the last reset.
    pub(in crate::audio) fn device_position(&self, frame: u64) -> f64 {
        let position = frame as f64 * f64::from(self.device_hz) / f64::from(self.frames_hz);
        position - self.resampler.delay_frames() as f64
    }

    /// Converts at most a period of `samples`, which it overwrites, to capture frames.
    pub(in crate::audio) fn process(&mut self, samples: &mut [f32]) -> &mut [CaptureFrame] {
        if !self.is_passthrough {
            self.high_pass.run(samples);
            for sample in samples.iter_mut() {
                *sample *= self.gain;
            }
        }
        let converted_frames = self.resampler.run(samples, &mut self.converted);
        let converted = &mut self.converted[..converted_frames];
        if !self.is_passthrough {
            // Last, since the resampling filter may overshoot.
            self.limiter.run(converted);
        }
        for (frame, converted) in self.frames.iter_mut().zip(converted) {
            frame[0] = sample(*converted);
        }
        &mut self.frames[..converted_frames]
    }

    /// Discards all filter state, so that no old samples are captured after the device is reopened.
    pub(in crate::audio) fn reset(&mut self) {
        self.high_pass.reset();
        self.resampler.reset();
        self.limiter.reset();
    }
}
