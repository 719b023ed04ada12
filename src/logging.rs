//! Logs to standard error, and to a file if one is set.
//!
//! What is printed to standard output too is not repeated where both lead to the same reader. A file that cannot be
//! written is reported once, and again when it can. Lines that come too fast are dropped and counted: what others send
//! must not fill a disk. Errors are always written.
//!
//! Other crates log at level `warn` and above only: at lower levels some log headers and messages, and with them keys
//! and words of the conversation.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use env_logger::{Builder, Target};
use jiff::Timestamp;
use log::{Level, LevelFilter};
use mynah::config::LogConfig;
use mynah::inputs::{self, SHOWN};
use mynah::printable::{LineRate, Printable};
use mynah::session;

/// Starts the log.
///
/// # Errors
/// When the log file cannot be created.
pub(crate) fn start(log: &LogConfig) -> Result<(), Box<dyn Error>> {
    let file = log.dir.as_deref().map(LogFile::create).transpose()?;
    if let Some(file) = &file {
        // `start` is called once, so the cell is empty.
        let _ = LOG_FILE.set(file.file.try_clone()?);
    }
    let file = file.map(Mutex::new);
    let is_one_reader = inputs::is_one_output();
    let rate = Mutex::new(LineRate::default());
    let level = if log.verbose { LevelFilter::Debug } else { LevelFilter::Info };
    Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module("mynah", level)
        .target(Target::Pipe(Box::new(inputs::console())))
        .format(move |console, record| {
            // A message may quote the service, a file or a device.
            let message = record.args().to_string();
            let dropped = match lock(&rate).admit(session::uptime()) {
                Some(dropped) => dropped,
                None if record.level() == Level::Error => 0,
                None => return Ok(()),
            };
            let dropped = match dropped {
                0 => String::new(),
                count => format!("({count} lines are missing here: they came too fast) "),
            };
            let (time, level) = (console.timestamp_millis(), record.level());
            let line = format!("{time} {level:<5} {dropped}{}\n", Printable(&message));
            let change = file.as_ref().and_then(|file| lock(file).write(&line));
            if record.target() != SHOWN || !is_one_reader {
                console.write_all(line.as_bytes())?;
            }
            let Some((level, change)) = change else { return Ok(()) };
            writeln!(console, "{} {level:<5} {}", console.timestamp_millis(), Printable(&change))
        })
        .try_init()?;
    Ok(())
}

/// The log file, for [`write_unlocked`].
static LOG_FILE: OnceLock<File> = OnceLock::new();

/// Writes a line to standard error and to the log file without the locks of the log, which a panicking thread may
/// hold.
pub(crate) fn write_unlocked(message: &str) {
    let line = format!("{:.3} ERROR {message}\n", Timestamp::now());
    // A write error cannot be reported anywhere.
    if let Some(mut file) = LOG_FILE.get() {
        let _ = file.write_all(line.as_bytes());
    }
    let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A log file, whose disk may be full for a while.
struct LogFile {
    file: File,
    path: PathBuf,
    /// Lines that could not be written since the last one that could.
    lost_lines: u64,
}

impl LogFile {
    fn create(dir: &Path) -> Result<Self, String> {
        fs::create_dir_all(dir)
            .map_err(|error| format!("log_dir {}: cannot be created: {error}", dir.display()))?;
        let path = dir.join(format!("{}_voicelive.log", Timestamp::now().strftime("%Y-%m-%d_%H-%M-%S")));
        // The log names what the device does and when, so only the user may read it.
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        let file =
            file.map_err(|error| format!("log file {}: cannot be created: {error}", path.display()))?;
        Ok(Self { file, path, lost_lines: 0 })
    }

    /// Writes a line. Returns what to tell the user if the file has ceased to be writable, or is writable again.
    fn write(&mut self, line: &str) -> Option<(Level, String)> {
        let path = self.path.display();
        let lost = self.lost_lines;
        // What could be written of a lost line stays, so the next one begins in a row of its own.
        let written = if lost == 0 {
            self.file.write_all(line.as_bytes())
        } else {
            self.file.write_all(format!("\n({lost} lines are missing here)\n{line}").as_bytes())
        };
        match written {
            Ok(()) if lost == 0 => None,
            Ok(()) => {
                self.lost_lines = 0;
                Some((Level::Info, format!("log file {path}: written again; {lost} lines are missing in it")))
            }
            Err(error) => {
                self.lost_lines += 1;
                (lost == 0).then(|| {
                    let message = format!(
                        "log file {path}: cannot be written ({error}); mynah goes on without it. Make room on that \
                         disk, or set another log_dir; when there is room, it is written again"
                    );
                    (Level::Warn, message)
                })
            }
        }
    }
}
