//! Lines between their recording and their encoding: nothing is lost, no order changes, nothing is allocated.

use std::time::Duration;

use assert_no_alloc::assert_no_alloc;
use mynah::conversation::{DeviceEvent, Event, Mode, ServiceEvent, UserInput};
use mynah::model::CounterSnapshot;
use mynah::recorder::{LinkEnd, RecordLine, RecordingTrigger, ReplayOutcome, SEGMENT_BYTES, replay};

use super::{RecorderHarness, base64, lines};
use crate::conversation::{TAP, id};

#[test]
fn a_line_is_encoded_at_the_end_of_the_turn() {
    let mut harness = RecorderHarness::begin(TAP);
    harness.recorder.input("down", harness.conv.now);
    harness.on(&Event::Input(UserInput::Press));
    assert_eq!(harness.recorder.pending(), 2);
    harness.recorder.turn(&harness.conv.conversation, harness.conv.now);
    assert_eq!(harness.recorder.pending(), 0);
    assert_eq!(kinds(&harness.text()), ["snapshot", "input", "event"]);
}

#[test]
fn a_recording_contains_what_is_not_encoded_yet() {
    let mut harness = RecorderHarness::with_setup(TAP, |setup| setup.follow = true);
    let first = harness.recorder.unsaved(true, harness.conv.now).unwrap();
    assert_eq!(harness.recorder.deadline(), None);
    harness.on(&Event::Input(UserInput::Press));
    let due = harness.recorder.deadline().expect("a line waits");
    let _ = harness.recorder.fault(RecordingTrigger::Panic, harness.conv.now);
    assert_eq!(harness.recorder.pending(), 2);
    let second = harness.recorder.unsaved(false, due).unwrap();
    let followed = [harness.recorder.first_line(), first.text, second.text].concat();
    harness.on(&Event::Input(UserInput::Press));
    assert_eq!(harness.recorder.pending(), 1);
    assert_eq!(kinds(&harness.text()), ["snapshot", "event", "FAULT", "event"]);
    assert_eq!(kinds(str::from_utf8(&followed).unwrap()), ["snapshot", "event", "FAULT"]);
}

#[test]
fn recording_a_line_allocates_nothing() {
    let mut harness = RecorderHarness::begin(Mode::Open);
    harness.up();
    let _ = harness.text();
    let sound = base64(500, 10);
    let RecorderHarness { recorder, conv } = &mut harness;
    let now = conv.now;
    assert_no_alloc(|| {
        recorder.sent_audio("input_audio_buffer.append", 700, &sound, now);
        recorder.input("down", now);
        for event in [Event::Service(ServiceEvent::ReplyCreated(id("r1"))), Event::Tick] {
            let actions = conv.conversation.handle(&event, now);
            recorder.event(&event, &actions, &conv.conversation, now);
        }
        recorder.sent("response.cancel", 100, now);
        recorder.received("response.done", 100, now);
        recorder.received_audio("response.audio.delta", 700, &sound, now);
        recorder.light("listening", true, now);
        recorder.link(LinkEnd::Closed(1006), now);
        recorder.counters(CounterSnapshot { starved: 1, ..CounterSnapshot::default() }, now);
        let _ = recorder.fault(RecordingTrigger::Reply, now);
    });
    assert_eq!(harness.recorder.pending(), 11);
}

#[test]
fn a_full_ring_loses_no_line_and_keeps_the_order() {
    let mut harness = RecorderHarness::begin(TAP);
    for bytes in 0..200 {
        harness.recorder.sent("response.create", bytes, harness.conv.now);
        harness.on(&Event::Device(DeviceEvent::Drained));
    }
    assert!(harness.recorder.pending() < 100, "the ring was full");
    let text = harness.text();
    let lines = &lines(&text)[1..];
    assert_eq!(lines.len(), 400);
    for (pair, bytes) in lines.as_chunks::<2>().0.iter().zip(0..) {
        let [RecordLine::Sent(message), RecordLine::Event { .. }] = pair else { panic!("{pair:?}") };
        assert_eq!(message.bytes, bytes);
    }
}

#[test]
fn audio_and_words_keep_their_place() {
    let mut harness = RecorderHarness::with_setup(TAP, |setup| setup.words = true);
    let sound = base64(500, 10);
    let kind = "input_audio_buffer.append";
    let now = harness.conv.now;
    harness.recorder.input("down", now);
    harness.recorder.sent_audio(kind, 700, &sound, now);
    harness.on(&Event::Input(UserInput::Press));
    harness.recorder.sent_audio(kind, 700, &sound, now);
    harness.recorder.words("you", "Hello", now);
    assert_eq!(harness.recorder.pending(), 0, "a text is encoded at once, after all lines before it");
    harness.recorder.light("listening", true, now);
    harness.recorder.sent_audio(kind, 700, &sound, now);
    let text = harness.text();
    assert_eq!(kinds(&text), ["snapshot", "input", "sent", "event", "sent", "words", "light", "sent"]);
}

#[test]
fn samples_keep_their_place() {
    let mut harness = RecorderHarness::with_setup(TAP, |setup| setup.sound = true);
    let sound = base64(500, 10);
    let now = harness.conv.now;
    harness.recorder.input("down", now);
    harness.recorder.sent_audio("input_audio_buffer.append", 700, &sound, now);
    harness.on(&Event::Input(UserInput::Press));
    harness.recorder.received_audio("response.audio.delta", 700, &sound, now);
    harness.recorder.light("listening", true, now);
    let text = harness.text();
    assert_eq!(kinds(&text), ["snapshot", "input", "sent", "event", "got", "light"]);
}

#[test]
fn a_segment_that_begins_between_pending_events_replays_identically() {
    let mut harness = RecorderHarness::begin(TAP);
    harness.up();
    // A segment is full with 8 KiB left; the events below take 2 KB, so it is full between two of them.
    while harness.text().len() < SEGMENT_BYTES - 9 * 1024 {
        harness.recorder.received("rate_limits.updated", 100, harness.conv.now);
    }
    let presses = 20;
    harness.play((0..presses).map(|_| (1, Event::Input(UserInput::Press))));
    assert_eq!(harness.recorder.pending(), presses);
    let text = harness.text();
    let kinds = kinds(&text);
    let snapshot = kinds.iter().rposition(|kind| kind == "snapshot").unwrap();
    let (before, after) = kinds.split_at(snapshot);
    let events = [before, after].map(|lines| lines.iter().filter(|kind| *kind == "event").count());
    assert!(events[0] > 2 && events[1] > 0, "{events:?}");
    assert!(matches!(harness.replayed(), ReplayOutcome::Identical { events: 22, .. }));
    // The rest alone replays too, from the snapshot.
    let rest: Vec<_> = text.lines().take(1).chain(text.lines().skip(1 + snapshot)).collect();
    let outcome = replay(rest.join("\n").as_bytes(), |_, _| {}).unwrap();
    assert!(matches!(outcome, ReplayOutcome::Identical { events: 1.., .. }), "{outcome}");
}

#[test]
fn pending_events_never_overfill_a_segment() {
    let mut harness = RecorderHarness::begin(Mode::Open);
    harness.up();
    let long = "r-that-has-quite-a-long-name-of-about-sixty-four-bytes-in-total";
    for _ in 0..200 {
        for _ in 0..25 {
            harness.after(Duration::from_millis(1)).on(&Event::Service(ServiceEvent::Audio(id(long))));
        }
        harness.recorder.turn(&harness.conv.conversation, harness.conv.now);
    }
    let text = harness.text();
    let segments: Vec<_> = text.split(r#"{"snapshot""#).skip(1).map(str::len).collect();
    assert!(
        segments.len() > 10 && segments.iter().all(|len| *len < SEGMENT_BYTES - 7 * 1024),
        "{segments:?}"
    );
    assert!(matches!(harness.replayed(), ReplayOutcome::Identical { .. }));
}

#[test]
fn the_end_of_a_link_is_named_with_its_code() {
    let ends = [
        (LinkEnd::Http(401), "over: HTTP 401"),
        (LinkEnd::Closed(1011), "over: closed with 1011"),
        (LinkEnd::Broken, "over: broken"),
        (LinkEnd::Setup, "over: cannot work as it is set up"),
    ];
    let mut harness = RecorderHarness::begin(TAP);
    for (end, _) in ends {
        harness.recorder.link(end, harness.conv.now);
    }
    let printed = harness.printed_lines();
    assert_eq!(printed[1..], ends.map(|(_, text)| format!("link      {text}")));
}

/// Returns the first word of each line as it is printed.
fn kinds(text: &str) -> Vec<String> {
    let kind = |line: &RecordLine<'_>| {
        let printed = line.to_string();
        let mut words = printed[18..].split_whitespace();
        let first = words.next().unwrap();
        if first == "--" { words.next().unwrap() } else { first }.to_owned()
    };
    lines(text).iter().map(kind).collect()
}
