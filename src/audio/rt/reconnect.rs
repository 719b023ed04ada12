//! A device that goes away and comes back, as its thread sees it: when it is tried again, when it is
//! given up, and what the session is told meanwhile.
//!
//! It reads no clock and opens nothing itself: both are what a thread is given as `Open`.

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use crate::audio::UnplugPolicy;
use crate::audio::error::{AudioError, DeviceLost, Direction};
use crate::audio::health::dead_input::DeadInput;
use crate::sys::EventFd;

/// Which devices are away now, each with the error it answered with last.
///
/// A device counts as back when it has moved frames, so that one which can be opened but gives nothing
/// is not announced again and again. A microphone that nobody wants counts as back when it can be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingDevices {
    pub capture: Option<DeviceLost>,
    pub playback: Option<DeviceLost>,
    /// How a microphone that is there, and delivers, hears nothing all the same.
    pub dead_input: Option<DeadInput>,
}

/// A device by name, and the time without it: what a sound thread needs of the world.
pub trait DeviceSource {
    /// The device while it is open; dropping it closes it.
    type Device: 'static;
    /// The device while it moves frames.
    type Stream<'a>: ActiveStream;

    /// Opens the device; nothing moves yet.
    ///
    /// # Errors
    /// When it is not there, or not free.
    fn open(&mut self) -> Result<Self::Device, DeviceLost>;

    /// Makes an open device move.
    ///
    /// # Errors
    /// When it has lost meanwhile.
    fn start(device: &Self::Device) -> Result<Self::Stream<'_>, DeviceLost>;

    /// Says that the device was waited for in vain.
    fn lost_error(&self, lost: DeviceLost) -> AudioError;

    /// Sets how long from now `wait` returns `Waited::Over`; `None` for never.
    fn set_give_up_after(&mut self, limit: Option<Duration>);

    /// Sets how long from now `wait` returns `Waited::Due`; `None` for never.
    fn set_retry_after(&mut self, after: Option<Duration>);

    /// Waits, with no device, until something happens. On a thread of its own this blocks; in a simulation
    /// it is where another's turn comes.
    fn wait(&mut self, wake: &EventFd) -> impl Future<Output = WakeReason>;
}

/// A device that moves frames.
pub trait ActiveStream {
    /// Waits, as `Open::wait` does, until the device wants a turn, the wake is rung, or it is time to look anyway;
    /// one that is `resting` is in trouble, and would be ready at once for nothing.
    ///
    /// # Errors
    /// When the device has lost.
    fn wait(&mut self, wake: &EventFd, resting: bool) -> impl Future<Output = Result<(), DeviceLost>>;

    /// Tells whether it has moved more frames than it may fetch ahead.
    fn is_proven(&self) -> bool;
}

/// What ended a wait for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    /// The session rang.
    Notified,
    /// It is time to try again.
    Due,
    /// Devices have come or lost.
    DevicesChanged,
    /// The device has been away for too long.
    Over,
}

/// How long is waited after a loss, and at least between two tries.
const RETRY_MIN: Duration = Duration::from_millis(250);
/// The longest wait between two tries; each is twice the one before it.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Whether a device is there, and when it is tried again if it is not.
pub(in crate::audio) struct Reconnect {
    direction: Direction,
    policy: UnplugPolicy,
    counters: Arc<Counters>,
    wake: Arc<EventFd>,
    state: DevicePresence,
    /// Whether the device has moved frames since it was opened last.
    has_worked: bool,
}

#[derive(Clone, Copy)]
enum DevicePresence {
    Present,
    Missing {
        lost: DeviceLost,
        interval: Duration,
        /// Whether it was opened, and moved nothing, so that opening it again tells nothing.
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

    /// Records that the device, which was open, is lost.
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

    /// Notes that the device was closed again before it had proven itself, because nobody wanted it.
    pub(in crate::audio) fn close_on_stop(&mut self, source: &mut impl DeviceSource) {
        if let DevicePresence::Missing { interval, .. } = self.state {
            source.set_retry_after(Some(interval));
        }
    }

    /// Notes that the device begins to run.
    pub(in crate::audio) fn mark_started(&mut self) {
        self.has_worked = false;
    }

    /// Notes that the device has moved frames.
    pub(in crate::audio) fn mark_working(&mut self, source: &mut impl DeviceSource) {
        self.has_worked = true;
        self.mark_present(source);
    }

    /// Notes that the device is back.
    pub(in crate::audio) fn mark_present(&mut self, source: &mut impl DeviceSource) {
        if !self.is_present() {
            self.state = DevicePresence::Present;
            source.set_give_up_after(None);
            source.set_retry_after(None);
            self.publish(None, true);
        }
    }

    /// Tries again soon, since there is reason to hope or somebody in a hurry.
    pub(in crate::audio) fn retry_now(&mut self, source: &mut impl DeviceSource) {
        if let DevicePresence::Missing { interval, .. } = &mut self.state
            && *interval > RETRY_MIN
        {
            *interval = RETRY_MIN;
            source.set_retry_after(Some(RETRY_MIN));
        }
    }

    /// Waits for what happens next and opens the device if it is due; `None` when there is something
    /// else to look at.
    ///
    /// A device that nobody wants is opened to see whether it is back, unless only its sound can tell.
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
                // It may be another one by now.
                if let DevicePresence::Missing { is_unproven, .. } = &mut self.state {
                    *is_unproven = false;
                }
                self.retry_now(source);
            }
            WakeReason::Over if is_unproven => return Err(source.lost_error(lost)),
            WakeReason::Over => {
                // A last chance: what it gives now is what counts.
                source.set_give_up_after(Some(Duration::ZERO));
                return self.open(source).map(Some).map_err(|lost| source.lost_error(lost));
            }
            WakeReason::Due if is_unproven && !wanted => {
                self.state = DevicePresence::Missing { lost, interval: RETRY_MAX, is_unproven };
                source.set_retry_after(Some(RETRY_MAX));
            }
            WakeReason::Due => match self.open(source) {
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
