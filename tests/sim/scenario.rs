//! The scenario of a seed: the mode, what the user says and presses, and which faults are injected, with their times.
//!
//! It only lists actions; `world` carries them out. After `faults_end` there is no fault.

use fastrand::Rng;
use mynah::audio::{Clocks, Direction, KeepOpen};
use mynah::conversation::Mode;
use mynah::model::EchoCancellation;
use mynah::parrot::ParrotConfig;
use std::ops::Range;
use std::time::Duration;

use super::clock::{At, MS, S};
use super::manner::Manner;
use super::network::FAST;
use super::room::RoomPlan;
use super::server::ServerBehaviour;
use super::wakes::CountedTime;

/// The buttons of the simulated board, by their index in `device::board`.
pub(super) const TALK: usize = 0;
pub(super) const MUTE: usize = 1;
pub(super) const SWITCH: usize = 2;

/// Keeps the random clock errors independent of the random actions.
const CLOCK_SEED: u64 = 0x5151_5151;

/// The same for what happens to the reference.
const REFERENCE_SEED: u64 = 0x4ef3_4ef3;

/// How long a service floods the device, unless the link is dropped.
pub(super) const FLOOD_TIME: At = 11 * S;

/// How often turns and faults occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A turn or a fault every few seconds.
    Chaos,
    /// A household's day: mostly idle, a few turns an hour, and a fault now and then.
    Everyday,
    /// No faults; constant conversation in sessions that end after one to seven minutes.
    ShortSessions,
    /// As short sessions, with services that have the quirks of real ones, noises, and replies that nobody has asked for.
    Quirks,
}

/// What happens in one run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    /// The clock errors of microphone and speaker, in parts per million.
    pub(super) ppm: [f64; 2],
    /// The manner of the speaker.
    pub(crate) manner: Manner,
    pub(super) actions: Vec<(At, Action)>,
    /// There are no faults from this time on.
    pub(crate) faults_end: At,
    /// When the only fault starts, if the time until the light shows it is measured.
    pub(super) fault_at: Option<At>,
    /// There are no faults, only short sessions.
    pub(super) short_sessions: bool,
    /// Services have quirks.
    pub(super) has_quirks: bool,
    /// Whether the microphone's device stays open while nobody wants it.
    pub(super) keep_open: KeepOpen,
    /// Who removes the echo. The device's reference is silence: nothing is heard of the speaker.
    pub(super) echo: EchoCancellation,
    /// Every press of the mute button is one edge down and counts.
    pub(super) obeys_mute: bool,
    /// When wakes are counted; nothing is skipped, and the run ends with it.
    pub(super) counted: Option<CountedTime>,
    /// The room in which the device stands; the run ends with its actions.
    pub(super) room: Option<RoomPlan>,
    /// In that room every word of the user is heard, and nothing else.
    pub(super) hears_all: bool,
}

/// How new connections fail during an outage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outage {
    /// They are refused at once.
    Refused,
    /// There is no answer until the dial times out.
    Blackhole,
    /// A server accepts them and misbehaves.
    Unhealthy,
    /// A random one of the others for each connection.
    Mixed,
}

impl Outage {
    fn any(rng: &mut Rng) -> Self {
        [Self::Refused, Self::Blackhole, Self::Unhealthy, Self::Mixed][rng.usize(0..4)]
    }
}

/// One action of the user or one fault. `time` is its duration.
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
    /// Calls into the driver block.
    HangDriver {
        direction: Direction,
        time: At,
    },
    StallNetwork {
        time: At,
    },
    SetLatency {
        latency: At,
    },
    ResetLinks,
    KillLinks,
    /// The service sends no event of any reply.
    OmitReplies {
        time: At,
    },
    /// The service sends up to `count` malformed events and frames.
    SendHostile {
        seed: u64,
        count: usize,
    },
    /// The service repeats a frame without end.
    Flood {
        seed: u64,
        time: At,
    },
    /// The service begins a reply by itself.
    Nudge,
    /// The service takes a noise for speech, and neither commits nor answers it.
    Noise {
        time: At,
    },
    /// The reference cannot be used any more.
    LoseReference,
    /// New connections fail until then.
    StartOutage {
        until: At,
        how: Outage,
    },
}

impl Scenario {
    /// Returns the scenario of a seed, with turns and faults for `length`.
    pub(crate) fn new(seed: u64, kind: Kind, length: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let quiet = Duration::from_secs(8);
        let mode = [Mode::Tap { quiet }, Mode::Hold, Mode::Open][match kind {
            Kind::Chaos | Kind::ShortSessions | Kind::Quirks => rng.usize(0..3),
            // Open mode would simulate every sample of ten hours.
            Kind::Everyday => rng.usize(0..2),
        }];
        let faults_end = length.as_nanos() as At;
        let mut scenario = Self::bare(seed, mode, faults_end);
        let mut at = 0;
        loop {
            at += match kind {
                Kind::Chaos => rng.u64(0..6 * S),
                Kind::Everyday => rng.u64(0..1800 * S),
                Kind::ShortSessions => rng.u64(0..20 * S),
                Kind::Quirks => rng.u64(0..12 * S),
            };
            if at >= faults_end {
                break;
            }
            match kind {
                Kind::Chaos | Kind::Everyday => scenario.push_random(at, kind, &mut rng),
                Kind::ShortSessions => scenario.user_turn(at, &mut rng),
                Kind::Quirks => match rng.u32(0..4) {
                    0 => scenario.actions.push((at, Action::Nudge)),
                    1 => scenario.actions.push((at, Action::Noise { time: rng.u64(50 * MS..3 * S) })),
                    _ => scenario.user_turn(at, &mut rng),
                },
            }
        }
        scenario.short_sessions = matches!(kind, Kind::ShortSessions | Kind::Quirks);
        scenario.has_quirks = kind == Kind::Quirks;
        // All faults that last are cleared.
        for direction in [Direction::Capture, Direction::Playback] {
            scenario.actions.push((faults_end, Action::Plug { direction, plugged: true, announced: false }));
            scenario.actions.push((faults_end, Action::StallDevice { direction, time: 0 }));
        }
        scenario.actions.push((faults_end, Action::SetLatency { latency: FAST }));
        // A misbehaving server is replaced by a healthy one.
        scenario.actions.push((faults_end, Action::ResetLinks));
        scenario.button_edges(faults_end + S, SWITCH, false, &mut rng);
        for button in [TALK, MUTE] {
            scenario.button_edges(faults_end + S, button, false, &mut rng);
        }
        scenario.actions.sort_by_key(|(at, _)| *at);
        scenario
    }

    /// Returns whether the service sends nothing malformed.
    pub(super) fn has_sane_service(&self) -> bool {
        !self.actions.iter().any(|(_, act)| matches!(act, Action::SendHostile { .. }))
    }

    /// Returns the scenario of a seed with a healthy network and a hostile service for `length`.
    pub(crate) fn hostile(seed: u64, length: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let modes = [Mode::Tap { quiet: Duration::from_secs(8) }, Mode::Hold, Mode::Open];
        let mode = modes[(seed % 3) as usize];
        let mut scenario = Self::bare(seed, mode, length.as_nanos() as At);
        let mut at = 2 * S;
        while at < scenario.faults_end {
            match rng.u32(0..8) {
                0 => scenario.user_turn(at, &mut rng),
                _ => scenario
                    .actions
                    .push((at, Action::SendHostile { seed: rng.u64(..), count: rng.usize(1..300) })),
            }
            at += rng.u64(0..1500 * MS);
        }
        scenario.actions.retain(|(at, _)| *at < scenario.faults_end);
        scenario.button_edges(scenario.faults_end, TALK, false, &mut rng);
        scenario.actions.sort_by_key(|(at, _)| *at);
        scenario
    }

    /// Returns the scenario of a seed with a service that floods the device, which is muted meanwhile.
    pub(crate) fn flood(seed: u64, length: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let modes = [Mode::Tap { quiet: Duration::from_secs(8) }, Mode::Hold, Mode::Open];
        let mut scenario = Self::bare(seed, modes[rng.usize(0..3)], length.as_nanos() as At);
        let mut at = 5 * S;
        while at + 15 * S < scenario.faults_end {
            scenario.user_turn(at, &mut rng);
            at += rng.u64(0..4 * S);
            scenario.actions.push((at, Action::Flood { seed: rng.u64(..), time: FLOOD_TIME }));
            // Within the flood, even if the link does not survive it for long; and back.
            let pressed = at + rng.u64(5 * MS..90 * MS);
            at += rng.u64(FLOOD_TIME..14 * S);
            for pressed in [pressed, at - S] {
                scenario.actions.push((pressed, Action::ButtonEdge { button: MUTE, down: true }));
                scenario.actions.push((pressed + 100 * MS, Action::ButtonEdge { button: MUTE, down: false }));
            }
        }
        scenario.actions.retain(|(at, _)| *at < scenario.faults_end);
        scenario.button_edges(scenario.faults_end, TALK, false, &mut rng);
        scenario.obeys_mute = true;
        scenario.actions.sort_by_key(|(at, _)| *at);
        scenario
    }

    /// Returns a scenario without turns or faults.
    pub(super) fn bare(seed: u64, mode: Mode, faults_end: At) -> Self {
        let mut rng = Rng::with_seed(seed ^ CLOCK_SEED);
        Self {
            seed,
            mode,
            ppm: [ppm(&mut rng), ppm(&mut rng)],
            manner: Manner::of_seed(seed),
            // Wakes the scheduler at the end of the faults.
            actions: vec![(faults_end + MS, Action::SetLatency { latency: FAST })],
            faults_end,
            fault_at: None,
            short_sessions: false,
            has_quirks: false,
            keep_open: KeepOpen::Never,
            echo: EchoCancellation::Off,
            obeys_mute: false,
            counted: None,
            room: None,
            hears_all: false,
        }
    }

    /// Returns a scenario in a room, in open mode and without a fault: the user talks at these times for so long.
    pub(crate) fn in_room(room: RoomPlan, manner: Manner, talks: &[(At, At)], end: At) -> Self {
        let mut scenario = Self::bare(room.seed, Mode::Open, end);
        scenario.actions.extend(talks.iter().map(|(at, time)| (*at, Action::Speak { time: *time })));
        scenario.actions.sort_by_key(|(at, _)| *at);
        if room.clocks == Clocks::Same {
            scenario.ppm[1] = scenario.ppm[0];
        }
        Self { room: Some(room), manner, ..scenario }
    }

    /// Returns the scenario of a seed in a room: the user talks into most replies, and presses a button now and then.
    pub(crate) fn in_drawn_room(seed: u64, length: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = RoomPlan::drawn(seed, &mut rng);
        let end = length.as_nanos() as At;
        let (mut at, mut talks) = (S, vec![(S, 4 * S)]);
        while at + 12 * S < end {
            at += rng.u64(7 * S..11 * S);
            talks.push((at, rng.u64(800 * MS..4 * S)));
        }
        let mut scenario = Self::in_room(plan, Manner::of_seed(seed).without_dropping(), &talks, end);
        for (at, time) in talks {
            let over = at + time + rng.u64(800 * MS..2 * S);
            match rng.u32(0..6) {
                0 => scenario.press(over, TALK, 200 * MS, &mut rng),
                // The microphone is closed, and opened again while a reply may be heard.
                1 => {
                    scenario.press(over, MUTE, 100 * MS, &mut rng);
                    scenario.press(over + 500 * MS, MUTE, 100 * MS, &mut rng);
                }
                _ => {}
            }
        }
        scenario.actions.sort_by_key(|(at, _)| *at);
        Self { hears_all: true, ..scenario }
    }

    /// Resets the connection, so that the next session is configured anew.
    pub(crate) fn with_reset(mut self, at: At) -> Self {
        self.actions.push((at, Action::ResetLinks));
        self.actions.sort_by_key(|(at, _)| *at);
        self
    }

    /// Wakes the playback thread late from then on, for so long.
    pub(crate) fn with_late_playback(mut self, at: At, time: At) -> Self {
        self.actions.push((at, Action::DelayThread { direction: Direction::Playback, time }));
        self.actions.sort_by_key(|(at, _)| *at);
        self
    }

    /// Keeps the microphone's device open unless it is muted.
    pub(super) fn keep_open(self) -> Self {
        Self { keep_open: KeepOpen::UnlessMuted, ..self }
    }

    /// Sends the device's reference, to services of which half refuse it; it is lost in half of the runs.
    pub(super) fn sending_reference(mut self) -> Self {
        let mut rng = Rng::with_seed(self.seed ^ REFERENCE_SEED);
        if rng.bool() {
            self.actions.push((rng.u64(0..self.faults_end), Action::LoseReference));
            self.actions.sort_by_key(|(at, _)| *at);
        }
        Self { echo: EchoCancellation::Client, ..self }
    }

    /// Holds the microphone back while the speaker is heard.
    pub(super) fn half_duplex(self) -> Self {
        Self { echo: EchoCancellation::HalfDuplex, ..self }
    }

    fn push_random(&mut self, at: At, kind: Kind, rng: &mut Rng) {
        let direction = if rng.bool() { Direction::Capture } else { Direction::Playback };
        let before_faults_end = |at: At| at.min(self.faults_end);
        match rng.u32(0..if kind == Kind::Chaos { 27 } else { 14 }) {
            0..=9 => self.user_turn(at, rng),
            10 => {
                self.actions.push((at, Action::Plug { direction, plugged: false, announced: true }));
                let back = before_faults_end(at + rng.u64(0..20 * S));
                // The hot-plug event may be missing; then only polling finds the device.
                self.actions.push((back, Action::Plug { direction, plugged: true, announced: rng.bool() }));
            }
            11 => self.actions.push((
                at,
                Action::StartOutage {
                    until: before_faults_end(at + rng.u64(0..90 * S)),
                    how: Outage::any(rng),
                },
            )),
            12 => self.actions.push((at, Action::ResetLinks)),
            13 => self.actions.push((at, Action::StallNetwork { time: rng.u64(0..30 * S) })),
            14 => self.actions.push((at, Action::KillLinks)),
            15 => self.actions.push((at, Action::SetLatency { latency: rng.u64(MS..900 * MS) })),
            16 => self.actions.push((at, Action::StallDevice { direction, time: rng.u64(0..4 * S) })),
            17 => self.actions.push((at, Action::DelayThread { direction, time: rng.u64(0..3 * S) })),
            18 | 19 => self.press(at, MUTE, rng.u64(20 * MS..900 * MS), rng),
            20 => self.button_edges(at, SWITCH, rng.bool(), rng),
            21 => self.button_edges(at, TALK, rng.bool(), rng),
            // Playback only: a capture device whose driver hangs cannot be closed for muting.
            23 => self
                .actions
                .push((at, Action::HangDriver { direction: Direction::Playback, time: rng.u64(0..4 * S) })),
            // An electrical glitch, too short for a press.
            22 => self.press(at, rng.usize(0..2), rng.u64(0..2 * MS), rng),
            _ => self.press(at, TALK, rng.u64(5 * MS..2000 * MS), rng),
        }
    }

    /// Adds one turn of the user, and sometimes a second one that interrupts the reply.
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

    /// Adds a press with contact bounce.
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

/// Returns a clock error of at most 300 ppm, as of a cheap quartz.
fn ppm(rng: &mut Rng) -> f64 {
    rng.f64() * 600.0 - 300.0
}

/// Returns how the service treats a connection: `bad` during an outage, `short` for a session that ends after so many
/// seconds.
pub(super) fn behaviour(bad: bool, short: Option<Range<u64>>, rng: &mut Rng) -> ServerBehaviour {
    let session_length =
        short.map_or(ParrotConfig::default().life, |seconds| Duration::from_secs(rng.u64(seconds)));
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
