//! The ring: bounded in bytes and minutes; the oldest segment is dropped as a whole, and the rest still
//! replays.

use std::time::Duration;

use assert_no_alloc::assert_no_alloc;
use mynah::conversation::{Event, Mode, ServiceEvent, UserInput};
use mynah::model::CounterSnapshot;
use mynah::recorder::{
    FAULT_INTERVAL, RING_TIME, RecordLine, RecordingTrigger, ReplayOutcome, SEGMENT_BYTES, SEGMENTS,
    UNSAVED_BYTES, replay,
};

use super::{RecorderHarness, base64, lines};
use crate::conversation::{TAP, id};

const KIND: &str = "input_audio_buffer.append";

#[test]
fn a_flood_of_events_drops_the_oldest_segments() {
    let mut harness = RecorderHarness::begin(Mode::Open);
    harness.up();
    harness.play(
        (0..20_000).map(|_| (1, Event::Service(ServiceEvent::Audio(id("r-that-has-quite-a-long-name"))))),
    );
    let text = harness.text();
    let bytes = SEGMENT_BYTES * SEGMENTS;
    assert!(text.len() < bytes + 512 && text.len() > bytes * 3 / 4, "{}", text.len());
    assert!(!text.lines().next().unwrap().contains(r#""dropped":0,"#), "the head counts the missing lines");
    assert!(matches!(harness.replayed(), ReplayOutcome::Identical { events: 1000.., .. }));
}

#[test]
fn segments_older_than_half_an_hour_are_dropped() {
    let mut harness = RecorderHarness::begin(TAP);
    harness.up();
    let quarter = RING_TIME.as_millis() as u64 / 4;
    harness.play((0..12).map(|_| (quarter, Event::Input(UserInput::Press))));
    let oldest = lines(&harness.text())[0].at();
    let kept = harness.conv.now - oldest;
    assert!(kept >= RING_TIME && kept <= RING_TIME * 3 / 2, "{kept:?}");
    assert!(matches!(harness.replayed(), ReplayOutcome::Identical { .. }));
}

#[test]
fn a_flood_of_messages_leaves_a_gap_and_loses_no_event() {
    let mut harness = RecorderHarness::begin(TAP);
    harness.up();
    for _ in 0..2000 {
        harness.recorder.received("rate_limits.updated", 100, harness.conv.now);
    }
    harness.play([(1, Event::Input(UserInput::Press)), (1, Event::Input(UserInput::Press))]);
    let text = harness.text();
    let all = lines(&text);
    assert!(all.iter().any(|line| matches!(line, RecordLine::Gap { lines: 500.., .. })));
    assert_eq!(all.iter().filter(|line| matches!(line, RecordLine::Event { .. })).count(), 4);
    assert!(text.len() < 2 * SEGMENT_BYTES);
    assert!(matches!(harness.replayed(), ReplayOutcome::Identical { events: 4, .. }));
}

#[test]
fn an_audio_run_is_one_line_per_second_with_its_hash() {
    let (mut harness, mut other) = (RecorderHarness::begin(Mode::Open), RecorderHarness::begin(Mode::Open));
    for (harness, loud) in [(&mut harness, 500), (&mut other, 701)] {
        harness.up();
        for nth in 0..150 {
            // The runs differ in their last millisecond.
            let sound = base64(500, 9) + &base64(if nth == 149 { loud } else { 500 }, 1);
            harness.after(Duration::from_millis(10));
            harness.recorder.sent_audio(KIND, 700, &sound, harness.conv.now);
            harness.recorder.turn(&harness.conv.conversation, harness.conv.now);
        }
        harness.play([(10, Event::Service(ServiceEvent::SpeechStarted))]);
    }
    let (one, two) = (harness.printed_lines(), other.printed_lines());
    let sent: Vec<_> = one.iter().filter(|line| line.contains(KIND)).collect();
    assert_eq!(sent.len(), 2, "{one:?}");
    assert!(sent[0].contains("70000 bytes in 100: 1000 ms of audio ("), "{sent:?}");
    assert!(sent[0].ends_with(" within 990 ms"), "{sent:?}");
    assert_eq!(
        one.iter().zip(&two).filter(|(one, two)| one != two).count(),
        1,
        "only the line with the other millisecond differs"
    );
}

#[test]
fn a_burst_with_samples_is_recorded_completely() {
    let mut harness = RecorderHarness::with_setup(Mode::Open, |setup| setup.sound = true);
    harness.up();
    for nth in 0..40 {
        harness.recorder.received_audio("response.audio.delta", 13_000, &base64(nth, 200), harness.conv.now);
        harness.play([(0, Event::Service(ServiceEvent::Audio(id("r1"))))]);
    }
    let text = harness.text();
    assert!(!text.contains("gap") && text.len() < SEGMENT_BYTES * SEGMENTS + 512, "{}", text.len());
    assert_eq!(text.matches("\"base64\"").count(), 34, "eleven segments of three, and the last");
    assert!(matches!(harness.replayed(), ReplayOutcome::Identical { .. }));
}

#[test]
fn each_kind_of_fault_is_due_once_in_ten_minutes() {
    let mut harness = RecorderHarness::begin(TAP);
    for fault in RecordingTrigger::ALL {
        let now = harness.conv.now;
        assert!(harness.recorder.fault(fault, now), "{fault:?}");
        assert!(!harness.recorder.fault(fault, now + FAULT_INTERVAL - Duration::from_secs(1)));
        assert!(harness.recorder.fault(fault, now + FAULT_INTERVAL));
    }
}

#[test]
fn only_changes_are_recorded() {
    let mut harness = RecorderHarness::begin(TAP);
    let now = harness.conv.now;
    for (word, live) in [("idle", false), ("idle", false), ("listening", false), ("listening", true)] {
        harness.recorder.light(word, live, now);
    }
    for reopens in [0, 1, 1, 2] {
        harness.recorder.counters(CounterSnapshot { reopens, ..CounterSnapshot::default() }, now);
    }
    let printed = harness.printed_lines();
    assert_eq!(printed.iter().filter(|line| line.starts_with("light")).count(), 3, "{printed:?}");
    assert_eq!(printed.iter().filter(|line| line.starts_with("counters")).count(), 2, "{printed:?}");
}

#[test]
fn a_continuous_recording_has_every_line_once_or_a_gap() {
    let mut harness = RecorderHarness::with_setup(Mode::Open, |setup| setup.follow = true);
    harness.up();
    let first = harness.recorder.unsaved(true, harness.conv.now).unwrap();
    assert_eq!(first.begins, Some(0));
    assert_eq!(harness.recorder.deadline(), None, "nothing waits");
    harness.play([(10, Event::Service(ServiceEvent::SpeechStarted))]);
    assert_eq!(harness.recorder.unsaved(false, harness.conv.now), None, "not yet");
    let due = harness.recorder.deadline().unwrap();
    let second = harness.recorder.unsaved(false, due).unwrap();
    let mut file = [harness.recorder.first_line(), first.text, second.text].concat();
    assert!(matches!(replay(&file, |_, _| {}), Ok(ReplayOutcome::Identical { events: 3, .. })));
    harness.play((0..12_000).map(|_| (1, Event::Service(ServiceEvent::SpeechStarted))));
    while let Some(chunk) = harness.recorder.unsaved(true, harness.conv.now) {
        assert!(chunk.text.len() <= UNSAVED_BYTES);
        file.extend(chunk.text);
        harness.play((0..600).map(|_| (1, Event::Service(ServiceEvent::SpeechStarted))));
        if file.len() > 2 * UNSAVED_BYTES {
            break;
        }
    }
    let mut gaps = 0;
    let replayed = replay(&file, |_, line| gaps += usize::from(matches!(line, RecordLine::Gap { .. })));
    assert!(matches!(replayed, Ok(ReplayOutcome::Identical { .. })), "{replayed:?}");
    assert_eq!(gaps, 1);
}

#[test]
fn the_recorder_allocates_nothing_once_warm() {
    let mut harness = RecorderHarness::begin(Mode::Open);
    harness.up();
    let sound = base64(500, 10);
    let run = |harness: &mut RecorderHarness, times: u32| {
        for nth in 0..times {
            harness.after(Duration::from_millis(10));
            let now = harness.conv.now;
            let RecorderHarness { recorder, conv, .. } = &mut *harness;
            recorder.sent_audio(KIND, 700, &sound, now);
            recorder.received_audio("response.audio.delta", 12_000, &sound, now);
            recorder.light(if nth % 2 == 0 { "listening" } else { "speaking" }, true, now);
            let actions = conv.conversation.handle(&Event::Service(ServiceEvent::SpeechStarted), now);
            recorder.event(&Event::Service(ServiceEvent::SpeechStarted), &actions, &conv.conversation, now);
            recorder.turn(&conv.conversation, now);
        }
    };
    // After the ring has wrapped, start at a new segment: writing its snapshot allocates a box.
    run(&mut harness, 5000);
    harness.after(Duration::from_secs(240));
    run(&mut harness, 1);
    assert_no_alloc(|| run(&mut harness, 50));
}
