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

pub(crate) use recovery::{FAULTS, Row};
pub(crate) use scenario::{Kind, Plan};
pub(crate) use world::{Life, live};

/// Lives that broke a promise once: the seed, the kind, and what it was.
const KEPT: &str = include_str!("seeds.txt");
/// How long a life lasts in which much happens.
const STORM: Duration = Duration::from_secs(120);
pub(crate) const DAY: Duration = Duration::from_secs(36_000);
const RESTLESS: Duration = Duration::from_secs(600);

/// Lists the lives that broke a promise once: the seeds and the kinds.
pub(crate) fn kept() -> impl Iterator<Item = (u64, &'static str)> {
    KEPT.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap().parse().unwrap(), words.next().unwrap())
    })
}

/// Makes the plan of a life of a kind: stormy, everyday, restless, hostile, or one that meets one fault.
pub(crate) fn plan(seed: u64, kind: &str) -> Option<Plan> {
    Some(match kind {
        "stormy" => Plan::new(seed, Kind::Stormy, STORM),
        "everyday" => Plan::new(seed, Kind::Everyday, DAY),
        "restless" => Plan::new(seed, Kind::Restless, RESTLESS),
        "hostile" => Plan::hostile(seed, STORM),
        fault => FAULTS.into_iter().find(|known| known.word() == fault)?.plan(seed),
    })
}
