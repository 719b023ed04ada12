//! A cut: silent at once, no click, and the receipt says what was output.

use mynah::audio::{CutReceipt, PcmError};

use super::dac::{FADE, PERIOD, QUEUE, Rig, largest_jump, number, numbered, tone};

/// What a full-scale 440 Hz tone moves from one sample to the next, and what the fade adds.
const TONE_JUMP: i32 = 3775;
const FADE_JUMP: i32 = 32767 / FADE as i32 + 1;

#[test]
fn a_cut_is_silent_within_a_fade_from_any_fill() {
    for played in 0..=QUEUE {
        let mut rig = playing(&tone(4800));
        rig.dac.tick(played);
        rig.handle(|handle| handle.cut());
        rig.run();
        let output = rig.play(1000);
        assert!(output[FADE..].iter().all(|sample| *sample == 0), "sound goes on after {played} frames");
    }
}

#[test]
fn a_cut_nobody_rang_for_is_silent_within_a_period_and_a_fade() {
    let mut rig = playing(&tone(4800));
    rig.handle(|handle| handle.cut());
    let output = rig.play(1000);
    assert!(output[PERIOD + FADE..].iter().all(|sample| *sample == 0));
}

#[test]
fn a_cut_does_not_click_wherever_it_falls() {
    for played in 0..=QUEUE {
        let mut rig = playing(&tone(4800));
        rig.dac.tick(played);
        rig.handle(|handle| handle.cut());
        rig.run();
        rig.play(480);
        assert!(largest_jump(&rig.dac.out) <= TONE_JUMP + FADE_JUMP, "a click after {played} frames");
    }
}

#[test]
fn a_cut_within_the_fade_of_another_does_not_click_either() {
    for between in 0..=FADE {
        let mut rig = playing(&tone(4800));
        rig.handle(|handle| handle.cut());
        rig.run();
        rig.dac.tick(between);
        rig.write(&tone(100));
        rig.handle(|handle| handle.cut());
        rig.run();
        rig.play(480);
        assert!(
            largest_jump(&rig.dac.out) <= TONE_JUMP + 2 * FADE_JUMP,
            "a click after {between} frames of fade"
        );
    }
}

#[test]
fn the_reply_after_a_cut_is_whole_to_the_sample() {
    let mut rig = playing(&tone(4800));
    let reply = numbered(0, 2000);
    rig.handle(|handle| handle.cut());
    rig.write(&reply);
    rig.run();
    let output = rig.play(FADE + 2000);
    assert_eq!(output[FADE..], reply);
}

#[test]
fn the_receipt_says_what_the_dac_played() {
    for played in 0..=QUEUE {
        let mut rig = playing(&numbered(0, 4800));
        rig.dac.tick(played);
        let cut = rig.handle(|handle| handle.cut());
        assert!(rig.run(), "the session is told");
        let expected = played_up_to(&rig.dac.out);
        assert_eq!(rig.handle(|handle| handle.receipt()), Some(CutReceipt { cut, played: expected }));
        assert_eq!(rig.handle(|handle| (handle.receipt(), handle.played_position())), (None, expected));
    }
}

#[test]
fn the_receipt_is_off_by_no_more_than_the_delay_is() {
    for error in [-240, -100, 1, 240] {
        let mut rig = playing(&numbered(0, 4800));
        rig.play(960);
        rig.dac.delay_error = error;
        rig.handle(|handle| handle.cut());
        rig.run();
        let receipt = rig.handle(|handle| handle.receipt()).unwrap();
        assert!(
            receipt.played.abs_diff(played_up_to(&rig.dac.out)) <= error.unsigned_abs(),
            "off by {error}"
        );
    }
}

#[test]
fn a_delay_that_cannot_be_is_taken_for_the_nearest_that_can() {
    let mut rig = playing(&numbered(0, 4800));
    let before = rig.handle(|handle| handle.played_position());
    rig.dac.delay_error = 1_000_000;
    rig.run();
    assert_eq!(rig.handle(|handle| handle.played_position()), before, "what was output stays output");
    rig.dac.delay_error = -1_000_000;
    rig.run();
    assert_eq!(
        rig.handle(|handle| handle.played_position()),
        before + QUEUE as u64,
        "no more than was written"
    );
}

#[test]
fn a_cut_in_silence_leaves_the_speaker_alone() {
    let mut rig = Rig::new();
    rig.run();
    let cut = rig.handle(|handle| handle.cut());
    assert_eq!(cut, 0);
    rig.write(&numbered(0, 480));
    rig.play(1440);
    let cut = rig.handle(|handle| handle.cut());
    assert!(rig.run());
    assert_eq!(rig.handle(|handle| handle.receipt()), Some(CutReceipt { cut, played: 480 }));
    assert!(rig.dac.flushes.is_empty());
}

#[test]
fn a_cut_takes_what_was_taken_from_the_lane_and_not_by_the_speaker() {
    let mut rig = Rig::new();
    rig.write(&numbered(0, 100));
    rig.dac.write_max = 0;
    rig.run();
    rig.handle(|handle| handle.cut());
    rig.write(&numbered(100, 50));
    rig.dac.write_max = usize::MAX;
    rig.run();
    assert_eq!(rig.play(50), numbered(100, 50));
}

#[test]
fn what_is_written_after_a_cut_survives_a_cut_that_falls_inside_a_turn() {
    let mut rig = playing(&numbered(0, 4800));
    let audio = std::rc::Rc::clone(&rig.audio);
    let mut once = true;
    // The step has looked for a cut when it asks the speaker for its level; it reads the lane after.
    rig.dac.on_call = Some(Box::new(move || {
        if std::mem::take(&mut once) {
            let handle = &mut audio.borrow_mut().playback;
            let cut = handle.cut();
            let reply: Vec<[i16; 1]> = numbered(cut, 500).into_iter().map(|sample| [sample]).collect();
            handle.write(&reply);
        }
    }));
    rig.dac.tick(PERIOD);
    rig.run();
    let output = rig.play(FADE + 500);
    assert_eq!(output[FADE..], numbered(4800, 500));
}

#[test]
fn a_cut_while_the_device_is_gone_is_obeyed_when_it_is_back() {
    let mut rig = playing(&numbered(0, 4800));
    let expected = played_up_to(&rig.dac.out);
    let gone = mynah::audio::DeviceLost { errno: 19 };
    rig.dac.error = Some(PcmError::Lost(gone));
    rig.handle(|handle| handle.cut());
    assert_eq!(rig.playback.run(&mut rig.dac), Err(gone));
    rig.dac = super::dac::Dac::new();
    rig.run();
    assert_eq!(rig.handle(|handle| handle.receipt()), Some(CutReceipt { cut: 4800, played: expected }));
    assert!(rig.play(960).iter().all(|sample| *sample == 0));
}

#[test]
fn receipts_that_nobody_takes_are_counted_and_cost_nothing_else() {
    let mut rig = Rig::new();
    for _ in 0..20 {
        rig.write(&[1]);
        rig.handle(|handle| handle.cut());
        rig.run();
    }
    assert_eq!(rig.audio.borrow().counters().receipts_lost.get(), 4);
    assert_eq!(rig.handle(|handle| handle.receipt()).map(|receipt| receipt.cut), Some(1));
}

/// A reply that has been output for a while, one period of the queue played.
fn playing(reply: &[i16]) -> Rig {
    let mut rig = Rig::new();
    rig.write(reply);
    rig.run();
    rig.play(720);
    rig
}

fn played_up_to(out: &[i16]) -> u64 {
    let mut position = 0;
    for sample in out {
        if *sample == number(position) {
            position += 1;
        }
    }
    position
}
