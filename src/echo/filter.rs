//! The linear filter: a partitioned-block frequency-domain Kalman filter, which learns how the loudspeaker's sound
//! reaches the microphone and subtracts it.
//!
//! The state of each bin of each partition is a complex weight and its variance; bins and partitions count as
//! independent (Enzner and Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
//! telephones", 2006; partitions: Kuech, Mabande and Enzner, 2014). The step size follows from the variance and from
//! the power of what is left, so that a talker slows it down and nothing has to detect him. It does not decide when
//! it runs and does not suppress what it cannot predict.

use super::fft::{BINS, Fft, LANES, SIZE, Spectrum};
use super::{FRAME, PARTITIONS, TAPS};

/// How much of a weight is expected to be right 10 ms later. Nearer to 1, a talker disturbs less and a moved device
/// is learned more slowly.
const PERSISTENCE: f32 = 0.999_9;
/// The variance that a weight gains in 10 ms, relative to its power.
const PROCESS_NOISE: f32 = 8e-4;
/// How much of the step towards a smaller variance is taken. For independent bins it would be 0.5, the share of the
/// error in the transform; but the bins of a speech frame leak into each other, and a filter that takes them as
/// independent is sure too soon.
const CONFIDENCE: f32 = 0.12;
/// The variance at the start, of the first partition; it falls with the energy of an echo in a room.
const VARIANCE_START: f32 = 1.0;
const VARIANCE_FALL: f32 = 0.7;
const VARIANCE_FALL_END: f32 = 1e-3;
const VARIANCE_MIN: f32 = 1e-10;
/// The variance of a restored weight relative to its power, and an addend for weights that were near 0.
const VARIANCE_RESTORED: f32 = 3e-3;
const VARIANCE_RESTORED_MIN: f32 = 1e-7;
/// The share of the previous frames in the smoothed power of what is left.
const SMOOTHING: f32 = 0.85;
/// The least power that counts as left: rounding to 16 bits.
const REST_MIN: f32 = 2e-9;
/// Partitions whose weights are limited to `FRAME` taps in each frame, in turn.
const CONSTRAINED: usize = 2;

/// Weights, variances and the reference's last spectra, oldest overwritten first.
pub(super) struct KalmanFilter {
    reference: Vec<Spectrum>,
    /// The index of the newest spectrum in `reference`.
    newest: usize,
    weights: Vec<Spectrum>,
    variances: Vec<[f32; LANES]>,
    /// The smoothed power of what is left.
    rest: [f32; LANES],
    /// The power of the echo that the weights may have wrong, as of the last frame.
    uncertainty: [f32; LANES],
    /// The two newest frames of the reference.
    window: [f32; SIZE],
    next_constrained: usize,
    error: Spectrum,
}

impl KalmanFilter {
    pub(super) fn new() -> KalmanFilter {
        let mut filter = KalmanFilter {
            reference: vec![Spectrum::ZERO; PARTITIONS],
            newest: 0,
            weights: vec![Spectrum::ZERO; PARTITIONS],
            variances: vec![[0.0; LANES]; PARTITIONS],
            rest: [1e-6; LANES],
            uncertainty: [0.0; LANES],
            window: [0.0; SIZE],
            next_constrained: 0,
            error: Spectrum::ZERO,
        };
        filter.forget_variances();
        filter
    }

    /// Takes a frame of the reference, and writes the microphone's frame without the predicted echo to `left`.
    pub(super) fn predict(
        &mut self,
        fft: &mut Fft,
        microphone: &[f32; FRAME],
        reference: &[f32; FRAME],
        left: &mut [f32; FRAME],
    ) {
        self.window.copy_within(FRAME.., 0);
        self.window[FRAME..].copy_from_slice(reference);
        self.newest = self.newest.checked_sub(1).unwrap_or(PARTITIONS - 1);
        fft.forward(&self.window, &mut self.reference[self.newest]);
        let mut echo = Spectrum::ZERO;
        self.uncertainty.fill(0.0);
        let ages = (self.newest..PARTITIONS).chain(0..self.newest);
        for ((age, weights), variances) in ages.zip(&self.weights).zip(&self.variances) {
            accumulate(&self.reference[age], weights, variances, &mut echo, &mut self.uncertainty);
        }
        let mut samples = [0.0; SIZE];
        fft.inverse(&echo, &mut samples);
        for ((left, microphone), echo) in left.iter_mut().zip(microphone).zip(&samples[FRAME..]) {
            *left = microphone - echo;
        }
        samples[..FRAME].fill(0.0);
        samples[FRAME..].copy_from_slice(left);
        fft.forward(&samples, &mut self.error);
    }

    /// Corrects the weights by what [`KalmanFilter::predict`] has left.
    pub(super) fn adapt(&mut self, fft: &mut Fft) {
        let steps: [f32; LANES] = std::array::from_fn(|bin| {
            self.rest[bin] = SMOOTHING * self.rest[bin] + (1.0 - SMOOTHING) * self.error.power(bin);
            1.0 / (self.uncertainty[bin] + self.rest[bin] + REST_MIN)
        });
        let ages = (self.newest..PARTITIONS).chain(0..self.newest);
        for ((age, weights), variances) in ages.zip(&mut self.weights).zip(&mut self.variances) {
            correct(&self.reference[age], &self.error, &steps, weights, variances);
        }
        for _ in 0..CONSTRAINED {
            let mut samples = [0.0; SIZE];
            let weights = &mut self.weights[self.next_constrained];
            fft.inverse(weights, &mut samples);
            samples[FRAME..].fill(0.0);
            fft.forward(&samples, weights);
            self.next_constrained = (self.next_constrained + 1) % PARTITIONS;
        }
    }

    /// Returns the power of the echo that the weights may have wrong, for each bin of the last frame.
    pub(super) fn uncertainty(&self) -> &[f32; LANES] {
        &self.uncertainty
    }

    /// Forgets the weights of the bins in which they make more sound than they remove, and how sure all others are.
    /// Returns the number of forgotten bins. `added` is the power of what was left minus that of the microphone.
    pub(super) fn forget_where(&mut self, added: &[f32; LANES]) -> u16 {
        self.forget_variances();
        let mut count = 0;
        let are_worse = |added: &f32| added.is_nan() || *added > 0.0;
        for (bin, _) in added.iter().enumerate().take(BINS).filter(|(_, added)| are_worse(added)) {
            count += 1;
            for weights in &mut self.weights {
                (weights.re[bin], weights.im[bin]) = (0.0, 0.0);
            }
            self.rest[bin] = REST_MIN;
        }
        count
    }

    /// Forgets the reference's last 250 ms: it was silent since.
    pub(super) fn clear_reference(&mut self) {
        self.reference.fill(Spectrum::ZERO);
        self.window.fill(0.0);
    }

    /// Writes the learned impulse response.
    pub(super) fn response(&self, fft: &mut Fft, taps: &mut [f32; TAPS]) {
        let mut samples = [0.0; SIZE];
        for (weights, taps) in self.weights.iter().zip(taps.as_chunks_mut::<FRAME>().0) {
            fft.inverse(weights, &mut samples);
            taps.copy_from_slice(&samples[..FRAME]);
        }
    }

    /// Takes an impulse response for the learned one, as nearly right.
    pub(super) fn restore(&mut self, fft: &mut Fft, taps: &[f32; TAPS]) {
        let mut samples = [0.0; SIZE];
        let partitions = self.weights.iter_mut().zip(&mut self.variances);
        for ((weights, variances), taps) in partitions.zip(taps.as_chunks::<FRAME>().0) {
            samples[..FRAME].copy_from_slice(taps);
            fft.forward(&samples, weights);
            for (bin, variance) in variances.iter_mut().enumerate() {
                *variance = VARIANCE_RESTORED * weights.power(bin) + VARIANCE_RESTORED_MIN;
            }
        }
    }

    fn forget_variances(&mut self) {
        let mut variance = VARIANCE_START;
        for variances in &mut self.variances {
            variances.fill(variance.max(VARIANCE_START * VARIANCE_FALL_END));
            variance *= VARIANCE_FALL;
        }
    }
}

/// Adds a partition's share of the echo and of its uncertainty.
fn accumulate(
    reference: &Spectrum,
    weights: &Spectrum,
    variances: &[f32; LANES],
    echo: &mut Spectrum,
    uncertainty: &mut [f32; LANES],
) {
    for bin in 0..LANES {
        let (x_re, x_im) = (reference.re[bin], reference.im[bin]);
        let (w_re, w_im) = (weights.re[bin], weights.im[bin]);
        echo.re[bin] += x_re * w_re - x_im * w_im;
        echo.im[bin] += x_re * w_im + x_im * w_re;
        // Half: only one of the two frames in the transform is part of the error.
        uncertainty[bin] += 0.5 * (x_re * x_re + x_im * x_im) * variances[bin];
    }
}

/// The Kalman filter's step of one partition: correction, then the prediction for the next frame.
fn correct(
    reference: &Spectrum,
    error: &Spectrum,
    steps: &[f32; LANES],
    weights: &mut Spectrum,
    variances: &mut [f32; LANES],
) {
    const KEPT: f32 = PERSISTENCE * PERSISTENCE;
    for bin in 0..LANES {
        let (x_re, x_im) = (reference.re[bin], reference.im[bin]);
        let (e_re, e_im) = (error.re[bin], error.im[bin]);
        let gain = variances[bin] * steps[bin];
        let re = PERSISTENCE * (weights.re[bin] + gain * (x_re * e_re + x_im * e_im));
        let im = PERSISTENCE * (weights.im[bin] + gain * (x_re * e_im - x_im * e_re));
        (weights.re[bin], weights.im[bin]) = (re, im);
        let remaining = (1.0 - CONFIDENCE * gain * (x_re * x_re + x_im * x_im)).max(0.0);
        let variance = KEPT * remaining * variances[bin] + PROCESS_NOISE * (re * re + im * im);
        variances[bin] = variance.max(VARIANCE_MIN);
    }
}
