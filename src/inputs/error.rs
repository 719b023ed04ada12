//! Why the body cannot be opened, each in one sentence that says what is asked for, by whom, and what to do.

use std::error::Error;
use std::path::PathBuf;
use std::{fmt, io};

/// How many examples a sentence gives.
const EXAMPLES: usize = 8;

/// Why the inputs cannot be opened.
#[derive(Debug)]
pub enum InputError {
    /// The descriptors cannot be polled.
    Wait(io::Error),
    Line(LineError),
    Key(KeyError),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Who wants it, e.g. `the button talk`.
    pub user: String,
    /// Which line, e.g. `line GPIO17` or `line 17 of gpiochip0`.
    pub line: String,
    pub problem: LineProblem,
}

/// Why a GPIO line cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineProblem {
    /// There is no chip at all.
    NoGpio,
    /// There is no chip of that name or label.
    NoChip { chips: Vec<String> },
    /// No chip has a line of that name.
    NoLine { name: String, names: Vec<String>, chips: Vec<String> },
    /// The chip has fewer lines.
    NoOffset { count: u32 },
    /// Somebody has it.
    Busy {
        /// What that calls itself.
        consumer: String,
        /// The process, where the kernel tells.
        holder: Option<String>,
    },
    /// The chip may not be opened.
    Forbidden(PathBuf),
    /// The kernel says no.
    Refused(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// Who wants it, e.g. `the button talk`.
    pub user: String,
    /// Which key, e.g. `KEY_MUTE`.
    pub key: String,
    /// Of which input device; none for any.
    pub device: Option<String>,
    pub problem: KeyProblem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    NoInput,
    /// There is no input device of that name.
    NoDevice {
        names: Vec<String>,
    },
    /// The device, or any, does not have the key.
    NoKey,
    /// An input device may not be read.
    Forbidden(PathBuf),
    /// The kernel says no.
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
        write!(f, "{user} is on GPIO {line}, ")?;
        match problem {
            LineProblem::NoGpio => {
                write!(
                    f,
                    "but this machine has no GPIO (no /dev/gpiochip*); name the board it is with --board"
                )
            }
            LineProblem::NoChip { chips } => {
                write!(f, "but there is no such chip, only {}", chips.join(", "))
            }
            LineProblem::NoLine { name, names, chips } => {
                let chips = chips.join(", ");
                match similar(name, names).as_slice() {
                    [] => write!(f, "but no line has that name on {chips}{}", Examples(names)),
                    similar_names => {
                        write!(
                            f,
                            "but no line has that name on {chips}; did you mean {}?",
                            similar_names.join(" or ")
                        )
                    }
                }
            }
            LineProblem::NoOffset { count } => {
                write!(f, "but that chip's lines are 0 to {}", count.saturating_sub(1))
            }
            LineProblem::Busy { consumer, holder: Some(holder) } => {
                write!(f, "which {} has ({holder}); end it first", LineConsumer(consumer))
            }
            LineProblem::Busy { consumer, holder: None } => {
                write!(
                    f,
                    "which {} has; end that program, or take the overlay that claims it out of config.txt",
                    LineConsumer(consumer)
                )
            }
            LineProblem::Forbidden(path) => forbidden(f, path, "opened", "gpio"),
            LineProblem::Refused(error) => write!(f, "which the kernel refuses: {error}"),
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, key, device, problem } = self;
        match device {
            Some(device) => write!(f, "{user} is the key {key} of the input device {device:?}, ")?,
            None => write!(f, "{user} is the key {key}, ")?,
        }
        match (problem, device) {
            (KeyProblem::NoInput, _) => {
                write!(f, "but there is no input device (no /dev/input/event*); is it plugged in?")
            }
            (KeyProblem::NoDevice { names }, _) => {
                write!(f, "but there is none of that name{}; is it plugged in?", Examples(names))
            }
            (KeyProblem::NoKey, Some(_)) => {
                write!(f, "which has no such key; `evtest` shows those that it has")
            }
            (KeyProblem::NoKey, None) => {
                write!(f, "which no input device has; is the one with it plugged in?")
            }
            (KeyProblem::Forbidden(path), _) => forbidden(f, path, "read", "input"),
            (KeyProblem::Refused(error), _) => write!(f, "which cannot be read: {error}"),
        }
    }
}

fn forbidden(f: &mut fmt::Formatter<'_>, path: &std::path::Path, action: &str, group: &str) -> fmt::Result {
    let path = path.display();
    write!(
        f,
        "but {path} may not be {action}: add the user that runs mynah to the group {group} \
         (`sudo usermod -aG {group} USER`, then log in again)"
    )
}

/// Names that differ from `wanted` in spelling only, or have its number.
fn similar<'a>(wanted: &str, names: &'a [String]) -> Vec<&'a str> {
    let spelling =
        |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let digits = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    let number = digits(wanted);
    let same =
        |name: &&String| spelling(name) == spelling(wanted) || (!number.is_empty() && digits(name) == number);
    names.iter().filter(same).take(EXAMPLES).map(String::as_str).collect()
}

/// The first few of some names, or nothing.
struct Examples<'a>(&'a [String]);

impl fmt::Display for Examples<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.0.len() > EXAMPLES { ", …" } else { "" };
        match &self.0[..self.0.len().min(EXAMPLES)] {
            [] => Ok(()),
            some => write!(f, "; there are {}{rest}", some.join(", ")),
        }
    }
}

/// What has a line, by the name it gave the kernel.
struct LineConsumer<'a>(&'a str);

impl fmt::Display for LineConsumer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("something without a name"),
            name => write!(f, "{name:?}"),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(error) => {
                write!(f, "the buttons cannot be waited for ({error}); are too many files open?")
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
