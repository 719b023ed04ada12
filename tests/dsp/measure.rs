//! Measures sample rate conversion, in decibels and milliseconds; the bench prints the same figures.

use std::f64::consts::TAU;

use mynah::dsp::Resampler;

/// Rates of sound cards in Hz, without that of the lanes.
pub(crate) const RATES: [u32; 6] = [16_000, 22_050, 32_000, 44_100, 48_000, 96_000];
/// The rate of the lanes.
pub(crate) const HZ: u32 = 24_000;

/// Returns every pair of rates: from each to that of the lanes, and back.
pub(crate) fn ways() -> impl Iterator<Item = (u32, u32)> {
    RATES.into_iter().flat_map(|rate| [(rate, HZ), (HZ, rate)])
}

/// Returns a sine of amplitude `peak`.
pub(crate) fn tone(rate_hz: u32, hz: f64, peak: f64, frames: usize) -> Vec<f32> {
    (0..frames).map(|frame| (peak * (TAU * hz * frame as f64 / f64::from(rate_hz)).sin()) as f32).collect()
}

/// Resamples `input` in blocks of 10 ms.
pub(crate) fn resampled(from_hz: u32, to_hz: u32, input: &[f32]) -> Vec<f32> {
    in_blocks(from_hz, to_hz, input, std::iter::repeat(from_hz as usize / 100))
}

/// Resamples `input` in blocks of these sizes.
pub(crate) fn in_blocks(
    from_hz: u32,
    to_hz: u32,
    mut input: &[f32],
    sizes: impl Iterator<Item = usize>,
) -> Vec<f32> {
    let mut resampler =
        Resampler::new(from_hz, to_hz, from_hz as usize / 100).expect("a supported pair of rates");
    let mut output = Vec::new();
    for size in sizes {
        if input.is_empty() {
            break;
        }
        let (block, rest) = input.split_at(size.min(input.len()));
        let mut room = vec![0.0; resampler.output_frames_max(block.len())];
        let made = resampler.run(block, &mut room);
        output.extend_from_slice(&room[..made]);
        input = rest;
    }
    output
}

/// Returns THD+N for a sine of 997 Hz at −1 dBFS, in decibels.
pub(crate) fn thd_n_db(from_hz: u32, to_hz: u32) -> f64 {
    let output = steady(from_hz, to_hz, 997.0, 0.891);
    let (peak, residual) = fit(&output, to_hz, 997.0);
    db(residual * 2f64.sqrt() / peak)
}

/// Returns the highest alias when the rate goes down (input above the output's Nyquist frequency), or the
/// highest image when it goes up, relative to the tone in decibels.
pub(crate) fn rejection_db(from_hz: u32, to_hz: u32) -> f64 {
    let (low, high) = (f64::from(from_hz.min(to_hz)) / 2.0, f64::from(from_hz.max(to_hz)) / 2.0);
    let share = |part: u32| f64::from(part) / 16.0;
    let worst = (0..16).map(|part| {
        if from_hz > to_hz {
            let hz = low + (high - low) * share(part);
            rms(&steady(from_hz, to_hz, hz + 1.0, 1.0)) * 2f64.sqrt()
        } else {
            let hz = low * share(part) + 31.0;
            fit(&steady(from_hz, to_hz, hz, 1.0), to_hz, hz).1 * 2f64.sqrt()
        }
    });
    db(worst.fold(0.0, f64::max))
}

/// Returns the gain of a tone in decibels.
pub(crate) fn passes_db(from_hz: u32, to_hz: u32, hz: f64) -> f64 {
    db(fit(&steady(from_hz, to_hz, hz, 1.0), to_hz, hz).0)
}

/// Returns the delay in milliseconds: from an impulse at the input to its peak at the output, in input
/// frames.
pub(crate) fn delay_ms(from_hz: u32, to_hz: u32) -> f64 {
    let mut resampler = Resampler::new(from_hz, to_hz, 1).expect("a supported pair of rates");
    let mut loudest = (0.0, 0);
    // An impulse at frame 1000, and the number of further input frames until its peak appears.
    for frame in 0..2000 {
        let mut room = [0.0; 8];
        let made = resampler.run(&[if frame == 1000 { 1.0 } else { 0.0 }], &mut room);
        for sample in &room[..made] {
            if sample.abs() > loudest.0 {
                loudest = (sample.abs(), frame - 1000);
            }
        }
    }
    f64::from(loudest.1) * 1000.0 / f64::from(from_hz)
}

/// Returns a resampled tone of 0.2 s without its first 20 ms, in which the filter settles.
fn steady(from_hz: u32, to_hz: u32, hz: f64, peak: f64) -> Vec<f32> {
    let output = resampled(from_hz, to_hz, &tone(from_hz, hz, peak, from_hz as usize / 5));
    output[to_hz as usize / 50..].to_vec()
}

/// Returns the amplitude of a tone in `samples`, and the RMS of all else, by least squares.
fn fit(samples: &[f32], rate_hz: u32, hz: f64) -> (f64, f64) {
    let (mut ss, mut sc, mut cc, mut ys, mut yc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let angle = |frame: usize| (TAU * hz * frame as f64 / f64::from(rate_hz)).sin_cos();
    for (frame, sample) in samples.iter().enumerate() {
        let ((sin, cos), sample) = (angle(frame), f64::from(*sample));
        ss += sin * sin;
        sc += sin * cos;
        cc += cos * cos;
        ys += sample * sin;
        yc += sample * cos;
    }
    let whole = ss * cc - sc * sc;
    let (a, b) = ((ys * cc - yc * sc) / whole, (yc * ss - ys * sc) / whole);
    let residual = samples.iter().enumerate().map(|(frame, sample)| {
        let (sin, cos) = angle(frame);
        f64::from(*sample) - a * sin - b * cos
    });
    let power: f64 = residual.map(|sample| sample * sample).sum();
    (a.hypot(b), (power / samples.len() as f64).sqrt())
}

fn rms(samples: &[f32]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (power / samples.len() as f64).sqrt()
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-12).log10()
}
