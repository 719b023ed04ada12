//! The volume: applied to the next frames written, within a period and without a click.

use mynah::dsp::volume_factor;

use super::dac::{PERIOD, QUEUE, Rig, largest_jump, numbered, tone};

#[test]
fn full_volume_keeps_every_sample() {
    let mut rig = Rig::new();
    assert_eq!(rig.handle(|handle| handle.volume()), 100);
    rig.handle(|handle| handle.set_volume(200));
    assert_eq!(rig.handle(|handle| handle.volume()), 100);
    rig.write(&numbered(0, 2_000));
    rig.run();
    assert_eq!(rig.play(2_000), numbered(0, 2_000));
}

#[test]
fn a_new_volume_is_reached_in_time_without_a_click() {
    for rate in [24_000, 48_000] {
        for percent in [0, 1, 50, 99] {
            let mut rig = Rig::at_rate(rate);
            rig.write(&tone(24_000));
            rig.run();
            rig.play(rate as usize / 10);
            rig.handle(|handle| handle.set_volume(percent));
            let output = rig.play(rate as usize / 2);
            let jump = 3775 * 24_000 / rate as i32 + 32_767 / (rate as i32 / 100) + 2;
            assert!(largest_jump(&output) <= jump, "{percent} % at {rate} Hz: {}", largest_jump(&output));
            let peak =
                output[4 * rate as usize / 100..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            let expected = 32_767.0 * volume_factor(percent);
            assert!((f32::from(peak) - expected).abs() <= 0.01 * expected + 1.0, "{percent} %: {peak}");
        }
    }
}

#[test]
fn a_volume_set_in_silence_applies_to_the_first_sample() {
    let mut rig = Rig::new();
    rig.run();
    rig.play(4 * PERIOD);
    rig.handle(|handle| handle.set_volume(50));
    rig.play(4 * PERIOD);
    rig.write(&[20_000; 100]);
    let output = rig.play(4 * PERIOD);
    let expected = (20_000.0 * volume_factor(50)).round() as i16;
    assert_eq!(output[QUEUE..QUEUE + 100], [expected; 100]);
}

#[test]
fn a_cut_at_a_low_volume_fades_from_that_level() {
    let mut rig = Rig::new();
    rig.handle(|handle| handle.set_volume(50));
    rig.write(&[20_000; 4_800]);
    rig.run();
    rig.play(1_440);
    rig.handle(|handle| handle.cut());
    rig.run();
    let (before, after) = (rig.dac.out[rig.dac.out.len() - 1], rig.play(PERIOD)[0]);
    assert!(after <= before && before - after <= before / 100 + 1, "{before} then {after}");
}

#[test]
fn the_speaker_peak_is_independent_of_the_volume() {
    let mut rig = Rig::new();
    rig.handle(|handle| handle.set_volume(0));
    rig.write(&[12_345; 1_000]);
    rig.run();
    rig.play(2_000);
    assert_eq!(rig.audio.borrow().counters().speaker_peak.take(), 12_345);
    assert_eq!(rig.handle(|handle| handle.played_position()), 1_000, "silent frames count as played");
}
