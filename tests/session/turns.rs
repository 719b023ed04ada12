//! Complete turns in every mode, mute, volume and their saved state.

use std::time::Duration;

use base64::Engine;
use mynah::conversation::{Exit, Mode};
use serde_json::{Value, json};

use super::{Device, TAP, after_one_turn, constant, count_samples};
use crate::allocator;
use crate::service::Step::{Answer, Expect, ExpectAudio, Send, Wait};
use crate::service::{Behaviour, Connection, Service, events};

#[test]
fn a_reply_is_played_completely_and_both_transcripts_printed() {
    let mut said = vec![events::transcription_completed("u1", "Hello, bird.")];
    said.extend(events::reply("r1", "i1", "Hello yourself.", &constant(1000, 500)));
    let service = Service::start([Behaviour::script(after_one_turn(said))]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("time: reply heard", 1);
    let lines = device.lines();
    let (exit, speaker) = device.quit();
    assert_eq!(exit, Exit::Requested);
    assert_eq!(count_samples(&speaker, 1000), 12_000, "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with(", 500 ms of it heard")), "{lines:?}");
    let states: Vec<_> = lines.iter().filter(|line| !line.contains(':')).collect();
    assert_eq!(states, ["connecting", "listening", "thinking", "speaking", "listening"]);
    assert!(
        lines.contains(&"you: Hello, bird.".into()) && lines.contains(&"mynah: Hello yourself.".into()),
        "{lines:?}"
    );
    let one = &service.connections()[0];
    assert_eq!(one.story(), ["session.update"], "turn detection by the service needs no other event");
    assert_eq!(one.close, Some((1000, String::new())));
}

#[test]
fn no_audio_is_sent_before_the_session_is_confirmed() {
    let service = Service::start([Behaviour::script([
        Send(events::session_created()),
        Expect("session.update"),
        Wait(Duration::from_millis(400)),
        Send(events::event("rate_limits.updated", json!({}))),
        Wait(Duration::from_millis(100)),
        Answer(events::session_updated),
        ExpectAudio(100),
    ])]);
    let device = Device::start(&service, Mode::Open);
    service.until("sound", |all| all.iter().any(|one| one.audio_ms >= 100));
    let first = service.connections()[0].received[0].clone();
    assert_eq!(first["type"], "session.update");
    assert_eq!(first["session"]["turn_detection"]["type"], "server_vad");
    let lines = device.lines();
    assert_eq!(
        lines.iter().filter(|line| !line.contains(':')).collect::<Vec<_>>(),
        ["connecting", "listening"]
    );
    let before = service.connections()[0].audio_ms;
    let (_, _) = device.quit();
    assert!(before < 400, "{before} ms of audio were buffered before the microphone was open");
}

#[test]
fn speech_after_a_press_is_buffered_until_the_link_is_up() {
    let service = Service::start([Behaviour::script([
        Send(events::session_created()),
        Expect("session.update"),
        Wait(Duration::from_millis(700)),
        Answer(events::session_updated),
        ExpectAudio(900),
    ])]);
    let speech: Vec<i16> = (1..24_000).collect();
    let device = Device::with_speech(&service, TAP, Some(&speech));
    device.wait_for_line("connecting", 1);
    device.press();
    device.wait_for_line("listening", 1);
    service.until("900 ms of sound", |all| all.iter().any(|one| one.audio_ms >= 900));
    let sent = appended_samples(&service.connections()[0]);
    let (_, _) = device.quit();
    let start = sent.iter().position(|sample| *sample != 0).expect("no speech was sent");
    assert_eq!(sent[start..start + 20_000], speech[..20_000], "every sample from the press on, in order");
}

#[test]
fn a_tap_opens_the_microphone_and_a_second_tap_closes_it() {
    let service = Service::start([Behaviour::script(events::opening())]);
    let device = Device::start(&service, TAP);
    device.wait_for_line("idle", 1);
    assert_eq!(service.connections()[0].audio_ms, 0);
    device.press();
    service.until("sound", |all| all[0].audio_ms >= 100);
    device.press();
    device.wait_for_line("idle", 2);
    service.wait_for("input_audio_buffer.clear");
    let at_rest = service.connections()[0].audio_ms;
    service.until("the clear", |all| all[0].count("input_audio_buffer.clear") == 1);
    let (_, _) = device.quit();
    assert!(service.connections()[0].audio_ms <= at_rest + 20, "audio was sent with the microphone closed");
}

#[test]
fn push_to_talk_clears_appends_commits_and_creates() {
    let steps = [
        events::opening(),
        vec![Expect("response.create"), Send(events::committed("u1"))],
        events::sent(events::reply("r1", "i1", "Yes.", &constant(1000, 200))),
    ];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = Device::start(&service, Mode::Hold);
    device.wait_for_line("idle", 1);
    device.press();
    service.until("sound", |all| all[0].audio_ms >= 300);
    device.press();
    device.wait_for_line("time: reply heard", 1);
    let (_, speaker) = device.quit();
    assert_eq!(count_samples(&speaker, 1000), 4800);
    let one = &service.connections()[0];
    let story =
        ["session.update", "input_audio_buffer.clear", "input_audio_buffer.commit", "response.create"];
    assert_eq!(one.story(), story);
    assert_eq!(one.received[0]["session"]["turn_detection"], Value::Null);
    let kinds: Vec<_> = one.received.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let at = |kind: &str| kinds.iter().position(|found| *found == kind).unwrap();
    let last_append = kinds.iter().rposition(|found| *found == "input_audio_buffer.append").unwrap();
    assert!(at("input_audio_buffer.clear") < at("input_audio_buffer.append"));
    assert_eq!(
        last_append + 1,
        at("input_audio_buffer.commit"),
        "everything captured is sent before the commit"
    );
}

#[test]
fn a_push_too_short_for_speech_is_cleared_not_committed() {
    let service = Service::start([Behaviour::script(events::opening())]);
    let device = Device::start(&service, Mode::Hold);
    device.wait_for_line("idle", 1);
    device.key(b"  ");
    device.wait_for_line("notice: ", 1);
    service.until("two clears", |all| all[0].count("input_audio_buffer.clear") == 2);
    let (_, _) = device.quit();
    assert_eq!(service.connections()[0].count("input_audio_buffer.commit"), 0);
}

#[test]
fn a_muted_device_sends_nothing_and_shows_it() {
    let service = Service::start([Behaviour::script(events::opening())]);
    let device = Device::start(&service, Mode::Open);
    service.until("sound", |all| all.iter().any(|one| one.audio_ms >= 100));
    device.key(b"m");
    device.wait_for_line("muted", 1);
    service.wait_for("input_audio_buffer.clear");
    let kinds = |one: &Connection| one.received.last().unwrap()["type"].clone();
    let (_, _) = device.quit();
    assert_eq!(kinds(&service.connections()[0]), "input_audio_buffer.clear", "nothing was sent after it");
}

#[test]
fn the_session_allocates_nothing_per_frame_once_warm() {
    let service = Service::start_plain([Behaviour::script(events::opening())]);
    let device = Device::counting_allocations(&service, Mode::Open);
    let sound = |ms| service.until("sound", move |all| all.iter().any(|one| one.audio_ms >= ms));
    sound(500);
    let warm = allocator::counted();
    sound(2500);
    let later = allocator::counted();
    let (_, _) = device.quit();
    assert!(warm > 0, "no allocation was counted at all");
    // A late wake-up makes a longer message than any before, so a buffer may still grow.
    assert!(later - warm < 5, "{} allocations in two hundred frames", later - warm);
}

#[test]
fn a_muted_microphone_stays_muted_after_a_restart() {
    let service = Service::start([quiet(), quiet()]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("listening", 1);
    device.key(b"m");
    device.wait_for_line("muted", 1);
    let device = Device::restart(device.quit_keeping_files(), &service, Mode::Open);
    device.wait_for_line("muted", 1);
    let lines = device.lines();
    let kept = std::fs::read_to_string(device.quit_keeping_files().path().join("state.toml")).unwrap();
    assert!(kept.ends_with("muted = true\nvolume = 100\n"), "{kept}");
    assert!(!lines.contains(&"listening".to_owned()), "{lines:?}");
    assert_eq!(service.connections()[1].audio_ms, 0);
}

#[test]
fn the_volume_is_saved_and_limited_to_100_percent() {
    let service = Service::start([quiet(), quiet()]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("listening", 1);
    device.key(b"---+");
    let kept = device.quit_keeping_files();
    let text = std::fs::read_to_string(kept.path().join("state.toml")).unwrap();
    assert!(text.ends_with("muted = false\nvolume = 80\n"), "{text}");
    let device = Device::restart(kept, &service, Mode::Open);
    device.wait_for_line("listening", 1);
    device.key(b"++++++++++++");
    let text = std::fs::read_to_string(device.quit_keeping_files().path().join("state.toml")).unwrap();
    assert!(text.ends_with("muted = false\nvolume = 100\n"), "{text}");
}

/// A service that configures the session and sends nothing else.
fn quiet() -> Behaviour {
    Behaviour::script([
        Send(events::session_created()),
        Expect("session.update"),
        Answer(events::session_updated),
        Wait(Duration::from_millis(600)),
    ])
}

/// Returns the samples of all appends, in order.
pub(super) fn appended_samples(one: &Connection) -> Vec<i16> {
    let audio = one.received.iter().filter_map(|event| event["audio"].as_str());
    let bytes = audio.flat_map(|base64| base64::engine::general_purpose::STANDARD.decode(base64).unwrap());
    let bytes: Vec<u8> = bytes.collect();
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}
