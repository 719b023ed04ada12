//! Reading a file of settings: as much of it as such a file may have, and no more.
//!
//! It does not look into it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The longest file of settings that is read, bytes; those of the boards have some two thousand.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the text of `file`.
///
/// # Errors
/// When it cannot be read, is no text, or is longer than any file of settings.
pub(super) fn read(file: &Path) -> io::Result<String> {
    let file = File::open(file)?;
    // There may be a key in it, of which growing would leave copies.
    let length = file.metadata()?.len().min(MAX_BYTES) + 1;
    let mut text = String::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is longer than 1 MiB, so it is no file of settings"));
    }
    Ok(text)
}
