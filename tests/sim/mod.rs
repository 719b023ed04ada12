//! The whole device in virtual time: the session, both sound loops, the board, the link and its WebSocket, as they
//! ship, on one thread, with no network and no clock.
//!
//! A seed makes a life: an owner with a voice and fingers, a service (the parrot behind a server of its own), and
//! everything that can go wrong with cards and networks. Whatever happens, the promises hold, and once nothing
//! goes wrong any more the device is at rest and holds a turn. One seed is one life, to the last byte.

mod card;
mod clock;
mod device;
mod far;
mod hostile;
mod network;
mod plan;
mod promises;
mod recovery;
mod world;

pub(crate) use plan::{Kind, Plan};
pub(crate) use recovery::{FAULTS, Row};
pub(crate) use world::{Life, live};

/// Seeds of lives that broke a promise once, with what it was.
const KEPT: &str = include_str!("seeds.txt");

pub(crate) fn kept_seeds() -> Vec<u64> {
    let lines = KEPT.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
}
