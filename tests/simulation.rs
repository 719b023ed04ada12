//! Whole devices in virtual time: kept lives and fresh ones break no promise, and one seed is one life.
//!
//! `cargo bench --profile guest --bench sim` lives many more.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::sim::{DAY, FAULTS, Kind, Life, Plan, Row, kept, live, plan};

const MINUTE: Duration = Duration::from_secs(60);
/// Fresh lives in every run.
const FRESH: u64 = 6;

#[test]
fn no_life_breaks_a_promise_or_ends_stuck() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for (seed, kind) in kept().chain((fresh..fresh + FRESH).map(|seed| (seed, "stormy"))) {
        let Life { broken, replies, heap, .. } = live(&plan(seed, kind).unwrap(), None);
        println!("seed {seed}: {heap}");
        assert_eq!(broken, None, "--seed {seed} --as {kind}");
        assert!(replies > 0, "--seed {seed} --as {kind}");
    }
}

#[test]
fn one_seed_is_one_life() {
    let life = |seed| live(&Plan::new(seed, Kind::Stormy, MINUTE), None);
    let (first, again, other) = (life(7), life(7), life(8));
    assert_eq!((first.digest, first.turns), (again.digest, again.turns));
    assert_ne!(first.digest, other.digest);
}

#[test]
fn a_day_of_rest_takes_no_time() {
    let life = live(&Plan::new(3, Kind::Everyday, DAY), None);
    assert_eq!(life.broken, None);
    assert!(life.simulated > DAY);
    let a_period_each = life.simulated.as_millis() as u64 / 10;
    assert!(life.turns < a_period_each / 10, "{} turns: it does not sleep", life.turns);
}

#[test]
fn every_kind_of_fault_is_over_soon_after_its_cause() {
    for fault in FAULTS {
        let mut row = Row::new(fault);
        row.add(3);
        assert_eq!(row.broken, Vec::<String>::new(), "{}", fault.name());
        assert_eq!(row.well.len(), 1, "{}", fault.name());
        // One outage is told once, and its end once.
        assert!(row.tones[0] <= 2, "{}: {} sounds", fault.name(), row.tones[0]);
    }
}
