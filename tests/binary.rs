//! The program as its owner runs it: a whole conversation, exit codes, signals, and secrets kept.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use crate::service::{Behaviour, Service, events};

const MYNAH: &str = env!("CARGO_BIN_EXE_mynah");
const DIALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialogue.wav");
const KEY: &str = "s3cret-key-of-the-owner";

#[test]
fn the_recorded_voice_holds_a_whole_conversation_with_the_parrot_and_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        ended(mynah(folder.path()).args(["--parrot", "--speech", DIALOGUE, "--speaker-file", "out.wav"]));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(count(&said, "you: "), 3, "{said}");
    assert_eq!(count(&said, "mynah: "), 3, "{said}");
    assert_eq!(said.matches("after the interruption").count(), 1, "one barge-in: {said}");
    let states: Vec<_> = said.lines().filter(|line| !line.contains(':')).collect();
    let turn = ["listening", "thinking", "speaking"];
    assert_eq!(states, [&["connecting"][..], &turn, &turn, &turn, &["listening", "idle"]].concat());
    let wav = hound::WavReader::open(folder.path().join("out.wav")).unwrap();
    assert!(wav.duration() > 10 * 24_000, "the speaker played all the time, silence included");
}

#[test]
fn a_signal_ends_it_politely_with_exit_code_0() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start([Behaviour::script(events::opening())]);
        let mut child = talking(folder.path(), &service).spawn().unwrap();
        service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        assert_eq!(wait(&mut child).code(), Some(0));
        service.until("the goodbye", |all| all[0].close == Some((1000, String::new())));
    }
}

#[test]
fn the_service_manager_hears_that_it_is_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = mynah(folder.path());
    command.args(["--parrot", "--speech", DIALOGUE, "--speaker-file", "out.wav"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "600000").stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut said = Vec::new();
    while said.last().is_none_or(|last| last != "STOPPING=1") {
        let mut text = [0; 256];
        let length = manager.recv(&mut text).unwrap();
        said.push(String::from_utf8_lossy(&text[..length]).trim().to_owned());
    }
    assert_eq!(wait(&mut child).code(), Some(0));
    assert_eq!(said[0], "READY=1");
    // The recorded conversation lasts ten seconds; a sign is due every 0.2 s, on a machine that is not busy.
    assert!(count(&said.join("\n"), "WATCHDOG=1") >= 3, "{said:?}");
}

#[test]
fn the_key_is_in_no_line_no_log_and_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening()), Behaviour::refuse(401, "bad key")]);
    let mut child = talking(folder.path(), &service).args(["--verbose", "--log"]).spawn().unwrap();
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
    assert!(log.contains("session sess_"), "the log tells something: {log}");
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
fn a_wrong_set_up_is_exit_code_2_with_a_sentence_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mynah.toml"), "vioce = \"alloy\"\n").unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--parrot"], "did you mean voice?"),
        (&["--config", "/dev/null"], "AZURE_VOICELIVE_ENDPOINT"),
        (&["--config", "/dev/null", "--parrot", "--mode", "tpa"], "did you mean tap?"),
        (&["--config", "/dev/null", "--parrot", "--microphone", "no-such-card"], "\"no-such-card\""),
        (&["--config", "/dev/null", "--parrot", "--speech", "/dev/null"], "sox"),
    ];
    for (args, expected) in cases {
        let output = ended(mynah(folder.path()).args(args));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn under_a_service_manager_a_missing_card_is_waited_for_and_the_status_says_so() {
    for (args, expected) in [
        (["--microphone", "no-such-card"], "there is no microphone \"no-such-card\""),
        (["--board", "respeaker-4mic"], "board respeaker-4mic: its sound card is not here"),
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
        let mut told = [0; 4096];
        let length = manager.recv(&mut told).unwrap();
        let told = String::from_utf8_lossy(&told[..length]);
        assert!(told.starts_with(&format!("STATUS={expected}")), "{told}");
        assert_eq!(child.try_wait().unwrap(), None, "it is given up at once");
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        assert_eq!(wait(&mut child).code(), Some(0), "asked to end it is no failure");
    }
}

#[test]
fn who_asks_with_a_signal_gets_a_recording_that_can_be_lived_again() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let mut command = talking(folder.path(), &service);
    let mut child = command.env("STATE_DIRECTORY", folder.path().join("state")).spawn().unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
    let recording = written(&folder.path().join("state/recordings"));
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let text = fs::read_to_string(&recording).unwrap();
    assert!(recording.to_str().unwrap().ends_with("Z-asked.jsonl") && !text.contains(KEY), "{text}");
    let file = recording.to_str().unwrap();
    let story = answer(&folder, &["replay", "--verbose", file]);
    assert_eq!(story.0, Some(0), "{}", story.1);
    for told in [
        "event     link configured -> nothing",
        "light     listening (green)",
        "identical: 3 events, 1 actions",
    ] {
        assert!(story.1.contains(told), "{told} in {}", story.1);
    }
    assert_eq!(answer(&folder, &["replay", file]), (Some(0), "identical: 3 events, 1 actions\n".into()));
    fs::write(&recording, text.replace("\"state\":\"listening\"", "\"state\":\"idle\"")).unwrap();
    let (code, said) = answer(&folder, &["replay", file]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("event link configured: state was idle and is now listening"), "{said}");
}

#[test]
fn what_is_no_recording_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for (args, expected) in [
        (&["replay"][..], "mynah replay: of which file?\nUsage: mynah replay [--verbose] FILE"),
        (&["replay", "--loud"], "\"--loud\" is not understood"),
        (&["replay", "a", "b"], "\"b\" is not understood"),
        (&["replay", "nowhere"], "nowhere: cannot be read: No such file"),
        (&["replay", DIALOGUE], "dialogue.wav, line 1: not the first line of a recording"),
    ] {
        let (code, said) = answer(&folder, args);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn without_a_place_whoever_asks_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let mut child = talking(folder.path(), &service).spawn().unwrap();
    service.until("sound", |all| all.iter().any(|one| one.audio_ms > 100));
    let pid = rustix::process::Pid::from_child(&child);
    for _ in 0..2 {
        rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
        let more = service.connections()[0].audio_ms + 300;
        service.until("more sound", move |all| all[0].audio_ms >= more);
    }
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert_eq!(said.matches("no recording saved (asked)").count(), 1, "{said}");
    assert!(said.contains("--record FILE") && said.contains("--state-file"), "{said}");
}

#[test]
fn a_refused_key_is_exit_code_2_and_names_the_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::refuse(401, "Access denied due to invalid subscription key.")]);
    let output = ended(&mut talking(folder.path(), &service));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("401") && said.contains("invalid subscription key"), "{said}");
}

/// The program in a folder of its own, with an environment of its own.
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

/// The program talking to a service, with silence for a voice.
fn talking(folder: &Path, service: &Service) -> Command {
    let mut command = mynah(folder);
    command.args(["--endpoint", &service.url(), "--ca-file", service.ca_file().to_str().unwrap()]);
    command.args(["--speaker-file", "out.wav"]).env("AZURE_VOICELIVE_API_KEY", KEY);
    command
}

/// Waits for a recording in this folder.
#[allow(clippy::disallowed_methods, reason = "a test outside the program waits for it to write")]
fn written(folder: &Path) -> PathBuf {
    for _ in 0..500 {
        let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        if let Some(file) =
            files.into_iter().find(|file| file.extension().is_some_and(|name| name == "jsonl"))
        {
            return file;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nothing was recorded in {}", folder.display());
}

/// What it answers to these words, and its exit code.
fn answer(folder: &tempfile::TempDir, args: &[&str]) -> (Option<i32>, String) {
    let output = ended(mynah(folder.path()).args(args));
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Runs it to its end, which must come.
fn ended(command: &mut Command) -> Output {
    let mut child = command.spawn().unwrap();
    wait(&mut child);
    child.wait_with_output().unwrap()
}

#[allow(clippy::disallowed_methods, reason = "a test outside the program waits for it to end")]
fn wait(child: &mut Child) -> ExitStatus {
    for _ in 0..1500 {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("it did not end");
}

fn count(said: &str, beginning: &str) -> usize {
    said.lines().filter(|line| line.starts_with(beginning)).count()
}
