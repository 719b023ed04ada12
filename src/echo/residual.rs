//! The residual: a model of the echo that the linear filter leaves, and a gain for each bin that removes about as
//! much.
//!
//! What is left of an echo is what the filter is unsure of, and a share of the echo that no linear filter of 250 ms
//! can predict: distortion and the late tail. That share is learned for each bin and for four classes of loudness, as
//! a low quantile, so that a talker, who is above it, is not learned. It does not decide whether somebody talks; it
//! reports how much is left beyond the model.

use std::f64::consts::PI;

use super::FRAME;
use super::fft::{BINS, Fft, LANES, SIZE, Spectrum};

/// The gain is at least this: −40 dB.
const GAIN_MIN: f32 = 0.01;
/// By how much the modelled residual is overestimated for the gain.
const OVERESTIMATE: f32 = 1.8;
/// How much of the model is removed beyond the learned quantile.
const MARGIN: f32 = 1.3;
/// How much of the filter's uncertainty counts: the filter is less unsure than it says, see `filter::CONFIDENCE`.
const UNCERTAINTY: f32 = 0.25;
/// The quantile of left over predicted power that is learned, by steps of 0.3 dB: down by a share of it, up by the
/// rest.
const QUANTILE: f32 = 0.4;
const STEP_DB: f32 = 0.3;
const LEAK_START: f32 = 1e-3;
const LEAK_MIN: f32 = 1e-4;
const LEAK_MAX: f32 = 2.0;
/// Predicted power from which a share is learned.
const ECHO_MIN: f32 = 1e-4;
/// The part of the echo's mean power over all bins that counts as predicted in each: distortion moves to other bins.
const SPREAD: f32 = 0.03;
/// Classes of the reference's peak below the loudest, and their width in decibels.
const CLASSES: usize = 4;
const CLASS_DB: f32 = 4.0;
/// The bins of [`ResidualEvidence`]: 250 to 4000 Hz.
const SPEECH_BINS: std::ops::Range<usize> = 5..80;
/// How often the background's noise and a least power count in the model of [`ResidualEvidence`].
const NOISE_WEIGHT: f32 = 3.0;
const NOISE_MIN: f32 = 1e-7;
/// A bin counts in [`ResidualEvidence::share`] if it is this much above the model: 9.5 dB.
const BIN_EXCESS: f32 = 9.0;

/// How much is left in a frame beyond the model of an echo without a talker, from 250 to 4000 Hz.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ResidualEvidence {
    /// The power that is left, relative to the model's.
    pub(super) excess: f32,
    /// The share of bins with nine times the model's power.
    pub(super) share: f32,
}

impl ResidualEvidence {
    pub(super) const NONE: ResidualEvidence = ResidualEvidence { excess: 0.0, share: 0.0 };
}

/// The suppressor: its output is one frame later than its input.
pub(super) struct ResidualSuppressor {
    /// The root of a Hann window, for analysis and for synthesis.
    window: [f32; SIZE],
    /// The two newest frames of what is left and of the predicted echo.
    left: [f32; SIZE],
    echo: [f32; SIZE],
    /// The second half of the last transform back, to which the next one is added.
    overlap: [f32; FRAME],
    gains: [f32; LANES],
    /// Smoothed powers of both, and the decaying maximum of the echo's.
    left_power: [f32; LANES],
    echo_power: [f32; LANES],
    echo_tail: [f32; LANES],
    /// The learned share of the predicted power that is left.
    leak: [[f32; LANES]; CLASSES],
    /// The power of the background's noise.
    noise: [f32; LANES],
    /// The reference's peak, of the last frames and of the last minutes.
    peak: f32,
    loudest: f32,
}

impl ResidualSuppressor {
    pub(super) fn new() -> ResidualSuppressor {
        ResidualSuppressor {
            window: std::array::from_fn(|n| ((n as f64 + 0.5) * PI / SIZE as f64).sin() as f32),
            left: [0.0; SIZE],
            echo: [0.0; SIZE],
            overlap: [0.0; FRAME],
            gains: [1.0; LANES],
            left_power: [0.0; LANES],
            echo_power: [0.0; LANES],
            echo_tail: [0.0; LANES],
            leak: [[LEAK_START; LANES]; CLASSES],
            noise: [1e-3; LANES],
            peak: 0.0,
            loudest: 0.05,
        }
    }

    /// Starts after frames that were not suppressed, of which `before` is the last.
    pub(super) fn start_after(&mut self, before: &[f32; FRAME]) {
        self.left[FRAME..].copy_from_slice(before);
        self.echo[FRAME..].fill(0.0);
        self.gains.fill(1.0);
        for ((overlap, before), window) in self.overlap.iter_mut().zip(before).zip(&self.window[FRAME..]) {
            *overlap = before * window * window;
        }
    }

    /// Takes a frame of what is left after `echo` was subtracted, the power that the filter is unsure of, and the
    /// peak of the reference's frame. Writes the previous frame to `out`; with `pass`, that of gains of 1.
    pub(super) fn process(
        &mut self,
        fft: &mut Fft,
        frame: &Residue<'_>,
        pass: bool,
        out: &mut [f32; FRAME],
    ) -> ResidualEvidence {
        let mut samples = [0.0; SIZE];
        let (mut left, mut echo) = (Spectrum::ZERO, Spectrum::ZERO);
        push(&mut self.echo, frame.echo, &self.window, &mut samples);
        fft.forward(&samples, &mut echo);
        push(&mut self.left, frame.left, &self.window, &mut samples);
        fft.forward(&samples, &mut left);
        self.smooth(&left, &echo);
        let class = self.class(frame.reference_peak);
        let model = self.model(class, frame.uncertainty);
        let evidence = self.evidence(&model);
        self.set_gains(&model);
        if pass {
            self.gains.fill(1.0);
        }
        for bin in 0..LANES {
            left.re[bin] *= self.gains[bin];
            left.im[bin] *= self.gains[bin];
        }
        fft.inverse(&left, &mut samples);
        for (n, out) in out.iter_mut().enumerate() {
            *out = self.overlap[n] + samples[n] * self.window[n];
            self.overlap[n] = samples[FRAME + n] * self.window[FRAME + n];
        }
        evidence
    }

    fn smooth(&mut self, left: &Spectrum, echo: &Spectrum) {
        for bin in 0..LANES {
            self.left_power[bin] = 0.6 * self.left_power[bin] + 0.4 * left.power(bin);
            self.echo_power[bin] = 0.6 * self.echo_power[bin] + 0.4 * echo.power(bin);
            self.echo_tail[bin] = (0.85 * self.echo_tail[bin]).max(self.echo_power[bin]);
        }
    }

    /// Returns the class of loudness: 0 within 4 dB of the loudest peak. Distortion grows with it.
    fn class(&mut self, reference_peak: f32) -> usize {
        self.peak = reference_peak.max(0.7 * self.peak);
        self.loudest = reference_peak.max(0.999_95 * self.loudest);
        let below_db = 20.0 * (self.loudest / (self.peak + 1e-6)).log10();
        ((below_db / CLASS_DB) as usize).min(CLASSES - 1)
    }

    /// Learns from the frame, and returns the modelled power of an echo's residual.
    fn model(&mut self, class: usize, uncertainty: &[f32; LANES]) -> [f32; LANES] {
        let up = 10f32.powf(0.1 * STEP_DB * QUANTILE);
        let down = 10f32.powf(-0.1 * STEP_DB * (1.0 - QUANTILE));
        let spread = SPREAD * self.echo_tail.iter().sum::<f32>() / BINS as f32;
        let leak = &mut self.leak[class];
        std::array::from_fn(|bin| {
            let predicted = self.echo_tail[bin] + spread;
            let step = if self.left_power[bin] > leak[bin] * predicted { up } else { down };
            let step = if predicted > ECHO_MIN { step } else { 1.0 };
            leak[bin] = (leak[bin] * step).clamp(LEAK_MIN, LEAK_MAX);
            UNCERTAINTY * uncertainty[bin] + MARGIN * leak[bin] * predicted
        })
    }

    /// Compares what is left with the model and the noise, and learns the noise.
    fn evidence(&mut self, model: &[f32; LANES]) -> ResidualEvidence {
        for bin in 0..LANES {
            let (noise, power) = (&mut self.noise[bin], self.left_power[bin]);
            // Falls at once and rises by 0.9 dB a second.
            *noise += if power < *noise { 0.1 * (power - *noise) } else { 0.002 * *noise };
        }
        let (mut left, mut expected, mut above) = (0.0_f32, 0.0_f32, 0_u16);
        for bin in SPEECH_BINS {
            let likely = model[bin] + NOISE_WEIGHT * self.noise[bin] + NOISE_MIN;
            left += self.left_power[bin];
            expected += likely;
            above += u16::from(self.left_power[bin] > BIN_EXCESS * likely);
        }
        ResidualEvidence { excess: left / expected, share: f32::from(above) / SPEECH_BINS.len() as f32 }
    }

    /// The gains fall at once and rise by half of the way.
    fn set_gains(&mut self, model: &[f32; LANES]) {
        for ((gain, model), power) in self.gains.iter_mut().zip(model).zip(&self.left_power) {
            let next = (1.0 - OVERESTIMATE * model / (power + 1e-12)).max(GAIN_MIN);
            *gain = next.min(0.5 * (*gain + next));
        }
    }
}

/// A frame for the suppressor.
pub(super) struct Residue<'a> {
    /// The microphone without the predicted echo.
    pub(super) left: &'a [f32; FRAME],
    pub(super) echo: &'a [f32; FRAME],
    pub(super) uncertainty: &'a [f32; LANES],
    pub(super) reference_peak: f32,
}

/// Appends a frame to the two newest, and writes both times the window to `samples`.
fn push(frames: &mut [f32; SIZE], frame: &[f32; FRAME], window: &[f32; SIZE], samples: &mut [f32; SIZE]) {
    frames.copy_within(FRAME.., 0);
    frames[FRAME..].copy_from_slice(frame);
    for ((sample, frame), window) in samples.iter_mut().zip(frames.iter()).zip(window) {
        *sample = frame * window;
    }
}
