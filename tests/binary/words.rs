//! Words of the conversation, and a service that repeats the key: neither leaves the program unasked.

use super::*;
use crate::service::Step;
use serde_json::json;

/// What both sides say, each once in every event that can carry it.
const WORDS: [&str; 4] = ["raspberry", "pomegranate", "elderflower", "quince"];
/// The type of the last event of a script, which the log quotes.
const LAST: &str = "the.last.event";

#[test]
fn no_word_is_printed_logged_or_recorded_unless_it_is_asked_for() {
    for (manager, flags) in [
        (true, &[][..]),
        (true, &["--verbose"]),
        (false, &[]),
        (false, &["--verbose"]),
        (true, &["--verbose", "--print-words"]),
        (true, &["--record-words"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start([Behaviour::script(conversation())]);
        let socket = folder.path().join("notify");
        let _manager = UnixDatagram::bind(&socket).unwrap();
        let mut command = connected(folder.path(), &service);
        command.args(["--log", "--record", "recording.jsonl"]).args(flags);
        if manager {
            command.env("NOTIFY_SOCKET", &socket);
        }
        let [printed, log, told] = run_to_the_last_event(&folder, &mut command);
        let recording = fs::read_to_string(folder.path().join("recording.jsonl")).unwrap();
        assert!(recording.contains("\"reply_created\":\"#"), "no reply was recorded: {recording}");
        for id in ["resp_1", "item_1", "item_2", "sess_"] {
            assert!(!recording.contains(id), "{id} of the service stands in the recording");
        }
        let has_words = |text: &str| WORDS.iter().any(|word| text.contains(word));
        assert!(!has_words(&log) && !has_words(&told), "{manager} {flags:?}: {log}");
        assert_eq!(has_words(&printed), flags.contains(&"--print-words"), "{manager} {flags:?}: {printed}");
        assert_eq!(has_words(&recording), flags.contains(&"--record-words"), "{manager} {flags:?}");
    }
}

#[test]
fn a_key_that_a_service_repeats_in_any_form_is_hidden_in_output_log_and_recording() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let forms = [
        KEY.to_owned(),
        base64.encode(KEY),
        base64.encode(format!("u:{KEY}")),
        base64.encode(format!("a:{KEY}!")),
        KEY.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        KEY.bytes().map(|byte| format!("\\u{byte:04X}")).collect(),
    ];
    for form in forms {
        let folder = tempfile::tempdir().unwrap();
        let mut steps = events::opening();
        let said = format!("look: {form}.");
        steps.extend(events::sent([events::error(&said, None)]));
        steps.extend(events::sent(events::reply("resp_1", "item_1", &said, &[0; 2400])));
        steps.push(Step::Send(json!({"type": format!("{LAST}: {said}")})));
        let service = Service::start([Behaviour::script(steps)]);
        let mut command = connected(folder.path(), &service);
        command.args(["--log", "--verbose", "--print-words", "--no-light"]);
        let [printed, log, told] = run_to_the_last_event(&folder, &mut command);
        for text in [&log, &told] {
            assert!(text.contains("look: ") && text.contains("***"), "{form}: {text}");
        }
        let middle = &form[4..form.len() - 4];
        for text in [printed, log, told] {
            assert!(!text.contains(middle), "{form}: {text}");
        }
    }
}

#[test]
fn a_service_that_sends_lines_in_a_rush_floods_neither_log_nor_output() {
    let folder = tempfile::tempdir().unwrap();
    let mut steps = events::opening();
    let numbered = |number: usize| {
        let warning = json!({"type": "warning", "warning": {"message": format!("warning {number}.")}});
        let item = format!("item_{number}");
        [warning, events::transcription_completed(&item, &format!("spoken {number}."))]
    };
    steps.extend((0..500).flat_map(numbered).map(Step::Send));
    // There is room for a few lines again, and the first tells how many are missing.
    steps.push(Step::Wait(Duration::from_millis(500)));
    steps.extend(numbered(500).into_iter().chain([json!({"type": LAST})]).map(Step::Send));
    let service = Service::start([Behaviour::script(steps)]);
    let mut command = connected(folder.path(), &service);
    command.args(["--log", "--verbose", "--print-words", "--no-light"]);
    let [printed, log, _] = run_to_the_last_event(&folder, &mut command);
    let lines = printed.matches("spoken ").count();
    assert!(
        (50..400).contains(&lines) && printed.contains("missing here"),
        "{lines} of 501 lines: {printed}"
    );
    assert_eq!(log.matches(": warning ").count(), 1, "{log}");
}

#[test]
fn no_command_paints_or_shows_the_key_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let painting = format!("\u{1b}]0;title\u{7}{KEY}");
    let escaped = painting.replace('\u{1b}', "\\u001b").replace('\u{7}', "\\u0007");
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/hold-interrupted-and-muted.jsonl");
    let mut lines = fs::read_to_string(recording).unwrap();
    lines.push_str(&format!("{{\"fault\":{{\"at\":900000000000,\"what\":\"{escaped}\"}}}}\n"));
    fs::write(folder.path().join("painting.jsonl"), lines).unwrap();
    let toml = format!("[[button]]\nname = \"talk\"\n\"{escaped}\" = 1\n");
    fs::write(folder.path().join("board.toml"), toml).unwrap();
    fs::write(folder.path().join("mynah.toml"), format!("voice = \"{escaped}\"\n")).unwrap();
    for args in [
        &["replay", "--verbose", "painting.jsonl"][..],
        &["boards", "check", "board.toml"],
        &["devices", "--microphone", &painting],
        &["config"],
        &["config", "check", "mynah.toml"],
        &["--parrot", "--mode", &painting],
    ] {
        let output = run(mynah(folder.path()).args(args).env("AZURE_VOICELIVE_API_KEY", KEY));
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{args:?}: {printed:?}");
        assert!(printed.contains("title") && printed.contains("***"), "{args:?}: {printed}");
        assert!(!printed.contains(KEY), "{args:?}: {printed}");
    }
}

/// Returns a conversation with words in all events that can carry them, and in fields that should hold something else.
fn conversation() -> Vec<Step> {
    let [user, mynah, field, malformed] = WORDS;
    let mut steps = events::opening();
    steps.push(Step::ExpectAudio(100));
    steps.extend(events::sent(events::user_turn("item_1")));
    steps.extend(events::sent([events::transcription_completed("item_1", user)]));
    steps.extend(events::sent(events::reply("resp_1", "item_2", mynah, &[0; 2400])));
    let wrong = json!({
        "type": "response.audio_transcript.delta", "response_id": "resp_1", "item_id": "item_2",
        "output_index": 0, "content_index": field, "delta": field,
    });
    steps.extend(events::sent([wrong]));
    let stopped =
        json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": malformed, "item_id": "x"});
    steps.extend(events::sent([stopped, json!({"type": LAST})]));
    steps
}

/// Runs the program until the log names the last event, and returns standard output, the log file, and standard error.
fn run_to_the_last_event(folder: &tempfile::TempDir, command: &mut Command) -> [String; 3] {
    let mut child = command.spawn().unwrap();
    let log = || {
        let file = fs::read_dir(folder.path().join("logs")).ok()?.next()?.ok()?.path();
        fs::read_to_string(file).ok()
    };
    until("the last event", || log().is_some_and(|log| log.contains(LAST)));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let log = log().unwrap();
    let output = child.wait_with_output().unwrap();
    let [printed, told] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    [printed, log, told]
}
