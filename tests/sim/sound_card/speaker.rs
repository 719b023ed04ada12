//! The speaker of the simulated card: its buffer, its cut and its wait, with the manners of its seed.
//!
//! It waits as the shipped program does for a card: woken at the end of a period in which the buffer has fallen to the
//! level that was set, with a check for a stall when that is 200 ms overdue.

use mynah::audio::{BufferLevel, CutMode, PcmError, PlaybackDevice, QueuePlan, Recovery, Stamp, Woken};
use mynah::dsp::sample;
use mynah::sys::EventFd;

use super::{PERIOD_FRAMES, REST_WAIT, SoundCard, State, StreamState, UNPLUGGED};
use crate::sim::clock::{At, MS, US};
use crate::sim::manner::Manner;

/// Frames with which the device starts.
const START_FRAMES: usize = 2 * PERIOD_FRAMES;
/// How much longer than expected a wait lasts before the device is checked for a stall.
const CHECK: At = 200 * MS;

impl StreamState {
    /// Returns the number of frames that the device has not read from its buffer.
    fn unread(&self, manner: &Manner) -> usize {
        let ahead = self.started.map_or(0, |_| manner.read_up_to(self.moved) - self.moved);
        self.queued.len().saturating_sub(ahead as usize)
    }

    /// Returns at which number of frames played since the start the device wakes the thread.
    fn wakes_after(&self, manner: &Manner) -> u64 {
        let written = self.moved + self.queued.len() as u64;
        let is_reached =
            |played: u64| written.saturating_sub(manner.read_up_to(played)) <= self.wake_at as u64;
        let period = PERIOD_FRAMES as u64;
        if is_reached(self.moved) {
            return self.moved;
        }
        let next = self.moved / period + 1;
        (next..).map(|period_number| period_number * period).find(|played| is_reached(*played)).unwrap_or(0)
    }
}

impl State {
    /// Returns why the wait for the running speaker has ended, or `None` if it goes on.
    pub(super) fn check_speaker(
        &mut self,
        in_recovery: bool,
        is_new: bool,
        wake_fd: &EventFd,
    ) -> Option<Woken> {
        let now = self.clock.now();
        if is_new {
            (self.ready_at, self.wait_ends) = (None, None);
            self.was_silent = self.stream.as_ref().is_none_or(StreamState::is_silent);
        }
        let blocked_until = self.hung_until.max(self.prepared_at);
        if now < blocked_until {
            self.wake = Some(blocked_until);
            return None;
        }
        if !self.is_connected() {
            return Some(Woken::Lost(UNPLUGGED));
        }
        self.advance();
        if self.take_notification(wake_fd) {
            return Some(Woken::Ready);
        }
        let is_due = self.ready_at.is_some_and(|ready| now >= ready);
        let (frames_per_ns, manner) = (self.frames_per_ns, self.manner);
        let Some(stream) = &mut self.stream else { return Some(Woken::Ready) };
        if is_due && !in_recovery && stream.wants_step(&manner) {
            return Some(Woken::Ready);
        }
        let expected = stream.unread(&manner).saturating_sub(stream.wake_at) as f64 / frames_per_ns;
        let limit = if in_recovery { REST_WAIT } else { expected as At + CHECK };
        let ends = *self.wait_ends.get_or_insert(now + limit);
        if now >= ends {
            let idle = if in_recovery { REST_WAIT } else { CHECK };
            return Some(match stream.stall.idle((idle / MS) as u32) {
                Ok(is_stalled) => {
                    stream.is_stalled = is_stalled;
                    Woken::Ready
                }
                Err(lost) => Woken::Lost(lost),
            });
        }
        if self.ready_at.is_none_or(|ready| now >= ready) {
            let ready = if in_recovery { ends } else { self.speaker_wakes_at() };
            self.ready_at = Some(ready.max(now + US).min(ends));
        }
        self.wake = self.ready_at;
        None
    }

    fn speaker_wakes_at(&mut self) -> At {
        let (now, lateness) = (self.clock.now(), self.lateness());
        let Some(stream) = &self.stream else { return now };
        if stream.xrun {
            return now + lateness;
        }
        let frames = stream.wakes_after(&self.manner);
        self.moved_at(stream, frames).map_or(now + MS, |at| at.max(now) + lateness)
    }

    /// Prepares the stopped stream, which blocks the thread.
    pub(super) fn prepare(&mut self) {
        let now = self.clock.now();
        self.prepared_at = now + self.manner.prepare;
        if self.manner.prepare > 0 {
            self.invariants.borrow_mut().speaker_stops(now, self.prepared_at);
        }
    }
}

impl StreamState {
    fn wants_step(&self, manner: &Manner) -> bool {
        self.xrun || self.unread(manner) <= self.wake_at
    }

    fn is_silent(&self) -> bool {
        !self.xrun && self.queued.iter().all(|sample| *sample == 0)
    }
}

impl PlaybackDevice for SoundCard {
    fn queue(&self) -> QueuePlan {
        self.0.borrow().manner.plan
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.with_stream(|state, stream| {
            if std::mem::take(&mut stream.is_stalled) {
                return Err(PcmError::Stall);
            }
            let played = stream.total - std::mem::replace(&mut stream.total_at_level, stream.total);
            stream.stall.progressed(played as usize);
            Ok(BufferLevel { queued: stream.unread(&state.manner), delay: stream.queued.len() as i64 })
        })
    }

    fn stamp(&self) -> Stamp {
        let state = self.0.borrow();
        let (now, started) = (state.clock.now(), state.stream.as_ref().and_then(|stream| stream.started));
        let fault = state.room.as_ref().map(|room| room.borrow().fault.stamp(now));
        match started.filter(|at| *at <= now) {
            Some(_) => fault.unwrap_or(Stamp::At(now)),
            None => Stamp::NotRunning,
        }
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.with_stream(|state, stream| {
            let room = state.manner.buffer_frames.saturating_sub(stream.unread(&state.manner));
            let taken = frames.len().min(room);
            stream.queued.extend(frames[..taken].iter().map(|frame| sample(*frame)));
            if stream.started.is_none() && stream.queued.len() >= START_FRAMES {
                let start = state.starts_at(state.clock.now().max(state.prepared_at));
                (stream.started, stream.moved) = (Some(start), 0);
            }
            Ok(taken)
        })
    }

    fn take_back(&mut self, frames: usize) -> Result<usize, PcmError> {
        self.with_stream(|state, stream| {
            if state.manner.plan.cut != CutMode::Rewrite {
                return Ok(0);
            }
            let possible = stream.unread(&state.manner).saturating_sub(state.manner.margin_frames);
            let taken_back = frames.min(possible);
            stream.queued.truncate(stream.queued.len() - taken_back);
            Ok(taken_back)
        })
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.with_stream(|state, stream| {
            stream.queued.clear();
            stream.started = None;
            state.prepare();
            Ok(())
        })
    }

    fn wake_at(&mut self, queued: usize) -> Result<(), PcmError> {
        self.with_stream(|_, stream| {
            stream.wake_at = queued;
            Ok(())
        })
    }

    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError> {
        let recovery = self.recover_stream(error)?;
        self.0.borrow_mut().prepare();
        Ok(recovery)
    }
}
