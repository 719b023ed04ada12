//! The whole device in virtual time: the session, both sound loops, the board, the link and its WebSocket, as they
//! ship, on one thread, with no network and no clock.
//!
//! A seed makes a life: an owner with a voice and fingers, a service (the parrot behind a server of its own), and
//! everything that can go wrong with cards and networks. Whatever happens, the promises hold, and once nothing
//! goes wrong any more the device is at rest and holds a turn. One seed is one life, to the last byte.

mod clock;
mod device;
mod hostile;
mod invariants;
mod network;
mod recovery;
mod scenario;
mod server;
mod sound_card;
mod world;

use std::time::Duration;

pub(crate) use recovery::{FAULTS, FaultStats};
pub(crate) use scenario::{Kind, Scenario};
pub(crate) use world::{Simulation, simulate};

/// Lives that broke a promise once: the seed, the kind, and what it was.
const KEPT_SEEDS: &str = include_str!("seeds.txt");
/// How long a life lasts in which much happens.
const TWO_MINUTES: Duration = Duration::from_secs(120);
pub(crate) const TEN_HOURS: Duration = Duration::from_secs(36_000);
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Lists the lives that broke a promise once: the seeds and the kinds.
pub(crate) fn kept_seeds() -> impl Iterator<Item = (u64, &'static str)> {
    KEPT_SEEDS.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap().parse().unwrap(), words.next().unwrap())
    })
}

/// Makes the plan of a life of a kind: stormy, everyday, restless, hostile, or one that meets one fault.
pub(crate) fn scenario_for(seed: u64, kind: &str) -> Option<Scenario> {
    Some(match kind {
        "chaos" => Scenario::new(seed, Kind::Chaos, TWO_MINUTES),
        "everyday" => Scenario::new(seed, Kind::Everyday, TEN_HOURS),
        "short-sessions" => Scenario::new(seed, Kind::ShortSessions, TEN_MINUTES),
        "hostile" => Scenario::hostile(seed, TWO_MINUTES),
        fault => FAULTS.into_iter().find(|known| known.cli_name() == fault)?.scenario(seed),
    })
}
