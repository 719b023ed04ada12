//! The queue of the events that the conversation has yet to handle.
//!
//! Everything that happens is queued here, also what an action causes, so no event is handled while the actions of
//! another are applied. It drops nothing: a full queue is a defect and ends the process.

use heapless::Deque;

use crate::conversation::Event;

/// Capacity of the event queue: twice the longest chain. A chain is what the session handles because of one input: the
/// input, and the events that its actions cause, in turn. `cargo test --test all -- conversation::chains --nocapture`
/// searches for the longest one, prints it, and fails unless this is twice its length.
pub const EVENTS: usize = 6;

/// Events that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct EventQueue(Deque<Event, EVENTS>);

impl EventQueue {
    /// Appends an event.
    ///
    /// # Panics
    /// When the queue is full: a lost event would leave the conversation in a wrong state.
    pub(super) fn push(&mut self, event: Event) {
        let full = self.0.push_back(event).err();
        assert!(full.is_none(), "{EVENTS} events wait for the conversation, and then {full:?}");
    }

    /// Removes the oldest event.
    pub(super) fn pop(&mut self) -> Option<Event> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::DeviceEvent;

    #[test]
    fn events_leave_in_the_order_in_which_they_came() {
        let events = [Event::Tick, Event::Device(DeviceEvent::Drained), Event::Tick];
        let mut queue = EventQueue::default();
        events.iter().for_each(|event| queue.push(event.clone()));
        assert!(events.into_iter().map(Some).eq((0..3).map(|_| queue.pop())));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    #[should_panic(expected = "6 events wait for the conversation, and then Some(Device(Drained))")]
    fn an_event_too_many_is_a_defect() {
        let mut queue = EventQueue::default();
        (0..EVENTS).for_each(|_| queue.push(Event::Tick));
        queue.push(Event::Device(DeviceEvent::Drained));
    }
}
