//! Terminal output and exit codes outside a session: a failed start, a missing device, and `mynah replay`.
//!
//! It reads no settings and opens no device.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use mynah::audio::Direction;
use mynah::board::Board;
use mynah::config::ReplayRequest;
use mynah::printable::Printable;
use mynah::recorder::{self, ReplayOutcome};
use mynah::session::{self, DeviceWait};

/// Exit code: something failed at run time.
pub(crate) const FAILED: u8 = 1;
/// Exit code: the configuration or set-up is wrong.
pub(crate) const MISCONFIGURED: u8 = 2;
/// Exit code: a device is missing, and the service manager should try again (`EX_TEMPFAIL` in sysexits.h).
const DEVICE_MISSING: u8 = 75;

/// Why a mode that waits for a press cannot start.
pub(crate) const NOTHING_TO_PRESS: &str = "this mode waits for a press, but the board has no talk button and standard \
    input is no terminal, so the microphone would stay closed; set mode = \"open\", add a [[button]] to a board file of \
    your own (`mynah boards show NAME` prints one to start with), or start mynah in a terminal";

pub(crate) enum StartError {
    /// An error that a restart does not fix.
    Fatal(Box<dyn Error>),
    /// A device is missing. `board`, if it could be opened, shows which direction is.
    DeviceMissing { reason: String, board: Option<Box<(Board, Direction)>>, signals: UnixStream },
}

impl<E: Error + 'static> From<E> for StartError {
    fn from(error: E) -> Self {
        Self::Fatal(error.into())
    }
}

/// Prints why the program cannot start, waits for a missing device, and returns the exit code.
pub(crate) fn report_start_error(error: StartError) -> ExitCode {
    match error {
        StartError::Fatal(error) => {
            print_error(&format!("mynah: {error}"));
            ExitCode::from(MISCONFIGURED)
        }
        StartError::DeviceMissing { reason, mut board, signals } => {
            print_error(&format!("mynah: {reason}"));
            wait_for_device(&reason, board.as_deref_mut(), &signals)
        }
    }
}

/// Returns whether a service manager has started the program, and would start it again.
pub(crate) fn has_service_manager() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Returns whether a user reads and types in a terminal.
pub(crate) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Returns the exit code for a missing device. Under a service manager, first waits until a device appears or
/// [`session::DEVICE_WAIT_LIMIT`] passes, so that restarts do not spin.
pub(crate) fn wait_for_device(
    reason: &str,
    board: Option<&mut (Board, Direction)>,
    signals: &UnixStream,
) -> ExitCode {
    // Without a service manager the user sees the message at once.
    if !has_service_manager() {
        return ExitCode::from(MISCONFIGURED);
    }
    let board = board.map(|(board, direction)| (board, *direction));
    match session::wait_for_device(reason, board, signals, Path::new("/dev"), session::DEVICE_WAIT_LIMIT) {
        DeviceWait::Requested => ExitCode::SUCCESS,
        DeviceWait::DevicesChanged | DeviceWait::TimedOut => ExitCode::from(DEVICE_MISSING),
    }
}

/// Replays a recording. The exit code is 0 if it is identical, 1 if it differs, and 2 if the file is not a recording.
pub(crate) fn replay(ReplayRequest { file, verbose }: &ReplayRequest) -> ExitCode {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            print_error(&format!("mynah: {}: cannot be read: {error}", file.display()));
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let mut out = Output::default();
    let print = |_: usize, line: &recorder::RecordLine<'_>| {
        if *verbose {
            out.write(format_args!("{line}\n"));
        }
    };
    let replayed = recorder::replay(&bytes, print);
    match replayed {
        Ok(outcome @ ReplayOutcome::Identical { .. }) => {
            out.write(format_args!("{outcome}\n"));
            out.finish(0)
        }
        Ok(ReplayOutcome::Differs(difference)) => {
            let name = file.display().to_string();
            out.write(format_args!("{}: {difference}\n", Printable(&name)));
            out.finish(FAILED)
        }
        Err(error) => {
            print_error(&format!("mynah: {}, {error}", file.display()));
            out.finish(MISCONFIGURED)
        }
    }
}

/// The width of a progress bar, in characters.
const BAR_WIDTH: usize = 40;

/// The standard output of a command. A reader that has left ends it quietly; any other error is reported at the end.
#[derive(Default)]
pub(crate) struct Output {
    error: Option<io::Error>,
}

impl Output {
    /// Writes `text`, unless an earlier write has failed. It may quote a file, so each line is made printable.
    pub(crate) fn write(&mut self, text: impl Display) {
        for line in text.to_string().split_inclusive('\n') {
            if self.error.is_none() {
                let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
                self.error = write!(io::stdout(), "{}{end}", Printable(line)).err();
            }
        }
    }

    /// Draws a bar of the seconds that have passed, over the last one; it is removed at the end.
    pub(crate) fn write_progress(&mut self, passed_s: f32, whole_s: f32) {
        let filled = (BAR_WIDTH as f32 * passed_s / whole_s) as usize;
        let bar = match filled < BAR_WIDTH {
            true => format!("      [{:<BAR_WIDTH$}] {passed_s:.0} of {whole_s:.0} s", "#".repeat(filled)),
            false => String::new(),
        };
        // The cursor goes to the start of the line, and what is behind the text is erased.
        let mut out = io::stdout();
        let written = write!(out, "\r{bar}\x1b[K").and_then(|()| out.flush());
        self.error = self.error.take().or(written.err());
    }

    /// Returns `code`, or [`FAILED`] instead of 0 if the output could not be written.
    pub(crate) fn finish(self, code: u8) -> ExitCode {
        let error = self.error.or_else(|| io::stdout().flush().err());
        match error {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                print_error(&format!(
                    "mynah: standard output cannot be written: {error}; check where it is redirected to"
                ));
                ExitCode::from(if code == 0 { FAILED } else { code })
            }
            Some(_) | None => ExitCode::from(code),
        }
    }
}

/// Prints an error message to standard error. It may quote a file or a device, so each line is made printable.
/// Does nothing if standard error cannot be written.
pub(crate) fn print_error(message: &str) {
    for line in message.lines() {
        let _ = writeln!(io::stderr(), "{}", Printable(line));
    }
}
