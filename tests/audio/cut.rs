//! A cut: silence at once, no click, and a receipt with the played position.

use mynah::audio::{CutReceipt, PcmError};

use super::dac::{FADE, PERIOD, QUEUE, Rig, largest_jump, number, numbered, tone};

/// The largest step of a full-scale 440 Hz tone, and what the fade adds to it.
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
        assert!(output[FADE..].iter().all(|sample| *sample == 0), "sound continues after {played} frames");
    }
}

#[test]
fn a_cut_without_a_wake_is_silent_within_a_period_and_a_fade() {
    let mut rig = playing(&tone(4800));
    rig.handle(|handle| handle.cut());
    let output = rig.play(1000);
    assert!(output[PERIOD + FADE..].iter().all(|sample| *sample == 0));
}

#[test]
fn a_cut_at_any_position_does_not_click() {
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
fn a_cut_within_the_fade_of_another_does_not_click() {
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
fn the_reply_after_a_cut_is_complete_to_the_sample() {
    let mut rig = playing(&tone(4800));
    let reply = numbered(0, 2000);
    rig.handle(|handle| handle.cut());
    rig.write(&reply);
    rig.run();
    let output = rig.play(FADE + 2000);
    assert_eq!(output[FADE..], reply);
}

#[test]
fn the_receipt_holds_the_exact_played_position() {
    for played in 0..=QUEUE {
        let mut rig = playing(&numbered(0, 4800));
        rig.dac.tick(played);
        let cut = rig.handle(|handle| handle.cut());
        assert!(rig.run(), "the session is woken");
        let expected = played_up_to(&rig.dac.out);
        assert_eq!(rig.handle(|handle| handle.receipt()), Some(CutReceipt { cut, played: expected }));
        assert_eq!(rig.handle(|handle| (handle.receipt(), handle.played_position())), (None, expected));
    }
}

#[test]
fn the_receipt_is_off_by_at_most_the_error_of_the_delay() {
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
fn an_impossible_delay_is_clamped() {
    let mut rig = playing(&numbered(0, 4800));
    let before = rig.handle(|handle| handle.played_position());
    rig.dac.delay_error = 1_000_000;
    rig.run();
    assert_eq!(rig.handle(|handle| handle.played_position()), before, "it does not go back");
    rig.dac.delay_error = -1_000_000;
    rig.run();
    assert_eq!(
        rig.handle(|handle| handle.played_position()),
        before + QUEUE as u64,
        "at most the written frames"
    );
}

#[test]
fn a_cut_in_silence_does_not_flush_the_speaker() {
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
fn a_cut_discards_frames_between_the_lane_and_the_speaker() {
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
fn frames_written_after_a_cut_within_a_step_survive() {
    let mut rig = playing(&numbered(0, 4800));
    let audio = std::rc::Rc::clone(&rig.audio);
    let mut once = true;
    // The step has looked for a cut when it reads the level of the speaker, and reads the lane after that.
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
fn a_cut_on_a_lost_device_is_applied_when_it_is_back() {
    let mut rig = playing(&numbered(0, 4800));
    let expected = played_up_to(&rig.dac.out);
    let lost = mynah::audio::DeviceLost { errno: 19 };
    rig.dac.error = Some(PcmError::Lost(lost));
    rig.handle(|handle| handle.cut());
    assert_eq!(rig.playback.run(&mut rig.dac), Err(lost));
    rig.dac = super::dac::Dac::new();
    rig.run();
    assert_eq!(rig.handle(|handle| handle.receipt()), Some(CutReceipt { cut: 4800, played: expected }));
    assert!(rig.play(960).iter().all(|sample| *sample == 0));
}

#[test]
fn receipts_that_are_not_taken_are_dropped_and_counted() {
    let mut rig = Rig::new();
    for _ in 0..20 {
        rig.write(&[1]);
        rig.handle(|handle| handle.cut());
        rig.run();
    }
    assert_eq!(rig.audio.borrow().counters().receipts_lost.get(), 4);
    assert_eq!(rig.handle(|handle| handle.receipt()).map(|receipt| receipt.cut), Some(1));
}

/// Returns a rig that has played 720 frames of the reply.
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
