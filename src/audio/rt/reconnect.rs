//! Reconnecting a lost device: when to retry, when to give up, and what to report to the session meanwhile.
//!
//! It reads no clock, and opens no device by itself: a [`AudioDevice`] does both.

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::device::{AudioDevice, Woken};
use crate::audio::UnplugPolicy;
use crate::audio::error::{AudioError, DeviceLost, Direction};
use crate::audio::health::dead_input::DeadInput;
use crate::sys::EventFd;

/// The disconnected devices, each with its latest error.
///
/// A device counts as back once it has moved frames, so that a device that opens but does not run is not
/// reported repeatedly. A microphone that is not wanted counts as back once it can be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingDevices {
    pub capture: Option<DeviceLost>,
    pub playback: Option<DeviceLost>,
    /// How the input of a connected microphone is dead.
    pub dead_input: Option<DeadInput>,
}

/// The delay after a loss, and the shortest delay between two attempts.
const RETRY_MIN: Duration = Duration::from_millis(250);
/// The longest delay between two attempts; each delay is twice the previous one.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Whether a device is present, and when to retry if it is not.
pub(in crate::audio) struct Reconnect {
    direction: Direction,
    policy: UnplugPolicy,
    counters: Arc<Counters>,
    wake: Arc<EventFd>,
    state: DevicePresence,
    /// Whether the device has moved frames since it was last opened.
    has_worked: bool,
}

#[derive(Clone, Copy)]
enum DevicePresence {
    Present,
    Missing {
        lost: DeviceLost,
        interval: Duration,
        /// Whether it was opened but moved no frames, so that opening it again proves nothing.
        is_unproven: bool,
    },
}

impl Reconnect {
    pub(in crate::audio) fn new(
        direction: Direction,
        policy: UnplugPolicy,
        counters: Arc<Counters>,
        wake: Arc<EventFd>,
    ) -> Reconnect {
        Reconnect { direction, policy, counters, wake, state: DevicePresence::Present, has_worked: false }
    }

    pub(in crate::audio) fn is_present(&self) -> bool {
        matches!(self.state, DevicePresence::Present)
    }

    /// Records that the device could not be opened.
    pub(in crate::audio) fn fail_to_open(&mut self, lost: DeviceLost, device: &mut impl AudioDevice) {
        self.record_loss(lost, false, device);
    }

    /// Records that the open device was lost.
    pub(in crate::audio) fn lose(&mut self, lost: DeviceLost, device: &mut impl AudioDevice) {
        self.record_loss(lost, !self.has_worked, device);
    }

    fn record_loss(&mut self, lost: DeviceLost, is_unproven: bool, device: &mut impl AudioDevice) {
        let (interval, is_unproven) = match self.state {
            DevicePresence::Present => {
                device.set_give_up_after(match self.policy {
                    UnplugPolicy::Wait => None,
                    UnplugPolicy::End(limit) => Some(limit),
                });
                (RETRY_MIN, is_unproven)
            }
            DevicePresence::Missing { interval, is_unproven: previously, lost: _ } => {
                ((2 * interval).min(RETRY_MAX), is_unproven || previously)
            }
        };
        let changed = self.is_present();
        self.state = DevicePresence::Missing { lost, interval, is_unproven };
        device.set_retry_after(Some(interval));
        self.publish(Some(lost), changed);
    }

    /// Records that the device was closed on request before it had moved enough frames.
    pub(in crate::audio) fn close_on_stop(&mut self, device: &mut impl AudioDevice) {
        if let DevicePresence::Missing { interval, .. } = self.state {
            device.set_retry_after(Some(interval));
        }
    }

    /// Records that the device was started.
    pub(in crate::audio) fn mark_started(&mut self) {
        self.has_worked = false;
    }

    /// Records that the device has moved frames.
    pub(in crate::audio) fn mark_working(&mut self, device: &mut impl AudioDevice) {
        self.has_worked = true;
        self.mark_present(device);
    }

    /// Records that the device is back.
    pub(in crate::audio) fn mark_present(&mut self, device: &mut impl AudioDevice) {
        if !self.is_present() {
            self.state = DevicePresence::Present;
            device.set_give_up_after(None);
            device.set_retry_after(None);
            self.publish(None, true);
        }
    }

    /// Retries soon, because devices changed or the session requested the device.
    pub(in crate::audio) fn retry_now(&mut self, device: &mut impl AudioDevice) {
        if let DevicePresence::Missing { interval, .. } = &mut self.state
            && *interval > RETRY_MIN
        {
            *interval = RETRY_MIN;
            device.set_retry_after(Some(RETRY_MIN));
        }
    }

    /// Opens a missing device if `woken` says that a retry is due, and returns whether it is open. `wanted` is whether
    /// the session requested the device during the wait.
    ///
    /// A device that is not wanted is opened as well, to find out whether it is back, unless only captured
    /// frames can prove that.
    pub(in crate::audio) fn try_open(
        &mut self,
        device: &mut impl AudioDevice,
        woken: Woken,
        wanted: bool,
    ) -> Result<bool, AudioError> {
        let DevicePresence::Missing { lost, is_unproven, .. } = self.state else { return Ok(false) };
        match woken {
            Woken::Ready | Woken::Lost(_) | Woken::Notified => {}
            Woken::DevicesChanged => {
                // It may be a different device by now.
                if let DevicePresence::Missing { is_unproven, .. } = &mut self.state {
                    *is_unproven = false;
                }
                self.retry_now(device);
            }
            Woken::GaveUp if is_unproven => return Err(device.lost_error(lost)),
            Woken::GaveUp => {
                // The last attempt: unless the device moves frames now, the next wait is over at once.
                device.set_give_up_after(Some(Duration::ZERO));
                return self.open(device).map(|()| true).map_err(|lost| device.lost_error(lost));
            }
            Woken::RetryDue if is_unproven && !wanted => {
                self.state = DevicePresence::Missing { lost, interval: RETRY_MAX, is_unproven };
                device.set_retry_after(Some(RETRY_MAX));
            }
            Woken::RetryDue => match self.open(device) {
                Ok(()) => return Ok(true),
                Err(lost) => self.fail_to_open(lost, device),
            },
        }
        Ok(false)
    }

    fn open(&self, device: &mut impl AudioDevice) -> Result<(), DeviceLost> {
        device.open().inspect(|()| self.counters.reopens.add(1))
    }

    fn publish(&self, lost: Option<DeviceLost>, changed: bool) {
        self.counters.presence(self.direction).set(lost);
        if changed {
            self.wake.notify();
        }
    }
}
