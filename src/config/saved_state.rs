//! The state that is kept between runs: mute, volume, and what the service has accepted.
//!
//! This module reads and formats the file; `background` writes it. An unreadable or invalid file means muted, so that
//! a microphone that the user muted does not open by mistake.

use std::io;
use std::path::{Path, PathBuf};

use super::schema::Key;
use super::sources::strict_toml::StrictTable;
use super::sources::{Layer, file as source_file};
use super::values::Values;

/// Where the file is if `state_file` is not set: environment variables that hold a directory, and the path in it. The
/// first variable that is set wins.
pub(super) const STATE_DIRS: [(&str, &str); 3] = [
    ("STATE_DIRECTORY", "state.toml"),
    ("XDG_STATE_HOME", "mynah/state.toml"),
    ("HOME", ".local/state/mynah/state.toml"),
];

/// Name of the file, beside the state file, that requests a factory reset. The card image, which holds more
/// settings than mynah does, looks for it.
pub const RESET_MARK: &str = "factory-reset";
/// Name of the file, beside the state file, with what the device's own canceller has learned of the speaker's echo.
pub const ECHO_FILE: &str = "learned-echo";
/// Name of the directory, beside the state file, of recordings of faults.
pub const RECORDINGS: &str = "recordings";
/// Extension of the files in it. Beyond a number, the oldest is removed.
pub const RECORDING_EXTENSION: &str = "jsonl";

/// The default volume, in percent.
const DEFAULT_VOLUME: u8 = 100;

/// The state that is kept between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// The file, which may not exist yet; `None` if the state is not kept.
    pub file: Option<PathBuf>,
    /// Whether the user has muted the microphone.
    pub muted: bool,
    /// The volume of replies, in percent.
    pub volume: u8,
    /// The mark of the address and the credential that the service has accepted last, if it has.
    pub accepted: Option<String>,
    /// The last conversation with the agent at that address, if it is one.
    pub conversation: Option<String>,
}

impl SavedState {
    /// Returns the text of the file.
    #[must_use]
    pub fn text(muted: bool, volume: u8, accepted: Option<&str>, conversation: Option<&str>) -> String {
        let line = |name, value: Option<&str>| {
            value.map_or_else(String::new, |value| format!("{name} = \"{value}\"\n"))
        };
        let (accepted, conversation) = (line("accepted", accepted), line("conversation", conversation));
        format!("{accepted}{conversation}muted = {muted}\nvolume = {volume}\n")
    }
}

/// Reads the saved state. The volume is that of the option, or else the saved one, or else that of the config file.
pub(super) fn read(values: &mut Values) -> SavedState {
    let file = file(values);
    let configured = values.percent(Key::Volume);
    let Saved { muted, volume: saved_volume, accepted, conversation } =
        file.as_deref().map_or_else(Saved::default, |file| read_saved(values, file));
    let volume = match values.layer(Key::Volume) {
        Some(Layer::CommandLine) => configured,
        _ => saved_volume.or(configured),
    };
    let volume = volume.unwrap_or(DEFAULT_VOLUME);
    if let Some(file) = file.as_deref().filter(|_| saved_volume == Some(0) && volume == 0) {
        warn_of_memory(values, file, "the volume is 0 %", "Raise it with + or the button");
    }
    SavedState { file, muted, volume, accepted, conversation }
}

/// Warns of a saved setting that silences the device, with the file that holds it and how to undo it.
fn warn_of_memory(values: &mut Values, file: &Path, what: &str, undo: &str) {
    values.warn(format!(
        "{what}, as it was left: {} remembers it. {undo}, or delete that file before the next start",
        file.display()
    ));
}

/// Returns the path of the file; `None` if the state is not kept.
pub(super) fn file(values: &mut Values) -> Option<PathBuf> {
    values.path(Key::StateFile).or_else(|| default_file(values))
}

/// Returns the default path of the file. `STATE_DIRECTORY` may list several directories (systemd.exec(5)), of which
/// the first is used. A relative directory is ignored (XDG Base Directory Specification).
pub(super) fn default_file(values: &Values) -> Option<PathBuf> {
    STATE_DIRS.iter().find_map(|(variable, file)| {
        let dir = values.state_dir(variable)?.split(':').next().map(Path::new)?;
        dir.is_absolute().then(|| dir.join(file))
    })
}

/// What the file says.
#[derive(Default)]
struct Saved {
    muted: bool,
    volume: Option<u8>,
    accepted: Option<String>,
    conversation: Option<String>,
}

fn read_saved(values: &mut Values, file: &Path) -> Saved {
    let text = match source_file::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Saved::default(),
        Err(error) => {
            return mute_and_warn(values, &format!("{}: cannot be read: {error}", file.display()));
        }
    };
    let display_name = file.display().to_string();
    let mut root = StrictTable::parse(&display_name, &text);
    root.require("muted");
    let (muted, volume) = (root.switch("muted"), root.integer("volume", 0, 100));
    let accepted = root.text("accepted").filter(|mark| mark.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_id = |id: &String| is_conversation_id(id);
    let conversation = root.text("conversation").filter(is_id);
    match (root.finish().first(), muted) {
        (None, Some(muted)) => {
            if muted {
                warn_of_memory(values, file, "the microphone is muted", "Unmute it with m or the button");
            }
            Saved {
                muted,
                volume: volume.and_then(|volume| u8::try_from(volume).ok()),
                accepted,
                conversation,
            }
        }
        (None, None) => mute_and_warn(values, &format!("{display_name}: muted is not set")),
        (Some(problem), _) => mute_and_warn(values, problem),
    }
}

/// Returns whether `id` looks like that of a conversation with an agent, so that it can be kept and sent.
#[must_use]
pub fn is_conversation_id(id: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (1..=128).contains(&id.len()) && id.bytes().all(is_usual)
}

/// Records a warning, and returns a state in which the microphone is muted.
fn mute_and_warn(values: &mut Values, problem: &str) -> Saved {
    values.warn(format!("{problem}; the microphone starts muted. Unmute it, which writes the file again"));
    Saved { muted: true, ..Saved::default() }
}
