//! A link that is lost for a while: what was said meanwhile, and what was said before.

use std::time::Duration;

use mynah::conversation::Mode;

use super::turns::appended;
use super::{Device, after_a_turn, tone};
use crate::service::Step::{Close, ExpectAudio, HangUp, Send, Wait};
use crate::service::{Behaviour, Service, events};

#[test]
fn a_sentence_with_a_lost_link_in_its_midst_is_heard_whole_by_the_next_session() {
    let first = [
        events::opening(),
        vec![ExpectAudio(300), Send(events::speech_started("u1", 0)), ExpectAudio(1000), HangUp],
    ];
    let second = [events::opening(), vec![ExpectAudio(3000)]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let speech: Vec<i16> = (1..32_000).collect();
    let device = Device::hearing(&service, Mode::Open, Some(&speech));
    service.until("the sentence", |all| all.len() == 2 && all[1].audio_ms >= 3000);
    let lines = device.lines();
    let (_, _) = device.leave();
    assert!(lines.contains(&"offline".to_owned()), "it is seen: {lines:?}");
    let sent = appended(&service.connections()[1]);
    let start = sent.iter().position(|sample| *sample != 0).expect("something was said");
    assert_eq!(sent[start..start + 31_999], speech, "every sample from the first word on, once, in order");
}

#[test]
fn a_button_held_while_the_link_is_lost_makes_one_whole_turn() {
    let first = [events::opening(), vec![ExpectAudio(500), Close(1011, "tired")]];
    let second = [events::opening(), vec![crate::service::Step::Expect("response.create")]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let speech: Vec<i16> = (1..32_000).collect();
    let device = Device::hearing(&service, Mode::Hold, Some(&[vec![0; 2400], speech.clone()].concat()));
    device.until("idle", 1);
    device.press();
    device.until("offline", 1);
    service.until("the words before the loss, again", |all| all.len() == 2 && all[1].audio_ms >= 1600);
    device.press();
    service.wait_for("response.create");
    let (_, _) = device.leave();
    let sent = appended(&service.connections()[1]);
    let start = sent.iter().position(|sample| *sample != 0).expect("something was said");
    let said: Vec<i16> = sent[start..].iter().copied().take_while(|sample| *sample != 0).collect();
    assert_eq!(said, speech[..said.len()], "every sample from the press on, once, in order");
    assert_eq!(service.connections()[1].story().last(), Some(&"response.create"));
}

#[test]
fn what_a_service_has_made_a_turn_of_is_not_said_again() {
    let first =
        [after_a_turn(events::reply_begun("r0", "i0")), vec![Wait(Duration::from_millis(100)), HangUp]];
    let second = [events::opening(), vec![ExpectAudio(500)]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let device = Device::hearing(&service, Mode::Open, Some(&tone(77, 40)));
    service.until("the second session", |all| all.len() == 2 && all[1].audio_ms >= 500);
    let (_, _) = device.leave();
    assert!(appended(&service.connections()[0]).contains(&77));
    assert!(!appended(&service.connections()[1]).contains(&77));
}

#[test]
fn what_was_said_before_an_outage_goes_along() {
    let mut said = vec![events::transcription_completed("u1", "What is the time?")];
    said.extend(events::reply("r1", "i1", "It is noon.", &tone(1000, 100)));
    let first = [after_a_turn(said), vec![Wait(Duration::from_millis(500)), Close(1012, "restart")]];
    let second = [events::opening(), vec![crate::service::Step::Expect("conversation.item.create")]];
    let service = Service::start([Behaviour::script(first.concat()), Behaviour::script(second.concat())]);
    let device = Device::start(&service, Mode::Open);
    service.until("the talk", |all| all.len() == 2 && all[1].count("conversation.item.create") == 2);
    let (_, _) = device.leave();
}
