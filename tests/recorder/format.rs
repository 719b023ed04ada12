//! The format: what is rejected and why, and what no line holds unless requested.

use mynah::conversation::{Action, Event, Mode, ServiceEvent, State};
use mynah::model::Time;
use mynah::recorder::{RecordLine, RecordedMessage, RecordingReader, replay};

use super::{RecorderHarness, base64};
use crate::conversation::{TAP, id};

#[test]
fn an_invalid_recording_is_rejected_with_its_line() {
    let mut harness = RecorderHarness::begin(TAP);
    harness.up();
    let text = harness.text();
    let head = text.lines().next().unwrap();
    let newer = text.replacen(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"9.9.9\"", 1);
    let cases = [
        (String::new(), "line 1: the file is empty"),
        ("RIFF....WAVE".into(), "line 1: not the first line of a recording: expected value"),
        ("{}\n".into(), "line 1: not the first line of a recording: missing field `recording`"),
        (
            newer.replacen("\"recording\":3", "\"recording\":4", 1),
            "line 1: mynah 9.9.9 wrote this recording in format 4; this is mynah 0.",
        ),
        ("{\"recording\":1}\n".into(), "mynah of an unknown version wrote this recording in format 1"),
        (
            head.replacen("\"why\"", "\"whom\"", 1),
            "line 1: not the first line of a recording: unknown field `whom`",
        ),
        (format!("{head}\n{{}}\n"), "line 2: expected value"),
        (format!("{head}\n\n"), "line 2: EOF while parsing a value"),
        (format!("{newer}{{\"dream\":{{\"at\":9}}}}\n"), "line 5: unknown variant `dream`"),
        (
            format!("{newer}{{\"dream\":{{\"at\":9}}}}\n"),
            "it was written by mynah 9.9.9 and this is mynah 0.",
        ),
        (
            text.replace("\"is\":{\"link\":\"configured\"}", "\"is\":{\"link\":\"enlightened\"}"),
            "line 4: unknown variant `enlightened`",
        ),
        (
            text.replace("\"do\":[\"configure\"]", "\"do\":[\"levitate\"]"),
            "line 3: unknown variant `levitate`",
        ),
        (
            format!("{text}{{\"light\":{{\"at\":1,\"word\":\"idle\",\"live\":false}}}}\n"),
            "line 5: its time is before",
        ),
        (text[..text.len() - 20].into(), "delete this line to replay the rest"),
        (
            text.lines().filter(|line| !line.contains("snapshot")).collect::<Vec<_>>().join("\n"),
            "line 2: an event before the first snapshot",
        ),
        (text.replace("\"jitter\":7", "\"jitter\":0"), "line 2: invalid snapshot: "),
    ];
    for (bytes, expected) in cases {
        let refused = replay(bytes.as_bytes(), |_, _| {}).expect_err(&bytes).to_string();
        assert!(refused.contains(expected), "{refused} where {expected} was expected");
    }
}

/// How recordings began before events were spelt within their groups.
const FORMAT_1: &str = r#"{"recording":1,"mynah":"0.1.0","mode":"open","seed":3,"started":null,"why":"record","dropped":0,"sound":false,"words":false}
{"event":{"at":0,"is":"link_up","do":["configure"],"state":"connecting","live":false,"until":10000000000}}
"#;

#[test]
fn an_old_recording_is_rejected_with_the_version_that_wrote_it() {
    let refused = replay(FORMAT_1.as_bytes(), |_, _| {}).unwrap_err().to_string();
    let ours = env!("CARGO_PKG_VERSION");
    assert_eq!(
        refused,
        format!(
            "line 1: mynah 0.1.0 wrote this recording in format 1; this is mynah {ours}, which reads format 3 only: \
             replay it with a mynah that writes format 1"
        )
    );
}

#[test]
fn the_first_line_holds_version_mode_seed_and_reason() {
    let mut harness = RecorderHarness::begin(TAP);
    let text = harness.text();
    let head = RecordingReader::begin(text.as_bytes()).unwrap().head().clone();
    assert_eq!((head.recording, head.mode, head.seed, head.dropped), (3, TAP, 7, 0));
    assert_eq!((&*head.mynah, &*head.why), (env!("CARGO_PKG_VERSION"), "test"));
    assert_eq!(head.started.as_deref(), Some("2026-01-02T03:04:05Z"));
    assert!(!head.sound && !head.words);
}

#[test]
fn a_recording_cannot_paint_on_the_terminal() {
    let painting = || "\u{1b}[2J\u{202e}\u{85}".into();
    let at = Time::ZERO;
    let message = RecordedMessage { at, kind: painting(), bytes: 1, audio: None };
    for line in [
        RecordLine::Words { at, who: painting(), said: painting() },
        RecordLine::Input { at, what: painting() },
        RecordLine::Light { at, word: painting(), live: true },
        RecordLine::Link { at, what: painting() },
        RecordLine::Fault { at, what: painting() },
        RecordLine::Got(message),
        RecordLine::Event {
            at,
            is: Event::Service(ServiceEvent::ReplyCreated(id("\u{9b}\u{202e}"))),
            then: vec![Action::Cancel(id("\u{9b}\u{202e}"))].into(),
            state: State::Idle,
            live: false,
            until: None,
        },
    ] {
        let printed = line.to_string();
        assert!(!printed.contains(|c: char| c.is_control() || c == '\u{202e}'), "{printed:?}");
        // Identifiers stand in it as hashes.
        let is_quoted = !matches!(line, RecordLine::Event { .. });
        assert_eq!(printed.contains("202e"), is_quoted, "{printed:?}");
    }
}

#[test]
fn transcripts_and_samples_are_kept_only_on_request() {
    for asked in [false, true] {
        let mut harness =
            RecorderHarness::with_setup(Mode::Open, |setup| (setup.sound, setup.words) = (asked, asked));
        let (up, down) = (base64(700, 10), base64(900, 200));
        let now = harness.conv.now;
        harness.recorder.sent_audio("input_audio_buffer.append", 700, &up, now);
        harness.recorder.received_audio("response.audio.delta", 13_000, &down, now);
        harness.recorder.words("you", "the secret of my heart", now);
        let text = harness.text();
        for kept in [&up[..], &down, "the secret of my heart"] {
            assert_eq!(text.contains(kept), asked, "{kept}");
        }
        assert_eq!(text.matches("\"frames\":240,").count(), 1);
        assert_eq!(text.matches("\"frames\":4800,").count(), 1);
        assert_eq!(text.matches("\"words\":{").count(), usize::from(asked));
    }
}
