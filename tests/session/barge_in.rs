//! Barge-in by voice and by button, in every phase, and audio deltas that arrive after the cut.

use std::time::Duration;

use mynah::conversation::Mode;
use serde_json::Value;

use super::{Device, PERIOD, after_one_turn, constant, count_samples, truncated_ms};
use crate::service::Step::{Expect, Wait};
use crate::service::{Behaviour, Service, Step, events};

/// The fade of a cut in frames: 5 ms.
const FADE: usize = 120;

/// Long enough to play some of a reply, and too short for all of it.
const SOME: Step = Wait(Duration::from_millis(400));

#[test]
fn speech_over_a_reply_cuts_it_and_truncates_the_item() {
    let steps = [
        after_one_turn(begun_reply("r1", "i1", 1000)),
        vec![SOME],
        events::sent([events::speech_started("u2", 3000)]),
        events::sent(events::reply_interrupted("r1", "i1")),
        vec![Expect("conversation.item.truncate")],
        events::sent([events::speech_stopped("u2", 3600), events::committed("u2")]),
        events::sent(events::reply("r2", "i2", "Sorry.", &constant(2000, 300))),
    ];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("time: reply heard", 2);
    let (_, speaker) = device.quit();
    assert_truncation_matches(&service, &speaker, "i1", 1000);
    assert_eq!(count_samples(&speaker, 2000), 7200, "the reply after the cut is played completely");
    assert_eq!(service.connections()[0].count("response.cancel"), 0, "the service cancels by itself");
}

#[test]
fn speech_after_response_done_cuts_the_queued_audio() {
    let whole = events::reply("r1", "i1", "A long story.", &constant(1000, 3000));
    let steps = [after_one_turn(whole), vec![SOME], events::sent(events::user_turn("u2"))];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("time: reply heard", 1);
    let (_, speaker) = device.quit();
    assert_truncation_matches(&service, &speaker, "i1", 1000);
}

#[test]
fn a_noise_over_a_reply_silences_it_and_costs_no_word() {
    // The reply has been received before the noise, or ends after it.
    let (begun, rest) = (
        [events::reply_begun("r1", "i1"), events::audio_deltas("r1", "i1", &constant(1000, 1000))].concat(),
        [events::audio_deltas("r1", "i1", &constant(1000, 1000)), events::reply_ended("r1", "i1", "Long.")]
            .concat(),
    );
    let noise = || events::sent([events::speech_started("u2", 3000), events::speech_stopped("u2", 3300)]);
    for (before, after) in [([begun.clone(), rest.clone()].concat(), vec![]), (begun, rest)] {
        let steps = [after_one_turn(before), vec![SOME], noise(), events::sent(after)];
        let service = Service::start([Behaviour::script(steps.concat())]);
        let device = Device::start(&service, Mode::Open);
        device.wait_for_line("speaking", 2);
        device.wait_for_line("listening", 3);
        let (_, speaker) = device.quit();
        let heard = count_samples(&speaker, 1000);
        // The fade-in of 5 ms has other values.
        assert!((48_000 - 120..=48_000).contains(&heard), "{heard} samples");
        let first = speaker.iter().position(|sample| *sample == 1000).unwrap();
        let last = speaker.iter().rposition(|sample| *sample == 1000).unwrap();
        let silent = speaker[first..last].iter().filter(|sample| **sample == 0).count();
        assert!(silent > 0, "{silent} silent samples");
        let story = service.connections()[0].story().join(" ");
        assert!(
            !story.contains("truncate") && !story.contains("delete") && !story.contains("cancel"),
            "{story}"
        );
    }
}

#[test]
fn a_press_over_a_reply_cuts_cancels_and_truncates() {
    let steps = [after_one_turn(begun_reply("r1", "i1", 1000)), vec![Expect("response.cancel")]];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("speaking", 1);
    device.press();
    let cancel = service.wait_for("response.cancel");
    let (_, speaker) = device.quit();
    assert_eq!(cancel["response_id"], "r1");
    if service.connections()[0].count("conversation.item.truncate") > 0 {
        assert_truncation_matches(&service, &speaker, "i1", 1000);
    }
    assert!(count_samples(&speaker, 1000) < 24_000);
}

#[test]
fn a_turn_cut_by_the_button_reports_all_its_timings() {
    let some_heard = events::sent([events::transcription_completed("u1", "Tell me.")]);
    let steps = [after_one_turn(begun_reply("r1", "i1", 1000)), vec![SOME], some_heard];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("you: Tell me.", 1);
    device.press();
    device.wait_for_line("time: ", 1);
    let lines = device.lines();
    device.quit();
    let times = lines.iter().find(|line| line.starts_with("time: ")).unwrap();
    assert!(times.contains("reply heard") && times.contains("after the interruption"), "{times}");
}

#[test]
fn deltas_after_the_cut_are_never_played() {
    let late = || events::audio_deltas("r1", "i1", &constant(3000, 600));
    let steps = [
        after_one_turn(begun_reply("r1", "i1", 1000)),
        vec![SOME],
        events::sent([events::speech_started("u2", 3000)]),
        events::sent(late()),
        events::sent(events::reply_interrupted("r1", "i1")),
        events::sent(late()),
        vec![Expect("conversation.item.truncate")],
        events::sent([events::speech_stopped("u2", 3600), events::committed("u2")]),
        events::sent(late()),
        events::sent(events::reply_begun("r2", "i2")),
        events::sent(late()),
        events::sent(events::audio_deltas("r2", "i2", &constant(2000, 300))),
        events::sent(late()),
        events::sent(events::reply_ended("r2", "i2", "Fine.")),
        events::sent(late()),
    ];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("time: reply heard", 2);
    let (_, speaker) = device.quit();
    assert_eq!(count_samples(&speaker, 3000), 0);
    assert_eq!(count_samples(&speaker, 2000), 7200);
    assert_truncation_matches(&service, &speaker, "i1", 1000);
    assert_eq!(service.connections()[0].count("conversation.item.delete"), 0);
}

#[test]
fn speech_before_a_reply_starts_discards_the_reply() {
    for begun in [vec![], events::reply_begun("r1", "i1")] {
        let steps = [
            after_one_turn(begun),
            events::sent([events::speech_started("u2", 3000)]),
            events::sent(events::audio_deltas("r1", "i1", &constant(3000, 400))),
            events::sent(events::reply_interrupted("r1", "i1")),
            events::sent([events::speech_stopped("u2", 3600), events::committed("u2")]),
            events::sent(events::reply("r2", "i2", "Fine.", &constant(2000, 200))),
        ];
        let service = Service::start([Behaviour::script(steps.concat())]);
        let device = Device::start(&service, Mode::Open);
        device.wait_for_line("time: reply heard", 1);
        let deleted = service.wait_for("conversation.item.delete");
        let (_, speaker) = device.quit();
        assert_eq!((count_samples(&speaker, 3000), count_samples(&speaker, 2000)), (0, 4800));
        assert_eq!(deleted["item_id"], "i1", "the service must not keep an item that was not played");
    }
}

#[test]
fn repeated_speech_started_while_listening_changes_nothing() {
    let steps = [
        events::opening(),
        events::sent([events::speech_started("u1", 0), events::speech_started("u1", 10)]),
    ];
    let after = [
        events::sent(events::user_turn("u1")),
        events::sent(events::reply("r1", "i1", "Yes.", &constant(1000, 200))),
    ];
    let service = Service::start([Behaviour::script([steps.concat(), after.concat()].concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("time: reply heard", 1);
    let (_, speaker) = device.quit();
    assert_eq!(count_samples(&speaker, 1000), 4800);
    assert_eq!(service.connections()[0].story(), ["session.update"]);
}

#[test]
fn a_minute_of_reply_in_one_burst_can_be_cut_at_once() {
    let burst =
        [events::reply_begun("r1", "i1"), events::audio_deltas("r1", "i1", &constant(1000, 60_000))].concat();
    let steps = [after_one_turn(burst), vec![SOME], events::sent(events::user_turn("u2"))];
    let service = Service::start([Behaviour::script(steps.concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("time: reply heard", 1);
    let (_, speaker) = device.quit();
    assert_truncation_matches(&service, &speaker, "i1", 1000);
    assert!(count_samples(&speaker, 1000) < 24_000 * 10, "the queued minute is not played");
}

/// A reply of 3 s that the service has not finished sending.
fn begun_reply(reply: &str, item: &str, value: i16) -> Vec<Value> {
    [events::reply_begun(reply, item), events::audio_deltas(reply, item, &constant(value, 3000))].concat()
}

/// Asserts that the reported `audio_end_ms` matches what was played within one period, and that the cut fades
/// out.
fn assert_truncation_matches(service: &Service, speaker: &[i16], item: &str, value: i16) {
    let reported = truncated_ms(service, item) as usize * 24;
    let played = count_samples(speaker, value);
    assert!(reported.abs_diff(played) <= PERIOD, "reported {reported} samples, played {played}");
    assert!(played > 0);
    let last = speaker.iter().rposition(|sample| *sample == value).unwrap();
    // The next reply may follow at once.
    let fade: Vec<i16> = speaker[last + 1..].iter().copied().take(FADE).collect();
    assert!(fade.windows(2).all(|pair| pair[0].abs() >= pair[1].abs()), "the cut fades: {fade:?}");
    assert!(fade[FADE - 1].abs() < 16, "to silence: {fade:?}");
}
