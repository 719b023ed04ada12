//! Recordings of a session: when and where they are written, that they replay, and that they hold no secret.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use mynah::conversation::{Exit, Mode};
use mynah::leds::Leds;
use mynah::recorder::{RecordLine, RecordingReader};
use mynah::session::RecordingConfig;
use serde_json::json;
use tempfile::TempDir;

use super::{Device, KEY, RECORDING, TAP, after_one_turn, check_recording, constant, record_to_file, remote};
use crate::service::Step::{Close, Expect, ExpectAudio, Send, SendText};
use crate::service::{Behaviour, Service, Step, events};

/// A secret that a service might quote anywhere.
const WIFI: &str = "the-wifi-word-of-the-house";

#[test]
fn no_text_of_the_service_gets_into_a_recording() {
    for place in [record_to_file, record_to_folder] {
        let service = Service::start([
            Behaviour::script(quoting()),
            Behaviour::refuse(401, &format!("bad key {KEY} {WIFI}")),
        ]);
        let device = recording_device(&service, Mode::Open, place);
        let (exit, recordings) = wait_for_recordings_of(device);
        assert_eq!(exit, Exit::Misconfigured);
        let [(name, text)] = &recordings[..] else { panic!("{recordings:?}") };
        assert!(name == RECORDING || name.ends_with("-refused.jsonl"), "{name}");
        // The last one is from the session's instructions.
        for secret in [KEY, WIFI, "Be brief."] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let labels = [
            "HTTP 401",
            "closed with 1011",
            "\"malformed\"",
            "\"unknown\"",
            "\"response.audio_transcript.done\"",
            "\"error\"",
            "\"warning\"",
        ];
        for label in labels.iter().chain(&["\"session.update\"", "\"conversation.item.created\""]) {
            assert!(text.contains(label), "{label} in {text}");
        }
    }
}

#[test]
fn a_requested_recording_is_saved_to_a_new_file() {
    let reply = events::reply("r1", "i1", "Yes.", &constant(1000, 200));
    let service = Service::start([Behaviour::script(after_one_turn(reply))]);
    let device = recording_device(&service, TAP, record_to_folder);
    device.wait_for_line("idle", 1);
    device.press();
    device.wait_for_line("time: reply heard", 1);
    (&device.recording_requests).write_all(b"X").unwrap();
    device.wait_for_recordings(1);
    device.key(b"q");
    let (_, recordings) = wait_for_recordings_of(device);
    let [(name, text)] = &recordings[..] else { panic!("{recordings:?}") };
    assert!(name.ends_with("Z-asked.jsonl"), "{name}");
    let mut reader = RecordingReader::begin(text.as_bytes()).unwrap();
    let mut inputs = Vec::new();
    let mut sound = (0, 0);
    let mut words = Vec::new();
    while let Some((_, line)) = reader.next().unwrap() {
        match line {
            RecordLine::Input { what, .. } => inputs.push(what.into_owned()),
            RecordLine::Light { word, live, .. } => words.push((word.into_owned(), live)),
            RecordLine::Sent(message) => sound.0 += message.audio.map_or(0, |audio| audio.frames),
            RecordLine::Got(message) => sound.1 += message.audio.map_or(0, |audio| audio.frames),
            _ => {}
        }
    }
    assert_eq!(inputs, ["down", "up"]);
    assert!(sound.0 >= 50 * 24 && sound.1 == 4800, "{sound:?}");
    let idle = words.iter().position(|word| *word == ("idle".to_owned(), false)).unwrap();
    let then: Vec<_> = words[idle..].iter().map(|(word, live)| (word.as_str(), *live)).collect();
    assert_eq!(then[..4], [("idle", false), ("listening", true), ("thinking", true), ("speaking", true)]);
}

#[test]
fn repeated_failed_replies_save_one_recording() {
    let failing = |turn: &str, reply: &str| {
        [events::user_turn(turn), events::reply_begun(reply, "i1"), vec![failed(reply)]].concat()
    };
    let steps = [
        events::opening(),
        vec![ExpectAudio(50)],
        events::sent(failing("u1", "r1")),
        events::sent(failing("u2", "r2")),
        events::sent(failing("u3", "r3")),
    ];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = recording_device(&service, Mode::Open, record_to_folder);
    device.wait_for_line("notice: ", 3);
    device.key(b"q");
    let (_, recordings) = wait_for_recordings_of(device);
    let names: Vec<_> = recordings.iter().map(|(name, _)| &name[name.len() - 13..]).collect();
    assert_eq!(names, ["Z-reply.jsonl"]);
}

#[test]
fn transcripts_and_samples_are_recorded_on_request() {
    let mut said = vec![events::transcription_completed("u1", "Hello, bird.")];
    said.extend(events::reply("r1", "i1", "Hello yourself.", &constant(1000, 200)));
    let service = Service::start([Behaviour::script(after_one_turn(said))]);
    let device = recording_device(&service, Mode::Open, |folder| RecordingConfig {
        sound: true,
        words: true,
        ..record_to_file(folder)
    });
    device.wait_for_line("time: reply heard", 1);
    device.key(b"q");
    let (_, recordings) = wait_for_recordings_of(device);
    let text = &recordings[0].1;
    for wanted in ["Hello, bird.", "Hello yourself.", "\"base64\":\"6AP"] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

/// A whole turn with every message of the service that has free text, each quoting the secrets.
fn quoting() -> Vec<Step> {
    let quoted = format!("{KEY} {WIFI}");
    let mut unknown = events::event(&format!("no.such.{KEY}"), json!({ KEY: WIFI }));
    unknown["event_id"] = json!(KEY);
    let mut error = events::error(KEY, None);
    error["error"]["message"] = json!(quoted);
    let odd = vec![
        Send(unknown),
        Send(error),
        Send(events::event("warning", json!({"warning": {"message": quoted, "code": KEY}}))),
        Send(events::transcription_completed("u1", &quoted)),
        SendText(quoted.clone()),
    ];
    let reply = events::sent(events::reply("r1", "i1", &quoted, &constant(1000, 200)));
    [after_one_turn([]), odd, reply, vec![Expect("input_audio_buffer.append"), Close(1011, KEY)]].concat()
}

fn failed(reply: &str) -> serde_json::Value {
    events::response_failed(reply, "server_error")
}

pub(super) fn record_to_folder(folder: &Path) -> RecordingConfig {
    RecordingConfig { folder: Some(folder.join("recordings")), ..RecordingConfig::default() }
}

pub(super) fn recording_device(service: &Service, mode: Mode, place: fn(&Path) -> RecordingConfig) -> Device {
    let folder = TempDir::new().unwrap();
    Device::build(folder, remote(service), mode, None, false, Leds::default(), place, super::HEARING)
}

/// Waits for the exit, and returns it with the name and text of every recording.
pub(super) fn wait_for_recordings_of(device: Device) -> (Exit, Vec<(String, String)>) {
    let exit = device.thread.join().unwrap().unwrap();
    let folder = device.folder.path();
    let mut recordings = Vec::new();
    for file in [folder.join(RECORDING), folder.join("recordings")] {
        let files = fs::read_dir(&file).map(|all| all.map(|entry| entry.unwrap().path()).collect());
        for file in files.unwrap_or_else(|_| vec![file]) {
            if let Ok(text) = fs::read_to_string(&file) {
                check_recording(&file);
                recordings.push((file.file_name().unwrap().to_string_lossy().into_owned(), text));
            }
        }
    }
    (exit, recordings)
}

impl Device {
    #[allow(clippy::disallowed_methods, reason = "a test outside the program waits for it to write")]
    fn wait_for_recordings(&self, files: usize) {
        let folder = self.folder.path().join("recordings");
        let count = || fs::read_dir(&folder).map_or(0, |all| all.filter(is_whole).count());
        for _ in 0..500 {
            if count() >= files {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("there are {} recordings", count());
    }
}

fn is_whole(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|ending| ending == "jsonl"))
}
