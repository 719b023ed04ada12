//! Text of others on one line: what the service, a file, a device or a recording says is shown, not obeyed.
//!
//! A control character, a change of direction or a line separator could move the cursor, colour the terminal, or make
//! a line look like another one (Unicode Standard Annex 9; Unicode Technical Report 36). A service or a proxy may repeat
//! a key in its answer, so that registered secrets are hidden too. It does not know who reads the text, and keeps
//! nothing else back but by its length.

use std::fmt::{self, Display, Write};
use std::io;
use std::sync::{PoisonError, RwLock};

/// Maximum length of a clipped text as it is displayed, in characters: a service must not flood the log.
const CLIPPED_CHARACTERS: usize = 300;

/// Secrets that are kept: key, token, and a proxy's password in three forms, with room for renewed tokens. The oldest is
/// forgotten.
const SECRETS: usize = 16;
/// Minimum length of a secret, in bytes: a shorter one would hide words that it only looks like.
const SECRET_BYTES: usize = 6;
/// What is displayed instead of a secret.
const HIDDEN: &str = "***";

static REGISTERED: RwLock<Registered> =
    RwLock::new(Registered { secrets: [const { String::new() }; SECRETS], next: 0 });

/// A text that is displayed on one line: white space other than a blank becomes a blank, and other characters that
/// are not printable are escaped, such as `\u{1b}`. A registered secret is displayed as `***`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        let mut rest = self.0;
        while let Some((at, length)) = registered.find(rest) {
            rest[..at].chars().try_for_each(|character| write_printable(character, f))?;
            f.write_str(HIDDEN)?;
            rest = &rest[at + length..];
        }
        rest.chars().try_for_each(|character| write_printable(character, f))
    }
}

/// Registers a secret that no [`Printable`] and no [`clipped`] text shows from now on. A short one is not registered.
pub fn redact(secret: &str) {
    if secret.len() < SECRET_BYTES {
        return;
    }
    let secret = secret.to_owned();
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    if !registered.secrets.contains(&secret) {
        let next = registered.next;
        registered.secrets[next] = secret;
        registered.next = (next + 1) % SECRETS;
    }
}

/// The secrets that are hidden. They stay in memory until the program ends, as the credential itself does.
struct Registered {
    /// An empty one is none.
    secrets: [String; SECRETS],
    next: usize,
}

impl Registered {
    fn known(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str).filter(|secret| !secret.is_empty())
    }

    /// Returns where the first secret is in `text`, and its length; of several in one place, the longest.
    fn find(&self, text: &str) -> Option<(usize, usize)> {
        let found = self.known().filter_map(|secret| Some((text.find(secret)?, secret.len())));
        found.min_by_key(|(at, length)| (*at, std::cmp::Reverse(*length)))
    }
}

/// Returns the beginning of a text as [`Printable`] displays it, 300 characters at most.
#[must_use]
pub fn clipped(text: &str) -> String {
    let end = text.char_indices().nth(CLIPPED_CHARACTERS).map_or(text.len(), |(at, _)| at);
    // A secret is not cut in two, since its beginning would be shown.
    let longest = REGISTERED.read().unwrap_or_else(PoisonError::into_inner).known().map(str::len).max();
    let end = text.floor_char_boundary(end + longest.unwrap_or(0));
    // An escape is longer than what it stands for.
    Printable(&text[..end]).to_string().chars().take(CLIPPED_CHARACTERS).collect()
}

/// Returns the text of an error without the number of the operating system.
#[must_use]
pub fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}

fn write_printable(character: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match character {
        // Tab, line feed to carriage return, next line, line and paragraph separator.
        '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => f.write_char(' '),
        _ if character.is_control() || is_bidi_control(character) => {
            write!(f, "{}", character.escape_unicode())
        }
        _ => f.write_char(character),
    }
}

/// Returns whether the character has the Unicode property `Bidi_Control`.
fn is_bidi_control(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}
