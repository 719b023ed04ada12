//! The two steps between the lanes and devices of other rates: the same promises as at our own.

use assert_no_alloc::assert_no_alloc;
use mynah::audio::{
    AudioIo, Capture, CaptureChain, CaptureDevice, CutReceipt, DeviceLost, PcmError, PlaybackChain, Recovery,
    StreamFormat, steps_with_chains,
};
use mynah::dsp::{float, sample};
use proptest::prelude::*;

use super::dac::{Dac, Rig, largest_jump, numbered, tone};
use crate::dsp::measure::{RATES, resampled, tone as tone_at};

/// Frames of the lane that a place may be off by: the edges of a ramp are round.
const OFF: u64 = 2;

#[test]
fn what_is_played_is_the_reply_at_the_devices_rate_to_the_sample() {
    for rate in RATES {
        let reply = tone(2_400);
        for most in [usize::MAX, 7] {
            let mut rig = Rig::at(rate);
            rig.dac.most = most;
            rig.say(&reply);
            rig.turn();
            let heard = rig.hear(rate as usize / 8);
            let floats: Vec<f32> = reply.iter().map(|sample| float(*sample)).collect();
            let expected: Vec<i16> = resampled(24_000, rate, &floats).into_iter().map(sample).collect();
            // What overshoots full scale is limited, so it may differ there.
            let off = expected.iter().zip(&heard).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
            assert!(off.unwrap() <= 40, "{rate} Hz: off by {off:?}");
        }
    }
}

#[test]
fn what_was_heard_is_known_within_a_period_and_in_the_end_exactly() {
    for rate in RATES {
        let mut rig = Rig::at(rate);
        rig.say(&numbered(0, 20_000));
        rig.turn();
        let mut last = 0;
        while rig.dac.out.len() < rate as usize {
            rig.dac.tick(rig.dac.period / 3);
            rig.turn();
            let heard = rig.mouth(|mouth| mouth.played_position());
            assert!(heard >= last, "{rate} Hz: it went back from {last} to {heard}");
            last = heard;
            let playing = rig.dac.out.last().copied().unwrap();
            if (2_000..20_000).contains(&playing) && heard < 19_900 {
                let truth = u64::try_from(playing).unwrap() - 1000;
                assert!(heard.abs_diff(truth) <= OFF, "{rate} Hz: {heard} heard, {truth} played");
            }
        }
        assert_eq!(last, 20_000, "{rate} Hz");
    }
}

#[test]
fn a_cut_is_silent_after_its_fade_and_says_what_was_heard() {
    for rate in RATES {
        for played in (0..rate as usize / 50).step_by(37) {
            let mut rig = speaking(rate, &numbered(0, 20_000));
            rig.dac.tick(played);
            let truth = u64::try_from(rig.dac.out.last().copied().unwrap()).unwrap() - 1000;
            let cut = rig.mouth(|mouth| mouth.cut());
            rig.turn();
            let receipt = rig.mouth(|mouth| mouth.receipt()).unwrap();
            assert!(
                receipt.cut == cut && receipt.played.abs_diff(truth) <= OFF,
                "{rate} Hz: {receipt:?}, {truth}"
            );
            let heard = rig.hear(rate as usize / 10);
            assert!(
                heard[rate as usize / 200..].iter().all(|sample| *sample == 0),
                "{rate} Hz: sound goes on"
            );
            assert_eq!(rig.mouth(|mouth| mouth.played_position()), receipt.played);
        }
    }
}

#[test]
fn a_cut_does_not_click() {
    for rate in RATES {
        // A tenth more, for the filter rings where the tone begins.
        let jump = 26_400 * 3775 / rate as i32;
        for played in (0..rate as usize / 50).step_by(29) {
            let mut rig = speaking(rate, &tone(9_600));
            rig.dac.tick(played);
            rig.mouth(|mouth| mouth.cut());
            rig.turn();
            rig.hear(rate as usize / 20);
            let most = jump + 32_767 / (rate as i32 / 200) + 60;
            assert!(largest_jump(&rig.dac.out) <= most, "{rate} Hz: a click after {played} frames");
        }
    }
}

#[test]
fn nothing_of_a_cut_reply_is_left_in_the_one_after_it() {
    for rate in RATES {
        let reply = tone(1_200);
        let alone = {
            let mut rig = Rig::at(rate);
            rig.say(&reply);
            rig.turn();
            rig.hear(rate as usize / 10)
        };
        let mut rig = speaking(rate, &tone(9_600));
        rig.dac.tick(50);
        rig.mouth(|mouth| mouth.cut());
        rig.say(&reply);
        rig.turn();
        let fade = rate as usize / 200;
        let heard = rig.hear(fade + rate as usize / 20);
        assert_eq!(heard[fade..], alone[..heard.len() - fade], "{rate} Hz");
    }
}

#[test]
fn a_reply_that_ends_in_the_middle_of_a_word_fades() {
    for rate in RATES {
        let mut rig = Rig::at(rate);
        rig.say(&tone(695));
        rig.turn();
        rig.hear(rate as usize / 10);
        // A fifth more, for the filter rings where the fade begins.
        let most = 28_800 * 3775 / rate as i32;
        assert!(largest_jump(&rig.dac.out) <= most, "{rate} Hz: {}", largest_jump(&rig.dac.out));
        assert_eq!(rig.sound.borrow().counters().starved.get(), 1);
        assert_eq!(rig.mouth(|mouth| mouth.played_position()), 695);
    }
}

#[test]
fn an_xrun_loses_nothing_of_the_reply() {
    for rate in RATES {
        let whole = speaking(rate, &numbered(0, 9_600)).hear(rate as usize / 5);
        let mut rig = speaking(rate, &numbered(0, 9_600));
        let from = rig.dac.out.len();
        rig.dac.tick(rig.dac.queue + 100);
        rig.turn();
        rig.hear(rate as usize / 5);
        // The ramp knows no silence of its own.
        let heard: Vec<i16> = rig.dac.out[from..].iter().copied().filter(|sample| *sample > 900).collect();
        let whole: Vec<i16> = whole.into_iter().filter(|sample| *sample > 900).collect();
        let both = heard.len().min(whole.len());
        assert!(both > rate as usize / 6 && heard[..both] == whole[..both], "{rate} Hz");
    }
}

#[test]
fn what_a_lost_device_held_is_not_taken_for_heard_and_the_rest_is_played() {
    for rate in RATES {
        let mut rig = speaking(rate, &numbered(0, 9_600));
        let before = rig.mouth(|mouth| mouth.played_position());
        rig.dac.trouble = Some(PcmError::Lost(DeviceLost { errno: 19 }));
        assert!(rig.playback.run(&mut rig.dac).is_err());
        rig.dac = Dac::at(rate);
        rig.turn();
        assert_eq!(rig.mouth(|mouth| mouth.played_position()), before, "{rate} Hz");
        let heard = rig.hear(rate as usize / 10);
        let held = u64::try_from(heard[9]).unwrap() - 1000;
        assert!(
            held.abs_diff(before + 480) <= 20,
            "{rate} Hz: {held} follows {before} and 20 ms that were lost"
        );
        let truth = u64::try_from(rig.dac.out.last().copied().unwrap()).unwrap() - 1000;
        let known = rig.mouth(|mouth| mouth.played_position());
        assert!(known.abs_diff(truth) <= OFF, "{rate} Hz: {known} heard, {truth} played");
        rig.hear(rate as usize / 2);
        assert_eq!(rig.mouth(|mouth| mouth.played_position()), 9_600);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_was_heard_never_goes_back_and_never_exceeds_what_was_written(
        rate in prop::sample::select(RATES.to_vec()),
        steps in prop::collection::vec((0..8u8, 0..900usize), 1..40)
    ) {
        let mut rig = Rig::at(rate);
        let (mut last, mut cut_at) = (0, None);
        for (what, frames) in steps {
            match what {
                0..3 => { rig.say(&vec![9_000; frames]); }
                3 => { cut_at = Some(rig.mouth(|mouth| mouth.cut())); }
                _ => {
                    rig.dac.tick(frames);
                    rig.turn();
                }
            }
            let (heard, written) = rig.mouth(|mouth| (mouth.played_position(), mouth.written()));
            prop_assert!(heard >= last && heard <= written);
            last = heard;
            while let Some(CutReceipt { cut, played }) = rig.mouth(|mouth| mouth.receipt()) {
                prop_assert!(played <= cut && cut <= written);
            }
        }
        while rig.mouth(|mouth| mouth.waiting()) > 0 {
            rig.hear(rate as usize / 100);
        }
        rig.hear(rate as usize / 10);
        let (heard, written) = rig.mouth(|mouth| (mouth.played_position(), mouth.written()));
        prop_assert!(heard == written || cut_at == Some(written), "{heard} of {written}");
        prop_assert!(rig.hear(100).iter().all(|sample| *sample == 0));
    }
}

#[test]
fn a_microphone_of_any_rate_is_heard_at_ours() {
    for rate in RATES {
        let (mut sound, mut capture) = listening(rate, 0.0);
        let mut mic = Mic::of(tone_at(rate, 440.0, 0.5, rate as usize / 2));
        while capture.step(&mut mic).unwrap() {}
        let heard = read(&mut sound);
        assert!(heard.len().abs_diff(12_000) < 60, "{rate} Hz: {} frames", heard.len());
        let loudest = heard[2_400..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((16_300..16_400).contains(&loudest), "{rate} Hz: {loudest}");
        assert_eq!(sound.counters().captured.get(), u64::from(rate) / 2);
    }
}

#[test]
fn an_offset_is_taken_away_and_what_is_made_louder_never_clips() {
    let (mut sound, mut capture) = listening(48_000, 30.0);
    let loud = tone_at(48_000, 440.0, 0.3, 24_000).iter().map(|sample| sample + 0.2).collect();
    let mut mic = Mic::of(loud);
    while capture.step(&mut mic).unwrap() {}
    let heard = read(&mut sound);
    // A limited tone is a tone as loud as can be; a clipped one stands still at its peaks.
    let standing = heard.windows(4).filter(|four| four.iter().all(|one| one.unsigned_abs() > 32_700)).count();
    assert!(standing < heard.len() / 100, "{standing} of {}", heard.len());
    assert!(heard.iter().any(|sample| *sample > 32_000) && heard.iter().any(|sample| *sample < -32_000));
    assert!(heard.iter().all(|sample| *sample > i16::MIN));
}

#[test]
fn our_own_form_is_heard_to_the_bit_offset_and_all() {
    let intake = CaptureChain::new(StreamFormat::default(), 24_000, 240, 0.0, true).unwrap();
    let (mut sound, mut capture) = listening_by(intake);
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).step_by(3).collect();
    let mut mic = Mic::of(samples.iter().map(|sample| float(*sample)).collect());
    while capture.step(&mut mic).unwrap() {}
    assert!(read(&mut sound) == samples);
}

#[test]
fn a_microphone_that_is_opened_again_says_nothing_of_the_time_before() {
    let (mut sound, mut capture) = listening(48_000, 0.0);
    capture.mark_open(true);
    let mut mic = Mic::of(tone_at(48_000, 440.0, 0.9, 4_800));
    while capture.step(&mut mic).unwrap() {}
    capture.mark_open(false);
    read(&mut sound);
    capture.mark_open(true);
    let mut mic = Mic::of(vec![0.0; 4_800]);
    while capture.step(&mut mic).unwrap() {}
    assert!(read(&mut sound).iter().all(|sample| *sample == 0));
}

#[test]
fn nothing_is_allocated_between_any_two_rates() {
    for rate in RATES {
        let (_sound, mut capture) = listening(rate, 20.0);
        let mut mic = Mic::of(tone_at(rate, 440.0, 0.5, rate as usize / 2));
        let mut rig = Rig::at(rate);
        let reply: Vec<[i16; 1]> = tone(2_400).into_iter().map(|sample| [sample]).collect();
        assert_no_alloc(|| {
            for round in 0..8 {
                capture.step(&mut mic).unwrap();
                rig.mouth(|mouth| mouth.write(&reply));
                rig.mouth(|mouth| mouth.set_volume(round * 12));
                rig.turn();
                rig.dac.tick(if round == 5 { rig.dac.buffer } else { rig.dac.period });
                if round == 3 {
                    rig.mouth(|mouth| mouth.cut());
                }
                rig.turn();
            }
        });
        assert!(rig.sound.borrow().counters().playback_xruns.get() > 0 && !rig.dac.flushes.is_empty());
    }
}

struct Mic {
    samples: Vec<f32>,
    place: usize,
}

impl Mic {
    fn of(samples: Vec<f32>) -> Mic {
        Mic { samples, place: 0 }
    }
}

impl CaptureDevice for Mic {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        let rest = &self.samples[self.place..];
        let taken = rest.len().min(into.len());
        into[..taken].copy_from_slice(&rest[..taken]);
        self.place += taken;
        Ok(taken)
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}

fn listening(rate: u32, gain_db: f32) -> (AudioIo, Capture) {
    listening_by(
        CaptureChain::new(StreamFormat::default(), rate, rate as usize / 100, gain_db, false).unwrap(),
    )
}

fn listening_by(intake: CaptureChain) -> (AudioIo, Capture) {
    let outlet = PlaybackChain::new(StreamFormat::default(), 24_000, 240).unwrap();
    let (sound, capture, _) = steps_with_chains(StreamFormat::default(), intake, outlet).unwrap();
    (sound, capture)
}

fn read(sound: &mut AudioIo) -> Vec<i16> {
    let mut into = vec![[0]; 48_000];
    let taken = sound.capture.read(&mut into);
    into[..taken].as_flattened().to_vec()
}

/// A reply that has been heard for 30 ms.
fn speaking(rate: u32, reply: &[i16]) -> Rig {
    let mut rig = Rig::at(rate);
    rig.say(reply);
    rig.turn();
    rig.hear(3 * rate as usize / 100);
    rig
}
