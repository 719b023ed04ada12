//! The loops of the two sound threads: turn, wait, and open again what came back.
//!
//! In them: device calls, lane calls, counters, one ring of a bell. What a device is, and how time
//! passes without one, they are given. They are futures only so that a simulation can run both, and the
//! session, on one thread: on a sound card every wait blocks its thread, and none is ever pending.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::away::{Absence, Open, Running};
use super::capture::{Capture, Microphone};
use super::crew::Post;
use super::playback::{Playback, Speaker};
use super::trouble::{AudioError, End, Gone};
use super::{Rig, Shape, Sound, Unplugged};

/// Makes the session's side joined to the threads' loops with no thread: whoever runs them plays the
/// devices, and time, by hand.
///
/// # Errors
/// When the system has no descriptor left.
pub fn loops(shape: Shape, unplugged: Unplugged) -> Result<(Sound, Listener, Talker), AudioError> {
    let Rig { sound, capture, playback, capture_bell, playback_bell } = Rig::native(shape, false)?;
    let listener = Listener::new(capture, sound.crew.post(capture_bell), unplugged);
    let talker = Talker::new(playback, sound.crew.post(playback_bell), unplugged);
    Ok((sound, listener, talker))
}

/// The playback thread.
pub struct Talker {
    playback: Playback,
    post: Post,
    absence: Absence,
}

impl Talker {
    pub(super) fn new(playback: Playback, post: Post, unplugged: Unplugged) -> Talker {
        let counters = Arc::clone(playback.counters());
        let absence = Absence::new(End::Speaker, unplugged, counters, Arc::clone(&post.wake));
        Talker { playback, post, absence }
    }

    /// Plays on a device that was opened already, and on each that comes after it, until the session is gone.
    ///
    /// # Errors
    /// When the device has been away for too long.
    pub async fn run<O>(mut self, mut place: O, first: O::Device) -> Result<(), AudioError>
    where
        O: Open,
        for<'a> O::Line<'a>: Speaker,
    {
        let mut opened = Some(first);
        while !self.is_over() {
            opened = match opened {
                Some(device) => {
                    if let Err(gone) = self.talk(&device, &mut place).await {
                        drop(device);
                        self.playback.start_afresh();
                        self.absence.lose(gone, &mut place);
                    }
                    None
                }
                None => {
                    if self.playback.turn_away() {
                        self.post.wake.notify();
                    }
                    self.absence.wait(&mut place, &self.post.bell, true).await?
                }
            };
        }
        Ok(())
    }

    async fn talk<O>(&mut self, device: &O::Device, place: &mut O) -> Result<(), Gone>
    where
        O: Open,
        for<'a> O::Line<'a>: Speaker,
    {
        self.absence.begin();
        let mut line = O::line(device)?;
        while !self.is_over() {
            if line.is_proven() {
                self.absence.prove(place);
            }
            if self.playback.turn(&mut line)? {
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
pub struct Listener {
    capture: Capture,
    post: Post,
    absence: Absence,
}

impl Listener {
    pub(super) fn new(capture: Capture, post: Post, unplugged: Unplugged) -> Listener {
        let capture = capture.doubt();
        let counters = Arc::clone(capture.counters());
        let absence = Absence::new(End::Microphone, unplugged, counters, Arc::clone(&post.wake));
        Listener { capture, post, absence }
    }

    /// Listens while that is wanted, until the session is gone. While it is not wanted no device is open,
    /// but for the moment, without running, in which one that was away is seen to be back.
    ///
    /// # Errors
    /// When the device has been away for too long.
    pub async fn run<O>(mut self, mut place: O) -> Result<(), AudioError>
    where
        O: Open,
        for<'a> O::Line<'a>: Microphone,
    {
        while !self.is_over() {
            let wanted = self.capture.is_wanted();
            let opened = if wanted && self.absence.is_here() {
                place.open().map(Some).unwrap_or_else(|gone| {
                    self.absence.fail_to_open(gone, &mut place);
                    None
                })
            } else {
                self.absence.wait(&mut place, &self.post.bell, wanted).await?
            };
            match opened {
                Some(device) if self.capture.is_wanted() => match self.listen(device, &mut place).await {
                    Ok(()) => self.absence.close_early(&mut place),
                    Err(gone) => self.absence.lose(gone, &mut place),
                },
                Some(unwanted) => {
                    drop(unwanted);
                    self.absence.come_back(&mut place);
                }
                None if !wanted && self.capture.is_wanted() => self.absence.hasten(&mut place),
                None => {}
            }
        }
        Ok(())
    }

    /// Listens until nobody wants it; the device is closed again when this returns.
    async fn listen<O>(&mut self, device: O::Device, place: &mut O) -> Result<(), Gone>
    where
        O: Open,
        for<'a> O::Line<'a>: Microphone,
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

    async fn listen_on<O>(&mut self, line: &mut O::Line<'_>, place: &mut O) -> Result<(), Gone>
    where
        O: Open,
        for<'a> O::Line<'a>: Microphone,
    {
        self.capture.mark_open(true);
        self.post.wake.notify();
        while self.capture.is_wanted() && !self.is_over() {
            if line.is_proven() {
                self.absence.prove(place);
            }
            if self.capture.turn(line)? {
                self.post.wake.notify();
            }
            if self.capture.take_anew() {
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
pub(super) fn blocking<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}
