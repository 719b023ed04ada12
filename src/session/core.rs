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
    /// To be applied in this order.
    pub(super) actions: Actions,
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

    /// Passes the oldest event to the conversation.
    pub(super) fn handle_next(&mut self, now: Time) -> Option<Handled> {
        let event = self.events.pop()?;
        let (kept_audio, before) = (self.conversation.kept_audio(&event), self.conversation.state());
        let actions = self.conversation.handle(&event, now);
        Some(Handled { event, actions, kept_audio, before })
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
