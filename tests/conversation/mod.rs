//! What the conversation decides: every pair of phase and event, stories from real days, and random walks.

mod dials;
mod handover;
mod outages;
mod pairs;
mod stories;
pub(crate) mod walk;

use std::time::Duration;

use mynah::conversation::{
    Action, Actions, Conversation, Event, HANDOVER_BEFORE, Id, LinkChange, Mode, RETRY_SPACING, SESSION_LIFE,
    ServiceEvent, StandbyChange, UserInput,
};
use mynah::model::Time;

pub(crate) const TAP: Mode = Mode::Tap { quiet: Duration::from_secs(8) };

/// A conversation with a clock that the test moves by hand.
pub(crate) struct Table {
    pub(crate) conversation: Conversation,
    pub(crate) now: Time,
}

impl Table {
    pub(crate) fn begin(mode: Mode) -> Self {
        let now = Time::ZERO;
        let (conversation, actions) = Conversation::begin(mode, false, 7, now);
        assert_eq!(actions, [Action::Dial]);
        Self { conversation, now }
    }

    /// A conversation whose session is set up.
    fn up(mode: Mode) -> Self {
        let mut table = Self::begin(mode);
        assert_eq!(table.on(Event::Link(LinkChange::Up)), [Action::Configure]);
        let _ = table.on(Event::Link(LinkChange::Configured));
        table
    }

    fn on(&mut self, event: Event) -> Actions {
        self.conversation.handle(&event, self.now)
    }

    pub(crate) fn after(&mut self, wait: Duration) -> &mut Self {
        self.now += wait;
        self
    }

    /// Jumps to the deadline and ticks.
    fn at_deadline(&mut self) -> Actions {
        self.now = self.conversation.deadline().expect("a phase that waits has a deadline");
        self.on(Event::Tick)
    }

    /// Goes to where the second link is dialled, whatever else would happen meanwhile.
    fn dials_a_spare(&mut self) {
        let _ = self.on(Event::Link(LinkChange::Expires(HANDOVER_BEFORE)));
        self.now += RETRY_SPACING;
        assert_eq!(self.on(Event::Tick), [Action::DialStandby]);
    }

    /// Goes to where the second link is ready.
    fn has_a_spare(&mut self) {
        self.dials_a_spare();
        assert_eq!(self.on(Event::Standby(StandbyChange::Up)), [Action::ConfigureStandby]);
        assert_eq!(self.on(Event::Standby(StandbyChange::Configured(SESSION_LIFE))), []);
    }

    fn all(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<Action> {
        events.into_iter().flat_map(|event| self.on(event)).collect()
    }
}

pub(crate) fn id(name: &str) -> Id {
    Id::try_from(name).unwrap()
}

pub(crate) fn held(ms: u64) -> Event {
    Event::Input(UserInput::Release { heard: Duration::from_millis(ms) })
}

/// A spoken turn as the service's voice detection reports it, up to the first audio of the reply.
pub(crate) fn turn(reply: &str) -> [Event; 5] {
    [
        Event::Service(ServiceEvent::SpeechStarted),
        Event::Service(ServiceEvent::SpeechStopped),
        Event::Service(ServiceEvent::Committed),
        Event::Service(ServiceEvent::ReplyCreated(id(reply))),
        Event::Service(ServiceEvent::Audio(id(reply))),
    ]
}
