//! Parses `.env`, which many programs read: `NAME=VALUE`, with quotes over several lines, comments and `${NAME}`.
//!
//! Lines of other programs are skipped, whatever they are. A line that names a variable of mynah and is not an
//! assignment becomes an error of that variable. An error never quotes the line, which may contain a secret.

mod quotes;
mod statement;

use zeroize::Zeroizing;

use super::file::NOT_UTF8;
use crate::config::pasted::trim_invisible;
use quotes::Quoted;
use statement::Statement;

/// One assignment. `value` is an error if the line is not what its author meant.
pub(in crate::config) struct Variable {
    pub(in crate::config) name: String,
    pub(in crate::config) value: Result<Zeroizing<String>, String>,
    /// The line number, counted from 1.
    pub(in crate::config) line: usize,
}

/// Parses the `text` of a file, whose lines end with `\n`. `is_own` returns whether a name is one of mynah's,
/// `is_secret` whether it is that of a key or token. A value may refer to an earlier line, but not to the environment,
/// where secrets of other programs are.
pub(in crate::config) fn parse(
    text: &str,
    is_own: impl Fn(&str) -> bool,
    is_secret: impl Fn(&str) -> bool,
) -> Vec<Variable> {
    let lines: Vec<&str> = text.lines().collect();
    let mut variables: Vec<Variable> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let number = at + 1;
        let line = trim_invisible(line);
        at += 1;
        if line.is_empty() || line.starts_with(['#', ';', '[']) || line.starts_with("//") {
            continue;
        }
        let Some(statement) = Statement::parse(line, &is_own) else {
            if !statement::only_names(line)
                && let Some(name) = statement::own_name_in(line, &is_own)
            {
                let reason = format!("not an assignment; write {name}=VALUE on a line of its own");
                variables.push(Variable { name, value: Err(reason), line: number });
            }
            continue;
        };
        let own = is_own(statement.name);
        let (raw, more_lines) = raw_value(&statement, &lines[at..], own, &is_own);
        at += more_lines;
        let value = raw.and_then(|raw| {
            let lookup = |name: &str| {
                let earlier = variables.iter().rev().find(|variable| variable.name == name);
                earlier.and_then(|variable| variable.value.as_deref().ok().map(ToString::to_string))
            };
            // The value of another setting is shown in messages.
            let may_show = |name: &str| is_secret(statement.name) || !is_secret(name);
            raw.expand(own, |name| lookup(name).filter(|_| may_show(name)))
        });
        if own || value.is_ok() {
            variables.push(Variable { name: statement.name.to_owned(), value, line: number });
        }
    }
    variables
}

/// A value as it is written, without its quotes.
struct RawValue {
    text: Zeroizing<String>,
    /// Whether `\` escapes a character.
    escapes: bool,
    /// Whether `${NAME}` is replaced.
    expands: bool,
}

/// Returns the value of `statement` and the number of lines after its own that belong to it.
fn raw_value(
    statement: &Statement<'_>,
    following: &[&str],
    own: bool,
    is_own: &impl Fn(&str) -> bool,
) -> (Result<RawValue, String>, usize) {
    let value = trim_invisible(statement.value);
    let Some((open, closing)) = quotes::opening(value) else {
        let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
        let value = if value.starts_with('#') { "" } else { &value[..end] };
        let value = trim_invisible(value);
        let value = if statement.is_shell { value.trim_end_matches(';') } else { value };
        let raw = RawValue { text: Zeroizing::new(value.to_owned()), escapes: false, expands: true };
        return (Ok(raw), 0);
    };
    // A line that sets a variable of mynah is not part of a text: the quote before it was left open.
    let sets_own = |line: &str| Statement::parse(line, is_own).is_some_and(|one| is_own(one.name));
    let following = following.iter().copied().take_while(|line| !sets_own(trim_invisible(line)));
    match quotes::closed(value, following, open, closing) {
        Quoted::Closed { text, more_lines } => {
            let (escapes, expands) = (open == '"', open != '\'' && open != '\u{2018}');
            (Ok(RawValue { text, escapes, expands }), more_lines)
        }
        Quoted::TextAfter => {
            let reason = "there is text after the closing quote; put the whole value in one pair of quotes";
            (Err(reason.to_owned()), 0)
        }
        Quoted::Open if own => {
            (Err(format!("the quote {open} is not closed; add {open} at the end of the value")), 0)
        }
        Quoted::Open => (Err(String::new()), 0),
    }
}

impl RawValue {
    /// Replaces escapes, and `${NAME}` and `$NAME` by the value of an earlier line. A value of another program is left
    /// as it is.
    fn expand(
        self,
        own: bool,
        earlier: impl Fn(&str) -> Option<String>,
    ) -> Result<Zeroizing<String>, String> {
        if own && self.text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(NOT_UTF8.to_owned());
        }
        let mut result = Zeroizing::new(String::with_capacity(self.text.len()));
        let mut rest = self.text.as_str();
        while let Some(at) = rest.find(['\\', '$']) {
            result.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            rest = if rest.as_bytes()[at] == b'\\' {
                self.escape(after, &mut result)
            } else if !self.expands || !own {
                result.push('$');
                after
            } else {
                reference(after, &earlier, &mut result)?
            };
        }
        result.push_str(rest);
        Ok(result)
    }

    /// Appends what the characters after a `\` stand for, and returns the rest.
    fn escape<'t>(&self, after: &'t str, result: &mut String) -> &'t str {
        let Some(escaped) = after.chars().next().filter(|_| self.escapes) else {
            result.push('\\');
            return after;
        };
        match escaped {
            'n' => result.push('\n'),
            'r' => result.push('\r'),
            't' => result.push('\t'),
            '"' | '\\' | '$' | '\'' | '`' => result.push(escaped),
            _ => result.extend(['\\', escaped]),
        }
        &after[escaped.len_utf8()..]
    }
}

/// Appends the value of the reference whose `$` is before `after`, and returns the rest.
fn reference<'t>(
    after: &'t str,
    earlier: &impl Fn(&str) -> Option<String>,
    result: &mut String,
) -> Result<&'t str, String> {
    if after.starts_with('(') {
        return Err("is a shell command, which mynah does not run; write its result instead".to_owned());
    }
    if let Some((inner, rest)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) {
        let (name, default) = match inner.split_once('-') {
            Some((name, default)) => (name.trim_end_matches(':'), Some(default)),
            None => (inner, None),
        };
        let found = earlier(name).filter(|value| !value.is_empty());
        let value = found.map(Zeroizing::new);
        match value.as_ref().map(|value| value.as_str()).or(default) {
            Some(value) => result.push_str(value),
            None if statement::is_name(name) => {
                return Err(format!(
                    "refers to ${{{name}}}, which no earlier line sets, and this file may not use the environment; \
                     write the value itself"
                ));
            }
            None => result.push_str(&format!("${{{inner}}}")),
        }
        return Ok(rest);
    }
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
    let (name, rest) = after.split_at(end);
    match earlier(name).map(Zeroizing::new) {
        Some(value) if !name.is_empty() => result.push_str(&value),
        Some(_) | None => {
            result.push('$');
            result.push_str(name);
        }
    }
    Ok(rest)
}
