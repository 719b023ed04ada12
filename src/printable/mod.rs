//! Text of others on one line: what the service, a file, a device or a recording says is shown, not obeyed.
//!
//! A control character, a change of direction or a line separator could move the cursor, colour the terminal, or make
//! a line look like another one (Unicode Standard Annex 9; Unicode Technical Report 36). A service or a proxy may repeat
//! a key in its answer, so that registered secrets are hidden too, also encoded ones. It does not know who reads the
//! text, and keeps nothing else back but by its length.

mod rate;
mod secrets;

use std::fmt::{self, Display, Write};
use std::io;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

pub use rate::LineRate;
use secrets::Secrets;

/// Maximum length of a clipped text as it is displayed, in characters: a service must not flood the log.
const CLIPPED_CHARACTERS: usize = 300;

/// Maximum length of any line, in characters: ten minutes of speech, the most of a reply that is played, are about 9000.
const LINE_CHARACTERS: usize = 10_000;

/// What is displayed instead of a secret.
const HIDDEN: &str = "***";

static REGISTERED: RwLock<Secrets> = RwLock::new(Secrets::new());

/// A text that is displayed on one line: white space other than a blank becomes a blank, and other characters that
/// are not printable are escaped, such as `\u{1b}`. A registered secret is displayed as `***`, and of a text of more
/// than 10 000 characters the number of those that are left out.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = write_beginning(self.0, LINE_CHARACTERS, f)?;
        match self.0[shown..].chars().count() {
            0 => Ok(()),
            left_out => write!(f, "\u{2026} ({left_out} more characters)"),
        }
    }
}

/// Registers a secret that no [`Printable`] and no [`clipped`] text shows from now on, also as base64, in hexadecimal
/// digits, percent-encoded or with the escapes of JSON. A short one is not registered.
pub fn redact(secret: &str) {
    REGISTERED.write().unwrap_or_else(PoisonError::into_inner).add(secret);
}

/// Returns the beginning of a text as [`Printable`] displays it, 300 characters at most.
#[must_use]
pub fn clipped(text: &str) -> String {
    let mut shown = String::new();
    // Writing to a string does not fail.
    let _ = write_beginning(text, CLIPPED_CHARACTERS, &mut shown);
    shown
}

/// Writes as much of the beginning of `text` as is displayed in at most `room` characters, and returns its length in
/// bytes.
fn write_beginning(text: &str, mut room: usize, out: &mut impl Write) -> Result<usize, fmt::Error> {
    let registered = registered();
    // A secret is not cut in two, since its beginning would be shown.
    let end = text.char_indices().nth(room + registered.longest()).map_or(text.len(), |(at, _)| at);
    let mut hidden = registered.find(&text[..end]).into_iter().peekable();
    drop(registered);
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let secret = hidden.next_if(|range| range.start == at);
        let length = if secret.is_some() { HIDDEN.len() } else { displayed_length(character) };
        let Some(left) = room.checked_sub(length) else { break };
        room = left;
        at = match secret {
            Some(range) => {
                out.write_str(HIDDEN)?;
                range.end
            }
            None => {
                write_printable(character, out)?;
                at + character.len_utf8()
            }
        };
    }
    Ok(at)
}

fn registered() -> RwLockReadGuard<'static, Secrets> {
    REGISTERED.read().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the text of an error without the number of the operating system.
#[must_use]
pub fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}

fn write_printable(character: char, out: &mut impl Write) -> fmt::Result {
    match character {
        _ if is_white_space(character) => out.write_char(' '),
        _ if is_command(character) => write!(out, "{}", character.escape_unicode()),
        _ => out.write_char(character),
    }
}

/// Returns the number of characters that [`write_printable`] writes.
fn displayed_length(character: char) -> usize {
    let is_escaped = !is_white_space(character) && is_command(character);
    if is_escaped { character.escape_unicode().len() } else { 1 }
}

/// Returns whether a character is a tab, ends a line or a page, or separates lines or paragraphs.
fn is_white_space(character: char) -> bool {
    matches!(character, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_command(character: char) -> bool {
    character.is_control() || is_bidi_control(character)
}

/// Returns whether the character has the Unicode property `Bidi_Control`.
fn is_bidi_control(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}
