//! The service allows 30 new connections a minute: whatever happens, for hours, there are never as many.

use std::collections::VecDeque;
use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, Event, LinkChange, Mode, SESSION_LIFE, StandbyChange, UserInput,
};
use mynah::model::Time;
use proptest::prelude::*;

use super::{TAP, Table};

const MINUTE: Duration = Duration::from_secs(60);
/// What the service allows, less a share for whoever else uses the resource.
const MOST: usize = 25;
const HOURS: Duration = Duration::from_secs(4 * 3600);

/// What becomes of a link.
#[derive(Clone, Copy, Debug)]
struct Fate {
    /// How long until the dial succeeds, or fails.
    dial_ms: u64,
    reached: bool,
    configured: bool,
    /// How long the session lasts then, and what it says of that.
    life_ms: u64,
    told_s: u64,
    loss: CloseReason,
    /// An owner who presses again and again while this is so.
    pressed: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_pattern_of_losses_exceeds_25_dials_a_minute(
        mode in prop::sample::select(vec![Mode::Open, TAP, Mode::Hold]),
        fates in prop::collection::vec(fate(), 1..6),
    ) {
        let mut hours = Hours::new(mode, fates);
        hours.pass();
        prop_assert!(hours.most <= MOST, "{} dials in a minute", hours.most);
        prop_assert!(hours.dials > 3, "it gave up after {} dials", hours.dials);
    }
}

#[test]
fn sessions_dropped_at_once_make_the_backoff_grow() {
    let mut hours = Hours::new(Mode::Open, vec![Fate { configured: true, ..DEAD }]);
    hours.pass();
    let minutes = HOURS.as_secs() as usize / 60;
    assert!(hours.dials < 6 * minutes, "{} dials in {minutes} minutes", hours.dials);
}

#[test]
fn sessions_that_expire_at_once_stay_within_the_dial_limit() {
    let fate = Fate { configured: true, life_ms: 600_000, told_s: 0, ..DEAD };
    let mut hours = Hours::new(Mode::Open, vec![fate]);
    hours.pass();
    assert!(hours.most <= MOST, "{} dials in a minute", hours.most);
}

const DEAD: Fate = Fate {
    dial_ms: 0,
    reached: true,
    configured: false,
    life_ms: 0,
    told_s: 3600,
    loss: CloseReason::Transient,
    pressed: false,
};

fn fate() -> impl Strategy<Value = Fate> {
    let loss = prop::sample::select(vec![
        CloseReason::Transient,
        CloseReason::Transient,
        CloseReason::RetryAfter(Duration::ZERO),
        CloseReason::RetryAfter(Duration::from_secs(7)),
    ]);
    let life = prop::sample::select(vec![0, 1, 500, 5000, 61_000, 600_000, 3_600_000]);
    let told = prop::sample::select(vec![0, 1, 30, 601, 1800, 3600]);
    (0u64..4000, any::<bool>(), any::<bool>(), life, told, loss, any::<bool>()).prop_map(
        |(dial_ms, reached, configured, life_ms, told_s, loss, pressed)| Fate {
            dial_ms: dial_ms * u64::from(dial_ms % 3 > 0),
            reached,
            configured,
            life_ms,
            told_s,
            loss,
            pressed,
        },
    )
}

/// Hours of one network, in virtual time.
struct Hours {
    talk: Table,
    fates: Vec<Fate>,
    /// The first link and the second: what becomes of it, and when.
    links: [Option<(Stage, Fate, Time)>; 2],
    recent: VecDeque<Time>,
    dials: usize,
    most: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Dialled,
    Up,
}

impl Hours {
    fn new(mode: Mode, fates: Vec<Fate>) -> Self {
        let talk = Table::begin(mode);
        let mut hours = Self { talk, fates, links: [None; 2], recent: VecDeque::new(), dials: 0, most: 0 };
        hours.dial(0);
        hours
    }

    fn pass(&mut self) {
        let end = self.talk.now + HOURS;
        while self.talk.now < end {
            let due =
                self.links.iter().flatten().map(|(_, _, at)| *at).chain(self.talk.conversation.deadline());
            let due = due.min().expect("something is always to come");
            self.talk.now = self.talk.now.max(due);
            for place in 0..2 {
                self.come(place);
            }
            self.event(Event::Tick);
            let pressed = self.fates[self.dials % self.fates.len()].pressed;
            if pressed && !self.talk.conversation.is_configured() {
                self.event(Event::Input(UserInput::Press));
            }
        }
    }

    /// Takes in what becomes of a link whose time has come.
    fn come(&mut self, place: usize) {
        let Some((stage, fate, _)) = self.links[place].filter(|(_, _, at)| *at <= self.talk.now) else {
            return;
        };
        if stage == Stage::Up || !fate.reached {
            self.links[place] = None;
            return self.event(if place == 0 {
                Event::Link(LinkChange::Down(fate.loss))
            } else {
                Event::Standby(StandbyChange::Down(fate.loss))
            });
        }
        self.links[place] = Some((Stage::Up, fate, self.talk.now + Duration::from_millis(fate.life_ms)));
        let told = Duration::from_secs(fate.told_s).min(SESSION_LIFE);
        let events = match (place, fate.configured) {
            (0, true) => vec![
                Event::Link(LinkChange::Up),
                Event::Link(LinkChange::Expires(told)),
                Event::Link(LinkChange::Configured),
            ],
            (0, false) => vec![Event::Link(LinkChange::Up)],
            (_, true) => {
                vec![Event::Standby(StandbyChange::Up), Event::Standby(StandbyChange::Configured(told))]
            }
            (_, false) => vec![Event::Standby(StandbyChange::Up)],
        };
        for event in events {
            self.event(event);
        }
    }

    fn event(&mut self, event: Event) {
        for action in self.talk.on(event) {
            match action {
                Action::Dial => self.dial(0),
                Action::DialStandby => self.dial(1),
                Action::HangUp => self.links = [None; 2],
                Action::DropStandby => self.links[1] = None,
                Action::SwitchToStandby => self.links = [self.links[1], None],
                Action::Finish(ending) => panic!("it ended: {ending:?}"),
                _ => {}
            }
        }
    }

    fn dial(&mut self, place: usize) {
        assert!(self.links[place].is_none(), "a link in the place of another");
        let fate = self.fates[self.dials % self.fates.len()];
        let now = self.talk.now;
        self.links[place] = Some((Stage::Dialled, fate, now + Duration::from_millis(fate.dial_ms)));
        self.dials += 1;
        self.recent.push_back(now);
        // The minute's both ends count.
        self.recent.retain(|at| now - *at <= MINUTE);
        self.most = self.most.max(self.recent.len());
    }
}
