//! What goes wrong with a device: what a step recovers from, and what ends the sound.
//!
//! A `Trouble` is expected and is counted; an `AudioError` is said to a person, so each is a sentence
//! that names the device and what to do.

use std::path::PathBuf;
use std::{fmt, io};

/// What a device may answer instead of moving frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PcmError {
    /// The speaker played all it had, or the microphone's buffer overflowed.
    Xrun,
    /// The device stopped moving; what it held is lost.
    Stall,
    /// The system slept.
    Suspended,
    Lost(DeviceLost),
}

/// How a device came out of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It runs, or will once it is filled, and holds nothing.
    Emptied,
    /// It goes on where it stood.
    Resumed,
    /// It needs more time; to be tried again.
    NotYet,
}

/// The end of a device, which may come back if it is opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLost {
    pub errno: i32,
}

impl fmt::Display for DeviceLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        os_error(self.errno).fmt(f)
    }
}

impl DeviceLost {
    /// Says what has happened to the device, what mynah does about it, and what its owner can do.
    #[must_use]
    pub fn sentence(self, end: Direction) -> String {
        match (self.errno, end) {
            (libc::ETIMEDOUT, Direction::Capture) => {
                "the microphone has stopped delivering; it is opened again until it does: if that does not help, unplug \
                 it, plug it in, and see the kernel's log"
                    .to_owned()
            }
            (libc::ETIMEDOUT, Direction::Playback) => {
                "the speaker has stopped playing; it is opened again until it does: if that does not help, unplug it, \
                 plug it in, and see the kernel's log"
                    .to_owned()
            }
            (libc::EIO, _) => format!(
                "the {end} fails again and again; it is opened again until it works: see that its power and its cable \
                 are good"
            ),
            (libc::EBUSY, _) => format!(
                "the {end} is held by another program; it is tried again until it is free: end that program"
            ),
            (libc::EACCES | libc::EPERM, _) => format!(
                "the {end} may not be opened any more ({self}); it is tried again until it may: see who owns its node \
                 in /dev/snd"
            ),
            _ => format!(
                "the {end} is gone ({self}); it is taken up again when it is back: see that its cable and power are good"
            ),
        }
    }
}

/// Recoveries in a row that may move no frame before the device counts as gone.
const RECOVERIES_MAX: u32 = 20;

/// Counts recoveries that led nowhere.
#[derive(Default)]
pub(super) struct RecoveryBudget {
    spent: u32,
}

impl RecoveryBudget {
    /// Notes one more recovery.
    pub(super) fn spend(&mut self) -> Result<(), DeviceLost> {
        self.spent += 1;
        if self.spent <= RECOVERIES_MAX {
            return Ok(());
        }
        self.spent = 0;
        Err(DeviceLost { errno: libc::EIO })
    }

    /// Notes that the device has moved frames.
    pub(super) fn reset(&mut self) {
        self.spent = 0;
    }
}

/// One of the two directions of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Capture,
    Playback,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Capture => "microphone",
            Direction::Playback => "speaker",
        })
    }
}

/// A program that has a device open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceOwner {
    /// The program's name, where this user may know it.
    pub program: Option<String>,
    /// Its process number.
    pub process: u32,
}

impl fmt::Display for DeviceOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Some(program) => write!(f, "{program} (process {})", self.process),
            None => write!(f, "process {}", self.process),
        }
    }
}

/// Why there is no sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioError {
    /// The device could not be opened.
    Open {
        end: Direction,
        /// Its ALSA name.
        device: String,
        errno: i32,
        /// What alsa-lib said about it, if anything.
        said: String,
    },
    /// Another program has the device.
    Busy {
        end: Direction,
        /// Its ALSA name.
        device: String,
        /// The programs, as far as the system tells.
        holders: Vec<DeviceOwner>,
    },
    /// There is no such device.
    Missing {
        end: Direction,
        /// Its ALSA name.
        device: String,
        /// The devices of this direction that there are, by name.
        others: Vec<String>,
        /// What alsa-lib said about it, if anything.
        said: String,
    },
    /// This user may not open the device.
    Forbidden {
        end: Direction,
        /// Its ALSA name.
        device: String,
        /// The user's name, or the number where it has none.
        user: String,
        /// The system's error number: EACCES where the node's owner and group forbid it, EPERM where a sandbox does.
        errno: i32,
    },
    /// The device does not do what is asked of it.
    Unfit {
        end: Direction,
        /// Its ALSA name.
        device: String,
        /// What was asked for and not granted, and what is offered.
        asked: String,
    },
    /// The device went away and did not come back.
    Lost {
        end: Direction,
        /// Its ALSA name.
        device: String,
        errno: i32,
    },
    /// A card's mixer cannot be set as it is to be.
    Mixer {
        /// The card's ALSA name.
        card: String,
        control: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    Wav {
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The system refused something every program gets.
    System {
        /// What was refused.
        what: &'static str,
        errno: i32,
    },
}

impl AudioError {
    pub(super) fn system(what: &'static str, error: &io::Error) -> AudioError {
        AudioError::System { what, errno: error.raw_os_error().unwrap_or(libc::EAGAIN) }
    }

    /// Names the end whose device is not to be had now, which may mend itself: it is plugged in, or let go.
    #[must_use]
    pub fn missing_device(&self) -> Option<Direction> {
        match self {
            AudioError::Open { end, .. }
            | AudioError::Busy { end, .. }
            | AudioError::Missing { end, .. }
            | AudioError::Forbidden { end, .. }
            | AudioError::Unfit { end, .. }
            | AudioError::Lost { end, .. } => Some(*end),
            AudioError::Mixer { .. } | AudioError::Wav { .. } | AudioError::System { .. } => None,
        }
    }
}

impl fmt::Display for AudioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AudioError::Open { end, device, errno, said } => {
                let remedy = match *errno {
                    libc::ECONNREFUSED => {
                        "start the sound server behind it, or choose a card itself from those that"
                    }
                    _ => "choose one of those that",
                };
                let (reason, list_command) = (os_error(*errno), list_command(*end));
                write!(
                    f,
                    "cannot open the {end} {device:?}: {reason}{}; {remedy} `{list_command}` lists",
                    bracketed(said)
                )
            }
            AudioError::Busy { end, device, holders } => {
                write!(f, "the {end} {device:?} is {}", busy_reason(holders))?;
                write!(f, ", or choose another of those that `{}` lists", list_command(*end))
            }
            AudioError::Missing { end, device, others, said } => {
                write!(f, "there is no {end} {device:?}{}; ", bracketed(said))?;
                if others.is_empty() {
                    return write!(
                        f,
                        "no sound card here has a {end}: plug one in, and see that `{}` lists it",
                        list_command(*end)
                    );
                }
                let others: Vec<_> = others.iter().map(|other| format!("{other:?}")).collect();
                write!(
                    f,
                    "plug it in, or choose one that is there: {}, or what else `{}` lists",
                    others.join(", "),
                    list_command(*end)
                )
            }
            AudioError::Forbidden { end, device, user, errno } => {
                write!(f, "the user {user} may not open the {end} {device:?}: {}; ", os_error(*errno))?;
                match *errno {
                    libc::EPERM => f.write_str(
                        "let its sandbox use sound cards (DeviceAllow=char-alsa rw in the systemd unit, or --device /dev/snd)",
                    ),
                    _ => write!(
                        f,
                        "sound cards belong to the group audio: run `sudo usermod -aG audio {user}`, then log in again"
                    ),
                }
            }
            AudioError::Unfit { end, device, asked } => write!(
                f,
                "the {end} {device:?} does not fit: {asked}; ask for what it offers, or for nothing in particular"
            ),
            AudioError::Lost { end, device, errno } => write!(
                f,
                "the {end} {device:?} is gone ({}) and did not come back in time; check its cable and power, then \
                 start again",
                os_error(*errno)
            ),
            AudioError::Mixer { card, control, reason } => {
                write!(f, "the control {control:?} of the card {card:?} {reason}")
            }
            AudioError::Wav { path, reason } => write!(f, "{}: {reason}", path.display()),
            AudioError::System { what, errno } => {
                write!(f, "the system refused {what}: {}; free resources and start again", os_error(*errno))
            }
        }
    }
}

impl std::error::Error for AudioError {}

fn list_command(direction: Direction) -> &'static str {
    match direction {
        Direction::Capture => "arecord -L",
        Direction::Playback => "aplay -L",
    }
}

fn bracketed(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" [{said}]") }
}

/// The sound servers, by the beginning of their programs' names, and what ends them for this login.
const SOUND_SERVERS: [(&str, &str); 3] = [
    ("pipewire", "systemctl --user stop pipewire.socket pipewire-pulse.socket pipewire"),
    ("wireplumber", "systemctl --user stop pipewire.socket pipewire-pulse.socket pipewire wireplumber"),
    ("pulseaudio", "systemctl --user stop pulseaudio.socket pulseaudio"),
];

/// Says who holds a device and how to end that.
fn busy_reason(holders: &[DeviceOwner]) -> String {
    if holders.is_empty() {
        return "busy, and the system does not say with what; end what else uses sound".to_owned();
    }
    let named: Vec<_> = holders.iter().map(DeviceOwner::to_string).collect();
    let named = named.join(" and ");
    let is_server = |(name, _): &&(&str, &str)| {
        holders.iter().any(|holder| holder.program.as_ref().is_some_and(|program| program.starts_with(name)))
    };
    match SOUND_SERVERS.iter().find(is_server) {
        None => format!("held by {named}; stop it"),
        Some((_, command)) => format!(
            "held by {named}; it is a sound server: stop it (`{command}`), go through it (the device \"default\")"
        ),
    }
}

fn os_error(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}
