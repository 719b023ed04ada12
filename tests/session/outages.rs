//! Outages: speech during one is sent afterwards, earcons play, and the history is sent to the next session.

use std::time::Duration;

use mynah::conversation::Mode;

use super::turns::appended_samples;
use super::{Device, after_one_turn, constant};
use crate::service::Step::{Close, ExpectAudio, HangUp, Send, Wait};
use crate::service::{Behaviour, Service, events};

#[test]
fn speech_across_an_outage_reaches_the_next_session_whole() {
    let first = [
        events::opening(),
        vec![ExpectAudio(300), Send(events::speech_started("u1", 0)), ExpectAudio(1000), HangUp],
    ];
    let second = [events::opening(), vec![ExpectAudio(3000)]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let speech: Vec<i16> = (1..32_000).collect();
    let device = Device::with_speech(&service, Mode::Open, Some(&speech));
    service.until("the sentence", |all| all.len() == 2 && all[1].audio_ms >= 3000);
    let lines = device.lines();
    let (_, _) = device.quit();
    assert!(lines.contains(&"offline".to_owned()), "the outage is shown: {lines:?}");
    let sent = appended_samples(&service.connections()[1]);
    let start = sent.iter().position(|sample| *sample != 0).expect("no speech was sent");
    assert_eq!(sent[start..start + 31_999], speech, "every sample from the first word on, once, in order");
}

#[test]
fn a_button_held_across_an_outage_makes_one_turn() {
    let first = [events::opening(), vec![ExpectAudio(500), Close(1011, "tired")]];
    let second = [events::opening(), vec![crate::service::Step::Expect("response.create")]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let speech: Vec<i16> = (1..32_000).collect();
    let device = Device::with_speech(&service, Mode::Hold, Some(&[vec![0; 2400], speech.clone()].concat()));
    device.wait_for_line("idle", 1);
    device.press();
    device.wait_for_line("offline", 1);
    service.until("the words before the loss, again", |all| all.len() == 2 && all[1].audio_ms >= 1600);
    device.press();
    service.wait_for("response.create");
    let (_, _) = device.quit();
    let sent = appended_samples(&service.connections()[1]);
    let start = sent.iter().position(|sample| *sample != 0).expect("no speech was sent");
    let said: Vec<i16> = sent[start..].iter().copied().take_while(|sample| *sample != 0).collect();
    assert_eq!(said, speech[..said.len()], "every sample from the press on, once, in order");
    assert_eq!(service.connections()[1].story().last(), Some(&"response.create"));
}

#[test]
fn audio_of_a_completed_turn_is_not_resent() {
    let first =
        [after_one_turn(events::reply_begun("r0", "i0")), vec![Wait(Duration::from_millis(100)), HangUp]];
    let second = [events::opening(), vec![ExpectAudio(500)]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let device = Device::with_speech(&service, Mode::Open, Some(&constant(77, 40)));
    service.until("the second session", |all| all.len() == 2 && all[1].audio_ms >= 500);
    let (_, _) = device.quit();
    assert!(appended_samples(&service.connections()[0]).contains(&77));
    assert!(!appended_samples(&service.connections()[1]).contains(&77));
}

#[test]
fn a_long_outage_plays_one_falling_and_one_rising_earcon() {
    let first = [events::opening(), vec![ExpectAudio(300), Close(1012, "restart")]];
    let service =
        Service::start([Behaviour::script(first.concat()), Behaviour::refuse(503, "busy"), reconnected()]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("you: Back.", 1);
    let (_, speaker) = device.quit();
    let sounds: Vec<bool> = sounds_in(&speaker).into_iter().map(is_rising).collect();
    assert_eq!(sounds, [false, true]);
    assert!(speaker.iter().all(|sample| sample.unsigned_abs() < 3300), "soft");
}

#[test]
fn a_short_outage_plays_no_earcon() {
    // After 3 s of session the reconnect is not delayed.
    let first = [events::opening(), vec![ExpectAudio(3000), Close(1012, "restart")]];
    let service = Service::start([Behaviour::script(first.concat()), reconnected()]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("offline", 1);
    device.wait_for_line("you: Back.", 1);
    let (_, speaker) = device.quit();
    assert!(speaker.iter().all(|sample| *sample == 0));
}

#[test]
fn an_earcon_waits_for_the_reply_that_outlasts_its_link() {
    let said =
        [events::reply_begun("r0", "i0"), events::audio_deltas("r0", "i0", &constant(1000, 2000))].concat();
    let first = [after_one_turn(said), vec![Wait(Duration::from_millis(300)), HangUp]];
    let service = Service::start([
        Behaviour::script(first.concat()),
        Behaviour::refuse(503, "busy"),
        Behaviour::refuse(503, "busy"),
        reconnected(),
    ]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("you: Back.", 1);
    let (_, speaker) = device.quit();
    let first = speaker.iter().position(|sample| *sample != 0).unwrap();
    let reply = &speaker[first..first + 2 * 24_000];
    assert!(reply.iter().all(|sample| *sample == 1000), "nothing is mixed into the reply");
    assert_eq!(sounds_in(&speaker[first + reply.len()..]).len(), 2);
}

#[test]
fn the_history_is_sent_after_an_outage() {
    let mut said = vec![events::transcription_completed("u1", "What is the time?")];
    said.extend(events::reply("r1", "i1", "It is noon.", &constant(1000, 100)));
    let first = [after_one_turn(said), vec![Wait(Duration::from_millis(500)), Close(1012, "restart")]];
    let second = [events::opening(), vec![crate::service::Step::Expect("conversation.item.create")]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let device = Device::start(&service, Mode::Open);
    service.until("the history", |all| all.len() == 2 && all[1].count("conversation.item.create") == 2);
    let (_, _) = device.quit();
}

/// A session that sends a transcript once the earcon has had time to play.
fn reconnected() -> Behaviour {
    let later = [Wait(Duration::from_millis(1500)), Send(events::transcription_completed("u9", "Back."))];
    Behaviour::script([events::opening(), later.to_vec()].concat())
}

/// Returns the stretches of sound that are separated by at least 100 ms of silence.
fn sounds_in(samples: &[i16]) -> Vec<&[i16]> {
    let mut all = Vec::new();
    let mut from = None;
    let mut last = 0;
    for (at, _) in samples.iter().enumerate().filter(|(_, sample)| **sample != 0) {
        if from.is_some() && at > last + 2400 {
            all.push(&samples[from.take().unwrap()..=last]);
        }
        from.get_or_insert(at);
        last = at;
    }
    all.extend(from.map(|from| &samples[from..=last]));
    all
}

/// Returns whether the second half has the higher pitch.
fn is_rising(sound: &[i16]) -> bool {
    let crossings = |part: &[i16]| part.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    let (first, second) = sound.split_at(sound.len() / 2);
    crossings(second) > crossings(first)
}
