//! The dial rate over hours of failing links: never more than 25 dials a minute, and never a final stop.

use std::collections::VecDeque;
use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, Event, LinkChange, Mode, SESSION_LIFETIME, StandbyChange, UserInput,
};
use mynah::model::Time;
use proptest::prelude::*;

use super::{Harness, TAP};

const MINUTE: Duration = Duration::from_secs(60);
/// The service allows 30 new connections a minute; the rest is left to other users of the resource.
const MAX_DIALS_A_MINUTE: usize = 25;
const FOUR_HOURS: Duration = Duration::from_secs(4 * 3600);

/// What happens to a dialled link.
#[derive(Clone, Copy, Debug)]
struct LinkOutcome {
    /// Time until the dial succeeds or fails.
    dial_ms: u64,
    reached: bool,
    configured: bool,
    /// Duration of the session.
    lasts_ms: u64,
    /// Lifetime that the service states.
    expires_s: u64,
    reason: CloseReason,
    /// The user presses the button repeatedly while the device is offline.
    presses: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_pattern_of_losses_exceeds_25_dials_a_minute(
        mode in prop::sample::select(vec![Mode::Open, TAP, Mode::Hold]),
        outcomes in prop::collection::vec(any_outcome(), 1..6),
    ) {
        let mut load = DialLoad::new(mode, outcomes);
        load.run();
        prop_assert!(load.max_a_minute <= MAX_DIALS_A_MINUTE, "{} dials in a minute", load.max_a_minute);
        prop_assert!(load.dials > 3, "it stopped after {} dials", load.dials);
    }
}

#[test]
fn sessions_dropped_at_once_make_the_backoff_grow() {
    let mut load = DialLoad::new(Mode::Open, vec![LinkOutcome { configured: true, ..DROPPED_AT_ONCE }]);
    load.run();
    let minutes = FOUR_HOURS.as_secs() as usize / 60;
    assert!(load.dials < 6 * minutes, "{} dials in {minutes} minutes", load.dials);
}

#[test]
fn sessions_that_expire_at_once_stay_within_the_dial_limit() {
    let outcome = LinkOutcome { configured: true, lasts_ms: 600_000, expires_s: 0, ..DROPPED_AT_ONCE };
    let mut load = DialLoad::new(Mode::Open, vec![outcome]);
    load.run();
    assert!(load.max_a_minute <= MAX_DIALS_A_MINUTE, "{} dials in a minute", load.max_a_minute);
}

const DROPPED_AT_ONCE: LinkOutcome = LinkOutcome {
    dial_ms: 0,
    reached: true,
    configured: false,
    lasts_ms: 0,
    expires_s: 3600,
    reason: CloseReason::Transient,
    presses: false,
};

fn any_outcome() -> impl Strategy<Value = LinkOutcome> {
    let reason = prop::sample::select(vec![
        CloseReason::Transient,
        CloseReason::Transient,
        CloseReason::RetryAfter(Duration::ZERO),
        CloseReason::RetryAfter(Duration::from_secs(7)),
    ]);
    let lasts = prop::sample::select(vec![0, 1, 500, 5000, 61_000, 600_000, 3_600_000]);
    let expires = prop::sample::select(vec![0, 1, 30, 601, 1800, 3600]);
    (0u64..4000, any::<bool>(), any::<bool>(), lasts, expires, reason, any::<bool>()).prop_map(
        |(dial_ms, reached, configured, lasts_ms, expires_s, reason, presses)| LinkOutcome {
            dial_ms: dial_ms * u64::from(dial_ms % 3 > 0),
            reached,
            configured,
            lasts_ms,
            expires_s,
            reason,
            presses,
        },
    )
}

/// A conversation over failing links, in virtual time.
struct DialLoad {
    conv: Harness,
    outcomes: Vec<LinkOutcome>,
    /// The active and the standby link, and when each changes next.
    links: [Option<(LinkStage, LinkOutcome, Time)>; 2],
    recent: VecDeque<Time>,
    dials: usize,
    max_a_minute: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LinkStage {
    Dialled,
    Up,
}

impl DialLoad {
    fn new(mode: Mode, outcomes: Vec<LinkOutcome>) -> Self {
        let conv = Harness::begin(mode);
        let mut load =
            Self { conv, outcomes, links: [None; 2], recent: VecDeque::new(), dials: 0, max_a_minute: 0 };
        load.dial(0);
        load
    }

    fn run(&mut self) {
        let end = self.conv.now + FOUR_HOURS;
        while self.conv.now < end {
            let due = self.links.iter().flatten().map(|(_, _, at)| *at).chain(self.conv.deadline());
            let due = due.min().expect("a link or the conversation has a deadline");
            self.conv.now = self.conv.now.max(due);
            for slot in 0..2 {
                self.handle_due(slot);
            }
            self.event(Event::Tick);
            let presses = self.outcomes[self.dials % self.outcomes.len()].presses;
            if presses && !self.conv.is_configured() {
                self.event(Event::Input(UserInput::Press));
            }
        }
    }

    /// Sends the events of a link whose next change is due.
    fn handle_due(&mut self, slot: usize) {
        let Some((stage, outcome, _)) = self.links[slot].filter(|(_, _, at)| *at <= self.conv.now) else {
            return;
        };
        if stage == LinkStage::Up || !outcome.reached {
            self.links[slot] = None;
            return self.event(if slot == 0 {
                Event::Link(LinkChange::Down(outcome.reason))
            } else {
                Event::Standby(StandbyChange::Down(outcome.reason))
            });
        }
        self.links[slot] =
            Some((LinkStage::Up, outcome, self.conv.now + Duration::from_millis(outcome.lasts_ms)));
        let expires = Duration::from_secs(outcome.expires_s).min(SESSION_LIFETIME);
        let events = match (slot, outcome.configured) {
            (0, true) => vec![
                Event::Link(LinkChange::Up),
                Event::Link(LinkChange::Expires(expires)),
                Event::Link(LinkChange::Configured),
            ],
            (0, false) => vec![Event::Link(LinkChange::Up)],
            (_, true) => {
                vec![Event::Standby(StandbyChange::Up), Event::Standby(StandbyChange::Configured(expires))]
            }
            (_, false) => vec![Event::Standby(StandbyChange::Up)],
        };
        for event in events {
            self.event(event);
        }
    }

    fn event(&mut self, event: Event) {
        for action in self.conv.on(event) {
            match action {
                Action::Dial => self.dial(0),
                Action::DialStandby => self.dial(1),
                Action::HangUp => self.links = [None; 2],
                Action::DropStandby => self.links[1] = None,
                Action::SwitchToStandby => self.links = [self.links[1], None],
                Action::Finish(exit) => panic!("the program exited: {exit:?}"),
                _ => {}
            }
        }
    }

    fn dial(&mut self, slot: usize) {
        assert!(self.links[slot].is_none(), "a link is dialled while its slot is in use");
        let outcome = self.outcomes[self.dials % self.outcomes.len()];
        let now = self.conv.now;
        self.links[slot] = Some((LinkStage::Dialled, outcome, now + Duration::from_millis(outcome.dial_ms)));
        self.dials += 1;
        self.recent.push_back(now);
        // Both ends of the minute count.
        self.recent.retain(|at| now - *at <= MINUTE);
        self.max_a_minute = self.max_a_minute.max(self.recent.len());
    }
}
