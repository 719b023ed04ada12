//! Errors of opening LEDs. Each message names the light, the problem and the remedy.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use rustix::io::Errno;

#[derive(Debug)]
pub struct LedError {
    /// The light's name in the board file.
    pub led: String,
    pub problem: LedProblem,
}

#[derive(Debug)]
pub enum LedProblem {
    /// The spidev node does not exist.
    NoSpi { spi: PathBuf, buses: Vec<String> },
    /// The kernel has no LED of that name.
    NoLed { name: String, names: Vec<String> },
    /// There is no PWM chip of that name.
    NoPwm { chip: String, chips: Vec<String> },
    /// The PWM chip has fewer channels.
    NoChannel { chip: String, channel: u32, count: u32 },
    /// No permission to open a file.
    Forbidden(PathBuf),
    /// Any other error of the kernel.
    Refused(PathBuf, io::Error),
    /// Opened, but the first write failed.
    Failed(io::Error),
}

impl LedProblem {
    /// Creates the problem for an error of the file at `path`.
    pub(super) fn of(path: &Path, error: io::Error) -> Self {
        // A sandbox refuses with EPERM, whatever the groups of the user.
        if error.raw_os_error() == Some(Errno::ACCESS.raw_os_error()) {
            Self::Forbidden(path.to_owned())
        } else {
            Self::Refused(path.to_owned(), error)
        }
    }
}

impl fmt::Display for LedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { led, problem } = self;
        write!(f, "cannot use the light {led}: ")?;
        match problem {
            LedProblem::NoSpi { spi, buses } if buses.is_empty() => write!(
                f,
                "{} does not exist; add `dtparam=spi=on` to config.txt and restart the machine",
                spi.display()
            ),
            LedProblem::NoSpi { spi, buses } => write!(
                f,
                "{} does not exist; set spi to one that does ({}), or enable it with an overlay in config.txt",
                spi.display(),
                buses.join(", ")
            ),
            LedProblem::NoLed { name, names } => {
                write!(f, "the kernel has no LED {name:?}; available: {}", NameList(names))
            }
            LedProblem::NoPwm { chip, chips } => write!(
                f,
                "there is no PWM chip {chip:?}; available: {}; an overlay such as `dtoverlay=pwm` creates one",
                NameList(chips)
            ),
            LedProblem::NoChannel { chip, channel, count } => write!(
                f,
                "the PWM chip {chip} has no channel {channel}; its channels are 0 to {}",
                count.saturating_sub(1)
            ),
            LedProblem::Forbidden(path) => {
                write!(f, "no permission to write {}; ", path.display())?;
                let text = path.to_string_lossy();
                if text.contains("spidev") {
                    write!(f, "{}", GroupAdvice("spi"))
                } else {
                    let subsystem = if text.contains("pwm") { "pwm" } else { "leds" };
                    write!(
                        f,
                        "add a udev rule for the subsystem {subsystem} that gives it to a group of the user that runs mynah"
                    )
                }
            }
            LedProblem::Refused(path, error) => {
                write!(f, "the kernel refused {}: {error}; {}", path.display(), remedy(error))
            }
            LedProblem::Failed(error) => {
                write!(f, "setting it failed: {error}; {}", remedy(error))
            }
        }
    }
}

/// Returns what the user can do about an error of the kernel.
fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::PERM) => "allow it in the sandbox (DeviceAllow= in the systemd unit)",
        Some(Errno::ROFS) => {
            "allow writing to it in the sandbox (ProtectKernelTunables=no in the systemd unit)"
        }
        Some(Errno::BUSY) => "another program or driver uses it: stop that one",
        Some(Errno::NODEV | Errno::NOENT | Errno::NXIO) => {
            "its driver is not there: check the overlay in config.txt, and `dmesg`"
        }
        Some(Errno::NOTTY) => "it is a file of another kind: correct its name in the board file",
        Some(Errno::INVAL | Errno::RANGE) => {
            "it does not take such a value: check period_ns, speed_hz and channels in the board file"
        }
        Some(Errno::MSGSIZE) => {
            "the chain is too long for one transfer: set fewer pixels, or spidev.bufsiz=65536 in cmdline.txt"
        }
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => "close other programs",
        Some(_) => "check that it is wired as the board file says, and see `dmesg`",
        None => "its driver is of another kind: choose another kind of light in the board file",
    }
}

impl Error for LedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            LedProblem::Refused(_, error) | LedProblem::Failed(error) => Some(error),
            LedProblem::NoSpi { .. }
            | LedProblem::NoLed { .. }
            | LedProblem::NoPwm { .. }
            | LedProblem::NoChannel { .. }
            | LedProblem::Forbidden(_) => None,
        }
    }
}

/// Lists names, or `none`.
struct NameList<'a>(&'a [String]);

impl fmt::Display for NameList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            some => f.write_str(&some.join(", ")),
        }
    }
}

/// Advice to join a group.
struct GroupAdvice(&'static str);

impl fmt::Display for GroupAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.0;
        write!(f, "add the user that runs mynah to the group {group} (`sudo usermod -aG {group} USER`)")
    }
}
