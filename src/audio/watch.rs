//! Waiting for a device, and watching over the waiting: a device that stands still is begun anew or gone,
//! and one that never lets its thread sleep is made to.
//!
//! It moves no frame and knows no form.

use std::os::fd::{AsFd, AsRawFd};

use alsa::PCM;
use alsa::poll::{Descriptors, poll, pollfd};

use super::trouble::Gone;
use super::vigil::Vigil;
use crate::sys::EventFd;

/// Descriptors a device may have; the usual number is 1.
const DEVICE_FDS: usize = 7;
/// How long a silent device is waited for at a time, in milliseconds.
const LOOK_MS: u32 = 200;
/// Turns a device may want without ever letting its thread sleep. Only one that keeps no time, such as
/// alsa-lib's "null", wants more, and would keep a real-time thread from ever yielding.
const SLEEPLESS_TURNS: u32 = 4;
/// How long a thread sleeps that must, in milliseconds: half a period.
const REST_MS: u32 = 5;

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// With something to do, or nothing to worry about.
    Well,
    /// A device that had been moving has stopped.
    InVain,
}

/// Waits for a device, and watches over the waiting.
pub(super) struct Watch {
    fds: [pollfd; 1 + DEVICE_FDS],
    count: usize,
    sleepless: u32,
    vigil: Vigil,
}

impl Watch {
    pub(super) fn new(count: usize, buffer_frames: usize) -> Option<Watch> {
        let fds = [pollfd { fd: -1, events: 0, revents: 0 }; 1 + DEVICE_FDS];
        let vigil = Vigil::new(buffer_frames);
        (count <= DEVICE_FDS).then_some(Watch { fds, count, sleepless: 0, vigil })
    }

    pub(super) fn wait(&mut self, pcm: &PCM, bell: &EventFd, resting: bool) -> Result<Waited, Gone> {
        if resting || self.sleepless >= SLEEPLESS_TURNS {
            self.sleepless = 0;
            bell.wait(Some(REST_MS));
            return self.note_silence(REST_MS);
        }
        let fds = &mut self.fds[..=self.count];
        fds[0] = pollfd { fd: bell.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        pcm.fill(&mut fds[1..]).map_err(gone)?;
        self.sleepless = if wake(fds, 0)? > 0 { self.sleepless + 1 } else { 0 };
        if self.sleepless == 0 && wake(fds, LOOK_MS.cast_signed())? == 0 {
            return self.note_silence(LOOK_MS);
        }
        if fds[0].revents != 0 {
            bell.drain();
        }
        if fds[1..].iter().any(|fd| fd.revents != 0) {
            // Some plugins clear their own wake here.
            pcm.revents(&fds[1..]).map_err(gone)?;
        }
        Ok(Waited::Well)
    }

    pub(super) fn note_moved(&mut self, frames: usize) {
        self.vigil.moved(frames);
    }

    pub(super) fn is_proven(&self) -> bool {
        self.vigil.is_proven()
    }

    fn note_silence(&mut self, ms: u32) -> Result<Waited, Gone> {
        Ok(if self.vigil.silent(ms)? { Waited::InVain } else { Waited::Well })
    }
}

fn wake(fds: &mut [pollfd], timeout_ms: i32) -> Result<usize, Gone> {
    match poll(fds, timeout_ms) {
        Ok(ready) => Ok(ready),
        // As good as ready: whoever looks finds out.
        Err(error) if error.errno().abs() == libc::EINTR => Ok(1),
        Err(error) => Err(gone(error)),
    }
}

/// Makes of a refusal the end of the device.
pub(super) fn gone(error: alsa::Error) -> Gone {
    // The sign differs from call to call.
    Gone { errno: error.errno().abs() }
}
