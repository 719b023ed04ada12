//! What the owner touches and sees. So far: the terminal the program runs in.
//!
//! It reports touches and shows pictures; what either means is not its business. It never blocks
//! and never fails after it is opened: what the owner cannot be shown is left out.

mod contact;
mod gesture;
mod keys;
mod line;
mod switch;
mod terminal;
mod tty;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::light::Picture;
use crate::profile::Body;

pub use gesture::{Fault, Gesture};
pub use keys::{Button, Keys};
pub use line::{Colour, Look};
pub use switch::Switch;
pub use terminal::{Console, LiveLine, Terminal, console};

/// What the owner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The talk button goes down.
    Down,
    /// The talk button comes up.
    Up,
    /// The microphone is to be cut off, or no longer.
    Mute,
    /// A switch now cuts the microphone off, or no longer.
    MuteSwitch(bool),
    /// Replies are to be a step louder.
    VolumeUp,
    /// Replies are to be a step quieter.
    VolumeDown,
    /// Holding on for this much longer resets the device.
    ResetNear(Duration),
    /// The reset is off: the button was let go.
    ResetOff,
    /// The device is to be as it was when it was new.
    Reset,
    /// The program is to end.
    Quit,
}

/// What the owner sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The light.
    pub picture: Picture,
    /// The peak of what the microphone hears, 0 to 32768.
    pub microphone: u16,
    /// The peak of what the speaker plays, 0 to 32768.
    pub speaker: u16,
    /// Whether the owner has cut the microphone off, whatever else goes on.
    pub muted: bool,
}

/// The body: button and light.
pub struct Board {
    /// None once there is nothing more to read.
    input: Option<OwnedFd>,
    keys: Keys,
    output: Arc<OwnedFd>,
    terminal: Terminal<tty::Output>,
    raw: Option<Arc<tty::Raw>>,
}

impl Board {
    /// Opens the body that `body` names. With `latching` it matters how long the button is down, so a
    /// press and its release are told apart as well as a terminal allows.
    ///
    /// # Errors
    /// Returns what could not be opened and why.
    pub fn open(_body: &Body, latching: bool) -> Result<Self, BoardError> {
        let input = io::stdin().as_fd().try_clone_to_owned().map_err(BoardError::Terminal)?;
        let output = io::stdout().as_fd().try_clone_to_owned().map_err(BoardError::Terminal)?;
        let look = Look::from_env(|name| std::env::var(name).ok());
        Self::on(input, output, look, latching, LiveLine::global())
    }

    /// Opens the terminal at `input` and `output`; a look only counts where both are one.
    ///
    /// # Errors
    /// Returns why the terminal could not be set up.
    pub fn on(
        input: OwnedFd,
        output: OwnedFd,
        look: Option<Look>,
        latching: bool,
        live: LiveLine,
    ) -> Result<Self, BoardError> {
        let output = Arc::new(output);
        let foreground = tty::is_ours(&input);
        let look = look.filter(|_| foreground && tty::is_terminal(&input) && tty::is_terminal(&output));
        let raw = look.map(|_| tty::Raw::enter(&input, &output)).transpose().map_err(BoardError::Terminal)?;
        Ok(Self {
            input: Some(input).filter(|_| foreground),
            keys: Keys::new(match (latching, look) {
                (false, _) => Button::Click,
                (true, None) => Button::Toggle,
                (true, Some(_)) => Button::Hold,
            }),
            terminal: Terminal::new(tty::Output(Arc::clone(&output)), look, latching, live),
            output,
            raw,
        })
    }

    /// Gives what to poll for reading, while there is something that can still be touched.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.input.as_ref().map(OwnedFd::as_fd)
    }

    /// Names the time at which [`touches`](Self::touches) has something to report even if nothing can be read.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.keys.deadline()
    }

    /// Reports each touch. With `readable`, which [`fd`](Self::fd) must be then, it reads once.
    pub fn touches(&mut self, readable: bool, now: Instant, mut each: impl FnMut(Touch)) {
        if let Some(input) = self.input.as_ref().filter(|_| readable) {
            let mut bytes = [0; 64];
            match rustix::io::read(input, &mut bytes) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                // At its end an input is readable for ever, and so is a terminal that has gone.
                Ok(0) | Err(_) => self.input = None,
                Ok(count) => self.keys.read(&bytes[..count], now, &mut each),
            }
        }
        self.keys.expire(now, each);
    }

    /// Shows `view`; writes only where what is visible differs.
    pub fn show(&mut self, view: &View) {
        // Only a terminal has a width to ask for.
        if self.raw.is_some()
            && let Some(width) = tty::width(&self.output)
        {
            self.terminal.set_width(width);
        }
        self.terminal.show(view);
    }

    /// Prints one line of what `who` said, or of news.
    pub fn say(&mut self, who: &str, text: &str) {
        self.terminal.say(who, text);
    }
}

/// Why the body cannot be opened.
#[derive(Debug)]
pub enum BoardError {
    /// The terminal cannot be set up.
    Terminal(io::Error),
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal(error) => {
                write!(
                    f,
                    "the terminal cannot be set up ({error}); try again with `</dev/null | cat` for plain lines"
                )
            }
        }
    }
}

impl std::error::Error for BoardError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Terminal(error) => Some(error),
        }
    }
}
