//! Logs to standard error, and to a file if one is set.
//!
//! Other crates log at level `warn` and above only: at lower levels some log headers and messages, and with them keys
//! and words of the conversation.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;

use env_logger::{Builder, Target};
use jiff::Timestamp;
use log::LevelFilter;
use mynah::config::LogConfig;
use mynah::inputs;
use mynah::printable::Printable;

/// Starts the log.
///
/// # Errors
/// When the log file cannot be created.
pub(crate) fn start(log: &LogConfig) -> Result<(), Box<dyn Error>> {
    let file = log.dir.as_deref().map(create_log_file).transpose()?;
    if let Some(file) = &file {
        // `start` is called once, so the cell is empty.
        let _ = LOG_FILE.set(file.try_clone()?);
    }
    let level = if log.verbose { LevelFilter::Debug } else { LevelFilter::Info };
    Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module("mynah", level)
        .target(Target::Pipe(Box::new(ConsoleAndFile { console: inputs::console(), file })))
        .format(|line, record| {
            // A message may quote the service, a file or a device.
            let message = record.args().to_string();
            writeln!(line, "{} {:<5} {}", line.timestamp_millis(), record.level(), Printable(&message))
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

fn create_log_file(dir: &Path) -> Result<File, String> {
    fs::create_dir_all(dir)
        .map_err(|error| format!("log_dir {}: cannot be created: {error}", dir.display()))?;
    let path = dir.join(format!("{}_voicelive.log", Timestamp::now().strftime("%Y-%m-%d_%H-%M-%S")));
    // The log contains what is said in the room, so only the user may read it.
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    file.map_err(|error| format!("log file {}: cannot be created: {error}", path.display()))
}

/// Writes to the console, and to the file if there is one.
struct ConsoleAndFile<W> {
    console: W,
    file: Option<File>,
}

impl<W: Write> Write for ConsoleAndFile<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            // A full disk must not silence the console.
            let _ = file.write_all(line);
        }
        self.console.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.console.flush()
    }
}
