//! One turn of the session's loop: the whole life of an event, and the order of everything else.
//!
//! It only orders; what is done is up to the shell and the conversation.

use super::Session;
use super::poll::ReadySources;
use super::shell::Source;
use crate::audio::AudioError;
use crate::conversation::Exit;
use crate::model::Time;

/// The sources in the order of a turn, each with the reason for its place.
const ORDER: [Source; 10] = [
    // A press is obeyed first: from its edge to the cut of the lane nothing is pumped, encoded or written. If it opens the
    // microphone, frames from before it that have yet to be pumped are discarded.
    Source::Inputs,
    // An exit is not delayed by audio or messages.
    Source::Signals,
    // Speech leaves before messages are parsed: a period is captured every 10 ms, and replies are buffered.
    Source::Microphone,
    // A connection precedes the messages that it delivers.
    Source::Background,
    // The active link precedes the standby: it may be lost and switch to it.
    Source::Service,
    Source::Standby,
    // Only a speaker that is connected can have played everything.
    Source::Devices,
    // Audio that has just arrived is still to be played, so messages come before the end of the reply.
    Source::Playback,
    // Deadlines come last: what arrived at the last moment arrived in time.
    Source::Conversation,
    Source::Links,
];

const _: () = assert!(ORDER.len() == Source::Links as usize + 1, "every source has its place");

impl Session {
    /// Runs one turn of the loop: handles everything that is ready at `now`. Returns why the session exits, once it does.
    ///
    /// One thing at a time is taken from outside, as events in the queue, and only when the queue is empty.
    ///
    /// # Errors
    /// Returns the error of an audio thread that has ended.
    pub fn turn(&mut self, ready: ReadySources, now: Time) -> Option<Result<Exit, AudioError>> {
        self.shell.begin_turn(ready, now);
        for source in ORDER {
            while self.shell.take(source, ready, &mut self.core.context(now)) {
                self.settle(now);
            }
            self.settle(now);
        }
        // What the turn has caused leaves the device. A link that fails is settled before the other is touched: the
        // conversation may switch to it.
        self.shell.flush(&mut self.core.context(now));
        self.settle(now);
        self.shell.maintain_standby(&mut self.core.context(now));
        self.settle(now);
        // The light changes by itself, and with the last frame that has left; in half duplex the microphone with the speaker.
        self.shell.follow_speaker(&self.core.context(now));
        // What was recorded is encoded once everything is done.
        self.shell.end_turn(&self.core.context(now))
    }

    /// Lets the conversation handle the queued events, and applies its actions, until no event is left; then sets
    /// microphone and light.
    ///
    /// Actions may queue further events: they wait until all actions of the current one are applied.
    pub(super) fn settle(&mut self, now: Time) {
        let mut is_changed = false;
        while let Some((handled, actions)) = self.core.handle_next(now) {
            let context = &mut self.core.context(now);
            // Before the actions: one that panics must leave its event in the recording.
            self.shell.follow(&handled, &actions, context);
            for action in actions {
                self.shell.apply(action, context);
            }
            self.shell.report_reply_end(&handled, context.conversation.state());
            is_changed = true;
        }
        if is_changed {
            self.shell.update_outputs(&self.core.context(now));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]
mod tests;
