//! Messages that a service should never send: the conversation continues.

use mynah::conversation::{Exit, Mode};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{Device, after_one_turn, constant, count_samples};
use crate::service::Step::{Expect, Send, SendRaw, SendText};
use crate::service::{Behaviour, Service, Step, events};

#[test]
fn malformed_and_unknown_events_do_not_disturb_a_turn() {
    let odd: Vec<Step> = vec![
        SendText("not json".into()),
        SendText("{".into()),
        SendText("[]".into()),
        SendText(r#"{"type":7}"#.into()),
        SendRaw(Message::Binary(vec![0xff, 0xfe, 0, 1].into())),
        SendRaw(Message::Binary(br#"{"type":"session.updated"}"#.to_vec().into())),
        SendRaw(Message::Ping(vec![1; 125].into())),
        Send(events::event("no.such.event", json!({"deep": [[[{}]]]}))),
        Send(events::event("response.audio.delta", json!({}))),
        Send(events::event("response.created", json!({}))),
        Send(events::event("response.done", json!({"response": null}))),
        Send(events::error("bad_response_create", None)),
        Send(events::error("response_cancel_not_active", None)),
        Send(events::transcription_failed("u1")),
    ];
    let begun = events::sent(events::reply_begun("r1", "i1"));
    let audio = vec![
        Send(events::audio_delta_of("r1", "i1", "")),
        Send(events::audio_delta_of("r1", "i1", "!!!!")),
        // 1000 is 0x03e8. The delta ends in the middle of a sample.
        Send(events::audio_delta_of("r1", "i1", "6APoA+g=")),
        Send(events::audio_delta_of("r1", "i1", "Aw==")),
    ];
    let rest = [
        events::sent(events::audio_deltas("r1", "i1", &constant(1000, 200))),
        events::sent(events::reply_ended("r1", "i1", "Yes.")),
    ];
    let steps = [after_one_turn([]), odd.clone(), begun, odd.clone(), audio, odd, rest.concat()].concat();
    let service = Service::start([Behaviour::script(steps)]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("time: reply heard", 1);
    let (exit, speaker) = device.quit();
    assert_eq!(exit, Exit::Requested);
    assert_eq!(count_samples(&speaker, 1000), 4803);
    assert_eq!(service.connections().len(), 1, "the link stayed up");
    assert_eq!(service.connections()[0].story(), ["session.update"]);
}

#[test]
fn an_event_of_3_mib_is_read_and_one_of_5_mib_closes_the_link() {
    let padding = |mebibytes: usize| {
        Send(events::event("conversation.item.created", json!({"padding": "x".repeat(mebibytes << 20)})))
    };
    let first =
        [events::opening(), vec![padding(3), Expect("input_audio_buffer.append"), padding(5)]].concat();
    let second = after_one_turn(events::reply("r1", "i1", "Back.", &constant(1000, 200)));
    let service = Service::start([Behaviour::script(first), Behaviour::script(second)]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("time: reply heard", 1);
    let (_, speaker) = device.quit();
    // Where reconnecting takes over two seconds, an earcon is played too, and a few of its samples may have this value.
    assert!((4800..4810).contains(&count_samples(&speaker, 1000)));
    assert_eq!(service.connections().len(), 2);
}

#[test]
fn a_session_with_another_configuration_is_refused() {
    for spoil in [
        |update: &serde_json::Value| {
            let mut updated = events::session_updated(update);
            updated["session"]["input_audio_sampling_rate"] = json!(16000);
            updated
        },
        |update: &serde_json::Value| events::error("invalid_value", update["event_id"].as_str()),
    ] {
        let steps = [Send(events::session_created()), Expect("session.update"), Step::Answer(spoil)];
        let service = Service::start([Behaviour::script(steps)]);
        let (exit, _) = Device::start(&service, Mode::Open).wait_for_exit();
        assert_eq!(exit, Exit::Misconfigured);
        assert_eq!(service.connections()[0].audio_ms, 0);
    }
}
