//! Text of others on one line: what the service, a file, a device or a recording says is shown, not obeyed.
//!
//! A control character, a change of direction or a line separator could move the cursor, colour the terminal, or make
//! a line look like another one (Unicode Standard Annex 9; Unicode Technical Report 36). It does not know who reads the
//! text, and hides nothing but by its length.

use std::fmt::{self, Display, Write};

/// Maximum length of a clipped text as it is displayed, in characters: a service must not flood the log.
const CLIPPED_CHARACTERS: usize = 300;

/// A text that is displayed on one line: white space other than a blank becomes a blank, and other characters that
/// are not printable are escaped, such as `\u{1b}`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| write_printable(character, f))
    }
}

/// Returns the beginning of a text as [`Printable`] displays it, 300 characters at most.
#[must_use]
pub fn clipped(text: &str) -> String {
    let end = text.char_indices().nth(CLIPPED_CHARACTERS).map_or(text.len(), |(at, _)| at);
    // An escape is longer than what it stands for.
    Printable(&text[..end]).to_string().chars().take(CLIPPED_CHARACTERS).collect()
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
