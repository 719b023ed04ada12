//! One fault at a time: what the owner sees of it, and how long the device takes to be well again.
//!
//! Each kind meets many devices, at random moments of rest and talk. What is seen is what a lamp would show.

use std::time::Duration;

use fastrand::Rng;
use mynah::audio::Direction;
use mynah::conversation::Mode;

use super::clock::{At, MS, S};
use super::scenario::{Act, Outage, Plan};
use super::world::{Life, live};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection is reset; the next dial succeeds.
    Reset,
    /// Bytes vanish, and nobody is told, while somebody may be talking or while nobody is.
    Dead { live: bool },
    /// Nothing moves for five seconds.
    Stall,
    /// Reset, and nobody can be reached for half a minute.
    Outage,
    /// The service says nothing of the reply to a turn.
    Forgotten,
    /// A device is pulled out for five seconds.
    Unplugged(Direction),
    /// A device's clock stands still for four seconds.
    Stuck(Direction),
    /// A thread is woken up to 60 ms late for three seconds.
    Late(Direction),
    /// A call to a device's driver does not return for four seconds.
    Hung(Direction),
}

pub(crate) const FAULTS: [Fault; 14] = [
    Fault::Reset,
    Fault::Dead { live: true },
    Fault::Dead { live: false },
    Fault::Stall,
    Fault::Outage,
    Fault::Forgotten,
    Fault::Unplugged(Direction::Capture),
    Fault::Unplugged(Direction::Playback),
    Fault::Stuck(Direction::Capture),
    Fault::Stuck(Direction::Playback),
    Fault::Late(Direction::Capture),
    Fault::Late(Direction::Playback),
    Fault::Hung(Direction::Capture),
    Fault::Hung(Direction::Playback),
];

/// What many devices made of one kind of fault.
pub(crate) struct Row {
    pub(crate) fault: Fault,
    pub(crate) lives: usize,
    /// From the fault's beginning to the light that tells of it, where it was told.
    pub(crate) shown: Vec<Duration>,
    /// The pictures that told of it.
    pub(crate) pictures: Vec<&'static str>,
    /// How many sounds told of it.
    pub(crate) tones: Vec<u64>,
    /// From the fault's end to a device that is well.
    pub(crate) well: Vec<Duration>,
    pub(crate) broken: Vec<String>,
}

impl Fault {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Reset => "the link is reset".to_owned(),
            Self::Dead { live: true } => "the link dies silently while the microphone is live".to_owned(),
            Self::Dead { live: false } => "the link dies silently at rest".to_owned(),
            Self::Stall => "the network stands still for 5 s".to_owned(),
            Self::Outage => "no service for 30 s".to_owned(),
            Self::Forgotten => "the service forgets a reply".to_owned(),
            Self::Unplugged(end) => format!("the {end} is pulled out for 5 s"),
            Self::Stuck(end) => format!("the {end} stands still for 4 s"),
            Self::Hung(end) => format!("the {end}'s driver does not return for 4 s"),
            Self::Late(end) => format!("the {end}'s thread is up to 60 ms late for 3 s"),
        }
    }

    /// What it is called on a command line.
    pub(super) fn word(self) -> String {
        match self {
            Self::Reset => "reset".to_owned(),
            Self::Dead { live: true } => "dead-live".to_owned(),
            Self::Dead { live: false } => "dead-at-rest".to_owned(),
            Self::Stall => "stall".to_owned(),
            Self::Outage => "outage".to_owned(),
            Self::Forgotten => "forgotten".to_owned(),
            Self::Unplugged(end) => format!("{end}-unplugged"),
            Self::Stuck(end) => format!("{end}-stuck"),
            Self::Hung(end) => format!("{end}-hung"),
            Self::Late(end) => format!("{end}-late"),
        }
    }

    /// The life of a device that meets it once, five to twenty seconds after it was switched on.
    pub(super) fn plan(self, seed: u64) -> Plan {
        let mut luck = Rng::with_seed(seed);
        let modes = [Mode::Open, Mode::Hold, Mode::Tap { quiet: Duration::from_secs(8) }];
        let mode = match self {
            // Only a microphone that is wanted can be missed.
            Self::Dead { live: true }
            | Self::Unplugged(Direction::Capture)
            | Self::Stuck(Direction::Capture)
            | Self::Late(Direction::Capture)
            | Self::Hung(Direction::Capture) => Mode::Open,
            Self::Dead { live: false } => Mode::Hold,
            Self::Reset
            | Self::Stall
            | Self::Outage
            | Self::Forgotten
            | Self::Unplugged(Direction::Playback)
            | Self::Stuck(Direction::Playback)
            | Self::Late(Direction::Playback)
            | Self::Hung(Direction::Playback) => modes[luck.usize(0..modes.len())],
        };
        let from = 5 * S + luck.u64(0..15 * S);
        let until = from + self.lasts();
        let mut plan = Plan::bare(seed, mode, until);
        if !matches!(self, Self::Dead { live: false }) {
            plan.turn(3 * S, &mut luck);
            plan.turn(10 * S, &mut luck);
        }
        plan.acts
            .retain(|(at, act)| *at < from || *at > until || matches!(act, Act::Touch { down: false, .. }));
        let acts = match self {
            Self::Reset => vec![(from, Act::Reset)],
            Self::Dead { .. } => vec![(from, Act::Die)],
            Self::Stall => vec![(from, Act::Stall { time: until - from })],
            Self::Outage => vec![(from, Act::Outage { until, how: Outage::Refused }), (from, Act::Reset)],
            Self::Forgotten => vec![(from, Act::Forget { time: until - from })],
            Self::Unplugged(end) => {
                vec![
                    (from, Act::Plug { end, plugged: false, told: true }),
                    (until, Act::Plug { end, plugged: true, told: true }),
                ]
            }
            Self::Stuck(end) => vec![(from, Act::Stick { end, time: until - from })],
            Self::Hung(end) => vec![(from, Act::Hang { end, time: until - from })],
            Self::Late(end) => vec![(from, Act::Late { end, time: until - from })],
        };
        plan.acts.extend(acts);
        if matches!(self, Self::Forgotten) {
            plan.turn(from, &mut luck);
        }
        plan.acts.sort_by_key(|(at, _)| *at);
        plan.fault_at = Some(from);
        plan
    }

    fn lasts(self) -> At {
        match self {
            Self::Reset | Self::Dead { .. } => MS,
            Self::Stall | Self::Unplugged(_) => 5 * S,
            Self::Outage => 30 * S,
            Self::Forgotten => 6 * S,
            Self::Stuck(_) | Self::Hung(_) => 4 * S,
            Self::Late(_) => 3 * S,
        }
    }
}

impl Row {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            fault,
            lives: 0,
            shown: Vec::new(),
            pictures: Vec::new(),
            tones: Vec::new(),
            well: Vec::new(),
            broken: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, seed: u64) {
        let Life { shown, recovery, tones, broken, .. } = live(&self.fault.plan(seed), None);
        self.lives += 1;
        self.tones.push(tones);
        if let Some((after, picture)) = shown {
            self.shown.push(after);
            if !self.pictures.contains(&picture) {
                self.pictures.push(picture);
            }
        }
        self.well.extend(recovery);
        self.broken.extend(
            broken.map(|broken| format!("{broken}; see it with --seed {seed} --as {}", self.fault.word())),
        );
    }
}
