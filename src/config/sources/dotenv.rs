//! Parses `.env`: one `NAME=VALUE` a line, with `export`, quotes and comments.
//!
//! It returns all variables, because other programs share the file, and does not expand `$NAME`. Its errors give the
//! line number and never quote the line, which may contain a secret.

use zeroize::Zeroizing;

pub(in crate::config) struct Variable {
    pub(in crate::config) name: String,
    pub(in crate::config) value: Zeroizing<String>,
    /// The line number, counted from 1.
    pub(in crate::config) line: usize,
}

/// Parses the `text` of a file. An invalid line becomes an error of its number and a description.
pub(in crate::config) fn parse(text: &str) -> Vec<Result<Variable, (usize, &'static str)>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, text)| variable(text, line).map_err(|reason| (line, reason)))
        .collect()
}

fn variable(text: &str, line: usize) -> Result<Variable, &'static str> {
    let assignment = text.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(text);
    let (name, value) = assignment.split_once('=').ok_or("not NAME=VALUE; a comment starts with #")?;
    let name = name.trim();
    if !is_name(name) {
        return Err("not NAME=VALUE; a name has only letters, digits and _, and does not start with a digit");
    }
    Ok(Variable { name: name.to_owned(), value: Zeroizing::new(unquote(value.trim())?), line })
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

fn unquote(value: &str) -> Result<String, &'static str> {
    let quote = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quote,
        Some('#') | None => return Ok(String::new()),
        Some(_) => {
            let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
            return Ok(value[..end].trim_end().to_owned());
        }
    };
    let mut unquoted = String::new();
    let mut rest = value[1..].chars();
    loop {
        match rest.next().ok_or("no closing quote on this line")? {
            '\\' if quote == '"' => match rest.next() {
                Some('n') => unquoted.push('\n'),
                Some(escaped) => unquoted.push(escaped),
                None => return Err("no closing quote on this line"),
            },
            character if character == quote => break,
            character => unquoted.push(character),
        }
    }
    let rest = rest.as_str().trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(unquoted)
    } else {
        Err("unexpected text after the closing quote")
    }
}
