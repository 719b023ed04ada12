//! The board: the terminal, buttons, mute switches and LEDs as one object.
//!
//! It emits input events and shows indications; it decides neither. It never blocks and never fails after it
//! is opened: output that cannot be written is skipped, and a faulty button is logged and ignored.

use std::error::Error;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use crate::config::{ButtonAction, ButtonConfig, ButtonKind, Peripherals};
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

/// Who speaks in a line that is no speaker's: a message to the user.
pub const NOTICE: &str = "notice";
/// As [`NOTICE`]: the delays of a turn.
pub const TIMINGS: &str = "time";

/// Why the board cannot be opened.
#[derive(Debug)]
pub enum BoardError {
    Terminal(io::Error),
    Inputs(InputError),
    Leds(LedError),
}

/// The terminal and the peripherals of a board.
pub struct Board {
    poll: InputPoll,
    terminal_input: Option<TerminalInput>,
    keys: KeyParser,
    buttons: Buttons,
    leds: Leds,
    /// Output lines that keep their level until the program ends.
    _held_outputs: Vec<GpioOutputs>,
    output: Arc<OwnedFd>,
    terminal: Terminal<tty::TtyOutput>,
    raw: Option<Arc<tty::RawMode>>,
    /// Readable when the terminal has another size.
    resizes: Option<UnixStream>,
    /// The terminal has another size than at the last drawing.
    resized: bool,
    printed: PrintedLines,
    /// Whether mute and volume outlive a restart.
    remembers: bool,
}

/// Which lines are printed, besides messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintedLines {
    /// The words of both sides, as [`WordGate`](crate::config::WordGate) has decided.
    pub words: bool,
    /// The delays of every turn.
    pub timings: bool,
}

/// The source of keys until its end of file.
struct TerminalInput {
    input: OwnedFd,
    /// A regular file: it is always readable and epoll does not accept it.
    is_file: bool,
}

impl Board {
    /// Opens the terminal and `peripherals`. With `latching` the space bar distinguishes a press from its
    /// release, as far as a terminal allows; otherwise it emits both at once.
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

    /// Returns whether a press can ever be made: with a button of `peripherals`, or with the keys of the terminal.
    #[must_use]
    pub fn can_press(&self, peripherals: &Peripherals) -> bool {
        let talks = |button: &ButtonConfig| match &button.kind {
            ButtonKind::Push(bindings) => bindings.press == Some(ButtonAction::Talk),
            ButtonKind::MuteSwitch => false,
        };
        let has_keys = self.terminal_input.as_ref().is_some_and(|keys| !tty::is_null(&keys.input));
        has_keys || peripherals.buttons.iter().any(talks)
    }

    /// Returns whether an LED or the status line of a terminal shows when the microphone is live.
    #[must_use]
    pub fn shows_microphone(&self) -> bool {
        self.has_leds() || self.raw.is_some()
    }

    /// Returns whether standard output is a terminal.
    #[must_use]
    pub fn prints_to_terminal(&self) -> bool {
        tty::is_terminal(&self.output)
    }

    /// Sets which lines are printed; by default, all.
    pub fn print_only(&mut self, printed: PrintedLines) {
        self.printed = printed;
    }

    /// Sets whether mute and volume outlive a restart, and the volume to show, in percent.
    pub fn set_remembered(&mut self, remembers: bool, volume: u8) {
        self.remembers = remembers;
        self.set_volume(volume);
    }

    /// Sets the volume to show, in percent.
    pub fn set_volume(&mut self, percent: u8) {
        self.terminal.set_volume(percent);
    }

    /// Replaces the LEDs.
    pub fn set_leds(&mut self, leds: Leds) {
        self.leds = leds;
    }

    /// Opens the terminal at `input` and `output`. Unless both are a terminal in the foreground, `caps` is
    /// ignored and plain lines are written.
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
        let resizes = raw.as_ref().map(|_| tty::resizes()).transpose().map_err(BoardError::Terminal)?;
        if let Some(resizes) = &resizes {
            poll.add(resizes, InputSource::Resize).map_err(InputError::Wait)?;
        }
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
            resizes,
            resized: false,
            printed: PrintedLines { words: true, timings: true },
            remembers: false,
        })
    }

    /// Creates a board without keys that prints to `output`, with buttons that are pressed through the
    /// returned [`SimulatedButtons`]. Set its LEDs with [`set_leds`](Self::set_leds).
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

    /// Opens buttons, output lines and LEDs. To be called once.
    ///
    /// # Errors
    /// Returns what could not be opened and why.
    pub fn open_peripherals(&mut self, peripherals: &Peripherals) -> Result<(), BoardError> {
        let Self { poll, buttons, leds, _held_outputs: held_outputs, .. } = self;
        // First, because they may drive what the others need, such as power.
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

    /// Returns the descriptor to poll for reading; `None` if there is no input left.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.terminal_input {
            Some(TerminalInput { input, is_file: true }) => Some(input.as_fd()),
            Some(TerminalInput { is_file: false, .. }) => Some(self.poll.as_fd()),
            None => (self.buttons.are_any() || self.resizes.is_some()).then(|| self.poll.as_fd()),
        }
    }

    /// Returns when to call [`read_inputs`](Self::read_inputs) even if nothing is readable.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        [self.keys.deadline(), self.buttons.deadline()].into_iter().flatten().min()
    }

    /// Emits input events from timers, and with `readable` also from pending input. `readable` must be false
    /// unless [`fd`](Self::fd) is readable, as a read could block.
    pub fn read_inputs(&mut self, readable: bool, now: Time, mut emit: impl FnMut(InputEvent)) {
        let ReadyInputs { terminal, buttons, resize } =
            if readable { self.poll.readable() } else { ReadyInputs::default() };
        let is_file = self.terminal_input.as_ref().is_some_and(|terminal_input| terminal_input.is_file);
        if terminal || (readable && is_file) {
            self.read_keys(now, &mut emit);
        }
        if resize && let Some(resizes) = &self.resizes {
            tty::clear(resizes);
            self.resized = true;
        }
        self.keys.expire(now, &mut emit);
        if buttons || (readable && self.buttons.are_simulated()) {
            self.buttons.read(now, &mut emit);
        }
        self.buttons.expire(&self.poll, now, &mut emit);
    }

    /// Returns whether a mute switch is on; `None` if there is none.
    #[must_use]
    pub fn mute_switch(&self) -> Option<bool> {
        self.buttons.mute_switch()
    }

    fn read_keys(&mut self, now: Time, emit: &mut impl FnMut(InputEvent)) {
        let Some(TerminalInput { input, .. }) = &self.terminal_input else { return };
        let mut bytes = [0; 64];
        match rustix::io::read(input, &mut bytes) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // After end of file or a hang-up the descriptor would stay readable for ever.
            Ok(0) | Err(_) => {
                self.poll.remove(input);
                self.terminal_input = None;
            }
            Ok(count) => self.keys.read(&bytes[..count], now, emit),
        }
    }

    /// Shows `view` on the terminal and on all LEDs, and writes only visible changes. Returns how long until
    /// the light changes by itself.
    pub fn show(&mut self, view: &Indication, now: Time) -> Option<Duration> {
        self.update_width();
        // A mute switch is read again at the next start, whatever is saved.
        self.terminal.set_remembered(self.remembers && self.mute_switch() != Some(true));
        let leds = self.leds.show(&view.light, now, view.levels);
        [leds, self.terminal.show(view, now)].into_iter().flatten().min()
    }

    /// Returns whether the terminal has another size since the last call, so that the status line is to be drawn again.
    pub fn take_resized(&mut self) -> bool {
        std::mem::take(&mut self.resized)
    }

    fn update_width(&mut self) {
        // Only a terminal has a width.
        if self.raw.is_some()
            && let Some(width) = tty::width(&self.output)
        {
            self.terminal.set_width(width);
        }
    }

    /// Shows `facts` on all LEDs, not on the terminal.
    pub fn show_leds(&mut self, facts: &LightState, now: Time) {
        self.leds.show(facts, now, Levels::default());
    }

    /// Writes what the LEDs show again. Returns `false` if that failed: then show them again.
    pub fn restore_leds(&mut self) -> bool {
        self.leds.restore()
    }

    /// Returns whether the board has LEDs.
    #[must_use]
    pub fn has_leds(&self) -> bool {
        self.leds.are_any()
    }

    /// Prints a line of a speaker, a notice or the delays of a turn, if it is one of the printed lines.
    pub fn print(&mut self, who: &str, text: &str) {
        let is_printed = match who {
            NOTICE => true,
            TIMINGS => self.printed.timings,
            _ => self.printed.words,
        };
        if is_printed {
            self.update_width();
            self.terminal.print_line(who, text);
        }
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
                    "cannot set up the terminal ({error}); run mynah with `</dev/null | cat` for plain lines"
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
