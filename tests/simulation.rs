//! Whole devices in virtual time: kept lives and fresh ones break no promise, and one seed is one life.
//!
//! `cargo bench --profile guest --bench sim` lives many more.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::sim::{
    FAULTS, FaultStats, Kind, Scenario, Simulation, TEN_HOURS, kept_seeds, scenario_for, simulate,
};

const MINUTE: Duration = Duration::from_secs(60);
/// Fresh lives in every run.
const FRESH: u64 = 6;

#[test]
fn no_life_breaks_a_promise_or_ends_stuck() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for (seed, kind) in kept_seeds().chain((fresh..fresh + FRESH).map(|seed| (seed, "chaos"))) {
        let Simulation { violation, replies, heap, .. } = simulate(&scenario_for(seed, kind).unwrap(), None);
        println!("seed {seed}: {heap}");
        assert_eq!(violation, None, "--seed {seed} --kind {kind}");
        assert!(replies > 0, "--seed {seed} --kind {kind}");
    }
}

#[test]
fn one_seed_is_one_life() {
    let run = |seed| simulate(&Scenario::new(seed, Kind::Chaos, MINUTE), None);
    let (first, again, other) = (run(7), run(7), run(8));
    assert_eq!((first.digest, first.turns), (again.digest, again.turns));
    assert_ne!(first.digest, other.digest);
}

#[test]
fn a_day_of_rest_takes_no_time() {
    let run = simulate(&Scenario::new(3, Kind::Everyday, TEN_HOURS), None);
    assert_eq!(run.violation, None);
    assert!(run.simulated > TEN_HOURS);
    let periods = run.simulated.as_millis() as u64 / 10;
    assert!(run.turns < periods / 10, "{} turns: it does not sleep", run.turns);
}

#[test]
fn every_kind_of_fault_is_over_soon_after_its_cause() {
    for fault in FAULTS {
        let mut row = FaultStats::new(fault);
        row.add(3);
        assert_eq!(row.violations, Vec::<String>::new(), "{}", fault.description());
        assert_eq!(row.recovered.len(), 1, "{}", fault.description());
        // One outage is told once, and its end once.
        assert!(row.tones[0] <= 2, "{}: {} sounds", fault.description(), row.tones[0]);
    }
}
