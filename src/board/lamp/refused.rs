//! Why a lamp cannot be had, each in one sentence that says what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct LampError {
    /// What the profile calls it.
    pub lamp: String,
    pub trouble: LampTrouble,
}

#[derive(Debug)]
pub enum LampTrouble {
    NoSpi(PathBuf),
    /// The kernel has no LED of that name.
    NoLed {
        name: String,
        names: Vec<String>,
    },
    NoPwm {
        chip: String,
        chips: Vec<String>,
    },
    /// The PWM chip has fewer channels.
    NoChannel {
        chip: String,
        channel: u32,
        count: u32,
    },
    /// A file may not be opened.
    Forbidden(PathBuf),
    /// The kernel says no.
    Refused(PathBuf, io::Error),
    /// It was opened, and then could not be set.
    Failed(io::Error),
}

impl LampTrouble {
    /// Makes of an error what it says about the file at `path`.
    pub(super) fn of(path: &Path, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::PermissionDenied {
            Self::Forbidden(path.to_owned())
        } else {
            Self::Refused(path.to_owned(), error)
        }
    }
}

impl fmt::Display for LampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lamp, trouble } = self;
        write!(f, "the light {lamp} ")?;
        match trouble {
            LampTrouble::NoSpi(path) => write!(
                f,
                "is on {}, which is not there: put `dtparam=spi=on` into config.txt and restart the machine",
                path.display()
            ),
            LampTrouble::NoLed { name, names } => {
                write!(f, "is the LED {name:?}, which the kernel does not have; it has {}", List(names))
            }
            LampTrouble::NoPwm { chip, chips } => write!(
                f,
                "is on the PWM chip {chip:?}, which is not there; there is {} (an overlay such as `dtoverlay=pwm` \
                 makes one)",
                List(chips)
            ),
            LampTrouble::NoChannel { chip, channel, count } => write!(
                f,
                "is on channel {channel} of {chip}, whose channels are 0 to {}",
                count.saturating_sub(1)
            ),
            LampTrouble::Forbidden(path) => {
                write!(f, "needs {}, which may not be written: ", path.display())?;
                let text = path.to_string_lossy();
                if text.contains("spidev") {
                    write!(f, "{}", Group("spi"))
                } else if text.contains("pwm") {
                    write!(f, "{}", Group("gpio"))
                } else {
                    f.write_str("let a udev rule for the subsystem leds give it to a group of the user that runs mynah")
                }
            }
            LampTrouble::Refused(path, error) => {
                write!(f, "needs {}, which the kernel refuses: {error}", path.display())
            }
            LampTrouble::Failed(error) => write!(f, "cannot be set: {error}; is it wired as the board says?"),
        }
    }
}

impl Error for LampError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.trouble {
            LampTrouble::Refused(_, error) | LampTrouble::Failed(error) => Some(error),
            LampTrouble::NoSpi(_)
            | LampTrouble::NoLed { .. }
            | LampTrouble::NoPwm { .. }
            | LampTrouble::NoChannel { .. }
            | LampTrouble::Forbidden(_) => None,
        }
    }
}

/// What there is, in words.
struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            some => f.write_str(&some.join(", ")),
        }
    }
}

/// What to do to be allowed.
struct Group(&'static str);

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.0;
        write!(f, "add the user that runs mynah to the group {group} (`sudo usermod -aG {group} USER`)")
    }
}
