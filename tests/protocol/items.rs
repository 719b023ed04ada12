//! What events say about items, in every shape that services send.

use mynah::protocol::{ItemBody, ItemEvent, Role, ServerItem, item_event};
use serde_json::json;

use super::{SERVER, SERVER_GA};

#[test]
fn the_examples_say_this_about_items() {
    let said: Vec<String> = SERVER.lines().chain(SERVER_GA.lines()).filter_map(summary).collect();
    let expected = [
        "item u7Lh20Qe9ZbT",
        "item u7Lh20Qe9ZbT",
        "item u7Lh20Qe9ZbT: User ''",
        "item u7Lh20Qe9ZbT: User ''",
        "User of u7Lh20Qe9ZbT: + 'Set a timer'",
        "User of u7Lh20Qe9ZbT: 'Set a timer for ten minutes.'",
        "u7Lh20Qe9ZbT has no words",
        "item a1Vx88KmP0sD: Assistant",
        "Assistant of a1Vx88KmP0sD: + 'Your timer'",
        "a1Vx88KmP0sD from 120 for 260 ms: 'timer'",
        "no more audio of a1Vx88KmP0sD",
        "Assistant of a1Vx88KmP0sD: 'Your timer is set for ten minutes.'",
        "Assistant of a1Vx88KmP0sD: 'Your timer is set for ten minutes.'",
        "item a1Vx88KmP0sD, whole: Assistant 'Your timer is set for ten minutes.'",
        "done: item a1Vx88KmP0sD, whole: Assistant 'Your timer is set for ten minutes.'",
        "cut: item a1Vx88KmP0sD, cut: Assistant 'Your timer is'",
        "a1Vx88KmP0sD ends at 840 ms",
        "item f4Rb31WcN6tG: call set_timer",
    ];
    assert_eq!(said[..expected.len()], expected);
    assert!(said[expected.len()..].iter().any(|line| line.starts_with("Assistant of")), "{said:?}");
}

#[test]
fn a_bad_field_costs_only_itself() {
    let item = |item: &str| summary(&format!(r#"{{"type":"conversation.item.created","item":{item}}}"#));
    for (body, expected) in [
        (r#"{"id":"i"}"#, Some("item i")),
        (r#"{"id":"i","type":"message","role":"tool"}"#, Some("item i: created")),
        (r#"{"id":"i","type":"message","role":"user","content":7}"#, Some("item i: User")),
        (
            r#"{"id":"i","type":"message","role":"user","content":[7,{"type":"input_audio"}]}"#,
            Some("item i: User ''"),
        ),
        (
            r#"{"id":"i","type":"message","role":"user","content":[{"type":"input_audio","transcript":"a\ud83d"}]}"#,
            Some("item i: User 'a\u{fffd}'"),
        ),
        (
            r#"{"id":"i","type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}"#,
            Some("item i: created"),
        ),
        (r#"{"id":"i","type":"function_call","arguments":{}}"#, Some("item i: call ")),
        (r#"{"id":"i","type":"file_search_call"}"#, Some("item i")),
        (r#"{"id":""}"#, None),
        (r#"{"id":7}"#, None),
        (r#"[]"#, None),
        ("null", None),
    ] {
        assert_eq!(item(body).as_deref(), expected, "{body}");
    }
    for text in [
        r#"{"type":"response.done"}"#,
        r#"{"type":"input_audio_buffer.committed"}"#,
        r#"{"type":"conversation.item.truncated","item_id":"i"}"#,
        r#"{"type":"response.audio_timestamp.delta","item_id":"i","text":"x"}"#,
        r#"{"type":"response.content_part.done","item_id":"i","part":{"type":"image"}}"#,
        r#"{"type":"session.created"}"#,
        r#"{"type":7}"#,
        "[]",
        "",
    ] {
        assert_eq!(summary(text), None, "{text}");
    }
}

#[test]
fn a_response_lists_a_bounded_number_of_items() {
    let items: Vec<_> =
        (0..1000).map(|at| json!({"id": format!("i{at}"), "type": "message", "role": "assistant"})).collect();
    let done = json!({"type": "response.done", "response": {"id": "r", "output": items}}).to_string();
    let Some(ItemEvent::ReplyDone { items, .. }) = item_event(&done) else { panic!("not done") };
    assert_eq!((items.len(), &*items[63].id), (64, "i63"));
}

/// Returns what an event says, with ids without their prefix.
fn summary(text: &str) -> Option<String> {
    let short = |id: &str| id.trim_start_matches("item_").to_owned();
    Some(match item_event(text)? {
        ItemEvent::Item(one) => item(&one),
        ItemEvent::ReplyDone { completed, items, .. } => {
            let items: Vec<String> = items.iter().map(item).collect();
            format!("{}: {}", if completed { "done" } else { "cut" }, items.join(", "))
        }
        ItemEvent::Words(words) => {
            let next = if words.next.is_some() { "+ " } else { "" };
            format!("{:?} of {}: {next}'{}'", words.role, short(&words.item), words.words)
        }
        ItemEvent::NotTranscribed { item } => format!("{} has no words", short(&item)),
        ItemEvent::Timestamp { item, offset_ms, duration_ms, text, .. } => {
            format!("{} from {offset_ms} for {duration_ms} ms: '{text}'", short(&item))
        }
        ItemEvent::AudioDone { item, .. } => format!("no more audio of {}", short(&item)),
        ItemEvent::Truncated { item, audio_end_ms, .. } => {
            format!("{} ends at {audio_end_ms} ms", short(&item))
        }
        ItemEvent::Deleted { item } => format!("{} is deleted", short(&item)),
    })
}

fn item(item: &ServerItem<'_>) -> String {
    let id = item.id.trim_start_matches("item_");
    let end = match item.completed {
        Some(true) => ", whole",
        Some(false) => ", cut",
        None => "",
    };
    let body = match &item.body {
        ItemBody::Unknown => String::new(),
        ItemBody::Created => ": created".to_owned(),
        ItemBody::Message { role: role @ (Role::User | Role::Assistant), words } => {
            let words: String = words.iter().map(|words| format!(" '{}'", words.words)).collect();
            format!(": {role:?}{words}")
        }
        ItemBody::Call { name, .. } => format!(": call {name}"),
        ItemBody::CallOutput { call, .. } => format!(": result of {call}"),
    };
    format!("item {id}{end}{body}")
}
