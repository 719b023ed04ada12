//! The command `mynah boards`: lists the boards, prints a board file, or checks one.
//!
//! It opens no device.

use std::ffi::OsString;
use std::path::Path;

use crate::config::boards::detect::match_signatures;
use crate::config::boards::parse::BoardFile;
use crate::config::boards::{BUILT_IN, built_in, card_not_found, detect_board, show, unknown_board};
use crate::config::host::HostInfo;
use crate::config::schema::suggest;
use crate::config::sources::file;

const USAGE: &str = "\
Usage: mynah boards             list the boards, and mark the one that this machine has
       mynah boards show NAME   print a board file, to copy and change
       mynah boards check FILE  check a board file, and print its contents or all errors
";

/// Runs the command with the arguments after `mynah boards`, and returns its output.
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
        ["show" | "check"] => Err(vec![format!("mynah boards {}: needs an argument\n{USAGE}", args[0])]),
        [arg, ..] => {
            let suggestion = suggest(arg, ["show", "check"]);
            Err(vec![format!("mynah boards {}: unknown command{suggestion}\n{USAGE}", args.join(" "))])
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
    text.push_str(&format!("\n* Without --board, mynah uses {}.\n", chosen.reason));
    if let Some(model) = &host.model {
        text.push_str(&format!("  This machine: {model}, {}.\n", host.card_ids()));
    } else {
        text.push_str(&format!("  This machine: unknown model, {}.\n", host.card_ids()));
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
    let problems = board_file.any_keyboard_problems(file);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut text = format!("{file} is a valid board file\n{}", show::summary(&board_file, host));
    if board_file.uses_card() && match_signatures(&board_file.signatures, host).is_none() {
        text.push_str(&format!("\nIt cannot start here now: {}\n", card_not_found(&board_file, host)));
    }
    Ok(text)
}
