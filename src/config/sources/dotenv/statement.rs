//! One line of `.env`: a name and a value, in the spellings of the programs that write such a file.
//!
//! `NAME=VALUE` may follow `export`, `set`, `declare -x` or PowerShell's `$env:`, and YAML writes `NAME: VALUE`. It does
//! not read the value.

/// An assignment.
pub(super) struct Statement<'t> {
    pub(super) name: &'t str,
    pub(super) value: &'t str,
    /// Whether a shell would run it, in which a `;` ends a statement.
    pub(super) is_shell: bool,
}

/// Words before an assignment, and whether white space may separate name and value after them.
const LEADERS: [(&str, bool); 11] = [
    ("export", false),
    ("declare -x", false),
    ("typeset -x", false),
    ("readonly", false),
    ("setenv", true),
    ("setx", true),
    ("set", false),
    ("env", true),
    ("--env", false),
    ("-e", false),
    ("-", false),
];

impl<'t> Statement<'t> {
    /// Parses `line`, which is neither blank nor a comment. Other programs may use any character in a name.
    pub(super) fn parse(line: &'t str, is_own: &impl Fn(&str) -> bool) -> Option<Self> {
        let leader = LEADERS.iter().find_map(|(word, spaced)| Some((after_word(line, word)?, *spaced)));
        let (line, spaced) = leader.unwrap_or((line, false));
        // cmd.exe: set "NAME=VALUE"
        let whole = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let line = whole.filter(|whole| leader.is_some() && !whole.contains('"')).unwrap_or(line);
        let (line, powershell) = match after_ignoring_case(line, "$env:") {
            Some(rest) => (rest, true),
            None => match after_ignoring_case(line, "${env:") {
                Some(rest) => (rest, true),
                None => (line, false),
            },
        };
        let line = line.strip_prefix(['"', '\'']).unwrap_or(line);
        let end = line.find(|c: char| !is_name_character(c)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if name.is_empty() {
            return None;
        }
        let rest = rest.strip_prefix(['"', '\'', '}']).unwrap_or(rest);
        let value = after_sign(rest, is_own(name), spaced)?;
        Some(Self { name, value, is_shell: leader.is_some() || powershell })
    }
}

/// Returns the value after the sign between it and a name.
fn after_sign(rest: &str, own: bool, spaced: bool) -> Option<&str> {
    let trimmed = rest.trim_start();
    if let Some(value) = [":=", "?=", "="].iter().find_map(|sign| trimmed.strip_prefix(sign)) {
        return Some(value);
    }
    if let Some(value) = trimmed.strip_prefix(':')
        && (own || value.is_empty() || value.starts_with([' ', '\t', '"', '\'']))
    {
        return Some(value);
    }
    (spaced && rest.starts_with([' ', '\t'])).then_some(trimmed)
}

/// Returns the name of mynah's that `line` mentions, if it is no mere reference to its value.
pub(super) fn own_name_in(line: &str, is_own: &impl Fn(&str) -> bool) -> Option<String> {
    let mut before = ' ';
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        before = rest[..start].chars().next_back().unwrap_or(before);
        let word = &rest[start..];
        let end = word.find(|c: char| !is_name_character(c)).unwrap_or(word.len());
        if is_own(&word[..end]) && !matches!(before, '$' | '{') {
            return Some(word[..end].to_ascii_uppercase());
        }
        before = word[..end].chars().next_back().unwrap_or(before);
        rest = &word[end..];
    }
    None
}

/// Returns whether `line` only names variables, as `export NAME` and a file for Docker do: it sets nothing.
pub(super) fn only_names(line: &str) -> bool {
    let rest = LEADERS.iter().find_map(|(word, _)| after_word(line, word));
    let is_upper = |word: &str| is_name(word) && !word.contains(|c: char| c.is_ascii_lowercase());
    match rest {
        Some(rest) => rest.split_whitespace().all(is_upper),
        None => is_name(line),
    }
}

/// Returns whether `name` is a name to which `${NAME}` can refer.
pub(super) fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn after_word<'t>(line: &'t str, word: &str) -> Option<&'t str> {
    after_ignoring_case(line, word).filter(|rest| rest.starts_with([' ', '\t'])).map(str::trim_start)
}

fn after_ignoring_case<'t>(line: &'t str, start: &str) -> Option<&'t str> {
    line.get(..start.len()).filter(|found| found.eq_ignore_ascii_case(start)).map(|_| &line[start.len()..])
}
