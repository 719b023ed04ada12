//! A file that only its owner may read.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Only the owner may read and write.
const MODE: u32 = 0o600;

/// Creates a file, or empties one, which others could read until now. A device or a pipe keeps its permissions, and so
/// does a file of another owner.
///
/// # Errors
/// When it cannot be opened for writing.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(path)?;
    let before = file.metadata()?;
    if before.is_file() && before.permissions().mode() & 0o077 != 0 {
        // Only the owner can change this.
        let _ = file.set_permissions(Permissions::from_mode(MODE));
    }
    Ok(file)
}
