//! What is recorded to files, and the sentence about it.
//!
//! It opens no file.

use std::path::{Path, PathBuf};

use super::schema::Key;
use super::values::Values;

/// What to record. The last minutes are always kept in memory.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// The file to which all events are written.
    pub file: Option<PathBuf>,
    /// Whether to record audio samples.
    pub sound: bool,
    /// Whether to record the words of the conversation.
    pub words: bool,
    /// Where the switches for sound and words are set.
    places: Vec<String>,
}

pub(super) fn read(values: &mut Values) -> RecordConfig {
    let file = values.path(Key::Record);
    let [sound, words] = [Key::RecordSound, Key::RecordWords].map(|key| values.switch(key));
    let set =
        [(sound, Key::RecordSound), (words, Key::RecordWords)].into_iter().filter(|(is_set, _)| *is_set);
    let places = set.map(|(_, key)| values.place(key).to_owned()).collect();
    RecordConfig { file, sound, words, places }
}

impl RecordConfig {
    /// Returns whether what is said is recorded: as words, or as sound.
    #[must_use]
    pub fn records_speech(&self) -> bool {
        self.sound || self.words
    }

    /// Returns the sentence that says so at every start, if it is. `folder` is that of the recordings of faults.
    #[must_use]
    pub fn notice(&self, folder: Option<&Path>) -> Option<String> {
        let what = match (self.sound, self.words) {
            (false, false) => return None,
            (true, false) => "the sound",
            (false, true) => "the words",
            (true, true) => "the sound and the words",
        };
        let mut places: Vec<_> = self.file.iter().map(|file| format!("to {}", file.display())).collect();
        places.extend(folder.map(|folder| format!("after a fault to {}", folder.display())));
        let places = if places.is_empty() { "in memory only".to_owned() } else { places.join(", and ") };
        Some(format!(
            "{what} of this conversation are recorded, {places} ({}); tell everyone who can be heard, or remove the \
             setting",
            self.places.join(" and ")
        ))
    }
}
