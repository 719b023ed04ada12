//! Writing down what the owner set, so that the next start knows it.
//!
//! The file is replaced whole or not at all, so that a pulled plug leaves the old one or the new one. What
//! the text means is not its business.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::{BackgroundEvent, EventSender};

/// The name of the file, beside the kept one, that says that the device was to be reset. Whoever owns more
/// settings than mynah does, such as a card image, looks for it.
pub const RESET_MARK: &str = "factory-reset";

/// How long a card may take to keep a memo.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// What is to be found at the next start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateWrite {
    /// This text.
    Save(String),
    /// Nothing but the mark of a reset ([`RESET_MARK`]).
    Delete,
}

/// Keeps the latest memo until nobody can hand in any more, and that one too.
pub(super) async fn run(
    mut writes: watch::Receiver<Option<StateWrite>>,
    file: Option<PathBuf>,
    events: &EventSender,
) {
    let Some(file) = file else { return };
    // A memo that nobody has seen comes before the news that there are no more.
    while writes.changed().await.is_ok() {
        let write = writes.borrow_and_update().clone();
        if let Some(write) = write
            && let Err(why) = apply(write, file.clone()).await
        {
            events.send(BackgroundEvent::StateNotSaved(format!(
                "{}: cannot be written ({why}): what is set now is forgotten at the next start",
                file.display()
            )));
        }
    }
}

async fn apply(write: StateWrite, file: PathBuf) -> io::Result<()> {
    let task = tokio::task::spawn_blocking(move || match write {
        StateWrite::Save(text) => replace(&file, &text),
        StateWrite::Delete => delete(&file),
    });
    match timeout(WRITE_LIMIT, task).await {
        Ok(result) => result?,
        Err(_) => Err(io::Error::new(ErrorKind::TimedOut, "the storage does not answer")),
    }
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let new = file.with_extension("new");
    let mut temporary = File::create(&new)?;
    temporary.write_all(text.as_bytes())?;
    temporary.sync_all()?;
    fs::rename(&new, file)?;
    File::open(folder)?.sync_all()
}

fn delete(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    replace(&file.with_file_name(RESET_MARK), "")
}
