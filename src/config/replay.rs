//! Parses the arguments of `mynah replay`.
//!
//! It opens no file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const USAGE: &str = "\
Usage: mynah replay [--verbose] FILE    replay a recording; exit code 0: identical, 1: differs, 2: not a recording
       --verbose prints every line of it";

/// The arguments of `mynah replay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRequest {
    pub file: PathBuf,
    /// Whether to print every line of the recording.
    pub verbose: bool,
}

/// Parses the arguments after `mynah replay`.
pub(super) fn request(args: &[OsString], dir: &Path) -> Result<ReplayRequest, Vec<String>> {
    let is_verbose = |arg: &&OsString| *arg == "--verbose";
    let (options, positional): (Vec<_>, Vec<_>) = args.iter().partition(is_verbose);
    match positional[..] {
        [file] if !file.to_string_lossy().starts_with('-') => {
            Ok(ReplayRequest { file: dir.join(file), verbose: !options.is_empty() })
        }
        [] => Err(vec![format!("mynah replay: needs a FILE\n{USAGE}")]),
        [arg, ..] => {
            let arg = positional.get(1).unwrap_or(&arg).to_string_lossy();
            Err(vec![format!("mynah replay: unexpected argument {arg:?}\n{USAGE}")])
        }
    }
}
