//! Reads languages, which are BCP-47 tags (protocol §8.3, §8.5). Whether a model knows a language is not decided here.

use super::Key;
use super::Values;

/// What may be written.
const ALLOWED: &str = "a language tag such as en or de-DE, or several with commas between them";

/// Reads the languages of `key`, each once, if it is set.
pub(super) fn tags(values: &mut Values, key: Key) -> Option<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    for tag in values.list(key, ALLOWED)? {
        if let Err(reason) = check(&tag) {
            values.refuse_value(key, &format!("{reason}; must be {ALLOWED}"));
            return None;
        }
        if !tags.iter().any(|known| known.eq_ignore_ascii_case(&tag)) {
            tags.push(tag);
        }
    }
    Some(tags)
}

/// Checks the form of a BCP-47 tag: a language of two or three letters, then parts of letters and digits.
pub(super) fn check(tag: &str) -> Result<(), String> {
    if tag.is_empty() {
        return Err("a part is empty".to_owned());
    }
    let mut parts = tag.split('-');
    let is_language = parts.next().is_some_and(|language| {
        matches!(language.len(), 2 | 3) && language.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    let is_part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_language && parts.all(is_part) { Ok(()) } else { Err(format!("{tag:?} is not a language tag")) }
}
