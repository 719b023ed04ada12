//! Levels: the high-pass filter removes an offset, the limiter prevents clipping, the volume changes without
//! a click.

use mynah::dsp::{GainRamp, HighPass, Limiter, factor, float, volume_factor};

use super::measure::tone;

#[test]
fn the_high_pass_removes_an_offset_at_once() {
    let mut samples: Vec<f32> = tone(48_000, 1000.0, 0.01, 96_000).iter().map(|s| s - 0.4).collect();
    HighPass::new(48_000).run(&mut samples);
    let mean = samples[48_000..].iter().sum::<f32>() / 48_000.0;
    assert!(mean.abs() < 1e-5, "{mean}");
    assert!(samples.iter().all(|sample| sample.abs() < 0.0102), "a thump at the start");
    assert!(samples[48_000..].iter().any(|sample| *sample > 0.0099), "the tone is attenuated");
}

#[test]
fn the_high_pass_has_3_db_loss_at_20_hz_and_none_at_a_voice() {
    for (hz, least, most) in [(20.0, 0.69, 0.72), (100.0, 0.97, 1.0), (1000.0, 0.999, 1.001)] {
        let mut samples = tone(16_000, hz, 1.0, 32_000);
        HighPass::new(16_000).run(&mut samples);
        let peak = samples[16_000..].iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((least..=most).contains(&peak), "{hz} Hz: {peak}");
    }
}

#[test]
fn the_limiter_keeps_every_sample_within_full_scale() {
    let mut samples = tone(24_000, 440.0, 12.0, 24_000);
    samples.extend([-9e30, 1.0, -1.0]);
    let mut limiter = Limiter::new(24_000);
    limiter.run(&mut samples);
    assert!(samples.iter().all(|sample| !sample.is_nan() && sample.abs() <= float(i16::MAX)));
}

#[test]
fn the_limiter_leaves_samples_below_full_scale_unchanged() {
    let quiet: Vec<f32> = (-32_767..=32_767).map(float).collect();
    let mut samples = quiet.clone();
    let mut limiter = Limiter::new(24_000);
    limiter.run(&mut samples);
    assert!(samples == quiet);
    limiter.run(&mut [3.0]);
    limiter.run(&mut vec![0.0; 24_000]);
    limiter.run(&mut samples);
    assert!(samples == quiet, "gain not restored one second after a peak");
}

#[test]
fn the_limiter_releases_smoothly() {
    let mut samples = vec![0.5; 24_000];
    samples[0] = 4.0;
    Limiter::new(24_000).run(&mut samples);
    assert!(samples[1] < 0.13 && samples[23_999] > 0.4999);
    let steps = samples[1..].windows(2).map(|pair| pair[1] - pair[0]);
    assert!(steps.clone().all(|step| (0.0..0.001).contains(&step)), "{:?}", steps.fold(0.0, f32::max));
}

#[test]
fn gain_is_in_decibels() {
    assert_eq!(factor(0.0), 1.0);
    assert!((factor(6.0) - 1.9953).abs() < 1e-4 && (factor(-20.0) - 0.1).abs() < 1e-6);
}

#[test]
fn volume_steps_are_equal_in_decibels() {
    assert_eq!((volume_factor(0), volume_factor(100), volume_factor(255)), (0.0, 1.0, 1.0));
    assert!((volume_factor(1) - factor(-50.0)).abs() < 1e-6);
    for percent in 1..100 {
        let step = 20.0 * (volume_factor(percent + 1) / volume_factor(percent)).log10();
        assert!((step - 50.0 / 99.0).abs() < 1e-3, "{percent}: {step} dB");
    }
}

#[test]
fn a_gain_ramp_is_linear_across_block_edges_and_may_be_computed_again() {
    let mut gain = GainRamp::new(1.0, 100);
    gain.set_target(0.0, 0);
    let mut samples = [1.0; 300];
    for (index, block) in samples.chunks_mut(7).enumerate() {
        gain.apply(index as u64 * 7, block);
    }
    assert!((samples[49] - 0.5).abs() < 1e-5 && samples[99..] == [0.0; 201]);
    assert!(samples.windows(2).all(|pair| (0.0..0.0101).contains(&(pair[0] - pair[1]))));
    let mut again = [1.0; 20];
    gain.apply(40, &mut again);
    assert_eq!(again, samples[40..60]);
    gain.set_target(1.0, 50);
    assert!((gain.at(50) - 0.505).abs() < 1e-5, "it goes on from where it was: {}", gain.at(50));
    let mut samples = [float(-31_999); 9];
    gain.apply(150, &mut samples);
    assert_eq!(samples, [float(-31_999); 9], "a factor of 1 changes nothing");
}
