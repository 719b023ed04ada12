//! A simulated sound device: a microphone or a speaker with its own clock that can be unplugged, stall, hang, or have
//! its thread woken late.
//!
//! The shipped audio loops drive it. While one waits for its device, the scheduler runs the other parts.

mod speaker;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use mynah::audio::{
    AudioDevice, AudioError, CaptureDevice, CaptureStamp, CutMode, DeviceLost, Direction, PcmError, Recovery,
    StallDetector, Stamp, Wait, Woken,
};
use mynah::sys::EventFd;

use super::clock::{At, Clock, MS, S, US};
use super::invariants::{Invariants, SPEECH_BASE, SPEECH_WRAP_MS};
use super::manner::Manner;
use super::room::Room;
use crate::allocator::as_world;

pub(super) const PERIOD_FRAMES: usize = 240;
/// The buffer of the microphone.
const BUFFER_FRAMES: usize = 960;
/// The microphone's buffer: a second.
const CAPTURE_BUFFER_FRAMES: usize = 24_000;
/// The lanes' sample rate.
const RATE_HZ: f64 = 24_000.0;
/// How long a stalled microphone is waited for, about as with the shipped stall detector.
const STALL_LIMIT: At = 2 * S;
const REST_WAIT: At = 5 * MS;
const UNPLUGGED: DeviceLost = DeviceLost { errno: libc::ENODEV };

/// One device of a card, for its loop and for fault injection.
#[derive(Clone)]
pub(super) struct SoundCard(Rc<RefCell<State>>);

struct State {
    clock: Clock,
    direction: Direction,
    manner: Manner,
    rng: Rng,
    invariants: Rc<RefCell<Invariants>>,
    speech: Rc<RefCell<SpeechSpan>>,
    /// By the card's own clock.
    frames_per_ns: f64,
    plugged: bool,
    stalled_until: At,
    late_until: At,
    hung_until: At,
    /// The end of the last call that prepared the speaker.
    prepared_at: At,
    limit: Option<At>,
    next_try: Option<At>,
    changed: bool,
    /// When the loop's wait is to be checked next.
    wake: Option<At>,
    /// When the present wait for the running device may end.
    ready_at: Option<At>,
    /// When the speaker is checked for a stall, unless it is ready before.
    wait_ends: Option<At>,
    /// Whether the session's notification ended the last wait.
    was_notified: bool,
    /// Whether the speaker held nothing but silence at the beginning of the present wait.
    was_silent: bool,
    stream: Option<StreamState>,
    room: Option<Rc<RefCell<Room>>>,
    /// The speaker that a microphone in a room hears.
    heard: Option<SoundCard>,
    starts_with_frames: bool,
}

/// An open PCM stream.
struct StreamState {
    started: Option<At>,
    /// Frames transferred by the card since the start.
    moved: u64,
    /// Frames transferred since the stream was opened.
    total: u64,
    queued: VecDeque<i16>,
    xrun: bool,
    waiting_since: Option<At>,
    /// The device was unplugged meanwhile.
    is_orphaned: bool,
    /// The number of frames in the speaker's buffer at which the thread is woken.
    wake_at: usize,
    /// The captured frames after which the thread is woken.
    wake_after: usize,
    /// The stall detector of the speaker, whether it asks for a restart, and `total` when it last saw it.
    stall: StallDetector,
    is_stalled: bool,
    total_at_level: u64,
}

/// When the user speaks.
#[derive(Debug, Default)]
pub(super) struct SpeechSpan {
    pub(super) from: At,
    pub(super) until: At,
}

impl SoundCard {
    pub(super) fn new(
        clock: &Clock,
        direction: Direction,
        manner: Manner,
        ppm: f64,
        rng: Rng,
        invariants: &Rc<RefCell<Invariants>>,
        speech: &Rc<RefCell<SpeechSpan>>,
    ) -> Self {
        Self(Rc::new(RefCell::new(State {
            clock: clock.clone(),
            direction,
            manner,
            rng,
            invariants: Rc::clone(invariants),
            speech: Rc::clone(speech),
            frames_per_ns: RATE_HZ * (1.0 + ppm / 1e6) / S as f64,
            plugged: true,
            stalled_until: 0,
            late_until: 0,
            hung_until: 0,
            prepared_at: 0,
            limit: None,
            next_try: None,
            changed: false,
            wake: Some(0),
            ready_at: None,
            wait_ends: None,
            was_notified: false,
            was_silent: true,
            stream: None,
            room: None,
            heard: None,
            starts_with_frames: false,
        })))
    }

    /// Puts the device into a room, where a microphone hears the speaker.
    pub(super) fn put_into(&self, room: &Rc<RefCell<Room>>, speaker: Option<&Self>) {
        let mut state = self.0.borrow_mut();
        (state.room, state.heard) = (Some(Rc::clone(room)), speaker.cloned());
    }

    /// Starts with a frame of the clock that counts all of this card, as both devices of one card do.
    pub(super) fn start_with_frames(&self) {
        self.0.borrow_mut().starts_with_frames = true;
    }

    /// Plugs or unplugs the device, with or without a hot-plug event.
    pub(super) fn plug(&self, plugged: bool, announced: bool) {
        let mut state = self.0.borrow_mut();
        state.plugged = plugged;
        if let Some(stream) = &mut state.stream {
            stream.is_orphaned |= !plugged;
        }
        state.changed |= plugged && announced;
        if announced {
            state.wake = Some(state.clock.now());
        }
    }

    /// Stops the card's clock until then.
    pub(super) fn stall(&self, until: At) {
        let mut state = self.0.borrow_mut();
        state.advance();
        state.stalled_until = until;
        state.stop_speaker(until);
    }

    /// Wakes its thread up to 60 ms late until then.
    pub(super) fn delay(&self, until: At) {
        self.0.borrow_mut().late_until = until;
    }

    /// Blocks all calls into its driver until then.
    pub(super) fn hang(&self, until: At) {
        let mut state = self.0.borrow_mut();
        state.hung_until = until;
        state.stop_speaker(until);
    }

    /// Returns when its loop's wait is to be checked; `None` while only its eventfd can end it.
    pub(super) fn wake(&self) -> Option<At> {
        self.0.borrow().wake
    }

    /// Returns whether the device is open.
    pub(super) fn is_open(&self) -> bool {
        self.0.borrow().stream.is_some()
    }

    /// Returns whether the session's notification ended its loop's last wait.
    pub(super) fn was_notified(&self) -> bool {
        self.0.borrow().was_notified
    }

    /// Returns whether it plays nothing but silence, and time may pass without that being observed.
    pub(super) fn is_skippable(&self) -> bool {
        let state = self.0.borrow();
        let plan = state.manner.plan;
        // A speaker that falls asleep counts its silence. One that is to hold its short queue may hold silence that has to
        // be played before a reply.
        let is_at_rest = plan.awake_frames.is_none()
            && state
                .stream
                .as_ref()
                .is_none_or(|stream| plan.long == plan.short || stream.wake_at >= plan.long / 2);
        state.was_silent && is_at_rest && state.stream.as_ref().is_none_or(|stream| !stream.xrun)
    }

    /// Advances past `time` without playing it: the device is silent and stays so, so nothing observable is skipped.
    pub(super) fn skip(&self, time: At) {
        let state = &mut *self.0.borrow_mut();
        if let Some(StreamState { started: Some(started), .. }) = &mut state.stream {
            *started += time;
        }
        for at in [&mut state.wake, &mut state.ready_at, &mut state.wait_ends].into_iter().flatten() {
            *at += time;
        }
    }

    fn with_stream<T>(
        &self,
        operation: impl FnOnce(&mut State, &mut StreamState) -> Result<T, PcmError>,
    ) -> Result<T, PcmError> {
        let state = &mut *self.0.borrow_mut();
        if !state.is_connected() {
            return Err(PcmError::Lost(UNPLUGGED));
        }
        state.advance();
        let mut stream = state.stream.take().ok_or(PcmError::Lost(UNPLUGGED))?;
        let result = if stream.xrun { Err(PcmError::Xrun) } else { operation(state, &mut stream) };
        state.stream = Some(stream);
        result
    }
}

impl State {
    /// Returns whether the device is plugged, and has been since its stream was opened.
    fn is_connected(&self) -> bool {
        self.plugged && self.stream.as_ref().is_none_or(|stream| !stream.is_orphaned)
    }

    /// Records in the invariants that no cut takes effect on the speaker's buffer until then.
    fn stop_speaker(&self, until: At) {
        if self.direction == Direction::Playback && self.manner.plan.cut != CutMode::Drop {
            self.invariants.borrow_mut().speaker_stops(self.clock.now(), until);
        }
    }

    fn take_notification(&mut self, wake_fd: &EventFd) -> bool {
        self.was_notified = wake_fd.drain();
        self.was_notified
    }

    /// Transfers the frames that are due by the card's clock.
    fn advance(&mut self) {
        let now = self.clock.now();
        let Some(stream) = &mut self.stream else { return };
        let Some(started) = stream.started else { return };
        if now < self.stalled_until {
            // After the stall it continues with the next frame.
            stream.started = Some(now - (stream.moved as f64 / self.frames_per_ns) as At);
            return;
        }
        let due = (now.saturating_sub(started) as f64 * self.frames_per_ns) as u64;
        let fresh = due.saturating_sub(stream.moved);
        match self.direction {
            Direction::Capture => {
                // `read` consumes the frames; more than the buffer holds is an overrun.
                stream.xrun |= fresh > CAPTURE_BUFFER_FRAMES as u64;
            }
            Direction::Playback => {
                let mut invariants = self.invariants.borrow_mut();
                for index in 0..fresh {
                    let Some(sample) = stream.queued.pop_front() else {
                        (stream.xrun, stream.started) = (true, None);
                        break;
                    };
                    let at = started + ((stream.moved + index) as f64 / self.frames_per_ns) as At;
                    invariants.sample_played(sample, at);
                    if let Some(room) = &self.room {
                        as_world(|| room.borrow_mut().play(sample, at, self.frames_per_ns));
                    }
                    stream.total += 1;
                }
                stream.moved = due;
            }
        }
    }

    /// Returns the thread's wake-up delay: under 0.25 ms, or up to 60 ms while a fault delays it.
    fn lateness(&mut self) -> At {
        if self.clock.now() < self.late_until {
            return self.rng.u64(0..60 * MS);
        }
        50 * US + self.rng.u64(0..200 * US)
    }

    /// Returns when the card will have transferred `frames` since the start.
    fn moved_at(&self, stream: &StreamState, frames: u64) -> Option<At> {
        stream.started.map(|started| started + (frames as f64 / self.frames_per_ns).ceil() as At)
    }

    /// Returns when the loop is to be polled if its eventfd is not notified.
    fn turn_at(&mut self, resting: bool) -> At {
        let (now, lateness) = (self.clock.now(), self.lateness());
        let Some(stream) = &self.stream else { return now };
        if resting {
            return now + REST_WAIT;
        }
        if stream.xrun {
            return now + lateness;
        }
        let frames = stream.moved + stream.wake_after as u64;
        self.moved_at(stream, frames).map_or(now + MS, |at| at.max(now) + lateness)
    }

    fn wants_turn(&self) -> bool {
        let Some(stream) = &self.stream else { return true };
        let due = stream
            .started
            .map_or(0, |at| (self.clock.now().saturating_sub(at) as f64 * self.frames_per_ns) as u64);
        stream.xrun || due.saturating_sub(stream.moved) >= stream.wake_after as u64
    }
}

impl SoundCard {
    /// Returns why the wait of its loop has ended, or `None` if it goes on. `is_new` is whether it begins now.
    pub(super) fn check_wait(&self, wait: Wait, is_new: bool, wake_fd: &EventFd) -> Option<Woken> {
        let state = &mut *self.0.borrow_mut();
        match wait {
            Wait::ForDevice { in_recovery } => match state.direction {
                Direction::Capture => state.check_microphone(in_recovery, is_new, wake_fd),
                Direction::Playback => state.check_speaker(in_recovery, is_new, wake_fd),
            },
            Wait::WithoutDevice => state.check_without_device(wake_fd),
            Wait::ForSession => {
                state.wake = None;
                state.take_notification(wake_fd).then_some(Woken::Ready)
            }
            Wait::Over => None,
        }
    }
}

impl State {
    fn check_microphone(&mut self, in_recovery: bool, is_new: bool, wake_fd: &EventFd) -> Option<Woken> {
        let now = self.clock.now();
        if is_new {
            self.ready_at = None;
        }
        if now < self.hung_until {
            self.wake = Some(self.hung_until);
            return None;
        }
        if !self.plugged {
            return Some(Woken::Lost(UNPLUGGED));
        }
        self.advance();
        let is_due = self.ready_at.is_some_and(|ready| now >= ready);
        if self.take_notification(wake_fd) || (is_due && (in_recovery || self.wants_turn())) {
            if let Some(stream) = &mut self.stream {
                stream.waiting_since = None;
            }
            return Some(Woken::Ready);
        }
        let since = self.stream.as_mut().map_or(now, |stream| *stream.waiting_since.get_or_insert(now));
        if now >= since + STALL_LIMIT {
            return Some(Woken::Lost(DeviceLost { errno: libc::ETIMEDOUT }));
        }
        if self.ready_at.is_none_or(|ready| now >= ready) {
            self.ready_at = Some(self.turn_at(in_recovery).max(now + US).min(since + STALL_LIMIT));
        }
        self.wake = self.ready_at;
        None
    }

    fn check_without_device(&mut self, wake_fd: &EventFd) -> Option<Woken> {
        let now = self.clock.now();
        let due = |at: &mut Option<At>| at.take_if(|at| *at <= now).is_some();
        if self.take_notification(wake_fd) {
            Some(Woken::Notified)
        } else if due(&mut self.limit) {
            Some(Woken::GaveUp)
        } else if due(&mut self.next_try) {
            Some(Woken::RetryDue)
        } else if std::mem::take(&mut self.changed) {
            Some(Woken::DevicesChanged)
        } else {
            self.wake = [self.limit, self.next_try].into_iter().flatten().min();
            None
        }
    }
}

impl AudioDevice for SoundCard {
    fn open(&mut self) -> Result<(), DeviceLost> {
        if self.0.borrow().plugged { Ok(()) } else { Err(UNPLUGGED) }
    }

    fn start(&mut self) -> Result<(), DeviceLost> {
        let state = &mut *self.0.borrow_mut();
        if !state.plugged {
            return Err(UNPLUGGED);
        }
        let started = (state.direction == Direction::Capture).then(|| state.starts_at(state.clock.now()));
        state.stream = Some(StreamState {
            started,
            moved: 0,
            total: 0,
            queued: VecDeque::with_capacity(state.manner.buffer_frames),
            xrun: false,
            waiting_since: None,
            is_orphaned: false,
            wake_at: state.manner.buffer_frames - PERIOD_FRAMES,
            wake_after: PERIOD_FRAMES,
            stall: StallDetector::new(state.manner.buffer_frames),
            is_stalled: false,
            total_at_level: 0,
        });
        if state.direction == Direction::Playback {
            state.prepare();
        }
        Ok(())
    }

    fn close(&mut self) {
        let state = &mut *self.0.borrow_mut();
        state.advance();
        if let Some(stream) = state.stream.take() {
            state.lose(stream.queued);
        }
    }

    fn is_proven(&self) -> bool {
        let state = self.0.borrow();
        state.stream.as_ref().is_some_and(|stream| match state.direction {
            Direction::Capture => stream.total >= 2 * BUFFER_FRAMES as u64,
            Direction::Playback => stream.stall.is_proven(),
        })
    }

    fn lost_error(&self, lost: DeviceLost) -> AudioError {
        AudioError::Lost {
            direction: self.0.borrow().direction,
            device: "simulated".to_owned(),
            errno: lost.errno,
        }
    }

    fn set_give_up_after(&mut self, limit: Option<Duration>) {
        let mut state = self.0.borrow_mut();
        state.limit = limit.map(|limit| state.clock.now() + limit.as_nanos() as At);
    }

    fn set_retry_after(&mut self, after: Option<Duration>) {
        let mut state = self.0.borrow_mut();
        state.next_try = after.map(|after| state.clock.now() + after.as_nanos() as At);
    }
}

impl CaptureDevice for SoundCard {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.with_stream(|state, stream| {
            let now = state.clock.now();
            let started = stream.started.unwrap_or(now);
            let waiting = ((now.saturating_sub(started) as f64 * state.frames_per_ns) as u64)
                .saturating_sub(stream.moved) as usize;
            let wanted = PERIOD_FRAMES.min(into.len());
            if waiting < wanted {
                return Ok(0);
            }
            let at = started + (stream.moved as f64 / state.frames_per_ns) as At;
            if let Some(room) = &state.room {
                if let Some(speaker) = &state.heard {
                    speaker.0.borrow_mut().advance();
                }
                as_world(|| room.borrow_mut().capture(at, state.frames_per_ns, &mut into[..wanted]));
                stream.moved += wanted as u64;
                stream.total += wanted as u64;
                return Ok(wanted);
            }
            let speech = state.speech.borrow();
            let speaks = at >= speech.from && at < speech.until;
            for (place, into) in into[..wanted].iter_mut().enumerate() {
                let level = if speaks {
                    let ms = (at + (place as f64 / state.frames_per_ns) as At) / MS;
                    state.invariants.borrow_mut().user_spoke(ms);
                    f32::from(SPEECH_BASE + (ms % SPEECH_WRAP_MS) as u16)
                } else {
                    // The last bit is noise: repeated blocks would be detected as a dead input.
                    3.0 + (stream.total + place as u64)
                        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                        .leading_zeros()
                        .min(1) as f32
                };
                *into = if place & 8 == 0 { level } else { -level } / 32_768.0;
            }
            stream.moved += wanted as u64;
            stream.total += wanted as u64;
            state.invariants.borrow_mut().held_frames += wanted as i64;
            Ok(wanted)
        })
    }

    fn wake_after(&mut self, frames: usize) -> Result<(), PcmError> {
        self.with_stream(|_, stream| {
            stream.wake_after = (frames / PERIOD_FRAMES * PERIOD_FRAMES).max(PERIOD_FRAMES);
            Ok(())
        })
    }

    fn stamp(&mut self) -> Result<CaptureStamp, PcmError> {
        self.with_stream(|state, stream| {
            let now = state.clock.now();
            let elapsed = now.saturating_sub(stream.started.unwrap_or(now));
            let captured = (elapsed as f64 * state.frames_per_ns) as u64;
            Ok(CaptureStamp { delay: captured as i64 - stream.moved as i64, time: Stamp::At(now) })
        })
    }

    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError> {
        self.recover_stream(error)
    }
}

impl State {
    /// Returns when a stream starts that is started at a time.
    pub(super) fn starts_at(&self, at: At) -> At {
        let frame = (at as f64 * self.frames_per_ns).ceil();
        if self.starts_with_frames { (frame / self.frames_per_ns).ceil() as At } else { at }
    }

    /// Records frames that are queued and will not be played.
    fn lose(&self, queued: VecDeque<i16>) {
        if let Some(room) = &self.room {
            room.borrow_mut().lose(queued.len());
        }
        queued.into_iter().for_each(|sample| self.invariants.borrow_mut().sample_lost(sample));
    }
}

impl SoundCard {
    fn recover_stream(&self, error: PcmError) -> Result<Recovery, PcmError> {
        if let PcmError::Lost(lost) = error {
            return Err(PcmError::Lost(lost));
        }
        let state = &mut *self.0.borrow_mut();
        if !state.is_connected() {
            return Err(PcmError::Lost(UNPLUGGED));
        }
        let started = (state.direction == Direction::Capture).then(|| state.starts_at(state.clock.now()));
        let Some(stream) = &mut state.stream else { return Err(PcmError::Lost(UNPLUGGED)) };
        let queued = std::mem::take(&mut stream.queued);
        (stream.xrun, stream.moved, stream.started) = (false, 0, started);
        state.lose(queued);
        Ok(Recovery::Emptied)
    }
}
