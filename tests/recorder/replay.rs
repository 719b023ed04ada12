//! A recording replays identically, or the replay returns the first difference.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mynah::conversation::{
    CloseReason, Conversation, DeviceEvent, Event, LinkChange, Mode, ResponseStatus, ServerError,
    ServiceEvent, Snapshot, SnapshotError, StandbyChange, State, UserInput,
};
use mynah::model::Time;
use mynah::recorder::{Head, LinkEnd, RecordLine, ReplayOutcome, replay};
use proptest::prelude::*;
use serde_json::Value;

use super::RecorderHarness;
use crate::conversation::walk::{Seen, event};
use crate::conversation::{TAP, held, id, turn};

/// When set, the recordings in the folder are regenerated before they are replayed.
const REGENERATE: &str = "MYNAH_RENEW_RECORDINGS";
const REGENERATE_HINT: &str =
    "if the change is intended, run MYNAH_RENEW_RECORDINGS=1 cargo test recorder and review the difference";

#[test]
fn a_recorded_conversation_replays_identically() {
    let mut harness = RecorderHarness::begin(Mode::Open);
    harness.up();
    harness.play(turn("r1").map(|event| (120, event)));
    harness.play([
        (900, Event::Service(ServiceEvent::SpeechStarted)),
        (10, Event::Service(ServiceEvent::ReplyDone(id("r1"), ResponseStatus::Cancelled))),
    ]);
    let ReplayOutcome::Identical { events, actions } = harness.replayed() else {
        panic!("the replay differs")
    };
    assert_eq!(
        (events, actions),
        (9, 4),
        "configure, a cut and a pause for the two starts of speech, and the cut of the cancelled reply"
    );
}

#[test]
fn a_difference_has_its_line_time_and_event() {
    let mut harness = RecorderHarness::begin(TAP);
    harness.up();
    harness.play([(1000, Event::Input(UserInput::Press)), (500, Event::Input(UserInput::Mute))]);
    let text = harness.text();
    let cases = [
        (r#""do":["clear"]"#, r#""do":[]"#, "actions was [] and is now [clear]"),
        (r#""state":"muted""#, r#""state":"idle""#, "state was idle and is now muted"),
        (r#""live":true"#, r#""live":false"#, "microphone open was false and is now true"),
        (r#""until":9070000000"#, r#""until":9070000001"#, "deadline was 9070000001 and is now 9070000000"),
    ];
    for (recorded, altered, expected) in cases {
        let broken = text.replacen(recorded, altered, 1);
        assert_ne!(broken, text, "{recorded} is in {text}");
        let output = replay(broken.as_bytes(), |_, _| {}).unwrap().to_string();
        assert!(output.ends_with(expected), "{output}");
    }
    let altered = text.replacen(r#""state":"muted""#, r#""state":"idle""#, 1);
    let output = replay(altered.as_bytes(), |_, _| {}).unwrap().to_string();
    assert_eq!(output, "line 6, 1.570000 s, event input mute: state was idle and is now muted");
}

#[test]
fn a_snapshot_that_differs_from_the_conversation_is_reported() {
    let mut harness = RecorderHarness::begin(Mode::Hold);
    harness.up();
    // Two segments of three minutes are full; the third starts with a snapshot.
    harness.play([
        (200_000, Event::Input(UserInput::Press)),
        (300, held(300)),
        (200_000, Event::Input(UserInput::Press)),
    ]);
    let text = harness.text();
    let (before, after) = text.split_once(r#""generation":"none""#).unwrap();
    let altered = format!("{before}\"generation\":\"requested\"{after}");
    let outcome = replay(altered.as_bytes(), |_, _| {});
    assert!(outcome.unwrap().to_string().contains("snapshot: conversation was "));
}

#[test]
fn every_recording_in_the_folder_replays_identically() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        if std::env::var_os(REGENERATE).is_some() {
            fs::write(&file, regenerated(&fs::read_to_string(&file).unwrap())).unwrap();
        }
        match replay(&fs::read(&file).unwrap(), |_, _| {}) {
            Ok(ReplayOutcome::Identical { events, actions }) => {
                assert!(events > 4 && actions > 2, "{}", file.display())
            }
            Ok(ReplayOutcome::Differs(difference)) => {
                panic!("{}: {difference}; {REGENERATE_HINT}", file.display())
            }
            Err(error) => panic!("{}: {error}; {REGENERATE_HINT}", file.display()),
        }
    }
}

#[test]
fn an_inconsistent_snapshot_is_not_restored() {
    let mut harness = RecorderHarness::begin(Mode::Open);
    harness.up();
    harness.after(Duration::from_secs(5));
    let whole = serde_json::to_string(&harness.conv.conversation.snapshot()).unwrap();
    let restored = |text: &str| {
        let snapshot: Snapshot = serde_json::from_str(text).unwrap();
        Conversation::restore(&snapshot, harness.conv.now).map(|conversation| conversation.state())
    };
    assert_eq!(restored(&whole), Ok(State::Listening));
    for (good, bad, error) in [
        (r#""dialled":0"#, r#""dialled":6000000000"#, SnapshotError::Future),
        (r#""by_button":false"#, r#""by_button":true"#, SnapshotError::MutedListening),
        (r#""jitter":7"#, r#""jitter":0"#, SnapshotError::ZeroSeed),
    ] {
        assert!(whole.contains(good), "{whole}");
        assert_eq!(restored(&whole.replace(good, bad)), Err(error));
    }
    let mut held_down = RecorderHarness::begin(Mode::Hold);
    held_down.play([(10, Event::Input(UserInput::Press)), (400, held(400))]);
    let held = serde_json::to_string(&held_down.conv.conversation.snapshot()).unwrap();
    let elsewhere = held.replace(r#""mode":"hold""#, r#""mode":"open""#);
    assert_eq!(restored(&elsewhere), Err(SnapshotError::CompleteWithoutHold));
}

#[test]
fn rare_states_survive_a_snapshot() {
    let mut owing = RecorderHarness::begin(Mode::Hold);
    owing.up();
    let said = [(9, Event::Input(UserInput::Press)), (400, held(400))];
    for (wait, event) in [said.clone(), said].concat() {
        owing.play([(wait, event)]);
        assert_restores(&owing);
    }
    let json = format!("{:?}", owing.conv.conversation);
    assert!(json.contains("deferred_create: Some(") && json.contains("generation: Requested"), "{json}");
    let mut no_speaker = RecorderHarness::begin(Mode::Open);
    no_speaker.up();
    no_speaker.play(turn("r1").map(|event| (9, event)));
    for event in [
        Event::Device(DeviceEvent::Drained),
        Event::Device(DeviceEvent::Speaker { there: false }),
        Event::Service(ServiceEvent::ReplyDone(id("r2"), ResponseStatus::Failed)),
        Event::Device(DeviceEvent::InputEnded),
        Event::Input(UserInput::MuteSwitch(true)),
        Event::Tick,
        Event::Input(UserInput::Leave),
    ] {
        no_speaker.play([(1000, event)]);
        assert_restores(&no_speaker);
    }
    let mut waiting = RecorderHarness::begin(TAP);
    for event in [
        Event::Input(UserInput::Press),
        Event::Link(LinkChange::Up),
        Event::Link(LinkChange::Down(CloseReason::Transient)),
        Event::Input(UserInput::Press),
    ] {
        waiting.play([(10, event)]);
        assert_restores(&waiting);
    }
}

/// Asserts that the conversation equals the one restored from its snapshot, but for identifiers.
fn assert_restores(harness: &RecorderHarness) {
    let written = serde_json::to_string(&harness.conv.conversation.snapshot()).unwrap();
    let read: Snapshot = serde_json::from_str(&written).unwrap();
    let again = Conversation::restore(&read, harness.conv.now).unwrap();
    // Identifiers are read back as their hashes.
    assert_eq!(serde_json::to_string(&again.snapshot()).unwrap(), written);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Long walks, so that segments are dropped and the replay begins in the middle.
    #[test]
    fn any_walk_replays_identically(
        mode in prop::sample::select(vec![Mode::Open, TAP, Mode::Hold]),
        steps in prop::collection::vec((event(), 0u64..90_000_000_000), 1..300),
    ) {
        let mut harness = RecorderHarness::begin(mode);
        let mut seen = Seen::default();
        for (event, wait_ns) in steps {
            harness.after(Duration::from_nanos(wait_ns));
            let event = seen.named(event);
            harness.on(&event);
            harness.on(&Event::Tick);
        }
        let replayed = harness.replayed();
        prop_assert!(matches!(replayed, ReplayOutcome::Identical { .. }), "{}", replayed);
    }

    /// A snapshot holds the whole state.
    #[test]
    fn a_restored_conversation_equals_the_original(
        mode in prop::sample::select(vec![Mode::Open, TAP, Mode::Hold]),
        steps in prop::collection::vec((event(), 0u64..4_000_000_000), 1..120),
    ) {
        let mut harness = RecorderHarness::begin(mode);
        let mut seen = Seen::default();
        for (event, wait_ns) in steps {
            harness.after(Duration::from_nanos(wait_ns)).on(&seen.named(event));
            assert_restores(&harness);
        }
    }

    /// Tests run with overflow checks, so an overflow would panic.
    #[test]
    fn no_number_in_a_snapshot_makes_a_sum_overflow(
        mode in prop::sample::select(vec![Mode::Open, TAP, Mode::Hold]),
        before in prop::collection::vec((event(), 0u64..4_000_000_000), 1..60),
        which in any::<u64>(),
        after in prop::collection::vec(event(), 1..60),
    ) {
        let mut harness = RecorderHarness::begin(mode);
        let mut seen = Seen::default();
        for (event, wait_ns) in before {
            harness.after(Duration::from_nanos(wait_ns)).on(&seen.named(event));
        }
        let mut json = serde_json::to_value(harness.conv.conversation.snapshot()).unwrap();
        maximise_numbers(&mut json, &mut which.clone());
        let snapshot: Snapshot = serde_json::from_value(json).unwrap();
        let taken = |at: &Time| Conversation::restore(&snapshot, *at).is_ok();
        let now = [harness.conv.now, Time::MAX].into_iter().find(taken).unwrap();
        let mut conversation = Conversation::restore(&snapshot, now).unwrap();
        let _ = conversation.handle(&Event::Service(ServiceEvent::Refused(ServerError::Internal)), now);
        for event in after {
            let event = match seen.named(event) {
                Event::Link(LinkChange::Down(_)) => Event::Link(LinkChange::Down(CloseReason::RetryAfter(Duration::MAX))),
                Event::Standby(StandbyChange::Down(_)) => Event::Standby(StandbyChange::Down(CloseReason::RetryAfter(Duration::MAX))),
                Event::Link(LinkChange::Expires(_)) => Event::Link(LinkChange::Expires(Duration::MAX)),
                other => other,
            };
            let _ = conversation.handle(&event, now);
            let _ = conversation.handle(&Event::Tick, now);
            let _ = (conversation.deadline(), conversation.state());
        }
    }

    /// A corrupted recording is rejected or differs, unless the corruption is irrelevant.
    #[test]
    fn no_corrupted_recording_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..6),
    ) {
        let mut harness = RecorderHarness::with_setup(TAP, |setup| (setup.sound, setup.words) = (true, true));
        record_every_kind(&mut harness);
        let mut bytes = harness.text().into_bytes();
        for (place, byte, how) in changes {
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes[place] = b"0123456789-eE.\"[]{},:\n"[usize::from(byte) % 22],
                2 => bytes.truncate(place.max(1)),
                _ => bytes.insert(place, byte),
            }
        }
        let _ = replay(&bytes, |_, line| drop(line.to_string()));
    }
}

/// Sets some numbers to their maximum: those whose bit in `which` is set.
fn maximise_numbers(value: &mut Value, which: &mut u64) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (value.is_number(), &**name) {
                    (true, "failures" | "count") => *value = u32::MAX.into(),
                    _ => maximise_numbers(value, which),
                }
            }
        }
        Value::Number(_) => {
            if *which & 1 == 1 {
                *value = u64::MAX.into();
            }
            *which = which.rotate_right(1);
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
    }
}

/// Returns the recording with the same events and times, and the actions and states of the current code.
fn regenerated(text: &str) -> String {
    let mut lines = text.lines();
    let head: Head<'_> = serde_json::from_str(lines.next().unwrap()).unwrap();
    let (mut conversation, _) = Conversation::begin(head.mode, false, head.seed, Time::ZERO);
    let head = Head { mynah: env!("CARGO_PKG_VERSION").into(), dropped: 0, ..head };
    let mut out = vec![serde_json::to_string(&head).unwrap()];
    for line in lines {
        // An old snapshot may not parse any more.
        if let Some(rest) = line.strip_prefix(r#"{"snapshot":{"at":"#) {
            let at = Time::from_nanos(rest.split(',').next().unwrap().parse().unwrap());
            let of = Box::new(conversation.snapshot());
            out.push(serde_json::to_string(&RecordLine::Snapshot { at, of }).unwrap());
            continue;
        }
        let mut line: RecordLine<'_> = serde_json::from_str(line).unwrap();
        if let RecordLine::Event { at, is, then, state, live, until } = &mut line {
            let found = conversation.handle(is, *at);
            *then = found.to_vec().into();
            (*state, *live) = (conversation.state(), conversation.microphone_open());
            *until = conversation.deadline();
        }
        out.push(serde_json::to_string(&line).unwrap());
    }
    out.join("\n") + "\n"
}

/// Records at least one line of every kind but a gap.
fn record_every_kind(harness: &mut RecorderHarness) {
    let now = harness.conv.now;
    harness.recorder.link(LinkEnd::Closed(1006), now);
    harness.recorder.light("connecting", false, now);
    harness.up();
    harness.play([(100, Event::Input(UserInput::Press))]);
    let now = harness.conv.now;
    harness.recorder.input("down", now);
    harness.recorder.sent_audio("input_audio_buffer.append", 90, &super::base64(700, 1), now);
    harness.recorder.received_audio("response.audio.delta", 150, &super::base64(900, 1), now);
    harness.recorder.received("session.updated", 1234, now);
    harness.recorder.words("you", "Hello \"there\"\n", now);
    harness.play(turn("r1").map(|event| (20, event)));
    harness.play([
        (5, Event::Link(LinkChange::Down(CloseReason::RetryAfter(Duration::from_secs(9))))),
        (100_000, Event::Tick),
    ]);
    let now = harness.conv.now;
    harness.recorder.counters(mynah::model::CounterSnapshot { starved: 1, ..Default::default() }, now);
    let _ = harness.recorder.fault(mynah::recorder::RecordingTrigger::Reply, now);
}
