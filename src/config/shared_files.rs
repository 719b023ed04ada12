//! Rejects settings that lead to one file, where mynah would overwrite what it reads, or write two things.
//!
//! It compares files, not names: `./x`, a symbolic link and a hard link are the same file as `x`. It opens none of them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::boards;
use super::measured::MEASURED_FILE;
use super::saved_state::{ECHO_FILE, RECORDING_EXTENSION, RECORDINGS, RESET_MARK};
use super::schema::Key;
use super::values::Values;

/// Files that are read, most of them by later starts too.
const READ: [Key; 7] = [
    Key::Speech,
    Key::ApiKeyFile,
    Key::TokenFile,
    Key::ClientSecretFile,
    Key::ClientCertificate,
    Key::FederatedTokenFile,
    Key::CaFile,
];
/// The limit of symbolic links in a path, as in the kernel.
const MAX_LINKS: u32 = 40;

/// What mynah does with a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileAccess {
    Read,
    Write,
    /// Creates files of other names in this directory.
    WriteInside,
}

/// A file that a setting leads to.
struct FileUse {
    /// The setting; `None` for a file that is not set by one.
    key: Option<Key>,
    /// Where it is set, with which a message starts.
    place: String,
    path: PathBuf,
    access: FileAccess,
    identity: FileIdentity,
}

/// Reports each pair of settings that lead to one file, unless both only read it.
pub(super) fn reject(values: &mut Values, state_file: Option<&Path>) {
    let uses = file_uses(values, state_file);
    for (index, first) in uses.iter().enumerate() {
        let conflicts = uses[index + 1..].iter().filter_map(|second| conflict(first, second));
        conflicts.for_each(|problem| values.problem(problem));
    }
}

/// Returns the problem with two uses, of which the second is a writing one if either is.
fn conflict(first: &FileUse, second: &FileUse) -> Option<String> {
    let remedy = match (first.access, second.access) {
        (FileAccess::Read, FileAccess::Read) | (FileAccess::WriteInside, FileAccess::WriteInside) => {
            return None;
        }
        (FileAccess::Read, _) => {
            format!("mynah would overwrite what it reads. Choose another path for {}", second.place)
        }
        (_, _) => "each would overwrite the other. Choose another path for one of them".to_owned(),
    };
    if first.key == second.key {
        return None;
    }
    if second.removes(first) {
        return Some(format!(
            "{}: {} is in {}, of which mynah removes the oldest. Choose another path for it",
            first.place,
            first.path.display(),
            second.place
        ));
    }
    if !first.identity.is_same(&second.identity) {
        return None;
    }
    let (first_path, second_path) = (first.path.display(), second.path.display());
    Some(if first.path == second.path {
        format!("{} and {}: both are {first_path}; {remedy}", first.place, second.place)
    } else {
        format!(
            "{} and {}: {first_path} and {second_path} are the same file; {remedy}",
            first.place, second.place
        )
    })
}

/// Returns all files that the settings lead to: first those that are read, then those that are written.
fn file_uses(values: &Values, state_file: Option<&Path>) -> Vec<FileUse> {
    let mut uses = Vec::new();
    let mut add = |key: Option<Key>, place: String, path: PathBuf, access: FileAccess| {
        if let Some(identity) = FileIdentity::of(&path) {
            uses.push(FileUse { key, place, path, access, identity });
        }
    };
    for (place, path) in values.files_read() {
        add(None, place.clone(), path.clone(), FileAccess::Read);
    }
    let board =
        values.unchecked_path(Key::Board).filter(|_| values.text_matches(Key::Board, boards::is_path));
    let settings = READ.map(|key| (key, values.unchecked_path(key)));
    for (key, path) in settings.into_iter().chain([(Key::Board, board)]) {
        path.into_iter()
            .for_each(|path| add(Some(key), values.place(key).to_owned(), path, FileAccess::Read));
    }
    if let Some(path) = values.unchecked_path(Key::SpeakerFile) {
        add(Some(Key::SpeakerFile), values.place(Key::SpeakerFile).to_owned(), path, FileAccess::Write);
    }
    if let Some(path) = values.unchecked_path(Key::Record) {
        let place = values.place(Key::Record).to_owned();
        let mut older = path.clone().into_os_string();
        older.push(".1");
        add(Some(Key::Record), place.clone(), path, FileAccess::Write);
        add(Some(Key::Record), format!("the older half of {place}"), older.into(), FileAccess::Write);
    }
    if let Some(path) = state_file {
        let place = match values.layer(Key::StateFile) {
            Some(_) => values.place(Key::StateFile).to_owned(),
            None => "the default of state_file".to_owned(),
        };
        let key = Some(Key::StateFile);
        let beside = |name: &str| path.with_file_name(name);
        add(key, place.clone(), path.to_owned(), FileAccess::Write);
        add(key, format!("the temporary file of {place}"), path.with_extension("new"), FileAccess::Write);
        add(key, format!("the reset mark beside {place}"), beside(RESET_MARK), FileAccess::Write);
        let echo = beside(ECHO_FILE);
        add(
            key,
            format!("the temporary file of the echo beside {place}"),
            echo.with_extension("new"),
            FileAccess::Write,
        );
        add(key, format!("the learned echo beside {place}"), echo, FileAccess::Write);
        add(key, format!("what was measured beside {place}"), beside(MEASURED_FILE), FileAccess::Write);
        add(key, format!("the recordings beside {place}"), beside(RECORDINGS), FileAccess::WriteInside);
    }
    if let Some(path) = values.unchecked_path(Key::LogDir) {
        add(Some(Key::LogDir), values.place(Key::LogDir).to_owned(), path, FileAccess::WriteInside);
    }
    uses
}

impl FileUse {
    /// Returns whether this is the directory of recordings, and `other` would count as one of them.
    fn removes(&self, other: &FileUse) -> bool {
        let is_recordings = self.key == Some(Key::StateFile) && self.access == FileAccess::WriteInside;
        let path = &other.identity.path;
        is_recordings
            && path.parent() == Some(&self.identity.path)
            && path.extension().is_some_and(|extension| extension == RECORDING_EXTENSION)
    }
}

/// What two paths of one file have in common.
struct FileIdentity {
    /// Device and inode, if the file exists.
    inode: Option<(u64, u64)>,
    /// The path without links.
    path: PathBuf,
}

impl FileIdentity {
    /// Returns `None` for a file that cannot be overwritten: a device such as `/dev/null`, a pipe or a socket.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok();
        let is_storage = |file: &fs::Metadata| file.is_file() || file.is_dir();
        if metadata.as_ref().is_some_and(|file| !is_storage(file)) {
            return None;
        }
        let inode = metadata.map(|file| (file.dev(), file.ino()));
        Some(Self { inode, path: resolve(path, MAX_LINKS) })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.path == other.path || (self.inode.is_some() && self.inode == other.inode)
    }
}

/// Returns `path` without links, `.` and `..`. Of a file that does not exist, this is where it would be created.
fn resolve(path: &Path, links: u32) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let parent = path.parent().unwrap_or(path);
    if let (Ok(target), Some(links)) = (fs::read_link(path), links.checked_sub(1)) {
        return resolve(&parent.join(target), links);
    }
    match path.components().next_back() {
        Some(Component::Normal(name)) => resolve(parent, links).join(name),
        Some(Component::ParentDir) => {
            let mut resolved = resolve(parent, links);
            resolved.pop();
            resolved
        }
        Some(Component::CurDir | Component::RootDir | Component::Prefix(_)) | None => path.to_owned(),
    }
}
