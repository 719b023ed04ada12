//! Reads and writes the file that keeps the sign-in of `mynah login`.
//!
//! It is replaced as a whole: after a power cut it holds the old sign-in or the new one. Only its owner may read it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::config::KeptSignIn;
use crate::credentials::{KeptToken, TokenError, choose_kept};
use crate::sys::replace_private_file;

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
    replace_private_file(file, kept.text().as_bytes())
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
