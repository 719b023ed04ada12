//! Who holds a GPIO line, as far as `/proc` says; used only to refuse one in a helpful sentence.
//!
//! Since Linux 5.19 the description of an open line request names its chip and lines
//! (`gpio-chip:` and `gpio-line:` in `/proc/PID/fdinfo/FD`). Processes of other users are not to be looked into.

use std::fs;
use std::path::Path;

/// Gives the process that has line `offset` of `chip`, as `python3, process 812`.
pub(super) fn of_line(chip: &str, offset: u32) -> Option<String> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let mut numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.find_map(|number| {
        let process = Path::new("/proc").join(number.to_string());
        let name = || fs::read_to_string(process.join("comm")).ok();
        holds(&process, chip, offset).then(name)?.map(|name| format!("{}, process {number}", name.trim()))
    })
}

fn holds(process: &Path, chip: &str, offset: u32) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    descriptors
        .filter(|fd| fs::read_link(fd.path()).is_ok_and(|link| link == Path::new("anon_inode:gpio-line")))
        .filter_map(|fd| fs::read_to_string(process.join("fdinfo").join(fd.file_name())).ok())
        .any(|info| names(&info, chip, offset))
}

/// Tells whether the description of an open file names line `offset` of `chip`.
fn names(info: &str, chip: &str, offset: u32) -> bool {
    let has = |key: &str, value: &str| {
        info.lines().any(|line| line.strip_prefix(key).is_some_and(|found| found.trim() == value))
    };
    has("gpio-chip:", chip) && has("gpio-line:", &offset.to_string())
}
