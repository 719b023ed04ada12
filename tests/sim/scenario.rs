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
use super::server::ServerBehaviour;

/// The buttons of the simulated board, in the order of its body.
pub(super) const TALK: usize = 0;
pub(super) const MUTE: usize = 1;
pub(super) const SWITCH: usize = 2;

/// Keeps the quartzes' luck from the plan's.
const CLOCK_SEED: u64 = 0x5151_5151;

/// How densely a life is lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something happens every few seconds.
    Chaos,
    /// A household's day: long rests, a few turns an hour, and now and then a fault.
    Everyday,
    /// Nothing goes wrong, but that sessions end after a minute or a few, and somebody talks all the time.
    ShortSessions,
}

/// A life, before it is lived.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    /// How far the clocks of microphone and speaker are off, in millionths.
    pub(super) ppm: [f64; 2],
    pub(super) actions: Vec<(At, Action)>,
    /// From now on nothing goes wrong.
    pub(crate) calm_at: At,
    /// When the one fault begins whose telling is to be timed.
    pub(super) fault_at: Option<At>,
    /// Nothing goes wrong, but that sessions are short.
    pub(super) short_sessions: bool,
}

/// What an outage looks like from the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outage {
    /// Nobody listens, and the network says so at once.
    Refused,
    /// Nothing ever answers.
    Blackhole,
    /// Somebody answers, and is unwell.
    Unhealthy,
    /// Now this and now that.
    Mixed,
}

impl Outage {
    fn any(rng: &mut Rng) -> Self {
        [Self::Refused, Self::Blackhole, Self::Unhealthy, Self::Mixed][rng.usize(0..4)]
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    ButtonEdge {
        button: usize,
        down: bool,
    },
    Speak {
        time: At,
    },
    Plug {
        direction: Direction,
        plugged: bool,
        announced: bool,
    },
    StallDevice {
        direction: Direction,
        time: At,
    },
    DelayThread {
        direction: Direction,
        time: At,
    },
    /// A call to the driver does not return for so long.
    HangDriver {
        direction: Direction,
        time: At,
    },
    StallNetwork {
        time: At,
    },
    SetLatency {
        time: At,
    },
    ResetLinks,
    KillLinks,
    /// The service says nothing of any reply for so long.
    OmitReplies {
        time: At,
    },
    /// The service says so many things that it should not.
    SendHostile {
        seed: u64,
        count: usize,
    },
    /// The service takes no connection, or badly, until then.
    StartOutage {
        until: At,
        how: Outage,
    },
}

impl Scenario {
    /// Makes the plan of a life of about so long.
    pub(crate) fn new(seed: u64, kind: Kind, length: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let quiet = Duration::from_secs(8);
        let mode = [Mode::Tap { quiet }, Mode::Hold, Mode::Open][match kind {
            Kind::Chaos | Kind::ShortSessions => rng.usize(0..3),
            // A microphone that is always live is an hour of samples an hour.
            Kind::Everyday => rng.usize(0..2),
        }];
        let calm_at = length.as_nanos() as At;
        let mut scenario = Self::bare(seed, mode, calm_at);
        let mut at = 0;
        loop {
            at += match kind {
                Kind::Chaos => rng.u64(0..6 * S),
                Kind::Everyday => rng.u64(0..1800 * S),
                Kind::ShortSessions => rng.u64(0..20 * S),
            };
            if at >= calm_at {
                break;
            }
            match kind {
                Kind::Chaos | Kind::Everyday => scenario.push_random(at, kind, &mut rng),
                Kind::ShortSessions => scenario.user_turn(at, &mut rng),
            }
        }
        scenario.short_sessions = kind == Kind::ShortSessions;
        // Whoever comes home puts things right.
        for direction in [Direction::Capture, Direction::Playback] {
            scenario.actions.push((calm_at, Action::Plug { direction, plugged: true, announced: false }));
            scenario.actions.push((calm_at, Action::StallDevice { direction, time: 0 }));
        }
        scenario.actions.push((calm_at, Action::SetLatency { time: FAST }));
        // A service that was unwell is another one now.
        scenario.actions.push((calm_at, Action::ResetLinks));
        scenario.button_edges(calm_at + S, SWITCH, false, &mut rng);
        for button in [TALK, MUTE] {
            scenario.button_edges(calm_at + S, button, false, &mut rng);
        }
        scenario.actions.sort_by_key(|(at, _)| *at);
        scenario
    }

    /// Tells whether the service says nothing that it should not.
    pub(super) fn has_sane_service(&self) -> bool {
        !self.actions.iter().any(|(_, act)| matches!(act, Action::SendHostile { .. }))
    }

    /// Makes the plan of a life of about so long, with a network that works and a service gone bad.
    pub(crate) fn hostile(seed: u64, length: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let modes = [Mode::Tap { quiet: Duration::from_secs(8) }, Mode::Hold, Mode::Open];
        let mode = modes[(seed % 3) as usize];
        let mut scenario = Self::bare(seed, mode, length.as_nanos() as At);
        let mut at = 2 * S;
        while at < scenario.calm_at {
            match rng.u32(0..8) {
                0 => scenario.user_turn(at, &mut rng),
                _ => scenario
                    .actions
                    .push((at, Action::SendHostile { seed: rng.u64(..), count: rng.usize(1..300) })),
            }
            at += rng.u64(0..1500 * MS);
        }
        scenario.actions.retain(|(at, _)| *at < scenario.calm_at);
        scenario.button_edges(scenario.calm_at, TALK, false, &mut rng);
        scenario.actions.sort_by_key(|(at, _)| *at);
        scenario
    }

    /// Makes the plan of a life in which nothing happens.
    pub(super) fn bare(seed: u64, mode: Mode, calm_at: At) -> Self {
        let mut rng = Rng::with_seed(seed ^ CLOCK_SEED);
        Self {
            seed,
            mode,
            ppm: [ppm(&mut rng), ppm(&mut rng)],
            // Somebody looks when the calm begins.
            actions: vec![(calm_at + MS, Action::SetLatency { time: FAST })],
            calm_at,
            fault_at: None,
            short_sessions: false,
        }
    }

    fn push_random(&mut self, at: At, kind: Kind, rng: &mut Rng) {
        let direction = if rng.bool() { Direction::Capture } else { Direction::Playback };
        let before_calm = |at: At| at.min(self.calm_at);
        match rng.u32(0..if kind == Kind::Chaos { 27 } else { 14 }) {
            0..=9 => self.user_turn(at, rng),
            10 => {
                self.actions.push((at, Action::Plug { direction, plugged: false, announced: true }));
                let back = before_calm(at + rng.u64(0..20 * S));
                // The kernel may tell of it, or have to be asked.
                self.actions.push((back, Action::Plug { direction, plugged: true, announced: rng.bool() }));
            }
            11 => self.actions.push((
                at,
                Action::StartOutage { until: before_calm(at + rng.u64(0..90 * S)), how: Outage::any(rng) },
            )),
            12 => self.actions.push((at, Action::ResetLinks)),
            13 => self.actions.push((at, Action::StallNetwork { time: rng.u64(0..30 * S) })),
            14 => self.actions.push((at, Action::KillLinks)),
            15 => self.actions.push((at, Action::SetLatency { time: rng.u64(MS..900 * MS) })),
            16 => self.actions.push((at, Action::StallDevice { direction, time: rng.u64(0..4 * S) })),
            17 => self.actions.push((at, Action::DelayThread { direction, time: rng.u64(0..3 * S) })),
            18 | 19 => self.press(at, MUTE, rng.u64(20 * MS..900 * MS), rng),
            20 => self.button_edges(at, SWITCH, rng.bool(), rng),
            21 => self.button_edges(at, TALK, rng.bool(), rng),
            // A microphone whose driver hangs cannot be closed, whoever wants it muted.
            23 => self
                .actions
                .push((at, Action::HangDriver { direction: Direction::Playback, time: rng.u64(0..4 * S) })),
            // A glitch that no finger makes.
            22 => self.press(at, rng.usize(0..2), rng.u64(0..2 * MS), rng),
            _ => self.press(at, TALK, rng.u64(5 * MS..2000 * MS), rng),
        }
    }

    /// Speaks as somebody would who wants an answer, and sometimes speaks again before it is over.
    pub(super) fn user_turn(&mut self, at: At, rng: &mut Rng) {
        let time = rng.u64(100 * MS..4 * S);
        let hold = if self.mode == Mode::Hold { time + 300 * MS } else { rng.u64(40 * MS..400 * MS) };
        if self.mode != Mode::Open || rng.u32(0..4) == 0 {
            self.press(at, TALK, hold, rng);
        }
        self.actions.push((at + rng.u64(0..300 * MS), Action::Speak { time }));
        if rng.u32(0..3) == 0 {
            let again = at + time + rng.u64(0..5 * S);
            if rng.bool() {
                self.press(again, TALK, hold, rng);
            }
            self.actions.push((again, Action::Speak { time: rng.u64(100 * MS..2 * S) }));
        }
    }

    /// A finger on a button, whose contact bounces.
    pub(super) fn press(&mut self, at: At, button: usize, hold: At, rng: &mut Rng) {
        self.button_edges(at, button, true, rng);
        self.button_edges(at + hold, button, false, rng);
    }

    fn button_edges(&mut self, at: At, button: usize, down: bool, rng: &mut Rng) {
        let mut at = at;
        for _ in 0..rng.u32(0..4) {
            self.actions.push((at, Action::ButtonEdge { button, down }));
            at += rng.u64(0..2 * MS);
            self.actions.push((at, Action::ButtonEdge { button, down: !down }));
            at += rng.u64(0..2 * MS);
        }
        self.actions.push((at, Action::ButtonEdge { button, down }));
    }
}

/// Quartz of a cheap board.
fn ppm(rng: &mut Rng) -> f64 {
    rng.f64() * 600.0 - 300.0
}

/// How the service treats a connection in bad times and in good ones.
pub(super) fn behaviour(bad: bool, short: bool, rng: &mut Rng) -> ServerBehaviour {
    // Shorter than the time before its end at which a session may be replaced.
    let session_length =
        if short { Duration::from_secs(rng.u64(65..400)) } else { ParrotConfig::default().life };
    let config = ParrotConfig {
        life: session_length,
        think: Duration::from_millis(rng.u64(20..1500)),
        pace: rng.u32(0..8),
        cascaded: rng.bool(),
        late_deltas: rng.usize(0..3),
        ..ParrotConfig::default()
    };
    if !bad {
        return ServerBehaviour::Serves(config);
    }
    match rng.u32(0..9) {
        0 => ServerBehaviour::Refuses(429, Some(rng.u64(0..20))),
        1 => ServerBehaviour::Refuses([500, 502, 503, 504][rng.usize(0..4)], None),
        2 => ServerBehaviour::IgnoresUpgrade,
        3 => ServerBehaviour::NeverConfirms(config),
        8 => ServerBehaviour::OmitsReplies(config),
        4 | 5 => ServerBehaviour::Closes(
            config,
            [1000, 1001, 1011, 1012, 1013][rng.usize(0..5)],
            rng.u64(0..10 * S),
        ),
        _ => ServerBehaviour::Serves(config),
    }
}
