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
pub(super) const PLACES: [(&str, &str); 3] = [
    ("STATE_DIRECTORY", "state.toml"),
    ("XDG_STATE_HOME", "mynah/state.toml"),
    ("HOME", ".local/state/mynah/state.toml"),
];

/// The volume where nothing says another, percent.
const VOLUME: u8 = 100;

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
    let file = values.path(Key::StateFile).or_else(|| usual(values));
    let asked = values.percent(Key::Volume);
    let (muted, remembered) = file.as_deref().map_or((false, None), |file| remembered(values, file));
    let volume = match values.layer(Key::Volume) {
        Some(Layer::Flag) => asked,
        _ => remembered.or(asked),
    };
    SavedState { file, muted, volume: volume.unwrap_or(VOLUME) }
}

/// systemd may give several folders, with colons between them: the first is ours. One that is not absolute does not
/// count, as the XDG's specification says.
fn usual(values: &Values) -> Option<PathBuf> {
    PLACES.iter().find_map(|(variable, file)| {
        let folder = values.shared(variable)?.split(':').next().map(Path::new)?;
        folder.is_absolute().then(|| folder.join(file))
    })
}

fn remembered(values: &mut Values, file: &Path) -> (bool, Option<u8>) {
    let text = match file::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (false, None),
        Err(error) => {
            return (unclear(values, &format!("{}: cannot be read: {error}", file.display())), None);
        }
    };
    let shown = file.display().to_string();
    let mut top = StrictTable::parse(&shown, &text);
    top.demand("muted");
    let (muted, volume) = (top.switch("muted"), top.whole("volume", 0, 100));
    match (top.finish().first(), muted) {
        (None, Some(muted)) => (muted, volume.and_then(|volume| u8::try_from(volume).ok())),
        (None, None) => (unclear(values, &format!("{shown}: does not say whether muted")), None),
        (Some(problem), _) => (unclear(values, problem), None),
    }
}

/// Warns, and gives the safe answer to whether the microphone is muted.
fn unclear(values: &mut Values, problem: &str) -> bool {
    values
        .warn(format!("{problem}; so the microphone starts muted: unmute it, and the file is written anew"));
    true
}
