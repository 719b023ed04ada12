//! Reconnecting a lost device: when to retry, when to give up, and what to report to the session meanwhile.
//!
//! It reads no clock and opens no device by itself: a [`DeviceSource`] does both.

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
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

/// A device by name, and the waits of its thread while it is not open.
pub trait DeviceSource {
    /// The open device; dropping it closes it.
    type Device: 'static;
    /// The running device.
    type Stream<'a>: ActiveStream;

    /// Opens the device without starting it.
    ///
    /// # Errors
    /// When it is missing or busy.
    fn open(&mut self) -> Result<Self::Device, DeviceLost>;

    /// Starts an open device.
    ///
    /// # Errors
    /// When it has been lost meanwhile.
    fn start(device: &Self::Device) -> Result<Self::Stream<'_>, DeviceLost>;

    /// Returns the error for a device that did not come back in time.
    fn lost_error(&self, lost: DeviceLost) -> AudioError;

    /// Sets the time from now after which `wait` returns `WakeReason::Over`; `None` for never.
    fn set_give_up_after(&mut self, limit: Option<Duration>);

    /// Sets the time from now after which `wait` returns `WakeReason::Due`; `None` for never.
    fn set_retry_after(&mut self, after: Option<Duration>);

    /// Waits without a device until something happens. On a thread of its own this blocks; in a simulation it
    /// lets other tasks run.
    fn wait(&mut self, wake: &EventFd) -> impl Future<Output = WakeReason>;
}

/// A running device.
pub trait ActiveStream {
    /// Waits until the device is ready for the next step, `wake` is notified, or a timeout passes. A `resting`
    /// device needs time to recover: it would be ready at once, without being able to move frames.
    ///
    /// # Errors
    /// When the device is lost.
    fn wait(&mut self, wake: &EventFd, resting: bool) -> impl Future<Output = Result<(), DeviceLost>>;

    /// Returns whether the device has moved more frames than it may prefetch.
    fn is_proven(&self) -> bool;
}

/// Why a wait without a device ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    /// The session notified the thread.
    Notified,
    /// It is time to retry.
    RetryDue,
    /// Devices were added or removed.
    DevicesChanged,
    /// The time to give up has come.
    GaveUp,
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
    pub(in crate::audio) fn fail_to_open(&mut self, lost: DeviceLost, source: &mut impl DeviceSource) {
        self.record_loss(lost, false, source);
    }

    /// Records that the open device was lost.
    pub(in crate::audio) fn lose(&mut self, lost: DeviceLost, source: &mut impl DeviceSource) {
        self.record_loss(lost, !self.has_worked, source);
    }

    fn record_loss(&mut self, lost: DeviceLost, is_unproven: bool, source: &mut impl DeviceSource) {
        let (interval, is_unproven) = match self.state {
            DevicePresence::Present => {
                source.set_give_up_after(match self.policy {
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
        source.set_retry_after(Some(interval));
        self.publish(Some(lost), changed);
    }

    /// Records that the device was closed on request before it had moved enough frames.
    pub(in crate::audio) fn close_on_stop(&mut self, source: &mut impl DeviceSource) {
        if let DevicePresence::Missing { interval, .. } = self.state {
            source.set_retry_after(Some(interval));
        }
    }

    /// Records that the device was started.
    pub(in crate::audio) fn mark_started(&mut self) {
        self.has_worked = false;
    }

    /// Records that the device has moved frames.
    pub(in crate::audio) fn mark_working(&mut self, source: &mut impl DeviceSource) {
        self.has_worked = true;
        self.mark_present(source);
    }

    /// Records that the device is back.
    pub(in crate::audio) fn mark_present(&mut self, source: &mut impl DeviceSource) {
        if !self.is_present() {
            self.state = DevicePresence::Present;
            source.set_give_up_after(None);
            source.set_retry_after(None);
            self.publish(None, true);
        }
    }

    /// Retries soon, because devices changed or the session requested the device.
    pub(in crate::audio) fn retry_now(&mut self, source: &mut impl DeviceSource) {
        if let DevicePresence::Missing { interval, .. } = &mut self.state
            && *interval > RETRY_MIN
        {
            *interval = RETRY_MIN;
            source.set_retry_after(Some(RETRY_MIN));
        }
    }

    /// Waits and opens the device if a retry is due; returns `None` if the caller should check its state first.
    ///
    /// A device that is not wanted is opened as well, to find out whether it is back, unless only captured
    /// frames can prove that.
    pub(in crate::audio) async fn wait<O: DeviceSource>(
        &mut self,
        source: &mut O,
        wake: &EventFd,
        wanted: bool,
    ) -> Result<Option<O::Device>, AudioError> {
        let reason = source.wait(wake).await;
        let DevicePresence::Missing { lost, is_unproven, .. } = self.state else { return Ok(None) };
        match reason {
            WakeReason::Notified => {}
            WakeReason::DevicesChanged => {
                // It may be a different device by now.
                if let DevicePresence::Missing { is_unproven, .. } = &mut self.state {
                    *is_unproven = false;
                }
                self.retry_now(source);
            }
            WakeReason::GaveUp if is_unproven => return Err(source.lost_error(lost)),
            WakeReason::GaveUp => {
                // The last attempt: unless the device moves frames now, the next wait is over at once.
                source.set_give_up_after(Some(Duration::ZERO));
                return self.open(source).map(Some).map_err(|lost| source.lost_error(lost));
            }
            WakeReason::RetryDue if is_unproven && !wanted => {
                self.state = DevicePresence::Missing { lost, interval: RETRY_MAX, is_unproven };
                source.set_retry_after(Some(RETRY_MAX));
            }
            WakeReason::RetryDue => match self.open(source) {
                Ok(device) => return Ok(Some(device)),
                Err(lost) => self.fail_to_open(lost, source),
            },
        }
        Ok(None)
    }

    fn open<O: DeviceSource>(&self, source: &mut O) -> Result<O::Device, DeviceLost> {
        source.open().inspect(|_| self.counters.reopens.add(1))
    }

    fn publish(&self, lost: Option<DeviceLost>, changed: bool) {
        self.counters.presence(self.direction).set(lost);
        if changed {
            self.wake.notify();
        }
    }
}
