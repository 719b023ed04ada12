//! Finds the process that holds a GPIO line, for error messages only.
//!
//! Since Linux 5.19 the fdinfo of a line request contains its chip and lines (`gpio-chip:` and `gpio-line:`
//! in
//! `/proc/PID/fdinfo/FD`). Processes of other users cannot be inspected.

use std::path::Path;

use crate::sys::proc;

/// Returns the process that holds line `offset` of `chip`, as `python3, process 812`.
pub(crate) fn of_line(chip: &str, offset: u32) -> Option<String> {
    let root = Path::new("/");
    let holds = |process: &u32| {
        proc::open_files(root, *process, "anon_inode:gpio-line").any(|info| names(&info, chip, offset))
    };
    let process = proc::processes(root).find(holds)?;
    proc::program(root, process).map(|name| format!("{name}, process {process}"))
}

/// Returns whether an fdinfo text contains line `offset` of `chip`.
fn names(info: &str, chip: &str, offset: u32) -> bool {
    let has = |key: &str, value: &str| {
        info.lines().any(|line| line.strip_prefix(key).is_some_and(|found| found.trim() == value))
    };
    has("gpio-chip:", chip) && has("gpio-line:", &offset.to_string())
}
