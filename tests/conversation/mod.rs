//! The conversation: a table of every phase and event, scenarios, and random walks.

mod chains;
mod dials;
mod early_duck;
mod evidence;
mod handover;
mod kept_audio;
mod noise;
mod open_tap;
mod outages;
mod pairs;
mod replies;
mod stories;
pub(crate) mod walk;

use std::ops::Deref;
use std::time::Duration;

use mynah::conversation::{
    Action, Actions, Conversation, Event, HANDOVER_BEFORE, Id, LinkChange, Mode, SESSION_LIFETIME,
    ServiceEvent, StandbyChange, UserInput,
};
use mynah::model::Time;

pub(crate) const TAP: Mode = Mode::Tap { quiet: Duration::from_secs(8) };

/// A conversation with a simulated clock.
pub(crate) struct Harness {
    pub(crate) conversation: Conversation,
    pub(crate) now: Time,
}

impl Harness {
    pub(crate) fn begin(mode: Mode) -> Self {
        let now = Time::ZERO;
        let (conversation, actions) = Conversation::begin(mode, false, 7, now);
        assert_eq!(actions, [Action::Dial]);
        Self { conversation, now }
    }

    /// Creates a conversation with a configured session.
    fn up(mode: Mode) -> Self {
        let mut conv = Self::begin(mode);
        assert_eq!(conv.on(Event::Link(LinkChange::Up)), [Action::Configure]);
        let _ = conv.on(Event::Link(LinkChange::Configured));
        conv
    }

    /// Handles an event now.
    fn on(&mut self, event: Event) -> Actions {
        self.conversation.handle(&event, self.now)
    }

    pub(crate) fn after(&mut self, wait: Duration) -> &mut Self {
        self.now += wait;
        self
    }

    /// Advances to the deadline and sends the tick.
    fn at_deadline(&mut self) -> Actions {
        self.now = self.conversation.deadline().expect("a phase that waits has a deadline");
        self.on(Event::Tick)
    }

    /// Advances to the dial of the standby link, skipping the deadlines before it.
    fn dial_standby(&mut self) {
        self.now += SESSION_LIFETIME - HANDOVER_BEFORE;
        assert_eq!(self.on(Event::Tick), [Action::DialStandby]);
    }

    /// Advances until the standby link is configured.
    fn ready_standby(&mut self) {
        self.dial_standby();
        assert_eq!(self.on(Event::Standby(StandbyChange::Up)), [Action::ConfigureStandby]);
        assert_eq!(self.on(Event::Standby(StandbyChange::Configured(SESSION_LIFETIME))), []);
    }

    /// Handles several events now and returns all actions.
    fn all(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<Action> {
        events.into_iter().flat_map(|event| self.on(event)).collect()
    }
}

impl Deref for Harness {
    type Target = Conversation;

    fn deref(&self) -> &Conversation {
        &self.conversation
    }
}

pub(crate) fn id(name: &str) -> Id {
    Id::try_from(name).unwrap()
}

pub(crate) fn held(ms: u64) -> Event {
    Event::Input(UserInput::Release { heard: Duration::from_millis(ms) })
}

/// The events of a turn with voice activity detection, up to the first audio of the reply.
pub(crate) fn turn(reply: &str) -> [Event; 5] {
    [
        Event::Service(ServiceEvent::SpeechStarted),
        Event::Service(ServiceEvent::SpeechStopped),
        Event::Service(ServiceEvent::Committed(None)),
        Event::Service(ServiceEvent::ReplyCreated(id(reply))),
        Event::Service(ServiceEvent::Audio(id(reply))),
    ]
}
