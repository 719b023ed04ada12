//! Waiting for a device, and watching over the waiting: a device that stands still is begun anew or gone,
//! and one that never lets its thread sleep is made to.
//!
//! It moves no frame and knows no form.

use std::os::fd::{AsFd, AsRawFd};

use alsa::PCM;
use alsa::poll::{Descriptors, poll, pollfd};

use super::doorbell::Doorbell;
use super::trouble::Gone;

/// Descriptors a device may have; the usual number is 1.
const DEVICE_FDS: usize = 7;
/// How long a silent device is waited for at a time, in milliseconds.
const LOOK_MS: u32 = 200;
/// How long a device that was moving may be silent before it is begun anew, in milliseconds.
const STALLED_MS: u32 = 400;
/// How long any device may be silent before it counts as gone, in milliseconds: as long as a sound server
/// may take to start.
const GONE_MS: u32 = 2000;
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
    silent_ms: u32,
    /// Frames moved since the device was opened or begun anew.
    moved: usize,
    /// Frames that are more than a device fetches ahead when it starts, so that they prove it moves.
    proof: usize,
    pub(super) proven: bool,
}

impl Watch {
    pub(super) fn new(count: usize, buffer_frames: usize) -> Option<Watch> {
        let fds = [pollfd { fd: -1, events: 0, revents: 0 }; 1 + DEVICE_FDS];
        let proof = 2 * buffer_frames;
        (count <= DEVICE_FDS).then_some(Watch {
            fds,
            count,
            sleepless: 0,
            silent_ms: 0,
            moved: 0,
            proof,
            proven: false,
        })
    }

    pub(super) fn wait(&mut self, pcm: &PCM, bell: &Doorbell, resting: bool) -> Result<Waited, Gone> {
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
            bell.clear();
        }
        if fds[1..].iter().any(|fd| fd.revents != 0) {
            // Some plugins clear their own wake here.
            pcm.revents(&fds[1..]).map_err(gone)?;
        }
        Ok(Waited::Well)
    }

    pub(super) fn note_moved(&mut self, frames: usize) {
        if frames > 0 {
            self.silent_ms = 0;
            self.moved += frames;
            self.proven |= self.moved >= self.proof;
        }
    }

    fn note_silence(&mut self, ms: u32) -> Result<Waited, Gone> {
        self.silent_ms += ms;
        if self.silent_ms >= GONE_MS {
            return Err(Gone { errno: libc::ETIMEDOUT });
        }
        // Only once, and not at the first start, when a sound server may take its time.
        if self.silent_ms >= STALLED_MS && self.moved >= self.proof {
            self.moved = 0;
            return Ok(Waited::InVain);
        }
        Ok(Waited::Well)
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
