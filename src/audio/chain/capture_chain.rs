//! From what a microphone's device gives to what is heard: an offset taken away, gain, our rate, no clipping.
//!
//! A device that speaks our form already is not touched: what it gives is heard to the bit.

use crate::audio::{CAPTURE_CHANNELS, CaptureFrame, StreamFormat};
use crate::dsp::{HighPass, Limiter, Resampler, UnsupportedRates, factor, sample};

/// Mono floats at a device's rate become heard frames.
pub struct CaptureChain {
    high_pass: HighPass,
    gain: f32,
    resampler: Resampler,
    limiter: Limiter,
    /// Whether samples go through as they are.
    is_passthrough: bool,
    period_frames: usize,
    device_hz: u32,
    converted: Box<[f32]>,
    frames: Box<[CaptureFrame]>,
}

impl CaptureChain {
    /// Makes one for a device that gives `rate_hz` frames a second in periods of `period_frames`, to be
    /// made louder by `gain_db` decibels.
    ///
    /// Where nothing is to be converted and the device is `exact`, because its samples have 16 bits, its
    /// samples are left as they are, any offset of theirs included.
    ///
    /// # Errors
    /// When there is no way from the device's rate to ours.
    pub fn new(
        format: StreamFormat,
        rate_hz: u32,
        period_frames: usize,
        gain_db: f32,
        exact: bool,
    ) -> Result<CaptureChain, UnsupportedRates> {
        let resampler = Resampler::new(rate_hz, format.rate_hz, period_frames)?;
        let gain = factor(gain_db);
        let converted_max = resampler.room_for(period_frames);
        Ok(CaptureChain {
            high_pass: HighPass::new(rate_hz),
            gain,
            is_passthrough: exact && resampler.is_exact() && gain_db == 0.0,
            resampler,
            limiter: Limiter::new(format.rate_hz),
            period_frames,
            device_hz: rate_hz,
            converted: vec![0.0; converted_max].into(),
            frames: vec![[0; CAPTURE_CHANNELS]; converted_max].into(),
        })
    }

    /// Returns the frames the device moves at a time.
    pub(in crate::audio) fn period_frames(&self) -> usize {
        self.period_frames
    }

    /// Returns the frames a second of the device.
    pub(in crate::audio) fn device_hz(&self) -> u32 {
        self.device_hz
    }

    /// Returns what is heard of `samples`, which may be changed; at converted_max a period of them.
    pub(in crate::audio) fn process(&mut self, samples: &mut [f32]) -> &[CaptureFrame] {
        if !self.is_passthrough {
            self.high_pass.run(samples);
            for sample in samples.iter_mut() {
                *sample *= self.gain;
            }
        }
        let converted_frames = self.resampler.run(samples, &mut self.converted);
        let converted = &mut self.converted[..converted_frames];
        if !self.is_passthrough {
            // Last, since a filter may overshoot.
            self.limiter.run(converted);
        }
        for (frame, converted) in self.frames.iter_mut().zip(converted) {
            frame[0] = sample(*converted);
        }
        &self.frames[..converted_frames]
    }

    /// Forgets what it was given, so that nothing of it is heard when the device is opened again.
    pub(in crate::audio) fn reset(&mut self) {
        self.high_pass.reset();
        self.resampler.reset();
        self.limiter.reset();
    }
}
