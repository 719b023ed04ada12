//! An event that would take long to parse is not parsed.

use mynah::protocol;

use super::summary;

#[test]
fn an_event_of_more_values_than_a_conversation_needs_is_not_parsed() {
    let most = "0,".repeat(19_998);
    for (values, expected) in
        [(most.clone(), "ignored"), (most + "0,0,", "not an event: more than 20000 values")]
    {
        let text = format!(r#"{{"type":"response.content_part.done","part":[{values}0]}}"#);
        assert_eq!(summary(&text), expected, "{} bytes", text.len());
    }
}

#[test]
fn no_reader_of_an_event_parses_too_many_values() {
    let text = format!(
        r#"{{"type":"input_audio_buffer.committed","item_id":"i","response_id":"r","values":[{}0]}}"#,
        "0,".repeat(20_000)
    );
    assert!(protocol::item_event(&text).is_none());
    assert!(protocol::sign_of_life(&text).is_none());
}

#[test]
fn the_audio_of_a_delta_may_be_as_long_as_a_message() {
    let base64 = "AAAA".repeat(1_000_000);
    let text =
        format!(r#"{{"type":"response.audio.delta","response_id":"r","item_id":"i","delta":"{base64}"}}"#);
    assert_eq!(summary(&text), "audio r i 0: 1500000 samples");
}
