//! Quotes around a value of `.env`: straight ones, backticks, and the curly ones of a word processor.
//!
//! It finds the end of a text in quotes. It replaces nothing in the text.

use zeroize::Zeroizing;

use crate::config::pasted::trim_invisible;

/// How a text in quotes ends.
pub(super) enum Quoted {
    /// After this number of further lines.
    Closed { text: Zeroizing<String>, more_lines: usize },
    /// There is more text on the line of the closing quote.
    TextAfter,
    /// There is no closing quote.
    Open,
}

/// Returns the quote with which `value` starts, and those that close it.
pub(super) fn opening(value: &str) -> Option<(char, &'static [char])> {
    let open = value.chars().next()?;
    let closing: &[char] = match open {
        '"' => &['"'],
        '\'' => &['\''],
        '`' => &['`'],
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' => &['\u{201d}', '\u{201c}', '\u{bb}', '"'],
        '\u{2018}' | '\u{2019}' | '\u{201a}' => &['\u{2019}', '\u{2018}', '\''],
        _ => return None,
    };
    Some((open, closing))
}

/// Looks for the end of the quote `open` with which `first` starts, in that line and the `following` ones.
pub(super) fn closed<'t>(
    first: &'t str,
    following: impl Iterator<Item = &'t str>,
    open: char,
    closing: &[char],
) -> Quoted {
    let first = &first[open.len_utf8()..];
    let mut text = Zeroizing::new(String::with_capacity(first.len() + 1));
    for (more_lines, line) in std::iter::once(first).chain(following).enumerate() {
        let Some((inside, after)) = split_at_quote(line, open, closing) else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        text.push_str(inside);
        return match (is_end(after), more_lines) {
            (true, _) => Quoted::Closed { text, more_lines },
            (false, 0) => Quoted::TextAfter,
            // The quote belongs to that later line, so the first one was left open.
            (false, _) => Quoted::Open,
        };
    }
    Quoted::Open
}

/// Splits `line` at the first closing quote that no `\` escapes.
fn split_at_quote<'t>(line: &'t str, open: char, closing: &[char]) -> Option<(&'t str, &'t str)> {
    let mut escaped = false;
    for (at, one) in line.char_indices() {
        if !escaped && closing.contains(&one) {
            return Some((&line[..at], &line[at + one.len_utf8()..]));
        }
        escaped = one == '\\' && open == '"' && !escaped;
    }
    None
}

/// Returns whether a line may end with `rest` after a closing quote: a comment, or the `;` or `,` of another format.
fn is_end(rest: &str) -> bool {
    let rest = trim_invisible(rest);
    let rest = trim_invisible(rest.strip_prefix([';', ',']).unwrap_or(rest));
    rest.is_empty() || rest.starts_with('#') || rest.starts_with("//")
}
