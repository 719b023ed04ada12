//! Tests of the scripted service itself, with a plain client over TLS.

use super::Step::{Answer, Close, Expect, ExpectAudio, HangUp, Reset, Send, SendRaw, Silence, Wait};
use super::{Behaviour, Service, events};
use futures_util::{SinkExt, StreamExt};
use mynah::parrot::ParrotConfig;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

type Client = WebSocketStream<TlsStream<TcpStream>>;

#[tokio::test]
async fn a_script_is_executed_and_client_events_are_recorded() {
    let service = Service::start([Behaviour::script([
        Send(events::session_created()),
        Expect("session.update"),
        Answer(events::session_updated),
        ExpectAudio(20),
        SendRaw(Message::binary(vec![1, 2, 3])),
        SendRaw(Message::Ping(vec![9].into())),
        Wait(Duration::from_millis(1)),
        Close(1011, "tired"),
    ])]);
    let mut client = connect(&service).await.unwrap();
    send(&mut client, json!({"type": "session.update", "session": {"instructions": "Hm."}})).await;
    assert_eq!(next_event(&mut client).await["type"], "session.created");
    assert_eq!(next_event(&mut client).await["session"]["instructions"], "Hm.");
    for _ in 0..2 {
        send(&mut client, json!({"type": "input_audio_buffer.append", "audio": "A".repeat(640)})).await;
    }
    assert_eq!(next(&mut client).await.unwrap(), Message::binary(vec![1, 2, 3]));
    assert!(next(&mut client).await.unwrap().is_ping());
    let Message::Close(Some(frame)) = next(&mut client).await.unwrap() else { panic!("no close frame") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1011, "tired"));
    assert!(next(&mut client).await.is_err());

    service.until("the end", |all| all[0].is_over);
    let [connection] = &service.connections()[..] else { panic!("one connection") };
    assert_eq!(connection.uri, "/voice-live/realtime?model=m");
    assert_eq!(connection.header("api-key"), Some("secret"));
    assert_eq!(connection.story(), ["session.update"]);
    assert_eq!((connection.audio_ms, service.received().len()), (20, 3));
    assert_eq!(connection.close.as_ref().map(|(code, _)| *code), Some(1011));
    assert!(connection.frames.contains(&"pong"));
}

#[tokio::test]
async fn behaviours_apply_in_order_and_the_last_one_repeats() {
    let location = ("location", "https://localhost:1/".to_owned());
    let service = Service::start([
        Behaviour::refuse(401, r#"{"error":{"code":"PermissionDenied"}}"#),
        Behaviour::Refuse { status: 307, headers: vec![location], body: String::new() },
        Behaviour::Parrot(ParrotConfig::default()),
    ]);
    for status in [401, 307] {
        let Err(Error::Http(response)) = connect(&service).await else { panic!("the upgrade succeeded") };
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("location"), status == 307);
    }
    for _ in 0..2 {
        let mut client = connect(&service).await.unwrap();
        assert_eq!(next_event(&mut client).await["type"], "session.created");
    }
    assert_eq!(service.connections().len(), 4);
}

#[tokio::test]
async fn a_connection_can_be_reset_closed_or_silent() {
    let service = Service::start([
        Behaviour::script([Reset]),
        Behaviour::script([HangUp]),
        Behaviour::script([Silence]),
    ]);
    for _ in 0..2 {
        let mut client = connect(&service).await.unwrap();
        assert!(matches!(next(&mut client).await, Err(Error::Io(_) | Error::Protocol(_))));
    }
    let mut client = connect(&service).await.unwrap();
    client.send(Message::Ping(vec![1].into())).await.unwrap();
    assert!(timeout(Duration::from_millis(300), client.next()).await.is_err(), "a pong arrived");
    drop(client);
    service.until("the third to leave", |all| all.len() == 3 && all[2].is_over);
}

#[tokio::test]
async fn the_parrot_replies_over_tls_in_real_time() {
    let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
    let mut client = connect(&service).await.unwrap();
    let greeting =
        json!({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello."}]});
    let create =
        json!({"type": "response.create", "response": {"pre_generated_assistant_message": greeting}});
    send(&mut client, create).await;
    let mut audio = 0;
    loop {
        let event = next_event(&mut client).await;
        audio += event["type"].as_str().map_or(0, |kind| usize::from(kind == "response.audio.delta"));
        if event["type"] == "response.done" {
            break;
        }
    }
    assert_eq!(audio, 2);
    service.until("the reply on record", |all| all[0].items.len() == 1);
    client.close(None).await.unwrap();
    service.until("the end", |all| all[0].is_over);
    assert_eq!(service.wait_for("response.create")["type"], "response.create");
}

#[test]
#[should_panic(expected = "expected session.update, but the client closed")]
fn a_client_that_does_not_follow_the_script_fails_the_test() {
    let service = Service::start([Behaviour::script([Expect("session.update")])]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        drop(connect(&service).await.unwrap());
    });
    service.until("the end", |all| all[0].is_over);
}

#[tokio::test]
async fn a_script_runs_without_tls() {
    let service = Service::start_plain([Behaviour::script([Send(events::session_created())])]);
    let tcp = TcpStream::connect(("127.0.0.1", service.port)).await.unwrap();
    let (mut client, _) = client_async(format!("{}/x", service.url()), tcp).await.unwrap();
    assert!(client.next().await.unwrap().unwrap().is_text());
}

#[test]
fn a_complete_reply_has_the_events_of_the_protocol_in_order() {
    let types: Vec<Value> = events::reply("resp_1", "item_1", "Hm.", &[0; 4801])
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    let expected = [
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio_transcript.delta",
        "response.audio.delta",
        "response.audio.delta",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(types, expected);
}

async fn connect(service: &Service) -> Result<Client, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(service.ca_file()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", service.port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let mut request =
        IntoClientRequest::into_client_request(format!("{}/voice-live/realtime?model=m", service.url()))?;
    request.headers_mut().insert("api-key", "secret".parse().unwrap());
    client_async(request, tls).await.map(|(client, _)| client)
}

async fn send(client: &mut Client, event: Value) {
    client.send(Message::text(event.to_string())).await.unwrap();
}

async fn next(client: &mut Client) -> Result<Message, Error> {
    timeout(super::WAIT_LIMIT, client.next()).await.unwrap().unwrap_or(Err(Error::ConnectionClosed))
}

/// Returns the next message as an event.
async fn next_event(client: &mut Client) -> Value {
    serde_json::from_str(next(client).await.unwrap().to_text().unwrap()).unwrap()
}
