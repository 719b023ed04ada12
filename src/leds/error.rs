//! Why a lamp cannot be had, each in one sentence that says what to do.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

#[derive(Debug)]
pub struct LedError {
    /// What the profile calls it.
    pub led: String,
    pub problem: LedProblem,
}

#[derive(Debug)]
pub enum LedProblem {
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

impl LedProblem {
    /// Makes of an error what it says about the file at `path`.
    pub(super) fn of(path: &Path, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::PermissionDenied {
            Self::Forbidden(path.to_owned())
        } else {
            Self::Refused(path.to_owned(), error)
        }
    }
}

impl fmt::Display for LedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { led, problem } = self;
        write!(f, "the light {led} ")?;
        match problem {
            LedProblem::NoSpi(path) => write!(
                f,
                "is on {}, which is not there: put `dtparam=spi=on` into config.txt and restart the machine",
                path.display()
            ),
            LedProblem::NoLed { name, names } => {
                write!(f, "is the LED {name:?}, which the kernel does not have; it has {}", NameList(names))
            }
            LedProblem::NoPwm { chip, chips } => write!(
                f,
                "is on the PWM chip {chip:?}, which is not there; there is {} (an overlay such as `dtoverlay=pwm` \
                 makes one)",
                NameList(chips)
            ),
            LedProblem::NoChannel { chip, channel, count } => write!(
                f,
                "is on channel {channel} of {chip}, whose channels are 0 to {}",
                count.saturating_sub(1)
            ),
            LedProblem::Forbidden(path) => {
                write!(f, "needs {}, which may not be written: ", path.display())?;
                let text = path.to_string_lossy();
                if text.contains("spidev") {
                    write!(f, "{}", GroupAdvice("spi"))
                } else if text.contains("pwm") {
                    write!(f, "{}", GroupAdvice("gpio"))
                } else {
                    f.write_str("let a udev rule for the subsystem leds give it to a group of the user that runs mynah")
                }
            }
            LedProblem::Refused(path, error) => {
                write!(f, "needs {}, which the kernel refuses: {error}", path.display())
            }
            LedProblem::Failed(error) => write!(f, "cannot be set: {error}; is it wired as the board says?"),
        }
    }
}

impl Error for LedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            LedProblem::Refused(_, error) | LedProblem::Failed(error) => Some(error),
            LedProblem::NoSpi(_)
            | LedProblem::NoLed { .. }
            | LedProblem::NoPwm { .. }
            | LedProblem::NoChannel { .. }
            | LedProblem::Forbidden(_) => None,
        }
    }
}

/// What there is, in words.
struct NameList<'a>(&'a [String]);

impl fmt::Display for NameList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            some => f.write_str(&some.join(", ")),
        }
    }
}

/// What to do to be allowed.
struct GroupAdvice(&'static str);

impl fmt::Display for GroupAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.0;
        write!(f, "add the user that runs mynah to the group {group} (`sudo usermod -aG {group} USER`)")
    }
}
