//! The log: one line each to standard error, and into a file when one is asked for.
//!
//! Other crates are heard only from `warn` up: at their lower levels some print headers and messages, and
//! with them keys and voices.

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

/// Begins to log.
///
/// # Errors
/// When the log file cannot be made.
pub(crate) fn start(log: &LogConfig) -> Result<(), Box<dyn Error>> {
    let file = log.dir.as_deref().map(create_log_file).transpose()?;
    if let Some(file) = &file {
        // There is one log in a program.
        let _ = LOG_FILE.set(file.try_clone()?);
    }
    let level = if log.verbose { LevelFilter::Debug } else { LevelFilter::Info };
    Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module("mynah", level)
        .target(Target::Pipe(Box::new(ConsoleAndFile { console: inputs::console(), file })))
        .format(|line, record| {
            writeln!(line, "{} {:<5} {}", line.timestamp_millis(), record.level(), record.args())
        })
        .try_init()?;
    Ok(())
}

/// The log file once more, for whoever may take no lock.
static LOG_FILE: OnceLock<File> = OnceLock::new();

/// Writes a line to standard error and into the log file past the log, whose locks may be held for ever.
pub(crate) fn write_unlocked(message: &str) {
    let line = format!("{:.3} ERROR {message}\n", Timestamp::now());
    // Who cannot write now cannot say so either.
    if let Some(mut file) = LOG_FILE.get() {
        let _ = file.write_all(line.as_bytes());
    }
    let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
}

fn create_log_file(dir: &Path) -> Result<File, String> {
    fs::create_dir_all(dir).map_err(|error| format!("log_dir {}: {error}", dir.display()))?;
    let path = dir.join(format!("{}_voicelive.log", Timestamp::now().strftime("%Y-%m-%d_%H-%M-%S")));
    // What is said in a room is nobody else's to read.
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    file.map_err(|error| format!("log file {}: {error}", path.display()))
}

/// Writes to the console, and to the file where there is one.
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
