//! A sound card in virtual time: a microphone or a speaker that has a clock of its own, can be pulled out, stand
//! still, and be woken late.
//!
//! The loops that drive it are the shipped ones; where they wait for a card, the rest of the world has its turn.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use fastrand::Rng;
use mynah::audio::{
    ActiveStream, AudioError, BufferLevel, CaptureDevice, DeviceLost, DeviceSource, Direction, PcmError,
    PlaybackDevice, Recovery, WakeReason,
};
use mynah::dsp::sample;
use mynah::sys::EventFd;

use super::clock::{At, Clock, MS, S, US};
use super::invariants::{Promises, VOICE, VOICE_MS};

pub(super) const PERIOD: usize = 240;
const QUEUE: usize = 480;
const BUFFER: usize = 960;
/// A second of sound, as the lanes have it.
const RATE_HZ: f64 = 24_000.0;
/// How long a card that stands still is waited for, as the shipped card's watch does.
const GONE: At = 2 * S;
const REST: At = 5 * MS;
const UNPLUGGED: DeviceLost = DeviceLost { errno: libc::ENODEV };

/// One device of a card, and a hand on its plug.
#[derive(Clone)]
pub(super) struct Card(Rc<RefCell<State>>);

struct State {
    clock: Clock,
    end: Direction,
    luck: Rng,
    promises: Rc<RefCell<Promises>>,
    voice: Rc<RefCell<Voice>>,
    /// Frames a nanosecond, by the card's own clock.
    pace: f64,
    plugged: bool,
    stuck_until: At,
    late_until: At,
    hung_until: At,
    limit: Option<At>,
    next_try: Option<At>,
    changed: bool,
    /// When the loop wants its turn.
    wake: Option<At>,
    run: Option<Run>,
}

/// A device that runs, or is about to.
struct Run {
    started: Option<At>,
    /// Frames moved by the card since it started.
    moved: u64,
    /// Frames moved since it was opened.
    total: u64,
    held: VecDeque<i16>,
    xrun: bool,
    waiting_since: Option<At>,
}

/// When the owner speaks.
#[derive(Debug, Default)]
pub(super) struct Voice {
    pub(super) from: At,
    pub(super) until: At,
}

impl Card {
    pub(super) fn new(
        clock: &Clock,
        end: Direction,
        ppm: f64,
        luck: Rng,
        promises: &Rc<RefCell<Promises>>,
        voice: &Rc<RefCell<Voice>>,
    ) -> Self {
        Self(Rc::new(RefCell::new(State {
            clock: clock.clone(),
            end,
            luck,
            promises: Rc::clone(promises),
            voice: Rc::clone(voice),
            pace: RATE_HZ * (1.0 + ppm / 1e6) / S as f64,
            plugged: true,
            stuck_until: 0,
            late_until: 0,
            hung_until: 0,
            limit: None,
            next_try: None,
            changed: false,
            wake: Some(0),
            run: None,
        })))
    }

    /// The device that a speaker's loop begins with.
    pub(super) fn first(&self) -> Device {
        Device(self.clone())
    }

    /// It is pulled out or put in, and the kernel tells of it or does not.
    pub(super) fn plug(&self, plugged: bool, told: bool) {
        let mut state = self.0.borrow_mut();
        state.plugged = plugged;
        state.changed |= plugged && told;
        if told {
            state.wake = Some(state.clock.now());
        }
    }

    /// The card's clock stands still until then.
    pub(super) fn stick(&self, until: At) {
        let mut state = self.0.borrow_mut();
        state.advance();
        state.stuck_until = until;
    }

    /// Its thread is woken late until then, by up to 60 ms.
    pub(super) fn delay(&self, until: At) {
        self.0.borrow_mut().late_until = until;
    }

    /// Whatever is asked of its driver is answered only then.
    pub(super) fn hang(&self, until: At) {
        self.0.borrow_mut().hung_until = until;
    }

    /// When its loop wants its turn; `None` while only the bell can wake it.
    pub(super) fn wake(&self) -> Option<At> {
        self.0.borrow().wake
    }

    /// Tells whether the device is open.
    pub(super) fn is_open(&self) -> bool {
        self.0.borrow().run.is_some()
    }

    /// Tells whether all it does is to play silence.
    pub(super) fn is_silent(&self) -> bool {
        let state = self.0.borrow();
        state.run.as_ref().is_none_or(|run| !run.xrun && run.held.iter().all(|sample| *sample == 0))
    }

    /// Stops the card's clock for a while of which nobody will ever know: it is silent, and stays so.
    pub(super) fn doze(&self, time: At) {
        let state = &mut *self.0.borrow_mut();
        if let Some(Run { started: Some(started), .. }) = &mut state.run {
            *started += time;
        }
        state.wake = state.wake.map(|wake| wake + time);
    }

    fn with_run<T>(
        &self,
        ask: impl FnOnce(&mut State, &mut Run) -> Result<T, PcmError>,
    ) -> Result<T, PcmError> {
        let state = &mut *self.0.borrow_mut();
        if !state.plugged {
            return Err(PcmError::Lost(UNPLUGGED));
        }
        state.advance();
        let mut run = state.run.take().ok_or(PcmError::Lost(UNPLUGGED))?;
        let asked = if run.xrun { Err(PcmError::Xrun) } else { ask(state, &mut run) };
        state.run = Some(run);
        asked
    }
}

impl State {
    /// Lets the card's clock catch up with the world's.
    fn advance(&mut self) {
        let now = self.clock.now();
        let Some(run) = &mut self.run else { return };
        let Some(started) = run.started else { return };
        if now < self.stuck_until {
            // It goes on from where it stood still.
            run.started = Some(now - (run.moved as f64 / self.pace) as At);
            return;
        }
        let due = ((now - started) as f64 * self.pace) as u64;
        let fresh = due.saturating_sub(run.moved);
        match self.end {
            Direction::Capture => {
                // What is read is taken off; more than the buffer holds is an overrun.
                run.xrun |= fresh > BUFFER as u64;
            }
            Direction::Playback => {
                let mut promises = self.promises.borrow_mut();
                for index in 0..fresh {
                    let Some(sample) = run.held.pop_front() else {
                        (run.xrun, run.started) = (true, None);
                        break;
                    };
                    let at = started + ((run.moved + index) as f64 / self.pace) as At;
                    promises.hear(sample, at);
                    run.total += 1;
                }
                run.moved = due;
            }
        }
    }

    /// How late the thread is woken: hardly, but for bad times.
    fn lateness(&mut self) -> At {
        if self.clock.now() < self.late_until {
            return self.luck.u64(0..60 * MS);
        }
        50 * US + self.luck.u64(0..200 * US)
    }

    /// When the card will have moved `frames` in all since it started.
    fn moved_at(&self, run: &Run, frames: u64) -> Option<At> {
        run.started.map(|started| started + (frames as f64 / self.pace).ceil() as At)
    }

    /// When the loop's turn comes if nothing rings.
    fn turn_at(&mut self, resting: bool) -> At {
        let (now, lateness) = (self.clock.now(), self.lateness());
        let Some(run) = &self.run else { return now };
        if resting {
            return now + REST;
        }
        if run.xrun {
            return now + lateness;
        }
        let frames = match self.end {
            Direction::Capture => run.moved + PERIOD as u64,
            Direction::Playback => run.moved + (run.held.len() + PERIOD).saturating_sub(QUEUE) as u64,
        };
        self.moved_at(run, frames).map_or(now + MS, |at| at.max(now) + lateness)
    }

    fn wants_turn(&self) -> bool {
        let Some(run) = &self.run else { return true };
        run.xrun
            || match self.end {
                Direction::Capture => {
                    let due = run.started.map_or(0, |at| ((self.clock.now() - at) as f64 * self.pace) as u64);
                    due.saturating_sub(run.moved) >= PERIOD as u64
                }
                Direction::Playback => run.held.len() + PERIOD <= QUEUE,
            }
    }
}

impl DeviceSource for Card {
    type Device = Device;
    type Stream<'a> = Stream;

    fn open(&mut self) -> Result<Device, DeviceLost> {
        if self.0.borrow().plugged { Ok(Device(self.clone())) } else { Err(UNPLUGGED) }
    }

    fn start(device: &Device) -> Result<Stream, DeviceLost> {
        let state = &mut *device.0.0.borrow_mut();
        if !state.plugged {
            return Err(UNPLUGGED);
        }
        let started = (state.end == Direction::Capture).then(|| state.clock.now());
        state.run = Some(Run {
            started,
            moved: 0,
            total: 0,
            held: VecDeque::with_capacity(BUFFER),
            xrun: false,
            waiting_since: None,
        });
        Ok(Stream(device.0.clone()))
    }

    fn lost_error(&self, gone: DeviceLost) -> AudioError {
        AudioError::Lost { end: self.0.borrow().end, device: "simulated".to_owned(), errno: gone.errno }
    }

    fn set_give_up_after(&mut self, limit: Option<Duration>) {
        let mut state = self.0.borrow_mut();
        state.limit = limit.map(|limit| state.clock.now() + limit.as_nanos() as At);
    }

    fn set_retry_after(&mut self, after: Option<Duration>) {
        let mut state = self.0.borrow_mut();
        state.next_try = after.map(|after| state.clock.now() + after.as_nanos() as At);
    }

    async fn wait(&mut self, bell: &EventFd) -> WakeReason {
        poll_fn(|_| {
            let state = &mut *self.0.borrow_mut();
            let now = state.clock.now();
            let due = |at: &mut Option<At>| at.take_if(|at| *at <= now).is_some();
            let waited = if bell.drain() {
                WakeReason::Notified
            } else if due(&mut state.limit) {
                WakeReason::Over
            } else if due(&mut state.next_try) {
                WakeReason::Due
            } else if std::mem::take(&mut state.changed) {
                WakeReason::DevicesChanged
            } else {
                state.wake = [state.limit, state.next_try].into_iter().flatten().min();
                return Poll::Pending;
            };
            Poll::Ready(waited)
        })
        .await
    }
}

/// The device while it is open.
pub(super) struct Device(Card);

impl Drop for Device {
    fn drop(&mut self) {
        let state = &mut *self.0.0.borrow_mut();
        state.advance();
        if let Some(run) = state.run.take() {
            run.held.iter().for_each(|sample| state.promises.borrow_mut().lose(*sample));
        }
    }
}

/// The device while it moves.
pub(super) struct Stream(Card);

impl ActiveStream for Stream {
    async fn wait(&mut self, bell: &EventFd, resting: bool) -> Result<(), DeviceLost> {
        let mut until = None;
        poll_fn(|_| {
            let state = &mut *self.0.0.borrow_mut();
            let now = state.clock.now();
            if now < state.hung_until {
                state.wake = Some(state.hung_until);
                return Poll::Pending;
            }
            if !state.plugged {
                return Poll::Ready(Err(UNPLUGGED));
            }
            state.advance();
            if bell.drain() || (until.is_some_and(|until| now >= until) && (resting || state.wants_turn())) {
                if let Some(run) = &mut state.run {
                    run.waiting_since = None;
                }
                return Poll::Ready(Ok(()));
            }
            let since = state.run.as_mut().map_or(now, |run| *run.waiting_since.get_or_insert(now));
            if now >= since + GONE {
                return Poll::Ready(Err(DeviceLost { errno: libc::ETIMEDOUT }));
            }
            if until.is_none_or(|until| now >= until) {
                until = Some(state.turn_at(resting).max(now + US).min(since + GONE));
            }
            state.wake = until;
            Poll::Pending
        })
        .await
    }

    fn is_proven(&self) -> bool {
        self.0.0.borrow().run.as_ref().is_some_and(|run| run.total >= 2 * BUFFER as u64)
    }
}

impl CaptureDevice for Stream {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.0.with_run(|state, run| {
            let now = state.clock.now();
            let started = run.started.unwrap_or(now);
            let waiting = (((now - started) as f64 * state.pace) as u64).saturating_sub(run.moved) as usize;
            let wanted = PERIOD.min(into.len());
            if waiting < wanted {
                return Ok(0);
            }
            let at = started + (run.moved as f64 / state.pace) as At;
            let voice = state.voice.borrow();
            let speaks = at >= voice.from && at < voice.until;
            for (place, into) in into[..wanted].iter_mut().enumerate() {
                let loud = if speaks {
                    let ms = (at + (place as f64 / state.pace) as At) / MS;
                    state.promises.borrow_mut().speak(ms);
                    f32::from(VOICE + (ms % VOICE_MS) as u16)
                } else {
                    // The last bit is noise: a microphone that gives the same twice is taken for a broken one.
                    3.0 + (run.total + place as u64)
                        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                        .leading_zeros()
                        .min(1) as f32
                };
                *into = if place & 8 == 0 { loud } else { -loud } / 32_768.0;
            }
            run.moved += wanted as u64;
            run.total += wanted as u64;
            Ok(wanted)
        })
    }

    fn recover(&mut self, trouble: PcmError) -> Result<Recovery, PcmError> {
        self.0.recover(trouble)
    }
}

impl PlaybackDevice for Stream {
    fn queue_frames(&self) -> usize {
        QUEUE
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.0.with_run(|_, run| Ok(BufferLevel { queued: run.held.len(), delay: run.held.len() as i64 }))
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.0.with_run(|state, run| {
            let taken = frames.len().min(BUFFER - run.held.len());
            run.held.extend(frames[..taken].iter().map(|frame| sample(*frame)));
            if run.started.is_none() && run.held.len() >= QUEUE {
                (run.started, run.moved) = (Some(state.clock.now()), 0);
            }
            Ok(taken)
        })
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.0.with_run(|_, run| {
            run.held.clear();
            run.started = None;
            Ok(())
        })
    }

    fn recover(&mut self, trouble: PcmError) -> Result<Recovery, PcmError> {
        self.0.recover(trouble)
    }
}

impl Card {
    fn recover(&self, trouble: PcmError) -> Result<Recovery, PcmError> {
        if let PcmError::Lost(gone) = trouble {
            return Err(PcmError::Lost(gone));
        }
        let state = &mut *self.0.borrow_mut();
        if !state.plugged {
            return Err(PcmError::Lost(UNPLUGGED));
        }
        let now = state.clock.now();
        let Some(run) = &mut state.run else { return Err(PcmError::Lost(UNPLUGGED)) };
        run.held.drain(..).for_each(|sample| state.promises.borrow_mut().lose(sample));
        (run.xrun, run.moved) = (false, 0);
        run.started = (state.end == Direction::Capture).then_some(now);
        Ok(Recovery::Emptied)
    }
}
