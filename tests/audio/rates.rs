//! Both steps with devices of other rates keep the guarantees of the lanes' own rate.

use assert_no_alloc::assert_no_alloc;
use mynah::audio::{
    AudioIo, Capture, CaptureChain, CaptureDevice, CutReceipt, DeviceLost, PcmError, PlaybackChain, Recovery,
    StreamFormat, steps_with_chains,
};
use mynah::dsp::{float, sample};
use proptest::prelude::*;

use super::dac::{Dac, Rig, largest_jump, numbered, tone};
use crate::dsp::measure::{RATES, resampled, tone as tone_at};

/// Lane frames by which a position may be off, since the filter rounds the edges of a ramp.
const TOLERANCE: u64 = 2;

#[test]
fn the_reply_is_played_at_the_device_rate_to_the_sample() {
    for rate in RATES {
        let reply = tone(2_400);
        for write_max in [usize::MAX, 7] {
            let mut rig = Rig::at_rate(rate);
            rig.dac.write_max = write_max;
            rig.write(&reply);
            rig.run();
            let output = rig.play(rate as usize / 8);
            let floats: Vec<f32> = reply.iter().map(|sample| float(*sample)).collect();
            let expected: Vec<i16> = resampled(24_000, rate, &floats).into_iter().map(sample).collect();
            // Samples that overshoot full scale are limited, so they may differ.
            let off = expected.iter().zip(&output).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
            assert!(off.unwrap() <= 40, "{rate} Hz: off by {off:?}");
        }
    }
}

#[test]
fn the_played_position_is_close_and_finally_exact() {
    for rate in RATES {
        let mut rig = Rig::at_rate(rate);
        rig.write(&numbered(0, 20_000));
        rig.run();
        let mut last = 0;
        while rig.dac.out.len() < rate as usize {
            rig.dac.tick(rig.dac.period / 3);
            rig.run();
            let position = rig.handle(|handle| handle.played_position());
            assert!(position >= last, "{rate} Hz: it went back from {last} to {position}");
            last = position;
            let playing = rig.dac.out.last().copied().unwrap();
            if (2_000..20_000).contains(&playing) && position < 19_900 {
                let expected = u64::try_from(playing).unwrap() - 1000;
                assert!(
                    position.abs_diff(expected) <= TOLERANCE,
                    "{rate} Hz: {position} position, {expected} played"
                );
            }
        }
        assert_eq!(last, 20_000, "{rate} Hz");
    }
}

#[test]
fn a_cut_is_silent_after_its_fade_with_an_exact_receipt() {
    for rate in RATES {
        for played in (0..rate as usize / 50).step_by(37) {
            let mut rig = playing(rate, &numbered(0, 20_000));
            rig.dac.tick(played);
            let expected = u64::try_from(rig.dac.out.last().copied().unwrap()).unwrap() - 1000;
            let cut = rig.handle(|handle| handle.cut());
            rig.run();
            let receipt = rig.handle(|handle| handle.receipt()).unwrap();
            assert!(
                receipt.cut == cut && receipt.played.abs_diff(expected) <= TOLERANCE,
                "{rate} Hz: {receipt:?}, {expected}"
            );
            let output = rig.play(rate as usize / 10);
            assert!(
                output[rate as usize / 200..].iter().all(|sample| *sample == 0),
                "{rate} Hz: sound continues"
            );
            assert_eq!(rig.handle(|handle| handle.played_position()), receipt.played);
        }
    }
}

#[test]
fn a_cut_does_not_click() {
    for rate in RATES {
        // 10 % more, since the filter rings at the start of the tone.
        let jump = 26_400 * 3775 / rate as i32;
        for played in (0..rate as usize / 50).step_by(29) {
            let mut rig = playing(rate, &tone(9_600));
            rig.dac.tick(played);
            rig.handle(|handle| handle.cut());
            rig.run();
            rig.play(rate as usize / 20);
            let jump_max = jump + 32_767 / (rate as i32 / 200) + 60;
            assert!(largest_jump(&rig.dac.out) <= jump_max, "{rate} Hz: a click after {played} frames");
        }
    }
}

#[test]
fn nothing_of_a_cut_reply_remains_in_the_next_one() {
    for rate in RATES {
        let reply = tone(1_200);
        let alone = {
            let mut rig = Rig::at_rate(rate);
            rig.write(&reply);
            rig.run();
            rig.play(rate as usize / 10)
        };
        let mut rig = playing(rate, &tone(9_600));
        rig.dac.tick(50);
        rig.handle(|handle| handle.cut());
        rig.write(&reply);
        rig.run();
        let fade = rate as usize / 200;
        let output = rig.play(fade + rate as usize / 20);
        assert_eq!(output[fade..], alone[..output.len() - fade], "{rate} Hz");
    }
}

#[test]
fn a_reply_that_ends_abruptly_fades_out() {
    for rate in RATES {
        let mut rig = Rig::at_rate(rate);
        rig.write(&tone(695));
        rig.run();
        rig.play(rate as usize / 10);
        // 20 % more, since the filter rings at the start of the fade.
        let jump_max = 28_800 * 3775 / rate as i32;
        assert!(largest_jump(&rig.dac.out) <= jump_max, "{rate} Hz: {}", largest_jump(&rig.dac.out));
        assert_eq!(rig.audio.borrow().counters().starved.get(), 1);
        assert_eq!(rig.handle(|handle| handle.played_position()), 695);
    }
}

#[test]
fn an_xrun_loses_nothing_of_the_reply() {
    for rate in RATES {
        let whole = playing(rate, &numbered(0, 9_600)).play(rate as usize / 5);
        let mut rig = playing(rate, &numbered(0, 9_600));
        let from = rig.dac.out.len();
        rig.dac.tick(rig.dac.queue + 100);
        rig.run();
        rig.play(rate as usize / 5);
        // The ramp itself contains no silence.
        let output: Vec<i16> = rig.dac.out[from..].iter().copied().filter(|sample| *sample > 900).collect();
        let whole: Vec<i16> = whole.into_iter().filter(|sample| *sample > 900).collect();
        let both = output.len().min(whole.len());
        assert!(both > rate as usize / 6 && output[..both] == whole[..both], "{rate} Hz");
    }
}

#[test]
fn the_buffer_of_a_lost_device_does_not_count_as_played() {
    for rate in RATES {
        let mut rig = playing(rate, &numbered(0, 9_600));
        let before = rig.handle(|handle| handle.played_position());
        rig.dac.error = Some(PcmError::Lost(DeviceLost { errno: 19 }));
        assert!(rig.playback.run(&mut rig.dac).is_err());
        rig.dac = Dac::at_rate(rate);
        rig.run();
        assert_eq!(rig.handle(|handle| handle.played_position()), before, "{rate} Hz");
        let output = rig.play(rate as usize / 10);
        let held = u64::try_from(output[9]).unwrap() - 1000;
        assert!(
            held.abs_diff(before + 480) <= 20,
            "{rate} Hz: {held} follows {before} and 20 ms that were lost"
        );
        let expected = u64::try_from(rig.dac.out.last().copied().unwrap()).unwrap() - 1000;
        let known = rig.handle(|handle| handle.played_position());
        assert!(known.abs_diff(expected) <= TOLERANCE, "{rate} Hz: position {known}, {expected} played");
        rig.play(rate as usize / 2);
        assert_eq!(rig.handle(|handle| handle.played_position()), 9_600);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_played_position_is_monotonic_and_at_most_the_written(
        rate in prop::sample::select(RATES.to_vec()),
        steps in prop::collection::vec((0..8u8, 0..900usize), 1..40)
    ) {
        let mut rig = Rig::at_rate(rate);
        let (mut last, mut cut_at) = (0, None);
        for (what, frames) in steps {
            match what {
                0..3 => { rig.write(&vec![9_000; frames]); }
                3 => { cut_at = Some(rig.handle(|handle| handle.cut())); }
                _ => {
                    rig.dac.tick(frames);
                    rig.run();
                }
            }
            let (position, written) = rig.handle(|handle| (handle.played_position(), handle.written()));
            prop_assert!(position >= last && position <= written);
            last = position;
            while let Some(CutReceipt { cut, played }) = rig.handle(|handle| handle.receipt()) {
                prop_assert!(played <= cut && cut <= written);
            }
        }
        while rig.handle(|handle| handle.waiting()) > 0 {
            rig.play(rate as usize / 100);
        }
        rig.play(rate as usize / 10);
        let (position, written) = rig.handle(|handle| (handle.played_position(), handle.written()));
        prop_assert!(position == written || cut_at == Some(written), "{position} of {written}");
        prop_assert!(rig.play(100).iter().all(|sample| *sample == 0));
    }
}

#[test]
fn any_microphone_rate_is_converted_to_the_lane_rate() {
    for rate in RATES {
        let (mut audio, mut capture) = capture_at(rate, 0.0);
        let mut mic = Mic::new(tone_at(rate, 440.0, 0.5, rate as usize / 2));
        while capture.step(&mut mic).unwrap() {}
        let captured = read(&mut audio);
        assert!(captured.len().abs_diff(12_000) < 60, "{rate} Hz: {} frames", captured.len());
        let loudest = captured[2_400..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((16_300..16_400).contains(&loudest), "{rate} Hz: {loudest}");
        assert_eq!(audio.counters().captured.get(), u64::from(rate) / 2);
    }
}

#[test]
fn any_microphone_rate_is_converted_to_16_khz() {
    let format = StreamFormat { capture_hz: 16_000, ..StreamFormat::default() };
    for rate in RATES {
        let chain = CaptureChain::new(format, rate, rate as usize / 100, 0.0, false).unwrap();
        let playback_chain = PlaybackChain::new(format, 24_000, 240).unwrap();
        let (mut audio, mut capture, _) = steps_with_chains(format, chain, playback_chain).unwrap();
        assert_eq!(audio.capture_hz(), 16_000);
        let mut mic = Mic::new(tone_at(rate, 440.0, 0.5, rate as usize));
        while capture.step(&mut mic).unwrap() {}
        let captured = read(&mut audio);
        assert!(captured.len().abs_diff(16_000) < 160, "{rate} Hz: {} frames of a second", captured.len());
        // The edges of the tone may cross zero once more.
        let middle = &captured[1600..14_400];
        let rises = middle.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!(rises.abs_diff(352) <= 1, "{rate} Hz: {rises} periods of 440 Hz in 0.8 s");
    }
}

#[test]
fn dc_is_removed_and_gain_never_clips() {
    let (mut audio, mut capture) = capture_at(48_000, 30.0);
    let loud = tone_at(48_000, 440.0, 0.3, 24_000).iter().map(|sample| sample + 0.2).collect();
    let mut mic = Mic::new(loud);
    while capture.step(&mut mic).unwrap() {}
    let captured = read(&mut audio);
    // A clipped tone is flat at its peaks; a limited one is not.
    let flat_runs =
        captured.windows(4).filter(|four| four.iter().all(|one| one.unsigned_abs() > 32_700)).count();
    assert!(flat_runs < captured.len() / 100, "{flat_runs} of {}", captured.len());
    assert!(
        captured.iter().any(|sample| *sample > 32_000) && captured.iter().any(|sample| *sample < -32_000)
    );
    assert!(captured.iter().all(|sample| *sample > i16::MIN));
}

#[test]
fn samples_in_the_lane_format_pass_bit_exact_with_dc() {
    let capture_chain = CaptureChain::new(StreamFormat::default(), 24_000, 240, 0.0, true).unwrap();
    let (mut audio, mut capture) = capture_with(capture_chain);
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).step_by(3).collect();
    let mut mic = Mic::new(samples.iter().map(|sample| float(*sample)).collect());
    while capture.step(&mut mic).unwrap() {}
    assert!(read(&mut audio) == samples);
}

#[test]
fn a_reopened_microphone_delivers_no_old_samples() {
    let (mut audio, mut capture) = capture_at(48_000, 0.0);
    capture.mark_open(true);
    let mut mic = Mic::new(tone_at(48_000, 440.0, 0.9, 4_800));
    while capture.step(&mut mic).unwrap() {}
    capture.mark_open(false);
    read(&mut audio);
    capture.mark_open(true);
    let mut mic = Mic::new(vec![0.0; 4_800]);
    while capture.step(&mut mic).unwrap() {}
    assert!(read(&mut audio).iter().all(|sample| *sample == 0));
}

#[test]
fn the_steps_allocate_nothing_at_any_rate() {
    for rate in RATES {
        let (_sound, mut capture) = capture_at(rate, 20.0);
        let mut mic = Mic::new(tone_at(rate, 440.0, 0.5, rate as usize / 2));
        let mut rig = Rig::at_rate(rate);
        let reply: Vec<[i16; 1]> = tone(2_400).into_iter().map(|sample| [sample]).collect();
        assert_no_alloc(|| {
            for round in 0..8 {
                capture.step(&mut mic).unwrap();
                rig.handle(|handle| handle.write(&reply));
                rig.handle(|handle| handle.set_volume(round * 12));
                rig.run();
                rig.dac.tick(if round == 5 { rig.dac.buffer } else { rig.dac.period });
                if round == 3 {
                    rig.handle(|handle| handle.cut());
                }
                rig.run();
            }
        });
        assert!(rig.audio.borrow().counters().playback_xruns.get() > 0 && !rig.dac.flushes.is_empty());
    }
}

struct Mic {
    samples: Vec<f32>,
    next: usize,
}

impl Mic {
    fn new(samples: Vec<f32>) -> Mic {
        Mic { samples, next: 0 }
    }
}

impl CaptureDevice for Mic {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        let rest = &self.samples[self.next..];
        let taken = rest.len().min(into.len());
        into[..taken].copy_from_slice(&rest[..taken]);
        self.next += taken;
        Ok(taken)
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}

fn capture_at(rate: u32, gain_db: f32) -> (AudioIo, Capture) {
    capture_with(
        CaptureChain::new(StreamFormat::default(), rate, rate as usize / 100, gain_db, false).unwrap(),
    )
}

fn capture_with(capture_chain: CaptureChain) -> (AudioIo, Capture) {
    let playback_chain = PlaybackChain::new(StreamFormat::default(), 24_000, 240).unwrap();
    let (audio, capture, _) =
        steps_with_chains(StreamFormat::default(), capture_chain, playback_chain).unwrap();
    (audio, capture)
}

fn read(audio: &mut AudioIo) -> Vec<i16> {
    let mut into = vec![[0]; 48_000];
    let taken = audio.capture.read(&mut into);
    into[..taken].as_flattened().to_vec()
}

/// Returns a rig that has played 30 ms of the reply.
fn playing(rate: u32, reply: &[i16]) -> Rig {
    let mut rig = Rig::at_rate(rate);
    rig.write(reply);
    rig.run();
    rig.play(3 * rate as usize / 100);
    rig
}
