//! The reference is read between its samples, and at another rate, without a trace of it.

use std::f64::consts::TAU;

use mynah::audio::SincInterpolator;

/// A second and a half of input; an output frame every 10 ms block is read as the product does.
const BLOCK: usize = 240;
const BLOCKS: usize = 100;
const DRIFT: f64 = 300e-6;

#[test]
fn a_tone_up_to_10_8_khz_is_read_between_samples_with_90_db() {
    for (from_hz, tone_hz) in [24_000, 48_000, 44_100]
        .into_iter()
        .flat_map(|rate| [1_000.0, 4_000.0, 7_000.0, 9_000.0, 10_800.0].map(|hz| (rate, hz)))
    {
        let snr_db = snr_db(from_hz, tone_hz);
        assert!(snr_db >= 90.0, "{tone_hz} Hz of {from_hz} Hz: {snr_db:.1} dB");
    }
}

#[test]
fn a_whole_position_is_a_copy() {
    let interpolator = SincInterpolator::new(24_000, 24_000);
    let input: Vec<f32> = (0..400).map(|frame| ((frame * 7919) % 1000) as f32 / 1000.0 - 0.5).collect();
    let mut output = [0.0; BLOCK];
    interpolator.add(&input, 3.0, 1.0, &mut output);
    let copied = &input[interpolator.frames_before() + 3..];
    let largest = output.iter().zip(copied).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest < 1e-6, "differs by {largest}");
}

#[test]
fn what_the_input_does_not_have_is_left_alone() {
    let interpolator = SincInterpolator::new(24_000, 24_000);
    let mut output = [0.25; 8];
    interpolator.add(&[1.0; 66], 0.0, 1.0, &mut output);
    assert_eq!(output[3..], [0.25; 5]);
    assert!(output[..3].iter().all(|sample| (*sample - 1.25).abs() < 1e-3), "{output:?}");
}

/// Reads a tone in blocks, from a clock that drifts, and compares it with the tone itself.
fn snr_db(from_hz: u32, tone_hz: f64) -> f64 {
    let interpolator = SincInterpolator::new(from_hz, 24_000);
    let before = interpolator.frames_before() as f64;
    let tone = |frame: f64| (TAU * tone_hz * frame / f64::from(from_hz)).sin();
    let (mut signal, mut noise) = (0.0, 0.0);
    for block in 0..BLOCKS {
        let position = 1000.0 + (block * BLOCK) as f64 * interpolator.step() * (1.0 + DRIFT);
        let start = position.floor() - before;
        let count = interpolator.frames_for(BLOCK);
        let input: Vec<f32> = (0..count).map(|frame| tone(start + frame as f64) as f32).collect();
        let mut output = [0.0; BLOCK];
        interpolator.add(&input, position.fract(), 1.0 + DRIFT, &mut output);
        for (index, sample) in output.iter().enumerate() {
            let expected = tone(position + index as f64 * interpolator.step() * (1.0 + DRIFT));
            signal += expected * expected;
            noise += (f64::from(*sample) - expected).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}
