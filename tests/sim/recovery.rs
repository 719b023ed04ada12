//! One fault at a time: what the light shows of it, and how long the device takes to recover.
//!
//! Each fault is injected into many devices, at random times, idle or in conversation.

use std::time::Duration;

use fastrand::Rng;
use mynah::audio::Direction;
use mynah::conversation::Mode;

use super::clock::{At, MS, S};
use super::scenario::{Action, FLOOD_TIME, Outage, Scenario};
use super::world::{Simulation, simulate};

/// A kind of fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection is reset; the next dial succeeds.
    LinkReset,
    /// All bytes are dropped silently, with the microphone live or the device idle.
    DeadLink { live: bool },
    /// The service repeats a frame without end.
    Flood,
    /// No byte arrives for five seconds.
    NetworkStall,
    /// The connection is reset, and new ones are refused for half a minute.
    Outage,
    /// The service sends no event of the reply to a turn.
    OmittedReply,
    /// A sound device is unplugged for five seconds.
    Unplugged(Direction),
    /// A sound device stalls for four seconds.
    StalledDevice(Direction),
    /// An audio thread is woken up to 60 ms late for three seconds.
    LateThread(Direction),
    /// A call into a device's driver blocks for four seconds.
    HungDriver(Direction),
}

pub(crate) const FAULTS: [Fault; 15] = [
    Fault::LinkReset,
    Fault::DeadLink { live: true },
    Fault::DeadLink { live: false },
    Fault::Flood,
    Fault::NetworkStall,
    Fault::Outage,
    Fault::OmittedReply,
    Fault::Unplugged(Direction::Capture),
    Fault::Unplugged(Direction::Playback),
    Fault::StalledDevice(Direction::Capture),
    Fault::StalledDevice(Direction::Playback),
    Fault::LateThread(Direction::Capture),
    Fault::LateThread(Direction::Playback),
    Fault::HungDriver(Direction::Capture),
    Fault::HungDriver(Direction::Playback),
];

/// How many devices reacted to one kind of fault.
pub(crate) struct FaultStats {
    pub(crate) fault: Fault,
    pub(crate) runs: usize,
    /// From the start of the fault to the light that shows it, for the runs in which it does.
    pub(crate) shown: Vec<Duration>,
    /// What the light showed.
    pub(crate) light_words: Vec<&'static str>,
    /// The number of tones played, one entry a run.
    pub(crate) tones: Vec<u64>,
    /// From the end of the fault to an idle device with a session.
    pub(crate) recovered: Vec<Duration>,
    pub(crate) violations: Vec<String>,
}

impl Fault {
    pub(crate) fn description(self) -> String {
        match self {
            Self::LinkReset => "the link is reset".to_owned(),
            Self::DeadLink { live: true } => "the link dies silently while the microphone is live".to_owned(),
            Self::DeadLink { live: false } => "the link dies silently while idle".to_owned(),
            Self::Flood => "the service repeats a frame without end".to_owned(),
            Self::NetworkStall => "the network stalls for 5 s".to_owned(),
            Self::Outage => "no service for 30 s".to_owned(),
            Self::OmittedReply => "the service omits a reply".to_owned(),
            Self::Unplugged(direction) => format!("the {direction} is unplugged for 5 s"),
            Self::StalledDevice(direction) => format!("the {direction} stalls for 4 s"),
            Self::HungDriver(direction) => format!("the {direction}'s driver hangs for 4 s"),
            Self::LateThread(direction) => format!("the {direction}'s thread wakes up to 60 ms late for 3 s"),
        }
    }

    /// Returns its name as a `--kind`.
    pub(super) fn cli_name(self) -> String {
        match self {
            Self::LinkReset => "link-reset".to_owned(),
            Self::DeadLink { live: true } => "dead-link-live".to_owned(),
            Self::DeadLink { live: false } => "dead-link-idle".to_owned(),
            Self::Flood => "flooded-link".to_owned(),
            Self::NetworkStall => "network-stall".to_owned(),
            Self::Outage => "outage".to_owned(),
            Self::OmittedReply => "omitted-reply".to_owned(),
            Self::Unplugged(direction) => format!("{direction}-unplugged"),
            Self::StalledDevice(direction) => format!("{direction}-stall"),
            Self::HungDriver(direction) => format!("{direction}-hung-driver"),
            Self::LateThread(direction) => format!("{direction}-late-thread"),
        }
    }

    /// Returns a scenario with this fault once, five to twenty seconds after the start.
    pub(super) fn scenario(self, seed: u64) -> Scenario {
        let mut rng = Rng::with_seed(seed);
        let modes = [Mode::Open, Mode::Hold, Mode::Tap { quiet: Duration::from_secs(8) }];
        let mode = match self {
            // Only an open microphone is seen to fail.
            Self::DeadLink { live: true }
            | Self::Unplugged(Direction::Capture)
            | Self::StalledDevice(Direction::Capture)
            | Self::LateThread(Direction::Capture)
            | Self::HungDriver(Direction::Capture) => Mode::Open,
            Self::DeadLink { live: false } => Mode::Hold,
            Self::LinkReset
            | Self::Flood
            | Self::NetworkStall
            | Self::Outage
            | Self::OmittedReply
            | Self::Unplugged(Direction::Playback)
            | Self::StalledDevice(Direction::Playback)
            | Self::LateThread(Direction::Playback)
            | Self::HungDriver(Direction::Playback) => modes[rng.usize(0..modes.len())],
        };
        let from = 5 * S + rng.u64(0..15 * S);
        let until = from + self.duration();
        let mut scenario = Scenario::bare(seed, mode, until);
        if !matches!(self, Self::DeadLink { live: false }) {
            scenario.user_turn(3 * S, &mut rng);
            scenario.user_turn(10 * S, &mut rng);
        }
        scenario.actions.retain(|(at, act)| {
            *at < from || *at > until || matches!(act, Action::ButtonEdge { down: false, .. })
        });
        let actions = match self {
            Self::LinkReset => vec![(from, Action::ResetLinks)],
            Self::DeadLink { .. } => vec![(from, Action::KillLinks)],
            Self::Flood => vec![(from, Action::Flood { seed, time: FLOOD_TIME })],
            Self::NetworkStall => vec![(from, Action::StallNetwork { time: until - from })],
            Self::Outage => {
                vec![(from, Action::StartOutage { until, how: Outage::Refused }), (from, Action::ResetLinks)]
            }
            Self::OmittedReply => vec![(from, Action::OmitReplies { time: until - from })],
            Self::Unplugged(direction) => {
                vec![
                    (from, Action::Plug { direction, plugged: false, announced: true }),
                    (until, Action::Plug { direction, plugged: true, announced: true }),
                ]
            }
            Self::StalledDevice(direction) => {
                vec![(from, Action::StallDevice { direction, time: until - from })]
            }
            Self::HungDriver(direction) => vec![(from, Action::HangDriver { direction, time: until - from })],
            Self::LateThread(direction) => {
                vec![(from, Action::DelayThread { direction, time: until - from })]
            }
        };
        scenario.actions.extend(actions);
        if matches!(self, Self::OmittedReply) {
            scenario.user_turn(from, &mut rng);
        }
        scenario.actions.sort_by_key(|(at, _)| *at);
        scenario.fault_at = Some(from);
        scenario
    }

    fn duration(self) -> At {
        match self {
            Self::LinkReset | Self::DeadLink { .. } => MS,
            // The next connection is not flooded.
            Self::Flood => S,
            Self::NetworkStall | Self::Unplugged(_) => 5 * S,
            Self::Outage => 30 * S,
            Self::OmittedReply => 6 * S,
            Self::StalledDevice(_) | Self::HungDriver(_) => 4 * S,
            Self::LateThread(_) => 3 * S,
        }
    }
}

impl FaultStats {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            fault,
            runs: 0,
            shown: Vec::new(),
            light_words: Vec::new(),
            tones: Vec::new(),
            recovered: Vec::new(),
            violations: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, seed: u64) {
        let Simulation { shown, recovery, tones, violation, .. } = simulate(&self.fault.scenario(seed), None);
        self.runs += 1;
        self.tones.push(tones);
        if let Some((after, light_word)) = shown {
            self.shown.push(after);
            if !self.light_words.contains(&light_word) {
                self.light_words.push(light_word);
            }
        }
        self.recovered.extend(recovery);
        self.violations.extend(violation.map(|violation| {
            format!("{violation}; replay it with --seed {seed} --kind {}", self.fault.cli_name())
        }));
    }
}
