//! Keys of input devices (`/dev/input/event*`): `gpio-keys`, and the buttons of USB speakerphones.
//!
//! A device is opened once for all its keys. It is grabbed only if it has no other keys: what the board file
//! leaves alone stays for the console and the desktop. One that is unplugged is looked for until it returns.

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
/// Reads in a turn, of 32 events each: a device that is never still must not keep the session.
const READS_MAX: usize = 4;
/// The kernel could not keep all events.
const DROPPED: u16 = SynchronizationCode::SYN_DROPPED.0;

/// An input device with keys that are buttons.
pub(crate) struct Keyboard {
    /// What the board file calls it; none means any that has the keys.
    wanted: Option<String>,
    keys: Vec<WatchedKey>,
    /// None while it is unplugged.
    device: Option<RawDevice>,
}

/// A key that is a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchedKey {
    pub(crate) code: u16,
    /// Which of the buttons it is.
    pub(crate) button: usize,
}

/// What became of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceRead {
    /// Everything was read.
    All,
    /// Events were lost, and made good by asking for the level.
    EventsLost,
    Disconnected,
}

impl Keyboard {
    /// Finds and opens the device for `keys`, the first of which `user` wants.
    pub(crate) fn open(user: &str, wanted: Option<&str>, keys: Vec<WatchedKey>) -> Result<Self, KeyError> {
        let mut keyboard = Self { wanted: wanted.map(str::to_owned), keys, device: None };
        match keyboard.search() {
            Ok(()) => Ok(keyboard),
            Err((key, problem)) => Err(KeyError {
                user: user.to_owned(),
                key: format!("{:?}", KeyCode::new(key)),
                device: keyboard.wanted,
                problem,
            }),
        }
    }

    /// Looks for the device; the error names the key that was missed.
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
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    search.forbidden.get_or_insert(path);
                }
                // It went away just now.
                Err(_) => search.any = true,
            }
        }
        Err((search.missing.unwrap_or(first), search.problem(self.wanted.as_deref())))
    }

    /// Takes `device` if it is the one, and tells whether it is.
    fn try_device(&mut self, mut device: RawDevice, search: &mut DeviceSearch) -> io::Result<bool> {
        search.any = true;
        let name = device.name().unwrap_or_default();
        if self.wanted.as_deref().is_some_and(|wanted| wanted != name) {
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
        let is_ours = |code: &KeyCode| self.keys.iter().any(|key| key.code == code.code());
        if device.supported_keys().is_some_and(|keys| keys.iter().all(|code| is_ours(&code))) {
            // Somebody else may have grabbed it, and then nothing would ever be heard of it.
            device.grab()?;
        }
        log::debug!("the keys of {:?} are buttons", device.name().unwrap_or_default());
        self.device = Some(device);
        Ok(true)
    }

    /// Gives the buttons that its keys are.
    pub(crate) fn buttons(&self) -> impl Iterator<Item = usize> {
        self.keys.iter().map(|key| key.button)
    }

    /// Gives what to call it in a sentence.
    pub(crate) fn name(&self) -> &str {
        let found = self.device.as_ref().and_then(RawDevice::name);
        found.or(self.wanted.as_deref()).unwrap_or("the input device with its keys")
    }

    /// Gives what to wait for, while it is plugged in.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.as_ref().map(AsFd::as_fd)
    }

    /// Lets go of the device.
    pub(crate) fn lose(&mut self) {
        self.device = None;
    }

    /// Reports for each button whether its key is down now.
    pub(crate) fn levels(&self, mut emit: impl FnMut(usize, bool)) -> io::Result<()> {
        let Some(device) = &self.device else { return Ok(()) };
        let state = device.get_key_state()?;
        for key in &self.keys {
            emit(key.button, state.contains(KeyCode::new(key.code)));
        }
        Ok(())
    }

    /// Reports the edges that have come: of which button, whether down, and when.
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
                    // What comes before the level is asked for may be half of the truth.
                    (EventType::KEY, code, level @ (0 | 1)) if !lost => {
                        let at = clock.at(since_epoch(event.timestamp()));
                        for key in keys.iter().filter(|key| key.code == code) {
                            emit(key.button, level == 1, at);
                        }
                    }
                    // A key that is held is repeated by whoever wants it repeated.
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

/// What was seen in looking for a device.
#[derive(Default)]
struct DeviceSearch {
    any: bool,
    /// One had the name.
    named: bool,
    names: Vec<String>,
    missing: Option<u16>,
    forbidden: Option<PathBuf>,
}

impl DeviceSearch {
    fn problem(self, wanted: Option<&str>) -> KeyProblem {
        match self {
            Self { forbidden: Some(path), .. } => KeyProblem::Forbidden(path),
            Self { any: false, .. } => KeyProblem::NoInput,
            Self { named: false, names, .. } if wanted.is_some() => KeyProblem::NoDevice { names },
            Self { .. } => KeyProblem::NoKey,
        }
    }
}

/// Gives the event devices, by number.
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

fn refused(error: &io::Error) -> KeyProblem {
    let grabbed = error.kind() == ErrorKind::ResourceBusy;
    let why = if grabbed { "; another program has grabbed it for itself" } else { "" };
    KeyProblem::Refused(format!("{error}{why}"))
}

/// The stamp as a time since the beginning of its clock, which is CLOCK_MONOTONIC's.
fn since_epoch(stamp: SystemTime) -> Duration {
    stamp.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
