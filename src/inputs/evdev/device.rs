//! Keys of evdev input devices (`/dev/input/event*`): `gpio-keys`, and the buttons of USB speakerphones.
//!
//! A device is opened once for all its keys. It is grabbed only if all its keys are configured; otherwise the
//! other keys stay available to the console and the desktop. It never searches by itself; the caller does.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use evdev::raw_stream::RawDevice;
use evdev::{EventType, KeyCode, SynchronizationCode};

use super::clock;
use crate::inputs::error::{KeyError, KeyProblem};
use crate::inputs::timestamp::ClockOffset;
use crate::model::Time;

const FOLDER: &str = "/dev/input";
/// Reads per turn, of 32 events each: a device that never rests must not block the session.
const READS_MAX: usize = 4;
/// The kernel's buffer overflowed and events were dropped.
const DROPPED: u16 = SynchronizationCode::SYN_DROPPED.0;

/// An input device whose keys are used as buttons.
pub(crate) struct Keyboard {
    /// The device's name in the board file; `None` accepts any device that has the keys.
    wanted: Option<String>,
    keys: Vec<WatchedKey>,
    /// `None` while it is disconnected.
    device: Option<RawDevice>,
}

/// A key that is used as a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchedKey {
    pub(crate) code: u16,
    /// The index of its button.
    pub(crate) button: usize,
}

/// The result of reading a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceRead {
    /// Everything was read.
    All,
    /// Events were lost; the keys' current levels were reported instead.
    EventsLost,
    Disconnected,
}

impl Keyboard {
    /// Finds and opens the device for `keys`. `user` is what the first key is for, in error messages.
    pub(crate) fn open(user: &str, wanted: Option<&str>, keys: Vec<WatchedKey>) -> Result<Self, KeyError> {
        let mut keyboard = Self { wanted: wanted.map(str::to_owned), keys, device: None };
        match keyboard.search() {
            Ok(()) => Ok(keyboard),
            Err((key, problem)) => {
                Err(KeyError { user: user.to_owned(), key: key_name(key), device: keyboard.wanted, problem })
            }
        }
    }

    /// Searches for the device and opens it. The error contains the code of the missing key.
    pub(crate) fn search(&mut self) -> Result<(), (u16, KeyProblem)> {
        let first = self.keys.first().map_or(0, |key| key.code);
        let mut search = DeviceSearch::default();
        for path in nodes() {
            match open_node(&path) {
                Ok(device) => {
                    if self.try_device(device, &mut search).map_err(|error| (first, refused(&error)))? {
                        return Ok(());
                    }
                }
                // A sandbox refuses with EPERM, whatever the groups of the user.
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::ACCESS.raw_os_error()) => {
                    search.forbidden.get_or_insert(path);
                }
                Err(error) => {
                    search.any = true;
                    search.refused.get_or_insert(error);
                }
            }
        }
        Err((search.missing.unwrap_or(first), search.problem(self.wanted.as_deref())))
    }

    /// Uses `device` if name and keys match, and returns whether it does.
    fn try_device(&mut self, mut device: RawDevice, search: &mut DeviceSearch) -> io::Result<bool> {
        search.any = true;
        let name = device.name().unwrap_or_default();
        if self.wanted.as_deref().is_some_and(|wanted| !is_named(name, wanted)) {
            search.names.push(name.to_owned());
            return Ok(false);
        }
        search.named = true;
        let has_key =
            |code: u16| device.supported_keys().is_some_and(|keys| keys.contains(KeyCode::new(code)));
        if let Some(missing) = self.keys.iter().find(|key| !has_key(key.code)) {
            search.missing = Some(missing.code);
            return Ok(false);
        }
        rustix::io::ioctl_fionbio(&device, true)?;
        clock::monotonic(&device)?;
        let is_configured = |code: &KeyCode| self.keys.iter().any(|key| key.code == code.code());
        if device.supported_keys().is_some_and(|keys| keys.iter().all(|code| is_configured(&code))) {
            // Fails if another program has grabbed the device; its events would never arrive here.
            device.grab()?;
        }
        log::debug!("input device {:?}: using its keys as buttons", device.name().unwrap_or_default());
        self.device = Some(device);
        Ok(true)
    }

    /// Returns the indices of the buttons of its keys.
    pub(crate) fn buttons(&self) -> impl Iterator<Item = usize> {
        self.keys.iter().map(|key| key.button)
    }

    /// Returns the device's name for messages.
    pub(crate) fn name(&self) -> &str {
        let found = self.device.as_ref().and_then(RawDevice::name);
        found.or(self.wanted.as_deref()).unwrap_or("the input device with its keys")
    }

    /// Returns the descriptor to poll while the device is connected.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.as_ref().map(AsFd::as_fd)
    }

    /// Closes the device.
    pub(crate) fn lose(&mut self) {
        self.device = None;
    }

    /// Emits for each button whether its key is down now.
    pub(crate) fn levels(&self, mut emit: impl FnMut(usize, bool)) -> io::Result<()> {
        let Some(device) = &self.device else { return Ok(()) };
        let state = device.get_key_state()?;
        for key in &self.keys {
            emit(key.button, state.contains(KeyCode::new(key.code)));
        }
        Ok(())
    }

    /// Emits the pending edges: the button's index, whether it is down, and the time.
    pub(crate) fn read(
        &mut self,
        clock: &ClockOffset,
        mut emit: impl FnMut(usize, bool, Time),
    ) -> DeviceRead {
        let Self { device: Some(device), keys, .. } = self else { return DeviceRead::All };
        let mut lost = false;
        for _ in 0..READS_MAX {
            let events = match device.fetch_events() {
                Ok(events) => events,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
                Err(_) => return DeviceRead::Disconnected,
            };
            for event in events {
                match (event.event_type(), event.code(), event.value()) {
                    (EventType::SYNCHRONIZATION, code, _) if code == DROPPED => lost = true,
                    // Events after a loss are incomplete; the levels read below replace them.
                    (EventType::KEY, code, level @ (0 | 1)) if !lost => {
                        let at = clock.at(since_epoch(event.timestamp()));
                        for key in keys.iter().filter(|key| key.code == code) {
                            emit(key.button, level == 1, at);
                        }
                    }
                    // Ignores auto-repeat (value 2): gestures repeat by themselves.
                    _ => {}
                }
            }
        }
        if !lost {
            return DeviceRead::All;
        }
        match self.levels(|button, down| emit(button, down, clock.now())) {
            Ok(()) => DeviceRead::EventsLost,
            Err(_) => DeviceRead::Disconnected,
        }
    }
}

/// Returns whether `wanted` is the device's name or its first words: the kernel appends what the keys are for, such as
/// `Consumer Control`.
#[must_use]
pub fn is_named(name: &str, wanted: &str) -> bool {
    name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// What a search for a device found.
#[derive(Default)]
struct DeviceSearch {
    any: bool,
    /// Whether a device had the name.
    named: bool,
    names: Vec<String>,
    missing: Option<u16>,
    forbidden: Option<PathBuf>,
    /// Why a node could not be opened.
    refused: Option<io::Error>,
}

impl DeviceSearch {
    fn problem(self, wanted: Option<&str>) -> KeyProblem {
        match self {
            Self { forbidden: Some(path), .. } => KeyProblem::Forbidden(path),
            Self { named: false, refused: Some(error), .. } => refused(&error),
            Self { any: false, .. } => KeyProblem::NoInput,
            Self { named: false, names, .. } if wanted.is_some() => KeyProblem::NoDevice { names },
            Self { .. } => KeyProblem::NoKey,
        }
    }
}

/// Returns the event nodes, sorted by number.
fn nodes() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix("event")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    numbered.sort();
    numbered.into_iter().map(|(_, path)| path).collect()
}

fn open_node(path: &Path) -> io::Result<RawDevice> {
    RawDevice::from_fd(fs::File::open(path)?.into())
}

/// Returns the name of a key, or its code if it has none.
fn key_name(code: u16) -> String {
    let name = format!("{:?}", KeyCode::new(code));
    if name.starts_with("KEY_") || name.starts_with("BTN_") { name } else { format!("with code {code}") }
}

fn refused(error: &io::Error) -> KeyProblem {
    KeyProblem::Refused(error.to_string())
}

/// Converts a timestamp to a value of CLOCK_MONOTONIC; `evdev` wraps it as a [`SystemTime`].
fn since_epoch(stamp: SystemTime) -> Duration {
    stamp.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
