//! Writes equivalent TOML: one line per top-level key, inline tables, no comments.

use toml::{Table, Value};

/// Returns equivalent TOML, or `None` if `text` is not TOML.
pub(super) fn respell(text: &str) -> Option<String> {
    let table: Table = text.parse().ok()?;
    let lines =
        table.iter().map(|(name, value)| format!("{} = {}\n", write_string(name), write_value(value)));
    Some(lines.collect())
}

fn write_value(value: &Value) -> String {
    match value {
        Value::String(text) => write_string(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "nan".to_owned(),
        Value::Float(number) if number.is_infinite() => format!("{number}"),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(yes) => yes.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(list) => {
            let items: Vec<_> = list.iter().map(write_value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let fields: Vec<_> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", write_string(name), write_value(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn write_string(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}
