//! Reads a configuration file, up to a maximum length.
//!
//! It does not parse the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The maximum length of a configuration file, in bytes; a board file has about two thousand.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the text of `file`.
///
/// # Errors
/// When the file cannot be read, is not UTF-8, or is longer than 1 MiB.
pub(in crate::config) fn read(file: &Path) -> io::Result<String> {
    let file = File::open(file)?;
    // The file may contain a key, and a string that grows would leave copies of it in memory.
    let length = file.metadata()?.len().min(MAX_BYTES) + 1;
    let mut text = String::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is longer than 1 MiB, so it is not a configuration file"));
    }
    Ok(text)
}
