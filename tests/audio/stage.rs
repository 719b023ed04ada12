//! The environment of one audio thread: its device, its time, and a session that follows a script.

mod device;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use mynah::audio::{
    AudioError, AudioIo, CaptureLoop, CutReceipt, DeviceLost, Direction, MissingDevices, PcmError,
    PlaybackLoop, StallDetector, Wait, Woken,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::dac::{BUFFER, Dac, PERIOD};
use super::reconnect::Observed;

pub(super) const UNPLUGGED: DeviceLost = DeviceLost { errno: libc::ENODEV };
pub(super) const BUSY: DeviceLost = DeviceLost { errno: libc::EBUSY };
const PERIOD_MS: u64 = 10;
/// How long a stalled device is waited for at a time.
const STALL_CHECK_MS: u64 = 200;
/// More than a day of attempts.
const ATTEMPTS_MAX: usize = 50_000;

type Action = Box<dyn FnOnce(&Stage)>;

/// A handle; clones share the state.
#[derive(Clone)]
pub(super) struct Stage(Rc<RefCell<StageState>>);

struct StageState {
    end: Direction,
    audio: Option<AudioIo>,
    now_ms: u64,
    script: VecDeque<(u64, Action)>,
    changed: bool,
    give_up_ms: Option<u64>,
    retry_ms: Option<u64>,
    device: State,
    dac: Dac,
    /// Captured frames that have not been read.
    due: usize,
    /// When it captured the last of them.
    ticked_ms: u64,
    /// What the microphone captures.
    signal: Signal,
    given: u64,
    is_usb: bool,
    /// By how many periods the next wait ends late.
    late_periods: usize,
    /// The fewest frames that it returns at a time.
    block: usize,
    /// Frames moved since the device was started.
    moved: usize,
    stall_detector: StallDetector,
    streams: usize,
    /// When a stalled stream was restarted.
    restarts: Vec<u64>,
    attempts: Vec<(u64, bool)>,
    /// When the running device was closed.
    closes: Vec<u64>,
    is_running: bool,
    observed: Vec<(u64, MissingDevices)>,
    receipts: Vec<(u64, CutReceipt)>,
    out: Vec<i16>,
    captured_before: u64,
    counts: (u64, u64, u64),
    discarded: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Present,
    /// It cannot be opened.
    Missing(DeviceLost),
    /// It can be opened, but fails when it is started.
    FailsOnStart,
    /// It can be opened, but moves no frames.
    Stalled,
}

/// What a working microphone captures.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Signal {
    /// Noise, which never repeats.
    Noise,
    /// A constant value.
    Flat(f32),
    /// The same number of frames, repeated.
    Repeat(u64),
    /// The time of the capture, in milliseconds.
    Time,
}

impl Signal {
    fn at(self, frame: u64) -> f32 {
        let noise = |frame: u64| (frame.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as f32 / 32_768.0;
        match self {
            Signal::Noise => noise(frame + 1),
            Signal::Flat(value) => value,
            Signal::Repeat(frames) => noise(frame % frames + 1),
            Signal::Time => (frame * PERIOD_MS / PERIOD as u64) as f32 / 32_768.0,
        }
    }
}

impl Stage {
    pub(super) fn new() -> Stage {
        Stage(Rc::new(RefCell::new(StageState {
            end: Direction::Playback,
            audio: None,
            now_ms: 0,
            script: VecDeque::new(),
            changed: false,
            give_up_ms: None,
            retry_ms: None,
            device: State::Present,
            dac: Dac::new(),
            due: 0,
            ticked_ms: 0,
            signal: Signal::Noise,
            given: 0,
            is_usb: false,
            late_periods: 0,
            block: PERIOD,
            moved: 0,
            stall_detector: StallDetector::new(BUFFER),
            streams: 0,
            restarts: Vec::new(),
            attempts: Vec::new(),
            closes: Vec::new(),
            is_running: false,
            observed: Vec::new(),
            receipts: Vec::new(),
            out: Vec::new(),
            captured_before: 0,
            counts: (0, 0, 0),
            discarded: 0,
        })))
    }

    /// Adds an action to the script; actions are added in order of time.
    pub(super) fn at(&self, ms: u64, action: impl FnOnce(&Stage) + 'static) {
        self.0.borrow_mut().script.push_back((ms, Box::new(action)));
    }

    /// Attaches a session that ends at `end_ms`, and returns the device for its loop.
    pub(super) fn begin(&self, end: Direction, audio: AudioIo, end_ms: u64) -> Stage {
        self.at(end_ms, |stage| {
            let mut state = stage.0.borrow_mut();
            let counters = state.audio.as_ref().unwrap().counters();
            let counts = (counters.captured.get(), counters.reopens.get(), counters.dead_inputs.get());
            (state.discarded, state.counts) = (counters.discarded.get(), counts);
            state.audio = None;
        });
        let mut state = self.0.borrow_mut();
        (state.end, state.audio) = (end, Some(audio));
        let starts_now = state.script.front().is_some_and(|(at, _)| *at == 0);
        drop(state);
        if starts_now {
            self.run_script();
        }
        self.clone()
    }

    pub(super) fn unplug(&self) {
        self.0.borrow_mut().device = State::Missing(UNPLUGGED);
    }

    pub(super) fn make_busy(&self) {
        self.0.borrow_mut().device = State::Missing(BUSY);
    }

    pub(super) fn fail_on_start(&self) {
        self.0.borrow_mut().device = State::FailsOnStart;
    }

    pub(super) fn stall(&self) {
        self.0.borrow_mut().device = State::Stalled;
    }

    pub(super) fn set_signal(&self, signal: Signal) {
        self.0.borrow_mut().signal = signal;
    }

    pub(super) fn make_usb(&self) {
        self.0.borrow_mut().is_usb = true;
    }

    /// Lets the next wait for the device end that much later.
    pub(super) fn be_late(&self, periods: usize) {
        self.0.borrow_mut().late_periods = periods;
    }

    pub(super) fn set_block_frames(&self, frames: usize) {
        self.0.borrow_mut().block = frames;
    }

    pub(super) fn plug_in(&self) {
        self.0.borrow_mut().device = State::Present;
    }

    pub(super) fn nodes_changed(&self) {
        self.0.borrow_mut().changed = true;
    }

    pub(super) fn open_microphone(&self) {
        self.with_audio(|audio| audio.capture.set_open(true));
    }

    pub(super) fn close_microphone(&self) {
        self.with_audio(|audio| audio.capture.set_open(false));
    }

    pub(super) fn mute_microphone(&self) {
        self.with_audio(|audio| audio.capture.mute());
    }

    pub(super) fn is_open(&self) -> bool {
        self.with_audio(|audio| audio.capture.is_open())
    }

    /// Takes what was captured.
    pub(super) fn read_captured(&self) -> Vec<i16> {
        let mut frames = vec![[0]; 48_000];
        let count = self.with_audio(|audio| audio.capture.read(&mut frames));
        frames[..count].as_flattened().to_vec()
    }

    pub(super) fn write(&self, samples: &[i16]) {
        let frames: Vec<mynah::audio::PlaybackFrame> = samples.iter().map(|sample| [*sample]).collect();
        assert_eq!(self.with_audio(|audio| audio.playback.write(&frames)), frames.len());
    }

    pub(super) fn cut(&self) {
        self.with_audio(|audio| audio.playback.cut());
    }

    pub(super) fn reset_captured(&self) {
        let captured = self.with_audio(|audio| audio.counters().captured.get());
        self.0.borrow_mut().captured_before = captured;
    }

    pub(super) fn captured(&self) -> u64 {
        let state = self.0.borrow();
        state.counts.0 - state.captured_before
    }

    pub(super) fn reopens(&self) -> u64 {
        self.0.borrow().counts.1
    }

    pub(super) fn dead_inputs(&self) -> u64 {
        self.0.borrow().counts.2
    }

    pub(super) fn now(&self) -> u64 {
        self.0.borrow().now_ms
    }

    /// Returns when the device was opened, and whether that succeeded.
    pub(super) fn attempts(&self) -> Vec<(u64, bool)> {
        self.0.borrow().attempts.clone()
    }

    /// Returns when the running device was closed.
    pub(super) fn closes(&self) -> Vec<u64> {
        self.0.borrow().closes.clone()
    }

    /// Returns the number of frames that were discarded.
    pub(super) fn discarded(&self) -> u64 {
        self.0.borrow().discarded
    }

    /// Returns when a stalled stream was restarted.
    pub(super) fn restarts(&self) -> Vec<u64> {
        self.0.borrow().restarts.clone()
    }

    /// Returns the number of times the device was started.
    pub(super) fn streams(&self) -> usize {
        self.0.borrow().streams
    }

    /// Returns what the session observed, whenever it changed.
    pub(super) fn observed(&self) -> Vec<(u64, MissingDevices)> {
        self.0.borrow().observed.clone()
    }

    pub(super) fn playback_observed(&self) -> Observed {
        self.observed().into_iter().map(|(at, missing)| (at, missing.playback)).collect()
    }

    pub(super) fn capture_observed(&self) -> Observed {
        self.observed().into_iter().map(|(at, missing)| (at, missing.capture)).collect()
    }

    pub(super) fn receipts(&self) -> Vec<(u64, CutReceipt)> {
        self.0.borrow().receipts.clone()
    }

    /// Returns what the speaker played, without silence and fades.
    pub(super) fn played_numbers(&self) -> Vec<i16> {
        let state = self.0.borrow();
        state.out.iter().chain(&state.dac.out).copied().filter(|sample| *sample >= 1000).collect()
    }

    fn with_audio<T>(&self, ask: impl FnOnce(&mut AudioIo) -> T) -> T {
        ask(self.0.borrow_mut().audio.as_mut().expect("the session has not ended"))
    }

    /// Advances the time and runs the script up to it.
    fn advance(&self, until_ms: u64) {
        self.observe();
        while self.0.borrow().script.front().is_some_and(|(at, _)| *at <= until_ms) {
            self.run_script();
        }
        let mut state = self.0.borrow_mut();
        state.now_ms = state.now_ms.max(until_ms);
    }

    /// Runs all actions of the earliest time in the script.
    fn run_script(&self) {
        let next = self.0.borrow().script.front().map(|(at, _)| *at);
        while self.0.borrow().script.front().map(|(at, _)| *at) == next {
            let Some((at, action)) = self.0.borrow_mut().script.pop_front() else { return };
            {
                let mut state = self.0.borrow_mut();
                state.now_ms = state.now_ms.max(at);
            }
            action(self);
        }
    }

    /// Reads the state and the receipts, if the session was woken.
    fn observe(&self) {
        let mut state = self.0.borrow_mut();
        let now = state.now_ms;
        let Some(audio) = &mut state.audio else { return };
        let zero = Timespec::try_from(Duration::ZERO).unwrap();
        if poll(&mut [PollFd::new(audio, PollFlags::IN)], Some(&zero)).unwrap() == 0 {
            return;
        }
        audio.clear_wake();
        let missing = audio.missing_devices();
        let receipts: Vec<_> = std::iter::from_fn(|| audio.playback.receipt()).collect();
        state.receipts.extend(receipts.into_iter().map(|receipt| (now, receipt)));
        if state.observed.last().map_or(MissingDevices::default(), |(_, missing)| *missing) != missing {
            state.observed.push((now, missing));
        }
    }
}

impl Stage {
    /// Takes the steps of a capture loop until the session ends.
    pub(super) fn run_capture(&mut self, mut capture: CaptureLoop) -> Result<(), AudioError> {
        self.run(|stage, woken| capture.step(stage, woken))
    }

    /// Takes the steps of a playback loop, whose device is open, until the session ends.
    pub(super) fn run_playback(&mut self, mut playback: PlaybackLoop) -> Result<(), AudioError> {
        self.run(|stage, woken| playback.step(stage, woken))
    }

    fn run(
        &mut self,
        mut step: impl FnMut(&mut Stage, Woken) -> Result<Wait, AudioError>,
    ) -> Result<(), AudioError> {
        let mut woken = Woken::Notified;
        loop {
            woken = match step(self, woken)? {
                Wait::ForDevice { .. } => self.wait_for_device().map_or_else(Woken::Lost, |()| Woken::Ready),
                Wait::ForSession => panic!("a speaker without a limit never sleeps"),
                Wait::WithoutDevice => self.wait_without_device(),
                Wait::Over => return Ok(()),
            };
        }
    }

    fn wait_for_device(&self) -> Result<(), DeviceLost> {
        if self.0.borrow().device == State::Stalled {
            self.advance(self.now() + STALL_CHECK_MS);
            // As the stall detector of a card: checked at intervals, restarted once, then given up.
            let mut state = self.0.borrow_mut();
            let restart = state.stall_detector.idle(STALL_CHECK_MS as u32)?;
            if restart {
                state.dac.buffered.clear();
                let now = state.now_ms;
                state.restarts.push(now);
            }
            return Ok(());
        }
        let periods = 1 + std::mem::take(&mut self.0.borrow_mut().late_periods);
        self.advance(self.now() + periods as u64 * PERIOD_MS);
        self.check_present()?;
        self.0.borrow_mut().stall_detector.progressed(PERIOD);
        let mut state = self.0.borrow_mut();
        state.dac.tick(PERIOD);
        state.due += periods * PERIOD;
        state.ticked_ms = state.now_ms;
        state.moved += PERIOD;
        Ok(())
    }

    fn wait_without_device(&self) -> Woken {
        self.observe();
        let (limit, next_try, script) = {
            let state = self.0.borrow();
            (state.give_up_ms, state.retry_ms, state.script.front().map(|(at, _)| *at))
        };
        let timer = [limit, next_try].into_iter().flatten().min();
        if script.is_some_and(|script| timer.is_none_or(|timer| script <= timer)) {
            self.run_script();
            return match std::mem::take(&mut self.0.borrow_mut().changed) {
                true => Woken::DevicesChanged,
                false => Woken::Notified,
            };
        }
        let mut state = self.0.borrow_mut();
        state.now_ms = state.now_ms.max(timer.expect("no timer is set"));
        if limit.is_some_and(|limit| limit <= state.now_ms) {
            state.give_up_ms = None;
            return Woken::GaveUp;
        }
        state.retry_ms = None;
        Woken::RetryDue
    }

    fn check_present(&self) -> Result<(), DeviceLost> {
        match self.0.borrow().device {
            State::Present | State::Stalled => Ok(()),
            State::Missing(_) => Err(UNPLUGGED),
            State::FailsOnStart => Err(DeviceLost { errno: libc::EIO }),
        }
    }

    fn dac<T>(&mut self, ask: impl FnOnce(&mut Dac) -> Result<T, PcmError>) -> Result<T, PcmError> {
        self.check_present()?;
        ask(&mut self.0.borrow_mut().dac)
    }
}
