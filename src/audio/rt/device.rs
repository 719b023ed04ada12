//! A device as an audio loop sees it: opened, started, closed and waited for.
//!
//! It moves no frames: [`CaptureDevice`](super::capture::CaptureDevice) and
//! [`PlaybackDevice`](super::playback::PlaybackDevice) do.

use std::time::Duration;

use crate::audio::error::{AudioError, DeviceLost};

/// A device by name, which one loop opens and closes. It keeps the times that it was given and reads the clock for
/// them.
pub trait AudioDevice {
    /// Opens the device without starting it.
    ///
    /// # Errors
    /// When it is missing or busy.
    fn open(&mut self) -> Result<(), DeviceLost>;

    /// Starts the open device.
    ///
    /// # Errors
    /// When it has been lost meanwhile.
    fn start(&mut self) -> Result<(), DeviceLost>;

    /// Closes the device; nothing happens if it is closed.
    fn close(&mut self);

    /// Returns whether the running device has moved more frames than it may prefetch.
    fn is_proven(&self) -> bool;

    /// Returns the error for a device that did not come back in time.
    fn lost_error(&self, lost: DeviceLost) -> AudioError;

    /// Sets the time from now after which a wait without the device ends with [`Woken::GaveUp`]; `None` for never.
    fn set_give_up_after(&mut self, limit: Option<Duration>);

    /// Sets the time from now after which a wait without the device ends with [`Woken::RetryDue`]; `None` for never.
    fn set_retry_after(&mut self, after: Option<Duration>);
}

/// What a loop waits for until its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For the running device, the session's notification, or the time of a check.
    ForDevice {
        /// Whether the device needs time to recover: it would be ready at once, without being able to move frames.
        in_recovery: bool,
    },
    /// For the session's notification alone, while the device is open and stopped.
    ForSession,
    /// For the session's notification, one of the two times, or a change of the devices, without a running device.
    WithoutDevice,
    /// For nothing: the session has ended.
    Over,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The running device may be ready, or the session has notified the thread.
    Ready,
    /// The running device was lost while it was waited for.
    Lost(DeviceLost),
    /// The session has notified the thread, which has no running device.
    Notified,
    /// It is time to retry.
    RetryDue,
    /// Devices were added or removed.
    DevicesChanged,
    /// The time to give up has come.
    GaveUp,
}
