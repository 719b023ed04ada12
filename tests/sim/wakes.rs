//! What wakes the threads of a device in each phase of its life, by reason, and the goals for that.
//!
//! It describes runs without faults and keeps the counts; `world` counts the turns that have run. Virtual time makes the
//! counts exact, and the same on every machine.

use std::collections::BTreeMap;
use std::time::Duration;

use mynah::conversation::{Mode, State};
use mynah::session::{ReadySources, Timer};

use super::clock::{At, MS, S};
use super::manner::{Manner, REWRITTEN, RUN_OUT, SLEEPING};
use super::scenario::{Action, MUTE, Scenario};
use super::world::simulate;

/// The speakers of the tables, one of each way to be cut.
pub(crate) const SPEAKERS: [Manner; 3] = [REWRITTEN, RUN_OUT, SLEEPING];
/// Any seed will do: it draws clock errors, ids and delays below a millisecond.
const SEED: u64 = 1;

/// A phase in the life of a device that nothing is wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In tap mode, between two conversations.
    AtRest,
    Muted,
    /// In open mode, while nobody speaks.
    OpenIdle,
    UserSpeaks,
    ReplyHeard,
}

pub(crate) const PHASES: [Phase; 5] =
    [Phase::AtRest, Phase::Muted, Phase::OpenIdle, Phase::UserSpeaks, Phase::ReplyHeard];

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AtRest => "at rest",
            Self::Muted => "muted",
            Self::OpenIdle => "open, nobody speaks",
            Self::UserSpeaks => "the user speaks",
            Self::ReplyHeard => "a reply is heard",
        }
    }

    /// Returns the most wakes a second that are wanted. At rest a speaker has to hold 700 ms, or sleep.
    pub(crate) fn goal(self) -> f64 {
        match self {
            Self::AtRest | Self::Muted => 3.0,
            Self::OpenIdle => 25.0,
            Self::UserSpeaks | Self::ReplyHeard => 130.0,
        }
    }

    /// Returns what is counted: the state of the conversation, and from when to when.
    fn counted(self) -> CountedTime {
        let (state, from, until) = match self {
            Self::AtRest => (State::Idle, 30 * S, 150 * S),
            Self::Muted => (State::Muted, 30 * S, 150 * S),
            Self::OpenIdle => (State::Listening, 30 * S, 150 * S),
            Self::UserSpeaks => (State::Listening, 7 * S, 14 * S),
            // The reply repeats the ten seconds that the user has said.
            Self::ReplyHeard => (State::Speaking, 17 * S, 25 * S),
        };
        CountedTime { state, from, until }
    }

    fn scenario(self, manner: Manner) -> Scenario {
        let mode =
            if self == Self::AtRest { Mode::Tap { quiet: Duration::from_secs(8) } } else { Mode::Open };
        let counted = self.counted();
        let mut scenario = Scenario::bare(SEED, mode, counted.until);
        match self {
            Self::AtRest | Self::OpenIdle => {}
            Self::Muted => {
                for (at, down) in [(2 * S, true), (2 * S + 100 * MS, false)] {
                    scenario.actions.push((at, Action::ButtonEdge { button: MUTE, down }));
                }
            }
            Self::UserSpeaks | Self::ReplyHeard => {
                scenario.actions.push((5 * S, Action::Speak { time: 10 * S }));
            }
        }
        scenario.actions.sort_by_key(|(at, _)| *at);
        (scenario.manner, scenario.counted) = (manner, Some(counted));
        scenario
    }
}

/// When wakes are counted, and the state of the conversation throughout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CountedTime {
    pub(super) state: State,
    pub(super) from: At,
    pub(super) until: At,
}

impl CountedTime {
    pub(super) fn includes(&self, at: At) -> bool {
        (self.from..self.until).contains(&at)
    }
}

/// The number of wakes, by thread and reason.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wakes(BTreeMap<(&'static str, String), u64>);

impl Wakes {
    pub(super) fn add(&mut self, thread: &'static str, reason: String) {
        *self.0.entry((thread, reason)).or_default() += 1;
    }
}

/// Returns what has woken the session: the descriptors that are ready, or else the timer that is due.
pub(super) fn reason_of(ready: ReadySources, timer: Option<Timer>) -> String {
    let ReadySources { audio, signals, board, background, link } = ready;
    let sources = [
        (audio, "audio"),
        (signals, "signals"),
        (board, "board"),
        (background, "background"),
        (link, "link"),
    ];
    let sources: Vec<_> =
        sources.into_iter().filter_map(|(is_ready, name)| is_ready.then_some(name)).collect();
    match timer {
        Some(timer) if sources.is_empty() => format!("timer {timer:?}"),
        _ => sources.join(" and "),
    }
}

/// The least and the most frames that were captured and not yet received by the service.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held(Option<(i64, i64)>);

impl Held {
    pub(super) fn add(&mut self, frames: i64) {
        let (least, most) = self.0.unwrap_or((frames, frames));
        self.0 = Some((least.min(frames), most.max(frames)));
    }

    pub(super) fn spread(self) -> i64 {
        self.0.map_or(0, |(least, most)| most - least)
    }
}

/// The wakes a second in one phase, by thread and reason.
pub(crate) struct WakeRates {
    pub(crate) phase: Phase,
    rates: BTreeMap<(&'static str, String), f64>,
    /// How often the light is written in a second.
    pub(crate) light_writes: f64,
    /// How far the number of captured frames that the service has not received varies.
    pub(crate) held_frames: i64,
    pub(crate) violation: Option<String>,
}

impl WakeRates {
    /// Counts the wakes of a device with this speaker in this phase.
    pub(crate) fn of(phase: Phase, speaker: Manner) -> Self {
        let CountedTime { from, until, .. } = phase.counted();
        let run = simulate(&phase.scenario(speaker), None);
        let seconds = (until - from) as f64 / S as f64;
        let rates = run.wakes.0.into_iter().map(|(key, count)| (key, count as f64 / seconds)).collect();
        let light_writes = run.light_writes as f64 / seconds;
        Self { phase, rates, light_writes, held_frames: run.held_frames, violation: run.violation }
    }

    pub(crate) fn total(&self) -> f64 {
        self.rates.values().sum()
    }
}

/// Returns the table of one speaker: a row for each thread and reason, and a column for each phase.
pub(crate) fn wakes_table(rates: &[WakeRates]) -> String {
    let header = rates.iter().map(|rates| rates.phase.name()).collect::<Vec<_>>().join(" | ");
    let mut table = format!("| thread | woken by | {header} |\n|---|---|{}\n", "---|".repeat(rates.len()));
    let mut row = |thread: &str, reason: &str, cells: Vec<String>| {
        table += &format!("| {thread} | {reason} | {} |\n", cells.join(" | "));
    };
    let keys: std::collections::BTreeSet<_> = rates.iter().flat_map(|rates| rates.rates.keys()).collect();
    for key in keys {
        let rate =
            |rates: &WakeRates| rates.rates.get(key).map_or(String::new(), |rate| format!("{rate:.2}"));
        row(key.0, &key.1, rates.iter().map(rate).collect());
    }
    row("all", "", rates.iter().map(|rates| format!("{:.1}", rates.total())).collect());
    let goal = |rates: &WakeRates| {
        let goal = rates.phase.goal();
        format!("≤ {goal}{}", if rates.total() <= goal { "" } else { ", not met" })
    };
    row("goal", "", rates.iter().map(goal).collect());
    let light = |rates: &WakeRates| format!("{:.1}", rates.light_writes);
    row("light", "written, which wakes nothing", rates.iter().map(light).collect());
    let held = |rates: &WakeRates| format!("{} ms", rates.held_frames / 24);
    row("microphone", "captured and not yet received varies by", rates.iter().map(held).collect());
    table
}
