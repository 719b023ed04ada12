//! The core of the session: the conversation, and the events that it has yet to handle.
//!
//! Only [`Core::handle_next`] calls the conversation's handler. Everything else sees the conversation through a shared
//! reference in a [`Context`], and can only queue events: so no event is handled while the actions of another are
//! applied. The core performs no I/O.

use super::event_queue::EventQueue;
use crate::conversation::{Actions, Conversation, Event, KeptAudio, State};
use crate::model::Time;

pub(super) struct Core {
    conversation: Conversation,
    events: EventQueue,
}

/// The conversation as it is now, the queue of its events, and the time.
pub(super) struct Context<'a> {
    pub(super) conversation: &'a Conversation,
    events: &'a mut EventQueue,
    pub(super) now: Time,
}

/// An event that the conversation has handled.
pub(super) struct Handled {
    pub(super) event: Event,
    /// What the event means for captured audio.
    pub(super) kept_audio: KeptAudio,
    /// The state before the event.
    pub(super) before: State,
}

impl Core {
    pub(super) fn new(conversation: Conversation) -> Self {
        Self { conversation, events: EventQueue::default() }
    }

    pub(super) fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    pub(super) fn context(&mut self, now: Time) -> Context<'_> {
        Context { conversation: &self.conversation, events: &mut self.events, now }
    }

    /// Lets the conversation handle the oldest event, and returns the actions that follow.
    pub(super) fn handle_next(&mut self, now: Time) -> Option<(Handled, Actions)> {
        let event = self.events.pop()?;
        let (kept_audio, before) = (self.conversation.kept_audio(&event), self.conversation.state());
        let actions = self.conversation.handle(&event, now);
        Some((Handled { event, kept_audio, before }, actions))
    }

    /// Returns when the conversation needs a [`Event::Tick`].
    pub(super) fn deadline(&self) -> Option<Time> {
        self.conversation.deadline()
    }
}

impl Context<'_> {
    /// Queues an event for the conversation.
    pub(super) fn queue(&mut self, event: Event) {
        self.events.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Action, LinkChange, Mode, UserInput};

    #[test]
    fn an_event_waits_until_the_actions_of_the_one_before_are_applied() {
        let now = Time::ZERO;
        let (conversation, _) = Conversation::begin(Mode::Open, false, 1, now);
        let mut core = Core::new(conversation);
        core.context(now).queue(Event::Link(LinkChange::Up));
        let (handled, actions) = core.handle_next(now).unwrap_or_else(|| unreachable!());
        assert_eq!((handled.event, &*actions), (Event::Link(LinkChange::Up), &[Action::Configure][..]));
        let before = core.conversation().clone();
        // As if applying the action failed, and the user pressed meanwhile.
        let mut context = core.context(now);
        context.queue(Event::Link(LinkChange::Configured));
        context.queue(Event::Input(UserInput::Leave));
        assert_eq!(*context.conversation, before, "neither is handled yet");
        let order: Vec<_> =
            std::iter::from_fn(|| core.handle_next(now).map(|(handled, _)| handled.event)).collect();
        assert_eq!(order, [Event::Link(LinkChange::Configured), Event::Input(UserInput::Leave)]);
    }
}
