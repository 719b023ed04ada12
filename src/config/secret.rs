//! A key or token: wiped from memory when dropped, and never printed.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

/// The longest secret file that is read, bytes; bearer tokens reach a few thousand.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A key or token. `Debug` shows `***`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the secret out of `text`, without the white space around it.
    ///
    /// # Errors
    /// Returns why `text` cannot be one; the reason does not quote it.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if text.is_empty() {
            return Err("is empty");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("holds a space, a control character or a character that is not ASCII, \
                        which no key or token does");
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Gives the secret itself: for a header, and for nothing that is logged.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads the secret that `file` holds, or says in a sentence why that cannot be done.
pub(super) fn from_file(file: &Path) -> Result<Secret, String> {
    let mut text = Zeroizing::new(String::new());
    File::open(file)
        .and_then(|open| open.take(MAX_FILE_BYTES).read_to_string(&mut text))
        .map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
    Secret::new(&text).map_err(|reason| format!("{}: {reason}", file.display()))
}

/// Says how to close a `file` that users other than its owner may use, if they may.
pub(super) fn permission_warning(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        format!(
            "{file} holds a secret and is open to other users (mode {:03o}); run: chmod 600 {file}",
            mode & 0o777,
            file = file.display()
        )
    })
}
