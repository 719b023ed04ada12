//! The conversation with an agent is resumed by its id, and repeated only if the service does not have it.

use std::time::Duration;

use mynah::config::{Endpoint, EndpointRequest};
use mynah::conversation::Mode;
use mynah::session::{ServiceEndpoint, ServiceOrigins};
use mynah::transport::Tls;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Device, constant};
use crate::service::Step::{Answer, Close, Expect, ExpectAudio, Send};
use crate::service::{Behaviour, Service, Step, events};

#[test]
fn a_lost_session_is_resumed_by_its_conversation_in_place_of_its_history() {
    let service = Service::start([session(first, true), session(first, true), session(second, false)]);
    let device = Device::with_endpoint(agent(&service), Mode::Open, None);
    service.until("three sessions", |all| all.iter().filter(|one| one.audio_ms >= 50).count() == 3);
    let (_, _) = device.quit();
    let all = service.connections();
    let resumed: Vec<bool> = all.iter().map(|one| one.uri.contains("&conversation-id=conv_1")).collect();
    assert_eq!(resumed, [false, true, true], "{:?}", all.iter().map(|one| &one.uri).collect::<Vec<_>>());
    assert!(all.iter().all(|one| one.uri.contains("agent-name=gardener&agent-project-name=garden")));
    assert!(all.iter().all(|one| !one.uri.contains("model=")));
    let repeated: Vec<usize> = all.iter().map(|one| one.count("conversation.item.create")).collect();
    assert_eq!(repeated[..2], [0, 0], "the service has the history of conv_1");
    assert!(repeated[2] > 0, "the service does not have it in conv_2: {repeated:?}");
}

#[test]
fn the_conversation_is_kept_for_the_next_start_with_the_same_agent() {
    let service = Service::start([session(first, false)]);
    let start =
        |folder, name| Device::at_rate(folder, agent_called(&service, name), Mode::Open, None, 24_000);
    let mut folder = TempDir::new().unwrap();
    for (number, (name, is_resumed)) in
        [("gardener", false), ("gardener", true), ("cook", false)].into_iter().enumerate()
    {
        let device = start(folder, name);
        service.until("a session", |all| all.get(number).is_some_and(|one| one.audio_ms >= 50));
        folder = device.quit_keeping_files();
        let uri = &service.connections()[number].uri;
        assert_eq!(uri.contains("conversation-id=conv_1"), is_resumed, "{number}: {uri}");
    }
    let saved = std::fs::read_to_string(folder.path().join("state.toml")).unwrap();
    assert!(saved.contains("conversation = \"conv_1\"\n"), "{saved}");
}

#[test]
fn a_conversation_that_the_service_refuses_is_given_up() {
    let service = Service::start([
        session(first, true),
        Behaviour::refuse(404, r#"{"error": {"message": "no such conversation"}}"#),
        session(second, false),
    ]);
    let device = Device::with_endpoint(agent(&service), Mode::Open, None);
    service.until("another session", |all| all.get(2).is_some_and(|one| one.audio_ms >= 50));
    let (_, _) = device.quit();
    let all = service.connections();
    let resumed: Vec<bool> = all.iter().map(|one| one.uri.contains("conversation-id=")).collect();
    assert_eq!(resumed, [false, true, false]);
}

/// A session of one turn, which the service ends if it `closes`.
fn session(updated: fn(&Value) -> Value, closes: bool) -> Behaviour {
    let mut turn = events::user_turn("u1");
    turn.push(events::transcription_completed("u1", "Hello."));
    turn.extend(events::reply("r1", "i1", "Yes.", &constant(1000, 100)));
    let mut steps = vec![Send(events::session_created()), Expect("session.update"), Answer(updated)];
    steps.push(ExpectAudio(50));
    if closes {
        steps.extend(events::sent(turn));
        steps.extend([Step::Wait(Duration::from_millis(600)), Close(1001, "session expired")]);
    }
    Behaviour::script(steps)
}

fn first(update: &Value) -> Value {
    with_conversation(update, "conv_1")
}

fn second(update: &Value) -> Value {
    with_conversation(update, "conv_2")
}

fn with_conversation(update: &Value, id: &str) -> Value {
    let mut updated = events::session_updated(update);
    updated["session"]["agent"] =
        json!({"type": "agent", "name": "gardener", "agent_id": "gardener:3", "thread_id": id});
    updated
}

fn agent(service: &Service) -> ServiceEndpoint {
    agent_called(service, "gardener")
}

fn agent_called(service: &Service, name: &str) -> ServiceEndpoint {
    let query = [("api-version", "2026-07-15"), ("agent-name", name), ("agent-project-name", "garden")];
    ServiceEndpoint::Remote {
        endpoint: Endpoint::with(
            &service.url(),
            &EndpointRequest { query: &query, ..EndpointRequest::default() },
        )
        .unwrap(),
        proxy: None,
        tls: Tls::new(Some(service.ca_file())).unwrap(),
        origins: ServiceOrigins::default(),
    }
}
