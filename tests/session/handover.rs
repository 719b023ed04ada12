//! A conversation that outlasts its session: the standby link over TLS, the history it gets, and resent
//! audio.

use std::time::Duration;

use mynah::conversation::{Exit, Mode};

use super::turns::appended_samples;
use super::{Device, TAP, constant, count_samples};
use crate::service::Step::{Close, Expect, ExpectAudio, Send, Wait};
use crate::service::{Behaviour, Connection, Service, Step, events};

/// What is left of a session, s, when the service states that it ends early: the standby link is dialled at once.
const SHORT_S: u64 = 601;

#[test]
fn a_quiet_session_is_replaced_by_its_standby() {
    let first = [
        events::opening_with(SHORT_S),
        vec![ExpectAudio(50)],
        events::sent(events::user_turn("u1")),
        events::sent([events::transcription_completed("u1", "What is the time?")]),
        events::sent(events::reply("r1", "i1", "It is noon.", &constant(1000, 200))),
    ];
    let second = [
        events::opening(),
        vec![Expect("conversation.item.create"), ExpectAudio(50)],
        events::sent(events::user_turn("u2")),
        events::sent(events::reply("r2", "i2", "Still noon.", &constant(2000, 200))),
    ];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("mynah: Still noon.", 1);
    device.wait_for_line("time: reply heard", 2);
    let lines = device.lines();
    let (exit, speaker) = device.quit();
    assert_eq!(
        (exit, count_samples(&speaker, 1000), count_samples(&speaker, 2000)),
        (Exit::Requested, 4800, 4800)
    );
    assert!(!lines.contains(&"offline".to_owned()), "{lines:?}");
    let [first, second] = &service.connections()[..] else { panic!("two connections") };
    assert_eq!(first.close, Some((1000, String::new())), "closed normally");
    assert_eq!(
        history_items(second),
        [("user", "input_text", "What is the time?"), ("assistant", "text", "It is noon.")]
    );
    let kinds: Vec<_> = second.received.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let configured = ["session.update", "conversation.item.create", "conversation.item.create"];
    assert_eq!(kinds[..3], configured, "history is sent before audio");
}

#[test]
fn every_sample_reaches_a_session_across_a_handover() {
    let first = [events::opening_with(SHORT_S), vec![ExpectAudio(50)]];
    let second = [events::opening(), vec![ExpectAudio(2000)]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    // No two stretches are equal, and no sample is zero.
    let whole: Vec<i16> = (0..24_000 * 8u64).map(|n| ((n * n * 31 + n * 7919) % 31_991 + 1) as i16).collect();
    let device = Device::with_speech(&service, TAP, Some(&whole));
    device.wait_for_line("idle", 1);
    // The session is replaced within the eight seconds that a tap keeps the microphone open.
    device.press();
    service.until("sound in the second session", |all| all.len() == 2 && all[1].audio_ms >= 2000);
    let (_, _) = device.quit();
    let [first, second] = &service.connections()[..] else { panic!("two connections") };
    let (before, after) = (appended_samples(first), appended_samples(second));
    let said = |samples: &[i16]| samples.iter().copied().filter(|sample| *sample != 0).collect::<Vec<_>>();
    let (before, after) = (said(&before), said(&after));
    assert_eq!(before, whole[..before.len()], "nothing is missing in the first session");
    let again = (0..=before.len()).rev().find(|at| after.starts_with(&whole[*at..(*at + 20_000)]));
    let again =
        before.len() - again.expect("the second session continues where the first stopped, or earlier");
    assert!(again > 20_000, "only {again} samples were resent: speech may have started before them");
    assert!(again <= 24_000 + 480, "{again} samples were resent: more than the second that is kept");
    assert!(!second.story().contains(&"input_audio_buffer.clear"));
}

#[test]
fn a_failed_standby_is_retried_unnoticed_by_the_user() {
    let first = [events::opening_with(SHORT_S), vec![ExpectAudio(50)]];
    let broken = [Send(events::session_created()), Expect("session.update"), Close(1011, "tired")];
    let service = Service::start([
        Behaviour::script(first.concat()),
        Behaviour::refuse(503, "busy"),
        Behaviour::script(broken),
        Behaviour::script(events::opening()),
    ]);
    let device = Device::start(&service, Mode::Open);
    service.until("the session in use", |all| all.len() == 4 && all[3].audio_ms >= 200);
    let lines = device.lines();
    let (exit, speaker) = device.quit();
    assert_eq!(exit, Exit::Requested);
    assert_eq!(
        lines.iter().filter(|line| !line.contains(':')).collect::<Vec<_>>(),
        ["connecting", "listening"]
    );
    assert!(speaker.iter().all(|sample| *sample == 0));
    let audio: Vec<u64> = service.connections().iter().map(|one| one.audio_ms).collect();
    assert_eq!((audio[1], audio[2]), (0, 0), "no audio is sent to a session that is not in use");
}

#[test]
fn a_reply_is_played_to_its_end_when_its_session_expires() {
    let first = [
        events::opening_with(SHORT_S),
        vec![ExpectAudio(50)],
        events::sent(events::user_turn("u1")),
        events::sent(events::reply("r1", "i1", "A long one.", &constant(1000, 6000))),
        vec![
            Wait(Duration::from_millis(4000)),
            Send(events::error("session_expired", None)),
            Close(1001, "60 minutes"),
        ],
    ];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(events::opening())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("speaking", 1);
    device.wait_for_line("listening", 2);
    let lines = device.lines();
    let (_, speaker) = device.quit();
    assert_eq!(count_samples(&speaker, 1000), 6 * 24_000, "{lines:?}");
    let states: Vec<_> = lines.iter().filter(|line| !line.contains(':')).collect();
    assert_eq!(states, ["connecting", "listening", "thinking", "speaking", "listening"]);
    assert_eq!(service.connections()[1].story()[0], "session.update");
    assert!(!service.connections()[1].story().contains(&"conversation.item.truncate"));
}

#[test]
fn a_cut_reply_is_in_the_history_as_far_as_it_was_played() {
    let words = "one two three four five six seven eight nine ten";
    let reply: Vec<Step> = events::sent(events::reply("r1", "i1", words, &constant(1000, 4000)));
    let first = [
        events::opening_with(SHORT_S),
        vec![ExpectAudio(50)],
        events::sent(events::user_turn("u1")),
        reply,
        vec![Wait(Duration::from_millis(1000))],
        events::sent(events::user_turn("u2")),
        vec![Expect("conversation.item.truncate")],
        events::sent(events::reply("r2", "i2", "Yes?", &constant(2000, 100))),
    ];
    let second = [events::opening(), vec![Expect("conversation.item.create"), ExpectAudio(50)]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let device = Device::start(&service, Mode::Open);
    service.until("the session in use", |all| all.len() == 2 && all[1].audio_ms >= 50);
    let (_, _) = device.quit();
    let received = service.connections()[1].received.clone();
    let item = received.iter().find(|event| event["type"] == "conversation.item.create").unwrap();
    assert_eq!(item["item"]["status"], "incomplete");
    let share = item["item"]["content"][0]["text"].as_str().unwrap();
    assert!(words.starts_with(share) && share.len() < words.len(), "{share}");
}

#[test]
fn the_built_in_service_knows_the_history_of_the_conversation() {
    let habits = mynah::parrot::ParrotConfig {
        life: Duration::from_secs(5),
        ..mynah::parrot::ParrotConfig::default()
    };
    let service = Service::start([
        Behaviour::Parrot(habits),
        Behaviour::Parrot(mynah::parrot::ParrotConfig::default()),
    ]);
    let hum: Vec<i16> = (0..24_000).map(|n| if n / 60 % 2 == 0 { 6000 } else { -6000 }).collect();
    let quiet = vec![0; 24_000 * 6];
    let speech = [hum.clone(), quiet.clone(), hum, quiet].concat();
    let device = Device::with_speech(&service, Mode::Open, Some(&speech));
    device.wait_for_line("mynah: I heard", 2);
    let lines = device.lines();
    let (_, _) = device.quit();
    let last = lines.iter().rfind(|line| line.starts_with("mynah:")).unwrap();
    assert!(last.matches("I heard").count() > 1, "{lines:?}");
    assert_eq!(service.connections().len(), 2);
}

/// Returns role, content type and text of each history item that a session received.
fn history_items(one: &Connection) -> Vec<(&str, &str, &str)> {
    let items = one.received.iter().filter(|event| event["type"] == "conversation.item.create");
    items
        .map(|event| {
            let (item, part) = (&event["item"], &event["item"]["content"][0]);
            (item["role"].as_str().unwrap(), part["type"].as_str().unwrap(), part["text"].as_str().unwrap())
        })
        .collect()
}
