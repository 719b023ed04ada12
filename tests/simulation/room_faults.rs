//! What is wrong between mynah and the room: what the device finds, what it removes, and what it asks the service for.

use mynah::audio::{Clocks, StampFault};
use mynah::model::EchoCancellation;

use crate::sim::{At, REWRITTEN, RoomFault, RoomPlan, RoomRecord, S, Scenario, simulate};

/// The user talks twice, for as long as the replies are.
const TALKS: [(At, At); 2] = [(S, 5 * S), (13 * S, 6 * S)];
const RESET: At = 27 * S;
const END: At = 31 * S;

/// A fault, why the canceller cannot work, whether it hardly removes the echo, and by how much it lowers it at least, in
/// decibels.
type Row = (RoomFault, Option<StampFault>, bool, f32);

const TABLE: [Row; 10] = [
    (RoomFault::None, None, false, 20.0),
    (RoomFault::NoStamps, Some(StampFault::Missing), false, 0.0),
    (RoomFault::StillStamps, Some(StampFault::Still), false, 0.0),
    (RoomFault::LateStamps, None, true, 0.0),
    (RoomFault::Clipping(0.02), None, true, 0.0),
    // What is linear and holds still, the filter learns; it learns again what was changed.
    (RoomFault::HiddenVolume(2.0), None, false, 15.0),
    (RoomFault::HiddenVolume(0.1), None, false, 8.0),
    (RoomFault::TwoSpeakers, None, false, 20.0),
    // Not found: a sound that never stops is taken for the room's noise, and what a gain that moves removes now and then counts.
    (RoomFault::Mixer, None, false, 0.0),
    (RoomFault::AutomaticGain, None, false, 0.0),
];

#[test]
fn what_is_wrong_with_the_echo_is_found_and_the_service_is_asked_instead() {
    let mut wrong = Vec::new();
    for (fault, why, is_weak, least_db) in TABLE {
        let run = in_room(fault);
        let (found, found_weak, erle_db) = run.told.unwrap();
        let asked = run.requested.last().map(String::as_str);
        let expected = if why.is_some() || is_weak { "server_echo_cancellation" } else { "" };
        if (found, found_weak, asked) != (why, is_weak, Some(expected)) || erle_db < least_db {
            wrong.push(format!(
                "{fault:?}: {found:?}, weak: {found_weak}, {erle_db:.1} dB, asked for {asked:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn in_room(fault: RoomFault) -> RoomRecord {
    let plan = RoomPlan { fault, clocks: Clocks::Same, ..RoomPlan::loud(1, EchoCancellation::Device) };
    let run = simulate(&Scenario::in_room(plan, REWRITTEN, &TALKS, END).with_reset(RESET), None);
    assert_eq!(run.violation, None, "{fault:?}");
    run.room.unwrap()
}
