//! A device that is there and of no use: a microphone that hears nothing, and either that stands still.

use mynah::audio::{
    AudioError, DeadInput, DeviceLost, Direction, StallDetector, StreamFormat, UnplugPolicy, loops,
};

use super::stage::{Signal, Stage, complete};

const STALLED: DeviceLost = DeviceLost { errno: libc::ETIMEDOUT };
/// How many tries a microphone that stays deaf for so long may cost: each is a click.
const ATTEMPTS_IN_TEN_MINUTES: usize = 10;

#[test]
fn a_microphone_that_gives_only_zeros_is_deaf_within_two_seconds_and_opened_anew_at_once() {
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
fn a_microphone_that_opening_anew_has_cured_hears_half_a_second_later() {
    let stage = listening_stage();
    stage.at(1000, |stage| stage.set_signal(Signal::Flat(0.0)));
    stage.at(2495, |stage| stage.set_signal(Signal::Noise));
    assert_eq!(run_capture(&stage, 60_000), Ok(()));
    assert_eq!(dead_input_changes(&stage), [(2490, Some(DeadInput::Flat)), (2990, None)]);
    assert_eq!(stage.attempts().len(), 2, "and is left alone: {:?}", stage.attempts());
}

#[test]
fn a_microphone_that_stays_deaf_is_opened_ever_less_often_and_told_of_once() {
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
fn a_microphone_that_repeats_a_buffer_is_deaf_in_another_way() {
    // One period, the buffer that is asked for, and one of a card that has only long ones.
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
fn a_long_buffer_that_goes_round_is_not_taken_for_sound_between_two_rounds() {
    let stage = listening_stage();
    stage.set_block_frames(960);
    stage.set_signal(Signal::Repeat(32 * 960));
    let long = StreamFormat { period_frames: 960, queue_frames: 1920, ..StreamFormat::default() };
    let (audio, capture_loop, _playback_loop) = loops(long, UnplugPolicy::Wait).unwrap();
    let (source, _) = stage.start(Direction::Capture, audio, 60_000);
    assert_eq!(complete(capture_loop.run(source)), Ok(()));
    assert_eq!(dead_input_changes(&stage).len(), 1, "{:?}", dead_input_changes(&stage));
}

#[test]
fn a_word_in_a_silence_shorter_than_two_seconds_makes_no_microphone_deaf() {
    let stage = listening_stage();
    for round in 0..100 {
        stage.at(1000 + round * 1500, |stage| stage.set_signal(Signal::Flat(0.0)));
        stage.at(1000 + round * 1500 + 1480, |stage| stage.set_signal(Signal::Noise));
    }
    assert_eq!(run_capture(&stage, 200_000), Ok(()));
    assert_eq!((dead_input_changes(&stage), stage.attempts().len()), (vec![], 1));
}

#[test]
fn a_microphone_whose_habit_is_to_gate_what_is_quiet_is_soon_left_alone() {
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
        "but not for ever"
    );
}

#[test]
fn a_deaf_microphone_that_nobody_wants_stays_deaf_until_it_has_been_heard() {
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
fn a_deaf_microphone_that_goes_away_is_away_and_deaf_no_more_when_it_comes_back_well() {
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
fn a_device_that_stands_still_is_begun_anew_and_then_gone_within_two_seconds_and_opened_again() {
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
fn what_a_device_fetches_ahead_when_it_is_begun_anew_does_not_put_off_its_end() {
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
    assert_eq!(stall_detector.idle(400), Ok(true), "it had moved again, so it is begun anew again");
}

#[test]
fn a_device_that_has_just_been_opened_has_the_time_a_sound_server_needs() {
    let mut stall_detector = StallDetector::new(960);
    for _ in 0..8 {
        assert_eq!(stall_detector.idle(200), Ok(false));
    }
    assert_eq!(stall_detector.idle(200), Err(STALLED));
}

#[test]
fn each_fault_is_said_in_a_sentence_with_what_mynah_does_and_what_its_owner_can() {
    let lost = |errno, end| DeviceLost { errno }.sentence(end);
    for (message, expected) in [
        (
            DeadInput::Flat.to_string(),
            "the microphone delivers nothing but silence, not even noise; it is opened restarts, ever less often: see whether \
             its switch or the mixer (alsamixer) mutes it, and whether its data line is loose",
        ),
        (
            DeadInput::Repeating.to_string(),
            "the microphone delivers the same over and over; it is opened restarts, ever less often: if that does not help, \
             unplug it and plug it in, or start the board again",
        ),
        (
            lost(libc::ETIMEDOUT, Direction::Capture),
            "the microphone has stopped delivering; it is opened again until it does: if that does not help, unplug it, \
             plug it in, and see the kernel's log",
        ),
        (
            lost(libc::ETIMEDOUT, Direction::Playback),
            "the speaker has stopped playing; it is opened again until it does: if that does not help, unplug it, plug it \
             in, and see the kernel's log",
        ),
        (
            lost(libc::EIO, Direction::Playback),
            "the speaker fails again and again; it is opened again until it works: see that its power and its cable are \
             good",
        ),
        (
            lost(libc::EBUSY, Direction::Capture),
            "the microphone is held by another program; it is tried again until it is free: end that program",
        ),
        (
            lost(libc::EACCES, Direction::Playback),
            "the speaker may not be opened any more (Permission denied (os error 13)); it is tried again until it may: \
             see who owns its node in /dev/snd",
        ),
        (
            lost(libc::ENODEV, Direction::Capture),
            "the microphone is gone (No such device (os error 19)); it is taken up again when it is back: see that its \
             cable and power are good",
        ),
    ] {
        assert_eq!(message, expected);
    }
}

/// A stage whose session listens from the beginning.
fn listening_stage() -> Stage {
    let stage = Stage::new();
    stage.at(0, Stage::open_microphone);
    stage
}

fn run_capture(stage: &Stage, end_ms: u64) -> Result<(), AudioError> {
    let (audio, capture_loop, _playback_loop) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
    let (source, _) = stage.start(Direction::Capture, audio, end_ms);
    complete(capture_loop.run(source))
}

fn run_playback(stage: &Stage, end_ms: u64) -> Result<(), AudioError> {
    let (audio, _capture_loop, playback_loop) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
    let (source, device) = stage.start(Direction::Playback, audio, end_ms);
    complete(playback_loop.run(source, device))
}

/// When the session saw the microphone become deaf, and hear again.
fn dead_input_changes(stage: &Stage) -> Vec<(u64, Option<DeadInput>)> {
    let mut observed: Vec<(u64, Option<DeadInput>)> = Vec::new();
    for (at, missing) in stage.observed() {
        if observed.last().and_then(|(_, deaf)| *deaf) != missing.dead_input {
            observed.push((at, missing.dead_input));
        }
    }
    observed
}
