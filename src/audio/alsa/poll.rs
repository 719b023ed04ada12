//! PCM poll descriptors: waits for a device, detects a stall, and forces a sleep if the device is always
//! ready.
//!
//! It moves no frames and knows no sample format.

use std::os::fd::{AsFd, AsRawFd};

use alsa::poll::{poll, pollfd};

use super::raw_pcm::{Errno, RawPcm};
use crate::audio::error::DeviceLost;
use crate::audio::health::stall::StallDetector;
use crate::sys::EventFd;

/// The largest number of descriptors of a device; usually it has 1.
const DEVICE_FDS: usize = 7;
/// Poll timeout in milliseconds, after which an idle device is checked for a stall.
const CHECK_MS: u32 = 200;
/// Consecutive wakes without sleep. Only a device without a clock, such as alsa-lib's "null", exceeds it; its
/// real-time thread would never yield.
const IMMEDIATE_WAKES_MAX: u32 = 4;
/// A forced sleep in milliseconds: half a period.
const RECOVERY_SLEEP_MS: u32 = 5;

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PollOutcome {
    /// There may be something to do.
    Ready,
    /// The device has stalled.
    TimedOut,
}

/// The poll descriptors of a PCM, with its stall detector.
pub(super) struct PcmPoll {
    fds: [pollfd; 1 + DEVICE_FDS],
    count: usize,
    immediate_wakes: u32,
    /// How long it has slept since the device last moved frames.
    asleep_ms: u32,
    stall: StallDetector,
}

impl PcmPoll {
    pub(super) fn new(count: usize, prefetched_frames: usize) -> Option<PcmPoll> {
        let fds = [pollfd { fd: -1, events: 0, revents: 0 }; 1 + DEVICE_FDS];
        let stall = StallDetector::new(prefetched_frames);
        (count <= DEVICE_FDS).then_some(PcmPoll { fds, count, immediate_wakes: 0, asleep_ms: 0, stall })
    }

    /// Waits for the device, which is expected to be ready after `expected_ms`, or for `wake`. With `asleep_ms` it only
    /// sleeps for so long, as long as the device moves frames.
    pub(super) fn wait(
        &mut self,
        pcm: &mut RawPcm,
        wake: &EventFd,
        in_recovery: bool,
        expected_ms: u32,
        asleep_ms: u32,
    ) -> Result<PollOutcome, DeviceLost> {
        if in_recovery || self.immediate_wakes >= IMMEDIATE_WAKES_MAX {
            self.immediate_wakes = 0;
            wake.wait(Some(RECOVERY_SLEEP_MS));
            return self.idle(RECOVERY_SLEEP_MS);
        }
        if asleep_ms > 0 && self.asleep_ms < CHECK_MS {
            self.asleep_ms += asleep_ms;
            self.immediate_wakes = 0;
            wake.wait(Some(asleep_ms));
            return Ok(PollOutcome::Ready);
        }
        // A device that has missed its time is checked often.
        let expected_ms = if self.stall.is_idle() { 0 } else { expected_ms };
        let fds = &mut self.fds[..=self.count];
        fds[0] = pollfd { fd: wake.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        pcm.poll_descriptors(&mut fds[1..]).map_err(device_lost)?;
        self.immediate_wakes = if poll_fds(fds, 0)? > 0 { self.immediate_wakes + 1 } else { 0 };
        if self.immediate_wakes == 0
            && poll_fds(fds, expected_ms.saturating_add(CHECK_MS).cast_signed())? == 0
        {
            return self.idle(CHECK_MS);
        }
        if fds[0].revents != 0 {
            wake.drain();
        }
        if fds[1..].iter().any(|fd| fd.revents != 0) {
            pcm.take_revents(&mut fds[1..]).map_err(device_lost)?;
        }
        Ok(PollOutcome::Ready)
    }

    pub(super) fn progressed(&mut self, frames: usize) {
        if frames > 0 {
            self.asleep_ms = 0;
        }
        self.stall.progressed(frames);
    }

    pub(super) fn is_proven(&self) -> bool {
        self.stall.is_proven()
    }

    fn idle(&mut self, ms: u32) -> Result<PollOutcome, DeviceLost> {
        Ok(if self.stall.idle(ms)? { PollOutcome::TimedOut } else { PollOutcome::Ready })
    }
}

fn poll_fds(fds: &mut [pollfd], timeout_ms: i32) -> Result<usize, DeviceLost> {
    match poll(fds, timeout_ms) {
        Ok(ready) => Ok(ready),
        // An interrupted poll counts as ready; the read or write finds out.
        Err(error) if error.errno().abs() == libc::EINTR => Ok(1),
        Err(error) => Err(DeviceLost { errno: error.errno().abs() }),
    }
}

pub(super) fn device_lost(Errno(errno): Errno) -> DeviceLost {
    DeviceLost { errno }
}
