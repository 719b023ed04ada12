//! Devices that are connected but do not work: dead microphone input, and stalls in both directions.

use mynah::audio::{
    AudioError, DeadInput, DeviceLost, Direction, StallDetector, StreamFormat, UnplugPolicy, loops,
};

use super::stage::{Signal, Stage};

const STALLED: DeviceLost = DeviceLost { errno: libc::ETIMEDOUT };
/// The most attempts that dead input may cause in ten minutes, since each may click.
const ATTEMPTS_IN_TEN_MINUTES: usize = 10;

#[test]
fn constant_samples_are_dead_within_two_seconds_and_reopen() {
    for value in [0.0, -0.0, 1.0 / 32_768.0, -1.0] {
        let stage = listening_stage();
        stage.at(1000, move |stage| stage.set_signal(Signal::Flat(value)));
        assert_eq!(run_capture(&stage, 2900), Ok(()));
        assert_eq!(dead_input_changes(&stage), [(2490, Some(DeadInput::Flat))], "{value}");
        assert_eq!(stage.attempts(), [(0, true), (2490, true)], "{value}");
        assert_eq!((stage.reopens(), stage.dead_inputs()), (1, 1));
    }
}

#[test]
fn input_cured_by_a_reopening_works_half_a_second_later() {
    let stage = listening_stage();
    stage.at(1000, |stage| stage.set_signal(Signal::Flat(0.0)));
    stage.at(2495, |stage| stage.set_signal(Signal::Noise));
    assert_eq!(run_capture(&stage, 60_000), Ok(()));
    assert_eq!(dead_input_changes(&stage), [(2490, Some(DeadInput::Flat)), (2990, None)]);
    assert_eq!(stage.attempts().len(), 2, "reopened again: {:?}", stage.attempts());
}

#[test]
fn lasting_dead_input_reopens_at_growing_intervals() {
    let stage = listening_stage();
    stage.set_signal(Signal::Flat(0.0));
    assert_eq!(run_capture(&stage, 600_000), Ok(()));
    assert_eq!(dead_input_changes(&stage).len(), 1, "{:?}", dead_input_changes(&stage));
    let attempts: Vec<u64> = stage.attempts().iter().map(|(at, _)| *at).collect();
    let gaps: Vec<u64> = attempts.windows(2).map(|pair| (pair[1] - pair[0]).div_ceil(1000)).collect();
    assert_eq!(gaps[..7], [2, 4, 8, 16, 32, 64, 128]);
    assert!(gaps[7..].iter().all(|gap| *gap == 256) && attempts.len() < ATTEMPTS_IN_TEN_MINUTES, "{gaps:?}");
    assert_eq!(stage.dead_inputs(), 1);
}

#[test]
fn a_repeating_buffer_is_dead_input() {
    // One period, the buffer that is requested, and that of a card with long buffers only.
    for frames in [240, 960, 1920, 7680] {
        let stage = listening_stage();
        stage.at(1000, move |stage| stage.set_signal(Signal::Repeat(frames)));
        assert_eq!(run_capture(&stage, 60_000), Ok(()));
        let observed = dead_input_changes(&stage);
        assert_eq!(observed.len(), 1, "{frames}: {observed:?}");
        let (at, how) = observed[0];
        assert!(how == Some(DeadInput::Repeating) && (2500..=3000).contains(&at), "{frames}: {observed:?}");
    }
}

#[test]
fn a_long_repeating_buffer_is_not_taken_for_working() {
    let stage = listening_stage();
    stage.set_block_frames(960);
    stage.set_signal(Signal::Repeat(32 * 960));
    let long = StreamFormat { period_frames: 960, queue_frames: 1920, ..StreamFormat::default() };
    let (audio, capture_loop, _playback_loop) = loops(long, UnplugPolicy::Wait).unwrap();
    let mut device = stage.begin(Direction::Capture, audio, 60_000);
    assert_eq!(device.run_capture(capture_loop), Ok(()));
    assert_eq!(dead_input_changes(&stage).len(), 1, "{:?}", dead_input_changes(&stage));
}

#[test]
fn silence_shorter_than_two_seconds_is_not_dead_input() {
    let stage = listening_stage();
    for round in 0..100 {
        stage.at(1000 + round * 1500, |stage| stage.set_signal(Signal::Flat(0.0)));
        stage.at(1000 + round * 1500 + 1480, |stage| stage.set_signal(Signal::Noise));
    }
    assert_eq!(run_capture(&stage, 200_000), Ok(()));
    assert_eq!((dead_input_changes(&stage), stage.attempts().len()), (vec![], 1));
}

#[test]
fn a_gated_microphone_is_no_longer_reopened() {
    let stage = listening_stage();
    for round in 0..12 {
        stage.at(10_000 * round + 1000, |stage| stage.set_signal(Signal::Flat(0.0)));
        stage.at(10_000 * round + 9000, |stage| stage.set_signal(Signal::Noise));
    }
    assert_eq!(run_capture(&stage, 130_000), Ok(()));
    assert_eq!(stage.dead_inputs(), 3, "{:?}", dead_input_changes(&stage));
    let stage = listening_stage();
    for round in 0..4 {
        stage.at(10_000 * round + 1000, |stage| stage.set_signal(Signal::Flat(0.0)));
        stage.at(10_000 * round + 9000, |stage| stage.set_signal(Signal::Noise));
    }
    stage.at(50_000, |stage| stage.set_signal(Signal::Flat(0.0)));
    assert_eq!(run_capture(&stage, 120_000), Ok(()));
    assert_eq!(
        dead_input_changes(&stage).last(),
        Some(&(109_990, Some(DeadInput::Flat))),
        "after 60 s it is dead nevertheless"
    );
}

#[test]
fn zeros_of_a_usb_microphone_after_noise_are_a_mute_by_hand_and_do_not_reopen() {
    let stage = listening_stage();
    stage.make_usb();
    stage.at(1000, |stage| stage.set_signal(Signal::Flat(0.0)));
    stage.at(60_000, |stage| stage.set_signal(Signal::Noise));
    assert_eq!(run_capture(&stage, 70_000), Ok(()));
    assert_eq!(dead_input_changes(&stage), [(2490, Some(DeadInput::MutedByHand)), (60_490, None)]);
    assert_eq!((stage.attempts(), stage.dead_inputs()), (vec![(0, true)], 1));
}

#[test]
fn other_flat_input_of_a_usb_microphone_reopens() {
    // Zeros from the first sample on: it may have failed to start. Another value: no mute button does that.
    for (flat_from, value) in [(0, 0.0), (1000, 0.25)] {
        let stage = listening_stage();
        stage.make_usb();
        stage.at(flat_from, move |stage| stage.set_signal(Signal::Flat(value)));
        assert_eq!(run_capture(&stage, flat_from + 1800), Ok(()));
        let found = dead_input_changes(&stage);
        assert_eq!(
            found.iter().map(|(_, dead)| *dead).collect::<Vec<_>>(),
            [Some(DeadInput::Flat)],
            "{value}"
        );
        assert_eq!((stage.attempts().len(), stage.reopens()), (2, 1), "{value}");
    }
}

#[test]
fn a_gated_usb_microphone_is_no_longer_told_at_each_pause() {
    let stage = listening_stage();
    stage.make_usb();
    for round in 0..12 {
        stage.at(10_000 * round + 1000, |stage| stage.set_signal(Signal::Flat(0.0)));
        stage.at(10_000 * round + 9000, |stage| stage.set_signal(Signal::Noise));
    }
    stage.at(130_000, |stage| stage.set_signal(Signal::Repeat(240)));
    assert_eq!(run_capture(&stage, 132_000), Ok(()));
    let found: Vec<_> = dead_input_changes(&stage).into_iter().filter_map(|(_, dead)| dead).collect();
    let muted = DeadInput::MutedByHand;
    assert_eq!(
        found,
        [muted, muted, muted, DeadInput::Repeating],
        "other faults are found as soon as before"
    );
}

#[test]
fn dead_input_is_kept_while_closed_until_it_works() {
    let stage = listening_stage();
    stage.set_signal(Signal::Flat(0.0));
    stage.at(3000, Stage::close_microphone);
    stage.at(9000, |stage| stage.set_signal(Signal::Noise));
    stage.at(10_000, Stage::open_microphone);
    assert_eq!(run_capture(&stage, 20_000), Ok(()));
    assert_eq!(dead_input_changes(&stage), [(1500, Some(DeadInput::Flat)), (10_500, None)]);
    assert_eq!(stage.attempts(), [(0, true), (1500, true), (10_000, true)]);
}

#[test]
fn dead_input_is_cleared_by_an_unplug_and_working_input() {
    let stage = listening_stage();
    stage.set_signal(Signal::Flat(0.0));
    stage.at(3000, Stage::unplug);
    stage.at(5000, |stage| {
        stage.plug_in();
        stage.set_signal(Signal::Noise);
    });
    assert_eq!(run_capture(&stage, 20_000), Ok(()));
    let last = stage.observed().last().copied().unwrap();
    assert_eq!((last.1.capture, last.1.dead_input), (None, None), "{:?}", stage.observed());
}

#[test]
fn a_stalled_device_restarts_then_is_lost_and_reopened() {
    for end in [Direction::Capture, Direction::Playback] {
        let stage = listening_stage();
        stage.at(1000, Stage::stall);
        stage.at(5500, Stage::plug_in);
        let result = match end {
            Direction::Capture => run_capture(&stage, 10_000),
            Direction::Playback => run_playback(&stage, 10_000),
        };
        assert_eq!(result, Ok(()));
        assert_eq!(stage.restarts(), [1400], "{end}");
        let observed: Vec<_> = match end {
            Direction::Capture => stage.capture_observed(),
            Direction::Playback => stage.playback_observed(),
        };
        assert_eq!(observed[0], (2800, Some(STALLED)), "{end}");
        assert!(
            observed.len() == 2 && observed[1].1.is_none() && observed[1].0 < 8000,
            "{end}: {observed:?}"
        );
    }
}

#[test]
fn prefetch_after_a_restart_does_not_count_as_progress() {
    let mut stall_detector = StallDetector::new(960);
    stall_detector.progressed(1920);
    assert!(stall_detector.is_proven());
    assert_eq!(stall_detector.idle(200), Ok(false));
    assert_eq!(stall_detector.idle(200), Ok(true));
    for _ in 0..6 {
        stall_detector.progressed(240);
        assert_eq!(stall_detector.idle(200), Ok(false));
    }
    assert_eq!(stall_detector.idle(200), Err(STALLED));
    let mut stall_detector = StallDetector::new(960);
    stall_detector.progressed(1920);
    assert_eq!(stall_detector.idle(400), Ok(true));
    stall_detector.progressed(1920);
    assert_eq!(stall_detector.idle(400), Ok(true), "it progressed, so it may restart again");
}

#[test]
fn a_device_just_opened_has_1800_ms_for_its_first_frames() {
    let mut stall_detector = StallDetector::new(960);
    for _ in 0..8 {
        assert_eq!(stall_detector.idle(200), Ok(false));
    }
    assert_eq!(stall_detector.idle(200), Err(STALLED));
}

#[test]
fn each_fault_names_the_device_the_reaction_and_a_remedy() {
    let lost = |errno, end| DeviceLost { errno }.sentence(end);
    for (message, facts) in [
        (DeadInput::Flat.to_string(), ["microphone", "mynah reopens it", "alsamixer"]),
        (DeadInput::MutedByHand.to_string(), ["microphone", "mynah leaves it open", "Press that button"]),
        (DeadInput::Repeating.to_string(), ["microphone", "mynah reopens it", "plug it in again"]),
        (lost(libc::ETIMEDOUT, Direction::Capture), ["microphone", "mynah keeps reopening it", "dmesg"]),
        (lost(libc::ETIMEDOUT, Direction::Playback), ["speaker", "mynah keeps reopening it", "dmesg"]),
        (lost(libc::EIO, Direction::Playback), ["speaker", "mynah keeps reopening it", "cable"]),
        (lost(libc::EBUSY, Direction::Capture), ["microphone", "mynah retries", "Stop that program"]),
        (lost(libc::EACCES, Direction::Playback), ["speaker", "os error 13", "/dev/snd"]),
        (lost(libc::ENODEV, Direction::Capture), ["microphone", "os error 19", "cable and power"]),
    ] {
        for fact in facts {
            assert!(message.contains(fact), "{fact:?}: {message}");
        }
    }
}

/// Returns a stage whose session opens the microphone at the start.
fn listening_stage() -> Stage {
    let stage = Stage::new();
    stage.at(0, Stage::open_microphone);
    stage
}

fn run_capture(stage: &Stage, end_ms: u64) -> Result<(), AudioError> {
    let (audio, capture_loop, _playback_loop) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
    let mut device = stage.begin(Direction::Capture, audio, end_ms);
    device.run_capture(capture_loop)
}

fn run_playback(stage: &Stage, end_ms: u64) -> Result<(), AudioError> {
    let (audio, _capture_loop, playback_loop) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
    let mut device = stage.begin(Direction::Playback, audio, end_ms);
    device.run_playback(playback_loop)
}

/// Returns when the session observed a change of the dead input.
fn dead_input_changes(stage: &Stage) -> Vec<(u64, Option<DeadInput>)> {
    let mut observed: Vec<(u64, Option<DeadInput>)> = Vec::new();
    for (at, missing) in stage.observed() {
        if observed.last().and_then(|(_, dead)| *dead) != missing.dead_input {
            observed.push((at, missing.dead_input));
        }
    }
    observed
}
