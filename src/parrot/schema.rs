//! Schemas of JSON values, as constants: `session` and `items` describe protocol §6 and §8 with them.
//!
//! A check returns an error with the path of the value. It never changes a value.

use super::error::{EventError, path, reject_unknown_keys};
use serde_json::{Map, Value};

/// The schema of one value.
#[derive(Debug)]
pub(super) enum Schema {
    Anything,
    Text,
    Texts,
    Flag,
    /// A whole number from min to max, both included.
    Whole(u64, u64),
    /// A number from min to max, both included.
    Number(f64, f64),
    OneOf(&'static [&'static str]),
    /// A non-empty array of these strings.
    SomeOf(&'static [&'static str]),
    WholeOr(u64, u64, &'static str),
    Object,
    /// The number of required keys, which come first, and all allowed keys of an object.
    Keys(usize, Fields),
    /// An object whose `type` selects its keys: type, and the rest as in `Keys`.
    Typed(&'static [(&'static str, usize, Fields)]),
    /// `null`, or a value of the other schema.
    OrNull(&'static Schema),
}

/// Keys and the schemas of their values.
pub(super) type Fields = &'static [(&'static str, Schema)];

impl Schema {
    /// Returns an error if `value`, at path `param`, does not match.
    pub(super) fn check(&self, value: &Value, param: &str) -> Result<(), EventError> {
        let fits = match self {
            Self::Anything => true,
            Self::Text => value.is_string(),
            Self::Texts => is_array_of(value, Value::is_string),
            Self::Flag => value.is_boolean(),
            Self::Whole(min, max) => is_whole(value, *min, *max),
            Self::Number(min, max) => value.as_f64().is_some_and(|n| (*min..=*max).contains(&n)),
            Self::OneOf(choices) => is_one_of(value, choices),
            Self::SomeOf(choices) => {
                value.as_array().is_some_and(|all| !all.is_empty())
                    && is_array_of(value, |one| is_one_of(one, choices))
            }
            Self::WholeOr(min, max, word) => is_whole(value, *min, *max) || value.as_str() == Some(word),
            Self::Object => value.is_object(),
            Self::Keys(required, keys) => return check_keys(value, param, *required, keys, &[]),
            Self::Typed(types) => return check_typed(value, param, types),
            Self::OrNull(schema) => {
                return if value.is_null() { Ok(()) } else { schema.check(value, param) };
            }
        };
        if fits { Ok(()) } else { Err(EventError::value(param, self.expected())) }
    }

    fn expected(&self) -> String {
        match self {
            Self::Anything => "Any value.".to_owned(),
            Self::Text => "This must be a string.".to_owned(),
            Self::Texts => "This must be an array of strings.".to_owned(),
            Self::Flag => "This must be true or false.".to_owned(),
            Self::Whole(min, max) => format!("This must be a whole number from {min} to {max}."),
            Self::Number(min, max) => format!("This must be a number from {min} to {max}."),
            Self::OneOf(choices) => format!("Supported values are: {}.", choices.join(", ")),
            Self::SomeOf(choices) => format!("This must be a list of some of: {}.", choices.join(", ")),
            Self::WholeOr(min, max, word) => {
                format!("This must be a whole number from {min} to {max}, or \"{word}\".")
            }
            Self::Object | Self::Keys(..) | Self::Typed(_) => "This must be an object.".to_owned(),
            Self::OrNull(schema) => schema.expected(),
        }
    }
}

/// Returns an error for an unknown key that is not in `also_allowed`, a missing required key, or a value that
/// does not match.
fn check_keys(
    value: &Value,
    param: &str,
    required: usize,
    keys: Fields,
    also_allowed: &[&str],
) -> Result<(), EventError> {
    let object = object(value, param)?;
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).chain(also_allowed.iter().copied()).collect();
    reject_unknown_keys(object, param, &known)?;
    for (at, (key, schema)) in keys.iter().enumerate() {
        let param = path(param, key);
        match object.get(*key) {
            Some(value) => schema.check(value, &param)?,
            None if at < required => return Err(EventError::missing(&param)),
            None => {}
        }
    }
    Ok(())
}

fn check_typed(
    value: &Value,
    param: &str,
    types: &'static [(&'static str, usize, Fields)],
) -> Result<(), EventError> {
    let given = super::error::require_text(object(value, param)?, param, "type")?;
    match types.iter().find(|(kind, ..)| *kind == given) {
        Some((_, required, keys)) => check_keys(value, param, *required, keys, &["type"]),
        None => {
            let names: Vec<&str> = types.iter().map(|(kind, ..)| *kind).collect();
            Err(EventError::value(
                &path(param, "type"),
                format!("Supported values are: {}.", names.join(", ")),
            ))
        }
    }
}

/// Returns `value` as an object, or an error.
pub(super) fn object<'a>(value: &'a Value, param: &str) -> Result<&'a Map<String, Value>, EventError> {
    value.as_object().ok_or_else(|| EventError::value(param, "This must be an object."))
}

fn is_whole(value: &Value, min: u64, max: u64) -> bool {
    value.as_u64().is_some_and(|n| (min..=max).contains(&n))
}

fn is_one_of(value: &Value, choices: &[&str]) -> bool {
    value.as_str().is_some_and(|word| choices.contains(&word))
}

fn is_array_of(value: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|all| all.iter().all(fits))
}
