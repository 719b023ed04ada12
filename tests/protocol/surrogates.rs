//! Half a surrogate pair, and other bad values, affect their own field only.

use std::borrow::Cow;

use mynah::protocol::{self, ItemEvent, ServerEvent};
use proptest::prelude::*;

use super::{config, effective_session, summary};

#[test]
fn words_with_half_an_emoji_are_kept() {
    for (kind, field, who) in [
        ("conversation.item.input_audio_transcription.completed", "transcript", "User"),
        ("response.audio_transcript.done", "transcript", "Assistant"),
        ("response.output_audio_transcript.done", "transcript", "Assistant"),
        ("response.text.done", "text", "Assistant"),
        ("response.output_text.done", "text", "Assistant"),
    ] {
        let text = format!(r#"{{"type":"{kind}","item_id":"i","{field}":"hello \ud83d"}}"#);
        assert_eq!(summary(&text), format!("{who}: hello \u{fffd}"));
    }
}

#[test]
fn half_a_surrogate_pair_is_replaced_in_every_string() {
    let cases = [
        (
            r#"{"type":"response.audio.delta","response_id":"r\udc00","item_id":"\ud800i","delta":"AAA="}"#,
            "audio r\u{fffd} \u{fffd}i 0: 1 samples",
        ),
        (r#"{"type":"response.audio.done","item_id":"\uDFFF"}"#, "audio done \u{fffd} 0"),
        (r#"{"type":"session.created","session":{"id":"s\ud83d"}}"#, "created s\u{fffd}"),
        (r#"{"type":"response.created","response":{"id":"r\ud83d"}}"#, "ReplyCreated(\"r\u{fffd}\")"),
        (
            r#"{"type":"response.done","response":{"id":"r","status":"failed","x":"\ud83d"}}"#,
            r#"ReplyDone("r", Failed)"#,
        ),
        (
            r#"{"type":"error","error":{"code":"session_expired","message":"\ud83d"}}"#,
            "error session_expired: Service(Refused(SessionExpired))",
        ),
        (r#"{"type":"warning","warning":{"message":"a\ud83db","code":"c"}}"#, "warning: a\u{fffd}b (c)"),
        (r#"{"type":"no.such\ud83d"}"#, "unknown no.such\u{fffd}"),
    ];
    for (text, expected) in cases {
        assert_eq!(summary(text), expected, "{text}");
    }
}

#[test]
fn only_half_pairs_are_replaced() {
    for (written, expected) in [
        (r"\ud83d\ude00", "\u{1f600}"),
        (r"\uD83D\uDE00 and \ud83d", "\u{1f600} and \u{fffd}"),
        (r"\ud83d\ud83d\ude00\ude00", "\u{fffd}\u{1f600}\u{fffd}"),
        (r"\ud83d and \ude00", "\u{fffd} and \u{fffd}"),
        (r"\ud83d\n\ude00", "\u{fffd}\n\u{fffd}"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\\ud83d \\\ud83d", r"\ud83d \�"),
        (r"\u0000\u001b\ud83d", "\0\u{1b}\u{fffd}"),
        (r"é\ud83dé", "é\u{fffd}é"),
    ] {
        assert_eq!(words(written), expected, "{written}");
    }
}

#[test]
fn a_bad_value_elsewhere_does_not_lose_the_event() {
    let cases = [
        (r#"{"type":"response.audio.done","item_id":"i","content_index":"\ud83d"}"#, "audio done i 0"),
        (r#"{"type":"response.audio.done","item_id":"i","content_index":1e999}"#, "audio done i 0"),
        (r#"{"type":"response.audio.done","item_id":"i","\ud83d":1}"#, "audio done i 0"),
        (r#"{"type":"response.audio.done","item_id":"i","x":{"\ud83d":["\udc00",1e999]}}"#, "audio done i 0"),
        (
            r#"{"item_id":null,"type":"response.audio.done","item_id":"i","type":"response.audio.done"}"#,
            "audio done i 0",
        ),
        (
            r#"{"type":"response.done","response":{"id":"r","status":{"\ud83d":1}}}"#,
            r#"ReplyDone("r", Completed)"#,
        ),
        (
            r#"{"type":"error","error":{"code":"session_expired","param":1e999}}"#,
            "error session_expired: Service(Refused(SessionExpired))",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(summary(text), expected, "{text}");
    }
}

#[test]
fn audio_is_borrowed_beside_a_bad_string() {
    let text = r#"{"type":"response.audio.delta","response_id":"r","item_id":"i\ud83d","delta":"AAAA"}"#;
    let Ok(ServerEvent::Audio(audio)) = protocol::parse(text) else { panic!("not audio") };
    assert!(matches!(audio.base64, Cow::Borrowed("AAAA")));
}

#[test]
fn half_a_surrogate_pair_in_the_session_is_no_mismatch() {
    let session = effective_session().to_string().replacen('{', r#"{"metadata":{"a":"\ud83d"},"#, 1);
    assert_eq!(protocol::mismatches(&config(), &session), []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn escaped_utf16_is_decoded_lossily(
        units in prop::collection::vec(prop_oneof![0xD7F0u16..0xE010, 0u16..0x80], 0..12),
    ) {
        let written: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        prop_assert_eq!(words(&written), String::from_utf16_lossy(&units));
    }
}

/// Returns the words of a transcript that is written so in JSON.
fn words(written: &str) -> String {
    let text = format!(r#"{{"type":"response.text.done","text":"{written}"}}"#);
    match protocol::item_event(&text) {
        Some(ItemEvent::Words(said)) => said.words.into_owned(),
        other => panic!("{other:?}"),
    }
}
