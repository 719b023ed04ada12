//! A device that is not there at the start, while a service manager is: the lights say so, and the end is put off
//! until there is another device or some time has gone.
//!
//! It opens nothing itself. Which card is the right one, and which devices a service may open at all, is settled anew
//! at a start, so it takes a new start to use what has come.

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

/// How long a start that lacks a device lasts: with the pause behind it (`RestartSec=`) so long that starts like it
/// never count as too many (`StartLimitBurst=`), and shorter than a start may take (`TimeoutStartSec=`).
pub const DEVICE_WAIT_LIMIT: Duration = Duration::from_secs(30);
/// How often the devices are looked at.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);
/// How often the lights are: as often as the finest of them change.
const LIGHT_INTERVAL: Duration = Duration::from_millis(50);
/// Where device nodes come up, below the folder of devices; sub-folders come with the first device in them.
const DEVICE_FOLDERS: [&str; 3] = [".", "snd", "input"];

/// How such a start ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceWait {
    /// A device has come or gone.
    DevicesChanged,
    /// Nothing has happened.
    TimedOut,
    /// The program is to end.
    Requested,
}

/// Waits for the set of nodes in `devices` (`/dev`) to change, for `limit`, or for `signals` to be readable, and has
/// the manager's status be `status` and the lights of `board`, if there is one, say which end of the sound is missing.
pub fn wait_for_device(
    status: &str,
    board: Option<(&mut Board, Direction)>,
    signals: &UnixStream,
    devices: &Path,
    limit: Duration,
) -> DeviceWait {
    // Without a manager, or with one that does not listen, there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Status(status)]);
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
        // Interrupted by a signal, it is looked at again.
        if poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0) {
            return DeviceWait::Requested;
        }
    }
}

/// Lists the names in the folders where devices come up; a folder that is not there is empty.
fn nodes(devices: &Path) -> BTreeSet<OsString> {
    let inside = |folder: &str| std::fs::read_dir(devices.join(folder)).into_iter().flatten().flatten();
    DEVICE_FOLDERS.iter().flat_map(|folder| inside(folder).map(|node| node.file_name())).collect()
}
