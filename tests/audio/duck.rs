//! The duck: what is heard is turned down at once, without a click, and comes back slowly. What is turned down counts as
//! played all the same.

use mynah::audio::CutMode;
use mynah::dsp::factor;
use mynah::model::TalkEvidence::{self, None, Strong, Weak};

use super::dac::{FADE, PERIOD, QUEUE, Rig, largest_jump, numbered};

const VALUE: i16 = 20_000;
/// The ramps down and up, in milliseconds.
const DOWN_MS: usize = 10;
const UP_MS: usize = 200;

#[test]
fn a_queue_that_can_be_rewritten_is_turned_down_within_a_margin_and_the_ramp() {
    // The margins of I2S and of USB cards.
    for (rate_hz, margin_ms) in [(24_000, 4), (48_000, 8)] {
        for (evidence, db) in [(Weak, -12.0), (Strong, -26.0)] {
            let ms = rate_hz as usize / 1000;
            for played in (0..20 * ms).step_by(37) {
                let mut rig = playing(CutMode::Rewrite, rate_hz, margin_ms * ms);
                rig.dac.tick(played);
                let reached = frames_until(&mut rig, evidence, level(db));
                // Of the 35 ms from the detector to the ear, this leaves 17 to wake two threads.
                assert!(reached <= (margin_ms + DOWN_MS) * ms + 1, "{evidence:?} after {reached} frames");
                assert!(largest_jump(&rig.dac.out[100 * ms..]) <= i32::from(VALUE) / (10 * ms as i32) + 1);
            }
        }
    }
}

#[test]
fn another_queue_is_turned_down_behind_what_it_holds() {
    for cut in [CutMode::Drop, CutMode::RunOut] {
        for played in (0..QUEUE).step_by(37) {
            let mut rig = playing(cut, 24_000, 0);
            rig.dac.tick(played);
            let queued = rig.dac.buffered.len();
            let reached = frames_until(&mut rig, Strong, level(-26.0));
            assert!(reached <= queued + 15 * 24, "{reached} frames with {queued} queued");
            assert!(largest_jump(&rig.dac.out[2_400..]) <= i32::from(VALUE) / 240 + 1);
            assert!(rig.dac.flushes.is_empty(), "the stream never stops for it");
        }
    }
}

#[test]
fn the_volume_comes_back_slowly_from_what_is_written_next() {
    for cut in [CutMode::Rewrite, CutMode::RunOut] {
        let mut rig = playing(cut, 24_000, 96);
        frames_until(&mut rig, Strong, level(-26.0));
        rig.play(PERIOD);
        let queued = rig.dac.buffered.len();
        let reached = frames_until(&mut rig, None, VALUE);
        assert!((UP_MS * 24..=UP_MS * 24 + queued + PERIOD).contains(&reached), "{cut:?}: {reached} frames");
        let heard = &rig.dac.out[rig.dac.out.len() - reached..];
        assert!(heard.is_sorted() && largest_jump(heard) <= 5, "{cut:?}");
    }
}

#[test]
fn strong_evidence_turns_down_further_and_weaker_does_not_click() {
    let mut rig = playing(CutMode::Rewrite, 24_000, 96);
    frames_until(&mut rig, Weak, level(-12.0));
    let reached = frames_until(&mut rig, Strong, level(-26.0));
    assert!(reached <= 96 + DOWN_MS * 24 + 1, "{reached} frames");
    // Turned down again while it comes back.
    rig.handle(|handle| handle.set_duck(None));
    rig.play(10 * PERIOD);
    let start = rig.dac.out.len();
    frames_until(&mut rig, Strong, level(-26.0));
    assert!(largest_jump(&rig.dac.out[start - PERIOD..]) <= i32::from(VALUE) / 240 + 1);
}

#[test]
fn turned_down_frames_count_as_played_and_none_is_lost() {
    for cut in [CutMode::Rewrite, CutMode::RunOut, CutMode::Drop] {
        let mut rig = with_cut(cut, 24_000, 96);
        rig.write(&numbered(0, 24_000));
        rig.run();
        for (period, evidence) in [(5, Weak), (9, Strong), (12, None)] {
            while rig.dac.out.len() < period * PERIOD {
                rig.play(PERIOD);
            }
            rig.handle(|handle| handle.set_duck(evidence));
            rig.run();
        }
        rig.play(28_000);
        let (first, last) = (number_at(&rig.dac.out, 0), number_at(&rig.dac.out, 23_999));
        assert_eq!(last - first, 23_999, "{cut:?}: nothing is lost or repeated");
        assert_eq!(rig.handle(|handle| handle.played_position()), 24_000, "{cut:?}");
    }
}

#[test]
fn a_cut_of_a_turned_down_reply_is_never_louder_than_it_was() {
    for cut in [CutMode::Rewrite, CutMode::RunOut, CutMode::Drop] {
        let mut rig = playing(cut, 24_000, 96);
        frames_until(&mut rig, Strong, level(-26.0));
        // The session cuts, and ends the duck with it.
        rig.handle(|handle| handle.cut());
        rig.handle(|handle| handle.set_duck(None));
        rig.run();
        let output = rig.play(QUEUE + 2 * FADE);
        let loudest = output.iter().max().copied().unwrap();
        // Of the 200 ms until the volume is back, the fade is the first 5.
        assert!(loudest <= level(-26.0) + VALUE / 40, "{cut:?}: {loudest}");
        // The next reply begins when that is over, as replies do.
        rig.play(UP_MS * 24);
        rig.write(&[VALUE; 2_400]);
        let output = rig.play(4_800);
        assert!(output.iter().all(|sample| *sample == 0 || *sample == VALUE || *sample < VALUE), "{cut:?}");
        assert_eq!(output.iter().find(|sample| **sample != 0), Some(&VALUE), "{cut:?}");
    }
}

/// Turns the reply down, and plays until a level is heard; returns after how many frames.
fn frames_until(rig: &mut Rig, evidence: TalkEvidence, level: i16) -> usize {
    let start = rig.dac.out.len();
    rig.handle(|handle| handle.set_duck(evidence));
    rig.run();
    let is_reached = |sample: &i16| sample.abs_diff(level) <= 1;
    for _ in 0..100 {
        if let Some(at) = rig.dac.out[start..].iter().position(is_reached) {
            return at;
        }
        rig.play(rig.dac.period);
    }
    panic!("{level} is never heard");
}

fn level(db: f32) -> i16 {
    (f32::from(VALUE) * factor(db)).round() as i16
}

/// Returns where the sample of a lane position is heard at full volume.
fn number_at(out: &[i16], position: usize) -> usize {
    let number = super::dac::number(position as u64);
    out.iter().position(|sample| *sample == number).unwrap()
}

fn with_cut(cut: CutMode, rate_hz: u32, margin: usize) -> Rig {
    let mut rig = Rig::at_rate(rate_hz);
    (rig.dac.cut, rig.dac.margin, rig.dac.buffer) = (cut, margin, rate_hz as usize);
    if cut == CutMode::Rewrite {
        rig.dac.queue = rate_hz as usize / 4;
    }
    rig
}

/// Returns a rig that has played 100 ms of a constant reply of a second.
fn playing(cut: CutMode, rate_hz: u32, margin: usize) -> Rig {
    let mut rig = with_cut(cut, rate_hz, margin);
    rig.write(&[VALUE; 24_000]);
    rig.run();
    rig.play(rate_hz as usize / 10);
    rig
}
