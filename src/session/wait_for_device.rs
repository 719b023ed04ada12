//! Delays the exit of a service that lacks a device at its start, until device nodes change or a limit has
//! passed. The lights show the missing device meanwhile.
//!
//! It opens nothing itself: the card is chosen, and the service manager grants access to devices, when the
//! program starts. A new device therefore needs a restart.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use sd_notify::NotifyState;

use super::clock::Clock;
use crate::audio::Direction;
use crate::board::Board;
use crate::conversation::State;
use crate::light::{Fault, LightState};
use crate::model::Time;
use crate::printable::Printable;

/// How long a start without a device lasts: together with `RestartSec=` long enough never to reach
/// `StartLimitBurst=`, and shorter than `TimeoutStartSec=` (systemd.service(5), systemd.unit(5)).
pub const DEVICE_WAIT_LIMIT: Duration = Duration::from_secs(30);
/// How often the device folders are listed.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);
/// How often the lights are updated: the shortest step of any light pattern.
const LIGHT_INTERVAL: Duration = Duration::from_millis(50);
/// Folders below `/dev` that hold sound and input nodes. A sub-folder appears with its first node.
const DEVICE_FOLDERS: [&str; 3] = [".", "snd", "input"];

/// Why the wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceWait {
    /// A device node has appeared or disappeared.
    DevicesChanged,
    /// The limit has passed.
    TimedOut,
    /// A signal asks the program to exit.
    Requested,
}

/// Waits until the nodes in `devices` (`/dev`) change, `limit` has passed or `signals` is readable, and
/// returns which.
///
/// Sends `status` to the service manager, and shows on the lights of `board` which direction lacks its
/// device.
pub fn wait_for_device(
    status: &str,
    board: Option<(&mut Board, Direction)>,
    signals: &UnixStream,
    devices: &Path,
    limit: Duration,
) -> DeviceWait {
    // A second line would be another message to the service manager. Without one this does nothing.
    let status = Printable(status).to_string();
    let _ = sd_notify::notify(&[NotifyState::Status(&status)]);
    let clock = Clock::start();
    let before = nodes(devices);
    let mut board = board.filter(|(board, _)| board.has_leds());
    let mut scanned = Time::ZERO;
    loop {
        let now = clock.now();
        if now - scanned >= SCAN_INTERVAL {
            scanned = now;
            if nodes(devices) != before {
                return DeviceWait::DevicesChanged;
            }
        }
        let left = limit.saturating_sub(now - Time::ZERO);
        if left.is_zero() {
            return DeviceWait::TimedOut;
        }
        let mut step = SCAN_INTERVAL;
        if let Some((board, direction)) = &mut board {
            let fault = match direction {
                Direction::Capture => Fault::NoMicrophone,
                Direction::Playback => Fault::NoSpeaker,
            };
            let state = LightState {
                fault: Some((fault, Time::ZERO)),
                ..LightState::begin(State::Connecting, Time::ZERO)
            };
            board.show_leds(&state, now);
            step = LIGHT_INTERVAL;
        }
        let timeout = Timespec::try_from(left.min(step)).ok();
        let mut fds = [PollFd::new(signals, PollFlags::IN)];
        // An interruption by a signal only repeats the checks above.
        if poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0) {
            return DeviceWait::Requested;
        }
    }
}

/// Lists the names in [`DEVICE_FOLDERS`]. A missing folder counts as empty.
fn nodes(devices: &Path) -> BTreeSet<OsString> {
    let inside = |folder: &str| std::fs::read_dir(devices.join(folder)).into_iter().flatten().flatten();
    DEVICE_FOLDERS.iter().flat_map(|folder| inside(folder).map(|node| node.file_name())).collect()
}
