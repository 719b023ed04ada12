//! The volume: obeyed for what is handed over next, within a period, and never with a click.

use mynah::dsp::volume_factor;

use super::dac::{PERIOD, QUEUE, Rig, largest_jump, numbered, tone};

#[test]
fn at_full_volume_every_sample_is_what_it_was() {
    let mut rig = Rig::new();
    assert_eq!(rig.mouth(|mouth| mouth.volume()), 100);
    rig.mouth(|mouth| mouth.set_volume(200));
    assert_eq!(rig.mouth(|mouth| mouth.volume()), 100);
    rig.say(&numbered(0, 2_000));
    rig.turn();
    assert_eq!(rig.hear(2_000), numbered(0, 2_000));
}

#[test]
fn a_new_volume_is_reached_within_the_queue_and_a_period_and_without_a_click() {
    for rate in [24_000, 48_000] {
        for percent in [0, 1, 50, 99] {
            let mut rig = Rig::at(rate);
            rig.say(&tone(24_000));
            rig.turn();
            rig.hear(rate as usize / 10);
            rig.mouth(|mouth| mouth.set_volume(percent));
            let heard = rig.hear(rate as usize / 2);
            let jump = 3775 * 24_000 / rate as i32 + 32_767 / (rate as i32 / 100) + 2;
            assert!(largest_jump(&heard) <= jump, "{percent} % at {rate} Hz: {}", largest_jump(&heard));
            let peak =
                heard[4 * rate as usize / 100..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            let expected = 32_767.0 * volume_factor(percent);
            assert!((f32::from(peak) - expected).abs() <= 0.01 * expected + 1.0, "{percent} %: {peak}");
        }
    }
}

#[test]
fn a_volume_set_in_silence_holds_from_the_first_word() {
    let mut rig = Rig::new();
    rig.turn();
    rig.hear(4 * PERIOD);
    rig.mouth(|mouth| mouth.set_volume(50));
    rig.hear(4 * PERIOD);
    rig.say(&[20_000; 100]);
    let heard = rig.hear(4 * PERIOD);
    let expected = (20_000.0 * volume_factor(50)).round() as i16;
    assert_eq!(heard[QUEUE..QUEUE + 100], [expected; 100]);
}

#[test]
fn a_cut_at_a_low_volume_fades_from_there() {
    let mut rig = Rig::new();
    rig.mouth(|mouth| mouth.set_volume(50));
    rig.say(&[20_000; 4_800]);
    rig.turn();
    rig.hear(1_440);
    rig.mouth(|mouth| mouth.cut());
    rig.turn();
    let (before, after) = (rig.dac.out[rig.dac.out.len() - 1], rig.hear(PERIOD)[0]);
    assert!(after <= before && before - after <= before / 100 + 1, "{before} then {after}");
}

#[test]
fn the_light_follows_the_voice_at_any_volume() {
    let mut rig = Rig::new();
    rig.mouth(|mouth| mouth.set_volume(0));
    rig.say(&[12_345; 1_000]);
    rig.turn();
    rig.hear(2_000);
    assert_eq!(rig.sound.borrow().counters().speaker_peak.take(), 12_345);
    assert_eq!(rig.mouth(|mouth| mouth.played_position()), 1_000, "what was played silently was played");
}
