//! Sample rate conversion: distortion, delay and frame counts, for blocks of any size.

use assert_no_alloc::assert_no_alloc;
use mynah::dsp::{Resampler, UnsupportedRates, float};

use super::measure::{HZ, delay_ms, in_blocks, passes_db, rejection_db, resampled, thd_n_db, tone, ways};

#[test]
fn thd_n_is_at_most_minus_125_db() {
    for (from, to) in ways() {
        let thd_n = thd_n_db(from, to);
        assert!(thd_n <= -125.0, "{from} to {to}: THD+N {thd_n:.1} dB");
    }
}

#[test]
fn aliases_and_images_are_at_most_minus_100_db() {
    for (from, to) in ways() {
        let rejection = rejection_db(from, to);
        assert!(rejection <= -100.0, "{from} to {to}: {rejection:.1} dB of an alias or image");
    }
}

#[test]
fn the_passband_is_flat() {
    for (from, to) in ways() {
        let low = f64::from(from.min(to)) / 2.0;
        for (share, most) in [(0.05, 0.01), (0.5, 0.01), (0.75, 0.05), (0.875, 6.2)] {
            let loss = -passes_db(from, to, low * share);
            assert!((-0.01..most).contains(&loss), "{from} to {to}, {share} of the band: {loss:.2} dB");
        }
    }
}

#[test]
fn the_delay_is_half_the_filter() {
    for (from, to) in ways() {
        let (measured, half) = (delay_ms(from, to), 32_000.0 / f64::from(from.min(to)));
        let frame = 1000.0 / f64::from(from.min(to));
        assert!((measured - half).abs() <= 3.0 * frame, "{from} to {to}: {measured:.2} ms of {half:.2}");
    }
}

#[test]
fn the_result_does_not_depend_on_block_sizes() {
    for (from, to) in ways() {
        let input = tone(from, 1234.5, 0.9, from as usize / 4);
        let whole = resampled(from, to, &input);
        for sizes in [&[1][..], &[7, 1, 64, 3], &[256], &[511, 1]] {
            let parts = in_blocks(from, to, &input, sizes.iter().copied().cycle());
            // The last frame of a block may be held back until the next.
            let both = whole.len().min(parts.len());
            assert!(whole.len().abs_diff(parts.len()) <= 1);
            assert!(whole[..both] == parts[..both], "{from} to {to} in blocks of {sizes:?}");
        }
    }
}

#[test]
fn no_frame_is_lost_or_added() {
    for (from, to) in ways() {
        let mut resampler = Resampler::new(from, to, from as usize).unwrap();
        let (input, mut output) =
            (vec![0.0; from as usize], vec![0.0; resampler.output_frames_max(from as usize)]);
        let first = resampler.run(&input, &mut output);
        let held_back = to as usize - first;
        let mut written = first;
        for second in 2..=4 {
            written += resampler.run(&input, &mut output);
            assert!((second * to as usize - written).abs_diff(held_back) <= 1, "{from} to {to}");
        }
    }
}

#[test]
fn over_maps_an_output_position_to_its_input_frame() {
    for (from, to) in ways() {
        // An impulse at a known input frame: `over` must map the output peak to it.
        let mut input = vec![0.0; from as usize / 5];
        input[1000] = 1.0;
        let output = resampled(from, to, &input);
        let peak = (0..output.len()).max_by(|a, b| output[*a].abs().total_cmp(&output[*b].abs())).unwrap();
        let resampler = Resampler::new(from, to, 480).unwrap();
        let (before, after) =
            (resampler.input_position(peak as u64), resampler.input_position(peak as u64 + 1));
        let near = before.saturating_sub(1)..=after + 1;
        assert!(near.contains(&1000), "{from} to {to}: {before} to {after}");
    }
}

#[test]
fn reset_clears_the_state() {
    for (from, to) in ways() {
        let mut resampler = Resampler::new(from, to, 480).unwrap();
        let mut output = vec![0.0; resampler.output_frames_max(480)];
        resampler.run(&[1.0; 480], &mut output);
        resampler.reset();
        let input = tone(from, 300.0, 0.5, 480);
        let written = resampler.run(&input, &mut output);
        let fresh = resampled(from, to, &input);
        let both = written.min(fresh.len());
        assert!(both > 80 && output[..both] == fresh[..both]);
    }
}

#[test]
fn equal_rates_copy_frames_unchanged() {
    let mut resampler = Resampler::new(HZ, HZ, 240).unwrap();
    let input: Vec<f32> = (i16::MIN..=i16::MAX).map(float).collect();
    let mut output = vec![0.0; resampler.output_frames_max(input.len())];
    assert_eq!(resampler.run(&input, &mut output), input.len());
    assert!(output == input && resampler.is_exact() && resampler.delay_frames() == 0);
    assert_eq!((resampler.input_position(77), resampler.input_frames_for(77)), (77, 77));
}

#[test]
fn rates_without_a_short_ratio_are_refused() {
    for (from_hz, to_hz) in [(24_001, 24_000), (24_000, 0), (0, 24_000), (3, 24_000)] {
        assert_eq!(Resampler::new(from_hz, to_hz, 240).err(), Some(UnsupportedRates { from_hz, to_hz }));
    }
    for rate in [8_000, 11_025, 12_000, 88_200, 176_400, 192_000] {
        assert!(Resampler::new(rate, HZ, 240).is_ok() && Resampler::new(HZ, rate, 240).is_ok(), "{rate}");
    }
}

#[test]
fn run_and_reset_do_not_allocate() {
    for (from, to) in ways() {
        let mut resampler = Resampler::new(from, to, 480).unwrap();
        let (input, mut output) = (vec![0.1; 1000], vec![0.0; resampler.output_frames_max(1000)]);
        assert_no_alloc(|| {
            for size in [1, 480, 1000, 7] {
                resampler.run(&input[..size], &mut output);
            }
            resampler.reset();
        });
    }
}
