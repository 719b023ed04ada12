//! Reads and writes the file that keeps the sign-in of `mynah login`.
//!
//! It is replaced as a whole: after a power cut it holds the old sign-in or the new one. Only its owner may read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Gid, Uid, fchown};
use rustix::process::geteuid;

use crate::config::KeptSignIn;
use crate::credentials::{KeptToken, TokenError, choose_kept};

/// Limit of the file in bytes.
const FILE_BYTES: u64 = 64 * 1024;

/// Reads the sign-in to use.
pub(super) fn load(kept: &KeptSignIn) -> Result<KeptToken, TokenError> {
    let read = |file: &Path| match read(file) {
        Ok(found) => Ok(Some(found)),
        Err(Unread::Missing) => Ok(None),
        Err(Unread::Wrong(reason)) => Err(TokenError::refused(format!("{}: {reason}", file.display()))),
    };
    let handed_over = kept.handed_over.as_deref().map(read).transpose()?.flatten();
    choose_kept(read(&kept.file)?, handed_over)
        .ok_or_else(|| TokenError::unavailable("nobody has signed in; run mynah login"))
}

/// Writes the sign-in: to a new file, which then takes the place of the old one.
///
/// # Errors
/// When it cannot be written. The old one is still there.
pub fn save_sign_in(file: &Path, kept: &KeptToken) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let new = file.with_extension("new");
    // A file that a power cut has left, or a link.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Root may write into another user's folder: it follows no link there.
    let mut temporary = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    temporary.write_all(kept.text().as_bytes())?;
    give_to_owner_of(folder, &temporary)?;
    temporary.sync_all()?;
    fs::rename(&new, file)?;
    File::open(folder)?.sync_all()
}

/// Writes a renewed sign-in. One that was deleted meanwhile, by `mynah logout` or a factory reset, stays deleted.
pub(super) fn save_renewed(kept: &KeptSignIn, renewed: &KeptToken) -> io::Result<()> {
    if kept.handed_over.is_none() && !kept.file.exists() {
        return Ok(());
    }
    save_sign_in(&kept.file, renewed)
}

/// Removes the sign-in, and returns whether there was one.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_sign_in(file: &Path) -> io::Result<bool> {
    let mut was_there = false;
    for file in [file.to_owned(), file.with_extension("new")] {
        match fs::remove_file(file) {
            Ok(()) => was_there = true,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(was_there)
}

/// Root signs in for the service, whose user owns the folder.
fn give_to_owner_of(folder: &Path, file: &File) -> io::Result<()> {
    let owner = fs::metadata(folder)?;
    if geteuid().is_root() && owner.uid() != 0 {
        fchown(file, Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid())))?;
    }
    Ok(())
}

enum Unread {
    Missing,
    Wrong(String),
}

fn read(path: &Path) -> Result<KeptToken, Unread> {
    let wrong = |error: io::Error| {
        if error.kind() == ErrorKind::NotFound {
            Unread::Missing
        } else {
            Unread::Wrong(format!("cannot be read: {error}"))
        }
    };
    let file = File::open(path).map_err(wrong)?;
    if !file.metadata().map_err(wrong)?.is_file() {
        return Err(Unread::Wrong("is not a file".to_owned()));
    }
    let mut text = String::new();
    file.take(FILE_BYTES).read_to_string(&mut text).map_err(wrong)?;
    KeptToken::parse(&text).map_err(Unread::Wrong)
}
