//! A microphone whose device is kept open: what it captures while nobody wants it, and when it is closed nevertheless.

use std::cell::RefCell;
use std::rc::Rc;

use fastrand::Rng;
use mynah::audio::{AudioError, DeadInput, Direction, KeepOpen, StreamFormat, UnplugPolicy, loops};

use super::stage::{Signal, Stage, UNPLUGGED};

/// The frames of a millisecond.
const MS_FRAMES: u64 = 24;
/// The longest time from a request to the first frame: the block under way and the one after it.
const FIRST_FRAME_MS: u64 = 20;

#[test]
fn a_kept_open_microphone_discards_what_nobody_wants() {
    let stage = idle_stage();
    let first = expect_capture(&stage, 1005, 2000);
    let second = expect_capture(&stage, 3000, 3500);
    stage.at(4000, |stage| assert!(!stage.is_open()));
    assert_eq!(run(&stage, KeepOpen::UnlessMuted, 5000), Ok(()));
    assert_eq!((stage.attempts(), stage.closes()), (vec![(0, true)], vec![5000]), "it was opened once");
    assert_eq!(stage.captured() + stage.discarded(), 4990 * MS_FRAMES, "each frame is counted once");
    for (asked, frames) in [(1005, first.take()), (3000, second.take())] {
        assert!((asked..=asked + FIRST_FRAME_MS).contains(&frames[0]), "{asked}: {}", frames[0]);
        let is_gapless = frames.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1);
        assert!(is_gapless && frames.len() as u64 > 400 * MS_FRAMES, "{asked}: {} frames", frames.len());
    }
}

#[test]
fn muting_closes_the_device_unless_it_is_kept_open_always() {
    for (keep_open, attempts, closes) in [
        (KeepOpen::Never, vec![(1500, true)], vec![1700, 3000]),
        (KeepOpen::UnlessMuted, vec![(0, true), (1400, true)], vec![1000, 3000]),
        (KeepOpen::Always, vec![(0, true)], vec![3000]),
    ] {
        let stage = idle_stage();
        stage.at(1000, Stage::mute_microphone);
        stage.at(1400, Stage::close_microphone);
        stage.at(1500, Stage::open_microphone);
        stage.at(1600, |stage| assert!(stage.is_open()));
        stage.at(1700, Stage::close_microphone);
        stage.at(1800, |stage| assert!(!stage.is_open()));
        assert_eq!(run(&stage, keep_open, 3000), Ok(()));
        let closes = if keep_open == KeepOpen::Never { vec![closes[0]] } else { closes };
        assert_eq!((stage.attempts(), stage.closes()), (attempts, closes), "{keep_open:?}");
    }
}

#[test]
fn only_an_always_open_microphone_opens_before_the_first_request() {
    for (keep_open, attempts) in [(KeepOpen::Never, 0), (KeepOpen::UnlessMuted, 0), (KeepOpen::Always, 1)] {
        let stage = Stage::new();
        assert_eq!(run(&stage, keep_open, 1000), Ok(()));
        assert_eq!((stage.attempts().len(), stage.captured()), (attempts, 0), "{keep_open:?}");
    }
}

#[test]
fn an_unwanted_microphone_that_is_kept_open_is_reconnected() {
    let stage = idle_stage();
    stage.at(1000, Stage::unplug);
    stage.at(3000, Stage::plug_in);
    stage.at(9000, |stage| assert!(!stage.is_open()));
    assert_eq!(run(&stage, KeepOpen::UnlessMuted, 10_000), Ok(()));
    let observed = stage.capture_observed();
    assert!(observed.len() == 2 && observed[0] == (1000, Some(UNPLUGGED)), "{observed:?}");
    assert!(observed[1].1.is_none() && observed[1].0 < 6000, "{observed:?}");
    assert_eq!(stage.captured(), 0);
}

#[test]
fn dead_input_is_detected_while_nobody_wants_it() {
    let stage = idle_stage();
    stage.at(1000, |stage| stage.set_signal(Signal::Flat(0.0)));
    stage.at(2800, |stage| stage.set_signal(Signal::Noise));
    assert_eq!(run(&stage, KeepOpen::UnlessMuted, 5000), Ok(()));
    let observed: Vec<_> =
        stage.observed().into_iter().map(|(at, missing)| (at, missing.dead_input)).collect();
    assert_eq!(observed, [(2490, Some(DeadInput::Flat)), (3290, None)]);
    assert_eq!((stage.captured(), stage.reopens()), (0, 1));
}

#[test]
fn no_frame_is_older_than_the_request_that_captures_it() {
    for keep_open in [KeepOpen::Never, KeepOpen::UnlessMuted, KeepOpen::Always] {
        for seed in 0..100 {
            let stage = Stage::new();
            stage.set_signal(Signal::Time);
            let (mut rng, mut at) = (Rng::with_seed(seed), 0);
            let opened = Rc::new(RefCell::new(None));
            while at < 5000 {
                let (asks, late, opened) = (rng.u8(0..5), rng.usize(0..20), Rc::clone(&opened));
                stage.at(at, move |stage| {
                    let frames = stage.read_captured();
                    let oldest = opened.borrow().unwrap_or(u64::MAX);
                    assert!(
                        frames.iter().all(|ms| *ms as u64 >= oldest),
                        "{seed}: {at}: {oldest}: {frames:?}"
                    );
                    // Rarely, and by less than its buffer holds.
                    stage.be_late(if late < 6 { late } else { 0 });
                    match asks {
                        0 => stage.close_microphone(),
                        1 => stage.mute_microphone(),
                        2..4 => {
                            stage.close_microphone();
                            stage.open_microphone();
                            *opened.borrow_mut() = Some(stage.now());
                        }
                        _ => {}
                    }
                });
                at += rng.u64(1..40);
            }
            assert_eq!(run(&stage, keep_open, 6000), Ok(()));
            assert!(stage.captured() > 0, "{seed}");
        }
    }
}

/// Returns a stage whose session wants nothing of the microphone, which captures the time.
fn idle_stage() -> Stage {
    let stage = Stage::new();
    stage.set_signal(Signal::Time);
    stage.at(0, Stage::close_microphone);
    stage
}

/// Adds to the script a capture from `from` to `until`; the frames captured are in the result.
fn expect_capture(stage: &Stage, from: u64, until: u64) -> Rc<RefCell<Vec<u64>>> {
    let captured = Rc::new(RefCell::new(Vec::new()));
    let frames = Rc::clone(&captured);
    stage.at(from, |stage| {
        assert!(stage.read_captured().is_empty() && !stage.is_open());
        stage.open_microphone();
    });
    stage.at(until, move |stage| {
        assert!(stage.is_open());
        frames.borrow_mut().extend(stage.read_captured().into_iter().map(|ms| ms as u64));
        stage.close_microphone();
    });
    stage.at(until + 100, |stage| drop(stage.read_captured()));
    captured
}

fn run(stage: &Stage, keep_open: KeepOpen, end_ms: u64) -> Result<(), AudioError> {
    let (audio, capture_loop, _playback_loop) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
    let mut device = stage.begin(Direction::Capture, audio, end_ms);
    device.run_capture(capture_loop.keep_open(keep_open))
}
