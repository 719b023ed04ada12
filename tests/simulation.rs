//! Whole devices in virtual time: seeds that failed before and new ones violate no invariant, and runs are reproducible.
//!
//! `cargo bench --profile guest --bench sim` runs many more.

mod room;
mod room_faults;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::sim::{
    FAULTS, FaultStats, Kind, PHASES, SPEAKERS, Scenario, Simulation, TEN_HOURS, WakeRates, kept_seeds,
    scenario_for, simulate, wakes_table,
};

const MINUTE: Duration = Duration::from_secs(60);
/// New seeds in every test run.
const FRESH: u64 = 6;
/// The most wakes a second on each of [`SPEAKERS`], in the order of [`PHASES`]: what is reached now, where that is more than
/// the goal of the phase.
const MOST_WAKES: [[f64; PHASES.len()]; SPEAKERS.len()] =
    [[3.0, 3.0, 28.0, 118.0, 121.0], [3.0, 3.0, 28.0, 201.0, 204.0], [1.0, 1.0, 26.0, 118.0, 121.0]];

#[test]
fn no_run_violates_an_invariant_or_ends_stuck() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for (seed, kind) in kept_seeds().chain((fresh..fresh + FRESH).map(|seed| (seed, "chaos"))) {
        let Simulation { violation, replies, heap, .. } = simulate(&scenario_for(seed, kind).unwrap(), None);
        println!("seed {seed}: {heap}");
        assert_eq!(violation, None, "--seed {seed} --kind {kind}");
        assert!(replies > 0, "--seed {seed} --kind {kind}");
    }
}

#[test]
fn a_microphone_that_is_kept_open_is_sent_only_when_wanted_and_closed_when_muted() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for seed in (1..=6).chain([fresh]) {
        let run = simulate(&scenario_for(seed, "kept-open").unwrap(), None);
        assert_eq!(run.violation, None, "--seed {seed} --kind kept-open");
        assert!(run.replies > 0, "--seed {seed} --kind kept-open");
    }
}

#[test]
fn a_session_gets_the_devices_reference_if_it_takes_it_and_the_microphone_otherwise() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for seed in (1..=4).chain([fresh]) {
        let run = simulate(&scenario_for(seed, "client-reference").unwrap(), None);
        assert_eq!(run.violation, None, "--seed {seed} --kind client-reference");
        assert!(run.replies > 0, "--seed {seed} --kind client-reference");
    }
}

#[test]
fn in_half_duplex_nothing_is_sent_that_was_captured_while_the_speaker_was_heard_or_in_the_tail() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for kind in ["half-duplex", "half-duplex-short-sessions", "half-duplex-kept-open"] {
        for seed in (1..=3).chain([fresh]) {
            let run = simulate(&scenario_for(seed, kind).unwrap(), None);
            assert_eq!(run.violation, None, "--seed {seed} --kind {kind}");
            assert!(run.replies > 0, "--seed {seed} --kind {kind}");
        }
    }
}

#[test]
fn the_quirks_of_services_cost_no_word_and_no_history() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for seed in (1..=3).chain([fresh]) {
        let run = simulate(&scenario_for(seed, "quirks").unwrap(), None);
        assert_eq!(run.violation, None, "--seed {seed} --kind quirks");
        assert!(run.replies > 0, "--seed {seed} --kind quirks");
    }
}

#[test]
fn a_mute_is_obeyed_while_the_service_floods_the_link() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for seed in (1..=6).chain([fresh]) {
        let run = simulate(&scenario_for(seed, "flood").unwrap(), None);
        assert_eq!(run.violation, None, "--seed {seed} --kind flood");
        assert!(run.replies > 0, "--seed {seed} --kind flood");
    }
}

#[test]
fn equal_seeds_give_equal_runs() {
    let run = |seed| simulate(&Scenario::new(seed, Kind::Chaos, MINUTE), None);
    let (first, again, other) = (run(7), run(7), run(8));
    assert_eq!((first.digest, first.turns), (again.digest, again.turns));
    assert_ne!(first.digest, other.digest);
}

#[test]
fn ten_hours_mostly_idle_take_few_turns() {
    let run = simulate(&Scenario::new(3, Kind::Everyday, TEN_HOURS), None);
    assert_eq!(run.violation, None);
    assert!(run.simulated > TEN_HOURS);
    let periods = run.simulated.as_millis() as u64 / 10;
    assert!(run.turns < periods / 10, "{} turns: the session does not sleep while idle", run.turns);
}

#[test]
fn every_kind_of_fault_is_recovered_from() {
    for fault in FAULTS {
        let mut row = FaultStats::new(fault);
        row.add(3);
        assert_eq!(row.violations, Vec::<String>::new(), "{}", fault.description());
        assert_eq!(row.recovered.len(), 1, "{}", fault.description());
        // One tone for the outage, and one for its end.
        assert!(row.tones[0] <= 2, "{}: {} tones", fault.description(), row.tones[0]);
    }
}

#[test]
fn a_live_microphones_light_is_written_again_without_a_wake_of_its_own() {
    for phase in PHASES {
        let expected = if ["at rest", "muted"].contains(&phase.name()) { 0.0..=0.0 } else { 1.5..=2.5 };
        let rate = WakeRates::of(phase, SPEAKERS[0]).light_writes;
        assert!(expected.contains(&rate), "{}: {rate}", phase.name());
    }
}

#[test]
fn every_captured_frame_travels_within_its_batch() {
    // 80 ms while it is quiet, 20 ms while somebody speaks or is heard; one batch that fills, and one on its way.
    for (name, batch) in [("open, nobody speaks", 1_920), ("the user speaks", 480), ("a reply is heard", 480)]
    {
        for speaker in SPEAKERS {
            let phase = PHASES.into_iter().find(|phase| phase.name() == name).unwrap();
            let held = WakeRates::of(phase, speaker).held_frames;
            assert!((batch..=2 * batch).contains(&held), "{name}, {}: {held} frames", speaker.name);
        }
    }
}

#[test]
fn no_phase_wakes_the_threads_more_often_than_it_did() {
    for (speaker, most) in SPEAKERS.into_iter().zip(MOST_WAKES) {
        let rates = PHASES.map(|phase| WakeRates::of(phase, speaker));
        for (rates, most) in rates.iter().zip(most) {
            assert_eq!(rates.violation, None);
            let total = rates.total();
            let name = (speaker.name, rates.phase.name());
            assert!(total <= most, "{name:?}: {total:.1}\n{}", wakes_table(std::slice::from_ref(rates)));
            assert!(
                most <= rates.phase.goal() || total > most - 2.0,
                "{name:?}: {total:.1}, lower MOST_WAKES"
            );
        }
    }
}
