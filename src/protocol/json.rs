//! Reads JSON objects field by field, so that one bad field does not lose the others.
//!
//! Values stay slices of the text until they are used: a value of another type, a repeated key, a number out of
//! range or half a surrogate pair affects its own field only.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Limit of the values in one event. No event of a conversation has a hundredth of them; without a limit, the longest
/// message could keep the session thread for as long as it takes to parse two million values.
pub(super) const VALUES: usize = 20_000;

/// Returns whether `text` has more than [`VALUES`] values: each but the first of an object or array follows a comma. The
/// commas of texts count too.
pub(super) fn has_too_many_values(text: &str) -> bool {
    text.len() > VALUES && memchr::memchr_iter(b',', text.as_bytes()).nth(VALUES).is_some()
}

/// Passes every field of the JSON object `text` to `take`, with its value as JSON text.
///
/// # Errors
/// When the text is not a JSON object.
pub(super) fn read_object<'a>(
    text: &'a str,
    take: impl FnMut(&str, &'a str),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(FieldVisitor(take))?;
    deserializer.end()
}

/// Returns the first `limit` elements of the JSON array `text`, as JSON text; none of any other value.
pub(super) fn elements(text: &str, limit: usize) -> Vec<&str> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_seq(ElementVisitor(limit)).unwrap_or_default()
}

/// Returns a JSON string, borrowed from the text unless it has escapes; `None` for any other value.
pub(super) fn text(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    // The text of a delta is long, and its audio has no escapes: a search for the byte is ten times as fast as `str`'s.
    if memchr::memchr(b'\\', inner.as_bytes()).is_some() {
        serde_json::from_str(&without_lone_surrogates(value)).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Returns a whole number, which may be written as a float (protocol §5); `None` for any other value.
pub(super) fn whole_number(value: &str) -> Option<u32> {
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number);
    let float = || value.parse().ok().filter(is_whole).map(|number: f64| number as u32);
    value.parse().ok().or_else(float)
}

/// Replaces every escape of half a surrogate pair by that of U+FFFD, which is as long. Half a pair is valid JSON but
/// no character; a service writes it where it divides or truncates a text between the halves.
pub(super) fn without_lone_surrogates(json: &str) -> Cow<'_, str> {
    let mut mended: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while let Some(offset) = json.get(at..).and_then(|rest| rest.find('\\')) {
        at += offset;
        let half = surrogate(json, at);
        if half == Some(Half::High) && surrogate(json, at + ESCAPE_LEN) == Some(Half::Low) {
            at += 2 * ESCAPE_LEN;
        } else if half.is_some() {
            let mended = mended.get_or_insert_default();
            mended.push_str(json.get(copied..at).unwrap_or_default());
            mended.push_str(REPLACEMENT);
            at += ESCAPE_LEN;
            copied = at;
        } else {
            // The escaped character is one byte, or the first of a longer one, which is no backslash.
            at += 1 + json.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        }
    }
    match mended {
        None => Cow::Borrowed(json),
        Some(mended) => Cow::Owned(mended + json.get(copied..).unwrap_or_default()),
    }
}

/// Length of `\uXXXX`.
const ESCAPE_LEN: usize = 6;
const REPLACEMENT: &str = "\\ufffd";

#[derive(PartialEq, Eq)]
enum Half {
    High,
    Low,
}

/// Returns which half of a surrogate pair is escaped at byte `at`, if one is.
fn surrogate(json: &str, at: usize) -> Option<Half> {
    let digits = json.get(at..at + ESCAPE_LEN)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

/// Visits the fields of one object.
struct FieldVisitor<F>(F);

impl<'de, F: FnMut(&str, &'de str)> Visitor<'de> for FieldVisitor<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(FieldName(key)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            (self.0)(&key, value.get());
        }
        Ok(())
    }
}

/// Visits the elements of one array.
struct ElementVisitor(usize);

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = array.next_element::<&RawValue>()? {
            if elements.len() < self.0 {
                elements.push(element.get());
            }
        }
        Ok(elements)
    }
}

/// The name of a field, read as bytes: as a string, half a surrogate pair in it would be an error.
struct FieldName<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for FieldName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(FieldNameVisitor)
    }
}

struct FieldNameVisitor;

impl<'de> Visitor<'de> for FieldNameVisitor {
    type Value = FieldName<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_borrowed_bytes<E>(self, key: &'de [u8]) -> Result<Self::Value, E> {
        Ok(FieldName(String::from_utf8_lossy(key)))
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(FieldName(Cow::Owned(String::from_utf8_lossy(key).into_owned())))
    }
}
