//! The echo canceller: removes the loudspeaker's own sound from the microphone, and tells whether somebody talks over
//! it.
//!
//! It takes frames of 10 ms at 24 kHz: the microphone, and the reference, which is what the loudspeaker played at
//! that instant, after volume, fades, limiter and earcons, and silence where nothing was written. The reference has
//! to lead by 4 ms (2 to 6): a late reference cannot be used at all, and the filter is 250 ms long. A linear filter
//! predicts the echo, and a suppressor removes what the filter left. It knows no device, no clock and no file, does
//! not align the two signals, and does not allocate after construction, so the capture thread may run it.
//!
//! What goes up is never muted by [`Duck`]: that decides about the loudspeaker only.

mod duck;
mod fft;
mod filter;
mod kept;
mod residual;

pub use duck::Duck;
pub use kept::{EchoResponse, KEPT_BYTES, KeptResponseError};

use duck::DuckDetector;
use fft::{Fft, LANES, SIZE, Spectrum};
use filter::KalmanFilter;
use residual::{ResidualEvidence, ResidualSuppressor, Residue};

/// The rate of both signals, in Hz.
pub const RATE_HZ: u32 = 24_000;
/// The samples of a frame: 10 ms.
pub const FRAME: usize = 240;
/// The length of the impulse response in samples: 250 ms.
pub const TAPS: usize = FRAME * PARTITIONS;
/// By how many frames the output is later than the microphone.
pub const DELAY_FRAMES: usize = 1;
/// A sample beyond this (18 dB over full scale) counts as this.
pub const PEAK_MAX: f32 = 8.0;
/// The energy of an output frame is at most this times the microphone's energy in it and in the frames before and
/// after.
pub const ENERGY_GAIN_MAX: f32 = 8.0;

const PARTITIONS: usize = 25;
/// A reference with a peak below this, −80 dBFS, makes no audible echo.
const AUDIBLE: f32 = 1e-4;
/// The frames for which the echo lasts after the reference: the filter's length and a little more.
const HOLD_FRAMES: u32 = 30;
/// A microphone's sample of this much was clipped by its converter.
const CLIPPED: f32 = 0.98;
/// What is left of a frame may have this times its energy, and no less than the energy of rounding to 16 bits.
const ADDED_MAX: f32 = 2.0;
const ADDED_FLOOR: f32 = 1e-7;
/// The weight of a new frame in the energies of the last 0.2 s. If they say for as long that the sound becomes
/// louder, the filter forgets.
const RECENT: f32 = 0.05;
const DIVERGED_FRAMES: u32 = 20;
/// The weight of a new frame in the estimate of how much the filter removes: half a second. Frames near a talker do
/// not count.
const GAIN_LEARNED: f32 = 0.02;
/// After as many frames, 10 s, of a talker who never pauses, it is the filter that is wrong.
const TALK_FRAMES_MAX: u32 = 1000;
/// A filter that removes less than this, 10 dB, is too weak to tell a talker from an echo.
const TRUSTED: f32 = 10.0;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EchoReport {
    /// Whether an echo may have been there: if not, the microphone's samples are passed on.
    pub active: bool,
    /// By how much the linear filter has lowered the microphone's power lately, in decibels.
    pub erle_db: f32,
    /// The power that the filter has left, relative to that of an echo without a talker, in decibels.
    pub excess_db: f32,
    /// Whether somebody talks over the loudspeaker; [`Duck::None`] while the filter is too weak to tell.
    pub duck: Duck,
    /// Whether the microphone's converter has clipped; such a frame teaches the filter nothing.
    pub clipped: bool,
    /// Whether the filter would have made the frame louder; then the microphone's samples were used instead.
    pub louder: bool,
    /// Bins of the filter that were forgotten because it kept making the sound louder.
    pub forgotten: u16,
    /// Samples of both signals that were no numbers and were replaced by 0.
    pub not_numbers: u16,
}

/// The canceller of one microphone and one loudspeaker.
///
/// Keep it between replies and when a device is opened again, for what it has learned. It belongs to the thread that
/// captures; [`EchoCanceller::response`] copies what is worth keeping across a restart.
pub struct EchoCanceller {
    fft: Fft,
    filter: KalmanFilter,
    suppressor: ResidualSuppressor,
    duck: DuckDetector,
    /// The microphone's last frame: the output is one frame late even when nothing is cancelled.
    previous: [f32; FRAME],
    /// Frames since the reference was audible, at most one more than `HOLD_FRAMES`.
    silent_frames: u32,
    /// Energies of the microphone and of what the filter leaves of it over 0.2 s, and for how many frames the latter
    /// was louder.
    recent_before: f32,
    recent_after: f32,
    louder_frames: u32,
    /// Frames since the last one with no evidence of a talker in the 320 ms before it.
    talk_frames: u32,
    /// The same over half a second, of frames without a talker.
    energy_before: f32,
    energy_after: f32,
}

impl Default for EchoCanceller {
    fn default() -> EchoCanceller {
        EchoCanceller::new()
    }
}

impl EchoCanceller {
    /// Creates a canceller that has learned nothing.
    #[must_use]
    pub fn new() -> EchoCanceller {
        EchoCanceller {
            fft: Fft::new(),
            filter: KalmanFilter::new(),
            suppressor: ResidualSuppressor::new(),
            duck: DuckDetector::default(),
            previous: [0.0; FRAME],
            silent_frames: HOLD_FRAMES + 1,
            recent_before: 0.0,
            recent_after: 0.0,
            louder_frames: 0,
            talk_frames: 0,
            energy_before: 1.0,
            energy_after: 1.0,
        }
    }

    /// Takes a frame of both signals, full scale being 1, and writes the frame before it, without echo.
    pub fn process(
        &mut self,
        microphone: &[f32; FRAME],
        reference: &[f32; FRAME],
        out: &mut [f32; FRAME],
    ) -> EchoReport {
        let (mut microphone, mut reference) = (*microphone, *reference);
        let not_numbers = clean(&mut microphone) + clean(&mut reference);
        let reference_peak = peak(&reference);
        let was_active = self.silent_frames <= HOLD_FRAMES;
        self.silent_frames =
            if reference_peak >= AUDIBLE { 0 } else { (self.silent_frames + 1).min(HOLD_FRAMES + 1) };
        let is_active = self.silent_frames <= HOLD_FRAMES;
        let mut report = EchoReport { not_numbers, clipped: peak(&microphone) >= CLIPPED, ..self.idle() };
        if is_active {
            if !was_active {
                self.suppressor.start_after(&self.previous);
            }
            report.active = true;
            self.cancel(&microphone, &reference, reference_peak, out, &mut report);
        } else {
            if was_active {
                self.filter.clear_reference();
                self.duck = DuckDetector::default();
            }
            *out = self.previous;
        }
        self.previous = microphone;
        report
    }

    /// Writes the learned impulse response; does not allocate.
    pub fn response(&mut self, response: &mut EchoResponse) {
        self.filter.response(&mut self.fft, &mut response.taps);
    }

    /// Starts from an impulse response that was learned or measured before; does not allocate. Returns whether it was
    /// taken: one that no room can have is not.
    pub fn restore(&mut self, response: &EchoResponse) -> bool {
        let is_plausible = response.is_plausible();
        if is_plausible {
            self.filter.restore(&mut self.fft, &response.taps);
        }
        is_plausible
    }

    fn cancel(
        &mut self,
        microphone: &[f32; FRAME],
        reference: &[f32; FRAME],
        reference_peak: f32,
        out: &mut [f32; FRAME],
        report: &mut EchoReport,
    ) {
        let mut left = [0.0; FRAME];
        self.filter.predict(&mut self.fft, microphone, reference, &mut left);
        let (before, after) = (energy(microphone), energy(&left));
        report.louder = is_louder(before, after);
        report.forgotten = self.check_divergence(microphone, &left);
        if !report.clipped && report.forgotten == 0 {
            self.filter.adapt(&mut self.fft);
        }
        if report.louder {
            left = *microphone;
        }
        let residue = Residue {
            left: &left,
            echo: &std::array::from_fn(|n| microphone[n] - left[n]),
            uncertainty: self.filter.uncertainty(),
            reference_peak,
        };
        // The last frame before the pause fades to the microphone's own samples.
        let pass = self.silent_frames == HOLD_FRAMES;
        let mut evidence = self.suppressor.process(&mut self.fft, &residue, pass, out);
        report.excess_db = 10.0 * evidence.excess.max(1e-9).log10();
        if report.louder || report.clipped {
            evidence = ResidualEvidence::NONE;
        }
        let duck = self.duck.push(evidence);
        self.talk_frames = if self.duck.is_quiet() { 0 } else { self.talk_frames.saturating_add(1) };
        if self.silent_frames == 0 && self.talk_frames == 0 {
            self.energy_before += GAIN_LEARNED * (before - self.energy_before);
            self.energy_after += GAIN_LEARNED * (after.min(before) - self.energy_after);
        }
        report.erle_db = self.erle_db();
        report.duck = if self.is_trusted() { duck } else { Duck::None };
    }

    /// Makes the filter forget what makes the sound louder, if it has done so for a while. Returns the number of
    /// forgotten bins.
    fn check_divergence(&mut self, microphone: &[f32; FRAME], left: &[f32; FRAME]) -> u16 {
        self.recent_before += RECENT * (energy(microphone) - self.recent_before);
        self.recent_after += RECENT * (energy(left) - self.recent_after);
        let is_louder = is_louder(self.recent_before, self.recent_after);
        self.louder_frames = if is_louder { self.louder_frames + 1 } else { 0 };
        if self.louder_frames < DIVERGED_FRAMES {
            return 0;
        }
        (self.recent_before, self.recent_after) = (0.0, 0.0);
        self.louder_frames = 0;
        let (mut before, mut after) = (Spectrum::ZERO, Spectrum::ZERO);
        let mut samples = [0.0; SIZE];
        samples[FRAME..].copy_from_slice(microphone);
        self.fft.forward(&samples, &mut before);
        samples[FRAME..].copy_from_slice(left);
        self.fft.forward(&samples, &mut after);
        let added: [f32; LANES] = std::array::from_fn(|bin| after.power(bin) - before.power(bin));
        self.filter.forget_where(&added)
    }

    /// Returns whether the filter removes enough to tell a talker from an echo.
    fn is_trusted(&self) -> bool {
        self.energy_after * TRUSTED <= self.energy_before && self.talk_frames < TALK_FRAMES_MAX
    }

    fn erle_db(&self) -> f32 {
        10.0 * ((self.energy_before + 1e-9) / (self.energy_after + 1e-9)).log10()
    }

    /// Returns the report of a frame without a reference.
    fn idle(&self) -> EchoReport {
        EchoReport {
            active: false,
            erle_db: self.erle_db(),
            excess_db: 0.0,
            duck: Duck::None,
            clipped: false,
            louder: false,
            forgotten: 0,
            not_numbers: 0,
        }
    }
}

/// Returns whether an energy has grown, or is no number.
fn is_louder(before: f32, after: f32) -> bool {
    after.is_nan() || after > ADDED_MAX * before + ADDED_FLOOR
}

/// Replaces what is no number by 0 and limits the rest. Returns how many there were.
fn clean(samples: &mut [f32; FRAME]) -> u16 {
    let mut count = 0;
    for sample in samples {
        count += u16::from(!sample.is_finite());
        *sample = if sample.is_finite() { sample.clamp(-PEAK_MAX, PEAK_MAX) } else { 0.0 };
    }
    count
}

fn peak(samples: &[f32; FRAME]) -> f32 {
    samples.iter().fold(0.0, |peak, sample| sample.abs().max(peak))
}

fn energy(samples: &[f32; FRAME]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}
