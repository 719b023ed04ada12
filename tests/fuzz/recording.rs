//! Recordings: a recording that is read and written again replays with the same result.

use mynah::recorder::{RecordLine, RecordingReader, replay};

pub(super) fn check(bytes: &[u8]) {
    let mut written = Vec::new();
    let outcome = replay(bytes, |_, line| {
        let text = line.to_string();
        assert!(text.len() <= bytes.len() * 2 + 400, "{} bytes about {}", text.len(), bytes.len());
        written.push(rewrite(line));
    });
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(refused) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&refused.line), "{refused}");
            return;
        }
    };
    let head = RecordingReader::begin(bytes).unwrap();
    written.insert(0, serde_json::to_string(head.head()).unwrap());
    let second = replay(written.join("\n").as_bytes(), |_, _| {}).unwrap();
    assert_eq!(outcome, second);
}

fn rewrite(line: &RecordLine<'_>) -> String {
    let text = serde_json::to_string(line).unwrap();
    // Identifiers are written as hashes, which stay the same.
    let read: RecordLine<'_> = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert_eq!(read.to_string(), line.to_string());
    text
}
