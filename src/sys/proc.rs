//! The processes that `/proc` lists and their open files (proc(5)).
//!
//! The open files of another user's process cannot be read; such a process appears without files.

use std::fs;
use std::path::Path;

/// Returns the ids of all running processes.
pub fn processes(root: &Path) -> impl Iterator<Item = u32> {
    file_names(&root.join("proc")).filter_map(|name| name.parse().ok())
}

/// Returns the process that a thread belongs to; the thread id itself if `/proc` has no entry for it.
#[must_use]
pub fn process_of(root: &Path, thread: u32) -> u32 {
    let status = read(root, thread, "status").unwrap_or_default();
    field(&status, "Tgid").and_then(|process| process.parse().ok()).unwrap_or(thread)
}

/// Returns the name of a process's program; `None` if it cannot be read.
#[must_use]
pub fn program(root: &Path, process: u32) -> Option<String> {
    let comm = read(root, process, "comm").unwrap_or_default();
    let command = read(root, process, "cmdline").unwrap_or_default();
    let name = program_name(comm.trim(), &command);
    (!name.is_empty()).then(|| name.to_owned())
}

/// Returns the text of `fdinfo` for each open file of a process that links to `target`.
pub fn open_files(root: &Path, process: u32, target: &str) -> impl Iterator<Item = String> {
    let process = root.join(format!("proc/{process}"));
    file_names(&process.join("fd")).filter_map(move |fd| {
        let is_target =
            fs::read_link(process.join("fd").join(&fd)).is_ok_and(|link| link == Path::new(target));
        if is_target { fs::read_to_string(process.join("fdinfo").join(fd)).ok() } else { None }
    })
}

/// Returns the value of the first line `key: value`.
#[must_use]
pub fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

/// Returns the names of a folder's entries; empty if it cannot be read.
pub fn file_names(folder: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// The kernel truncates `comm` to 15 bytes; the command line has the full name, unless the program changed
/// it.
fn program_name<'a>(comm: &'a str, command: &'a str) -> &'a str {
    let path = command.split('\0').next().unwrap_or_default();
    path.rsplit('/').next().filter(|name| name.starts_with(comm)).unwrap_or(comm)
}

fn read(root: &Path, process: u32, file: &str) -> Option<String> {
    fs::read_to_string(root.join(format!("proc/{process}/{file}"))).ok()
}
