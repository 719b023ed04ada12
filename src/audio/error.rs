//! Errors of audio devices: those a step recovers from, and those that end an audio thread.
//!
//! A [`PcmError`] is expected: the step counts it and recovers. An [`AudioError`] is shown to the user, so its text
//! names the device and the remedy.

use std::path::PathBuf;
use std::{fmt, io};

/// Why a device moved no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PcmError {
    /// Playback underrun or capture overrun (EPIPE).
    Xrun,
    /// The device stopped moving frames; the contents of its buffer are lost.
    Stall,
    /// The system was suspended (ESTRPIPE).
    Suspended,
    Lost(DeviceLost),
}

impl From<DeviceLost> for PcmError {
    fn from(lost: DeviceLost) -> PcmError {
        PcmError::Lost(lost)
    }
}

/// How a device recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It is running, or starts once it is filled, with an empty buffer.
    Emptied,
    /// It continues with the contents of its buffer.
    Resumed,
    /// It needs more time; recovery is to be tried again.
    NotYet,
}

/// The loss of a device, which may come back when it is reopened.
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
    /// Returns the message for the user: what happened, what mynah does, and the remedy.
    #[must_use]
    pub fn sentence(self, direction: Direction) -> String {
        let now = match self.errno {
            libc::EBUSY => "mynah retries until it is free",
            libc::ETIMEDOUT | libc::EIO => "mynah keeps reopening it",
            libc::EACCES | libc::EPERM | libc::EINVAL | libc::EMFILE | libc::ENFILE | libc::ENOMEM => {
                "mynah keeps retrying"
            }
            _ => "mynah reopens it when it is back",
        };
        let remedy = match self.errno {
            libc::ETIMEDOUT => {
                "if that does not help, unplug it, plug it in again, and check the kernel log (dmesg)"
            }
            _ => self.remedy(),
        };
        let mut remedy = remedy.chars();
        let capital = remedy.next().map(|first| first.to_ascii_uppercase()).into_iter();
        format!("the {direction} {}; {now}. {}", self.state(), capital.chain(remedy).collect::<String>())
    }

    /// Returns what is the matter, as the end of a clause about the device.
    fn state(self) -> String {
        match self.errno {
            libc::ETIMEDOUT => "stopped moving samples".to_owned(),
            libc::EIO => "fails repeatedly".to_owned(),
            libc::EBUSY => "is in use by another program".to_owned(),
            libc::EACCES | libc::EPERM => format!("may not be opened by this user ({self})"),
            libc::EINVAL => format!("no longer grants the parameters that it had at the start ({self})"),
            libc::EMFILE | libc::ENFILE | libc::ENOMEM => format!("cannot be opened ({self})"),
            _ => format!("is disconnected ({self})"),
        }
    }

    fn remedy(self) -> &'static str {
        match self.errno {
            libc::ETIMEDOUT => "unplug it, plug it in again, and check the kernel log (dmesg)",
            libc::EIO => "check its power and its cable",
            libc::EBUSY => "stop that program",
            libc::EACCES | libc::EPERM => "check the owner and group of its node in /dev/snd",
            libc::EINVAL => "restart mynah, which chooses them again",
            libc::EMFILE | libc::ENFILE | libc::ENOMEM => "close other programs",
            _ => "check its cable and power",
        }
    }
}

/// Consecutive recoveries without a frame moved after which the device counts as lost.
const RECOVERIES_MAX: u32 = 20;

/// Counts consecutive recoveries without a frame moved.
#[derive(Default)]
pub(super) struct RecoveryBudget {
    spent: u32,
}

impl RecoveryBudget {
    /// Records a recovery.
    ///
    /// # Errors
    /// Returns EIO when the budget is used up.
    pub(super) fn spend(&mut self) -> Result<(), DeviceLost> {
        self.spent += 1;
        if self.spent <= RECOVERIES_MAX {
            return Ok(());
        }
        self.spent = 0;
        Err(DeviceLost { errno: libc::EIO })
    }

    /// Records that the device has moved frames.
    pub(super) fn reset(&mut self) {
        self.spent = 0;
    }
}

/// The direction of a stream. It is displayed as the device: "microphone" or "speaker".
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
    /// The program's name, if this user may read it.
    pub program: Option<String>,
    /// The process id.
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

/// Why a device cannot be used or an audio thread ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioError {
    /// The device could not be opened.
    Open {
        direction: Direction,
        /// Its ALSA name.
        device: String,
        errno: i32,
        /// What alsa-lib printed, one message a line; may be empty.
        alsa_message: String,
    },
    /// ALSA's configuration defines no usable device of that name.
    Misconfigured {
        direction: Direction,
        /// Its ALSA name.
        device: String,
        /// What is wrong, with the file and the line, and the remedy.
        reason: String,
    },
    /// Another program has the device open (EBUSY).
    Busy {
        direction: Direction,
        /// Its ALSA name.
        device: String,
        /// The programs that have it open, as far as `/proc` shows.
        holders: Vec<DeviceOwner>,
    },
    /// The device does not exist.
    Missing {
        direction: Direction,
        /// Its ALSA name.
        device: String,
        /// The ALSA names of the existing devices of this direction.
        others: Vec<String>,
        /// What the name stands for, or else what alsa-lib printed first; may be empty.
        alsa_message: String,
    },
    /// This user has no permission to open the device.
    Forbidden {
        direction: Direction,
        /// Its ALSA name.
        device: String,
        /// The user's name, or its numeric id if it has none.
        user: String,
        /// EACCES when the owner and group of the node forbid it, EPERM when a sandbox does.
        errno: i32,
    },
    /// The device does not support the requested parameters.
    Unfit {
        direction: Direction,
        /// Its ALSA name.
        device: String,
        /// What was requested but not granted, and what the device offers.
        asked: String,
    },
    /// The device was disconnected and did not come back in time.
    Lost {
        direction: Direction,
        /// Its ALSA name.
        device: String,
        errno: i32,
    },
    /// A mixer control could not be set.
    Mixer {
        /// The card's ALSA name.
        card: String,
        control: String,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A WAV file cannot be read or written.
    Wav {
        path: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// The system refused a resource that any program normally gets.
    System {
        /// The resource, with its article.
        what: &'static str,
        errno: i32,
    },
}

impl AudioError {
    pub(super) fn system(what: &'static str, error: &io::Error) -> AudioError {
        AudioError::System { what, errno: error.raw_os_error().unwrap_or(libc::EAGAIN) }
    }

    /// Returns the direction whose device cannot be used now but may become usable: it may be plugged in or released.
    #[must_use]
    pub fn missing_device(&self) -> Option<Direction> {
        match self {
            AudioError::Open { direction, .. }
            | AudioError::Busy { direction, .. }
            | AudioError::Missing { direction, .. }
            | AudioError::Forbidden { direction, .. }
            | AudioError::Unfit { direction, .. }
            | AudioError::Lost { direction, .. } => Some(*direction),
            // No plug and no other program changes these.
            AudioError::Misconfigured { .. }
            | AudioError::Mixer { .. }
            | AudioError::Wav { .. }
            | AudioError::System { .. } => None,
        }
    }
}

impl fmt::Display for AudioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AudioError::Open { direction, device, errno, alsa_message } => {
                let (reason, said) = (os_error(*errno), bracketed(alsa_message));
                write!(f, "cannot open the {direction} {device:?}: {reason}{said}; ")?;
                f.write_str(match *errno {
                    libc::ECONNREFUSED | libc::EHOSTDOWN | libc::EHOSTUNREACH => {
                        "start its sound server, or choose a card"
                    }
                    libc::EMFILE | libc::ENFILE | libc::ENOMEM => {
                        "close other programs; or choose another device"
                    }
                    libc::EIO | libc::ETIMEDOUT | libc::EPROTO | libc::EPIPE => {
                        "unplug it, plug it in again and check its cable and power, or choose another device"
                    }
                    libc::ENOSYS | libc::ENOTTY => {
                        "its driver does not support what ALSA needs; choose another device"
                    }
                    _ => "choose a device",
                })?;
                write!(f, " that `{}` lists", list_command(*direction))
            }
            AudioError::Misconfigured { direction, device, reason } => {
                write!(f, "cannot open the {direction} {device:?}: {reason}")
            }
            AudioError::Busy { direction, device, holders } => {
                write!(f, "the {direction} {device:?} is {}", busy_reason(holders))?;
                write!(f, ", or choose another device that `{}` lists", list_command(*direction))
            }
            AudioError::Missing { direction, device, others, alsa_message } => {
                write!(f, "there is no {direction} {device:?}{}; ", bracketed(alsa_message))?;
                if others.is_empty() {
                    return write!(
                        f,
                        "no sound card of this system has a {direction}; plug one in and check that `{}` lists it",
                        list_command(*direction)
                    );
                }
                let others: Vec<_> = others.iter().map(|other| format!("{other:?}")).collect();
                write!(
                    f,
                    "plug it in, or choose an existing one: {}, or another that `{}` lists",
                    others.join(", "),
                    list_command(*direction)
                )
            }
            AudioError::Forbidden { direction, device, user, errno } => {
                write!(
                    f,
                    "user {user} has no permission to open the {direction} {device:?}: {}; ",
                    os_error(*errno)
                )?;
                match *errno {
                    libc::EPERM => f.write_str(
                        "allow sound cards in its sandbox (DeviceAllow=char-alsa rw in the systemd unit, or --device \
                         /dev/snd)",
                    ),
                    _ => write!(
                        f,
                        "add the user to the group audio: run `sudo usermod -aG audio {user}`, then log in again"
                    ),
                }
            }
            AudioError::Unfit { direction, device, asked } => write!(
                f,
                "the {direction} {device:?} does not support the requested parameters: {asked}; request what it offers, or \
                 leave the parameter out"
            ),
            AudioError::Lost { direction, device, errno } => {
                let lost = DeviceLost { errno: *errno };
                write!(
                    f,
                    "the {direction} {device:?} {} and did not come back within unplugged_s; {}, then start mynah again",
                    lost.state(),
                    lost.remedy()
                )
            }
            AudioError::Mixer { card, control, reason } => {
                write!(f, "the mixer control {control:?} of the card {card:?} {reason}")
            }
            AudioError::Wav { path, reason } => write!(f, "{}: {reason}", path.display()),
            AudioError::System { what, errno } => {
                let remedy = match *errno {
                    libc::EPERM | libc::EACCES | libc::ENOSYS => {
                        "allow it in the sandbox that mynah runs in (SystemCallFilter= in the systemd unit)"
                    }
                    libc::EINVAL => "correct the setting",
                    _ => "close other programs",
                };
                write!(f, "the system refused {what}: {}; {remedy}, then start mynah again", os_error(*errno))
            }
        }
    }
}

impl std::error::Error for AudioError {}

/// Returns the command that lists the devices of a direction.
pub(super) fn list_command(direction: Direction) -> &'static str {
    match direction {
        Direction::Capture => "arecord -L",
        Direction::Playback => "aplay -L",
    }
}

fn bracketed(alsa_message: &str) -> String {
    if alsa_message.is_empty() { String::new() } else { format!(" [{alsa_message}]") }
}

/// Sound servers: the prefix of the program's name, and the command that stops it for this login session.
const SOUND_SERVERS: [(&str, &str); 3] = [
    ("pipewire", "systemctl --user stop pipewire.socket pipewire-pulse.socket pipewire"),
    ("wireplumber", "systemctl --user stop pipewire.socket pipewire-pulse.socket pipewire wireplumber"),
    ("pulseaudio", "systemctl --user stop pulseaudio.socket pulseaudio"),
];

/// Returns which programs have a device open and how to stop them.
fn busy_reason(holders: &[DeviceOwner]) -> String {
    if holders.is_empty() {
        return "in use by an unknown program; stop other programs that use sound".to_owned();
    }
    let named: Vec<_> = holders.iter().map(DeviceOwner::to_string).collect();
    let named = named.join(" and ");
    let is_server = |(name, _): &&(&str, &str)| {
        holders.iter().any(|holder| holder.program.as_ref().is_some_and(|program| program.starts_with(name)))
    };
    match SOUND_SERVERS.iter().find(is_server) {
        None if holders.iter().any(|holder| holder.program.as_deref() == Some("mynah")) => {
            format!(
                "in use by {named}, which runs already; stop it (`sudo systemctl stop mynah`, or q in its terminal)"
            )
        }
        None => format!("in use by {named}; stop it"),
        Some((_, command)) => format!(
            "in use by {named}, a sound server; stop it (`{command}`), use it (the device \"default\")"
        ),
    }
}

fn os_error(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}
