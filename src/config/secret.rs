//! A key or token that is wiped from memory when dropped. It never appears in `Debug` output or in an error.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

/// The maximum length of a secret file, in bytes; bearer tokens have up to a few thousand.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A key or token. `Debug` shows `***`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Creates a secret from `text`, without surrounding white space.
    ///
    /// # Errors
    /// Returns why `text` is not a key or token, without quoting it.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if text.is_empty() {
            return Err("is empty");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("contains a space, a control character or a non-ASCII character, \
                        which no key or token does");
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Returns the end of the secret, such as `…1f3a`, by which a user can tell keys apart: at most four characters,
    /// and at most half of them.
    #[must_use]
    pub fn ending(&self) -> String {
        let shown = (self.0.len() / 2).min(4);
        format!("\u{2026}{}", &self.0[self.0.len() - shown..])
    }

    /// Returns the secret, for use in a request header. It must not be logged.
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

/// Reads the secret in `file`.
///
/// # Errors
/// Returns a message that names the file.
pub(super) fn from_file(file: &Path) -> Result<Secret, String> {
    let mut text = Zeroizing::new(String::new());
    File::open(file)
        .and_then(|open| open.take(MAX_FILE_BYTES).read_to_string(&mut text))
        .map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
    Secret::new(&text).map_err(|reason| format!("{}: {reason}", file.display()))
}

/// Returns a warning if users other than the owner of `file` can access it.
pub(super) fn permission_warning(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        format!(
            "{file} contains a secret and is accessible to other users (mode {:03o}); run: chmod 600 {file}",
            mode & 0o777,
            file = file.display()
        )
    })
}
