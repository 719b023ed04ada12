//! What the owner touches and sees: the terminal the program runs in, and lamps.
//!
//! It reports touches and shows pictures; what either means is not its business. It never blocks
//! and never fails after it is opened: what the owner cannot be shown is left out.

mod keys;
pub mod lamp;
mod line;
mod terminal;
mod tty;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::light::{Facts, Levels};
use crate::profile::Body;

pub use keys::{Button, Keys};
use lamp::{LampError, Lamps, Places};
pub use line::{Colour, Look};

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
    /// What every light is a picture of.
    pub facts: Facts,
    /// How loud it is.
    pub levels: Levels,
}

/// The body: button and light.
pub struct Board {
    /// None once there is nothing more to read.
    input: Option<OwnedFd>,
    keys: Keys,
    lamps: Lamps,
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
    pub fn open(body: &Body, latching: bool) -> Result<Self, BoardError> {
        let input = io::stdin().as_fd().try_clone_to_owned().map_err(BoardError::Terminal)?;
        let output = io::stdout().as_fd().try_clone_to_owned().map_err(BoardError::Terminal)?;
        let look = Look::from_env(|name| std::env::var(name).ok());
        let mut board = Self::on(input, output, look, latching, LiveLine::global())?;
        board.fit(Lamps::open(&body.lights, &Places::default(), &mut |_, _, _| Err(BoardError::NoGpio))?);
        Ok(board)
    }

    /// Has these lamps, and no others, show what the terminal shows.
    pub fn fit(&mut self, lamps: Lamps) {
        self.lamps = lamps;
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
            lamps: Lamps::default(),
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

    /// Shows `view` on every lamp, writing only where what is visible differs, and says when it differs by itself.
    pub fn show(&mut self, view: &View, now: Instant) -> Option<Duration> {
        // Only a terminal has a width to ask for.
        if self.raw.is_some()
            && let Some(width) = tty::width(&self.output)
        {
            self.terminal.set_width(width);
        }
        let lamps = self.lamps.show(&view.facts, now, view.levels);
        [lamps, self.terminal.show(view, now)].into_iter().flatten().min()
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
    /// A lamp cannot be had.
    Lamp(LampError),
    /// Lights on GPIO lines are not wired yet.
    NoGpio,
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lamp(error) => error.fmt(f),
            Self::NoGpio => f.write_str("lights on GPIO lines cannot be driven yet"),
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
            Self::Lamp(error) => error.source(),
            Self::NoGpio => None,
        }
    }
}

impl From<LampError> for BoardError {
    fn from(error: LampError) -> Self {
        Self::Lamp(error)
    }
}
