//! The program as the user runs it: a whole conversation, exit codes, signals, and that no secret leaks.

mod dialects;
mod doctor;
mod full_disk;
mod key_in_memory;
mod learned_echo;
mod private_files;
mod proxy;
mod sign_in;
mod told_once;
mod words;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use crate::service::{Behaviour, Service, events};

const MYNAH: &str = env!("CARGO_BIN_EXE_mynah");
const DIALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialogue.wav");
const KEY: &str = "s3cret-key-of-the-user";

#[test]
fn recorded_speech_holds_a_conversation_with_the_parrot() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(mynah(folder.path())
        .args(["--parrot", "--speech", DIALOGUE, "--speaker-file", "out.wav"])
        .args(["--print-words", "--timings"]));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert_eq!(count(&printed, "you: "), 3, "{printed}");
    assert_eq!(count(&printed, "mynah: "), 3, "{printed}");
    assert_eq!(printed.matches("after the interruption").count(), 1, "not one interruption: {printed}");
    let states: Vec<_> = printed.lines().filter(|line| !line.contains(':')).collect();
    let turn = ["listening", "thinking", "speaking"];
    assert_eq!(states, [&["connecting"][..], &turn, &turn, &turn, &["listening", "idle"]].concat());
    let wav = hound::WavReader::open(folder.path().join("out.wav")).unwrap();
    assert!(wav.duration() > 10 * 24_000, "the file contains the silence too");
}

#[test]
fn speech_with_a_size_of_0_is_heard_with_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let mut speech = fs::read(DIALOGUE).unwrap();
    let size = 4 + speech.windows(4).position(|id| id == b"data").unwrap();
    speech[size..size + 4].fill(0);
    fs::write(folder.path().join("lost-power.wav"), &speech).unwrap();
    let args = ["--parrot", "--print-words", "--speech", "lost-power.wav", "--speaker-file", "out.wav"];
    let (code, printed) = run_with(&folder, &args);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(count(&printed, "you: "), 3, "{printed}");
    assert_eq!(printed.matches("lost-power.wav: its header says 0 bytes").count(), 1, "{printed}");
    assert_eq!(count(&printed, "time: "), 0, "the delays are printed on request: {printed}");
}

#[test]
fn signals_close_the_session_with_exit_code_0() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start([Behaviour::script(events::opening())]);
        let mut child = connected(folder.path(), &service).spawn().unwrap();
        service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        assert_eq!(wait(&mut child).code(), Some(0));
        service.until("the close", |all| all[0].close == Some((1000, String::new())));
    }
}

#[test]
fn service_manager_is_notified_of_ready_watchdog_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = mynah(folder.path());
    command.args(["--parrot", "--speech", DIALOGUE, "--speaker-file", "out.wav"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "600000").stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut printed = Vec::new();
    while printed.last().is_none_or(|last| last != "STOPPING=1") {
        let mut text = [0; 256];
        let length = manager.recv(&mut text).unwrap();
        printed.push(String::from_utf8_lossy(&text[..length]).trim().to_owned());
    }
    assert_eq!(wait(&mut child).code(), Some(0));
    assert_eq!(printed[0], "READY=1");
    // The conversation lasts ten seconds and a notification is due every 0.2 s; a busy machine sends fewer.
    assert!(count(&printed.join("\n"), "WATCHDOG=1") >= 3, "{printed:?}");
}

#[test]
fn key_appears_in_no_output_log_or_address() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening()), Behaviour::refuse(401, "bad key")]);
    let mut child = connected(folder.path(), &service).args(["--verbose", "--log"]).spawn().unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    wait(&mut child);
    let output = child.wait_with_output().unwrap();
    let logs: Vec<_> =
        fs::read_dir(folder.path().join("logs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(logs.len(), 1);
    assert!(logs[0].to_str().unwrap().ends_with("_voicelive.log"));
    let log = fs::read_to_string(&logs[0]).unwrap();
    assert!(log.contains("sess_"), "the log lacks the session: {log}");
    let one = &service.connections()[0];
    assert_eq!(one.header("api-key"), Some(KEY));
    for text in
        [log, String::from_utf8_lossy(&output.stdout).into(), String::from_utf8_lossy(&output.stderr).into()]
    {
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(!one.uri.contains(KEY));
}

#[test]
fn a_service_that_repeats_the_key_does_not_get_it_shown() {
    for tell in [format!("bad key {KEY}"), format!("{}{KEY}", "x".repeat(290))] {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start([Behaviour::refuse(401, &tell)]);
        let output = run(connected(folder.path(), &service).args(["--verbose", "--log"]));
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(printed.contains("401") && !printed.contains(&KEY[..8]), "{printed}");
        let log = fs::read_dir(folder.path().join("logs")).unwrap().next().unwrap().unwrap().path();
        assert!(!fs::read_to_string(log).unwrap().contains(&KEY[..8]));
    }
}

#[test]
fn wrong_configuration_exits_with_2_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mynah.toml"), "vioce = \"alloy\"\n").unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--parrot"], "did you mean voice?"),
        (&["--config", "/dev/null"], "AZURE_VOICELIVE_ENDPOINT"),
        (&["--config", "/dev/null", "--parrot", "--mode", "tpa"], "did you mean tap?"),
        (&["--config", "/dev/null", "--parrot", "--microphone", "no-such-card"], "no-such-card"),
        (&["--config", "/dev/null", "--parrot", "--speech", "/dev/null"], "sox"),
    ];
    for (args, expected) in cases {
        let output = run(mynah(folder.path()).args(args));
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {printed}");
        assert!(printed.contains(expected), "{args:?}: {printed}");
    }
}

#[test]
fn a_mode_that_waits_for_a_press_needs_something_to_press() {
    for mode in ["tap", "hold"] {
        let folder = tempfile::tempdir().unwrap();
        let args = ["--parrot", "--speech", DIALOGUE, "--speaker-file", "out.wav", "--mode", mode];
        let (code, printed) = run_with(&folder, &args);
        assert_eq!(code, Some(2), "{mode}: {printed}");
        for fact in ["[[button]]", "mode = \"open\"", "terminal"] {
            assert!(printed.contains(fact), "no {fact} in {printed}");
        }
        let mut child = mynah(folder.path()).args(args).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"q").unwrap();
        assert_eq!(wait(&mut child).code(), Some(0), "{mode}: keys may come through a pipe");
    }
}

#[test]
fn devices_are_listed_without_a_service_and_without_a_sound_card() {
    let folder = tempfile::tempdir().unwrap();
    let (code, printed) =
        run_with(&folder, &["devices", "--config", "/dev/null", "--microphone", "no-such-card"]);
    assert_eq!(code, Some(0), "{printed}");
    for fact in
        ["Microphones", "Speakers", "\"no-such-card\": set by option --microphone", "It cannot be used now: "]
    {
        assert!(printed.contains(fact), "no {fact} in {printed}");
    }
    assert!(!printed.contains("endpoint"), "{printed}");
    let (code, printed) = run_with(&folder, &["devices", "--speaker", "null", "--microfone", "null"]);
    assert_eq!(code, Some(2), "{printed}");
    for fact in ["It works now: speaker \"null\": 24000 Hz", "mean --microphone?"] {
        assert!(printed.contains(fact), "no {fact} in {printed}");
    }
}

#[test]
fn one_file_for_input_and_output_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (speech, link) = (folder.path().join("speech.wav"), folder.path().join("link.wav"));
    fs::copy(DIALOGUE, &speech).unwrap();
    fs::hard_link(&speech, &link).unwrap();
    for (option, path) in
        [("--speaker-file", "speech.wav"), ("--speaker-file", "link.wav"), ("--record", "./speech.wav")]
    {
        let (code, printed) = run_with(&folder, &["--parrot", "--speech", "speech.wav", option, path]);
        assert_eq!(code, Some(2), "{option} {path}: {printed}");
        for fact in ["--speech", option, "speech.wav", "another path"] {
            assert!(printed.contains(fact), "no {fact} in {printed}");
        }
        assert_eq!(fs::read(&speech).unwrap(), fs::read(DIALOGUE).unwrap(), "{option} {path}");
    }
}

#[test]
fn missing_card_is_waited_for_under_a_service_manager() {
    for (args, facts) in [
        (["--microphone", "no-such-card"], ["microphone", "no-such-card"]),
        (["--microphone", "no-such\nMAINPID=1"], ["microphone", "no-such"]),
        (["--board", "respeaker-4mic"], ["board respeaker-4mic:", "seeed4micvoicec"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let manager = UnixDatagram::bind(folder.path().join("manager")).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut child = mynah(folder.path())
            .args(["--config", "/dev/null", "--parrot"])
            .args(args)
            .env("NOTIFY_SOCKET", folder.path().join("manager"))
            .spawn()
            .unwrap();
        let mut bytes = [0; 4096];
        let length = manager.recv(&mut bytes).unwrap();
        let status = String::from_utf8_lossy(&bytes[..length]);
        assert!(status.starts_with("STATUS=") && facts.iter().all(|fact| status.contains(fact)), "{status}");
        assert!(!status.trim_end().contains('\n'), "a second message: {status:?}");
        assert_eq!(child.try_wait().unwrap(), None, "it did not wait");
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        assert_eq!(wait(&mut child).code(), Some(0), "SIGTERM is not a failure");
    }
}

#[test]
fn sigusr1_writes_a_recording_that_replays() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let mut command = connected(folder.path(), &service);
    let mut child = command.env("STATE_DIRECTORY", folder.path().join("state")).spawn().unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
    let recording = wait_for_recording(&folder.path().join("state/recordings"));
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let text = fs::read_to_string(&recording).unwrap();
    assert!(recording.to_str().unwrap().ends_with("Z-asked.jsonl") && !text.contains(KEY), "{text}");
    let file = recording.to_str().unwrap();
    let (code, lines) = run_with(&folder, &["replay", "--verbose", file]);
    assert_eq!(code, Some(0), "{lines}");
    for fact in ["event     link configured", "light     listening", "3 events, 1 actions"] {
        assert!(lines.contains(fact), "no {fact} in {lines}");
    }
    let (code, summary) = run_with(&folder, &["replay", file]);
    assert_eq!((code, summary.lines().count()), (Some(0), 1), "{summary}");
    assert!(summary.contains("3 events, 1 actions"), "{summary}");
    fs::write(&recording, text.replace("\"state\":\"listening\"", "\"state\":\"idle\"")).unwrap();
    let (code, printed) = run_with(&folder, &["replay", file]);
    assert_eq!(code, Some(1), "{printed}");
    for fact in ["link configured", "state", "idle", "listening"] {
        assert!(printed.contains(fact), "no {fact} in {printed}");
    }
}

#[test]
fn config_exits_with_2_if_something_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), "mode = push").unwrap();
    for (args, expected, part) in [
        (&["config", "--parrot"][..], 0, "Nothing is wrong."),
        (&["config"], 2, "no endpoint"),
        (&["config", "check", "bad.toml"], 2, "bad.toml: taken for a file of settings"),
        (&["help", "lights"], 0, "breathing"),
        (&["help", "nonsense"], 2, "the topics are"),
    ] {
        let (code, printed) = run_with(&folder, args);
        assert_eq!(code, Some(expected), "{printed}");
        assert!(printed.contains(part), "{printed}");
    }
}

#[test]
fn replay_of_an_invalid_file_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for (args, expected) in [
        (&["replay"][..], "Usage: mynah replay [--verbose] FILE"),
        (&["replay", "--loud"], "\"--loud\""),
        (&["replay", "a", "b"], "\"b\""),
        (&["replay", "nowhere"], "nowhere: cannot be read: No such file"),
        (&["replay", DIALOGUE], "dialogue.wav, line 1"),
    ] {
        let (code, printed) = run_with(&folder, args);
        assert_eq!(code, Some(2), "{args:?}: {printed}");
        assert!(printed.contains(expected), "{args:?}: {printed}");
    }
}

#[test]
fn a_reader_that_has_left_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/hold-interrupted-and-muted.jsonl");
    for (args, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["boards"], 0),
        (&["devices"], 0),
        (&["replay", "--verbose", recording], 0),
        (&["replay", "nowhere"], 2),
        (&["--config", "/dev/null", "--parrot", "--mode", "tpa"], 2),
    ] {
        let mut command = mynah(folder.path());
        let (_, out) = std::io::pipe().unwrap();
        let (_, error) = std::io::pipe().unwrap();
        assert_eq!(run(command.args(args).stdout(out).stderr(error)).status.code(), Some(code), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/hold-interrupted-and-muted.jsonl");
    for args in
        [&["--help"][..], &["--version"], &["boards"], &["devices"], &["replay", "--verbose", recording]]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(mynah(folder.path()).args(args).stdout(full));
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {printed}");
        assert!(printed.contains("No space left on device"), "{args:?}: {printed}");
        assert_eq!(printed.lines().count(), 1, "{args:?}: {printed}");
    }
}

#[test]
fn a_file_cannot_paint_on_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let painting = "\u{1b}[2J\u{202e}\u{9b}1m";
    fs::write(folder.path().join("mynah.toml"), format!("voice = \"{painting}\nalloy\n")).unwrap();
    fs::write(folder.path().join("painting.jsonl"), format!("{{\"{painting}\":1}}\n")).unwrap();
    for (args, is_quoted) in [
        (&["--parrot"][..], false),
        (&["--parrot", "--mode", painting], true),
        (&["--parrot", "--config", painting], true),
        (&["replay", painting], true),
        (&["replay", "painting.jsonl"], false),
    ] {
        let (code, printed) = run_with(&folder, args);
        assert_eq!(code, Some(2), "{args:?}: {printed:?}");
        let paints = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!printed.contains(paints), "{args:?}: {printed:?}");
        assert_eq!(printed.contains("202e"), is_quoted, "{args:?}: {printed:?}");
    }
}

#[test]
fn sigusr1_without_a_directory_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let mut child = connected(folder.path(), &service).spawn().unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    let pid = rustix::process::Pid::from_child(&child);
    for _ in 0..2 {
        rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
        let more = service.connections()[0].audio_ms + 300;
        service.until("more sound", move |all| all[0].audio_ms >= more);
    }
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let printed = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let reports = printed.lines().filter(|line| line.contains("--record FILE"));
    assert_eq!(reports.count(), 1, "{printed}");
}

#[test]
fn rejected_key_exits_with_2_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::refuse(401, "Access denied due to invalid subscription key.")]);
    let output = run(&mut connected(folder.path(), &service));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("401") && printed.contains("invalid subscription key"), "{printed}");
}

#[test]
fn a_refusal_names_the_address_and_where_it_was_set() {
    let body = r#"{"error":{"code":"404","message":"Resource not found"}}"#;
    for place in [
        "option --endpoint",
        "environment variable AZURE_VOICELIVE_ENDPOINT",
        ".env, line 2: AZURE",
        "mynah.toml, line 1",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start_plain([Behaviour::refuse(404, body)]);
        let url = service.url();
        let mut command = mynah(folder.path());
        command.args(["--speaker-file", "out.wav"]);
        match place.split([' ', ',']).next().unwrap() {
            "option" => command.args(["--endpoint", &url]).env("AZURE_VOICELIVE_API_KEY", KEY),
            "environment" => {
                command.env("AZURE_VOICELIVE_ENDPOINT", &url).env("AZURE_VOICELIVE_API_KEY", KEY)
            }
            // A key goes to an address of the folder only from the folder.
            ".env" => {
                let text =
                    format!("# a comment\nAZURE_VOICELIVE_ENDPOINT={url}\nAZURE_VOICELIVE_API_KEY={KEY}\n");
                fs::write(folder.path().join(".env"), text).unwrap();
                &mut command
            }
            _ => {
                fs::write(
                    folder.path().join("mynah.toml"),
                    format!("endpoint = \"{url}\"\napi_key = \"{KEY}\"\n"),
                )
                .unwrap();
                &mut command
            }
        };
        let output = run(&mut command);
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{printed}");
        assert!(printed.contains(&format!("dialled {url}/voice-live/realtime?")), "{printed}");
        assert!(printed.contains(&format!("the address is from {place}")), "{printed}");
        assert!(printed.contains("Resource not found (404)") && !printed.contains("{\"error\""), "{printed}");
    }
}

#[test]
fn a_recording_of_words_or_sound_is_said_at_every_start() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.toml");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut speech = hound::WavWriter::create(folder.path().join("short.wav"), spec).unwrap();
    (0..2400).for_each(|_| speech.write_sample(0_i16).unwrap());
    speech.finalize().unwrap();
    for (flags, said) in [
        (&["--record-words"][..], Some("the words of this conversation are recorded, after a fault to ")),
        (&["--record-sound", "--record", "x"], Some("the sound of this conversation are recorded, to ")),
        (&["--record", "y"], None),
    ] {
        for start in 0..2 {
            let mut command = mynah(folder.path());
            command.args(["--parrot", "--speech", "short.wav", "--speaker-file", "out.wav"]);
            command.arg("--state-file").arg(&state).args(flags);
            let printed = String::from_utf8(run(&mut command).stderr).unwrap();
            assert_eq!(printed.contains("this conversation"), said.is_some(), "{start}: {printed}");
            assert!(
                said.is_none_or(|said| printed.contains(said) && printed.contains(flags[0])),
                "{printed}"
            );
        }
    }
}

#[test]
fn a_recording_does_not_start_over_another_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter"), "Dear Sir").unwrap();
    let (code, printed) = run_with(&folder, &["--parrot", "--speaker-file", "out.wav", "--record", "letter"]);
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains("option --record: ") && printed.contains("letter is not a recording"),
        "{printed}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("letter")).unwrap(), "Dear Sir");
}

#[test]
fn a_microphone_that_nothing_shows_is_not_live_all_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let asoundrc = folder.path().join("asound.conf");
    fs::write(&asoundrc, "pcm.mic { type null }\npcm.speaker { type null }\n").unwrap();
    let start = |stdin: Stdio, flags: &[&str]| {
        let mut command = mynah(folder.path());
        command.args(["--parrot", "--microphone", "mic", "--speaker", "speaker"]).args(flags);
        command.env("ALSA_CONFIG_PATH", &asoundrc).stdin(stdin);
        command
    };
    let output = run(&mut start(Stdio::null(), &[]));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("no light that shows it") && printed.contains("--no-light"), "{printed}");
    for (flags, is_tap) in [(&[][..], true), (&["--no-light"], false)] {
        // Keys of a pipe: q ends it.
        let mut child = start(Stdio::piped(), flags).spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"q").unwrap();
        let output = child.wait_with_output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), printed.contains("the mode is tap")),
            (Some(0), is_tap),
            "{printed}"
        );
    }
}

#[test]
fn an_exported_key_reaches_no_address_of_the_folder() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), format!("AZURE_VOICELIVE_ENDPOINT={url}\n")).unwrap();
    let output =
        run(mynah(folder.path()).args(["--speaker-file", "out.wav"]).env("AZURE_VOICELIVE_API_KEY", KEY));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(
        printed.contains(".env, line 1: AZURE_VOICELIVE_ENDPOINT: ") && !printed.contains(KEY),
        "{printed}"
    );
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "it has connected");
}

/// Returns the program in `folder`, with an empty environment.
fn mynah(folder: &Path) -> Command {
    let mut command = Command::new(MYNAH);
    command
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Returns the program connected to `service`, with a silent microphone.
fn connected(folder: &Path, service: &Service) -> Command {
    let mut command = mynah(folder);
    command.args(["--endpoint", &service.url(), "--ca-file", service.ca_file().to_str().unwrap()]);
    command.args(["--speaker-file", "out.wav"]).env("AZURE_VOICELIVE_API_KEY", KEY);
    command
}

/// Waits for a recording in `folder` and returns its path.
#[allow(clippy::disallowed_methods, reason = "the test waits for another process")]
fn wait_for_recording(folder: &Path) -> PathBuf {
    for _ in 0..500 {
        let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        if let Some(file) =
            files.into_iter().find(|file| file.extension().is_some_and(|name| name == "jsonl"))
        {
            return file;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no recording in {}", folder.display());
}

/// Runs the program with `args` and returns its exit code and output.
fn run_with(folder: &tempfile::TempDir, args: &[&str]) -> (Option<i32>, String) {
    let output = run(mynah(folder.path()).args(args));
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

/// Runs the program until it exits.
fn run(command: &mut Command) -> Output {
    let mut child = command.spawn().unwrap();
    wait(&mut child);
    child.wait_with_output().unwrap()
}

/// Waits until another process has done something.
#[allow(clippy::disallowed_methods, reason = "the test waits for another process")]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("waited in vain for {what}");
}

#[allow(clippy::disallowed_methods, reason = "the test waits for another process")]
fn wait(child: &mut Child) -> ExitStatus {
    for _ in 0..1500 {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("it did not exit");
}

fn count(printed: &str, beginning: &str) -> usize {
    printed.lines().filter(|line| line.starts_with(beginning)).count()
}
