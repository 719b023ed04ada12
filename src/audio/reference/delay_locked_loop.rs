//! Tracks the offset between the clocks of two devices, in seconds, from noisy observations of it.
//!
//! Two cards drift apart by up to some hundred parts per million. Their offset is tracked by a second-order loop whose
//! bandwidth falls as it learns: a Kalman filter of offset and drift, which with evenly spaced observations ends as a
//! delay-locked loop with a damping of 1/√2. Coarser timestamps end with a narrower loop. One card has one clock: the
//! offset is a mean, and is then frozen. It reads no clock and knows no samples.

use super::clock_map::StampFault;

/// Whether two devices are clocked by one oscillator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    Same,
    Apart,
}

/// How much the drift itself wanders, in 1/s: about 1 ppm in a hundred seconds, as crystals do when they warm up. With
/// timestamps that are exact to 0.1 ms, 100 a second, the bandwidth becomes 0.02 Hz.
const DRIFT_NOISE: f64 = 1e-14;
/// The drift that is assumed at first, ± one standard deviation.
const FIRST_DRIFT: f64 = 200e-6;
/// No crystal is worse: a larger drift is that of timestamps that lie.
const DRIFT_MAX: f64 = 1e-3;
/// The mean error of a timestamp that is assumed at first, in seconds.
const FIRST_DEVIATION_S: f64 = 0.3e-3;
/// A larger mean error is that of a device that does not say what it has played. Drivers that count whole USB transfers
/// of 8 ms have 3 ms.
const DEVIATION_MAX_S: f64 = 6e-3;
/// The least error that counts as an outlier, in seconds: a timestamp that was taken late.
const OUTLIER_MIN_S: f64 = 0.25e-3;
/// Consecutive outliers that agree with each other, after which the offset is taken to have jumped.
const OUTLIERS_MAX: u32 = 4;
/// Jumps within [`JUMPS_WITHIN`] observations that no device has which says what it plays.
const JUMPS_MAX: u32 = 4;
const JUMPS_WITHIN: u32 = 256;
/// Observations that the mean error and the mean residual are taken of.
const AVERAGED: f64 = 64.0;
/// Observations after which the offset of one clock is frozen.
const FREEZE_AFTER: u32 = 64;
/// The mean residual, in seconds, at which a frozen offset is not that of one clock.
const RESIDUAL_MAX_S: f64 = 1e-3;

/// The tracked offset.
#[derive(Clone, Copy, Debug)]
pub struct DelayLockedLoop {
    clocks: Clocks,
    offset_s: f64,
    drift: f64,
    /// The time of the last observation, by the clock that the offset is relative to.
    at_s: f64,
    /// The covariance of offset and drift.
    offset_variance: f64,
    covariance: f64,
    drift_variance: f64,
    /// The mean magnitude of an observation's error.
    deviation_s: f64,
    /// The mean error since the offset was frozen.
    residual_s: f64,
    /// Observations since the offset was last unknown.
    observations: u32,
    outliers: u32,
    /// The error of the last outlier.
    outlier_s: f64,
    jumps: u32,
    since_jump: u32,
}

impl DelayLockedLoop {
    #[must_use]
    pub fn new(clocks: Clocks) -> DelayLockedLoop {
        let mut tracked = DelayLockedLoop {
            clocks,
            offset_s: 0.0,
            drift: 0.0,
            at_s: 0.0,
            offset_variance: 0.0,
            covariance: 0.0,
            drift_variance: 0.0,
            deviation_s: FIRST_DEVIATION_S,
            residual_s: 0.0,
            observations: 0,
            outliers: 0,
            outlier_s: 0.0,
            jumps: 0,
            since_jump: 0,
        };
        tracked.suppose_drift();
        tracked
    }

    /// Returns the offset at the time `at_s`; `None` before the first observation.
    #[must_use]
    pub fn offset_s(&self, at_s: f64) -> Option<f64> {
        (self.observations > 0).then_some(self.offset_s + self.drift * (at_s - self.at_s))
    }

    /// Returns the tracked drift, a ratio.
    #[must_use]
    pub fn drift(&self) -> f64 {
        self.drift
    }

    /// Returns the number of observations since the offset was last unknown.
    #[must_use]
    pub fn observations(&self) -> u32 {
        self.observations
    }

    /// Returns whether the offset will not change any more, since both devices have one clock.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.clocks == Clocks::Same && self.observations >= FREEZE_AFTER
    }

    #[must_use]
    pub fn clocks(&self) -> Clocks {
        self.clocks
    }

    /// Records that a device was restarted: the offset is unknown, the drift is not.
    pub fn restart(&mut self) {
        (self.observations, self.outliers, self.residual_s) = (0, 0, 0.0);
    }

    /// Handles an observation of the offset at the time `at_s`, which must be later than the one before.
    ///
    /// # Errors
    /// When the observations do not fit any two clocks.
    pub fn observe(&mut self, at_s: f64, offset_s: f64) -> Result<(), StampFault> {
        if self.observations == 0 {
            (self.offset_s, self.at_s, self.observations) = (offset_s, at_s, 1);
            (self.offset_variance, self.covariance) = (self.noise(), 0.0);
            return Ok(());
        }
        let elapsed_s = at_s - self.at_s;
        if elapsed_s <= 0.0 {
            return Ok(());
        }
        self.predict(elapsed_s);
        let mut error_s = offset_s - self.offset_s;
        let limit_s = OUTLIER_MIN_S.max(4.0 * (self.offset_variance.sqrt() + self.noise().sqrt()));
        self.since_jump = self.since_jump.saturating_add(1);
        if error_s.abs() > limit_s {
            // Timestamps that were taken late differ from each other; those after a jump do not.
            let agrees = (error_s - self.outlier_s).abs() <= limit_s;
            self.outliers = if agrees { self.outliers + 1 } else { 1 };
            self.outlier_s = error_s;
            if self.outliers >= OUTLIERS_MAX {
                return self.jump(at_s, offset_s);
            }
        } else {
            self.outliers = 0;
        }
        error_s = error_s.clamp(-limit_s, limit_s);
        if self.is_frozen() {
            self.doubt(error_s);
            return Ok(());
        }
        self.deviation_s += (error_s.abs() - self.deviation_s) / AVERAGED;
        self.observations = self.observations.saturating_add(1);
        self.correct(error_s);
        let is_drift_known = self.drift_variance < (FIRST_DRIFT / 4.0).powi(2);
        if self.deviation_s > DEVIATION_MAX_S || (is_drift_known && self.drift.abs() > DRIFT_MAX) {
            return Err(StampFault::Unsteady);
        }
        Ok(())
    }

    fn suppose_drift(&mut self) {
        self.drift = 0.0;
        self.drift_variance = match self.clocks {
            Clocks::Same => 0.0,
            Clocks::Apart => FIRST_DRIFT * FIRST_DRIFT,
        };
    }

    /// Returns the variance of an observation: that of a normal distribution with this mean magnitude.
    fn noise(&self) -> f64 {
        self.deviation_s * self.deviation_s * std::f64::consts::FRAC_PI_2
    }

    fn predict(&mut self, elapsed_s: f64) {
        let noise = match self.clocks {
            Clocks::Same => 0.0,
            Clocks::Apart => DRIFT_NOISE * elapsed_s,
        };
        self.offset_s += self.drift * elapsed_s;
        self.at_s += elapsed_s;
        self.offset_variance += elapsed_s * (2.0 * self.covariance + elapsed_s * self.drift_variance)
            + noise * elapsed_s * elapsed_s / 3.0;
        self.covariance += elapsed_s * self.drift_variance + noise * elapsed_s / 2.0;
        self.drift_variance += noise;
    }

    fn correct(&mut self, error_s: f64) {
        let variance = self.offset_variance + self.noise();
        let (offset_gain, drift_gain) = (self.offset_variance / variance, self.covariance / variance);
        self.offset_s += offset_gain * error_s;
        self.drift += drift_gain * error_s;
        self.drift_variance -= drift_gain * self.covariance;
        self.covariance *= 1.0 - offset_gain;
        self.offset_variance *= 1.0 - offset_gain;
    }

    /// Compares a frozen offset with what is observed: devices of one card may have two clocks after all.
    fn doubt(&mut self, error_s: f64) {
        self.residual_s += (error_s - self.residual_s) / AVERAGED;
        if self.residual_s.abs() > RESIDUAL_MAX_S.max(2.0 * self.deviation_s) {
            self.unfreeze();
        }
    }

    fn unfreeze(&mut self) {
        self.clocks = Clocks::Apart;
        self.suppose_drift();
        self.restart();
    }

    /// Starts again from an observation that several before it agree with.
    fn jump(&mut self, at_s: f64, offset_s: f64) -> Result<(), StampFault> {
        self.jumps = if self.since_jump > JUMPS_WITHIN { 1 } else { self.jumps + 1 };
        self.since_jump = 0;
        if self.is_frozen() {
            self.unfreeze();
        }
        self.restart();
        self.observe(at_s, offset_s)?;
        if self.jumps >= JUMPS_MAX { Err(StampFault::Unsteady) } else { Ok(()) }
    }
}
