//! TOML spelled otherwise: the same tables on one line for each key, without comments.

use toml::{Table, Value};

/// Spells `text` otherwise, where it is TOML.
pub(super) fn spell(text: &str) -> Option<String> {
    let table: Table = text.parse().ok()?;
    let lines = table.iter().map(|(name, value)| format!("{} = {}\n", quote(name), spell_value(value)));
    Some(lines.collect())
}

fn spell_value(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "nan".to_owned(),
        Value::Float(number) if number.is_infinite() => format!("{number}"),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(yes) => yes.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(list) => {
            let list: Vec<_> = list.iter().map(spell_value).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Table(table) => {
            let fields: Vec<_> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", quote(name), spell_value(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn quote(text: &str) -> String {
    let spell = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(spell).collect::<String>())
}
