//! Conversations with servers of OpenAI's dialect, what they lack, and a server that speaks another dialect than expected.

use std::time::Duration;

use mynah::config::{Endpoint, EndpointRequest};
use mynah::conversation::{Exit, Mode};
use mynah::model::Dialect;
use mynah::parrot::ParrotConfig;
use mynah::session::{ServiceEndpoint, ServiceOrigins};
use mynah::transport::Tls;
use serde_json::json;

use super::{Device, KEY, constant};
use crate::service::Step::{Answer, Expect, ExpectAudio, Send};
use crate::service::{Behaviour, Connection, GaQuirks, NullTurns, Service, events};

const OPENAI: &str = "/v1/realtime";
const AZURE_OPENAI: &str = "/openai/v1/realtime";
const VOICE_LIVE: &str = "/voice-live/realtime";

#[test]
fn a_conversation_is_held_with_an_openai_server() {
    converse(OPENAI, GaQuirks::default());
}

#[test]
fn a_conversation_is_held_with_an_azure_openai_server() {
    converse(AZURE_OPENAI, GaQuirks::default());
}

#[test]
fn a_conversation_is_held_with_a_server_that_confirms_no_truncation() {
    converse(OPENAI, GaQuirks { confirms_no_truncation: true, ..GaQuirks::default() });
}

#[test]
fn a_conversation_is_held_with_an_openai_server_at_an_address_of_voice_live() {
    converse(VOICE_LIVE, GaQuirks::default());
}

#[test]
fn a_server_without_session_created_is_found_out_by_its_error() {
    let quirks = GaQuirks { omits_session_created: true, ..GaQuirks::default() };
    let service = ga(quirks, ParrotConfig::default());
    let device = Device::with_endpoint(remote(&service, VOICE_LIVE, None), Mode::Open, None);
    device.wait_for_line("listening", 1);
    let (told, (exit, _)) = (notices(&device), device.quit());
    let one = &service.connections()[0];
    assert_eq!((exit, service.connections().len(), one.count("session.update")), (Exit::Requested, 1, 2));
    assert_eq!(shapes(one), [false, true], "flat as the address says, then nested");
    assert_eq!(count(&told, "nested session object, as openai has"), 1, "{told:?}");
}

#[test]
fn a_dialect_that_is_set_and_not_spoken_is_told_and_exits() {
    let nested = || ga(GaQuirks::default(), ParrotConfig::default());
    let flat = || Service::start_plain([Behaviour::Parrot(ParrotConfig::default())]);
    for (service, path, dialect, told) in [
        (
            nested(),
            VOICE_LIVE,
            Dialect::VoiceLive,
            "dialect is voice-live, and the service has a nested session object",
        ),
        (flat(), OPENAI, Dialect::OpenAi, "dialect is openai, and the service has a flat session object"),
        (
            flat(),
            AZURE_OPENAI,
            Dialect::AzureOpenAi,
            "dialect is azure-openai, and the service has a flat session object",
        ),
    ] {
        let device = Device::with_endpoint(remote(&service, path, Some(dialect)), Mode::Open, None);
        device.wait_for_line("notice: ", 1);
        let lines = notices(&device);
        let (exit, _) = device.wait_for_exit();
        assert_eq!((exit, service.connections().len()), (Exit::Misconfigured, 1));
        assert_eq!(count(&lines, told), 1, "{lines:?}");
        assert_eq!(count(&lines, "; dialect is from dialect; exiting; correct or remove it"), 1, "{lines:?}");
    }
}

#[test]
fn openais_flat_shape_of_before_is_spoken_to_a_server_that_has_it() {
    let service = Service::start_plain([Behaviour::Parrot(ParrotConfig::default())]);
    let device = Device::with_endpoint(remote(&service, OPENAI, None), Mode::Open, None);
    device.wait_for_line("listening", 1);
    let (exit, _) = device.quit();
    let one = &service.connections()[0];
    assert_eq!((exit, shapes(one)), (Exit::Requested, vec![false]));
    let session = &one.received.iter().find(|event| event["type"] == "session.update").unwrap()["session"];
    assert_eq!(session["voice"], "alloy");
    assert_eq!(session.get("input_audio_echo_cancellation"), None);
}

#[test]
fn a_later_version_of_voice_live_may_have_the_nested_shape() {
    let created = json!({"session": {"type": "realtime", "id": "s", "audio": {}}});
    let opening = vec![
        Send(events::event("session.created", created)),
        Expect("session.update"),
        Answer(events::session_updated),
        ExpectAudio(50),
    ];
    let service = Service::start_plain([Behaviour::script(opening)]);
    let path = format!("{VOICE_LIVE}?api-version=v1");
    let device = Device::with_endpoint(remote(&service, &path, Some(Dialect::VoiceLive)), Mode::Open, None);
    device.wait_for_line("listening", 1);
    let (exit, _) = device.quit();
    let update = service.wait_for("session.update");
    assert_eq!((exit, service.connections()[0].header("api-key")), (Exit::Requested, Some(KEY)));
    assert_eq!(update["session"]["audio"]["output"]["voice"], json!({"type": "openai", "name": "alloy"}));
}

#[test]
fn an_event_that_the_server_does_not_know_is_not_sent_again() {
    for echoes_no_id in [false, true] {
        let quirks =
            GaQuirks { unknown_events: &["input_audio_buffer.clear"], echoes_no_id, ..GaQuirks::default() };
        let service = ga(quirks, ParrotConfig { life: Duration::from_secs(4), ..ParrotConfig::default() });
        let device = Device::with_endpoint(remote(&service, OPENAI, None), Mode::Hold, None);
        device.wait_for_line("idle", 1);
        // Too short for a turn: it is cleared.
        device.press();
        device.press();
        device.wait_for_line("notice: the service does not know input_audio_buffer.clear", 1);
        let sent =
            || service.connections().iter().map(|one| one.count("input_audio_buffer.clear")).sum::<usize>();
        let before = sent();
        device.press();
        device.press();
        device.wait_for_line("notice: the button was pressed too briefly", 2);
        service.until("the next session", |all| all.len() == 2 && all[1].count("session.update") == 1);
        device.wait_for_line("idle", 4);
        device.press();
        device.press();
        device.wait_for_line("notice: the button was pressed too briefly", 3);
        let (told, (exit, _)) = (notices(&device), device.quit());
        assert_eq!(exit, Exit::Requested);
        assert_eq!(count(&told, "does not know input_audio_buffer.clear"), 1, "{told:?}");
        assert!((1..=2).contains(&before), "{before}");
        assert_eq!(sent(), before, "echoes no id: {echoes_no_id}");
    }
}

#[test]
fn a_field_that_the_server_does_not_know_is_left_out_from_then_on() {
    let quirks = GaQuirks { unknown_fields: &["audio.input.transcription"], ..GaQuirks::default() };
    let service = ga(quirks, ParrotConfig { life: Duration::from_secs(2), ..ParrotConfig::default() });
    let device = Device::with_endpoint(remote(&service, OPENAI, None), Mode::Open, None);
    service.until("the next session", |all| all.len() == 2 && all[1].audio_ms > 50);
    let (told, (exit, _)) = (notices(&device), device.quit());
    let all = service.connections();
    let updates: Vec<usize> = all.iter().take(2).map(|one| one.count("session.update")).collect();
    assert_eq!((exit, updates), (Exit::Requested, vec![2, 1]));
    assert_eq!(count(&told, "does not know the field audio.input.transcription"), 1, "{told:?}");
}

#[test]
fn push_to_talk_works_with_a_server_that_keeps_its_turns_if_it_answers_on_request() {
    for null_turns in [NullTurns::Taken, NullTurns::Refused, NullTurns::Kept, NullTurns::Ignored] {
        let service = ga(GaQuirks { null_turns, ..GaQuirks::default() }, ParrotConfig::default());
        let speech = [tone(1500), constant(0, 20_000)].concat();
        let device = Device::with_endpoint(remote(&service, OPENAI, None), Mode::Hold, Some(&speech));
        device.wait_for_line("idle", 1);
        device.press();
        service.until("speech", |all| all[0].audio_ms > 1200);
        device.press();
        device.wait_for_line("mynah: ", 1);
        let (told, (exit, _)) = (notices(&device), device.quit());
        let one = &service.connections()[0];
        assert_eq!((exit, one.count("response.create")), (Exit::Requested, 1), "{null_turns:?}");
        let is_learned = null_turns != NullTurns::Taken;
        assert_eq!(count(&told, "detects turns itself"), usize::from(is_learned), "{null_turns:?}: {told:?}");
        let updates = one.received.iter().filter(|event| event["type"] == "session.update");
        let asked: Vec<bool> =
            updates.map(|event| event["session"]["audio"]["input"]["turn_detection"].is_null()).collect();
        assert_eq!(asked, if is_learned { vec![true, false] } else { vec![true] }, "{null_turns:?}");
    }
}

#[test]
fn push_to_talk_with_a_server_that_answers_unasked_is_refused_or_told() {
    for null_turns in [NullTurns::Kept, NullTurns::Ignored] {
        let says_so = null_turns == NullTurns::Kept;
        let quirks = GaQuirks { null_turns, answers_unasked: true, ..GaQuirks::default() };
        let service = ga(quirks, ParrotConfig::default());
        let turn = || [tone(800), constant(0, 1500)].concat();
        let speech = [turn(), turn(), turn(), constant(0, 20_000)].concat();
        let device = Device::with_endpoint(remote(&service, OPENAI, None), Mode::Hold, Some(&speech));
        if says_so {
            device.wait_for_line("notice: the service rejects a setting", 1);
        } else {
            device.wait_for_line("idle", 1);
            device.press();
            device.wait_for_line("notice: the service answers without being asked", 1);
        }
        let lines = notices(&device);
        let (exit, _) = if says_so { device.wait_for_exit() } else { device.quit() };
        let expected = if says_so { Exit::Misconfigured } else { Exit::Requested };
        assert_eq!((exit, service.connections().len()), (expected, 1), "{null_turns:?}");
        let told = if says_so {
            "the mode hold cannot be used with it: set mode to open or tap"
        } else {
            "the modes open and tap fit it"
        };
        assert_eq!(count(&lines, told), 1, "{lines:?}");
    }
}

/// Speaks, interrupts the reply by voice, and hears the next reply, at this path.
fn converse(path: &str, quirks: GaQuirks) {
    let service = ga(quirks, ParrotConfig { pace: 0, ..ParrotConfig::default() });
    let speech = [tone(3000), constant(0, 1600), tone(1000), constant(0, 3500)].concat();
    let device = Device::with_endpoint(remote(&service, path, None), Mode::Open, Some(&speech));
    device.wait_for_line("mynah: ", 2);
    device.wait_for_line("time: ", 2);
    let (told, (exit, speaker)) = (notices(&device), device.wait_for_exit());
    let all = service.connections();
    let [one] = &all[..] else { panic!("one connection: {}", all.len()) };
    assert_eq!(exit, Exit::Requested);
    let has_other_address = path == VOICE_LIVE;
    assert_eq!(told.len(), usize::from(has_other_address), "{told:?}");
    assert_eq!(count(&told, "set dialect to openai if that is right"), told.len(), "{told:?}");
    let credential =
        if path == OPENAI { ("authorization", format!("Bearer {KEY}")) } else { ("api-key", KEY.to_owned()) };
    assert_eq!(one.header(credential.0), Some(&*credential.1));
    let other = if path == OPENAI { "api-key" } else { "authorization" };
    assert_eq!((one.header(other), one.header("openai-beta")), (None, None));
    let query =
        if has_other_address { "api-version=2026-07-15&model=gpt-realtime" } else { "model=gpt-realtime" };
    assert_eq!(one.uri, format!("{path}?{query}"));
    assert_eq!(shapes(one), [true], "configured once, in the nested shape");
    assert_eq!(one.story(), ["session.update", "conversation.item.truncate"], "the server cancels by itself");
    let heard_ms = one.received.iter().find_map(|event| event["audio_end_ms"].as_u64()).unwrap();
    assert!((100..3000).contains(&heard_ms), "{heard_ms} ms of the first reply were heard");
    assert!(speaker.iter().any(|sample| *sample != 0));
}

fn ga(quirks: GaQuirks, config: ParrotConfig) -> Service {
    Service::start_plain([Behaviour::Ga(config, quirks)])
}

fn remote(service: &Service, path: &str, dialect: Option<Dialect>) -> ServiceEndpoint {
    let request = EndpointRequest {
        query: &[("api-version", "2026-07-15"), ("model", "gpt-realtime")],
        dialect,
        ..EndpointRequest::default()
    };
    ServiceEndpoint::Remote {
        endpoint: Endpoint::with(&format!("{}{path}", service.url()), &request).unwrap(),
        proxy: None,
        tls: Tls::new(None).unwrap(),
        origins: ServiceOrigins::default(),
    }
}

/// Returns of each configuration whether it was in the nested shape.
fn shapes(connection: &Connection) -> Vec<bool> {
    let updates = connection.received.iter().filter(|event| event["type"] == "session.update");
    updates.map(|event| event["session"]["type"] == "realtime").collect()
}

/// Returns `ms` milliseconds of a loud square wave of 200 Hz.
fn tone(ms: usize) -> Vec<i16> {
    (0..ms * 24).map(|at| if at / 60 % 2 == 0 { 9000 } else { -9000 }).collect()
}

fn notices(device: &Device) -> Vec<String> {
    device.lines().into_iter().filter(|line| line.starts_with("notice: ")).collect()
}

fn count(lines: &[String], text: &str) -> usize {
    lines.iter().filter(|line| line.contains(text)).count()
}
