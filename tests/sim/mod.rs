//! A deterministic simulator: the session, both audio loops, the board, the link and its WebSocket, as they ship, in
//! virtual time on one thread, without a network or a real clock.
//!
//! A seed determines a run to the last byte: what the user says and presses, the service (the parrot behind a simulated
//! server), and the faults of sound cards and network. The invariants hold throughout; after the last fault the device
//! becomes idle and completes a turn.

mod clock;
mod device;
mod hostile;
mod invariants;
mod manner;
mod network;
mod quirks;
mod recovery;
mod room;
mod scenario;
mod server;
mod sound_card;
mod wakes;
mod world;

use std::time::Duration;

pub(crate) use clock::{At, MS, S};
pub(crate) use manner::{Manner, REWRITTEN, RUN_OUT, SLEEPING};
pub(crate) use recovery::{FAULTS, FaultStats};
pub(crate) use room::{MOST_ERROR_MS, RoomFault, RoomPlan, RoomRecord};
pub(crate) use scenario::{Kind, Scenario};
pub(crate) use wakes::{PHASES, SPEAKERS, WakeRates, wakes_table};
pub(crate) use world::{Simulation, simulate};

/// Seeds that once violated an invariant: the seed, the kind, and what was wrong.
const KEPT_SEEDS: &str = include_str!("seeds.txt");
const MINUTE: Duration = Duration::from_secs(60);
const TWO_MINUTES: Duration = Duration::from_secs(120);
pub(crate) const TEN_HOURS: Duration = Duration::from_secs(36_000);
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Returns the seeds that once violated an invariant, with their kinds.
pub(crate) fn kept_seeds() -> impl Iterator<Item = (u64, &'static str)> {
    KEPT_SEEDS.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap().parse().unwrap(), words.next().unwrap())
    })
}

/// Returns the scenario of a seed: `chaos`, `kept-open`, `client-reference`, `half-duplex`, `half-duplex-short-sessions`, `half-duplex-kept-open`, `everyday`, `short-sessions`, `quirks`, `hostile`, `flood`, `room`, or a fault's name; `None` for any
/// other kind.
pub(crate) fn scenario_for(seed: u64, kind: &str) -> Option<Scenario> {
    Some(match kind {
        "chaos" => Scenario::new(seed, Kind::Chaos, TWO_MINUTES),
        "kept-open" => Scenario::new(seed, Kind::Chaos, TWO_MINUTES).keep_open(),
        "client-reference" => Scenario::new(seed, Kind::Chaos, TWO_MINUTES).sending_reference(),
        "half-duplex" => Scenario::new(seed, Kind::Chaos, TWO_MINUTES).half_duplex(),
        "half-duplex-short-sessions" => Scenario::new(seed, Kind::ShortSessions, TWO_MINUTES).half_duplex(),
        "half-duplex-kept-open" => Scenario::new(seed, Kind::Chaos, TWO_MINUTES).half_duplex().keep_open(),
        "everyday" => Scenario::new(seed, Kind::Everyday, TEN_HOURS),
        "short-sessions" => Scenario::new(seed, Kind::ShortSessions, TEN_MINUTES),
        "quirks" => Scenario::new(seed, Kind::Quirks, TEN_MINUTES),
        "hostile" => Scenario::hostile(seed, TWO_MINUTES),
        "flood" => Scenario::flood(seed, TWO_MINUTES),
        "room" => Scenario::in_drawn_room(seed, MINUTE),
        fault => FAULTS.into_iter().find(|known| known.cli_name() == fault)?.scenario(seed),
    })
}
