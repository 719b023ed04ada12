//! What the speaker plays, sent with the microphone for the service's echo cancellation: to services that take it, that
//! do not, and that are lost.

use mynah::conversation::{Exit, Mode};
use serde_json::{Value, json};

use super::turns::appended_samples;
use super::{Device, KEY};
use crate::service::Step::{Answer, Expect, ExpectAudio, Reset, Send};
use crate::service::{Behaviour, Connection, Service, Step, events};

/// The feature in the address.
const FEATURE: &str = "&features=client_ec_reference:true";

#[test]
fn a_service_that_takes_the_reference_gets_pairs_and_is_asked_for_them_in_address_and_session() {
    let opening = [events::opening(), vec![ExpectAudio(2000)]].concat();
    let service = Service::start([Behaviour::script(opening)]);
    let speech = speech();
    let device = Device::with_reference(&service, Mode::Open, &speech);
    service.until("sound", |all| all.iter().any(|one| one.audio_ms >= 2000));
    let told = notices(&device);
    let (exit, _) = device.quit();
    let one = &service.connections()[0];
    assert_eq!((exit, told), (Exit::Requested, Vec::<String>::new()));
    assert!(one.uri.ends_with(FEATURE), "{}", one.uri);
    assert_eq!(asked(one), [pairs()]);
    let (microphone, reference) = channels(one);
    assert_follows(&microphone, &speech);
    assert!(reference.iter().all(|sample| *sample == 0), "nothing was played");
    assert_eq!(one.header("api-key"), Some(KEY));
}

#[test]
fn a_service_that_refuses_the_reference_gets_the_microphone_in_the_same_session_and_it_is_told_once() {
    let of_channels = "session.input_audio_echo_cancellation.channels";
    for (code, param, message) in [
        ("invalid_ec_channels_requires_client", of_channels, "Not here."),
        ("invalid_ec_reference_channels", of_channels, "Not here."),
        ("unknown_parameter", "session.input_audio_echo_cancellation.reference_source", "Unknown."),
        ("invalid_value", "", "The feature client_ec_reference is not enabled."),
    ] {
        let error =
            json!({"type": "invalid_request_error", "code": code, "param": param, "message": message});
        let refusal = events::event("error", json!({"error": error}));
        let script = [
            Send(events::session_created()),
            Expect("session.update"),
            Send(refusal),
            Expect("session.update"),
            Answer(events::session_updated),
            ExpectAudio(1000),
        ];
        let service = Service::start([Behaviour::script(script)]);
        assert_is_replaced(&service, code);
    }
}

#[test]
fn a_session_that_comes_back_without_the_reference_gets_the_microphone() {
    for changed in [one_channel as fn(&Value) -> Value, nothing_of_it] {
        let script = [
            Send(events::session_created()),
            Expect("session.update"),
            Answer(changed),
            Expect("session.update"),
            Answer(events::session_updated),
            ExpectAudio(1000),
        ];
        let service = Service::start([Behaviour::script(script)]);
        assert_is_replaced(&service, "another session");
    }
}

#[test]
fn an_address_that_is_refused_with_the_feature_is_dialled_without_it() {
    let bad = || Behaviour::refuse(400, r#"{"error":{"message":"Unknown feature."}}"#);
    let service = Service::start([bad(), Behaviour::script(opening_with_audio())]);
    let speech = speech();
    let device = Device::with_reference(&service, Mode::Open, &speech);
    service.until("sound", |all| all.len() == 2 && all[1].audio_ms >= 1000);
    let told = notices(&device);
    let (exit, _) = device.quit();
    let [first, second] = &service.connections()[..] else { panic!("two connections") };
    assert_eq!((exit, told.len()), (Exit::Requested, 1), "{told:?}");
    assert!(told[0].contains("HTTP 400") && told[0].contains("echo_cancellation = \"client\""), "{told:?}");
    assert!(first.uri.ends_with(FEATURE) && !second.uri.contains("features"), "{}", second.uri);
    assert_eq!(asked(second), [service_alone()]);
    assert_follows(&appended_samples(second), &speech);
    // It may be refused for another reason.
    let service = Service::start([bad(), bad()]);
    let device = Device::with_reference(&service, Mode::Open, &speech);
    let (exit, _) = device.wait_for_exit();
    assert_eq!((exit, service.connections().len()), (Exit::Misconfigured, 2));
}

#[test]
fn speech_that_was_sent_as_pairs_is_sent_again_as_the_next_session_takes_it() {
    let lost = [events::opening(), vec![ExpectAudio(1000), Reset]].concat();
    let refusing = [
        Send(events::session_created()),
        Expect("session.update"),
        Answer(one_channel),
        Expect("session.update"),
        Answer(events::session_updated),
        ExpectAudio(1000),
    ];
    for (next, takes_reference) in [(opening_with_audio(), true), (refusing.to_vec(), false)] {
        let service = Service::start([Behaviour::script(lost.clone()), Behaviour::script(next)]);
        let speech = speech();
        let device = Device::with_reference(&service, Mode::Open, &speech);
        service.until("sound", |all| all.len() == 2 && all[1].audio_ms >= 1000);
        let (_, _) = device.quit();
        let [first, second] = &service.connections()[..] else { panic!("two connections") };
        let (before, _) = channels(first);
        let after = if takes_reference { channels(second).0 } else { appended_samples(second) };
        assert_follows(&before, &speech);
        let from = speech.windows(1000).position(|part| after.starts_with(part)).expect("it goes on");
        assert!(from < before.len(), "{from} after {}: nothing is missing between", before.len());
        assert!(speech[from..].starts_with(&after[..12_000]), "takes the reference: {takes_reference}");
    }
}

#[test]
fn a_reference_that_is_lost_leads_to_another_session_without_it() {
    let service = Service::start([
        Behaviour::script(opening_with_audio()),
        Behaviour::script([events::opening(), vec![ExpectAudio(500)]].concat()),
    ]);
    let speech = speech();
    let device = Device::with_reference(&service, Mode::Open, &speech);
    service.until("sound", |all| all.iter().any(|one| one.audio_ms >= 1000));
    device.lose_reference();
    service.until("sound in another session", |all| all.len() == 2 && all[1].audio_ms >= 500);
    let told = notices(&device);
    let (exit, _) = device.quit();
    let [first, second] = &service.connections()[..] else { panic!("two connections") };
    assert_eq!((exit, told.len()), (Exit::Requested, 1), "{told:?}");
    assert!(told[0].contains("a device's times do not advance"), "{told:?}");
    assert_eq!(first.close, Some((1000, String::new())), "it was replaced, and not lost");
    assert_eq!((asked(first), asked(second)), (vec![pairs()], vec![service_alone()]));
    assert!(!second.uri.contains("features"), "{}", second.uri);
    let sent = appended_samples(second);
    let from = speech.windows(1000).position(|part| sent.starts_with(part)).expect("the microphone alone");
    assert!(speech[from..].starts_with(&sent[..6_000]));
}

/// Asserts that the second configuration of the only session asks for no reference, and that the session gets the
/// microphone alone.
fn assert_is_replaced(service: &Service, why: &str) {
    let speech = speech();
    let device = Device::with_reference(service, Mode::Open, &speech);
    service.until("sound", |all| all.iter().any(|one| one.audio_ms >= 1000));
    let told = notices(&device);
    let (exit, _) = device.quit();
    let one = &service.connections()[0];
    assert_eq!((exit, service.connections().len()), (Exit::Requested, 1), "{why}");
    assert_eq!(asked(one), [pairs(), service_alone()], "{why}");
    assert_follows(&appended_samples(one), &speech);
    assert_eq!(told.len(), 1, "{why}: {told:?}");
    assert!(told[0].contains("echo_cancellation = \"client\""), "{told:?}");
}

/// Asserts that `sent` is `speech` from its beginning: no sample is zero, and no two stretches are equal.
fn assert_follows(sent: &[i16], speech: &[i16]) {
    let from = sent.iter().position(|sample| *sample != 0).expect("speech was sent");
    let count = (sent.len() - from).min(speech.len());
    assert!(count > 10_000, "{count} samples");
    assert_eq!(sent[from..from + count], speech[..count]);
}

/// Returns the echo cancellation of each `session.update`.
fn asked(one: &Connection) -> Vec<Value> {
    let updates = one.received.iter().filter(|event| event["type"] == "session.update");
    updates.map(|event| event["session"]["input_audio_echo_cancellation"].clone()).collect()
}

/// Returns the two channels of what was appended.
fn channels(one: &Connection) -> (Vec<i16>, Vec<i16>) {
    appended_samples(one).chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip()
}

fn pairs() -> Value {
    json!({"type": "server_echo_cancellation", "reference_source": "client", "channels": 2})
}

fn service_alone() -> Value {
    json!({"type": "server_echo_cancellation"})
}

/// Answers as a service that changes what it is asked for.
fn one_channel(update: &Value) -> Value {
    let mut answer = events::session_updated(update);
    answer["session"]["input_audio_echo_cancellation"]["channels"] = json!(1);
    answer
}

/// Answers as a service that knows neither field.
fn nothing_of_it(update: &Value) -> Value {
    let mut answer = events::session_updated(update);
    answer["session"]["input_audio_echo_cancellation"] = service_alone();
    answer
}

fn opening_with_audio() -> Vec<Step> {
    [events::opening(), vec![ExpectAudio(1000)]].concat()
}

fn notices(device: &Device) -> Vec<String> {
    device.lines().into_iter().filter(|line| line.starts_with("notice: ")).collect()
}

fn speech() -> Vec<i16> {
    (0..24_000 * 8u64).map(|n| ((n * n * 31 + n * 7919) % 31_991 + 1) as i16).collect()
}
