//! Chains: the events that one input causes when whatever the session does may fail. The longest one sizes the
//! session's event queue.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, Conversation, Event, HANDOVER_BEFORE, LinkChange, Mode, RETRY_SPACING,
    SESSION_LIFETIME, ServiceEvent, StandbyChange, UserInput,
};
use mynah::model::Time;
use mynah::session::EVENTS;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::pairs;
use super::walk::{Seen, event};
use super::{TAP, held, id};

/// Why a send or a dial fails. At present it is always transient, because the other reasons come with an answer of
/// the service, but the result does not depend on that.
const REASONS: [CloseReason; 3] = [CloseReason::Transient, CloseReason::Permanent, CloseReason::Unauthorized];

/// Length of a chain that counts as endless.
const ENDLESS: usize = 64;

#[test]
fn the_event_queue_holds_twice_the_longest_chain() {
    let longest = RefCell::new(Longest::default());
    release_with_a_standby(&mut longest.borrow_mut());
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let walks = (
        prop::sample::select(vec![Mode::Open, TAP, Mode::Hold]),
        any::<bool>(),
        prop::collection::vec((event(), 0u64..4000, prop_oneof![4 => Just(0), 1 => 0usize..16]), 1..120),
    );
    let walk = |(mode, builtin, steps)| {
        random_walk(mode, builtin, steps, &mut longest.borrow_mut());
        Ok(())
    };
    TestRunner::new(config).run(&walks, walk).unwrap();
    let Longest { chain, before, waiting } = longest.into_inner();
    let length = chain.len();
    println!("the longest chain has {length} events, and at most {waiting} wait at one time: {chain:?}");
    assert_eq!(
        EVENTS,
        2 * length,
        "set EVENTS in src/session/event_queue.rs to {}, twice the length of the chain {chain:?}, which starts in {before:?}",
        2 * length
    );
}

/// A turn that ends with a standby link configured, so that both links can fail.
fn release_with_a_standby(longest: &mut Longest) {
    let mut now = Time::ZERO;
    let mut session = SessionModel::begin(Mode::Hold, true, longest);
    for event in [
        Event::Link(LinkChange::Configured),
        Event::Link(LinkChange::Expires(SESSION_LIFETIME)),
        Event::Tick,
        Event::Standby(StandbyChange::Configured(SESSION_LIFETIME)),
        Event::Input(UserInput::Press),
        held(900),
    ] {
        now += if event == Event::Tick { SESSION_LIFETIME - HANDOVER_BEFORE } else { RETRY_SPACING };
        let outcomes = session.outcomes(&event, now);
        longest.add_all(&session, &outcomes);
        session = outcomes.into_iter().next().expect("the event can happen").session;
    }
}

/// Handles random events, with random outcomes, and in each state tries all outcomes of every event.
fn random_walk(mode: Mode, builtin: bool, steps: Vec<(Event, u64, usize)>, longest: &mut Longest) {
    let mut now = Time::ZERO;
    let mut session = SessionModel::begin(mode, builtin, longest);
    let mut seen = Seen::default();
    for (event, wait, outcome) in steps {
        now += Duration::from_millis(wait);
        for (_, input) in pairs::events() {
            longest.add_all(&session, &session.outcomes(&with_latest_reply(input, &mut seen), now));
        }
        for event in [seen.named(event), Event::Tick] {
            let mut outcomes = session.outcomes(&event, now);
            longest.add_all(&session, &outcomes);
            if !outcomes.is_empty() {
                session = outcomes.swap_remove(outcome % outcomes.len()).session;
            }
        }
    }
}

/// Replaces the reply in an event that is about a reply of the service.
fn with_latest_reply(event: Event, seen: &mut Seen) -> Event {
    let latest = id("");
    match event {
        Event::Service(ServiceEvent::Audio(_)) => seen.named(Event::Service(ServiceEvent::Audio(latest))),
        Event::Service(ServiceEvent::ReplyDone(_, status)) => {
            seen.named(Event::Service(ServiceEvent::ReplyDone(latest, status)))
        }
        other => other,
    }
}

/// The longest chain so far, and the greatest number of events that wait.
#[derive(Default)]
struct Longest {
    chain: Vec<Event>,
    /// The conversation before the chain.
    before: Option<Conversation>,
    waiting: usize,
}

impl Longest {
    fn add_all(&mut self, before: &SessionModel, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.waiting = self.waiting.max(outcome.waiting);
            if outcome.chain.len() > self.chain.len() {
                self.chain.clone_from(&outcome.chain);
                self.before = Some(before.conversation.clone());
            }
        }
    }
}

/// What an input has led to.
struct Outcome {
    session: SessionModel,
    /// The events handled, the input included.
    chain: Vec<Event>,
    /// The greatest number of events in the queue.
    waiting: usize,
}

/// The session as far as it causes events.
#[derive(Clone)]
struct SessionModel {
    conversation: Conversation,
    /// Whether the service is the built-in one, whose links are up at once.
    builtin: bool,
    active: LinkStage,
    standby: LinkStage,
    queue: VecDeque<Event>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LinkStage {
    Down,
    /// The upgrade may have begun.
    Dialling,
    Up,
    /// Its messages are discarded, and its end is reported.
    Closing,
}

impl SessionModel {
    fn begin(mode: Mode, builtin: bool, longest: &mut Longest) -> Self {
        let (conversation, first) = Conversation::begin(mode, false, 7, Time::ZERO);
        let (active, standby) = (LinkStage::Down, LinkStage::Down);
        let session = Self { conversation, builtin, active, standby, queue: VecDeque::new() };
        let outcomes = session.all_outcomes(Time::ZERO, |session, choices| {
            first.iter().for_each(|action| session.apply(action, choices));
        });
        longest.add_all(&session, &outcomes);
        outcomes.into_iter().next().expect("there is an outcome").session
    }

    /// Returns all outcomes of an input, the one without a failure first, or nothing if it cannot happen now.
    fn outcomes(&self, input: &Event, now: Time) -> Vec<Outcome> {
        if !self.can_happen(input, now) {
            return Vec::new();
        }
        self.all_outcomes(now, |session, choices| session.receive(input, choices))
    }

    /// Returns all outcomes of `begin` and of what follows, the one without a failure first.
    fn all_outcomes(&self, now: Time, begin: impl Fn(&mut Self, &mut Choices)) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut choices = Choices::default();
        loop {
            let mut session = self.clone();
            begin(&mut session, &mut choices);
            outcomes.push(session.settle(now, &mut choices));
            if !choices.advance() {
                return outcomes;
            }
        }
    }

    fn can_happen(&self, input: &Event, now: Time) -> bool {
        match input {
            Event::Tick => self.conversation.deadline().is_some_and(|deadline| now >= deadline),
            Event::Link(LinkChange::Up) => self.active == LinkStage::Dialling,
            Event::Link(LinkChange::Down(_)) => self.active != LinkStage::Down,
            // Later reports of the configuration are ignored.
            Event::Link(LinkChange::Configured) => {
                self.active == LinkStage::Up && !self.conversation.is_configured()
            }
            Event::Link(LinkChange::Expires(_) | LinkChange::Misconfigured) | Event::Service(_) => {
                self.active == LinkStage::Up
            }
            Event::Standby(StandbyChange::Up) => self.standby == LinkStage::Dialling,
            Event::Standby(StandbyChange::Down(_)) => self.standby != LinkStage::Down,
            Event::Standby(
                StandbyChange::Configured(_) | StandbyChange::Refused | StandbyChange::Error(_),
            ) => self.standby == LinkStage::Up,
            Event::Input(_) | Event::Device(_) => true,
        }
    }

    /// Queues an input, and before it what its preparation causes.
    fn receive(&mut self, input: &Event, choices: &mut Choices) {
        match input {
            // The history is sent first.
            Event::Link(LinkChange::Configured) => self.send(choices),
            Event::Link(LinkChange::Up) => self.active = LinkStage::Up,
            Event::Link(LinkChange::Down(_)) => self.active = LinkStage::Down,
            Event::Standby(StandbyChange::Up) => self.standby = LinkStage::Up,
            Event::Standby(StandbyChange::Down(_)) => self.standby = LinkStage::Down,
            Event::Input(_)
            | Event::Device(_)
            | Event::Link(_)
            | Event::Standby(_)
            | Event::Service(_)
            | Event::Tick => {}
        }
        self.queue.push_back(input.clone());
    }

    /// Handles the queued events until none is left.
    fn settle(mut self, now: Time, choices: &mut Choices) -> Outcome {
        let mut chain = Vec::new();
        let mut waiting = self.queue.len();
        while let Some(event) = self.queue.pop_front() {
            for action in self.conversation.handle(&event, now) {
                self.apply(&action, choices);
            }
            waiting = waiting.max(self.queue.len());
            chain.push(event);
            assert!(chain.len() < ENDLESS, "a chain does not end: {chain:?}");
        }
        Outcome { session: self, chain, waiting }
    }

    fn apply(&mut self, action: &Action, choices: &mut Choices) {
        match action {
            Action::Dial => {
                self.active = self.dial(
                    |reason| Event::Link(LinkChange::Down(reason)),
                    Event::Link(LinkChange::Up),
                    choices,
                );
            }
            Action::DialStandby => {
                self.standby = self.dial(
                    |reason| Event::Standby(StandbyChange::Down(reason)),
                    Event::Standby(StandbyChange::Up),
                    choices,
                );
            }
            Action::ConfigureStandby => {
                if self.standby != LinkStage::Down
                    && let Some(reason) = choices.failure()
                {
                    self.standby = LinkStage::Down;
                    self.queue.push_back(Event::Standby(StandbyChange::Down(reason)));
                }
            }
            Action::SwitchToStandby => {
                // The session reports nothing more of the old link.
                self.active = std::mem::replace(&mut self.standby, LinkStage::Down);
                if self.conversation.is_configured() {
                    // The history.
                    self.send(choices);
                }
            }
            Action::HangUp => {
                self.standby = LinkStage::Down;
                if self.active != LinkStage::Down {
                    self.active = LinkStage::Closing;
                }
            }
            Action::DropStandby => self.standby = LinkStage::Down,
            Action::Configure | Action::Clear | Action::Create | Action::Cancel(_) => self.send(choices),
            Action::Commit => {
                self.pump(choices);
                self.send(choices);
            }
            Action::Cut
            | Action::Pause
            | Action::Resume
            | Action::Notify(_)
            | Action::PlayEarcon(_)
            | Action::Finish(_) => {}
        }
    }

    /// Dials a link and returns its stage.
    fn dial(&mut self, down: fn(CloseReason) -> Event, up: Event, choices: &mut Choices) -> LinkStage {
        match choices.failure() {
            Some(reason) => {
                self.queue.push_back(down(reason));
                LinkStage::Down
            }
            None if self.builtin => {
                self.queue.push_back(up);
                LinkStage::Up
            }
            None => LinkStage::Dialling,
        }
    }

    /// Sends captured audio to a configured session.
    fn pump(&mut self, choices: &mut Choices) {
        if self.conversation.is_configured() {
            self.send(choices);
        }
    }

    /// Sends over the active link, if there is one.
    fn send(&mut self, choices: &mut Choices) {
        if self.active != LinkStage::Down
            && let Some(reason) = choices.failure()
        {
            self.active = LinkStage::Down;
            self.queue.push_back(Event::Link(LinkChange::Down(reason)));
        }
    }
}

/// The choices of one outcome, and how many each has: [`advance`](Self::advance) goes through all outcomes.
#[derive(Default)]
struct Choices {
    made: Vec<(usize, usize)>,
    next: usize,
}

impl Choices {
    /// Chooses why something fails; `None` if it does not.
    fn failure(&mut self) -> Option<CloseReason> {
        if self.next == self.made.len() {
            self.made.push((0, 1 + REASONS.len()));
        }
        let (chosen, _) = self.made[self.next];
        self.next += 1;
        REASONS.get(chosen.checked_sub(1)?).copied()
    }

    /// Selects the choices of the next outcome, and returns `false` after the last one.
    fn advance(&mut self) -> bool {
        self.next = 0;
        while let Some((chosen, options)) = self.made.pop() {
            if chosen + 1 < options {
                self.made.push((chosen + 1, options));
                return true;
            }
        }
        false
    }
}
