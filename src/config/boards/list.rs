//! `mynah boards`: which boards there are, what a file of one says, and whether it is a good one.

use std::ffi::OsString;
use std::path::Path;

use crate::config::boards::parse::BoardFile;
use crate::config::boards::{BUILT_IN, built_in, detect_board, show, unknown_board};
use crate::config::file;
use crate::config::host::HostInfo;
use crate::config::schema::suggest;

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
    args: &[OsString],
    dir: &Path,
    host: &HostInfo,
) -> Result<String, Vec<String>> {
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
    match args.as_slice() {
        [] => Ok(list(host)),
        ["-h" | "--help"] => Ok(USAGE.to_owned()),
        ["show", name] => show_file(name).map_err(|problem| vec![problem]),
        ["check", file] => check(file, dir, host),
        ["show" | "check"] => Err(vec![format!("mynah boards {}: of which board?\n{USAGE}", args[0])]),
        [arg, ..] => {
            let suggestion = suggest(arg, ["show", "check"]);
            Err(vec![format!("mynah boards {}: not understood{suggestion}\n{USAGE}", args.join(" "))])
        }
    }
}

fn list(host: &HostInfo) -> String {
    let chosen = detect_board(host);
    let mut text = String::new();
    for (name, board_file) in built_in() {
        let mark = if board_file.name == chosen.board_file.name { '*' } else { ' ' };
        text.push_str(&format!("{mark} {name:<22} {}\n", board_file.about));
    }
    text.push_str(&format!("\n* Without --board it would be the {}.\n", chosen.reason));
    if let Some(model) = &host.model {
        text.push_str(&format!("  This machine is a {model}; {}.\n", host.card_ids()));
    } else {
        text.push_str(&format!("  This machine does not name its model; {}.\n", host.card_ids()));
    }
    text
}

fn show_file(name: &str) -> Result<String, String> {
    let file = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    file.map(|(_, text)| (*text).to_owned())
        .ok_or_else(|| format!("mynah boards show {name}: {}", unknown_board(name)))
}

fn check(file: &str, dir: &Path, host: &HostInfo) -> Result<String, Vec<String>> {
    let text =
        file::read(&dir.join(file)).map_err(|error| vec![format!("{file}: cannot be read: {error}")])?;
    let board_file = BoardFile::parse(file, &text)?;
    Ok(format!("{file} is a good board file\n{}", show::summary(&board_file, host)))
}
