//! What a seed makes of a life: who the owner is, what is touched and said, and what goes wrong, and when.
//!
//! After the calm begins nothing goes wrong any more.

use fastrand::Rng;
use mynah::audio::Direction;
use mynah::conversation::Mode;
use mynah::parrot::ParrotConfig;
use std::time::Duration;

use super::clock::{At, MS, S};
use super::network::FAST;
use super::server::Manner;

/// The buttons of the simulated board, in the order of its body.
pub(super) const TALK: usize = 0;
pub(super) const MUTE: usize = 1;
pub(super) const SWITCH: usize = 2;

/// Keeps the quartzes' luck from the plan's.
const PPM: u64 = 0x5151_5151;

/// How densely a life is lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something happens every few seconds.
    Stormy,
    /// A household's day: long rests, a few turns an hour, and now and then a fault.
    Everyday,
    /// Nothing goes wrong, but that sessions end after a minute or a few, and somebody talks all the time.
    Restless,
}

/// A life, before it is lived.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    /// How far the clocks of microphone and speaker are off, in millionths.
    pub(super) ppm: [f64; 2],
    pub(super) acts: Vec<(At, Act)>,
    /// From now on nothing goes wrong.
    pub(crate) calm_at: At,
    /// When the one fault begins whose telling is to be timed.
    pub(super) fault_at: Option<At>,
    /// Nothing goes wrong, but that sessions are short.
    pub(super) restless: bool,
}

/// What an outage looks like from the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outage {
    /// Nobody listens, and the network says so at once.
    Refused,
    /// Nothing ever answers.
    Hole,
    /// Somebody answers, and is unwell.
    Unwell,
    /// Now this and now that.
    Mixed,
}

impl Outage {
    fn any(luck: &mut Rng) -> Self {
        [Self::Refused, Self::Hole, Self::Unwell, Self::Mixed][luck.usize(0..4)]
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    Touch {
        button: usize,
        down: bool,
    },
    Speak {
        time: At,
    },
    Plug {
        end: Direction,
        plugged: bool,
        told: bool,
    },
    Stick {
        end: Direction,
        time: At,
    },
    Late {
        end: Direction,
        time: At,
    },
    /// A call to the driver does not return for so long.
    Hang {
        end: Direction,
        time: At,
    },
    Stall {
        time: At,
    },
    Latency {
        time: At,
    },
    Reset,
    Die,
    /// The service says nothing of any reply for so long.
    Forget {
        time: At,
    },
    /// The service says so many things that it should not.
    Utter {
        seed: u64,
        count: usize,
    },
    /// The service takes no connection, or badly, until then.
    Outage {
        until: At,
        how: Outage,
    },
}

impl Plan {
    /// Makes the plan of a life of about so long.
    pub(crate) fn new(seed: u64, kind: Kind, length: Duration) -> Self {
        let mut luck = Rng::with_seed(seed);
        let quiet = Duration::from_secs(8);
        let mode = [Mode::Tap { quiet }, Mode::Hold, Mode::Open][match kind {
            Kind::Stormy | Kind::Restless => luck.usize(0..3),
            // A microphone that is always live is an hour of samples an hour.
            Kind::Everyday => luck.usize(0..2),
        }];
        let calm_at = length.as_nanos() as At;
        let mut plan = Self::bare(seed, mode, calm_at);
        let mut at = 0;
        loop {
            at += match kind {
                Kind::Stormy => luck.u64(0..6 * S),
                Kind::Everyday => luck.u64(0..1800 * S),
                Kind::Restless => luck.u64(0..20 * S),
            };
            if at >= calm_at {
                break;
            }
            match kind {
                Kind::Stormy | Kind::Everyday => plan.add(at, kind, &mut luck),
                Kind::Restless => plan.turn(at, &mut luck),
            }
        }
        plan.restless = kind == Kind::Restless;
        // Whoever comes home puts things right.
        for end in [Direction::Capture, Direction::Playback] {
            plan.acts.push((calm_at, Act::Plug { end, plugged: true, told: false }));
            plan.acts.push((calm_at, Act::Stick { end, time: 0 }));
        }
        plan.acts.push((calm_at, Act::Latency { time: FAST }));
        // A service that was unwell is another one now.
        plan.acts.push((calm_at, Act::Reset));
        plan.touch(calm_at + S, SWITCH, false, &mut luck);
        for button in [TALK, MUTE] {
            plan.touch(calm_at + S, button, false, &mut luck);
        }
        plan.acts.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Tells whether the service says nothing that it should not.
    pub(super) fn is_served_well(&self) -> bool {
        !self.acts.iter().any(|(_, act)| matches!(act, Act::Utter { .. }))
    }

    /// Makes the plan of a life of about so long, with a network that works and a service gone bad.
    pub(crate) fn hostile(seed: u64, length: Duration) -> Self {
        let mut luck = Rng::with_seed(seed);
        let modes = [Mode::Tap { quiet: Duration::from_secs(8) }, Mode::Hold, Mode::Open];
        let mode = modes[(seed % 3) as usize];
        let mut plan = Self::bare(seed, mode, length.as_nanos() as At);
        let mut at = 2 * S;
        while at < plan.calm_at {
            match luck.u32(0..8) {
                0 => plan.turn(at, &mut luck),
                _ => plan.acts.push((at, Act::Utter { seed: luck.u64(..), count: luck.usize(1..300) })),
            }
            at += luck.u64(0..1500 * MS);
        }
        plan.acts.retain(|(at, _)| *at < plan.calm_at);
        plan.touch(plan.calm_at, TALK, false, &mut luck);
        plan.acts.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Makes the plan of a life in which nothing happens.
    pub(super) fn bare(seed: u64, mode: Mode, calm_at: At) -> Self {
        let mut luck = Rng::with_seed(seed ^ PPM);
        Self {
            seed,
            mode,
            ppm: [ppm(&mut luck), ppm(&mut luck)],
            // Somebody looks when the calm begins.
            acts: vec![(calm_at + MS, Act::Latency { time: FAST })],
            calm_at,
            fault_at: None,
            restless: false,
        }
    }

    fn add(&mut self, at: At, kind: Kind, luck: &mut Rng) {
        let end = if luck.bool() { Direction::Capture } else { Direction::Playback };
        let most = |at: At| at.min(self.calm_at);
        match luck.u32(0..if kind == Kind::Stormy { 27 } else { 14 }) {
            0..=9 => self.turn(at, luck),
            10 => {
                self.acts.push((at, Act::Plug { end, plugged: false, told: true }));
                let back = most(at + luck.u64(0..20 * S));
                // The kernel may tell of it, or have to be asked.
                self.acts.push((back, Act::Plug { end, plugged: true, told: luck.bool() }));
            }
            11 => self
                .acts
                .push((at, Act::Outage { until: most(at + luck.u64(0..90 * S)), how: Outage::any(luck) })),
            12 => self.acts.push((at, Act::Reset)),
            13 => self.acts.push((at, Act::Stall { time: luck.u64(0..30 * S) })),
            14 => self.acts.push((at, Act::Die)),
            15 => self.acts.push((at, Act::Latency { time: luck.u64(MS..900 * MS) })),
            16 => self.acts.push((at, Act::Stick { end, time: luck.u64(0..4 * S) })),
            17 => self.acts.push((at, Act::Late { end, time: luck.u64(0..3 * S) })),
            18 | 19 => self.press(at, MUTE, luck.u64(20 * MS..900 * MS), luck),
            20 => self.touch(at, SWITCH, luck.bool(), luck),
            21 => self.touch(at, TALK, luck.bool(), luck),
            // A microphone whose driver hangs cannot be closed, whoever wants it muted.
            23 => self.acts.push((at, Act::Hang { end: Direction::Playback, time: luck.u64(0..4 * S) })),
            // A glitch that no finger makes.
            22 => self.press(at, luck.usize(0..2), luck.u64(0..2 * MS), luck),
            _ => self.press(at, TALK, luck.u64(5 * MS..2000 * MS), luck),
        }
    }

    /// Speaks as somebody would who wants an answer, and sometimes speaks again before it is over.
    pub(super) fn turn(&mut self, at: At, luck: &mut Rng) {
        let time = luck.u64(100 * MS..4 * S);
        let hold = if self.mode == Mode::Hold { time + 300 * MS } else { luck.u64(40 * MS..400 * MS) };
        if self.mode != Mode::Open || luck.u32(0..4) == 0 {
            self.press(at, TALK, hold, luck);
        }
        self.acts.push((at + luck.u64(0..300 * MS), Act::Speak { time }));
        if luck.u32(0..3) == 0 {
            let again = at + time + luck.u64(0..5 * S);
            if luck.bool() {
                self.press(again, TALK, hold, luck);
            }
            self.acts.push((again, Act::Speak { time: luck.u64(100 * MS..2 * S) }));
        }
    }

    /// A finger on a button, whose contact bounces.
    pub(super) fn press(&mut self, at: At, button: usize, hold: At, luck: &mut Rng) {
        self.touch(at, button, true, luck);
        self.touch(at + hold, button, false, luck);
    }

    fn touch(&mut self, at: At, button: usize, down: bool, luck: &mut Rng) {
        let mut at = at;
        for _ in 0..luck.u32(0..4) {
            self.acts.push((at, Act::Touch { button, down }));
            at += luck.u64(0..2 * MS);
            self.acts.push((at, Act::Touch { button, down: !down }));
            at += luck.u64(0..2 * MS);
        }
        self.acts.push((at, Act::Touch { button, down }));
    }
}

/// Quartz of a cheap board.
fn ppm(luck: &mut Rng) -> f64 {
    luck.f64() * 600.0 - 300.0
}

/// How the service treats a connection in bad times and in good ones.
pub(super) fn manner(bad: bool, short: bool, luck: &mut Rng) -> Manner {
    // Shorter than the time before its end at which a session may be replaced.
    let life = if short { Duration::from_secs(luck.u64(65..400)) } else { ParrotConfig::default().life };
    let habits = ParrotConfig {
        life,
        think: Duration::from_millis(luck.u64(20..1500)),
        pace: luck.u32(0..8),
        cascaded: luck.bool(),
        late_deltas: luck.usize(0..3),
        ..ParrotConfig::default()
    };
    if !bad {
        return Manner::Serves(habits);
    }
    match luck.u32(0..9) {
        0 => Manner::Refuses(429, Some(luck.u64(0..20))),
        1 => Manner::Refuses([500, 502, 503, 504][luck.usize(0..4)], None),
        2 => Manner::Ignores,
        3 => Manner::Dithers(habits),
        8 => Manner::Forgets(habits),
        4 | 5 => {
            Manner::Closes(habits, [1000, 1001, 1011, 1012, 1013][luck.usize(0..5)], luck.u64(0..10 * S))
        }
        _ => Manner::Serves(habits),
    }
}
