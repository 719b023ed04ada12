//! The end of a session's time, and messages of an earlier session.

use mynah::parrot::ParrotConfig;
use serde_json::json;
use std::time::Duration;

use super::Client;

#[test]
fn an_expired_session_sends_one_error_and_nothing_more() {
    let mut client = Client::configured(
        ParrotConfig { life: Duration::from_secs(3), ..ParrotConfig::default() },
        json!({}),
    );
    client.send_speech(500);
    client.send_silence(700);
    client.wait(3000);
    let error = client.received.last().unwrap().1.clone();
    assert_eq!((&error["type"], &error["error"]["code"]), (&json!("error"), &json!("session_expired")));
    assert_eq!(client.received.last().unwrap().0, 3000);
    assert!(client.parrot.has_ended());
    client.discard_received();
    client.send_speech(500);
    assert_eq!(client.event_types(), [""; 0]);
    assert_eq!(client.parrot.deadline(), None);
}

#[test]
fn a_reply_quotes_the_restored_messages() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    for (role, kind, text) in
        [("user", "input_text", "What is the time?"), ("assistant", "text", "It is noon.")]
    {
        let content = json!([{"type": kind, "text": text}]);
        let item = json!({"type": "message", "role": role, "status": "incomplete", "content": content});
        client.send(json!({"type": "conversation.item.create", "item": item}));
    }
    assert_eq!(client.event_types(), ["conversation.item.created", "conversation.item.created"]);
    client.send_speech(500);
    client.send_silence(700);
    client.wait(3000);
    let words = client.nth("response.audio_transcript.done", 0)["transcript"].as_str().unwrap().to_owned();
    assert!(words.ends_with("Before, somebody said: It is noon."), "{words}");
}
