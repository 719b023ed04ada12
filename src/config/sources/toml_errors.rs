//! Finds every wrong line of a TOML file that does not parse, and says what its author probably meant.
//!
//! A parser stops at the first error, or misreads what follows it. It never quotes a value, which may be a secret.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::pasted::is_quote;

/// What could be read of a file that does not parse.
pub(super) struct Salvage<'a> {
    pub(super) table: DeTable<'a>,
    /// Each problem: its line, counted from 1, and a description.
    pub(super) problems: Vec<(usize, String)>,
    /// The keys of the wrong lines; `None` for a line whose key cannot be read.
    pub(super) wrong_keys: Vec<Option<&'a str>>,
    /// Whether the table lacks what may be in the file: it has sections, which are not salvaged.
    pub(super) is_incomplete: bool,
}

/// Reads the `text` line by line. `message` is what the parser says about its first error, on `line`.
pub(super) fn salvage<'a>(text: &'a str, message: &str, line: usize) -> Salvage<'a> {
    let mut salvage =
        Salvage { table: DeTable::new(), problems: Vec::new(), wrong_keys: Vec::new(), is_incomplete: false };
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        lines.push((at, line));
        at += line.len();
    }
    let mut index = 0;
    while let Some((start, first)) = lines.get(index).copied() {
        if salvage.problems.len() == MAX_PROBLEMS {
            salvage.is_incomplete = true;
            break;
        }
        let number = index + 1;
        index += 1;
        let trimmed = first.trim();
        if trimmed.starts_with('[') {
            salvage.is_incomplete = true;
        }
        let mut end = start + first.len();
        if DeTable::parse(first).is_err() && !trimmed.starts_with('[') && goes_on(first) {
            let parses = |(at, line): &(usize, &str)| DeTable::parse(&text[start..at + line.len()]).is_ok();
            if let Some(more) = lines[index..].iter().take(MAX_LINES).position(parses) {
                let (at, line) = lines[index + more];
                (end, index) = (at + line.len(), index + more + 1);
            }
        }
        match DeTable::parse(&text[start..end]) {
            Ok(table) => salvage.add(table.into_inner(), start, number, text),
            Err(error) => {
                let key = key_of(trimmed);
                salvage.wrong_keys.push(key);
                salvage.problems.push((number, describe(trimmed, key, error.message())));
            }
        }
    }
    if salvage.problems.is_empty() {
        salvage.problems.push((line, message.to_owned()));
    }
    salvage
}

/// The most wrong lines that are looked for.
const MAX_PROBLEMS: usize = 50;
/// The most lines of one value that is looked at.
const MAX_LINES: usize = 64;

impl<'a> Salvage<'a> {
    /// Adds the entries of the statement at `start`, on line `number`.
    fn add(&mut self, table: DeTable<'a>, start: usize, number: usize, text: &str) {
        if self.is_incomplete {
            return;
        }
        for (key, value) in table {
            if let Some(first) = self.table.get(key.get_ref().as_ref()) {
                let line = text[..first.span().start].matches('\n').count() + 1;
                let key = key.get_ref();
                self.problems
                    .push((number, format!("duplicate key: line {line} sets {key} too; remove one of them")));
                continue;
            }
            let shift = |span: std::ops::Range<usize>| span.start + start..span.end + start;
            let (key_at, value_at) = (shift(key.span()), shift(value.span()));
            let value: DeValue<'a> = value.into_inner();
            self.table.insert(Spanned::new(key_at, key.into_inner()), Spanned::new(value_at, value));
        }
    }
}

/// Returns whether the value on `line` may end on a later one.
fn goes_on(line: &str) -> bool {
    ["\"\"\"", "'''", "[", "{"].iter().any(|open| line.contains(open))
}

/// Returns the key with which a line starts.
fn key_of(line: &str) -> Option<&str> {
    let line = ["export ", "set ", "$env:"].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    let line = line.strip_prefix(is_quote).unwrap_or(line);
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(0);
    let after = line[end..].strip_prefix(is_quote).unwrap_or(&line[end..]).trim_start();
    (end > 0 && after.starts_with(['=', ':'])).then(|| &line[..end])
}

/// Returns what is wrong with a line, and what to write.
fn describe(line: &str, key: Option<&str>, message: &str) -> String {
    let Some(key) = key else {
        return if line.contains(['=', '[']) {
            message.to_owned()
        } else {
            "not KEY = VALUE; a comment starts with #".to_owned()
        };
    };
    let after = line.split_once(['=', ':']).map_or("", |(_, value)| value.trim());
    let is_curly = |c: char| is_quote(c) && !c.is_ascii();
    if ["export ", "set ", "$env:"].iter().any(|word| line.starts_with(word)) {
        return format!("a line starts with its key: write {key} = \"…\"");
    }
    if line.find(':').unwrap_or(line.len()) < line.find('=').unwrap_or(line.len()) {
        return format!("there is : where = belongs: write {key} = \"…\"");
    }
    if after.starts_with(is_curly) {
        return format!("the quotes are not straight ones: write {key} = \"…\"");
    }
    if let Some(quote) = after.chars().next().filter(|quote| matches!(quote, '"' | '\'')) {
        let has_end = after[1..].contains(quote);
        return if has_end {
            message.to_owned()
        } else {
            format!("the quote {quote} is not closed; add {quote} at the end of the value")
        };
    }
    let word = after.split(['#', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "" => format!("{key} has no value"),
        "true" | "yes" | "on" => format!("write {key} = true, in small letters and without quotes"),
        "false" | "no" | "off" => format!("write {key} = false, in small letters and without quotes"),
        _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("text needs quotes, and a number has no unit: write {key} = \"…\", or only the number")
        }
        _ => format!("text needs quotes: write {key} = \"…\""),
    }
}
