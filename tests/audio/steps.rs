//! Both steps without cuts: filling, underruns, overruns and device errors.

use std::cell::Cell;
use std::rc::Rc;

use assert_no_alloc::assert_no_alloc;
use mynah::audio::{AudioIo, Capture, CaptureDevice, DeviceLost, PcmError, Recovery, StreamFormat, steps};
use mynah::dsp::float;

use super::dac::{BUFFER, FADE, PERIOD, QUEUE, Rig, largest_jump, numbered, tone};

#[test]
fn the_speaker_queue_is_filled_with_silence_without_a_reply() {
    let mut rig = Rig::new();
    rig.run();
    assert_eq!(rig.dac.buffered.len(), QUEUE);
    rig.dac.tick(PERIOD);
    assert!(!rig.run(), "woken by silence");
    assert_eq!(rig.dac.buffered.len(), QUEUE);
    rig.write(&[7, 8, 9]);
    assert_eq!(rig.play(960)[QUEUE..QUEUE + 3], [7, 8, 9]);
    assert_eq!(rig.dac.buffered.len(), QUEUE);
}

#[test]
fn a_speaker_with_short_writes_loses_nothing() {
    let mut rig = Rig::new();
    rig.dac.write_max = 7;
    rig.write(&numbered(0, 2000));
    rig.run();
    assert_eq!(rig.play(2000), numbered(0, 2000));
}

#[test]
fn the_session_is_woken_when_the_lane_is_empty_and_played() {
    let mut rig = Rig::new();
    rig.write(&numbered(0, 480));
    assert!(!rig.run());
    rig.dac.tick(PERIOD);
    assert!(rig.run(), "the lane is empty");
    assert_eq!(rig.handle(|handle| handle.played_position()), 240);
    rig.dac.tick(PERIOD);
    assert!(rig.run(), "all played");
    assert_eq!(rig.handle(|handle| handle.played_position()), 480);
    rig.dac.tick(PERIOD);
    assert!(!rig.run());
}

#[test]
fn a_lane_that_runs_empty_is_counted_and_fades_out() {
    let mut rig = Rig::new();
    let reply = tone(695);
    rig.write(&reply);
    rig.run();
    let output = rig.play(1440);
    assert_eq!(output[..695], reply);
    assert!(output[695 + FADE..].iter().all(|sample| *sample == 0));
    assert!(reply[694].abs() > 20_000 && largest_jump(&output) <= 3775, "{}", largest_jump(&output));
    assert_eq!(rig.audio.borrow().counters().starved.get(), 1);
}

#[test]
fn an_xrun_loses_nothing_in_the_lane() {
    let mut rig = Rig::new();
    rig.write(&numbered(0, 2000));
    rig.run();
    rig.dac.tick(600);
    rig.run();
    rig.play(2400);
    let output: Vec<i16> = rig.dac.out.iter().copied().filter(|sample| *sample >= 1000).take(2000).collect();
    assert_eq!(output, numbered(0, 2000));
    let audio = rig.audio.borrow();
    assert_eq!((audio.counters().playback_xruns.get(), audio.playback.played_position()), (1, 2000));
}

#[test]
fn a_reopened_device_continues_from_the_lane() {
    let mut rig = Rig::new();
    rig.write(&numbered(0, 2000));
    rig.dac.write_max = 100;
    rig.run();
    let lost = DeviceLost { errno: libc::ENODEV };
    rig.dac.error = Some(PcmError::Lost(lost));
    assert_eq!(rig.playback.run(&mut rig.dac), Err(lost));
    rig.dac = super::dac::Dac::new();
    rig.run();
    assert_eq!(rig.play(1000), numbered(QUEUE as u64, 1000));
}

#[test]
fn a_lost_buffer_does_not_count_as_played() {
    let mut rig = Rig::new();
    rig.write(&numbered(0, 2000));
    rig.run();
    rig.dac.tick(PERIOD);
    rig.run();
    rig.playback.reset_stream();
    rig.dac = super::dac::Dac::new();
    rig.run();
    assert_eq!(rig.handle(|handle| handle.played_position()), PERIOD as u64);
}

#[test]
fn staged_frames_are_played_by_the_reopened_device() {
    let mut rig = Rig::new();
    rig.write(&numbered(0, 2000));
    rig.dac.write_max = 0;
    rig.run();
    rig.dac.error = Some(PcmError::Lost(DeviceLost { errno: libc::ENODEV }));
    assert!(rig.playback.run(&mut rig.dac).is_err());
    rig.dac = super::dac::Dac::new();
    rig.run();
    assert_eq!(rig.play(1000), numbered(0, 1000));
}

#[test]
fn a_suspended_device_gets_time_and_is_counted_once() {
    let mut rig = Rig::new();
    rig.run();
    rig.dac.error = Some(PcmError::Suspended);
    rig.dac.recovery = Ok(Recovery::NotYet);
    for _ in 0..5 {
        rig.run();
        assert!(rig.playback.is_resting());
    }
    rig.dac.recovery = Ok(Recovery::Emptied);
    rig.run();
    assert!(!rig.playback.is_resting());
    assert_eq!(rig.dac.buffered.len(), QUEUE);
    assert_eq!(rig.audio.borrow().counters().suspends.get(), 1);
}

#[test]
fn a_device_that_only_recovers_is_lost() {
    for error in [PcmError::Xrun, PcmError::Stall, PcmError::Suspended] {
        let mut rig = Rig::new();
        rig.dac.error = Some(error);
        rig.dac.recovery = Ok(Recovery::Resumed);
        let runs = (0..100).take_while(|_| rig.playback.run(&mut rig.dac).is_ok()).count();
        assert!((5..50).contains(&runs), "{error:?} was recovered {runs} times");
        let (_sound, mut capture) = capture_setup();
        let mut mic = Mic { error: Some(error), recovery: Ok(Recovery::Resumed), ..Mic::default() };
        let runs = (0..100).take_while(|_| capture.step(&mut mic).is_ok()).count();
        assert!((5..50).contains(&runs), "{error:?} was recovered {runs} times");
    }
}

#[test]
fn captured_frames_arrive_in_order_with_their_peak() {
    let (mut audio, mut capture) = capture_setup();
    let mut mic = Mic { due: 600, ..Mic::default() };
    assert_eq!(capture.step(&mut mic), Ok(true));
    assert_eq!(capture.step(&mut mic), Ok(false));
    assert_eq!(read(&mut audio, 1000), (0..600).collect::<Vec<i16>>());
    let counters = audio.counters();
    assert_eq!((counters.captured.get(), counters.overruns.get()), (600, 0));
    assert_eq!((counters.microphone_peak.take(), counters.microphone_peak.take()), (599, 0));
}

#[test]
fn a_full_capture_lane_drops_and_counts_new_frames() {
    let (mut audio, mut capture) = capture_setup();
    let mut mic = Mic { due: 48_000, is_wrapping: true, ..Mic::default() };
    while capture.step(&mut mic) == Ok(true) {}
    mic.due = 300;
    capture.step(&mut mic).unwrap();
    let counters = audio.counters();
    assert_eq!((counters.captured.get(), counters.overruns.get()), (48_300, 300));
    assert_eq!(read(&mut audio, 3), [0, 1, 2]);
    mic.due = 2;
    capture.step(&mut mic).unwrap();
    assert_eq!(read(&mut audio, 60_000).len(), 48_000 - 3 + 2);
}

#[test]
fn a_microphone_recovers_from_an_xrun() {
    let (mut audio, mut capture) = capture_setup();
    let mut mic = Mic { error: Some(PcmError::Xrun), ..Mic::default() };
    assert_eq!(capture.step(&mut mic), Ok(false));
    mic.due = 5;
    assert_eq!(capture.step(&mut mic), Ok(true));
    assert_eq!(read(&mut audio, 9).len(), 5);
    assert_eq!(audio.counters().capture_xruns.get(), 1);
}

#[test]
fn the_session_requests_the_microphone_and_sees_its_state() {
    let (mut audio, mut capture) = capture_setup();
    audio.capture.set_open(true);
    assert!(capture.is_wanted() && !audio.capture.is_open());
    capture.mark_open(true);
    assert!(audio.capture.is_open());
    audio.capture.set_open(false);
    assert!(!capture.is_wanted() && audio.capture.is_open());
}

#[test]
fn opening_the_microphone_discards_what_was_captured_before() {
    let (mut audio, mut capture) = capture_setup();
    let mut mic = Mic { due: 480, ..Mic::default() };
    audio.capture.set_open(true);
    capture.step(&mut mic).unwrap();
    audio.capture.set_open(false);
    assert_eq!(audio.capture.waiting(), 480, "captured while it was open");
    audio.capture.set_open(true);
    assert_eq!(audio.capture.waiting(), 0);
    mic.due = 240;
    capture.step(&mut mic).unwrap();
    audio.capture.set_open(true);
    assert_eq!(audio.capture.waiting(), 240, "it is open already");
}

#[test]
fn the_steps_allocate_nothing_even_at_a_cut_or_an_xrun() {
    let (audio, mut capture) = capture_setup();
    let mut rig = Rig::new();
    let mut mic = Mic::default();
    let reply = tone(4800).into_iter().map(|sample| [sample]).collect::<Vec<_>>();
    let cuts = Rc::new(Cell::new(0));
    assert_no_alloc(|| {
        for round in 0..40 {
            rig.handle(|handle| handle.write(&reply));
            rig.run();
            rig.dac.tick(if round % 7 == 6 { BUFFER } else { PERIOD });
            if round % 5 == 4 {
                rig.handle(|handle| handle.cut());
                cuts.set(cuts.get() + 1);
            }
            rig.run();
            mic.due += 700;
            mic.error = (round % 9 == 8).then_some(PcmError::Xrun);
            capture.step(&mut mic).unwrap();
        }
    });
    let played = rig.audio.borrow();
    assert!(played.counters().playback_xruns.get() > 0 && audio.counters().capture_xruns.get() > 0);
    assert!(cuts.get() > 0 && !rig.dac.flushes.is_empty());
}

#[derive(Debug)]
struct Mic {
    due: usize,
    next: i16,
    /// Whether the samples wrap around instead of overflowing.
    is_wrapping: bool,
    error: Option<PcmError>,
    recovery: Result<Recovery, PcmError>,
}

impl Default for Mic {
    fn default() -> Mic {
        Mic { due: 0, next: 0, is_wrapping: true, error: None, recovery: Ok(Recovery::Emptied) }
    }
}

impl CaptureDevice for Mic {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.error.map_or(Ok(()), Err)?;
        let taken = self.due.min(into.len());
        self.due -= taken;
        for sample in &mut into[..taken] {
            *sample = float(self.next);
            self.next = if self.is_wrapping { self.next.wrapping_add(1) } else { self.next + 1 };
        }
        Ok(taken)
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        if self.recovery == Ok(Recovery::Emptied) {
            self.error = None;
        }
        self.recovery
    }
}

fn capture_setup() -> (AudioIo, Capture) {
    let (audio, capture, _) = steps(StreamFormat::default()).unwrap();
    (audio, capture)
}

fn read(audio: &mut AudioIo, max: usize) -> Vec<i16> {
    let mut into = vec![[0]; max];
    let taken = audio.capture.read(&mut into);
    into[..taken].as_flattened().to_vec()
}
