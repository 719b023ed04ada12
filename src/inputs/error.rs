//! Errors of opening inputs. Each message names the button, the line or key, the problem and the remedy.

use std::error::Error;
use std::path::PathBuf;
use std::{fmt, io};

/// The largest number of names listed in a message.
const EXAMPLES: usize = 8;

/// Why the inputs cannot be opened.
#[derive(Debug)]
pub enum InputError {
    /// The epoll descriptor cannot be created or extended.
    Wait(io::Error),
    Line(LineError),
    Key(KeyError),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// What the line is for, e.g. `the button talk`.
    pub user: String,
    /// The line, e.g. `line GPIO17` or `line 17 of gpiochip0`.
    pub line: String,
    pub problem: LineProblem,
}

/// Why a GPIO line cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineProblem {
    /// The machine has no GPIO chip.
    NoGpio,
    /// No chip has that name or label.
    NoChip { chips: Vec<String> },
    /// No chip has a line of that name.
    NoLine { name: String, names: Vec<String>, chips: Vec<String> },
    /// The chip has fewer lines.
    NoOffset { count: u32 },
    /// The line is in use.
    Busy {
        /// The consumer name that its user gave the kernel; may be empty.
        consumer: String,
        /// The program and process, if `/proc` shows it.
        owner: Option<String>,
    },
    /// No permission to open the chip.
    Forbidden(PathBuf),
    /// Any other error of the kernel.
    Refused(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// What the key is for, e.g. `the button talk`.
    pub user: String,
    /// The key, e.g. `KEY_MUTE`.
    pub key: String,
    /// The name of the input device; `None` for any.
    pub device: Option<String>,
    pub problem: KeyProblem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// The machine has no input device.
    NoInput,
    /// No input device has that name.
    NoDevice { names: Vec<String> },
    /// The device does not have the key, or no device has it.
    NoKey,
    /// No permission to read an input device.
    Forbidden(PathBuf),
    /// Any other error of the kernel.
    Refused(String),
}

impl LineError {
    pub(crate) fn new(user: &str, line: &str, problem: LineProblem) -> Self {
        Self { user: user.to_owned(), line: line.to_owned(), problem }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, line, problem } = self;
        write!(f, "cannot use GPIO {line} for {user}: ")?;
        match problem {
            LineProblem::NoGpio => {
                write!(f, "this machine has no GPIO chip (no /dev/gpiochip*); choose its board with --board")
            }
            LineProblem::NoChip { chips } => {
                write!(f, "no such chip; choose one of {}", chips.join(", "))
            }
            LineProblem::NoLine { name, names, chips } => {
                let chips = chips.join(", ");
                match similar(name, names).as_slice() {
                    [] => write!(f, "no line has that name on {chips}{}", Examples(names)),
                    similar_names => {
                        write!(
                            f,
                            "no line has that name on {chips}; did you mean {}?",
                            similar_names.join(" or ")
                        )
                    }
                }
            }
            LineProblem::NoOffset { count } => {
                write!(f, "the chip has lines 0 to {}; choose one of them", count.saturating_sub(1))
            }
            LineProblem::Busy { consumer, owner: Some(holder) } => {
                write!(f, "in use by {} ({holder}); stop that program", LineConsumer(consumer))
            }
            LineProblem::Busy { consumer, owner: None } => {
                write!(
                    f,
                    "in use by {}; stop that program, or remove the overlay that claims the line from config.txt",
                    LineConsumer(consumer)
                )
            }
            LineProblem::Forbidden(path) => forbidden(f, path, "open", "gpio"),
            LineProblem::Refused(error) => {
                write!(f, "the kernel refused the request: {error}; {}", LINE_REMEDIES.of(error))
            }
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, key, device, problem } = self;
        match device {
            Some(device) => {
                write!(f, "cannot use the key {key} of the input device {device:?} for {user}: ")?
            }
            None => write!(f, "cannot use the key {key} for {user}: ")?,
        }
        match (problem, device) {
            (KeyProblem::NoInput, _) => {
                write!(f, "there is no input device (no /dev/input/event*); plug it in")
            }
            (KeyProblem::NoDevice { names }, _) => {
                write!(f, "no such device{}; plug it in or correct its name", Examples(names))
            }
            (KeyProblem::NoKey, Some(_)) => {
                write!(f, "the device has no such key; `evtest` lists its keys")
            }
            (KeyProblem::NoKey, None) => {
                write!(f, "no input device has this key; plug in the one that has it")
            }
            (KeyProblem::Forbidden(path), _) => {
                forbidden(f, path, "read", "input")?;
                f.write_str("; the packaged service reads no keyboard: see its README for a udev rule that permits one")
            }
            (KeyProblem::Refused(error), _) => {
                write!(f, "cannot read the device: {error}; {}", KEY_REMEDIES.of(error))
            }
        }
    }
}

/// What the user can do about an error of the kernel.
struct Remedies {
    /// For EPERM: this user may open the device, but not in this sandbox.
    denied: &'static str,
    /// For EBUSY.
    busy: &'static str,
    /// For EINVAL, ENOTTY, ENOSYS and ENOTSUP.
    unsupported: &'static str,
}

const LINE_REMEDIES: Remedies = Remedies {
    denied: "allow it in the sandbox (DeviceAllow=char-gpiochip rw in the systemd unit)",
    busy: "remove the overlay that claims the line from config.txt",
    unsupported: "the chip may lack this bias, debounce time or edge detection: try bias = \"as-is\" and debounce_ms = 0, \
                  and a kernel from 5.10 on (`uname -r`)",
};

const KEY_REMEDIES: Remedies = Remedies {
    denied: "allow it in the sandbox (DeviceAllow=char-input rw in the systemd unit)",
    busy: "another program has grabbed it: stop that program",
    unsupported: "choose another device that `evtest` lists",
};

impl Remedies {
    /// Returns the remedy for an error as its text describes it: `Invalid argument (os error 22)`.
    fn of(&self, error: &str) -> &'static str {
        use rustix::io::Errno;
        let number =
            error.rsplit_once("(os error ").and_then(|(_, number)| number.split(')').next()?.parse().ok());
        match number.map(Errno::from_raw_os_error) {
            Some(Errno::PERM | Errno::ACCESS) => self.denied,
            Some(Errno::BUSY) => self.busy,
            Some(Errno::INVAL | Errno::NOTTY | Errno::NOSYS | Errno::OPNOTSUPP) => self.unsupported,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => OPEN_FILES,
            Some(Errno::NODEV | Errno::NOENT | Errno::NXIO) => {
                "it was removed meanwhile: check that it is plugged in"
            }
            Some(_) | None => "see `dmesg` for the driver's messages",
        }
    }
}

const OPEN_FILES: &str = "close other programs, or raise the limit of open files (`ulimit -n`)";

fn forbidden(f: &mut fmt::Formatter<'_>, path: &std::path::Path, action: &str, group: &str) -> fmt::Result {
    let path = path.display();
    write!(
        f,
        "no permission to {action} {path}; add the user that runs mynah to the group {group} \
         (`sudo usermod -aG {group} USER`, then log in again)"
    )
}

/// Returns a name without what different kernels spell differently: case and punctuation.
pub(super) fn spelling(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

/// Returns the names that differ from `wanted` only in case or punctuation, or contain the same number.
fn similar<'a>(wanted: &str, names: &'a [String]) -> Vec<&'a str> {
    let digits = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    let number = digits(wanted);
    let same =
        |name: &&String| spelling(name) == spelling(wanted) || (!number.is_empty() && digits(name) == number);
    names.iter().filter(same).take(EXAMPLES).map(String::as_str).collect()
}

/// Lists the first few names; nothing if there are none.
struct Examples<'a>(&'a [String]);

impl fmt::Display for Examples<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.0.len() > EXAMPLES { ", …" } else { "" };
        match &self.0[..self.0.len().min(EXAMPLES)] {
            [] => Ok(()),
            some => write!(f, "; available: {}{rest}", some.join(", ")),
        }
    }
}

/// The consumer of a line, by the name it gave the kernel.
struct LineConsumer<'a>(&'a str);

impl fmt::Display for LineConsumer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("an unnamed consumer"),
            name => write!(f, "{name:?}"),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(error) => {
                write!(f, "cannot poll the buttons: {error}; {}", KEY_REMEDIES.of(&error.to_string()))
            }
            Self::Line(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl Error for LineError {}

impl Error for KeyError {}

impl Error for InputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Wait(error) => Some(error),
            Self::Line(error) => error.source(),
            Self::Key(error) => error.source(),
        }
    }
}

impl From<LineError> for InputError {
    fn from(error: LineError) -> Self {
        Self::Line(error)
    }
}

impl From<KeyError> for InputError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}
