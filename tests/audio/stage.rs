//! A stage for one sound thread: its device, its time, and a session that does what a script says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mynah::audio::{
    ActiveStream, AudioError, AudioIo, BufferLevel, CaptureDevice, CutReceipt, DeviceLost, DeviceSource,
    Direction, MissingDevices, PcmError, PlaybackDevice, Recovery, StallDetector, WakeReason,
};
use mynah::sys::EventFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::dac::{BUFFER, Dac, PERIOD};
use super::reconnect::Seen;

pub(super) const UNPLUGGED: DeviceLost = DeviceLost { errno: libc::ENODEV };
pub(super) const BUSY: DeviceLost = DeviceLost { errno: libc::EBUSY };
const PERIOD_MS: u64 = 10;
/// How long one that stands still is waited for at a time.
const LOOK_MS: u64 = 200;
/// More than a day's.
const MOST_TRIES: usize = 50_000;

type Act = Box<dyn FnOnce(&Stage)>;

/// Cloned into all who stand on it.
#[derive(Clone)]
pub(super) struct Stage(Rc<RefCell<Set>>);

struct Set {
    end: Direction,
    sound: Option<AudioIo>,
    now_ms: u64,
    script: VecDeque<(u64, Act)>,
    changed: bool,
    limit_ms: Option<u64>,
    next_try_ms: Option<u64>,
    device: State,
    dac: Dac,
    /// Frames the microphone has for whoever reads.
    due: usize,
    /// What the microphone gives.
    voice: Voice,
    given: u64,
    /// Frames it gives at a time.
    block: usize,
    /// Frames moved since the device was opened.
    moved: usize,
    vigil: StallDetector,
    lines: usize,
    /// When one that stood still was begun anew.
    anew: Vec<u64>,
    tries: Vec<(u64, bool)>,
    seen: Vec<(u64, MissingDevices)>,
    receipts: Vec<(u64, CutReceipt)>,
    out: Vec<i16>,
    captured_before: u64,
    counts: (u64, u64, u64),
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Here,
    /// It cannot be opened.
    Gone(DeviceLost),
    /// It can be opened, and fails when it is to move.
    Flaps,
    /// It can be opened, and stands still.
    Still,
}

/// What a microphone gives that delivers.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Voice {
    /// What no microphone ever gives twice.
    Noise,
    /// This value.
    Flat(f32),
    /// The same so many frames, over and over.
    Again(u64),
}

impl Voice {
    fn at(self, place: u64) -> f32 {
        let noise = |place: u64| (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as f32 / 32_768.0;
        match self {
            Voice::Noise => noise(place + 1),
            Voice::Flat(value) => value,
            Voice::Again(frames) => noise(place % frames + 1),
        }
    }
}

impl Stage {
    pub(super) fn new() -> Stage {
        Stage(Rc::new(RefCell::new(Set {
            end: Direction::Playback,
            sound: None,
            now_ms: 0,
            script: VecDeque::new(),
            changed: false,
            limit_ms: None,
            next_try_ms: None,
            device: State::Here,
            dac: Dac::new(),
            due: 0,
            voice: Voice::Noise,
            given: 0,
            block: PERIOD,
            moved: 0,
            vigil: StallDetector::new(BUFFER),
            lines: 0,
            anew: Vec::new(),
            tries: Vec::new(),
            seen: Vec::new(),
            receipts: Vec::new(),
            out: Vec::new(),
            captured_before: 0,
            counts: (0, 0, 0),
        })))
    }

    /// Writes into the script what happens when; in order.
    pub(super) fn at(&self, ms: u64, act: impl FnOnce(&Stage) + 'static) {
        self.0.borrow_mut().script.push_back((ms, Box::new(act)));
    }

    /// Gives the thread its place and an open device; the session leaves at `end_ms`.
    pub(super) fn begin(&self, end: Direction, sound: AudioIo, end_ms: u64) -> (Stage, Device) {
        self.at(end_ms, |stage| {
            let mut set = stage.0.borrow_mut();
            let counters = set.sound.as_ref().unwrap().counters();
            set.counts = (counters.captured.get(), counters.reopens.get(), counters.dead_inputs.get());
            set.sound = None;
        });
        let mut set = self.0.borrow_mut();
        (set.end, set.sound) = (end, Some(sound));
        let begins = set.script.front().is_some_and(|(at, _)| *at == 0);
        drop(set);
        if begins {
            self.play();
        }
        (self.clone(), Device(self.clone()))
    }

    pub(super) fn unplug(&self) {
        self.0.borrow_mut().device = State::Gone(UNPLUGGED);
    }

    pub(super) fn take(&self) {
        self.0.borrow_mut().device = State::Gone(BUSY);
    }

    pub(super) fn flap(&self) {
        self.0.borrow_mut().device = State::Flaps;
    }

    pub(super) fn still(&self) {
        self.0.borrow_mut().device = State::Still;
    }

    pub(super) fn hears(&self, voice: Voice) {
        self.0.borrow_mut().voice = voice;
    }

    pub(super) fn gives(&self, frames: usize) {
        self.0.borrow_mut().block = frames;
    }

    pub(super) fn put_back(&self) {
        self.0.borrow_mut().device = State::Here;
    }

    pub(super) fn nodes_changed(&self) {
        self.0.borrow_mut().changed = true;
    }

    pub(super) fn listen(&self) {
        self.with(|sound| sound.capture.set_open(true));
    }

    pub(super) fn hush(&self) {
        self.with(|sound| sound.capture.set_open(false));
    }

    pub(super) fn is_open(&self) -> bool {
        self.with(|sound| sound.capture.is_open())
    }

    pub(super) fn say(&self, samples: &[i16]) {
        let frames: Vec<mynah::audio::PlaybackFrame> = samples.iter().map(|sample| [*sample]).collect();
        assert_eq!(self.with(|sound| sound.playback.write(&frames)), frames.len());
    }

    pub(super) fn cut(&self) {
        self.with(|sound| sound.playback.cut());
    }

    pub(super) fn forget_captured(&self) {
        let captured = self.with(|sound| sound.counters().captured.get());
        self.0.borrow_mut().captured_before = captured;
    }

    pub(super) fn captured(&self) -> u64 {
        let set = self.0.borrow();
        set.counts.0 - set.captured_before
    }

    pub(super) fn reopens(&self) -> u64 {
        self.0.borrow().counts.1
    }

    pub(super) fn deafened(&self) -> u64 {
        self.0.borrow().counts.2
    }

    pub(super) fn now(&self) -> u64 {
        self.0.borrow().now_ms
    }

    /// When the device was tried, and whether it opened.
    pub(super) fn tries(&self) -> Vec<(u64, bool)> {
        self.0.borrow().tries.clone()
    }

    /// When a device that stood still was begun anew.
    pub(super) fn begun_anew(&self) -> Vec<u64> {
        self.0.borrow().anew.clone()
    }

    /// Times the device was made to run.
    pub(super) fn lines(&self) -> usize {
        self.0.borrow().lines
    }

    /// What the session saw, each time it was woken to something new.
    pub(super) fn seen(&self) -> Vec<(u64, MissingDevices)> {
        self.0.borrow().seen.clone()
    }

    pub(super) fn speaker_seen(&self) -> Seen {
        self.seen().into_iter().map(|(at, away)| (at, away.playback)).collect()
    }

    pub(super) fn microphone_seen(&self) -> Seen {
        self.seen().into_iter().map(|(at, away)| (at, away.capture)).collect()
    }

    pub(super) fn receipts(&self) -> Vec<(u64, CutReceipt)> {
        self.0.borrow().receipts.clone()
    }

    /// What was heard from the speaker, without silence and fades.
    pub(super) fn heard_numbers(&self) -> Vec<i16> {
        let set = self.0.borrow();
        set.out.iter().chain(&set.dac.out).copied().filter(|sample| *sample >= 1000).collect()
    }

    fn with<T>(&self, ask: impl FnOnce(&mut AudioIo) -> T) -> T {
        ask(self.0.borrow_mut().sound.as_mut().expect("the session is there"))
    }

    /// Lets time pass, and plays what falls into it.
    fn pass(&self, until_ms: u64) {
        self.look();
        while self.0.borrow().script.front().is_some_and(|(at, _)| *at <= until_ms) {
            self.play();
        }
        let mut set = self.0.borrow_mut();
        set.now_ms = set.now_ms.max(until_ms);
    }

    /// Plays all that the script has for its next moment, if that has come.
    fn play(&self) {
        let next = self.0.borrow().script.front().map(|(at, _)| *at);
        while self.0.borrow().script.front().map(|(at, _)| *at) == next {
            let Some((at, act)) = self.0.borrow_mut().script.pop_front() else { return };
            {
                let mut set = self.0.borrow_mut();
                set.now_ms = set.now_ms.max(at);
            }
            act(self);
        }
    }

    /// The session, once it is woken, looks.
    fn look(&self) {
        let mut set = self.0.borrow_mut();
        let now = set.now_ms;
        let Some(sound) = &mut set.sound else { return };
        let nought = Timespec::try_from(Duration::ZERO).unwrap();
        if poll(&mut [PollFd::new(sound, PollFlags::IN)], Some(&nought)).unwrap() == 0 {
            return;
        }
        sound.clear_wake();
        let away = sound.missing_devices();
        let receipts: Vec<_> = std::iter::from_fn(|| sound.playback.receipt()).collect();
        set.receipts.extend(receipts.into_iter().map(|receipt| (now, receipt)));
        if set.seen.last().map_or(MissingDevices::default(), |(_, away)| *away) != away {
            set.seen.push((now, away));
        }
    }
}

impl DeviceSource for Stage {
    type Device = Device;
    type Line<'a> = Line;

    fn open(&mut self) -> Result<Device, DeviceLost> {
        let mut set = self.0.borrow_mut();
        let (now, opened) = (set.now_ms, !matches!(set.device, State::Gone(_)));
        set.tries.push((now, opened));
        assert!(set.tries.len() < MOST_TRIES, "it spins");
        match set.device {
            State::Gone(gone) => Err(gone),
            State::Here | State::Flaps | State::Still => Ok(Device(self.clone())),
        }
    }

    fn line(device: &Device) -> Result<Line, DeviceLost> {
        let stage = device.0.clone();
        let mut set = stage.0.borrow_mut();
        let before = std::mem::replace(&mut set.dac, Dac::new());
        set.out.extend(before.out);
        (set.moved, set.due, set.vigil) = (0, 0, StallDetector::new(BUFFER));
        set.lines += 1;
        drop(set);
        Ok(Line(stage))
    }

    fn lost(&self, gone: DeviceLost) -> AudioError {
        AudioError::Lost { end: self.0.borrow().end, device: "scripted".to_owned(), errno: gone.errno }
    }

    fn set_limit(&mut self, limit: Option<Duration>) {
        let mut set = self.0.borrow_mut();
        set.limit_ms = limit.map(|limit| set.now_ms + limit.as_millis() as u64);
    }

    fn set_next_try(&mut self, after: Option<Duration>) {
        let mut set = self.0.borrow_mut();
        set.next_try_ms = after.map(|after| set.now_ms + after.as_millis() as u64);
    }

    async fn wait(&mut self, _: &EventFd) -> WakeReason {
        self.look();
        let (limit, next_try, script) = {
            let set = self.0.borrow();
            (set.limit_ms, set.next_try_ms, set.script.front().map(|(at, _)| *at))
        };
        let timer = [limit, next_try].into_iter().flatten().min();
        if script.is_some_and(|script| timer.is_none_or(|timer| script <= timer)) {
            self.play();
            return match std::mem::take(&mut self.0.borrow_mut().changed) {
                true => WakeReason::DevicesChanged,
                false => WakeReason::Notified,
            };
        }
        let mut set = self.0.borrow_mut();
        set.now_ms = set.now_ms.max(timer.expect("it would wait for ever"));
        if limit.is_some_and(|limit| limit <= set.now_ms) {
            set.limit_ms = None;
            return WakeReason::Over;
        }
        set.next_try_ms = None;
        WakeReason::Due
    }
}

/// The device while it is open.
pub(super) struct Device(Stage);

/// The device while it runs.
pub(super) struct Line(Stage);

impl Line {
    fn still_there(&self) -> Result<(), DeviceLost> {
        match self.0.0.borrow().device {
            State::Here | State::Still => Ok(()),
            State::Gone(_) => Err(UNPLUGGED),
            State::Flaps => Err(DeviceLost { errno: libc::EIO }),
        }
    }

    fn dac<T>(&mut self, ask: impl FnOnce(&mut Dac) -> Result<T, PcmError>) -> Result<T, PcmError> {
        self.still_there().map_err(PcmError::Lost)?;
        ask(&mut self.0.0.borrow_mut().dac)
    }
}

impl ActiveStream for Line {
    async fn wait(&mut self, _: &EventFd, _: bool) -> Result<(), DeviceLost> {
        if self.0.0.borrow().device == State::Still {
            self.0.pass(self.0.now() + LOOK_MS);
            // As a card is: looked at now and then, begun anew once, and then given up.
            let mut set = self.0.0.borrow_mut();
            let anew = set.vigil.idle(LOOK_MS as u32)?;
            if anew {
                set.dac.held.clear();
                let now = set.now_ms;
                set.anew.push(now);
            }
            return Ok(());
        }
        let next = self.0.now() + PERIOD_MS;
        self.0.pass(next);
        self.still_there()?;
        self.0.0.borrow_mut().vigil.progressed(PERIOD);
        let mut set = self.0.0.borrow_mut();
        set.dac.tick(PERIOD);
        set.due += PERIOD;
        set.moved += PERIOD;
        Ok(())
    }

    fn is_proven(&self) -> bool {
        let set = self.0.0.borrow();
        set.moved
            >= match set.end {
                Direction::Playback => 2 * BUFFER,
                Direction::Capture => 4 * BUFFER,
            }
    }
}

impl CaptureDevice for Line {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.still_there().map_err(PcmError::Lost)?;
        let mut set = self.0.0.borrow_mut();
        if set.due < set.block {
            return Ok(0);
        }
        let taken = set.due.min(into.len());
        set.due -= taken;
        let (voice, given) = (set.voice, set.given);
        for (place, sample) in (given..).zip(&mut into[..taken]) {
            *sample = voice.at(place);
        }
        set.given += taken as u64;
        Ok(taken)
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}

impl PlaybackDevice for Line {
    fn queue_frames(&self) -> usize {
        self.0.0.borrow().dac.queue_frames()
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.dac(PlaybackDevice::level)
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.dac(|dac| dac.write(frames))
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.dac(PlaybackDevice::flush)
    }

    fn recover(&mut self, trouble: PcmError) -> Result<Recovery, PcmError> {
        self.dac(|dac| PlaybackDevice::recover(dac, trouble))
    }
}

/// Runs a loop on a stage, where no wait is ever pending.
pub(super) fn at_once<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a stage lets time pass by itself"),
    }
}
