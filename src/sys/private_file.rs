//! A file that only its owner may read.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Gid, Uid, fchown};
use rustix::process::geteuid;

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

/// Replaces the file, or creates it, with its folder: whoever reads it finds the old contents or the new ones. It belongs to
/// the owner of its folder, also if root writes it for a service.
///
/// # Errors
/// When it cannot be written. The old one is still there.
pub fn replace_private_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let new = path.with_extension("new");
    // A file that a power cut has left, or a link.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Root may write into another user's folder: it follows no link there.
    let mut temporary = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new)?;
    temporary.write_all(contents)?;
    give_to_owner_of(folder, &temporary)?;
    temporary.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

fn give_to_owner_of(folder: &Path, file: &File) -> io::Result<()> {
    let owner = fs::metadata(folder)?;
    if geteuid().is_root() && owner.uid() != 0 {
        fchown(file, Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid())))?;
    }
    Ok(())
}
