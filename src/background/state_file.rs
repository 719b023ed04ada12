//! Saves the state that the user has changed (volume, mute, ...) for the next start.
//!
//! The file is replaced atomically: after a power cut it holds the old state or the new one. This module does
//! not interpret the text.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::{BackgroundEvent, EventSender};
use super::{echo_file, recording_file, sign_in_file};
use crate::config::{ECHO_FILE, MEASURED_FILE, RECORDINGS, RESET_MARK, SIGN_IN_FILE};
use crate::sys::create_private_file;

/// Time limit of one write to the SD card.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// After this time, a state that could not be written is written again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// What the next start shall find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateWrite {
    /// The state file with this text.
    Save(String),
    /// The state file with this text, neither recordings, sign-in nor a learned echo beside it, and the mark of a factory reset
    /// ([`RESET_MARK`]).
    Reset(String),
}

/// Writes the latest state, until the channel is closed and its last value is written.
pub(super) async fn run(
    mut writes: watch::Receiver<Option<StateWrite>>,
    file: Option<PathBuf>,
    events: &EventSender,
) {
    let Some(file) = file else { return };
    let mut fails = false;
    // `changed` returns an unseen value before it reports that the channel is closed.
    while is_due(&mut writes, fails).await {
        let Some(write) = writes.borrow_and_update().clone() else { continue };
        match (apply(write, file.clone()).await, fails) {
            (Err(why), false) => events.send(BackgroundEvent::StateNotSaved(format!(
                "cannot save settings to {} ({why}): they last until mynah restarts, or until they can be saved; check \
                 that the folder is writable and make room on its disk",
                file.display()
            ))),
            (Ok(()), true) => events.send(BackgroundEvent::StateSaved(file.clone())),
            (Err(_), true) | (Ok(()), false) => continue,
        }
        fails = !fails;
    }
}

/// Waits for the next state to write; one that could not be written is due again after a while.
async fn is_due(writes: &mut watch::Receiver<Option<StateWrite>>, fails: bool) -> bool {
    if !fails {
        return writes.changed().await.is_ok();
    }
    // No change in this time.
    timeout(RETRY_AFTER, writes.changed()).await.map_or(true, |changed| changed.is_ok())
}

async fn apply(write: StateWrite, file: PathBuf) -> io::Result<()> {
    let task = tokio::task::spawn_blocking(move || match write {
        StateWrite::Save(text) => replace(&file, text.as_bytes()),
        StateWrite::Reset(text) => reset(&file, &text),
    });
    match timeout(WRITE_LIMIT, task).await {
        Ok(result) => result?,
        Err(_) => Err(io::Error::new(ErrorKind::TimedOut, "the storage does not answer")),
    }
}

/// Replaces the file: whoever reads it finds the old contents or the new ones.
pub(super) fn replace(file: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let new = file.with_extension("new");
    let mut temporary = create_private_file(&new)?;
    temporary.write_all(contents)?;
    temporary.sync_all()?;
    fs::rename(&new, file)?;
    File::open(folder)?.sync_all()
}

/// Writes the mark last: it promises that all else was done.
fn reset(file: &Path, text: &str) -> io::Result<()> {
    replace(file, text.as_bytes())?;
    recording_file::remove_all(&file.with_file_name(RECORDINGS))?;
    sign_in_file::remove_sign_in(&file.with_file_name(SIGN_IN_FILE))?;
    echo_file::remove(&file.with_file_name(ECHO_FILE))?;
    echo_file::remove(&file.with_file_name(MEASURED_FILE))?;
    replace(&file.with_file_name(RESET_MARK), b"")
}
