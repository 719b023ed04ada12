//! `mynah replay`: which recording is to be lived again, and whether it is to be told.
//!
//! It opens no file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const USAGE: &str = "\
Usage: mynah replay [--verbose] FILE    live a recording again: 0 it is all the same, 1 it differs, 2 it is none
       with --verbose, tell what happened in it as well";

/// What is to be lived again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRequest {
    pub file: PathBuf,
    /// Whether every line is to be told.
    pub verbose: bool,
}

/// Understands the words after `mynah replay`.
pub(super) fn request(args: &[OsString], dir: &Path) -> Result<ReplayRequest, Vec<String>> {
    let is_verbose = |arg: &&OsString| *arg == "--verbose";
    let (flags, positional): (Vec<_>, Vec<_>) = args.iter().partition(is_verbose);
    match positional[..] {
        [file] if !file.to_string_lossy().starts_with('-') => {
            Ok(ReplayRequest { file: dir.join(file), verbose: !flags.is_empty() })
        }
        [] => Err(vec![format!("mynah replay: of which file?\n{USAGE}")]),
        [arg, ..] => {
            let arg = positional.get(1).unwrap_or(&arg).to_string_lossy();
            Err(vec![format!("mynah replay: {arg:?} is not understood\n{USAGE}")])
        }
    }
}
