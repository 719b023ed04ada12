//! Cuts, volumes and new replies on speakers with long queues, and on those that stop while nothing is heard.

use mynah::audio::{CutMode, CutReceipt};
use mynah::dsp::volume_factor;
use proptest::prelude::*;

use super::dac::{FADE, PERIOD, QUEUE, Rig, largest_jump, number, numbered, tone};

/// A second, and 4 ms that cannot be taken back.
const LONG: usize = 24_000;
const MARGIN: usize = 96;
/// The largest step of a full-scale 440 Hz tone, and what a fade adds to it.
const TONE_JUMP: i32 = 3775 + 32_767 / FADE as i32 + 1;

#[test]
fn a_cut_on_a_rewritten_queue_is_silent_after_the_margin_and_a_fade() {
    for played in 0..=QUEUE {
        let mut rig = rewriting();
        play_reply(&mut rig, &tone(12_000));
        rig.dac.tick(played);
        rig.handle(|handle| handle.cut());
        rig.run();
        let output = rig.play(2_000);
        assert!(output[MARGIN + FADE..].iter().all(|sample| *sample == 0), "sound after {played} frames");
        assert!(largest_jump(&rig.dac.out) <= TONE_JUMP, "a click after {played} frames");
        assert!(rig.dac.flushes.is_empty() && rig.dac.running, "the stream never stops");
    }
}

#[test]
fn the_receipt_of_a_rewritten_cut_is_where_its_fade_begins() {
    for played in 0..=QUEUE {
        let mut rig = rewriting();
        play_reply(&mut rig, &numbered(0, 12_000));
        rig.dac.tick(played);
        let cut = rig.handle(|handle| handle.cut());
        rig.run();
        let receipt = rig.handle(|handle| handle.receipt()).unwrap();
        rig.play(2_000);
        assert_eq!(receipt, CutReceipt { cut, played: heard_up_to(&rig.dac.out) }, "after {played} frames");
        assert_eq!(rig.handle(|handle| handle.played_position()), receipt.played);
    }
}

#[test]
fn a_cut_that_runs_out_fades_after_the_queue_and_says_so() {
    for played in 0..=QUEUE {
        let mut rig = with_cut(CutMode::RunOut);
        play_reply(&mut rig, &numbered(0, 12_000));
        rig.dac.tick(played);
        let queued = rig.dac.buffered.len();
        let cut = rig.handle(|handle| handle.cut());
        rig.run();
        let receipt = rig.handle(|handle| handle.receipt()).unwrap();
        let output = rig.play(2_000);
        assert_eq!(receipt, CutReceipt { cut, played: heard_up_to(&rig.dac.out) }, "after {played} frames");
        assert!(output[queued + FADE..].iter().all(|sample| *sample == 0));
        assert!(rig.dac.flushes.is_empty());
    }
}

#[test]
fn a_new_volume_is_heard_after_the_margin_and_loses_no_sample() {
    let mut rig = rewriting();
    play_reply(&mut rig, &[20_000; 6_000]);
    rig.handle(|handle| handle.set_volume(50));
    rig.run();
    let start = rig.dac.out.len();
    rig.play(24_000);
    let half = (20_000.0 * volume_factor(50)).round() as i16;
    let after = &rig.dac.out[start..];
    assert_eq!(after[..MARGIN], [20_000; MARGIN]);
    let reached = after.iter().position(|sample| *sample == half).unwrap();
    assert!(reached <= MARGIN + PERIOD, "reached after {reached} frames");
    let nonzero = rig.dac.out.iter().filter(|sample| **sample != 0).count();
    assert!((6_000..=6_000 + FADE).contains(&nonzero), "{nonzero} frames of 6000 and a fade");
    assert!(largest_jump(after) <= 20_000 / FADE as i32 + 1);
}

#[test]
fn a_volume_changed_twice_keeps_every_sample_in_order() {
    let mut rig = rewriting();
    play_reply(&mut rig, &numbered(0, 12_000));
    for percent in [50, 100] {
        rig.handle(|handle| handle.set_volume(percent));
        rig.run();
    }
    rig.play(PERIOD);
    rig.play(3_000);
    let start = rig.dac.out.len();
    let output = rig.play(2_000);
    let first = u64::try_from(output[0]).unwrap() - 1_000;
    assert_eq!(output, numbered(first, 2_000));
    let silence = rig.dac.out.iter().take_while(|sample| **sample == 0).count();
    assert_eq!(first as usize + silence, start, "nothing is lost or repeated");
}

#[test]
fn a_reply_after_long_silence_begins_after_the_margin() {
    let mut rig = rewriting();
    rig.handle(|handle| handle.set_reply_near(false));
    rig.run();
    rig.play(LONG);
    assert_eq!(rig.dac.buffered.len(), LONG);
    rig.write(&numbered(0, 2_000));
    rig.run();
    let output = rig.play(MARGIN + 2_000);
    assert_eq!(output[MARGIN..], numbered(0, 2_000));
    rig.play(PERIOD);
    assert_eq!(rig.handle(|handle| handle.played_position()), 2_000);
}

#[test]
fn a_reply_after_silence_that_can_only_be_dropped_begins_at_once() {
    let mut rig = with_cut(CutMode::Drop);
    (rig.dac.queue, rig.dac.fade_at) = (2_400, 1_440);
    rig.run();
    rig.play(PERIOD);
    assert_eq!(rig.dac.buffered.len(), 2_400);
    rig.write(&numbered(0, 5_000));
    rig.run();
    assert_eq!(rig.dac.flushes.len(), 1, "2400 frames of silence would come first");
    assert_eq!(rig.play(4_800), numbered(0, 4_800));
    let flushes = rig.dac.flushes.len();
    assert_eq!(flushes, 1, "a reply that is heard is not dropped");
    assert_eq!(rig.handle(|handle| handle.played_position()), 4_800);
}

#[test]
fn a_reply_after_a_short_queue_of_silence_follows_it() {
    let mut rig = with_cut(CutMode::Drop);
    rig.run();
    rig.play(PERIOD);
    rig.write(&numbered(0, 1_000));
    rig.run();
    assert!(rig.dac.flushes.is_empty());
    assert_eq!(rig.play(1_440)[QUEUE..], numbered(0, 960));
}

#[test]
fn a_reply_that_goes_on_after_a_gap_replaces_only_the_silence() {
    for gap in [0, 100, 500] {
        let mut rig = rewriting();
        rig.dac.queue = 4_800;
        rig.write(&numbered(0, 1_000));
        rig.run();
        rig.dac.tick(gap);
        rig.write(&numbered(1_000, 1_000));
        rig.run();
        rig.play(4_000);
        let start = rig.dac.out.iter().position(|sample| *sample == number(1_000)).unwrap();
        assert_eq!(rig.dac.out[..1_000], numbered(0, 1_000));
        assert_eq!(rig.dac.out[start..start + 1_000], numbered(1_000, 1_000), "after a gap of {gap}");
        assert!(start <= 1_000 + FADE.max(gap + MARGIN), "after a gap of {gap} it begins at {start}");
        assert_eq!(rig.handle(|handle| handle.played_position()), 2_000);
    }
}

#[test]
fn a_reply_that_has_run_dry_goes_on_without_a_fade_if_more_comes_in_time() {
    let mut rig = rewriting();
    (rig.dac.queue, rig.dac.fade_at) = (4_800, 3 * PERIOD);
    rig.run();
    rig.play(PERIOD);
    rig.write(&numbered(0, 1_500));
    assert!(rig.run(), "the session is told that the lane is empty");
    assert!(!rig.run(), "once");
    assert_eq!(rig.dac.buffered.len(), MARGIN + 1_500, "no fade yet");
    rig.dac.play_on_wakes(&mut rig.playback, 2 * PERIOD);
    rig.write(&numbered(1_500, 1_500));
    rig.run();
    rig.dac.play_on_wakes(&mut rig.playback, 6_000);
    let reply = &rig.dac.out[PERIOD + MARGIN..];
    assert_eq!(reply[..3_000], numbered(0, 3_000));
    assert_eq!(rig.audio.borrow().counters().starved.get(), 1, "only at its end");
    assert!(reply[3_000 + FADE..].iter().all(|sample| *sample == 0));
    assert!(rig.dac.error.is_none(), "it never underruns");
}

#[test]
fn a_resampled_reply_after_silence_is_complete_and_counted() {
    let mut rig = Rig::at_rate(48_000);
    (rig.dac.cut, rig.dac.long, rig.dac.margin, rig.dac.buffer) =
        (CutMode::Rewrite, Some(48_000), 192, 50_000);
    rig.handle(|handle| handle.set_reply_near(false));
    rig.run();
    for reply in 1..=3 {
        rig.play(40_000);
        rig.write(&tone(2_400));
        rig.run();
        rig.play(6_000);
        assert_eq!(rig.handle(|handle| handle.played_position()), 2_400 * reply);
        assert!(largest_jump(&rig.dac.out) <= TONE_JUMP);
    }
    let energy: f64 = rig.dac.out.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let expected = 3.0 * 4_800.0 * 32_767.0_f64.powi(2) / 2.0;
    assert!((energy / expected - 1.0).abs() < 0.02, "{}", energy / expected);
}

#[test]
fn the_queue_is_long_only_while_no_reply_is_near() {
    for cut in [CutMode::RunOut, CutMode::Drop] {
        let mut rig = with_cut(cut);
        rig.dac.long = Some(LONG);
        rig.run();
        assert_eq!(rig.dac.buffered.len(), QUEUE, "a reply is near at the start");
        rig.handle(|handle| handle.set_reply_near(false));
        rig.run();
        assert_eq!(rig.dac.buffered.len(), LONG);
        rig.handle(|handle| handle.set_reply_near(true));
        rig.play(LONG - QUEUE + PERIOD);
        assert_eq!(rig.dac.buffered.len(), QUEUE);
        rig.write(&numbered(0, 1_000));
        rig.handle(|handle| handle.set_reply_near(false));
        rig.run();
        assert_eq!(rig.dac.buffered.len(), QUEUE, "a reply is heard");
    }
}

#[test]
fn a_long_queue_wakes_the_thread_twice_in_its_length() {
    let mut rig = rewriting();
    rig.handle(|handle| handle.set_reply_near(false));
    rig.run();
    let wakes = rig.dac.play_on_wakes(&mut rig.playback, 60 * 24_000);
    assert!(wakes <= 121, "{wakes} wakes in 60 s");
    assert!(rig.dac.error.is_none());
    assert_eq!(rig.dac.out.len(), 60 * 24_000);
}

#[test]
fn the_beginning_of_a_reply_wakes_the_thread_when_it_is_heard() {
    let mut rig = rewriting();
    rig.dac.queue = 4_800;
    rig.handle(|handle| handle.set_reply_near(false));
    rig.run();
    rig.play(1_000);
    rig.write(&numbered(0, 12_000));
    rig.run();
    rig.dac.play_on_wakes(&mut rig.playback, MARGIN + PERIOD);
    let heard = rig.handle(|handle| handle.played_position());
    assert!((1..=2 * PERIOD as u64).contains(&heard), "{heard} frames are known to be heard");
}

#[test]
fn the_end_of_a_reply_wakes_the_thread_when_it_is_heard() {
    let mut rig = rewriting();
    rig.dac.queue = 4_800;
    rig.handle(|handle| handle.set_reply_near(false));
    rig.run();
    rig.write(&numbered(0, 12_000));
    rig.run();
    rig.dac.play_on_wakes(&mut rig.playback, 12_000 + MARGIN + 2 * PERIOD);
    assert_eq!(rig.handle(|handle| handle.played_position()), 12_000);
}

#[test]
fn a_speaker_that_was_silent_for_long_is_stopped_until_a_reply_is_near() {
    let mut rig = with_cut(CutMode::Drop);
    rig.dac.awake_frames = Some(10 * 24_000);
    rig.handle(|handle| handle.set_reply_near(false));
    rig.write(&numbered(0, 1_000));
    rig.run();
    rig.play(10 * 24_000);
    assert!(rig.dac.running && !rig.playback.is_asleep());
    rig.play(24_000);
    assert!(!rig.dac.running && rig.playback.is_asleep() && rig.dac.buffered.is_empty());
    assert_eq!(rig.dac.play_on_wakes(&mut rig.playback, 60 * 24_000), 0, "nothing wakes it");
    rig.write(&numbered(1_000, 1_000));
    rig.run();
    let output = rig.play(2_000);
    assert_eq!(output[..1_000], numbered(1_000, 1_000), "it starts with the reply");
    rig.play(11 * 24_000);
    assert!(rig.playback.is_asleep());
    rig.handle(|handle| handle.set_reply_near(true));
    rig.run();
    assert!(rig.dac.running && !rig.playback.is_asleep());
}

#[test]
fn the_played_position_is_exact_after_sleeps() {
    let mut rig = with_cut(CutMode::Drop);
    rig.dac.awake_frames = Some(24_000);
    rig.handle(|handle| handle.set_reply_near(false));
    for start in [0, 1_000, 2_000] {
        rig.play(50_000);
        assert!(rig.playback.is_asleep());
        rig.write(&numbered(start, 1_000));
        rig.run();
        rig.play(2 * PERIOD);
        assert_eq!(rig.handle(|handle| handle.played_position()), start + 2 * PERIOD as u64);
    }
}

#[test]
fn a_reply_whose_end_a_device_loses_is_over_and_was_not_heard() {
    let mut rig = with_cut(CutMode::Drop);
    rig.write(&numbered(0, 300));
    rig.run();
    rig.playback.reset_stream();
    let positions =
        |rig: &Rig| rig.handle(|handle| (handle.played_position(), handle.lost_position(), handle.written()));
    assert_eq!(positions(&rig), (0, 300, 300), "it is over, and was not heard");
    assert!(rig.playback.run_without_device(), "the session is woken");
    rig.write(&numbered(300, 700));
    rig.playback.reset_stream();
    assert_eq!(positions(&rig), (0, 300, 1_000), "the rest is still to be played");
}

proptest! {
    #[test]
    fn no_frame_is_lost_repeated_or_heard_after_its_cut_in_any_mode(
        cut in prop::sample::select(vec![CutMode::Rewrite, CutMode::RunOut, CutMode::Drop]),
        queue in prop::sample::select(vec![QUEUE, 2_400, 4_800]),
        steps in prop::collection::vec((0..9u8, 1..700usize), 1..60),
    ) {
        let mut rig = with_cut(cut);
        (rig.dac.queue, rig.dac.long) = (queue, Some(LONG));
        rig.handle(|handle| handle.set_reply_near(false));
        let (mut cuts, mut receipts) = (Vec::new(), Vec::new());
        rig.run();
        for (kind, frames) in steps {
            match kind {
                0..3 => {
                    let from = rig.handle(|handle| handle.written());
                    if from < 25_000 {
                        rig.write(&numbered(from, frames));
                    }
                }
                3 => {
                    let queued = rig.dac.buffered.len();
                    let held = match cut {
                        CutMode::Rewrite => queued.min(MARGIN),
                        CutMode::RunOut => queued,
                        CutMode::Drop => 0,
                    };
                    let position = rig.handle(|handle| handle.cut());
                    rig.run();
                    cuts.push((rig.dac.out.len() + held, position));
                }
                4 => rig.handle(|handle| handle.set_reply_near(frames % 2 == 0)),
                _ => rig.dac.tick(frames.min(rig.dac.buffered.len())),
            }
            rig.run();
            receipts.extend(std::iter::from_fn(|| rig.handle(|handle| handle.receipt())));
        }
        rig.play(2 * LONG);
        let heard = check_order(&rig.dac.out, &cuts)?;
        for receipt in receipts {
            prop_assert!(receipt.played <= receipt.cut);
            let last = heard.iter().rfind(|position| **position < receipt.cut).map_or(0, |position| position + 1);
            prop_assert!(receipt.played == last || last <= receipt.played && receipt.played == 0, "{receipt:?}: {last}");
        }
        let (written, position) = rig.handle(|handle| (handle.written(), handle.played_position()));
        let last_cut = cuts.last().map_or(0, |(_, cut)| *cut);
        prop_assert_eq!(heard.iter().filter(|position| **position >= last_cut).count() as u64, written - last_cut);
        prop_assert!(position <= written);
    }
}

/// Returns the lane positions heard, which must rise, and none of which may come later than its cut allows.
fn check_order(out: &[i16], cuts: &[(usize, u64)]) -> Result<Vec<u64>, TestCaseError> {
    let (mut heard, mut next) = (Vec::new(), 0);
    for (index, sample) in out.iter().enumerate() {
        let starts = std::iter::once(next).chain(cuts.iter().map(|(_, cut)| *cut).filter(|cut| *cut > next));
        // Within a fade a sample may look like one of a reply of before.
        let fades = cuts.iter().filter(|(until, _)| (*until..until + FADE).contains(&index));
        let first = fades.map(|(_, cut)| *cut).max().unwrap_or(0);
        let mut possible = starts.filter(|start| *start >= first);
        let Some(position) = possible.find(|start| *sample == number(*start)) else { continue };
        for (until, cut) in cuts {
            prop_assert!(
                position >= *cut || index < *until,
                "{position} is heard at {index}, cut at {until}"
            );
        }
        heard.push(position);
        next = position + 1;
    }
    Ok(heard)
}

fn rewriting() -> Rig {
    let mut rig = with_cut(CutMode::Rewrite);
    (rig.dac.long, rig.dac.margin) = (Some(LONG), MARGIN);
    rig
}

fn with_cut(cut: CutMode) -> Rig {
    let mut rig = Rig::new();
    (rig.dac.cut, rig.dac.margin, rig.dac.buffer) = (cut, MARGIN, LONG + 1_000);
    rig
}

/// Plays the first 720 frames of a reply, of which half a second is queued if the device can be rewritten.
fn play_reply(rig: &mut Rig, reply: &[i16]) {
    if rig.dac.cut == CutMode::Rewrite {
        rig.dac.queue = 12_000;
    }
    rig.write(reply);
    rig.run();
    rig.play(720);
}

fn heard_up_to(out: &[i16]) -> u64 {
    out.iter().fold(0, |position, sample| position + u64::from(*sample == number(position)))
}
