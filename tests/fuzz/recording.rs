//! Recordings: what is read and written again is lived again in the same way.

use mynah::recorder::{RecordLine, RecordingReader, replay};

pub(super) fn judge(bytes: &[u8]) {
    let mut written = Vec::new();
    let lived = replay(bytes, |_, line| {
        let told = line.to_string();
        assert!(told.len() <= bytes.len() * 2 + 400, "{} bytes about {}", told.len(), bytes.len());
        written.push(write_again(line));
    });
    let lived = match lived {
        Ok(lived) => lived,
        Err(refused) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&refused.line), "{refused}");
            return;
        }
    };
    let head = RecordingReader::begin(bytes).unwrap();
    written.insert(0, serde_json::to_string(head.head()).unwrap());
    let again = replay(written.join("\n").as_bytes(), |_, _| {}).unwrap();
    assert_eq!(lived, again);
}

fn write_again(line: &RecordLine<'_>) -> String {
    let text = serde_json::to_string(line).unwrap();
    assert_eq!(*line, serde_json::from_str(&text).unwrap());
    text
}
