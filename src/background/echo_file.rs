//! Reads and writes the file with what the device's own canceller has learned of the speaker's echo.
//!
//! It is replaced as a whole: after a power cut it holds what was learned before or after. It does not look into the
//! bytes.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::state_file::{WRITE_LIMIT, replace};
use super::{BackgroundEvent, EventSender};

/// The most that is read: more than any version of the format has.
const BYTES_MAX: u64 = 64 * 1024;

/// Returns what the file holds, cut off after 64 KiB; `None` if there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_echo(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match File::open(file) {
        Ok(file) => file.take(BYTES_MAX).read_to_end(&mut bytes).map(|_| Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes what was learned last, until the channel is closed and its last value is written.
pub(super) async fn run(
    mut writes: watch::Receiver<Option<Vec<u8>>>,
    file: Option<PathBuf>,
    events: &EventSender,
) {
    let Some(file) = file else { return };
    while writes.changed().await.is_ok() {
        let Some(bytes) = writes.borrow_and_update().clone() else { continue };
        let target = file.clone();
        let task = spawn_blocking(move || replace(&target, &bytes));
        let result = match timeout(WRITE_LIMIT, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panicked)) => Err(io::Error::other(panicked)),
            Err(_) => Err(io::Error::new(ErrorKind::TimedOut, "the storage does not answer")),
        };
        if let Err(why) = result {
            events.send(BackgroundEvent::StateNotSaved(format!(
                "cannot keep what was learned of the speaker's echo in {} ({why}): the next start learns it anew; check \
                 that the folder is writable and make room on its disk",
                file.display()
            )));
        }
    }
}

/// Removes the file, if there is one.
pub(super) fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
