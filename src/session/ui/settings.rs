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
    /// The mark of the access that the service has accepted last.
    accepted: Option<String>,
    /// The conversation with an agent that the next start resumes.
    conversation: Option<String>,
    /// One of the two has changed since it was saved.
    is_unsaved: bool,
    /// The saved settings are to be deleted.
    deleted: bool,
}

impl Settings {
    pub(super) fn new(saved: &SavedState) -> Self {
        Self {
            muted: saved.muted,
            volume: saved.volume,
            accepted: saved.accepted.clone(),
            conversation: saved.conversation.clone(),
            is_unsaved: false,
            deleted: false,
        }
    }

    /// Records the mark of an access that the service has accepted. A conversation belongs to the access that it was
    /// held with.
    pub(super) fn accept(&mut self, mark: String) {
        (self.accepted, self.conversation, self.is_unsaved) = (Some(mark), None, true);
    }

    /// Records the conversation with an agent that the next start resumes.
    pub(super) fn keep_conversation(&mut self, id: String) {
        if self.conversation.as_ref() != Some(&id) {
            (self.conversation, self.is_unsaved) = (Some(id), true);
        }
    }

    /// Deletes what was saved. The microphone is muted then.
    pub(super) fn delete(&mut self) {
        *self = Self {
            muted: true,
            volume: FULL_VOLUME,
            accepted: None,
            conversation: None,
            is_unsaved: false,
            deleted: true,
        };
    }

    /// Returns the next write, if these settings differ from those that were saved last.
    pub(super) fn poll_write(&mut self, muted: bool, volume: u8) -> Option<StateWrite> {
        if std::mem::take(&mut self.deleted) {
            return Some(StateWrite::Reset(SavedState::text(self.muted, self.volume, None, None)));
        }
        let has_changed = std::mem::take(&mut self.is_unsaved);
        if (muted, volume) == (self.muted, self.volume) && !has_changed {
            return None;
        }
        (self.muted, self.volume) = (muted, volume);
        let (accepted, conversation) = (self.accepted.as_deref(), self.conversation.as_deref());
        Some(StateWrite::Save(SavedState::text(muted, volume, accepted, conversation)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: SavedState =
        SavedState { file: None, muted: false, volume: 70, accepted: None, conversation: None };

    #[test]
    fn settings_are_saved_once_when_they_change() {
        let mut settings = Settings::new(&SAVED);
        assert_eq!(settings.poll_write(false, 70), None);
        assert_eq!(
            settings.poll_write(true, 70),
            Some(StateWrite::Save(SavedState::text(true, 70, None, None)))
        );
        assert_eq!(settings.poll_write(true, 70), None);
    }

    #[test]
    fn an_accepted_access_is_saved_once_and_kept_with_the_settings() {
        let mut settings = Settings::new(&SAVED);
        settings.accept("1a2b".to_owned());
        let text = SavedState::text(false, 70, Some("1a2b"), None);
        assert_eq!(settings.poll_write(false, 70), Some(StateWrite::Save(text)));
        assert_eq!(settings.poll_write(false, 70), None);
        let text = SavedState::text(true, 70, Some("1a2b"), None);
        assert_eq!(settings.poll_write(true, 70), Some(StateWrite::Save(text)));
    }

    #[test]
    fn a_conversation_is_saved_with_its_access_and_forgotten_with_it() {
        let mut settings = Settings::new(&SAVED);
        settings.accept("1a2b".to_owned());
        settings.keep_conversation("conv_1".to_owned());
        let text = SavedState::text(false, 70, Some("1a2b"), Some("conv_1"));
        assert_eq!(settings.poll_write(false, 70), Some(StateWrite::Save(text)));
        assert_eq!(settings.poll_write(false, 70), None);
        settings.accept("3c4d".to_owned());
        let text = SavedState::text(false, 70, Some("3c4d"), None);
        assert_eq!(settings.poll_write(false, 70), Some(StateWrite::Save(text)));
    }

    #[test]
    fn a_reset_saves_a_muted_microphone_and_then_what_differs_from_that() {
        let mut settings = Settings::new(&SAVED);
        settings.accept("1a2b".to_owned());
        settings.delete();
        let text = |muted| SavedState::text(muted, 100, None, None);
        assert_eq!(settings.poll_write(true, FULL_VOLUME), Some(StateWrite::Reset(text(true))));
        assert_eq!(settings.poll_write(true, FULL_VOLUME), None);
        assert_eq!(settings.poll_write(false, FULL_VOLUME), Some(StateWrite::Save(text(false))));
    }
}
