//! Writes recordings: each to a file of its own, or continuously to one file with rotation.
//!
//! Both are bounded: the oldest file is removed. A file that is not a recording is never replaced or removed. This
//! module does not interpret the lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{BackgroundEvent, EventSender};
use crate::config::RECORDING_EXTENSION as EXTENSION;

/// Capacity of the queue of recordings to write. A recording for a full queue is refused.
pub const RECORDINGS: usize = 4;
/// Recordings kept in the folder; beyond that the oldest is removed.
pub const KEPT_FILES: usize = 10;
/// Size in bytes at which the continuous file is renamed to `*.1` and restarted.
pub const FILE_BYTES: u64 = 32 * 1024 * 1024;
/// The suffixes of the older half, and of a file that is still incomplete.
const OLDER: &str = ".1";
const NEW: &str = ".new";
/// How every recording starts, whatever its format version.
const HEAD: &[u8] = b"{\"recording\":";
/// Time limit of one write to the SD card.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// A recording, or a part of the continuous one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingWrite {
    /// A whole recording, to a new file `TIME-WHY.jsonl`.
    Whole {
        /// The folder, which is created if necessary.
        folder: PathBuf,
        reason: &'static str,
        text: Vec<u8>,
    },
    /// The next part of the continuous recording.
    Append {
        /// The file: the same for every part.
        file: PathBuf,
        /// First line of every file, with its line end.
        first_line: Vec<u8>,
        /// Offset in `text` at which a new file may start; `None` where it may not.
        begins: Option<usize>,
        text: Vec<u8>,
    },
}

/// A recording to write, and a channel that is disconnected when the job has ended.
pub(super) struct WriteJob {
    pub(super) recording: RecordingWrite,
    pub(super) done: Option<SyncSender<()>>,
}

/// Writes the final recording after the session has panicked.
#[derive(Clone, Debug)]
pub struct EmergencyWriter(pub(super) mpsc::WeakSender<WriteJob>);

impl EmergencyWriter {
    /// Writes `recording` and waits for it, `limit` at most.
    pub fn write(&self, recording: RecordingWrite, limit: Duration) {
        let (done, finished) = sync_channel(0);
        let job = WriteJob { recording, done: Some(done) };
        if self.0.upgrade().is_some_and(|jobs| jobs.try_send(job).is_ok()) {
            // The other end is dropped on success and on failure: no session is left to report to.
            let _ = finished.recv_timeout(limit);
        }
    }
}

/// The continuous recording.
#[derive(Default)]
enum RecordingFile {
    #[default]
    New,
    Open {
        file: File,
        bytes: u64,
    },
    /// A write failed and was reported. Parts are dropped until a new file can be started.
    Failed,
}

/// What a write has done.
enum WriteOutcome {
    /// A new file was started, or written whole.
    Started(PathBuf),
    Continued,
    /// The part was dropped: an earlier write has failed and was reported.
    Dropped,
}

/// Writes recordings until the queue is closed and empty.
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
            Ok(WriteOutcome::Started(file)) => events.send(BackgroundEvent::Recorded(file)),
            Ok(WriteOutcome::Continued | WriteOutcome::Dropped) => {}
            Err(why) => events.send(BackgroundEvent::NotRecorded(format!(
                "{}: cannot write the recording ({why}); mynah continues without it until it can: make room on its \
                 disk, and check that the folder is writable",
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

fn write(recording: RecordingWrite, current: &Mutex<RecordingFile>) -> io::Result<WriteOutcome> {
    match recording {
        RecordingWrite::Whole { folder, reason: why, text } => {
            write_whole(&folder, why, &text).map(WriteOutcome::Started)
        }
        RecordingWrite::Append { file, first_line, begins, text } => {
            let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
            let has_failed = matches!(*current, RecordingFile::Failed);
            match append(&mut current, &file, &first_line, begins, &text) {
                Ok(outcome) => Ok(outcome),
                Err(why) => {
                    *current = RecordingFile::Failed;
                    if has_failed { Ok(WriteOutcome::Dropped) } else { Err(why) }
                }
            }
        }
    }
}

fn write_whole(folder: &Path, why: &str, text: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let time = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ");
    let file = folder.join(format!("{time}-{why}.{EXTENSION}"));
    let new = file.with_extension("new");
    require_recording(&new)?;
    let mut temporary = create_private(&new)?;
    temporary.write_all(text)?;
    temporary.sync_all()?;
    fs::rename(&new, &file)?;
    File::open(folder)?.sync_all()?;
    prune(folder, &file)?;
    Ok(file)
}

/// Removes the recordings in `folder`, which need not exist, and no other file.
pub(super) fn remove_all(folder: &Path) -> io::Result<()> {
    let all = match recordings(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        all => all?,
    };
    for file in all {
        fs::remove_file(file)?;
    }
    File::open(folder)?.sync_all()
}

/// Removes the oldest recordings by name. Spares `written`: if the clock was set back its name is not the
/// newest.
fn prune(folder: &Path, written: &Path) -> io::Result<()> {
    let mut others = recordings(folder)?;
    others.retain(|path| path != written);
    others.sort();
    for oldest in others.iter().take((others.len() + 1).saturating_sub(KEPT_FILES)) {
        fs::remove_file(oldest)?;
    }
    Ok(())
}

/// Returns the recordings in `folder`: files with the extension and the head of one.
fn recordings(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let has_extension = path.extension().is_some_and(|extension| extension == EXTENSION);
        if has_extension && require_recording(&path).is_ok() {
            all.push(path);
        }
    }
    Ok(all)
}

/// Appends `text` to the continuous recording.
fn append(
    current: &mut RecordingFile,
    path: &Path,
    first_line: &[u8],
    begins: Option<usize>,
    text: &[u8],
) -> io::Result<WriteOutcome> {
    match (std::mem::take(current), begins.and_then(|at| text.split_at_checked(at))) {
        (RecordingFile::Failed, None) => {
            *current = RecordingFile::Failed;
            return Ok(WriteOutcome::Dropped);
        }
        (RecordingFile::Failed, Some((_, head))) => {
            *current = start_file(path, first_line, head)?;
            return Ok(WriteOutcome::Started(path.to_owned()));
        }
        (RecordingFile::New, _) => {
            *current = start_file(path, first_line, text)?;
            return Ok(WriteOutcome::Started(path.to_owned()));
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
    Ok(WriteOutcome::Continued)
}

/// Starts the file at `path`; an existing one is renamed to `*.1`, once the new one could be written.
fn start_file(path: &Path, first_line: &[u8], text: &[u8]) -> io::Result<RecordingFile> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    require_recordings(path)?;
    let new = beside(path, NEW);
    let mut file = create_private(&new)?;
    if let Err(error) = file.write_all(first_line).and_then(|()| file.write_all(text)) {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    match fs::rename(path, beside(path, OLDER)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::rename(&new, path)?;
    Ok(RecordingFile::Open { file, bytes: (first_line.len() + text.len()) as u64 })
}

/// Checks that the continuous recording at `path` would replace nothing but recordings.
///
/// # Errors
/// Returns which file is something else, and what to do.
pub fn require_recordings(path: &Path) -> io::Result<()> {
    ["", OLDER, NEW].iter().try_for_each(|suffix| require_recording(&beside(path, suffix)))
}

/// Checks that there is no file at `path`, or an empty one, or a recording, of which a power cut may have left a part.
fn require_recording(path: &Path) -> io::Result<()> {
    let other = |what: &str| {
        let remedy = "so mynah does not replace it; choose another path, or move it away";
        Err(io::Error::other(format!("{} {what}, {remedy}", path.display())))
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return other("is not a file"),
        Ok(_) => {}
    }
    let mut head = Vec::new();
    File::open(path)?.take(HEAD.len() as u64).read_to_end(&mut head)?;
    if HEAD.starts_with(&head) { Ok(()) } else { other("is not a recording") }
}

/// Returns the path with a `suffix`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates a file that only mynah's user can read: recordings are private. One that was left there is removed, and no
/// link is followed.
fn create_private(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
