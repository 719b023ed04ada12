//! What the owner touches and sees: the terminal the program runs in, buttons, switches and lamps.
//!
//! It reports touches and shows pictures; what either means is not its business. It never blocks
//! and never fails after it is opened: what the owner cannot be shown is left out, and a button that
//! breaks is reported and left alone.

use std::error::Error;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use crate::config::{ButtonConfig, Peripherals};
use crate::inputs::buttons::Buttons;
use crate::inputs::gpio::chip::{self, GpioOutputs};
use crate::inputs::poll::{InputPoll, InputSource, ReadyInputs};
use crate::inputs::terminal::tty;
use crate::inputs::{
    InputError, InputEvent, KeyParser, SimulatedButtons, SpaceBarMode, StatusLine, TermCaps, Terminal,
};
use crate::leds::{LedError, Leds, OutputLines, SysfsPaths};
use crate::light::{Indication, Levels, LightState};
use crate::model::Time;

/// Why the board cannot be opened.
#[derive(Debug)]
pub enum BoardError {
    Terminal(io::Error),
    Inputs(InputError),
    Leds(LedError),
}

/// The body: buttons and light.
pub struct Board {
    poll: InputPoll,
    terminal_input: Option<TerminalInput>,
    keys: KeyParser,
    buttons: Buttons,
    leds: Leds,
    /// Held as they are until the program ends.
    _held_outputs: Vec<GpioOutputs>,
    output: Arc<OwnedFd>,
    terminal: Terminal<tty::TtyOutput>,
    raw: Option<Arc<tty::RawMode>>,
}

/// Where keys are typed, until there is nothing more to read.
struct TerminalInput {
    input: OwnedFd,
    /// A file: it is readable always and cannot be waited for with the others.
    is_file: bool,
}

impl Board {
    /// Opens the terminal and the body that `body` names. With `latching` it matters how long the button is
    /// down, so a press and its release are told apart as well as a terminal allows.
    ///
    /// # Errors
    /// Returns what could not be opened and why.
    pub fn open(peripherals: &Peripherals, latching: bool) -> Result<Self, BoardError> {
        let input = io::stdin().as_fd().try_clone_to_owned().map_err(BoardError::Terminal)?;
        let output = io::stdout().as_fd().try_clone_to_owned().map_err(BoardError::Terminal)?;
        let caps = TermCaps::from_env(|name| std::env::var(name).ok());
        let mut board = Self::on(input, output, caps, latching, StatusLine::global())?;
        board.open_peripherals(peripherals)?;
        Ok(board)
    }

    /// Has these lamps, and no others, show what the terminal shows.
    pub fn fit(&mut self, leds: Leds) {
        self.leds = leds;
    }

    /// Opens the terminal at `input` and `output`; a look only counts where both are one.
    ///
    /// # Errors
    /// Returns why the terminal could not be set up.
    pub fn on(
        input: OwnedFd,
        output: OwnedFd,
        caps: Option<TermCaps>,
        latching: bool,
        status_line: StatusLine,
    ) -> Result<Self, BoardError> {
        let output = Arc::new(output);
        let foreground = tty::is_foreground(&input);
        let caps = caps.filter(|_| foreground && tty::is_terminal(&input) && tty::is_terminal(&output));
        let raw =
            caps.map(|_| tty::RawMode::enter(&input, &output)).transpose().map_err(BoardError::Terminal)?;
        let poll = InputPoll::new().map_err(InputError::Wait)?;
        let terminal_input = if foreground {
            let is_file = !poll.add(&input, InputSource::Terminal).map_err(InputError::Wait)?;
            Some(TerminalInput { input, is_file })
        } else {
            None
        };
        Ok(Self {
            poll,
            terminal_input,
            keys: KeyParser::new(match (latching, caps) {
                (false, _) => SpaceBarMode::Click,
                (true, None) => SpaceBarMode::Toggle,
                (true, Some(_)) => SpaceBarMode::Hold,
            }),
            buttons: Buttons::default(),
            leds: Leds::default(),
            _held_outputs: Vec::new(),
            terminal: Terminal::new(tty::TtyOutput(Arc::clone(&output)), caps, latching, status_line),
            output,
            raw,
        })
    }

    /// Makes one without a terminal to type on, whose buttons are wired to the returned fingers and which prints to
    /// `output`. Lamps can be [`fit`](Self::fit).
    ///
    /// # Errors
    /// Returns why the terminal could not be set up.
    pub fn simulated(
        buttons: &[ButtonConfig],
        output: OwnedFd,
    ) -> Result<(Self, SimulatedButtons), BoardError> {
        let input = output.try_clone().map_err(BoardError::Terminal)?;
        let mut board = Self::on(input, output, None, false, StatusLine::default())?;
        board.terminal_input = None;
        let (buttons, simulated) = Buttons::simulated(buttons);
        board.buttons = buttons;
        Ok((board, simulated))
    }

    /// Opens what `body` has besides the terminal, once.
    ///
    /// # Errors
    /// Returns what could not be opened and why.
    pub fn open_peripherals(&mut self, peripherals: &Peripherals) -> Result<(), BoardError> {
        let Self { poll, buttons, leds, _held_outputs: held_outputs, .. } = self;
        // First, because what they drive may be what the others need, such as power.
        for line in &peripherals.driven {
            let user = format!("the driven line {}", line.name);
            held_outputs.push(chip::output(&user, &[&line.line], false, &[line.high])?);
        }
        *buttons = Buttons::open(&peripherals.buttons, poll)?;
        *leds = Leds::open::<BoardError>(
            &peripherals.lights,
            &SysfsPaths::default(),
            &mut |name, lines, active_low| {
                Ok(Box::new(chip::output(&format!("the light {name}"), lines, active_low, &[])?))
            },
        )?;
        Ok(())
    }

    /// Gives what to poll for reading, while there is something that can still be touched.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.terminal_input {
            Some(TerminalInput { input, is_file: true }) => Some(input.as_fd()),
            Some(TerminalInput { is_file: false, .. }) => Some(self.poll.as_fd()),
            None => self.buttons.are_any().then(|| self.poll.as_fd()),
        }
    }

    /// Names the time at which [`touches`](Self::touches) has something to report even if nothing can be read.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        [self.keys.deadline(), self.buttons.deadline()].into_iter().flatten().min()
    }

    /// Reports each touch. With `readable`, which [`fd`](Self::fd) must be then, it reads what has come.
    pub fn read_inputs(&mut self, readable: bool, now: Time, mut emit: impl FnMut(InputEvent)) {
        let ReadyInputs { terminal, buttons } =
            if readable { self.poll.readable() } else { ReadyInputs::default() };
        let is_file = self.terminal_input.as_ref().is_some_and(|terminal_input| terminal_input.is_file);
        if terminal || (readable && is_file) {
            self.read_keys(now, &mut emit);
        }
        self.keys.expire(now, &mut emit);
        if buttons || (readable && self.buttons.are_simulated()) {
            self.buttons.read(now, &mut emit);
        }
        self.buttons.expire(&self.poll, now, &mut emit);
    }

    /// Tells whether a switch cuts the microphone off now; none where there is no such switch.
    #[must_use]
    pub fn mute_switch(&self) -> Option<bool> {
        self.buttons.mute_switch()
    }

    fn read_keys(&mut self, now: Time, emit: &mut impl FnMut(InputEvent)) {
        let Some(TerminalInput { input, .. }) = &self.terminal_input else { return };
        let mut bytes = [0; 64];
        match rustix::io::read(input, &mut bytes) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // At its end an input is readable for ever, and so is a terminal that has gone.
            Ok(0) | Err(_) => {
                self.poll.remove(input);
                self.terminal_input = None;
            }
            Ok(count) => self.keys.read(&bytes[..count], now, emit),
        }
    }

    /// Shows `view` on every lamp, writing only where what is visible differs, and says when it differs by itself.
    pub fn show(&mut self, view: &Indication, now: Time) -> Option<Duration> {
        // Only a terminal has a width to ask for.
        if self.raw.is_some()
            && let Some(width) = tty::width(&self.output)
        {
            self.terminal.set_width(width);
        }
        let leds = self.leds.show(&view.facts, now, view.levels);
        [leds, self.terminal.show(view, now)].into_iter().flatten().min()
    }

    /// Shows the picture of `facts` on every light but the terminal.
    pub fn show_leds(&mut self, facts: &LightState, now: Time) {
        self.leds.show(facts, now, Levels::default());
    }

    /// Tells whether there is a light besides the terminal.
    #[must_use]
    pub fn has_leds(&self) -> bool {
        self.leds.are_any()
    }

    /// Prints one line of what `who` said, or of news.
    pub fn print(&mut self, who: &str, text: &str) {
        self.terminal.print_line(who, text);
    }
}

impl OutputLines for GpioOutputs {
    fn set(&mut self, active: &[bool]) -> io::Result<()> {
        self.drive(active)
    }
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
            Self::Inputs(error) => error.fmt(f),
            Self::Leds(error) => error.fmt(f),
        }
    }
}

impl Error for BoardError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Terminal(error) => Some(error),
            Self::Inputs(error) => error.source(),
            Self::Leds(error) => error.source(),
        }
    }
}

impl<E: Into<InputError>> From<E> for BoardError {
    fn from(error: E) -> Self {
        Self::Inputs(error.into())
    }
}

impl From<LedError> for BoardError {
    fn from(error: LedError) -> Self {
        Self::Leds(error)
    }
}
