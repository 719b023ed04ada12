//! A key or token that is wiped from memory when dropped, and read as it is pasted. It never appears in `Debug` output
//! or in an error.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::Endpoint;
use super::endpoint::EXAMPLE;
use super::pasted::{assignment, is_placeholder, is_quote, trim_invisible, unquoted};
use super::sources::file::{self, NOT_UTF8};

/// A key or token. `Debug` shows `***`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Creates a secret from `text`, without what is copied along with a key: white space, quotes, and `NAME=`.
    ///
    /// # Errors
    /// Returns why `text` is not a key or token, without quoting it.
    pub fn new(text: &str) -> Result<Self, String> {
        let is_secret = |name: &str| {
            let name = name.to_ascii_uppercase();
            ["KEY", "TOKEN", "SECRET"].iter().any(|word| name.contains(word))
        };
        let mut text = text;
        // Each may be inside the other; removing one only shortens the text.
        loop {
            let inner = unquoted(trim_invisible(text).trim_end_matches([';', ',']));
            let inner = match assignment(inner) {
                Some((name, value)) if is_secret(name) && !inner.contains('\n') => value,
                Some(_) | None => inner,
            };
            if inner.len() == text.len() {
                break;
            }
            text = inner;
        }
        check(text)?;
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

/// Returns what is wrong with `text`.
fn check(text: &str) -> Result<(), String> {
    let starts_with =
        |start: &str| text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start));
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let position = |matches: fn(char) -> bool| text.chars().position(matches).map_or(0, |index| index + 1);
    Err(if text.trim_end_matches('=').is_empty() {
        "is empty".to_owned()
    } else if starts_with("bearer ") {
        "starts with the word Bearer and a space; remove both".to_owned()
    } else if text.starts_with(['{', '[']) {
        "is JSON; keep only the key or token in it".to_owned()
    } else if is_placeholder(text) {
        "is still the placeholder of an example; replace it by the key or token of your resource".to_owned()
    } else if ["https:", "http:", "wss:", "ws:"].into_iter().any(starts_with) {
        "is an address, not a key or token; was it exchanged with the endpoint?".to_owned()
    } else if ["${", "$("].iter().any(|start| text.starts_with(start)) {
        "refers to a variable or command, which is not replaced here; write the key or token itself"
            .to_owned()
    } else if lines > 1 {
        format!("has {lines} lines; keep only the one with the key or token")
    } else if text.contains(is_quote) {
        format!("contains a quotation mark at character {}, which no key or token does", position(is_quote))
    } else if text.contains(char::REPLACEMENT_CHARACTER) {
        format!("is {NOT_UTF8}")
    } else if text.contains(char::is_whitespace) {
        format!("contains a space at character {}, which no key or token does", position(char::is_whitespace))
    } else if let Some((index, other)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_graphic()) {
        format!(
            "contains the character U+{:04X} at character {}, which no key or token does",
            u32::from(other),
            index + 1
        )
    } else {
        return Ok(());
    })
}

/// Reads the secret in `file`, to send it to `host`, if the host is known. A line `host = NAME` in the file names the
/// only host that the secret is for.
///
/// # Errors
/// Returns a message that names the file.
pub(super) fn from_file(file: &Path, host: Option<&str>) -> Result<Secret, String> {
    let name = file.display();
    let found = file::read_any(file).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    let Some(line) = found.text.lines().find(|line| host_in(line).is_some()) else {
        return Secret::new(&found.text).map_err(|reason| format!("{name}: {reason}"));
    };
    let own = host_in(line).and_then(|host| Endpoint::new(host, "", "").ok());
    let own = own.ok_or_else(|| format!("{name}: the line of its host names none; {EXAMPLE}"))?.host;
    if let Some(host) = host.filter(|host| *host != own) {
        return Err(format!(
            "{name}: was given for {own}, and the endpoint is at {host}; write the secret of {host} into the file, with \
             its host, or correct the endpoint"
        ));
    }
    let lines = found.text.lines().filter(|other| *other != line);
    // A buffer that grows would leave copies of the secret in memory.
    let mut rest = Zeroizing::new(String::with_capacity(found.text.len() + 1));
    lines.for_each(|line| rest.extend([line, "\n"]));
    Secret::new(&rest).map_err(|reason| format!("{name}: {reason}"))
}

/// Returns the value of a line `host = NAME`.
fn host_in(line: &str) -> Option<&str> {
    let (name, host) = assignment(trim_invisible(line))?;
    name.eq_ignore_ascii_case("host").then_some(host)
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
