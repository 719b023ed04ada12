//! The loops of the two audio threads, as steps: use the device, reopen a lost one, and return what to wait for.
//!
//! They contain device calls, lane calls, counters and one notification. No step waits: the caller does, on a thread
//! of its own or in virtual time, and passes the reason why the wait ended to the next step.

use std::sync::Arc;

use super::capture::{Capture, CaptureDevice};
use super::device::{AudioDevice, Wait, Woken};
use super::playback::Playback;
use super::playback_device::PlaybackDevice;
use super::reconnect::Reconnect;
use super::reference::{ReferenceSink, with_reference};
use super::threads::ThreadContext;
use crate::audio::error::{AudioError, DeviceLost, Direction};
use crate::audio::reference::delay_locked_loop::Clocks;
use crate::audio::{AudioEndpoints, AudioIo, KeepOpen, StreamFormat, UnplugPolicy};
use crate::sys::EventFd;

/// Creates the session's side and both loops without threads: the caller takes the steps.
///
/// # Errors
/// When no file descriptor is left.
pub fn loops(
    format: StreamFormat,
    policy: UnplugPolicy,
) -> Result<(AudioIo, CaptureLoop, PlaybackLoop), AudioError> {
    Ok(with_contexts(AudioEndpoints::native(format, false)?, policy))
}

/// Creates the same as [`loops`], and passes what is captured to `sink` with what was played meanwhile. `clocks` says
/// whether both devices have one clock.
///
/// # Errors
/// When no file descriptor is left.
pub fn loops_with_reference(
    format: StreamFormat,
    policy: UnplugPolicy,
    clocks: Clocks,
    sink: Box<dyn ReferenceSink>,
) -> Result<(AudioIo, CaptureLoop, PlaybackLoop), AudioError> {
    let mut endpoints = AudioEndpoints::native(format, false)?;
    (endpoints.capture, endpoints.playback) =
        with_reference(endpoints.capture, endpoints.playback, clocks, sink);
    Ok(with_contexts(endpoints, policy))
}

fn with_contexts(endpoints: AudioEndpoints, policy: UnplugPolicy) -> (AudioIo, CaptureLoop, PlaybackLoop) {
    let AudioEndpoints { audio, capture, playback, capture_wake, playback_wake } = endpoints;
    let capture_loop = CaptureLoop::new(capture, audio.threads.context(capture_wake), policy);
    let playback_loop = PlaybackLoop::new(playback, audio.threads.context(playback_wake), policy);
    (audio, capture_loop, playback_loop)
}

/// The loop of the playback thread.
pub struct PlaybackLoop {
    playback: Playback,
    context: ThreadContext,
    reconnect: Reconnect,
    state: PlaybackState,
}

/// The device between two steps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PlaybackState {
    Opened,
    Running,
    Lost,
}

impl PlaybackLoop {
    pub(in crate::audio) fn new(
        playback: Playback,
        context: ThreadContext,
        policy: UnplugPolicy,
    ) -> PlaybackLoop {
        let counters = Arc::clone(playback.counters());
        let reconnect =
            Reconnect::new(Direction::Playback, policy, counters, Arc::clone(&context.session_wake));
        PlaybackLoop { playback, context, reconnect, state: PlaybackState::Opened }
    }

    /// Returns what wakes the loop's thread when the session has a request.
    #[must_use]
    pub fn thread_wake(&self) -> Arc<EventFd> {
        Arc::clone(&self.context.thread_wake)
    }

    /// Plays on the device, which is open before the first step, and on each one reopened after it.
    ///
    /// # Errors
    /// When a lost device did not come back in time.
    pub fn step(
        &mut self,
        device: &mut (impl AudioDevice + PlaybackDevice),
        woken: Woken,
    ) -> Result<Wait, AudioError> {
        if self.is_over() {
            return Ok(Wait::Over);
        }
        if self.state == PlaybackState::Lost && self.reconnect.try_open(device, woken, true)? {
            self.state = PlaybackState::Opened;
        }
        let played = match (self.state, woken) {
            (PlaybackState::Lost, _) => return Ok(self.step_without_device()),
            (PlaybackState::Opened, _) => {
                self.reconnect.mark_started();
                self.state = PlaybackState::Running;
                device.start().and_then(|()| self.play(device))
            }
            (PlaybackState::Running, Woken::Lost(lost)) => Err(lost),
            (PlaybackState::Running, _) => self.play(device),
        };
        Ok(match played {
            Ok(()) if self.playback.is_asleep() => Wait::ForSession,
            Ok(()) => Wait::ForDevice { in_recovery: self.playback.is_resting() },
            Err(lost) => {
                device.close();
                self.playback.reset_stream();
                self.reconnect.lose(lost, device);
                self.state = PlaybackState::Lost;
                self.step_without_device()
            }
        })
    }

    fn play(&mut self, device: &mut (impl AudioDevice + PlaybackDevice)) -> Result<(), DeviceLost> {
        if device.is_proven() {
            self.reconnect.mark_working(device);
        }
        if self.playback.run(device)? {
            self.context.session_wake.notify();
        }
        Ok(())
    }

    fn step_without_device(&mut self) -> Wait {
        if self.playback.run_without_device() {
            self.context.session_wake.notify();
        }
        Wait::WithoutDevice
    }

    fn is_over(&self) -> bool {
        self.context.is_over() || self.playback.is_abandoned()
    }
}

/// The loop of the capture thread.
pub struct CaptureLoop {
    capture: Capture,
    context: ThreadContext,
    reconnect: Reconnect,
    keep_open: KeepOpen,
    is_running: bool,
    /// Whether the device was needed when the last wait without a device began.
    was_needed: bool,
}

impl CaptureLoop {
    pub(in crate::audio) fn new(
        capture: Capture,
        context: ThreadContext,
        policy: UnplugPolicy,
    ) -> CaptureLoop {
        let capture = capture.watch_for_dead_input();
        let counters = Arc::clone(capture.counters());
        let reconnect =
            Reconnect::new(Direction::Capture, policy, counters, Arc::clone(&context.session_wake));
        let (is_running, was_needed) = (false, false);
        CaptureLoop { capture, context, reconnect, keep_open: KeepOpen::Never, is_running, was_needed }
    }

    /// Keeps the device open while it is not wanted, as `keep_open` says, and discards what it delivers.
    #[must_use]
    pub fn keep_open(mut self, keep_open: KeepOpen) -> CaptureLoop {
        self.keep_open = keep_open;
        self
    }

    /// Returns what wakes the loop's thread when the session has a request.
    #[must_use]
    pub fn thread_wake(&self) -> Arc<EventFd> {
        Arc::clone(&self.context.thread_wake)
    }

    /// Captures while the session requests it. While it is not requested, the device is closed, as it is before the
    /// first step, unless it is kept open; only a lost device is opened without starting it, to find out whether it is
    /// back.
    ///
    /// # Errors
    /// When a lost device did not come back in time.
    pub fn step(
        &mut self,
        device: &mut (impl AudioDevice + CaptureDevice),
        woken: Woken,
    ) -> Result<Wait, AudioError> {
        match (self.is_running, woken) {
            (true, Woken::Lost(lost)) => self.stop(device, Err(lost)),
            (true, _) => self.capture(device),
            (false, _) if self.is_over() => return Ok(Wait::Over),
            (false, _) => self.follow_wait(device, woken)?,
        }
        while !self.is_running && !self.is_over() && self.needs_device() && self.reconnect.is_present() {
            match device.open() {
                Ok(()) => self.start(device),
                Err(lost) => self.reconnect.fail_to_open(lost, device),
            }
        }
        if self.is_running {
            return Ok(Wait::ForDevice { in_recovery: self.capture.is_resting() });
        }
        self.was_needed = self.needs_device();
        Ok(if self.is_over() { Wait::Over } else { Wait::WithoutDevice })
    }

    /// Acts on the end of a wait without a device.
    fn follow_wait(
        &mut self,
        device: &mut (impl AudioDevice + CaptureDevice),
        woken: Woken,
    ) -> Result<(), AudioError> {
        let is_open = self.reconnect.try_open(device, woken, self.was_needed)?;
        match (is_open, self.needs_device()) {
            (true, true) => self.start(device),
            (true, false) => {
                device.close();
                self.reconnect.mark_present(device);
            }
            (false, true) if !self.was_needed => self.reconnect.retry_now(device),
            (false, _) => {}
        }
        Ok(())
    }

    fn start(&mut self, device: &mut (impl AudioDevice + CaptureDevice)) {
        self.reconnect.mark_started();
        if let Err(lost) = device.start() {
            return self.stop(device, Err(lost));
        }
        self.is_running = true;
        self.capture.know_device(device);
        if self.capture.is_wanted() {
            self.capture.mark_open(true);
        } else {
            self.capture.mark_kept_open();
        }
        self.context.session_wake.notify();
        self.capture(device);
    }

    /// Takes what the running device has captured, or closes it if it is no longer needed.
    fn capture(&mut self, device: &mut (impl AudioDevice + CaptureDevice)) {
        if !self.needs_device() || self.is_over() {
            return self.stop(device, Ok(()));
        }
        if self.capture.follow_request() {
            self.context.session_wake.notify();
        }
        if device.is_proven() {
            self.reconnect.mark_working(device);
        }
        match self.capture.step(device) {
            Ok(true) => self.context.session_wake.notify(),
            Ok(false) => {}
            Err(lost) => return self.stop(device, Err(lost)),
        }
        if self.capture.take_reopen_request() {
            self.capture.counters().reopens.add(1);
            self.stop(device, Ok(()));
        }
    }

    fn stop(&mut self, device: &mut (impl AudioDevice + CaptureDevice), ended: Result<(), DeviceLost>) {
        device.close();
        self.is_running = false;
        self.capture.mark_open(false);
        self.context.session_wake.notify();
        match ended {
            Ok(()) => self.reconnect.close_on_stop(device),
            Err(lost) => self.reconnect.lose(lost, device),
        }
    }

    /// Returns whether the device is to be open: the session requests it, or it is kept open.
    fn needs_device(&self) -> bool {
        self.capture.is_wanted()
            || match self.keep_open {
                KeepOpen::Never => false,
                KeepOpen::UnlessMuted => !self.capture.is_muted(),
                KeepOpen::Always => true,
            }
    }

    fn is_over(&self) -> bool {
        self.context.is_over() || self.capture.is_abandoned()
    }
}
