//! What goes wrong with a device: what a step recovers from, and what ends the sound.
//!
//! A `Trouble` is expected and is counted; an `AudioError` is said to a person, so each is a sentence
//! that names the device and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What a device may answer instead of moving frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The speaker played all it had, or the microphone's buffer overflowed.
    Xrun,
    /// The device stopped moving; what it held is lost.
    Stalled,
    /// The system slept.
    Suspended,
    /// There is no device any more.
    Gone(Gone),
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
pub struct Gone {
    /// The system's error number.
    pub errno: i32,
}

/// Recoveries in a row that may move no frame before the device counts as gone.
const PATIENCE: u32 = 20;

/// Counts recoveries that led nowhere.
#[derive(Default)]
pub(super) struct Patience {
    spent: u32,
}

impl Patience {
    /// Notes one more recovery.
    pub(super) fn spend(&mut self) -> Result<(), Gone> {
        self.spent += 1;
        if self.spent <= PATIENCE {
            return Ok(());
        }
        self.spent = 0;
        Err(Gone { errno: libc::EIO })
    }

    /// Notes that the device has moved frames.
    pub(super) fn renew(&mut self) {
        self.spent = 0;
    }
}

/// One of the two directions of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Sound in.
    Microphone,
    /// Sound out.
    Speaker,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            End::Microphone => "microphone",
            End::Speaker => "speaker",
        })
    }
}

/// Why there is no sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioError {
    /// The device could not be opened.
    Open {
        /// Which direction.
        end: End,
        /// Its ALSA name.
        device: String,
        /// The system's error number.
        errno: i32,
        /// What alsa-lib said about it, if anything.
        said: String,
    },
    /// The device does not do what is asked of it.
    Unfit {
        /// Which direction.
        end: End,
        /// Its ALSA name.
        device: String,
        /// What was asked for and not granted, and what is offered.
        asked: String,
    },
    /// The device went away and did not come back.
    Gone {
        /// Which direction.
        end: End,
        /// Its ALSA name.
        device: String,
        /// The system's error number.
        errno: i32,
    },
    /// A WAV file cannot serve.
    Tape {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The system refused something every program gets.
    System {
        /// What was refused.
        what: &'static str,
        /// The system's error number.
        errno: i32,
    },
}

impl fmt::Display for AudioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AudioError::Open { end, device, errno, said } => {
                let lister = match end {
                    End::Microphone => "arecord -L",
                    End::Speaker => "aplay -L",
                };
                let said = if said.is_empty() { String::new() } else { format!(" [{said}]") };
                write!(
                    f,
                    "cannot open the {end} {device:?}: {}{said}; choose one that `{lister}` lists, see that no other \
                     program holds it and that this user is in the group audio",
                    system(*errno)
                )
            }
            AudioError::Unfit { end, device, asked } => write!(
                f,
                "the {end} {device:?} does not fit: {asked}; ask for what it offers, or for nothing in particular"
            ),
            AudioError::Gone { end, device, errno } => write!(
                f,
                "the {end} {device:?} is gone ({}) and did not come back; check its cable and power, then start again",
                system(*errno)
            ),
            AudioError::Tape { path, reason } => write!(f, "{}: {reason}", path.display()),
            AudioError::System { what, errno } => {
                write!(f, "the system refused {what}: {}; free resources and start again", system(*errno))
            }
        }
    }
}

impl std::error::Error for AudioError {}

fn system(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}
