//! What is remembered from one run to the next: whether the microphone is muted, and how loud replies are.
//!
//! It is read here, once, and spelled here; writing the file is for others. A file that says nothing
//! clear means muted: the microphone of an owner who had muted it must not open by mistake.

use std::io;
use std::path::{Path, PathBuf};

use super::file;
use super::schema::Key;
use super::sources::Layer;
use super::strict_toml::StrictTable;
use super::values::Values;

/// Where the file is without `state_file`, the first that is set: the variable, and the path in its folder.
pub(super) const STATE_DIRS: [(&str, &str); 3] = [
    ("STATE_DIRECTORY", "state.toml"),
    ("XDG_STATE_HOME", "mynah/state.toml"),
    ("HOME", ".local/state/mynah/state.toml"),
];

/// The volume where nothing says another, percent.
const DEFAULT_VOLUME: u8 = 100;

/// What is remembered from one run to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// The file it is kept in; none means that nothing is. Neither it nor its folder need be there yet.
    pub file: Option<PathBuf>,
    /// Whether the owner had muted the microphone.
    pub muted: bool,
    /// How loud replies are, percent.
    pub volume: u8,
}

impl SavedState {
    /// Spells what is to be remembered, as the file holds it.
    #[must_use]
    pub fn text(muted: bool, volume: u8) -> String {
        format!("muted = {muted}\nvolume = {volume}\n")
    }
}

/// Reads what was remembered. A volume that a flag gives comes before the remembered one, and that before the
/// config file's.
pub(super) fn read(values: &mut Values) -> SavedState {
    let file = values.path(Key::StateFile).or_else(|| default_file(values));
    let configured = values.percent(Key::Volume);
    let (muted, saved_volume) = file.as_deref().map_or((false, None), |file| read_saved(values, file));
    let volume = match values.layer(Key::Volume) {
        Some(Layer::Flag) => configured,
        _ => saved_volume.or(configured),
    };
    SavedState { file, muted, volume: volume.unwrap_or(DEFAULT_VOLUME) }
}

/// systemd may give several folders, with colons between them: the first is ours. One that is not absolute does not
/// count, as the XDG's specification says.
fn default_file(values: &Values) -> Option<PathBuf> {
    STATE_DIRS.iter().find_map(|(variable, file)| {
        let dir = values.state_dir(variable)?.split(':').next().map(Path::new)?;
        dir.is_absolute().then(|| dir.join(file))
    })
}

fn read_saved(values: &mut Values, file: &Path) -> (bool, Option<u8>) {
    let text = match file::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (false, None),
        Err(error) => {
            return (mute_and_warn(values, &format!("{}: cannot be read: {error}", file.display())), None);
        }
    };
    let display_name = file.display().to_string();
    let mut root = StrictTable::parse(&display_name, &text);
    root.require("muted");
    let (muted, volume) = (root.switch("muted"), root.integer("volume", 0, 100));
    match (root.finish().first(), muted) {
        (None, Some(muted)) => (muted, volume.and_then(|volume| u8::try_from(volume).ok())),
        (None, None) => (mute_and_warn(values, &format!("{display_name}: does not say whether muted")), None),
        (Some(problem), _) => (mute_and_warn(values, problem), None),
    }
}

/// Warns, and gives the safe answer to whether the microphone is muted.
fn mute_and_warn(values: &mut Values, problem: &str) -> bool {
    values
        .warn(format!("{problem}; so the microphone starts muted: unmute it, and the file is written anew"));
    true
}
