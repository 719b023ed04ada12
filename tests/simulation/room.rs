//! Conversations in a room, where the microphone hears the speaker: the device hears its user and not itself.

use std::hash::{BuildHasher, Hasher, RandomState};

use mynah::audio::Clocks;
use mynah::model::EchoCancellation;

use crate::sim::{
    At, MOST_ERROR_MS, MS, Manner, REWRITTEN, RUN_OUT, RoomPlan, RoomRecord, S, SLEEPING, Scenario,
    scenario_for, simulate,
};

/// The user talks, and the reply is as long.
const FIRST: (At, At) = (S, 6 * S);
/// He talks over it.
const OVER: (At, At) = (11 * S, 1_500 * MS);
const END: At = 19 * S;
/// The beginning of what he says.
const WORD_MS: usize = 300;

#[test]
fn without_cancellation_a_loud_device_interrupts_itself() {
    for (plan, manner) in rooms(EchoCancellation::Off) {
        let run = hold(Scenario::in_room(plan, manner, &[FIRST], END));
        assert!(run.false_turns() >= 2, "seed {}: {:?}", plan.seed, run.heard);
    }
}

#[test]
fn a_device_that_removes_its_echo_does_not_interrupt_itself() {
    for (plan, manner) in rooms(EchoCancellation::Device) {
        let run = hold(Scenario::in_room(plan, manner, &[FIRST], END));
        let (seed, removed_db) = (plan.seed, run.removed_db(9 * S..13 * S));
        assert_eq!((run.false_turns(), run.heard.len()), (0, 1), "seed {seed}: {:?}", run.heard);
        assert!(removed_db > 30.0, "seed {seed}: {removed_db:.1} dB");
    }
}

#[test]
fn a_barge_in_over_a_loud_reply_is_heard_from_its_first_word() {
    for (plan, manner) in rooms(EchoCancellation::Device) {
        let run = hold(Scenario::in_room(plan, manner, &[FIRST, OVER], END));
        let seed = plan.seed;
        assert_eq!((run.false_turns(), run.understood.len()), (0, 2), "seed {seed}: {:?}", run.heard);
        let after = run.heard_after(1);
        assert!(after.is_some_and(|after| after < 500 * MS), "seed {seed}: {after:?} ns");
        // Every frame of the first word is sent, hardly weaker than it was spoken, and the turn begins before it.
        let gains_db = run.gains_of_beginning_db(1, WORD_MS);
        assert!(
            gains_db.iter().all(|gain_db| (-9.0..6.0).contains(gain_db)),
            "seed {seed}: {gains_db:.1?} dB"
        );
        let begun = &run.understood[1][..run.understood[1].len().min(24_000)];
        for (heard, what) in [(run.sent_at_beginning(1, WORD_MS), "sent"), (begun, "understood")] {
            let likeness = run.likeness_of_beginning(1, WORD_MS, heard);
            assert!(likeness > 0.85, "seed {seed}: what was {what} is like the first word by {likeness:.3}");
        }
    }
    let (plan, manner) = rooms(EchoCancellation::Off)[0];
    let run = hold(Scenario::in_room(plan, manner, &[FIRST, OVER], END));
    let likeness = run.likeness_of_beginning(1, WORD_MS, run.sent_at_beginning(1, WORD_MS));
    assert!(likeness < 0.7, "without cancellation it is not: {likeness:.3}");
}

#[test]
fn the_reference_in_a_conversation_is_what_the_speaker_plays() {
    for (plan, manner) in rooms(EchoCancellation::Device) {
        let run = hold(Scenario::in_room(plan, manner, &[FIRST, OVER], END));
        let (seed, error_ms) = (plan.seed, run.largest_error_ms());
        assert!(run.errors.len() > 300, "seed {seed}: {} blocks with a reply", run.errors.len());
        assert!(error_ms <= MOST_ERROR_MS, "seed {seed}: {error_ms:.3} ms");
    }
}

#[test]
fn after_a_gap_of_a_late_thread_the_reference_is_right_again() {
    let mut false_turns = 0;
    for seed in 4..7 {
        let plan = RoomPlan::loud(seed, EchoCancellation::Device);
        let run = hold(Scenario::in_room(plan, RUN_OUT, &[FIRST], END).with_late_playback(10 * S, 60 * MS));
        let error_ms = run.largest_error_ms();
        assert!(error_ms <= MOST_ERROR_MS, "seed {seed}: {error_ms:.3} ms");
        false_turns += run.false_turns();
    }
    // With the early duck, 3 of 20 rooms had one; why is not known for certain.
    assert!(false_turns <= 1, "{false_turns} false turns in three rooms");
}

#[test]
fn in_drawn_rooms_the_user_is_heard_and_the_echo_is_not() {
    let fresh = RandomState::new().build_hasher().finish() >> 16;
    for seed in [1, 2, fresh] {
        let run = simulate(&scenario_for(seed, "room").unwrap(), None);
        assert_eq!(run.violation, None, "--seed {seed} --kind room");
    }
}

/// Rooms of three seeds, with each way to cut a speaker, one card and two.
fn rooms(cancellation: EchoCancellation) -> [(RoomPlan, Manner); 3] {
    let devices = [(1, REWRITTEN, Clocks::Same), (2, RUN_OUT, Clocks::Apart), (3, SLEEPING, Clocks::Apart)];
    devices.map(|(seed, manner, clocks)| (RoomPlan { clocks, ..RoomPlan::loud(seed, cancellation) }, manner))
}

fn hold(scenario: Scenario) -> RoomRecord {
    let run = simulate(&scenario, None);
    assert_eq!(run.violation, None, "{scenario:?}");
    run.room.unwrap()
}
