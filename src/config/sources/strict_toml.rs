//! Strict reading of a TOML file: each key is read by name, and every key that was not read is an error.
//!
//! It knows lines and types, but not what a key means. It collects all problems until `finish`. `refuse` never quotes
//! a value, because a value in the config file may be a secret; `refuse_value` does, for board files and the state
//! file, which contain none.

use std::fmt::Display;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::toml_errors::{self, Salvage};
use crate::config::schema::suggest;
use crate::config::values::{Keyword, names};

/// A table of a file that is being read.
pub(in crate::config) struct StrictTable<'a> {
    file: &'a str,
    /// The byte offset at which each line of the file starts.
    lines: Rc<[usize]>,
    /// The table's header as written, such as `[[button]]`; empty for the root table.
    header: String,
    /// The line on which the table starts, counted from 1.
    line: usize,
    table: DeTable<'a>,
    known: Vec<&'static str>,
    problems: Vec<String>,
    /// The keys of the lines that are not TOML; `None` for a line whose key cannot be read.
    wrong_keys: Vec<Option<&'a str>>,
    /// Whether a part of the file could not be read, so that nothing is reported as missing.
    is_incomplete: bool,
}

/// A value and its line, counted from 1.
pub(in crate::config) struct Entry {
    pub(in crate::config) value: Scalar,
    pub(in crate::config) line: usize,
}

/// A value that is neither a list nor a table.
pub(in crate::config) enum Scalar {
    Text(String),
    Number(String),
    Switch(bool),
}

impl<'a> StrictTable<'a> {
    /// Parses the `text` of the file called `file`. Each line that is not TOML is one problem.
    pub(in crate::config) fn parse(file: &'a str, text: &'a str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut root = Self {
            file,
            lines: std::iter::once(0).chain(starts).collect(),
            header: String::new(),
            line: 1,
            table: DeTable::new(),
            known: Vec::new(),
            problems: Vec::new(),
            wrong_keys: Vec::new(),
            is_incomplete: false,
        };
        match DeTable::parse(text) {
            Ok(table) => root.table = table.into_inner(),
            Err(error) => {
                let line = error.span().map_or(1, |span| root.line_of(span.start));
                let Salvage { table, problems, wrong_keys, is_incomplete } =
                    toml_errors::salvage(text, error.message(), line);
                let place = |(line, reason)| format!("{file}, line {line}: invalid TOML: {reason}");
                root.problems.extend(problems.into_iter().map(place));
                (root.table, root.wrong_keys, root.is_incomplete) = (table, wrong_keys, is_incomplete);
            }
        }
        root
    }

    fn child(&self, header: String, line: usize, table: DeTable<'a>) -> Self {
        Self {
            file: self.file,
            lines: Rc::clone(&self.lines),
            header,
            line,
            table,
            known: Vec::new(),
            problems: Vec::new(),
            wrong_keys: Vec::new(),
            is_incomplete: self.is_incomplete,
        }
    }

    /// Removes and returns the value of `name`; refuses a list, a table or a date.
    pub(in crate::config) fn take(&mut self, name: &'static str) -> Option<Entry> {
        let (value, line) = self.remove(name)?;
        let Some(value) = scalar(&value) else {
            self.refuse(name, line, "must be a string in quotes, a number, true or false");
            return None;
        };
        Some(Entry { value, line })
    }

    /// Removes and returns the value of `name`; a list or a table becomes text, in JSON. Refuses a date.
    pub(in crate::config) fn take_json(&mut self, name: &'static str) -> Option<Entry> {
        let (value, line) = self.remove(name)?;
        if let Some(value) = scalar(&value) {
            return Some(Entry { value, line });
        }
        let Some(json) = json(&value) else {
            self.refuse(name, line, "has a part that is a date, or a number that JSON does not have");
            return None;
        };
        Some(Entry { value: Scalar::Text(json.to_string()), line })
    }

    /// Removes `name`, which is then no problem.
    pub(in crate::config) fn discard(&mut self, name: &str) {
        self.table.remove(name);
    }

    /// Sets the header, with which messages about the table name it.
    pub(in crate::config) fn set_header(&mut self, header: String) {
        self.header = header;
    }

    /// Reads the string `name`, if it is present.
    pub(in crate::config) fn text(&mut self, name: &'static str) -> Option<String> {
        let entry = self.take(name)?;
        match entry.value {
            Scalar::Text(text) if !text.trim().is_empty() => return Some(text),
            Scalar::Text(_) => self.refuse(name, entry.line, "must not be empty"),
            Scalar::Number(_) | Scalar::Switch(_) => {
                self.refuse(name, entry.line, "must be a string in quotes")
            }
        }
        None
    }

    /// Removes and returns the number `name` as it is written, if it is one.
    pub(in crate::config) fn number_text(&mut self, name: &'static str) -> Option<String> {
        match scalar(self.table.get(name)?.get_ref())? {
            Scalar::Number(number) => {
                self.remove(name);
                Some(number)
            }
            Scalar::Text(_) | Scalar::Switch(_) => None,
        }
    }

    /// Reads the string `name`, which is required.
    pub(in crate::config) fn required_text(&mut self, name: &'static str) -> Option<String> {
        self.require(name);
        self.text(name)
    }

    /// Reads `name` as one of the words of `C`.
    pub(in crate::config) fn keyword<C: Keyword>(&mut self, name: &'static str) -> Option<C> {
        let line = self.line_at(name);
        let raw = self.text(name)?;
        let alias = C::ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(&raw));
        let word = alias.map_or(raw.as_str(), |(_, word)| word);
        let found = C::ALL.iter().find(|(keyword, _)| *keyword == word);
        if found.is_none() {
            let words = names::<C>();
            let suggestion = match C::hint(&raw) {
                Some(hint) => format!("; {hint}"),
                None => suggest(&raw, words.iter().copied()),
            };
            self.refuse_value(
                name,
                line,
                &format!("{raw:?}"),
                &format!("must be one of {}{suggestion}", words.join(", ")),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// Reads the Boolean `name`.
    pub(in crate::config) fn switch(&mut self, name: &'static str) -> Option<bool> {
        let entry = self.take(name)?;
        match entry.value {
            Scalar::Switch(switch) => return Some(switch),
            Scalar::Text(_) | Scalar::Number(_) => {
                self.refuse(name, entry.line, "must be true or false, without quotes");
            }
        }
        None
    }

    /// Reads a number from `min` to `max`.
    pub(in crate::config) fn number(&mut self, name: &'static str, min: f64, max: f64) -> Option<f64> {
        let entry = self.take(name)?;
        let Scalar::Number(raw) = entry.value else {
            self.refuse(name, entry.line, "must be a number, without quotes");
            return None;
        };
        let number = raw.parse::<f64>().ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.refuse_value(name, entry.line, &raw, &format!("must be a number from {min} to {max}"));
        }
        number
    }

    /// Reads a whole number from `min` to `max`.
    pub(in crate::config) fn integer(&mut self, name: &'static str, min: u32, max: u32) -> Option<u32> {
        let entry = self.take(name)?;
        let Scalar::Number(raw) = entry.value else {
            self.refuse(name, entry.line, "must be a whole number, without quotes");
            return None;
        };
        let number = raw.parse::<u32>().ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.refuse_value(name, entry.line, &raw, &format!("must be a whole number from {min} to {max}"));
        }
        number
    }

    /// Reads a list of strings, or a single string.
    pub(in crate::config) fn strings(&mut self, name: &'static str) -> Option<Vec<String>> {
        let text = |value: &DeValue<'_>| match scalar(value)? {
            Scalar::Text(text) => (!text.trim().is_empty()).then_some(text),
            Scalar::Number(_) | Scalar::Switch(_) => None,
        };
        self.list(name, text, "a string in quotes, or a list of strings")
    }

    /// Reads a list of distinct whole numbers from 0 to `max`, or a single one.
    pub(in crate::config) fn integers(&mut self, name: &'static str, max: u32) -> Option<Vec<u32>> {
        let number = |value: &DeValue<'_>| match scalar(value)? {
            Scalar::Number(raw) => raw.parse().ok().filter(|number| *number <= max),
            Scalar::Text(_) | Scalar::Switch(_) => None,
        };
        let line = self.line_at(name);
        let numbers =
            self.list(name, number, &format!("a list of whole numbers from 0 to {max}, such as [0]"))?;
        if numbers.iter().enumerate().any(|(at, number)| numbers[..at].contains(number)) {
            self.refuse(name, line, "lists a number twice");
            return None;
        }
        Some(numbers)
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        convert: impl Fn(&DeValue<'_>) -> Option<T>,
        what: &str,
    ) -> Option<Vec<T>> {
        let (value, line) = self.remove(name)?;
        let found: Option<Vec<T>> = match value.as_array() {
            Some(list) => list.iter().map(|one| convert(one.get_ref())).collect(),
            None => convert(&value).map(|one| vec![one]),
        };
        let found = found.filter(|found| !found.is_empty());
        if found.is_none() {
            self.refuse(name, line, &format!("must be {what}"));
        }
        found
    }

    /// Reads the table `name`; a missing table is empty.
    pub(in crate::config) fn table(&mut self, name: &'static str) -> Self {
        let (mut table, mut at) = (DeTable::new(), self.line);
        if let Some((value, line)) = self.remove(name) {
            at = line;
            if let DeValue::Table(found) = value {
                table = found;
            } else {
                self.refuse(name, line, &format!("must be a table, written [{name}]"));
            }
        }
        self.child(format!("[{name}]"), at, table)
    }

    /// Reads the array of tables `name`; a missing array is empty.
    pub(in crate::config) fn tables(&mut self, name: &'static str) -> Vec<Self> {
        let Some((value, at)) = self.remove(name) else { return Vec::new() };
        let mut found = Vec::new();
        let mut is_array_of_tables = false;
        if let DeValue::Array(list) = value {
            is_array_of_tables = true;
            for one in list {
                let line = self.line_of(one.span().start);
                if let DeValue::Table(table) = one.into_inner() {
                    found.push(self.child(format!("[[{name}]]"), line, table));
                } else {
                    is_array_of_tables = false;
                }
            }
        }
        if !is_array_of_tables {
            self.refuse(name, at, &format!("must be an array of tables, each written [[{name}]]"));
        }
        found
    }

    /// Returns whether `name` is present and has not been read.
    pub(in crate::config) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Returns the keys of the lines that are not TOML; `None` for a line whose key cannot be read.
    pub(in crate::config) fn wrong_keys(&self) -> &[Option<&'a str>] {
        &self.wrong_keys
    }

    /// Returns whether a part of the file could not be read.
    pub(in crate::config) fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// Removes each key that `meant` takes for another one, and returns it with its value and the other name.
    pub(in crate::config) fn take_misnamed<K>(
        &mut self,
        meant: impl Fn(&str) -> Option<K>,
    ) -> Vec<(K, String, Entry)> {
        let names: Vec<String> = self.table.keys().map(|key| key.get_ref().to_string()).collect();
        let mut found = Vec::new();
        for name in names {
            let Some(key) = meant(&name) else { continue };
            let Some(value) = self.table.remove(name.as_str()) else { continue };
            let line = self.line_of(value.span().start);
            found.extend(scalar(value.get_ref()).map(|value| (key, name, Entry { value, line })));
        }
        found
    }

    /// Removes and returns the sections, each with its name.
    pub(in crate::config) fn take_sections(&mut self) -> Vec<(String, Self)> {
        let is_section = |value: &Spanned<DeValue<'a>>| value.get_ref().is_table();
        let entries = self.table.iter().filter(|(_, value)| is_section(value));
        let names: Vec<String> = entries.map(|(key, _)| key.get_ref().to_string()).collect();
        let mut sections = Vec::new();
        for name in names {
            let Some(value) = self.table.remove(name.as_str()) else { continue };
            let line = self.line_of(value.span().start);
            if let DeValue::Table(table) = value.into_inner() {
                sections.push((name.clone(), self.child(String::new(), line, table)));
            }
        }
        sections
    }

    /// Reports a problem if `name` is missing.
    pub(in crate::config) fn require(&mut self, name: &'static str) {
        if self.has(name) || self.is_incomplete {
            return;
        }
        let place = match self.header.as_str() {
            "" => format!("{}: {name}", self.file),
            header if header.starts_with("[[") => self.place(name, self.line),
            header => format!("{}: {header} {name}", self.file),
        };
        self.problems.push(format!("{place}: is required"));
    }

    /// Reports a problem with `name` without quoting its value.
    pub(in crate::config) fn refuse(&mut self, name: &str, line: usize, reason: &str) {
        self.problems.push(format!("{}: {reason}", self.place(name, line)));
    }

    /// Reports a problem with `name` and quotes its value.
    pub(in crate::config) fn refuse_value(&mut self, name: &str, line: usize, value: &str, reason: &str) {
        self.problems.push(format!("{} = {value}: {reason}", self.place(name, line)));
    }

    /// Reports a problem with the table as a whole.
    pub(in crate::config) fn refuse_table(&mut self, reason: impl Display) {
        self.problems.push(format!("{}: {reason}", self.table_place()));
    }

    /// Reports a problem for each key of `names` that is present.
    pub(in crate::config) fn forbid(&mut self, names: &[&'static str], reason: &str) {
        for name in names {
            let line = self.line_at(name);
            if self.remove(name).is_some() {
                self.refuse(name, line, reason);
            }
        }
    }

    /// Returns the number of problems so far, without those of inner tables.
    pub(in crate::config) fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Returns the place of the table, with which a message starts: file, line and header.
    pub(in crate::config) fn table_place(&self) -> String {
        format!("{}, line {}: {}", self.file, self.line, self.header)
    }

    /// Returns the line on which the table starts.
    pub(in crate::config) fn first_line(&self) -> usize {
        self.line
    }

    /// Returns the names of the keys that were not read.
    pub(in crate::config) fn unread_names(&self) -> Vec<String> {
        self.table.keys().map(|key| key.get_ref().to_string()).collect()
    }

    /// Returns the problems, one sentence each. Every key that was not read is a problem.
    pub(in crate::config) fn finish(self) -> Vec<String> {
        let unknown = |key: &Spanned<_>, name: &str| {
            let suggestion = suggest(name, self.known.iter().copied());
            format!("{}: unknown key{suggestion}", self.place(name, self.line_of(key.span().start)))
        };
        let unknown = self.table.keys().map(|key| unknown(key, key.get_ref()));
        self.problems.iter().cloned().chain(unknown).collect()
    }

    /// Returns the place of `name`, with which a message starts: file, line, header and key.
    pub(in crate::config) fn place(&self, name: &str, line: usize) -> String {
        match self.header.as_str() {
            "" => format!("{}, line {line}: {name}", self.file),
            header => format!("{}, line {line}: {header} {name}", self.file),
        }
    }

    /// Returns the line of `name`, or the line of the table if `name` is missing.
    pub(in crate::config) fn line_at(&self, name: &str) -> usize {
        self.table.get(name).map_or(self.line, |value| self.line_of(value.span().start))
    }

    fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    fn remove(&mut self, name: &'static str) -> Option<(DeValue<'a>, usize)> {
        self.known.push(name);
        let value = self.table.remove(name)?;
        let line = self.line_of(value.span().start);
        Some((value.into_inner(), line))
    }
}

fn scalar(value: &DeValue<'_>) -> Option<Scalar> {
    if let Some(text) = value.as_str() {
        return Some(Scalar::Text(text.to_owned()));
    }
    if let Some(switch) = value.as_bool() {
        return Some(Scalar::Switch(switch));
    }
    if let Some(number) = value.as_integer() {
        let decimal = match number.radix() {
            10 => None,
            radix => i64::from_str_radix(number.as_str(), radix).ok(),
        };
        return Some(Scalar::Number(decimal.map_or_else(|| number.as_str().to_owned(), |n| n.to_string())));
    }
    value.as_float().map(|number| Scalar::Number(number.as_str().to_owned()))
}

/// Returns `value` in JSON, which has no dates.
fn json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    if let Some(list) = value.as_array() {
        return list.iter().map(|one| json(one.get_ref())).collect::<Option<Vec<_>>>().map(Into::into);
    }
    if let DeValue::Table(table) = value {
        let fields = table.iter().map(|(key, one)| Some((key.get_ref().to_string(), json(one.get_ref())?)));
        return fields.collect::<Option<serde_json::Map<_, _>>>().map(Into::into);
    }
    match scalar(value)? {
        Scalar::Text(text) => Some(text.into()),
        Scalar::Switch(switch) => Some(switch.into()),
        Scalar::Number(number) => serde_json::from_str(number.replace('_', "").trim_start_matches('+')).ok(),
    }
}
