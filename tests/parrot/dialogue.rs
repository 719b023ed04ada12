//! The recorded dialogue as microphone input of the parrot: three turns, of which the second interrupts a
//! reply.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use super::Client;
use mynah::parrot::ParrotConfig;
use serde_json::json;

#[test]
fn the_recording_has_three_turns_and_one_barge_in() {
    // At real-time pace the interrupted reply is still being sent; at a faster pace it is only being played.
    for (pace, first_ends) in [(1, "cancelled"), (4, "completed"), (0, "completed")] {
        let mut client = Client::configured(
            ParrotConfig { pace, ..ParrotConfig::default() },
            json!({"auto_truncate": true}),
        );
        client.send_audio(&recording());
        let ends: Vec<&str> = client
            .events("response.done")
            .map(|(_, event)| event["response"]["status"].as_str().unwrap())
            .collect();
        assert_eq!(ends, [first_ends, "completed", "completed"], "pace {pace}");
        assert_eq!(client.count("input_audio_buffer.speech_started"), 3);
        assert_eq!(client.count("input_audio_buffer.committed"), 3);
        assert_eq!(client.count("conversation.item.truncated"), 1);
        assert_eq!(client.count("error"), 0);

        let items = client.parrot.items();
        let roles: Vec<&str> = items.iter().map(|item| item.role.as_str()).collect();
        assert_eq!(roles, ["user", "assistant", "user", "assistant", "user", "assistant"]);
        let cut: Vec<bool> = items.iter().map(|item| item.heard_ms.is_some()).collect();
        assert_eq!(cut, [false, true, false, false, false, false]);
        let heard_ms = items[1].heard_ms.unwrap();
        assert!((600..=1000).contains(&heard_ms) && heard_ms < items[1].audio_ms, "{heard_ms} ms");
    }
}

#[test]
fn the_barge_in_is_detected_with_echo_cancellation() {
    let mut client = Client::configured(ParrotConfig::default(), json!({"auto_truncate": true}));
    client.update(json!({"input_audio_echo_cancellation": {"type": "server_echo_cancellation"}}));
    client.send_audio(&recording());
    assert_eq!(client.count("input_audio_buffer.speech_started"), 3);
    assert_eq!(client.count("conversation.item.truncated"), 1);
}

#[test]
fn the_second_and_third_reply_fit_before_the_next_speech() {
    let mut client = Client::configured(ParrotConfig::default(), json!({}));
    client.send_audio(&recording());
    let begins: Vec<u64> = client.events("response.output_item.added").map(|(at, _)| *at).collect();
    let starts: Vec<u64> = client.events("input_audio_buffer.speech_started").map(|(at, _)| *at).collect();
    let whole_ms: Vec<u64> = client.parrot.items().iter().map(|item| u64::from(item.audio_ms)).collect();
    assert!(begins[1] + whole_ms[3] + 300 < starts[2], "reply 2 ends at least 300 ms before turn 3");
    assert!(
        begins[2] + whole_ms[5] + 300 < client.now_ms,
        "reply 3 ends at least 300 ms before the recording"
    );
}

/// Returns the recording (24 kHz mono, 8 bits) as PCM16.
fn recording() -> Vec<i16> {
    let bytes: &[u8] = include_bytes!("../dialogue.wav");
    assert!(bytes.len() < 300 * 1024);
    let mut wav = hound::WavReader::new(bytes).unwrap();
    let spec = wav.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 24_000, 8));
    wav.samples::<i16>().map(|sample| sample.unwrap() * 256).collect()
}
