//! The user's settings that outlive a restart: mute and volume.
//!
//! It writes nothing: what is to be written is returned.

use crate::background::StateWrite;
use crate::config::SavedState;

/// The volume after a reset, percent.
pub(in crate::session) const FULL_VOLUME: u8 = 100;

/// The settings as last saved.
#[derive(Debug)]
pub(super) struct Settings {
    muted: bool,
    volume: u8,
    /// The saved settings are to be deleted.
    deleted: bool,
}

impl Settings {
    pub(super) fn new(saved: &SavedState) -> Self {
        Self { muted: saved.muted, volume: saved.volume, deleted: false }
    }

    /// Deletes what was saved.
    pub(super) fn delete(&mut self) {
        *self = Self { muted: false, volume: FULL_VOLUME, deleted: true };
    }

    /// Returns the next write, if these settings differ from those that were saved last.
    pub(super) fn poll_write(&mut self, muted: bool, volume: u8) -> Option<StateWrite> {
        if std::mem::take(&mut self.deleted) {
            return Some(StateWrite::Delete);
        }
        if (muted, volume) == (self.muted, self.volume) {
            return None;
        }
        (self.muted, self.volume) = (muted, volume);
        Some(StateWrite::Save(SavedState::text(muted, volume)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: SavedState = SavedState { file: None, muted: false, volume: 70 };

    #[test]
    fn settings_are_saved_once_when_they_change() {
        let mut settings = Settings::new(&SAVED);
        assert_eq!(settings.poll_write(false, 70), None);
        assert_eq!(settings.poll_write(true, 70), Some(StateWrite::Save(SavedState::text(true, 70))));
        assert_eq!(settings.poll_write(true, 70), None);
    }

    #[test]
    fn a_reset_deletes_and_saves_only_what_differs_from_new() {
        let mut settings = Settings::new(&SAVED);
        settings.delete();
        assert_eq!(settings.poll_write(false, FULL_VOLUME), Some(StateWrite::Delete));
        assert_eq!(settings.poll_write(false, FULL_VOLUME), None);
        assert_eq!(
            settings.poll_write(true, FULL_VOLUME),
            Some(StateWrite::Save(SavedState::text(true, 100)))
        );
    }
}
