//! A TOML file read strictly: each key is asked for by name, and what nobody asked for is refused.
//!
//! It knows lines and kinds of value, not what any key means. Problems gather until `finish`. Its
//! sentences quote no text of the file that may be a secret.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::nearest;

/// One table of a file, until it is finished.
pub(super) struct Section<'a> {
    file: &'a str,
    text: &'a str,
    /// The table's name; empty for the top of the file.
    title: &'static str,
    table: DeTable<'a>,
    asked: Vec<&'static str>,
    problems: Vec<String>,
}

/// A value with the line it stands on, counted from 1.
pub(super) struct Entry {
    pub(super) value: Plain,
    pub(super) line: usize,
}

/// The kinds of value that a key may have.
pub(super) enum Plain {
    Text(String),
    Number(String),
    Switch(bool),
}

impl<'a> Section<'a> {
    /// Parses the whole `text` of the file called `file`. What is not TOML is an empty table with a problem.
    pub(super) fn parse(file: &'a str, text: &'a str) -> Self {
        let mut top = Self::new(file, text, "", DeTable::new());
        match DeTable::parse(text) {
            Ok(table) => top.table = table.into_inner(),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                top.problems.push(format!("{file}, line {line}: not TOML: {}", error.message()));
            }
        }
        top
    }

    fn new(file: &'a str, text: &'a str, title: &'static str, table: DeTable<'a>) -> Self {
        Self { file, text, title, table, asked: Vec::new(), problems: Vec::new() }
    }

    /// Takes the value of `name`, if it is there and is one.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Entry> {
        let value = self.claim(name)?;
        let line = line_of(self.text, value.span().start);
        let value = value.into_inner();
        let plain = if let Some(text) = value.as_str() {
            Plain::Text(text.to_owned())
        } else if let Some(switch) = value.as_bool() {
            Plain::Switch(switch)
        } else if let Some(number) = value.as_integer() {
            Plain::Number(number.as_str().to_owned())
        } else if let Some(number) = value.as_float() {
            Plain::Number(number.as_str().to_owned())
        } else {
            self.refuse(name, line, "must be a plain value: text in quotes, a number, true or false");
            return None;
        };
        Some(Entry { value: plain, line })
    }

    /// Takes the text of `name`, if it is there.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let entry = self.take(name)?;
        match entry.value {
            Plain::Text(text) if !text.trim().is_empty() => return Some(text),
            Plain::Text(_) => self.refuse(name, entry.line, "is empty"),
            Plain::Number(_) | Plain::Switch(_) => self.refuse(name, entry.line, "must be text in quotes"),
        }
        None
    }

    /// Takes the text of `name`, which must be there.
    pub(super) fn required_text(&mut self, name: &'static str) -> Option<String> {
        if !self.table.contains_key(name) {
            self.problems.push(format!("{}: [{}] {name}: is missing", self.file, self.title));
        }
        self.text(name)
    }

    /// Takes the table called `name`; one that is not there is empty.
    pub(super) fn table(&mut self, name: &'static str) -> Self {
        let mut table = DeTable::new();
        if let Some(value) = self.claim(name) {
            let line = line_of(self.text, value.span().start);
            match value.into_inner() {
                DeValue::Table(found) => table = found,
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => self.refuse(name, line, &format!("must be a table, written [{name}]")),
            }
        }
        Self::new(self.file, self.text, name, table)
    }

    /// Refuses one value.
    pub(super) fn refuse(&mut self, name: &str, line: usize, why: &str) {
        self.problems.push(format!("{}: {why}", self.place(name, line)));
    }

    /// Gives the problems, one sentence each; every key that is left is one.
    pub(super) fn finish(self) -> Vec<String> {
        let unknown = |key: &Spanned<_>, name: &str| {
            let meant = nearest(name, self.asked.iter().copied());
            format!("{}: unknown key{meant}", self.place(name, line_of(self.text, key.span().start)))
        };
        let unknown = self.table.keys().map(|key| unknown(key, key.get_ref()));
        self.problems.iter().cloned().chain(unknown).collect()
    }

    /// Says where `name` stands.
    pub(super) fn place(&self, name: &str, line: usize) -> String {
        match self.title {
            "" => format!("{}, line {line}: {name}", self.file),
            title => format!("{}, line {line}: [{title}] {name}", self.file),
        }
    }

    fn claim(&mut self, name: &'static str) -> Option<Spanned<DeValue<'a>>> {
        self.asked.push(name);
        self.table.remove(name)
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
