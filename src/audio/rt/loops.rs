//! The loops of the two sound threads: turn, wait, and open again what came back.
//!
//! In them: device calls, lane calls, counters, one ring of a bell. What a device is, and how time
//! passes without one, they are given. They are futures only so that a simulation can run both, and the
//! session, on one thread: on a sound card every wait blocks its thread, and none is ever pending.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::capture::{Capture, CaptureDevice};
use super::playback::{Playback, PlaybackDevice};
use super::reconnect::{ActiveStream, DeviceSource, Reconnect};
use super::threads::ThreadContext;
use crate::audio::error::{AudioError, DeviceLost, Direction};
use crate::audio::{AudioEndpoints, AudioIo, StreamFormat, UnplugPolicy};

/// Makes the session's side joined to the threads' loops with no thread: whoever runs them plays the
/// devices, and time, by hand.
///
/// # Errors
/// When the system has no descriptor left.
pub fn loops(
    shape: StreamFormat,
    unplugged: UnplugPolicy,
) -> Result<(AudioIo, CaptureLoop, PlaybackLoop), AudioError> {
    let AudioEndpoints {
        audio: sound,
        capture,
        playback,
        capture_wake: capture_bell,
        playback_wake: playback_bell,
    } = AudioEndpoints::native(shape, false)?;
    let listener = CaptureLoop::new(capture, sound.threads.context(capture_bell), unplugged);
    let talker = PlaybackLoop::new(playback, sound.threads.context(playback_bell), unplugged);
    Ok((sound, listener, talker))
}

/// The playback thread.
pub struct PlaybackLoop {
    playback: Playback,
    post: ThreadContext,
    absence: Reconnect,
}

impl PlaybackLoop {
    pub(in crate::audio) fn new(
        playback: Playback,
        post: ThreadContext,
        unplugged: UnplugPolicy,
    ) -> PlaybackLoop {
        let counters = Arc::clone(playback.counters());
        let absence = Reconnect::new(Direction::Playback, unplugged, counters, Arc::clone(&post.wake));
        PlaybackLoop { playback, post, absence }
    }

    /// Plays on a device that was opened already, and on each that comes after it, until the session is gone.
    ///
    /// # Errors
    /// When the device has been away for too long.
    pub async fn run<O>(mut self, mut place: O, first: O::Device) -> Result<(), AudioError>
    where
        O: DeviceSource,
        for<'a> O::Line<'a>: PlaybackDevice,
    {
        let mut opened = Some(first);
        while !self.is_over() {
            opened = match opened {
                Some(device) => {
                    if let Err(gone) = self.talk(&device, &mut place).await {
                        drop(device);
                        self.playback.reset_stream();
                        self.absence.lose(gone, &mut place);
                    }
                    None
                }
                None => {
                    if self.playback.run_without_device() {
                        self.post.wake.notify();
                    }
                    self.absence.wait(&mut place, &self.post.bell, true).await?
                }
            };
        }
        Ok(())
    }

    async fn talk<O>(&mut self, device: &O::Device, place: &mut O) -> Result<(), DeviceLost>
    where
        O: DeviceSource,
        for<'a> O::Line<'a>: PlaybackDevice,
    {
        self.absence.begin();
        let mut line = O::line(device)?;
        while !self.is_over() {
            if line.is_proven() {
                self.absence.mark_working(place);
            }
            if self.playback.run(&mut line)? {
                self.post.wake.notify();
            }
            line.wait(&self.post.bell, self.playback.is_resting()).await?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.post.is_over() || self.playback.is_abandoned()
    }
}

/// The capture thread.
pub struct CaptureLoop {
    capture: Capture,
    post: ThreadContext,
    absence: Reconnect,
}

impl CaptureLoop {
    pub(in crate::audio) fn new(
        capture: Capture,
        post: ThreadContext,
        unplugged: UnplugPolicy,
    ) -> CaptureLoop {
        let capture = capture.watch_for_dead_input();
        let counters = Arc::clone(capture.counters());
        let absence = Reconnect::new(Direction::Capture, unplugged, counters, Arc::clone(&post.wake));
        CaptureLoop { capture, post, absence }
    }

    /// Listens while that is wanted, until the session is gone. While it is not wanted no device is open,
    /// but for the moment, without running, in which one that was away is seen to be back.
    ///
    /// # Errors
    /// When the device has been away for too long.
    pub async fn run<O>(mut self, mut place: O) -> Result<(), AudioError>
    where
        O: DeviceSource,
        for<'a> O::Line<'a>: CaptureDevice,
    {
        while !self.is_over() {
            let wanted = self.capture.is_wanted();
            let opened = if wanted && self.absence.is_present() {
                place.open().map(Some).unwrap_or_else(|gone| {
                    self.absence.fail_to_open(gone, &mut place);
                    None
                })
            } else {
                self.absence.wait(&mut place, &self.post.bell, wanted).await?
            };
            match opened {
                Some(device) if self.capture.is_wanted() => match self.listen(device, &mut place).await {
                    Ok(()) => self.absence.close_on_stop(&mut place),
                    Err(gone) => self.absence.lose(gone, &mut place),
                },
                Some(unwanted) => {
                    drop(unwanted);
                    self.absence.mark_present(&mut place);
                }
                None if !wanted && self.capture.is_wanted() => self.absence.retry_now(&mut place),
                None => {}
            }
        }
        Ok(())
    }

    /// Listens until nobody wants it; the device is closed again when this returns.
    async fn listen<O>(&mut self, device: O::Device, place: &mut O) -> Result<(), DeviceLost>
    where
        O: DeviceSource,
        for<'a> O::Line<'a>: CaptureDevice,
    {
        self.absence.begin();
        let ended = match O::line(&device) {
            Ok(mut line) => self.listen_on(&mut line, place).await,
            Err(gone) => Err(gone),
        };
        drop(device);
        self.capture.mark_open(false);
        self.post.wake.notify();
        ended
    }

    async fn listen_on<O>(&mut self, line: &mut O::Line<'_>, place: &mut O) -> Result<(), DeviceLost>
    where
        O: DeviceSource,
        for<'a> O::Line<'a>: CaptureDevice,
    {
        self.capture.mark_open(true);
        self.post.wake.notify();
        while self.capture.is_wanted() && !self.is_over() {
            if line.is_proven() {
                self.absence.mark_working(place);
            }
            if self.capture.step(line)? {
                self.post.wake.notify();
            }
            if self.capture.take_reopen_request() {
                self.capture.counters().reopens.add(1);
                return Ok(());
            }
            line.wait(&self.post.bell, self.capture.is_resting()).await?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.post.is_over() || self.capture.is_abandoned()
    }
}

/// Runs a loop whose every wait blocks this thread.
pub(in crate::audio) fn blocking<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}
