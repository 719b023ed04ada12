//! What a second session is told of the conversation, and that screen and recording show the same words.

use std::time::Duration;

use mynah::conversation::Mode;
use mynah::recorder::{RecordLine, RecordingReader};
use mynah::session::RecordingConfig;
use serde_json::{Value, json};

use super::record::{recording_device, wait_for_recordings_of};
use super::{Device, after_one_turn, constant, record_to_file, truncated_ms};
use crate::service::Step::{Close, Expect, HangUp, Wait};
use crate::service::{Behaviour, Service, Step, events};

/// Twelve words, which a service speaks in six seconds.
const TWELVE: &str = "one two three four five six seven eight nine ten eleven twelve";
/// How long each of them takes.
const WORD_MS: u64 = 500;

#[test]
fn a_reply_that_was_cut_early_is_told_as_far_as_it_was_heard() {
    // The words run ahead: all twelve are there, with 1.7 of the 6 s of their audio.
    let steps = [
        after_one_turn([asked(), begun("r1", "i1", 1700)].concat()),
        vec![Wait(Duration::from_millis(1000))],
        events::sent([events::speech_started("u2", 3000)]),
        events::sent(ended("r1", "i1", "incomplete")),
        events::sent([events::speech_stopped("u2", 3600), events::committed("u2")]),
        vec![Expect("conversation.item.truncate"), HangUp],
    ];
    let service = two_sessions(steps.concat());
    let device = Device::start(&service, Mode::Open);
    let told = told(&service, 2);
    let (_, _) = device.quit();
    let heard_ms = truncated_ms(&service, "i1");
    assert_eq!(told[0], message("user", "Count, please.", "completed"));
    assert_told(&told[1], heard_ms);
}

#[test]
fn a_reply_whose_link_was_lost_is_told_as_far_as_it_was_heard() {
    let steps = [
        after_one_turn([asked(), begun("r1", "i1", 1200)].concat()),
        events::sent([events::transcript_done("r1", "i1", TWELVE)]),
        vec![Wait(Duration::from_millis(1600)), HangUp],
    ];
    let service = two_sessions(steps.concat());
    let device = Device::start(&service, Mode::Open);
    let told = told(&service, 2);
    let (_, _) = device.quit();
    assert_eq!(told[0], message("user", "Count, please.", "completed"));
    assert_told(&told[1], 1200);
}

#[test]
fn a_late_transcript_is_told_before_the_reply_to_it() {
    let reply = events::reply("r1", "i1", "It is noon.", &constant(1000, 200));
    let late =
        [events::transcription_failed("u0"), events::transcription_completed("u1", "What is the time?")];
    let steps = [
        after_one_turn(reply),
        vec![Wait(Duration::from_millis(600))],
        events::sent(late),
        vec![Wait(Duration::from_millis(200)), Close(1012, "restart")],
    ];
    let service = two_sessions(steps.concat());
    let device = Device::start(&service, Mode::Open);
    let told = told(&service, 2);
    let (_, _) = device.quit();
    let expected =
        [message("user", "What is the time?", "completed"), message("assistant", "It is noon.", "completed")];
    assert_eq!(told, expected);
}

#[test]
fn words_that_are_sent_twice_are_told_once() {
    let said =
        [events::transcription_completed("u1", "Again?"), events::transcription_completed("u1", "Again?")];
    let mut reply = events::reply("r1", "i1", "Yes.", &constant(1000, 200));
    reply.insert(reply.len() - 1, events::transcript_done("r1", "i1", "Yes."));
    let item = json!({"id": "i1", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "audio", "transcript": "Yes."}]});
    if let Some(done) = reply.last_mut() {
        done["response"]["output"] = json!([item]);
    }
    let steps = [
        after_one_turn([said.to_vec(), reply].concat()),
        vec![Wait(Duration::from_millis(600)), Close(1012, "restart")],
    ];
    let service = two_sessions(steps.concat());
    let device = Device::start(&service, Mode::Open);
    let told = told(&service, 2);
    device.wait_for_line("mynah: Yes.", 1);
    let lines = device.lines();
    let (_, _) = device.quit();
    assert_eq!(told, [message("user", "Again?", "completed"), message("assistant", "Yes.", "completed")]);
    let words: Vec<&String> =
        lines.iter().filter(|line| line.starts_with("you") || line.starts_with("mynah")).collect();
    assert_eq!(words, ["you: Again?", "mynah: Yes."]);
}

#[test]
fn screen_and_recording_show_what_was_heard_of_a_cut_reply() {
    let steps = [
        after_one_turn([asked(), begun("r1", "i1", 6000)].concat()),
        events::sent(ended("r1", "i1", "completed")),
        vec![Wait(Duration::from_millis(1200))],
        events::sent([events::speech_started("u2", 3000), events::speech_stopped("u2", 3600)]),
        events::sent([events::committed("u2")]),
        vec![Expect("conversation.item.truncate")],
        events::sent(events::reply("r2", "i2", "Sorry.", &constant(2000, 200))),
    ];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = recording_device(&service, Mode::Open, |folder| RecordingConfig {
        words: true,
        ..record_to_file(folder)
    });
    device.wait_for_line("mynah: Sorry.", 1);
    let lines = device.lines();
    device.key(b"q");
    let (_, recordings) = wait_for_recordings_of(device);
    let heard_words = (truncated_ms(&service, "i1") / WORD_MS) as usize;
    let shown: Vec<String> =
        lines.into_iter().filter(|line| line.starts_with("you") || line.starts_with("mynah")).collect();
    assert_eq!(words_of(&recordings[0].1), shown);
    let [asked, cut, sorry] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!((asked.as_str(), sorry.as_str()), ("you: Count, please.", "mynah: Sorry."));
    let cut = cut.strip_prefix("mynah: ").unwrap();
    assert!(
        TWELVE.starts_with(cut) && (1..=heard_words).contains(&cut.split(' ').count()),
        "{cut} of {heard_words}"
    );
}

fn asked() -> Vec<Value> {
    vec![events::transcription_completed("u1", "Count, please.")]
}

/// The start of a reply of [`TWELVE`]: all its words, and this much of its audio.
fn begun(reply: &str, item: &str, ms: usize) -> Vec<Value> {
    let words = TWELVE.split_inclusive(' ').map(|word| events::transcript_delta(reply, item, word));
    let audio = events::audio_deltas(reply, item, &constant(1000, ms));
    [events::reply_begun(reply, item), words.collect(), audio].concat()
}

/// The end of it, with all its words.
fn ended(reply: &str, item: &str, status: &str) -> Vec<Value> {
    let done = match status {
        "completed" => events::response_completed(reply),
        _ => events::response_cancelled(reply, "turn_detected"),
    };
    vec![
        events::audio_done(reply, item),
        events::transcript_done(reply, item, TWELVE),
        events::content_part_done(reply, item, TWELVE),
        events::output_item_done(reply, item, status, TWELVE),
        done,
    ]
}

/// A service whose first session follows these steps.
fn two_sessions(first: Vec<Step>) -> Service {
    let second = [events::opening(), vec![Expect("conversation.item.create")]];
    Service::start([Behaviour::script(first), Behaviour::script(second.concat())])
}

/// Waits until the second session was told `count` items, and returns role, text and status of each that it is told.
fn told(service: &Service, count: usize) -> Vec<Value> {
    service.until("the history", |all| all.len() == 2 && all[1].count("conversation.item.create") >= count);
    service.until("audio after it", |all| all[1].audio_ms >= 50);
    let received = service.connections()[1].received.clone();
    let items = received.into_iter().filter(|event| event["type"] == "conversation.item.create");
    items
        .map(|event| {
            let item = &event["item"];
            message(
                item["role"].as_str().unwrap(),
                item["content"][0]["text"].as_str().unwrap(),
                item["status"].as_str().unwrap(),
            )
        })
        .collect()
}

fn message(role: &str, text: &str, status: &str) -> Value {
    json!([role, text, status])
}

/// Asserts that this is the start of [`TWELVE`], of a part of the words that were heard.
fn assert_told(told: &Value, heard_ms: u64) {
    let words = told[1].as_str().unwrap();
    assert_eq!((&told[0], &told[2]), (&json!("assistant"), &json!("incomplete")));
    let count = words.split(' ').count() as u64;
    assert!(TWELVE.starts_with(words) && count * WORD_MS <= heard_ms, "{words:?} of {heard_ms} ms");
}

fn words_of(recording: &str) -> Vec<String> {
    let mut reader = RecordingReader::begin(recording.as_bytes()).unwrap();
    let mut words = Vec::new();
    while let Some((_, line)) = reader.next().unwrap() {
        if let RecordLine::Words { who, said, .. } = line {
            words.push(format!("{who}: {said}"));
        }
    }
    words
}
