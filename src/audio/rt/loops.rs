//! The loops of the two audio threads: step, wait, and reopen a lost device.
//!
//! They contain device calls, lane calls, counters and one notification. A [`DeviceSource`] opens the device and
//! waits without it. The loops are futures only so that a simulation can run both and the session on one thread:
//! with a sound card every wait blocks its thread, and none is ever pending.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::capture::{Capture, CaptureDevice};
use super::playback::{Playback, PlaybackDevice};
use super::reconnect::{ActiveStream, DeviceSource, Reconnect};
use super::threads::ThreadContext;
use crate::audio::error::{AudioError, DeviceLost, Direction};
use crate::audio::{AudioEndpoints, AudioIo, StreamFormat, UnplugPolicy};

/// Creates the session's side and both loops without threads: the caller runs the loops.
///
/// # Errors
/// When no file descriptor is left.
pub fn loops(
    format: StreamFormat,
    policy: UnplugPolicy,
) -> Result<(AudioIo, CaptureLoop, PlaybackLoop), AudioError> {
    let AudioEndpoints { audio, capture, playback, capture_wake, playback_wake } =
        AudioEndpoints::native(format, false)?;
    let capture_loop = CaptureLoop::new(capture, audio.threads.context(capture_wake), policy);
    let playback_loop = PlaybackLoop::new(playback, audio.threads.context(playback_wake), policy);
    Ok((audio, capture_loop, playback_loop))
}

/// The loop of the playback thread.
pub struct PlaybackLoop {
    playback: Playback,
    context: ThreadContext,
    reconnect: Reconnect,
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
        PlaybackLoop { playback, context, reconnect }
    }

    /// Plays on `first`, which is open, and on each device reopened after it, until the session is dropped.
    ///
    /// # Errors
    /// When a lost device did not come back in time.
    pub async fn run<O>(mut self, mut source: O, first: O::Device) -> Result<(), AudioError>
    where
        O: DeviceSource,
        for<'a> O::Stream<'a>: PlaybackDevice,
    {
        let mut opened = Some(first);
        while !self.is_over() {
            opened = match opened {
                Some(device) => {
                    if let Err(lost) = self.play_on(&device, &mut source).await {
                        drop(device);
                        self.playback.reset_stream();
                        self.reconnect.lose(lost, &mut source);
                    }
                    None
                }
                None => {
                    if self.playback.run_without_device() {
                        self.context.session_wake.notify();
                    }
                    self.reconnect.wait(&mut source, &self.context.thread_wake, true).await?
                }
            };
        }
        Ok(())
    }

    async fn play_on<O>(&mut self, device: &O::Device, source: &mut O) -> Result<(), DeviceLost>
    where
        O: DeviceSource,
        for<'a> O::Stream<'a>: PlaybackDevice,
    {
        self.reconnect.mark_started();
        let mut stream = O::start(device)?;
        while !self.is_over() {
            if stream.is_proven() {
                self.reconnect.mark_working(source);
            }
            if self.playback.run(&mut stream)? {
                self.context.session_wake.notify();
            }
            stream.wait(&self.context.thread_wake, self.playback.is_resting()).await?;
        }
        Ok(())
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
        CaptureLoop { capture, context, reconnect }
    }

    /// Captures while the session requests it, until the session is dropped. While it is not requested, the
    /// device is closed, except when a lost device is opened without starting it, to find out whether it is
    /// back.
    ///
    /// # Errors
    /// When a lost device did not come back in time.
    pub async fn run<O>(mut self, mut source: O) -> Result<(), AudioError>
    where
        O: DeviceSource,
        for<'a> O::Stream<'a>: CaptureDevice,
    {
        while !self.is_over() {
            let wanted = self.capture.is_wanted();
            let opened = if wanted && self.reconnect.is_present() {
                source.open().map(Some).unwrap_or_else(|lost| {
                    self.reconnect.fail_to_open(lost, &mut source);
                    None
                })
            } else {
                self.reconnect.wait(&mut source, &self.context.thread_wake, wanted).await?
            };
            match opened {
                Some(device) if self.capture.is_wanted() => match self.listen(device, &mut source).await {
                    Ok(()) => self.reconnect.close_on_stop(&mut source),
                    Err(lost) => self.reconnect.lose(lost, &mut source),
                },
                Some(device) => {
                    drop(device);
                    self.reconnect.mark_present(&mut source);
                }
                None if !wanted && self.capture.is_wanted() => self.reconnect.retry_now(&mut source),
                None => {}
            }
        }
        Ok(())
    }

    /// Captures until the session no longer requests it, and closes the device.
    async fn listen<O>(&mut self, device: O::Device, source: &mut O) -> Result<(), DeviceLost>
    where
        O: DeviceSource,
        for<'a> O::Stream<'a>: CaptureDevice,
    {
        self.reconnect.mark_started();
        let ended = match O::start(&device) {
            Ok(mut stream) => self.listen_on(&mut stream, source).await,
            Err(lost) => Err(lost),
        };
        drop(device);
        self.capture.mark_open(false);
        self.context.session_wake.notify();
        ended
    }

    async fn listen_on<O>(&mut self, stream: &mut O::Stream<'_>, source: &mut O) -> Result<(), DeviceLost>
    where
        O: DeviceSource,
        for<'a> O::Stream<'a>: CaptureDevice,
    {
        self.capture.mark_open(true);
        self.context.session_wake.notify();
        while self.capture.is_wanted() && !self.is_over() {
            if stream.is_proven() {
                self.reconnect.mark_working(source);
            }
            if self.capture.step(stream)? {
                self.context.session_wake.notify();
            }
            if self.capture.take_reopen_request() {
                self.capture.counters().reopens.add(1);
                return Ok(());
            }
            stream.wait(&self.context.thread_wake, self.capture.is_resting()).await?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.context.is_over() || self.capture.is_abandoned()
    }
}

/// Runs a loop in which every wait blocks this thread.
pub(in crate::audio) fn blocking<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
