//! `mynah boards`: which boards there are, what a file of one says, and whether it is a good one.

use std::ffi::OsString;
use std::path::Path;

use crate::config::boards::parse::BoardFile;
use crate::config::boards::{BUILT_IN, built_in, found, show, unknown};
use crate::config::file;
use crate::config::host::HostInfo;
use crate::config::schema::nearest;

/// How it is asked for.
const USAGE: &str = "\
Usage: mynah boards             list the boards, and say which one this machine has
       mynah boards show NAME   print a board's file, to be copied and changed
       mynah boards check FILE  say what a board file says, or everything that is wrong with it
";

/// Answers the words after `mynah boards`.
///
/// # Errors
/// Returns every problem, one sentence each.
pub(in super::super) fn request(
    words: &[OsString],
    dir: &Path,
    machine: &HostInfo,
) -> Result<String, Vec<String>> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => Ok(list(machine)),
        ["-h" | "--help"] => Ok(USAGE.to_owned()),
        ["show", name] => show_file(name).map_err(|problem| vec![problem]),
        ["check", file] => check(file, dir, machine),
        ["show" | "check"] => Err(vec![format!("mynah boards {}: of which board?\n{USAGE}", words[0])]),
        [word, ..] => {
            let meant = nearest(word, ["show", "check"]);
            Err(vec![format!("mynah boards {}: not understood{meant}\n{USAGE}", words.join(" "))])
        }
    }
}

fn list(machine: &HostInfo) -> String {
    let chosen = found(machine);
    let mut text = String::new();
    for (name, facts) in built_in() {
        let mark = if facts.name == chosen.facts.name { '*' } else { ' ' };
        text.push_str(&format!("{mark} {name:<22} {}\n", facts.about));
    }
    text.push_str(&format!("\n* Without --board it would be the {}.\n", chosen.why));
    if let Some(model) = &machine.model {
        text.push_str(&format!("  This machine is a {model}; {}.\n", machine.card_ids()));
    } else {
        text.push_str(&format!("  This machine does not name its model; {}.\n", machine.card_ids()));
    }
    text
}

fn show_file(name: &str) -> Result<String, String> {
    let file = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    file.map(|(_, text)| (*text).to_owned())
        .ok_or_else(|| format!("mynah boards show {name}: {}", unknown(name)))
}

fn check(file: &str, dir: &Path, machine: &HostInfo) -> Result<String, Vec<String>> {
    let text =
        file::read(&dir.join(file)).map_err(|error| vec![format!("{file}: cannot be read: {error}")])?;
    let facts = BoardFile::parse(file, &text)?;
    Ok(format!("{file} is a good board file\n{}", show::summary(&facts, machine)))
}
