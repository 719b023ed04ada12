//! Removes from a value what came along when it was copied: invisible characters, quotes, and the name before it.
//!
//! It removes only what cannot be part of the value. It does not validate the rest.

/// Removes white space from both ends, and the invisible characters that are copied from web pages.
pub(super) fn trim_invisible(text: &str) -> &str {
    text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
    })
}

/// Returns whether `c` is a quotation mark, straight or curly.
pub(super) fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{ab}' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}')
}

/// Removes the pairs of quotes around `value`, which `docker --env-file` and word processors leave there.
pub(super) fn unquoted(value: &str) -> &str {
    let mut value = value;
    while let Some(inside) = inside_quotes(trim_invisible(value)) {
        value = inside;
    }
    value
}

fn inside_quotes(value: &str) -> Option<&str> {
    let inside = value.strip_prefix(is_quote)?.strip_suffix(is_quote)?;
    let straight = |quote: Option<char>| quote.filter(|quote| quote.is_ascii());
    // Of two straight quotes both must be the same; curly ones differ from language to language.
    let (first, last) = (straight(value.chars().next()), straight(value.chars().next_back()));
    (first == last).then_some(inside)
}

/// Splits `NAME=VALUE` and `NAME: VALUE`, also after `export`. The value may be quoted.
pub(super) fn assignment(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix("export ").unwrap_or(text).trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')?;
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start_matches(' ');
    let value = rest.strip_prefix('=').or_else(|| rest.strip_prefix(": "))?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && !value.trim_matches('=').is_empty();
    is_name.then(|| (name, trim_invisible(value)))
}

/// Returns whether `text` is a placeholder of an example, such as `<your_api_key>`.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    (text.starts_with('<') && text.ends_with('>'))
        || ["your-", "your_", "your ", "replace_with", "xxxx"].iter().any(|start| text.starts_with(start))
}
