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
    type Line<'a>: ActiveStream;

    /// Opens the device; nothing moves yet.
    ///
    /// # Errors
    /// When it is not there, or not free.
    fn open(&mut self) -> Result<Self::Device, DeviceLost>;

    /// Makes an open device move.
    ///
    /// # Errors
    /// When it has gone meanwhile.
    fn line(device: &Self::Device) -> Result<Self::Line<'_>, DeviceLost>;

    /// Says that the device was waited for in vain.
    fn lost(&self, gone: DeviceLost) -> AudioError;

    /// Sets how long from now `wait` returns `Waited::Over`; `None` for never.
    fn set_limit(&mut self, limit: Option<Duration>);

    /// Sets how long from now `wait` returns `Waited::Due`; `None` for never.
    fn set_next_try(&mut self, after: Option<Duration>);

    /// Waits, with no device, until something happens. On a thread of its own this blocks; in a simulation
    /// it is where another's turn comes.
    fn wait(&mut self, bell: &EventFd) -> impl Future<Output = WakeReason>;
}

/// A device that moves frames.
pub trait ActiveStream {
    /// Waits, as `Open::wait` does, until the device wants a turn, the bell is rung, or it is time to look anyway;
    /// one that is `resting` is in trouble, and would be ready at once for nothing.
    ///
    /// # Errors
    /// When the device has gone.
    fn wait(&mut self, bell: &EventFd, resting: bool) -> impl Future<Output = Result<(), DeviceLost>>;

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
    /// Devices have come or gone.
    DevicesChanged,
    /// The device has been away for too long.
    Over,
}

/// How long is waited after a loss, and at least between two tries.
const FIRST_TRY: Duration = Duration::from_millis(250);
/// The longest wait between two tries; each is twice the one before it.
const LAST_TRY: Duration = Duration::from_secs(2);

/// Whether a device is there, and when it is tried again if it is not.
pub(in crate::audio) struct Reconnect {
    end: Direction,
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
        gone: DeviceLost,
        spacing: Duration,
        /// Whether it was opened, and moved nothing, so that opening it again tells nothing.
        in_vain: bool,
    },
}

impl Reconnect {
    pub(in crate::audio) fn new(
        end: Direction,
        policy: UnplugPolicy,
        counters: Arc<Counters>,
        wake: Arc<EventFd>,
    ) -> Reconnect {
        Reconnect { end, policy, counters, wake, state: DevicePresence::Present, has_worked: false }
    }

    pub(in crate::audio) fn is_present(&self) -> bool {
        matches!(self.state, DevicePresence::Present)
    }

    /// Records that the device could not be opened.
    pub(in crate::audio) fn fail_to_open(&mut self, gone: DeviceLost, place: &mut impl DeviceSource) {
        self.go_away(gone, false, place);
    }

    /// Records that the device, which was open, is lost.
    pub(in crate::audio) fn lose(&mut self, gone: DeviceLost, place: &mut impl DeviceSource) {
        self.go_away(gone, !self.has_worked, place);
    }

    fn go_away(&mut self, gone: DeviceLost, in_vain: bool, place: &mut impl DeviceSource) {
        let (spacing, in_vain) = match self.state {
            DevicePresence::Present => {
                place.set_limit(match self.policy {
                    UnplugPolicy::Wait => None,
                    UnplugPolicy::End(limit) => Some(limit),
                });
                (FIRST_TRY, in_vain)
            }
            DevicePresence::Missing { spacing, in_vain: before, gone: _ } => {
                ((2 * spacing).min(LAST_TRY), in_vain || before)
            }
        };
        let news = self.is_present();
        self.state = DevicePresence::Missing { gone, spacing, in_vain };
        place.set_next_try(Some(spacing));
        self.tell(Some(gone), news);
    }

    /// Notes that the device was closed again before it had proven itself, because nobody wanted it.
    pub(in crate::audio) fn close_on_stop(&mut self, place: &mut impl DeviceSource) {
        if let DevicePresence::Missing { spacing, .. } = self.state {
            place.set_next_try(Some(spacing));
        }
    }

    /// Notes that the device begins to run.
    pub(in crate::audio) fn begin(&mut self) {
        self.has_worked = false;
    }

    /// Notes that the device has moved frames.
    pub(in crate::audio) fn mark_working(&mut self, place: &mut impl DeviceSource) {
        self.has_worked = true;
        self.mark_present(place);
    }

    /// Notes that the device is back.
    pub(in crate::audio) fn mark_present(&mut self, place: &mut impl DeviceSource) {
        if !self.is_present() {
            self.state = DevicePresence::Present;
            place.set_limit(None);
            place.set_next_try(None);
            self.tell(None, true);
        }
    }

    /// Tries again soon, since there is reason to hope or somebody in a hurry.
    pub(in crate::audio) fn retry_now(&mut self, place: &mut impl DeviceSource) {
        if let DevicePresence::Missing { spacing, .. } = &mut self.state
            && *spacing > FIRST_TRY
        {
            *spacing = FIRST_TRY;
            place.set_next_try(Some(FIRST_TRY));
        }
    }

    /// Waits for what happens next and opens the device if it is due; `None` when there is something
    /// else to look at.
    ///
    /// A device that nobody wants is opened to see whether it is back, unless only its sound can tell.
    pub(in crate::audio) async fn wait<O: DeviceSource>(
        &mut self,
        place: &mut O,
        bell: &EventFd,
        wanted: bool,
    ) -> Result<Option<O::Device>, AudioError> {
        let waited = place.wait(bell).await;
        let DevicePresence::Missing { gone, in_vain, .. } = self.state else { return Ok(None) };
        match waited {
            WakeReason::Notified => {}
            WakeReason::DevicesChanged => {
                // It may be another one by now.
                if let DevicePresence::Missing { in_vain, .. } = &mut self.state {
                    *in_vain = false;
                }
                self.retry_now(place);
            }
            WakeReason::Over if in_vain => return Err(place.lost(gone)),
            WakeReason::Over => {
                // A last chance: what it gives now is what counts.
                place.set_limit(Some(Duration::ZERO));
                return self.open(place).map(Some).map_err(|gone| place.lost(gone));
            }
            WakeReason::Due if in_vain && !wanted => {
                self.state = DevicePresence::Missing { gone, spacing: LAST_TRY, in_vain };
                place.set_next_try(Some(LAST_TRY));
            }
            WakeReason::Due => match self.open(place) {
                Ok(device) => return Ok(Some(device)),
                Err(gone) => self.fail_to_open(gone, place),
            },
        }
        Ok(None)
    }

    fn open<O: DeviceSource>(&self, place: &mut O) -> Result<O::Device, DeviceLost> {
        place.open().inspect(|_| self.counters.reopens.add(1))
    }

    fn tell(&self, gone: Option<DeviceLost>, news: bool) {
        self.counters.presence(self.end).set(gone);
        if news {
            self.wake.notify();
        }
    }
}
