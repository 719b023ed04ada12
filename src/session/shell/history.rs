//! Keeps the history of the conversation, and passes it on: to a new session, to the terminal and to the recording.
//!
//! What belongs to the history is up to `history`, what was heard to `ledger`.

use super::Shell;
use crate::conversation::{Event, Id, ServiceEvent};
use crate::history::HeardPart;
use crate::model::Time;
use crate::protocol::{AudioDelta, ItemEvent, ItemWords, Role};
use crate::session::core::Context;

impl Shell {
    /// Handles what a message of the active link says about the items of the conversation.
    pub(in crate::session) fn handle_items(&mut self, event: &ItemEvent<'_>, context: &mut Context<'_>) {
        self.history.apply(event);
        self.report_words(context.now);
        let (item, words) = match event {
            ItemEvent::Words(ItemWords { role: Role::User, item, words, next: None, .. }) => {
                (item, !words.trim().is_empty())
            }
            ItemEvent::NotTranscribed { item } => (item, false),
            ItemEvent::Item(_)
            | ItemEvent::ReplyDone { .. }
            | ItemEvent::Words(_)
            | ItemEvent::Timestamp { .. }
            | ItemEvent::AudioDone { .. }
            | ItemEvent::Truncated { .. }
            | ItemEvent::Deleted { .. } => return,
        };
        let item = Id::try_from(&**item).ok().filter(|id| !id.is_empty());
        context.queue(Event::Service(ServiceEvent::Transcribed { item, words }));
    }

    /// Records audio of a reply, of which `queued` frames are to be played and `refused` ones are not.
    pub(in crate::session) fn record_audio(&mut self, delta: &AudioDelta<'_>, queued: usize, refused: usize) {
        let (queued, received) = (queued as u64, (queued + refused) as u64);
        self.history.audio(&delta.reply, &delta.item, delta.content_index, received, queued);
    }

    /// Records what was heard of the replies.
    pub(in crate::session) fn record_heard(&mut self, now: Time) {
        while let Some(played) = self.player.poll_played(now) {
            let (item, content_index) = (&played.item, played.content_index);
            let (frames, is_past) = (played.frames, played.orphaned);
            self.history.heard(HeardPart { item, content_index, frames, is_past });
            if played.was_cut {
                self.history.close(item, is_past);
            }
        }
        self.report_words(now);
    }

    /// Sends the history of the conversation to a session that was just configured.
    pub(in crate::session) fn send_history(&mut self, now: Time) {
        self.record_heard(now);
        let (items, recorder) = (self.history.replay(), &self.report.recorder);
        self.links
            .send_history(&items, &mut |kind, bytes, audio| recorder.record_sent(kind, bytes, audio, now));
    }

    /// Prints and records the words of items that will not change any more.
    pub(in crate::session) fn report_words(&mut self, now: Time) {
        while let Some(line) = self.history.poll_line() {
            let who = match line.role {
                Role::User => "you",
                Role::Assistant => "mynah",
            };
            self.report.recorder.record_transcript(who, &line.words, now);
            self.ui.print_words(who, &line.words, now);
        }
    }
}
