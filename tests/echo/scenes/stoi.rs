//! STOI, the short-time objective intelligibility measure (C. H. Taal, R. C. Hendriks, R. Heusdens and J. Jensen,
//! 2011).
//!
//! 1 is the clean speech itself. It correlates the envelopes of 15 third-octave bands over 384 ms.

use mynah::dsp::Resampler;

use super::RATE;
use super::fourier::transform;

const STOI_HZ: u32 = 10_000;
const WINDOW: usize = 256;
const HOP: usize = 128;
const SIZE: usize = 512;
const BANDS: usize = 15;
const LOWEST_BAND_HZ: f64 = 150.0;
/// The frames of a segment: 384 ms.
const SEGMENT: usize = 30;
/// The lowest signal-to-distortion ratio of an envelope's value: −15 dB.
const CLIP: f64 = 5.623_413_251_903_491;
/// Frames this much below the loudest one are left out: 40 dB.
const RANGE: f64 = 0.01;

/// Returns the intelligibility of `heard`, whose clean speech is `clean`, both at the rate of the scenes.
pub(crate) fn stoi(clean: &[f32], heard: &[f32]) -> f64 {
    let (clean, heard) = (at_10_khz(clean), at_10_khz(heard));
    let (clean, heard) = without_silence(&clean, &heard);
    let (clean, heard) = (bands(&clean), bands(&heard));
    let (mut sum, mut count) = (0.0, 0);
    for end in SEGMENT..=clean.len().min(heard.len()) {
        let segment = end - SEGMENT..end;
        for band in 0..BANDS {
            let of = |frames: &[[f64; BANDS]]| -> Vec<f64> {
                frames[segment.clone()].iter().map(|frame| frame[band]).collect()
            };
            sum += similarity(&of(&clean), &of(&heard));
            count += 1;
        }
    }
    sum / f64::from(count.max(1))
}

/// Normalises `heard` to the energy of `clean`, clips it, and returns the correlation.
fn similarity(clean: &[f64], heard: &[f64]) -> f64 {
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let scale = norm(clean) / (norm(heard) + 1e-15);
    let clipped: Vec<f64> =
        heard.iter().zip(clean).map(|(heard, clean)| (heard * scale).min(clean * (1.0 + CLIP))).collect();
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect()
    };
    let (clean, clipped) = (centred(clean), centred(&clipped));
    let product: f64 = clean.iter().zip(&clipped).map(|(a, b)| a * b).sum();
    product / (norm(&clean) * norm(&clipped) + 1e-15)
}

fn at_10_khz(samples: &[f32]) -> Vec<f64> {
    let mut resampler = Resampler::new(RATE as u32, STOI_HZ, 240).unwrap();
    let mut output = Vec::new();
    for block in samples.chunks(240) {
        let mut room = vec![0.0; resampler.output_frames_max(block.len())];
        let made = resampler.run(block, &mut room);
        output.extend(room[..made].iter().map(|sample| f64::from(*sample)));
    }
    output
}

/// Removes the frames in which `clean` is silent from both, and adds the rest together again.
fn without_silence(clean: &[f64], heard: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let starts = (0..(clean.len().min(heard.len())).saturating_sub(WINDOW)).step_by(HOP);
    let windowed = |samples: &[f64], start: usize| -> Vec<f64> {
        samples[start..start + WINDOW].iter().enumerate().map(|(n, sample)| sample * hann(n)).collect()
    };
    let norm = |start: usize| windowed(clean, start).iter().map(|x| x * x).sum::<f64>().sqrt();
    let loudest = starts.clone().map(norm).fold(0.0, f64::max);
    let kept: Vec<usize> = starts.filter(|start| norm(*start) > loudest * RANGE).collect();
    let join = |samples: &[f64]| {
        let mut joined = vec![0.0; kept.len() * HOP + WINDOW];
        for (frame, start) in kept.iter().enumerate() {
            let to = joined[frame * HOP..].iter_mut();
            to.zip(windowed(samples, *start)).for_each(|(to, sample)| *to += sample);
        }
        joined
    };
    (join(clean), join(heard))
}

/// Returns the envelopes of all bands, for each frame.
fn bands(samples: &[f64]) -> Vec<[f64; BANDS]> {
    let edges: [usize; BANDS + 1] = std::array::from_fn(|band| {
        let hz = LOWEST_BAND_HZ * 2f64.powf((2.0 * band as f64 - 1.0) / 6.0);
        (hz * SIZE as f64 / f64::from(STOI_HZ)).round() as usize
    });
    let starts = (0..samples.len().saturating_sub(WINDOW)).step_by(HOP);
    starts
        .map(|start| {
            let (mut re, mut im) = ([0.0; SIZE], [0.0; SIZE]);
            for n in 0..WINDOW {
                re[n] = samples[start + n] * hann(n);
            }
            transform(&mut re, &mut im, false);
            std::array::from_fn(|band| {
                (edges[band]..edges[band + 1])
                    .map(|bin| re[bin].powi(2) + im[bin].powi(2))
                    .sum::<f64>()
                    .sqrt()
            })
        })
        .collect()
}

/// A Hann window of `WINDOW` samples, without the zeros at its ends.
fn hann(n: usize) -> f64 {
    0.5 * (1.0 - (std::f64::consts::TAU * (n + 1) as f64 / (WINDOW + 1) as f64).cos())
}
