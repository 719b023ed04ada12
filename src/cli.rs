//! What the program says on the terminal before there is a log, and the exit code it ends with: for a start that
//! failed, for a device that is missing, and for `mynah replay`.
//!
//! It reads no setting and starts no room.

use std::error::Error;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use mynah::audio::Direction;
use mynah::board::Board;
use mynah::config::ReplayRequest;
use mynah::recorder::{self, ReplayOutcome};
use mynah::session::{self, DeviceWait};

/// Exit code: something failed at run time.
pub(crate) const FAILED: u8 = 1;
/// Exit code: something has to be set up differently.
pub(crate) const MISCONFIGURED: u8 = 2;
/// Exit code: a device is missing, and the service manager may try again (`EX_TEMPFAIL` of sysexits.h).
const DEVICE_MISSING: u8 = 75;

pub(crate) enum StartError {
    /// Trying again does not help.
    Fatal(Box<dyn Error>),
    /// A device is missing. `board`, where it could be opened, shows that the device of `End` is.
    DeviceMissing { reason: String, board: Option<Box<(Board, Direction)>>, signals: UnixStream },
}

impl<E: Error + 'static> From<E> for StartError {
    fn from(error: E) -> Self {
        Self::Fatal(error.into())
    }
}

/// Prints why the program cannot start, waits where that may help, and returns the exit code.
pub(crate) fn report_start_error(error: StartError) -> ExitCode {
    match error {
        StartError::Fatal(error) => {
            eprintln!("mynah: {error}");
            ExitCode::from(MISCONFIGURED)
        }
        StartError::DeviceMissing { reason, mut board, signals } => {
            eprintln!("mynah: {reason}");
            wait_for_device(&reason, board.as_deref_mut(), &signals)
        }
    }
}

/// Returns the exit code for a missing device. Under a service manager it first waits until a device appears, so that
/// restarts do not spin.
pub(crate) fn wait_for_device(
    reason: &str,
    board: Option<&mut (Board, Direction)>,
    signals: &UnixStream,
) -> ExitCode {
    // Without a service manager a person is there, who sees what is wrong.
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return ExitCode::from(MISCONFIGURED);
    }
    let board = board.map(|(board, direction)| (board, *direction));
    match session::wait_for_device(reason, board, signals, Path::new("/dev"), session::DEVICE_WAIT_LIMIT) {
        DeviceWait::Requested => ExitCode::SUCCESS,
        DeviceWait::DevicesChanged | DeviceWait::TimedOut => ExitCode::from(DEVICE_MISSING),
    }
}

/// Replays a recording. The exit code is 0 where everything is the same, 1 where something differs, and 2 where the
/// file is no recording.
pub(crate) fn replay(ReplayRequest { file, verbose }: &ReplayRequest) -> ExitCode {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("mynah: {}: cannot be read: {error}", file.display());
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let mut out = std::io::stdout().lock();
    let print = |_: usize, line: &recorder::RecordLine<'_>| {
        // The reader of a pipe may have closed it, which is no failure of the replay.
        let _ = if *verbose { writeln!(out, "{line}") } else { Ok(()) };
    };
    let replayed = recorder::replay(&bytes, print);
    match replayed {
        Ok(outcome @ ReplayOutcome::Identical { .. }) => {
            let _ = writeln!(out, "{outcome}");
            ExitCode::SUCCESS
        }
        Ok(ReplayOutcome::Differs(difference)) => {
            let _ = writeln!(out, "{}: {difference}", file.display());
            ExitCode::from(FAILED)
        }
        Err(error) => {
            eprintln!("mynah: {}, {error}", file.display());
            ExitCode::from(MISCONFIGURED)
        }
    }
}
