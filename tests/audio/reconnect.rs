//! Both loops on a device that a script unplugs and plugs in, in the script's time.

use std::time::Duration;

use mynah::audio::{AudioError, DeviceLost, Direction, MissingDevices, StreamFormat, UnplugPolicy, loops};

use super::dac::numbered;
use super::stage::{BUSY, Stage, UNPLUGGED};

const WAIT: UnplugPolicy = UnplugPolicy::Wait;

#[test]
fn an_unplugged_speaker_is_back_once_it_has_played() {
    let stage = Stage::new();
    stage.at(100, Stage::unplug);
    stage.at(1000, Stage::plug_in);
    let result = run_playback(&stage, WAIT, 4000);
    assert_eq!(result, Ok(()));
    assert_eq!(stage.attempts(), [(350, false), (850, false), (1850, true)]);
    assert_eq!(stage.playback_observed(), [(100, Some(UNPLUGGED)), (1930, None)]);
    assert_eq!(stage.reopens(), 1);
}

#[test]
fn retry_intervals_grow_to_two_seconds_and_never_end() {
    let stage = Stage::new();
    stage.at(100, Stage::unplug);
    assert_eq!(run_playback(&stage, WAIT, 86_400_000), Ok(()));
    let attempts: Vec<u64> = stage.attempts().iter().map(|(at, _)| *at).collect();
    let gaps: Vec<u64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps[..3], [500, 1000, 2000]);
    assert!(gaps[2..].iter().all(|gap| *gap == 2000) && attempts.len() > 43_000, "{}", attempts.len());
    assert_eq!(stage.playback_observed(), [(100, Some(UNPLUGGED))], "reported once in a day");
}

#[test]
fn a_device_that_stays_away_too_long_ends_its_thread() {
    let stage = Stage::new();
    stage.at(100, Stage::unplug);
    let error = run_playback(&stage, UnplugPolicy::End(Duration::from_secs(5)), 60_000).unwrap_err();
    assert_eq!(stage.now(), 5100);
    assert_eq!(
        error,
        AudioError::Lost {
            direction: Direction::Playback,
            device: "scripted".to_owned(),
            errno: UNPLUGGED.errno
        }
    );
    let stage = Stage::new();
    stage.at(0, Stage::open_microphone);
    stage.at(100, Stage::unplug);
    stage.at(2000, Stage::close_microphone);
    assert!(run_capture(&stage, UnplugPolicy::End(Duration::from_secs(5)), 60_000).is_err());
    assert_eq!(stage.now(), 5100, "wanted or not");
}

#[test]
fn a_device_that_comes_back_in_time_gets_the_full_limit_again() {
    let stage = Stage::new();
    stage.at(100, Stage::unplug);
    stage.at(4000, Stage::plug_in);
    stage.at(20_000, Stage::unplug);
    assert!(run_playback(&stage, UnplugPolicy::End(Duration::from_secs(5)), 60_000).is_err());
    assert_eq!(stage.attempts()[4], (5100, true), "at the limit");
    assert_eq!(stage.now(), 25_000);
}

#[test]
fn opening_without_frames_does_not_extend_the_limit() {
    let stage = Stage::new();
    stage.at(100, Stage::unplug);
    stage.at(4000, Stage::fail_on_start);
    assert!(run_playback(&stage, UnplugPolicy::End(Duration::from_secs(5)), 60_000).is_err());
    assert_eq!((stage.attempts()[4], stage.now()), ((5100, true), 5100));
}

#[test]
fn a_cut_without_a_speaker_is_receipted_at_once() {
    let stage = Stage::new();
    stage.at(0, |stage| stage.write(&numbered(0, 4800)));
    stage.at(100, Stage::unplug);
    stage.at(170, Stage::cut);
    assert_eq!(run_playback(&stage, WAIT, 3000), Ok(()));
    let receipts = stage.receipts();
    assert_eq!(receipts.len(), 1);
    let (at, receipt) = receipts[0];
    assert_eq!((at, receipt.cut), (170, 4800));
    assert!(receipt.played > 0 && receipt.played <= 2400, "{receipt:?}");
    assert_eq!(stage.played_numbers(), numbered(0, stage.played_numbers().len()));
}

#[test]
fn a_cut_at_the_instant_of_the_loss_is_receipted() {
    let stage = Stage::new();
    stage.at(0, |stage| stage.write(&numbered(0, 4800)));
    stage.at(100, |stage| {
        stage.cut();
        stage.unplug();
    });
    assert_eq!(run_playback(&stage, WAIT, 3000), Ok(()));
    let receipts: Vec<_> = stage.receipts().iter().map(|(at, receipt)| (*at, receipt.cut)).collect();
    assert_eq!(receipts, [(100, 4800)]);
}

#[test]
fn frames_after_a_cut_are_played_by_the_reopened_device() {
    let stage = Stage::new();
    stage.at(0, |stage| stage.write(&numbered(0, 2400)));
    stage.at(50, Stage::unplug);
    stage.at(170, Stage::cut);
    stage.at(180, |stage| stage.write(&numbered(10_000, 2400)));
    stage.at(190, Stage::plug_in);
    assert_eq!(run_playback(&stage, WAIT, 3000), Ok(()));
    let played = stage.played_numbers();
    let again = numbered(10_000, 2400);
    let before = played.windows(2400).position(|played| played == again).expect("the reply was played");
    assert_eq!(played[..before], numbered(0, before));
    assert!(before < 2400, "the rest of it was cut");
}

#[test]
fn constant_notifications_do_not_delay_a_retry() {
    let stage = Stage::new();
    stage.at(100, Stage::unplug);
    for at in (110..2000).step_by(10) {
        stage.at(at, |stage| {
            stage.write(&[1]);
            stage.cut();
        });
    }
    assert_eq!(run_playback(&stage, WAIT, 2000), Ok(()));
    assert_eq!(stage.attempts(), [(350, false), (850, false), (1850, false)]);
}

#[test]
fn hotplug_events_retry_soon_but_at_most_every_250_ms() {
    let stage = Stage::new();
    stage.at(100, Stage::unplug);
    stage.at(20_000, |stage| {
        stage.plug_in();
        stage.nodes_changed();
    });
    assert_eq!(run_playback(&stage, WAIT, 30_000), Ok(()));
    assert_eq!(stage.attempts().last(), Some(&(20_250, true)));
    let stage = Stage::new();
    stage.at(100, Stage::unplug);
    for at in 200..10_000 {
        stage.at(at, Stage::nodes_changed);
    }
    assert_eq!(run_playback(&stage, WAIT, 10_000), Ok(()));
    assert!((20..=40).contains(&stage.attempts().len()), "{:?}", stage.attempts());
}

#[test]
fn a_device_that_fails_to_start_is_reported_once() {
    for end in [Direction::Playback, Direction::Capture] {
        let stage = Stage::new();
        stage.at(0, Stage::open_microphone);
        stage.at(100, Stage::fail_on_start);
        let result = match end {
            Direction::Playback => run_playback(&stage, WAIT, 60_000),
            Direction::Capture => run_capture(&stage, WAIT, 60_000),
        };
        assert_eq!(result, Ok(()));
        let observed = stage.observed();
        assert_eq!(observed.len(), 1, "{end}: {observed:?}");
        assert!((28..36).contains(&stage.attempts().len()), "{end}: {:?}", stage.attempts());
        let stage = Stage::new();
        stage.at(0, Stage::open_microphone);
        stage.at(100, Stage::fail_on_start);
        let limit = UnplugPolicy::End(Duration::from_secs(5));
        let result = match end {
            Direction::Playback => run_playback(&stage, limit, 60_000),
            Direction::Capture => run_capture(&stage, limit, 60_000),
        };
        assert!(
            matches!(result, Err(AudioError::Lost { direction: which, .. }) if which == end),
            "{result:?}"
        );
        assert_eq!(stage.now(), 5100, "opening it does not extend the limit");
    }
}

#[test]
fn an_unplugged_microphone_is_closed_and_reopened() {
    let stage = Stage::new();
    stage.at(0, Stage::open_microphone);
    stage.at(500, Stage::unplug);
    stage.at(600, |stage| assert!(!stage.is_open(), "it is closed"));
    stage.at(1000, Stage::plug_in);
    stage.at(2500, |stage| assert!(stage.is_open()));
    assert_eq!(run_capture(&stage, WAIT, 4000), Ok(()));
    assert_eq!(stage.attempts(), [(0, true), (750, false), (1250, true)]);
    assert_eq!(stage.capture_observed(), [(500, Some(UNPLUGGED)), (1410, None)]);
    assert!(stage.captured() > 0);
}

#[test]
fn an_unwanted_microphone_is_found_back_without_capturing() {
    let stage = Stage::new();
    stage.at(0, Stage::open_microphone);
    stage.at(500, Stage::unplug);
    stage.at(600, Stage::close_microphone);
    stage.at(1000, |stage| {
        stage.reset_captured();
        stage.plug_in();
    });
    assert_eq!(run_capture(&stage, WAIT, 60_000), Ok(()));
    assert_eq!(stage.attempts(), [(0, true), (750, false), (1250, true)], "no further attempt");
    assert_eq!(stage.capture_observed(), [(500, Some(UNPLUGGED)), (1250, None)]);
    assert_eq!((stage.captured(), stage.streams()), (0, 1), "it was not started again");
}

#[test]
fn a_missing_microphone_that_is_wanted_again_is_retried_soon() {
    let stage = Stage::new();
    stage.at(0, Stage::open_microphone);
    stage.at(500, Stage::unplug);
    stage.at(600, Stage::close_microphone);
    stage.at(5000, Stage::open_microphone);
    assert_eq!(run_capture(&stage, WAIT, 5600), Ok(()));
    let attempts = stage.attempts();
    assert_eq!(attempts.last(), Some(&(5250, false)), "{attempts:?}");
}

#[test]
fn a_microphone_that_failed_to_start_must_capture_first() {
    let stage = Stage::new();
    stage.at(0, Stage::open_microphone);
    stage.at(500, Stage::fail_on_start);
    stage.at(3000, Stage::close_microphone);
    stage.at(9000, Stage::open_microphone);
    stage.at(9500, Stage::plug_in);
    stage.at(20_000, Stage::close_microphone);
    assert_eq!(run_capture(&stage, WAIT, 30_000), Ok(()));
    let observed = stage.capture_observed();
    assert_eq!(observed.len(), 2, "{observed:?}");
    assert!(observed[1].0 > 9500 && observed[1].1.is_none(), "{observed:?}");
    assert!(stage.attempts().iter().all(|(at, _)| !(3001..9000).contains(at)), "{:?}", stage.attempts());
}

#[test]
fn a_failed_unwanted_microphone_is_back_after_a_hotplug() {
    let stage = Stage::new();
    stage.at(0, Stage::fail_on_start);
    stage.at(10, Stage::open_microphone);
    stage.at(20, Stage::close_microphone);
    stage.at(20_000, |stage| {
        stage.plug_in();
        stage.nodes_changed();
    });
    assert_eq!(run_capture(&stage, WAIT, 30_000), Ok(()));
    let observed = stage.capture_observed();
    assert_eq!(observed.len(), 2, "{observed:?}");
    assert_eq!(observed[1], (20_250, None));
}

#[test]
fn a_microphone_closed_before_it_worked_is_retried() {
    let stage = Stage::new();
    stage.at(0, Stage::open_microphone);
    stage.at(500, Stage::unplug);
    stage.at(600, Stage::plug_in);
    stage.at(800, Stage::close_microphone);
    assert_eq!(run_capture(&stage, WAIT, 10_000), Ok(()));
    assert_eq!(stage.attempts(), [(0, true), (750, true), (1050, true)]);
    assert_eq!(stage.capture_observed(), [(500, Some(UNPLUGGED)), (1050, None)]);
}

#[test]
fn a_microphone_in_use_by_another_program_is_busy() {
    let stage = Stage::new();
    stage.at(100, Stage::make_busy);
    stage.at(200, Stage::open_microphone);
    stage.at(3000, Stage::plug_in);
    assert_eq!(run_capture(&stage, WAIT, 10_000), Ok(()));
    assert_eq!(stage.capture_observed()[0], (200, Some(BUSY)));
    assert_eq!(stage.capture_observed().last().map(|(_, lost)| *lost), Some(None));
}

#[test]
fn no_device_is_missing_at_the_start() {
    let (audio, _capture_loop, _playback_loop) = loops(StreamFormat::default(), WAIT).unwrap();
    assert_eq!(audio.missing_devices(), MissingDevices::default());
}

fn run_playback(stage: &Stage, unplugged: UnplugPolicy, end_ms: u64) -> Result<(), AudioError> {
    let (audio, _capture_loop, playback_loop) = loops(StreamFormat::default(), unplugged).unwrap();
    let mut device = stage.begin(Direction::Playback, audio, end_ms);
    device.run_playback(playback_loop)
}

fn run_capture(stage: &Stage, unplugged: UnplugPolicy, end_ms: u64) -> Result<(), AudioError> {
    let (audio, capture_loop, _playback_loop) = loops(StreamFormat::default(), unplugged).unwrap();
    let mut device = stage.begin(Direction::Capture, audio, end_ms);
    device.run_capture(capture_loop)
}

/// When the session observed a change of one device, in milliseconds.
pub(super) type Observed = Vec<(u64, Option<DeviceLost>)>;
