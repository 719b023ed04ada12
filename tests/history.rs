//! The history of the conversation: each item once, in its place, with no more words than were heard of it.

mod interleaving;
mod script;

use mynah::history::{HeardPart, History, HistoryLine};
use mynah::protocol::{self, ClientEvent, Role};
use serde_json::{Value, json};

/// Frames of a millisecond.
const MS: u64 = 24;
/// Twelve words of six seconds.
const TWELVE: &str = "one two three four five six seven eight nine ten eleven twelve";

#[test]
fn a_finished_reply_is_cut_by_its_share() {
    let mut history = History::default();
    receive(&mut history, spoken("r", "i", TWELVE, 6000, "completed"));
    heard(&mut history, "i", 990);
    history.close("i", false);
    assert_eq!(told(&history), [reply("one", false)]);
    assert_eq!(shown(&mut history), ["mynah: one …"]);
}

#[test]
fn an_unfinished_reply_is_cut_by_a_slow_pace() {
    // The text is there, and less than a third of its audio.
    let mut history = History::default();
    receive(&mut history, begun("r", "i", TWELVE, 1700));
    heard(&mut history, "i", 990);
    history.end_session();
    assert_eq!(told(&history), [reply("one", false)]);
    heard_in_past(&mut history, "i", 710);
    assert_eq!(told(&history), [reply("one two", false)], "what is queued is heard after the session too");
    assert_eq!(shown(&mut history), ["mynah: one two …"]);
}

#[test]
fn a_reply_heard_to_its_end_is_whole() {
    let mut history = History::default();
    receive(&mut history, spoken("r", "i", TWELVE, 6000, "completed"));
    heard(&mut history, "i", 5999);
    assert_eq!(shown(&mut history), [] as [&str; 0], "the last word is still to come");
    heard(&mut history, "i", 1);
    assert_eq!(
        (told(&history), shown(&mut history)),
        (vec![reply(TWELVE, true)], vec![format!("mynah: {TWELVE}")])
    );
}

#[test]
fn a_cut_is_open_until_the_item_is_closed() {
    let mut history = History::default();
    receive(&mut history, spoken("r", "i", TWELVE, 6000, "completed"));
    heard(&mut history, "i", 3000);
    assert_eq!(told(&history), [reply("one two three four five six", false)]);
    // It was no interruption: the rest is played.
    heard(&mut history, "i", 3000);
    assert_eq!(told(&history), [reply(TWELVE, true)]);
    history.close("i", false);
    assert_eq!(told(&history), [reply(TWELVE, true)]);
}

#[test]
fn timestamps_decide_where_the_service_sends_them() {
    let mut history = History::default();
    let mut events = begun("r", "i", "It's half past three, I think.", 4000);
    for (offset, text) in [(600, "past"), (0, "It's"), (300, "half"), (900, "three"), (3000, "I")] {
        events.push(Event::Text(
            json!({"type": "response.audio_timestamp.delta", "item_id": "i", "audio_offset_ms": offset,
            "audio_duration_ms": 250.0, "text": text, "timestamp_type": "word"}),
        ));
    }
    receive(&mut history, events);
    for (ms, words) in
        [(249, None), (1, Some("It's")), (899, Some("It's half past")), (1, Some("It's half past three,"))]
    {
        heard(&mut history, "i", ms);
        if let Some(words) = words {
            assert_eq!(told(&history), [reply(words, false)]);
        }
    }
}

#[test]
fn the_services_truncation_and_deletion_are_respected() {
    let mut history = History::default();
    receive(&mut history, spoken("r", "i", TWELVE, 6000, "completed"));
    receive(&mut history, spoken("s", "k", "Never mind.", 1000, "completed"));
    heard(&mut history, "i", 6000);
    heard(&mut history, "k", 1000);
    receive(
        &mut history,
        [Event::Text(
            json!({"type": "conversation.item.truncated", "item_id": "i", "content_index": 0, "audio_end_ms": 3000}),
        )],
    );
    receive(&mut history, [Event::Text(json!({"type": "conversation.item.deleted", "item_id": "k"}))]);
    assert_eq!(told(&history), [reply("one two three four five six", false)]);
    receive(&mut history, spoken("s", "k", "Never mind.", 1000, "completed"));
    assert_eq!(told(&history).len(), 1, "a deleted item does not come back");
}

#[test]
fn a_text_is_shown_and_counts_without_audio() {
    let mut history = History::default();
    let text = |kind: &str, key: &str, words: &str| {
        Event::Text(json!({"type": kind, "response_id": "r", "item_id": "i", "content_index": 0, key: words}))
    };
    receive(
        &mut history,
        [text("response.text.delta", "delta", "It is "), text("response.text.delta", "delta", "no")],
    );
    assert_eq!(shown(&mut history), [] as [&str; 0]);
    receive(&mut history, [text("response.output_text.done", "text", "It is noon.")]);
    assert_eq!(
        (shown(&mut history), told(&history)),
        (vec!["mynah: It is noon.".to_owned()], vec![reply("It is noon.", true)])
    );
}

#[test]
fn words_of_the_user_stand_in_their_place_however_late() {
    let mut history = History::default();
    receive(&mut history, [committed("u1", None)]);
    receive(&mut history, spoken("r", "i", "Yes.", 1000, "completed"));
    heard(&mut history, "i", 1000);
    receive(
        &mut history,
        [
            committed("u2", Some("i")),
            Event::Text(json!({
        "type": "conversation.item.input_audio_transcription.failed", "item_id": "u2", "content_index": 0,
        "error": {"code": "x"}})),
        ],
    );
    receive(&mut history, [transcribed("u1", "Are you there?")]);
    assert_eq!(told(&history), [user("Are you there?"), reply("Yes.", true)]);
}

#[test]
fn an_item_named_before_its_predecessor_is_put_behind_it() {
    let mut history = History::default();
    receive(&mut history, [created("i", "assistant", Some("u"))]);
    receive(&mut history, spoken("r", "i", "Yes.", 1000, "completed"));
    heard(&mut history, "i", 1000);
    receive(&mut history, [transcribed("u", "Are you there?"), committed("u", Some("nobody knows"))]);
    assert_eq!(told(&history), [user("Are you there?"), reply("Yes.", true)]);
}

#[test]
fn calls_are_told_with_their_results_only() {
    let mut history = History::default();
    let call = |id: &str, status: &str| {
        json!({"id": format!("item_{id}"), "type": "function_call", "status": status,
        "name": "weather", "call_id": id, "arguments": if status == "completed" { "{\"city\":\"Oslo\"}" } else { "" }})
    };
    for id in ["c1", "c2"] {
        for (kind, status) in [("added", "in_progress"), ("done", "completed"), ("done", "completed")] {
            let kind = format!("response.output_item.{kind}");
            receive(
                &mut history,
                [Event::Text(json!({"type": kind, "response_id": "r", "item": call(id, status)}))],
            );
        }
        receive(
            &mut history,
            [Event::Text(
                json!({"type": "conversation.item.created", "previous_item_id": null, "item": call(id, "in_progress")}),
            )],
        );
    }
    receive(
        &mut history,
        [Event::Text(json!({"type": "conversation.item.created", "previous_item_id": "item_c1", "item":
        {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": "foggy"}}))],
    );
    receive(
        &mut history,
        [Event::Text(json!({"type": "response.output_item.done", "response_id": "r", "item": {
        "id": "m1", "type": "mcp_call", "name": "search", "arguments": "{}", "output": "nothing", "server_label": "s"}}))],
    );
    let told_calls = [
        call_event("c1", "{\"city\":\"Oslo\"}", "weather"),
        ClientEvent::CreateCallOutput { call: "c1".into(), output: "foggy".into() },
        call_event("m1", "{}", "search"),
        ClientEvent::CreateCallOutput { call: "m1".into(), output: "nothing".into() },
    ];
    assert_eq!(history.replay(), told_calls);
}

#[test]
fn what_a_new_session_was_told_is_not_told_twice() {
    let mut history = History::default();
    receive(&mut history, [committed("u", None), transcribed("u", "Hello.")]);
    receive(&mut history, spoken("r", "i", "Hi.", 1000, "completed"));
    heard(&mut history, "i", 1000);
    let before = history.replay();
    for session in 0..3 {
        history.end_session();
        assert_eq!(history.replay(), before, "session {session}");
        // The service answers each with an id of its own.
        receive(
            &mut history,
            [
                Event::Text(
                    json!({"type": "conversation.item.created", "previous_item_id": null, "item": {"id": "x1",
                "type": "message", "role": "user", "status": "completed", "content": [{"type": "input_text", "text": "Hello."}]}}),
                ),
                Event::Text(
                    json!({"type": "conversation.item.added", "previous_item_id": "x1", "item": {"id": "x2",
                "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "Hi."}]}}),
                ),
            ],
        );
    }
    // Another session may use the same ids for other items.
    receive(&mut history, [committed("u", Some("x2")), transcribed("u", "Again.")]);
    assert_eq!(told(&history), [user("Hello."), reply("Hi.", true), user("Again.")]);
    assert_eq!(shown(&mut history).len(), 3);
}

#[test]
fn the_newest_items_are_kept_within_the_limits() {
    use mynah::history::{ITEMS, REPLAYED_CHARACTERS, REPLAYED_ITEM_CHARACTERS, REPLAYED_ITEMS};
    let mut history = History::default();
    for turn in 0..2 * ITEMS {
        let item = format!("u{turn}");
        receive(&mut history, [committed(&item, None), transcribed(&item, &format!("turn {turn}"))]);
    }
    let kept = told(&history);
    assert_eq!(
        (kept.len(), &kept[0], &kept[REPLAYED_ITEMS - 1]),
        (REPLAYED_ITEMS, &user("turn 96"), &user("turn 127"))
    );
    for turn in 0..ITEMS {
        let words = format!("{turn} {}", "ä".repeat(5000));
        receive(&mut history, [transcribed(&format!("v{turn}"), &words)]);
    }
    let kept = told(&history);
    let lengths: Vec<usize> = kept.iter().map(|(_, words, _)| words.chars().count()).collect();
    assert!(
        lengths.iter().sum::<usize>() <= REPLAYED_CHARACTERS
            && lengths.iter().all(|one| *one <= REPLAYED_ITEM_CHARACTERS)
    );
    assert!(
        kept.last().unwrap().1.starts_with("63") && kept.iter().all(|(_, _, whole)| !whole),
        "{lengths:?}"
    );
}

#[test]
fn words_without_an_id_are_kept_as_they_come() {
    let mut history = History::default();
    receive(&mut history, [transcribed("", "Hello."), transcribed(&"u".repeat(65), "Hello?")]);
    receive(&mut history, [Event::Audio { reply: "r", item: "i", ms: 1000 }]);
    receive(
        &mut history,
        [
            Event::Text(json!({"type": "response.audio_transcript.done", "transcript": "Hi."})),
            Event::Text(json!({"type": "response.done", "response": {"id": "r", "status": "completed"}})),
        ],
    );
    heard(&mut history, "i", 1000);
    assert_eq!(told(&history), [user("Hello."), user("Hello?"), reply("Hi.", true)]);
}

#[test]
fn a_reset_forgets_the_conversation() {
    let mut history = History::default();
    receive(&mut history, spoken("r", "i", "Hi.", 1000, "completed"));
    history.clear();
    heard(&mut history, "i", 1000);
    assert_eq!((told(&history), shown(&mut history)), (vec![], vec![]));
}

#[derive(Clone)]
enum Event {
    Text(Value),
    Audio { reply: &'static str, item: &'static str, ms: u64 },
}

fn receive(history: &mut History, events: impl IntoIterator<Item = Event>) {
    for event in events {
        match event {
            Event::Text(event) => {
                let text = event.to_string();
                if let Some(event) = protocol::item_event(&text) {
                    history.apply(&event);
                }
            }
            Event::Audio { reply, item, ms } => history.audio(reply, item, 0, ms * MS, ms * MS),
        }
    }
}

/// The start of a spoken reply: all its words, and some of its audio.
fn begun(response: &'static str, item: &'static str, words: &str, ms: u64) -> Vec<Event> {
    let mut events =
        vec![Event::Text(json!({"type": "response.output_item.added", "response_id": response, "item":
        {"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}}))];
    for (at, word) in words.split_inclusive(' ').enumerate() {
        events.push(Event::Text(
            json!({"type": "response.audio_transcript.delta", "event_id": format!("e{at}"),
            "response_id": response, "item_id": item, "content_index": 0, "delta": word}),
        ));
    }
    events.push(Event::Audio { reply: response, item, ms });
    events
}

/// A spoken reply that ended with `status`.
fn spoken(response: &'static str, item: &'static str, words: &str, ms: u64, status: &str) -> Vec<Event> {
    let mut events = begun(response, item, words, ms);
    let whole = json!({"id": item, "type": "message", "role": "assistant", "status": status,
        "content": [{"type": "audio", "transcript": words}]});
    events.extend([
        Event::Text(json!({"type": "response.audio.done", "item_id": item, "content_index": 0})),
        Event::Text(json!({"type": "response.output_item.done", "response_id": response, "item": whole})),
        Event::Text(json!({"type": "response.done", "response": {"id": response, "status": status, "output": [whole]}})),
    ]);
    events
}

fn committed(item: &str, previous: Option<&str>) -> Event {
    Event::Text(
        json!({"type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": previous}),
    )
}

fn created(item: &str, role: &str, previous: Option<&str>) -> Event {
    Event::Text(json!({"type": "conversation.item.created", "previous_item_id": previous, "item":
        {"id": item, "type": "message", "role": role, "status": "in_progress", "content": []}}))
}

fn transcribed(item: &str, words: &str) -> Event {
    let kind = "conversation.item.input_audio_transcription.completed";
    Event::Text(json!({"type": kind, "item_id": item, "content_index": 0, "transcript": words}))
}

fn heard(history: &mut History, item: &str, ms: u64) {
    history.heard(HeardPart { item, content_index: 0, frames: ms * MS, is_past: false });
}

fn heard_in_past(history: &mut History, item: &str, ms: u64) {
    history.heard(HeardPart { item, content_index: 0, frames: ms * MS, is_past: true });
}

/// Returns the messages that a new session would be told.
fn told(history: &History) -> Vec<(Role, String, bool)> {
    let messages = history.replay().into_iter().map(|event| match event {
        ClientEvent::CreateItem { who, words, whole } => (who, words, whole),
        other => panic!("{other:?}"),
    });
    messages.collect()
}

/// Returns the new lines of the screen.
fn shown(history: &mut History) -> Vec<String> {
    let lines = std::iter::from_fn(|| history.poll_line());
    lines
        .map(|HistoryLine { role, words, whole }| {
            let who = if role == Role::User { "you" } else { "mynah" };
            format!("{who}: {words}{}", if whole { "" } else { " …" })
        })
        .collect()
}

fn user(words: &str) -> (Role, String, bool) {
    (Role::User, words.to_owned(), true)
}

fn reply(words: &str, whole: bool) -> (Role, String, bool) {
    (Role::Assistant, words.to_owned(), whole)
}

fn call_event(call: &str, arguments: &str, name: &str) -> ClientEvent {
    ClientEvent::CreateCall { call: call.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}
