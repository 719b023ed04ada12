//! What the program tells, and to whom: a trouble once to each reader, and the words of a room to none unasked.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{DIALOGUE, connected, count, mynah, run, until, wait};
use crate::service::{Behaviour, Service, Step, events};

#[test]
fn a_refusal_is_told_once_to_a_journal_and_once_to_each_of_two_readers() {
    for is_one in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start([Behaviour::refuse(401, "a-key-nobody-knows")]);
        let mut command = connected(folder.path(), &service);
        let texts = if is_one { one_output(&mut command, folder.path()) } else { two_outputs(&mut command) };
        for text in texts {
            assert_eq!(text.matches("a-key-nobody-knows").count(), 1, "{text}");
        }
    }
}

#[test]
fn a_notice_is_told_once_even_with_the_debug_log() {
    let folder = tempfile::tempdir().unwrap();
    let output = fs::File::create(folder.path().join("output")).unwrap();
    let mut command = mynah(folder.path());
    command.args(["--parrot", "--verbose", "--log-dir", "logs", "--speaker-file", "out.wav"]);
    command.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
    let mut child = command.spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"m ").unwrap();
    let sentence = "the microphone is muted; unmute it";
    let printed = || fs::read_to_string(folder.path().join("output")).unwrap();
    until("the notice", || printed().contains(sentence));
    keys.write_all(b"q").unwrap();
    assert!(wait(&mut child).success());
    let log = fs::read_dir(folder.path().join("logs")).unwrap().next().unwrap().unwrap().path();
    for text in [printed(), fs::read_to_string(log).unwrap()] {
        assert_eq!(text.matches(sentence).count(), 1, "{text}");
    }
}

#[test]
fn the_words_of_a_room_are_neither_printed_nor_logged_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = mynah(folder.path());
    command.args([
        "--parrot",
        "--verbose",
        "--log-dir",
        "logs",
        "--speech",
        DIALOGUE,
        "--speaker-file",
        "out.wav",
    ]);
    let printed = one_output(&mut command, folder.path()).pop().unwrap();
    let log = fs::read_dir(folder.path().join("logs")).unwrap().next().unwrap().unwrap().path();
    for text in [printed.as_str(), &fs::read_to_string(log).unwrap()] {
        assert!(!text.contains("here it is again") && !text.contains("s of speech"), "{text}");
    }
    assert_eq!(count(&printed, "speaking"), 3, "the states are printed: {printed}");
}

#[test]
fn what_a_device_remembers_does_not_reach_a_trial_and_is_named_at_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("device/state.toml");
    fs::create_dir(folder.path().join("device")).unwrap();
    fs::write(&state, "muted = true\nvolume = 30\n").unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut speech = hound::WavWriter::create(folder.path().join("speech.wav"), spec).unwrap();
    (0..12_000).for_each(|_| speech.write_sample(0_i16).unwrap());
    speech.finalize().unwrap();
    // The flags of ./try, as the shell reads them.
    let script = "here=$PWD; eval \"$(grep '^fresh=' \"$0\")\"; exec \"$@\" \"${fresh[@]}\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, concat!(env!("CARGO_MANIFEST_DIR"), "/try"), super::MYNAH, "--parrot"]);
    command.args(["--speech=speech.wav", "--speaker-file=out.wav"]).current_dir(folder.path());
    command.env("STATE_DIRECTORY", folder.path().join("device"));
    let printed = one_output(&mut command, folder.path()).pop().unwrap();
    assert!(printed.contains("listening") && !printed.contains("muted"), "{printed}");
    assert_eq!(fs::read_to_string(&state).unwrap(), "muted = true\nvolume = 30\n");

    let mut command = mynah(folder.path());
    command.args(["--parrot", "--speaker-file=out.wav"]).env("STATE_DIRECTORY", folder.path().join("device"));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"q").unwrap();
    assert!(wait(&mut child).success());
    let printed = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(printed.contains(state.to_str().unwrap()) && printed.contains("Unmute"), "{printed}");
}

#[test]
fn a_refused_option_of_the_session_is_told_with_the_place_where_it_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |update: &serde_json::Value| {
        let mut error = events::error("invalid_value", update["event_id"].as_str());
        error["error"]["param"] = "session.turn_detection.silence_duration_ms".into();
        error
    };
    let steps = [events::opening()[0].clone(), Step::Expect("session.update"), Step::Answer(refusal)];
    let service = Service::start([Behaviour::script(steps)]);
    let output = run(connected(folder.path(), &service).env("AZURE_VOICELIVE_TURN_SILENCE_MS", "300"));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    let place = "turn_silence_ms is from environment variable AZURE_VOICELIVE_TURN_SILENCE_MS";
    assert!(printed.contains(place), "{printed}");
}

/// Runs the program with output and errors to one file, as under a service manager.
fn one_output(command: &mut Command, folder: &Path) -> Vec<String> {
    let file = fs::File::create(folder.join("output")).unwrap();
    run(command.stdout(file.try_clone().unwrap()).stderr(file));
    vec![fs::read_to_string(folder.join("output")).unwrap()]
}

fn two_outputs(command: &mut Command) -> Vec<String> {
    let output = run(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    [output.stdout, output.stderr].into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
}
