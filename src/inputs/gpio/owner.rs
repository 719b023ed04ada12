//! Who holds a GPIO line, as far as `/proc` says; used only to refuse one in a helpful sentence.
//!
//! Since Linux 5.19 the description of an open line request names its chip and lines
//! (`gpio-chip:` and `gpio-line:` in `/proc/PID/fdinfo/FD`). Processes of other users are not to be looked into.

use std::path::Path;

use crate::sys::proc;

/// Returns the process that has line `offset` of `chip`, as `python3, process 812`.
pub(crate) fn of_line(chip: &str, offset: u32) -> Option<String> {
    let root = Path::new("/");
    let holds = |process: &u32| {
        proc::open_files(root, *process, "anon_inode:gpio-line").any(|info| names(&info, chip, offset))
    };
    let process = proc::processes(root).find(holds)?;
    proc::program(root, process).map(|name| format!("{name}, process {process}"))
}

/// Returns whether the description of an open file names line `offset` of `chip`.
fn names(info: &str, chip: &str, offset: u32) -> bool {
    let has = |key: &str, value: &str| {
        info.lines().any(|line| line.strip_prefix(key).is_some_and(|found| found.trim() == value))
    };
    has("gpio-chip:", chip) && has("gpio-line:", &offset.to_string())
}
