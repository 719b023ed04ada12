//! A TOML file read strictly: each key is asked for by name, and what nobody asked for is refused.
//!
//! It knows lines and kinds of value, not what any key means. Problems gather until `finish`. What is
//! read for the config file is quoted in no sentence, since it may be a secret; board files hold none.

use std::fmt::Display;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::schema::suggest;
use super::values::{Keyword, names};

/// One table of a file, until it is finished.
pub(super) struct StrictTable<'a> {
    file: &'a str,
    /// Where each line of the file begins; every value is asked for its line, so they are counted once.
    lines: Rc<[usize]>,
    /// The table's name in its brackets, as sentences call it; empty for the top of the file.
    header: String,
    /// Where the table begins, counted from 1.
    line: usize,
    table: DeTable<'a>,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

/// A value with the line it stands on, counted from 1.
pub(super) struct Entry {
    pub(super) value: Scalar,
    pub(super) line: usize,
}

/// The kinds of value that a key may have.
pub(super) enum Scalar {
    Text(String),
    Number(String),
    Switch(bool),
}

impl<'a> StrictTable<'a> {
    /// Parses the whole `text` of the file called `file`. What is not TOML is an empty table with a problem.
    pub(super) fn parse(file: &'a str, text: &'a str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut root = Self {
            file,
            lines: std::iter::once(0).chain(starts).collect(),
            header: String::new(),
            line: 1,
            table: DeTable::new(),
            known: Vec::new(),
            problems: Vec::new(),
        };
        match DeTable::parse(text) {
            Ok(table) => root.table = table.into_inner(),
            Err(error) => {
                let line = error.span().map_or(1, |span| root.line_of(span.start));
                root.problems.push(format!("{file}, line {line}: not TOML: {}", error.message()));
            }
        }
        root
    }

    fn child(&self, header: String, line: usize, table: DeTable<'a>) -> Self {
        let (file, lines) = (self.file, Rc::clone(&self.lines));
        Self { file, lines, header, line, table, known: Vec::new(), problems: Vec::new() }
    }

    /// Takes the value of `name`, if it is there and is one.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Entry> {
        let (value, line) = self.remove(name)?;
        let Some(value) = scalar(&value) else {
            self.refuse(name, line, "must be a plain value: text in quotes, a number, true or false");
            return None;
        };
        Some(Entry { value, line })
    }

    /// Takes the text of `name`, if it is there.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let entry = self.take(name)?;
        match entry.value {
            Scalar::Text(text) if !text.trim().is_empty() => return Some(text),
            Scalar::Text(_) => self.refuse(name, entry.line, "is empty"),
            Scalar::Number(_) | Scalar::Switch(_) => self.refuse(name, entry.line, "must be text in quotes"),
        }
        None
    }

    /// Takes the text of `name`, which must be there.
    pub(super) fn required_text(&mut self, name: &'static str) -> Option<String> {
        self.require(name);
        self.text(name)
    }

    /// Takes one of a few words.
    pub(super) fn keyword<C: Keyword>(&mut self, name: &'static str) -> Option<C> {
        let line = self.line_at(name);
        let raw = self.text(name)?;
        let found = C::ALL.iter().find(|(keyword, _)| *keyword == raw);
        if found.is_none() {
            let words = names::<C>();
            let suggestion = suggest(&raw, words.iter().copied());
            self.refuse_value(
                name,
                line,
                &format!("{raw:?}"),
                &format!("not one of {}{suggestion}", words.join(", ")),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// Takes true or false.
    pub(super) fn switch(&mut self, name: &'static str) -> Option<bool> {
        let entry = self.take(name)?;
        match entry.value {
            Scalar::Switch(switch) => return Some(switch),
            Scalar::Text(_) | Scalar::Number(_) => {
                self.refuse(name, entry.line, "must be true or false, without quotes");
            }
        }
        None
    }

    /// Takes a number from `min` to `max`.
    pub(super) fn number(&mut self, name: &'static str, min: f64, max: f64) -> Option<f64> {
        let entry = self.take(name)?;
        let Scalar::Number(raw) = entry.value else {
            self.refuse(name, entry.line, "must be a number, without quotes");
            return None;
        };
        let number = raw.parse::<f64>().ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.refuse_value(name, entry.line, &raw, &format!("not a number from {min} to {max}"));
        }
        number
    }

    /// Takes a whole number from `min` to `max`.
    pub(super) fn integer(&mut self, name: &'static str, min: u32, max: u32) -> Option<u32> {
        let entry = self.take(name)?;
        let Scalar::Number(raw) = entry.value else {
            self.refuse(name, entry.line, "must be a whole number, without quotes");
            return None;
        };
        let number = raw.parse::<u32>().ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.refuse_value(name, entry.line, &raw, &format!("not a whole number from {min} to {max}"));
        }
        number
    }

    /// Takes texts: a list of them, or one alone.
    pub(super) fn strings(&mut self, name: &'static str) -> Option<Vec<String>> {
        let text = |value: &DeValue<'_>| match scalar(value)? {
            Scalar::Text(text) => (!text.trim().is_empty()).then_some(text),
            Scalar::Number(_) | Scalar::Switch(_) => None,
        };
        self.list(name, text, "text in quotes, or a list of such")
    }

    /// Takes whole numbers from 0 to `max`, each once: a list of them, or one alone.
    pub(super) fn integers(&mut self, name: &'static str, max: u32) -> Option<Vec<u32>> {
        let number = |value: &DeValue<'_>| match scalar(value)? {
            Scalar::Number(raw) => raw.parse().ok().filter(|number| *number <= max),
            Scalar::Text(_) | Scalar::Switch(_) => None,
        };
        let line = self.line_at(name);
        let numbers =
            self.list(name, number, &format!("a list of whole numbers from 0 to {max}, such as [0]"))?;
        if numbers.iter().enumerate().any(|(at, number)| numbers[..at].contains(number)) {
            self.refuse(name, line, "names a number twice");
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

    /// Takes the table called `name`; one that is not there is empty.
    pub(super) fn table(&mut self, name: &'static str) -> Self {
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

    /// Takes every table called `name`, as many as there are.
    pub(super) fn tables(&mut self, name: &'static str) -> Vec<Self> {
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
            self.refuse(name, at, &format!("must be written [[{name}]], once for each"));
        }
        found
    }

    /// Tells whether `name` is there and nobody has taken it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Refuses the table if `name` is not there.
    pub(super) fn require(&mut self, name: &'static str) {
        if self.has(name) {
            return;
        }
        let place = match self.header.as_str() {
            "" => format!("{}: {name}", self.file),
            header if header.starts_with("[[") => self.place(name, self.line),
            header => format!("{}: {header} {name}", self.file),
        };
        self.problems.push(format!("{place}: is missing"));
    }

    /// Refuses the value of `name` without showing it.
    pub(super) fn refuse(&mut self, name: &str, line: usize, reason: &str) {
        self.problems.push(format!("{}: {reason}", self.place(name, line)));
    }

    /// Refuses the value of `name` and shows it.
    pub(super) fn refuse_value(&mut self, name: &str, line: usize, value: &str, reason: &str) {
        self.problems.push(format!("{} = {value}: {reason}", self.place(name, line)));
    }

    /// Refuses the table as a whole.
    pub(super) fn refuse_table(&mut self, reason: impl Display) {
        self.problems.push(format!("{}: {reason}", self.table_place()));
    }

    /// Refuses each key of `names` that is there, for it does not belong with the others.
    pub(super) fn forbid(&mut self, names: &[&'static str], reason: &str) {
        for name in names {
            let line = self.line_at(name);
            if self.remove(name).is_some() {
                self.refuse(name, line, reason);
            }
        }
    }

    /// Counts what was refused so far.
    pub(super) fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Says where the table begins, as a sentence about it does.
    pub(super) fn table_place(&self) -> String {
        format!("{}, line {}: {}", self.file, self.line, self.header)
    }

    /// Gives the problems, one sentence each; every key that is left is one.
    pub(super) fn finish(self) -> Vec<String> {
        let unknown = |key: &Spanned<_>, name: &str| {
            let suggestion = suggest(name, self.known.iter().copied());
            format!("{}: unknown key{suggestion}", self.place(name, self.line_of(key.span().start)))
        };
        let unknown = self.table.keys().map(|key| unknown(key, key.get_ref()));
        self.problems.iter().cloned().chain(unknown).collect()
    }

    /// Says where `name` stands.
    pub(super) fn place(&self, name: &str, line: usize) -> String {
        match self.header.as_str() {
            "" => format!("{}, line {line}: {name}", self.file),
            header => format!("{}, line {line}: {header} {name}", self.file),
        }
    }

    /// Gives the line of `name`, or of the table where it is not there.
    pub(super) fn line_at(&self, name: &str) -> usize {
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
