//! Sessions as the services have sent them: the order, the nulls and the extra fields of real traffic, with other values.
//!
//! `tests/recorded` holds the received events of sessions with Voice Live and with Azure OpenAI (GA names), one a line. The
//! samples of every audio delta are replaced by 10 ms of one value.

use std::fs;
use std::path::Path;

use mynah::conversation::Mode;
use mynah::protocol::{self, ServerEvent};
use serde_json::Value;

use super::{Device, count_samples};
use crate::service::Step::{Answer, Expect, Send};
use crate::service::{Behaviour, Service, events};

#[test]
fn a_recorded_session_is_heard_and_shown_whole() {
    for (name, events) in recorded() {
        let mut steps =
            vec![Send(events[0].clone()), Expect("session.update"), Answer(events::session_updated)];
        steps
            .extend(events[1..].iter().filter(|event| event["type"] != "session.updated").cloned().map(Send));
        let service = Service::start([Behaviour::script(steps)]);
        let device = Device::start(&service, Mode::Open);
        let (words, deltas) = (words(&events), events.iter().filter(|event| is_audio(event)).count());
        for line in &words {
            device.wait_for_line(line, 1);
        }
        let lines = device.lines();
        let (_, speaker) = device.quit();
        let said: Vec<&String> =
            lines.iter().filter(|line| line.starts_with("you: ") || line.starts_with("mynah: ")).collect();
        assert_eq!(said.len(), words.len(), "{name}: {said:?}");
        assert_eq!(count_samples(&speaker, 1000), deltas * 240, "{name}");
        assert_eq!(
            service.connections()[0].story(),
            ["session.update"],
            "{name}: nothing is corrected or cancelled"
        );
    }
}

#[test]
fn every_recorded_event_is_known() {
    for (name, events) in recorded() {
        for event in events {
            let text = event.to_string();
            let parsed = protocol::parse(&text);
            assert!(!matches!(parsed, Err(_) | Ok(ServerEvent::Unknown(_))), "{name}: {text}");
        }
    }
}

/// Returns the events of each session, with its name.
fn recorded() -> Vec<(String, Vec<Value>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut sessions: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let events = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            (path.file_stem().unwrap().display().to_string(), events)
        })
        .collect();
    sessions.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(sessions.len(), 11);
    sessions
}

/// Returns the lines that show the words of both sides.
fn words(events: &[Value]) -> Vec<String> {
    let shown = |event: &Value| {
        let (who, words) = match event["type"].as_str()? {
            "conversation.item.input_audio_transcription.completed" => ("you", &event["transcript"]),
            "response.audio_transcript.done" | "response.output_audio_transcript.done" => {
                ("mynah", &event["transcript"])
            }
            "response.text.done" | "response.output_text.done" => ("mynah", &event["text"]),
            _ => return None,
        };
        Some(format!("{who}: {}", words.as_str()?.trim()))
    };
    events.iter().filter_map(shown).collect()
}

fn is_audio(event: &Value) -> bool {
    matches!(event["type"].as_str(), Some("response.audio.delta" | "response.output_audio.delta"))
}
