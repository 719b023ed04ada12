//! Writing recordings down: each into a file of its own, or one that goes on as long as the program runs.
//!
//! Both are bounded, and a new one takes the place of the oldest. What the lines mean is not its business.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{BackgroundEvent, EventSender};

/// Recordings asked for and not yet begun. When full, one is refused.
pub const RECORDINGS: usize = 4;
/// Files in the folder. Beyond it the oldest is removed.
pub const KEPT_FILES: usize = 10;
/// Bytes of a file that goes on. Then it is renamed, with `.1` at its end, and begun anew.
pub const FILE_BYTES: u64 = 32 * 1024 * 1024;
/// How long a card may take to write.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const EXTENSION: &str = "jsonl";

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingWrite {
    /// A whole recording, into a new file of this folder that is named after the time of day and the reason.
    Whole {
        /// The folder, which need not be there yet.
        folder: PathBuf,
        why: &'static str,
        text: Vec<u8>,
    },
    /// More of the recording that goes on.
    Append {
        /// The file, the same every time.
        file: PathBuf,
        /// The first line of a file, with its line's end.
        first_line: Vec<u8>,
        /// Where in the text a file may begin.
        begins: Option<usize>,
        text: Vec<u8>,
    },
}

/// A recording to write, and whom to tell by hanging up when that is over.
pub(super) struct WriteJob {
    pub(super) recording: RecordingWrite,
    pub(super) done: Option<SyncSender<()>>,
}

/// A way to have a last recording written when the session cannot ask for one any more.
#[derive(Clone, Debug)]
pub struct EmergencyWriter(pub(super) mpsc::WeakSender<WriteJob>);

impl EmergencyWriter {
    /// Has a `recording` written and waits for that at most for `limit`.
    pub fn write(&self, recording: RecordingWrite, limit: Duration) {
        let (done, finished) = sync_channel(0);
        let job = WriteJob { recording, done: Some(done) };
        if self.0.upgrade().is_some_and(|jobs| jobs.try_send(job).is_ok()) {
            // It is over when the other end is gone, whatever came of it: nobody is left who could be told.
            let _ = finished.recv_timeout(limit);
        }
    }
}

/// The file that goes on.
#[derive(Default)]
enum RecordingFile {
    #[default]
    New,
    Open {
        file: File,
        bytes: u64,
    },
    /// It could not be written, which was told.
    Failed,
}

/// Writes what is asked for until nobody can ask any more, and what was asked for until then.
pub(super) async fn run(mut jobs: mpsc::Receiver<WriteJob>, events: &EventSender) {
    let current = Arc::new(Mutex::new(RecordingFile::default()));
    while let Some(WriteJob { recording, done: _done }) = jobs.recv().await {
        let (current, path) = (Arc::clone(&current), recording.path());
        let task = tokio::task::spawn_blocking(move || write(recording, &current));
        let result = match timeout(WRITE_LIMIT, task).await {
            Ok(result) => result.unwrap_or_else(|error| Err(io::Error::other(error))),
            Err(_) => Err(io::Error::new(ErrorKind::TimedOut, "the storage does not answer")),
        };
        match result {
            Ok(Some(file)) => events.send(BackgroundEvent::Recorded(file)),
            Ok(None) => {}
            Err(why) => events.send(BackgroundEvent::NotRecorded(format!(
                "{}: no recording can be written ({why}): see that the disk has room and the folder is \
                 mynah's to write to",
                path.display()
            ))),
        }
    }
}

impl RecordingWrite {
    fn path(&self) -> PathBuf {
        match self {
            Self::Whole { folder: path, .. } | Self::Append { file: path, .. } => path.clone(),
        }
    }
}

/// Writes, and names the file where it is a new one.
fn write(recording: RecordingWrite, current: &Mutex<RecordingFile>) -> io::Result<Option<PathBuf>> {
    match recording {
        RecordingWrite::Whole { folder, why, text } => write_whole(&folder, why, &text).map(Some),
        RecordingWrite::Append { file, first_line, begins, text } => {
            let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
            let result = append(&mut current, &file, &first_line, begins, &text);
            if result.is_err() {
                *current = RecordingFile::Failed;
            }
            result.map(|is_first| is_first.then_some(file))
        }
    }
}

fn write_whole(folder: &Path, why: &str, text: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let time = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ");
    let file = folder.join(format!("{time}-{why}.{EXTENSION}"));
    let new = file.with_extension("new");
    let mut temporary = create_private(&new)?;
    temporary.write_all(text)?;
    temporary.sync_all()?;
    fs::rename(&new, &file)?;
    File::open(folder)?.sync_all()?;
    prune(folder, &file)?;
    Ok(file)
}

/// Removes the oldest, by their names, but not the one just written: the clock may have been set back.
fn prune(folder: &Path, written: &Path) -> io::Result<()> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) && path != written {
            others.push(path);
        }
    }
    others.sort();
    for oldest in others.iter().take((others.len() + 1).saturating_sub(KEPT_FILES)) {
        fs::remove_file(oldest)?;
    }
    Ok(())
}

/// Goes on, and tells whether the very first file was begun with it.
fn append(
    current: &mut RecordingFile,
    path: &Path,
    first_line: &[u8],
    begins: Option<usize>,
    text: &[u8],
) -> io::Result<bool> {
    match (std::mem::take(current), begins.and_then(|at| text.split_at_checked(at))) {
        (RecordingFile::Failed, _) => *current = RecordingFile::Failed,
        (RecordingFile::New, _) => {
            *current = start_file(path, first_line, text)?;
            return Ok(true);
        }
        (RecordingFile::Open { mut file, bytes }, Some((tail, head))) if bytes >= FILE_BYTES => {
            file.write_all(tail)?;
            *current = start_file(path, first_line, head)?;
        }
        (RecordingFile::Open { mut file, bytes }, _) => {
            file.write_all(text)?;
            *current = RecordingFile::Open { file, bytes: bytes + text.len() as u64 };
        }
    }
    Ok(false)
}

/// Begins a file. What was there before stays, under another name.
fn start_file(path: &Path, first_line: &[u8], text: &[u8]) -> io::Result<RecordingFile> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut previous = path.as_os_str().to_owned();
    previous.push(".1");
    match fs::rename(path, previous) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = create_private(path)?;
    file.write_all(first_line)?;
    file.write_all(text)?;
    Ok(RecordingFile::Open { file, bytes: (first_line.len() + text.len()) as u64 })
}

/// What happens in a room is nobody else's to read.
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}
