//! Two settings that lead to one file are rejected, unless both only read it.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Fixture, HOST, KEY, assert_problems};

#[test]
fn speech_and_speaker_file_must_be_different_files() {
    let fixture = Fixture::new().file("x.wav", "sound").file("sub/other.wav", "");
    let dir = fixture.dir.path();
    symlink("x.wav", dir.join("link.wav")).unwrap();
    fs::hard_link(dir.join("x.wav"), dir.join("hard.wav")).unwrap();
    for same in
        ["x.wav", "./x.wav", "sub/../x.wav", "link.wav", "hard.wav", dir.join("x.wav").to_str().unwrap()]
    {
        let problems = fixture.flags(&["--parrot", "--speech", "x.wav", "--speaker-file", same]).problems();
        assert_problems(
            &problems,
            &["option --speech and option --speaker-file: | x.wav | overwrite | another path"],
        );
    }
    assert_eq!(fs::read(dir.join("x.wav")).unwrap(), b"sound");
    fixture.flags(&["--parrot", "--speech", "x.wav", "--speaker-file", "sub/x.wav"]).run();
}

#[test]
fn two_outputs_that_do_not_exist_yet_must_be_different() {
    let fixture = Fixture::new();
    symlink("new.wav", fixture.dir.path().join("dangling.wav")).unwrap();
    for (record, speaker) in [
        ("new.wav", "./new.wav"),
        ("dangling.wav", "new.wav"),
        ("none/../new.wav", "new.wav"),
        ("a/b", "./a/c/../b"),
    ] {
        let flags = ["--parrot", "--record", record, "--speaker-file", speaker];
        assert_problems(
            &fixture.flags(&flags).problems(),
            &["option --speaker-file and option --record: | overwrite | another path"],
        );
    }
    fixture.flags(&["--parrot", "--record", "none/new.wav", "--speaker-file", "new.wav"]).run();
}

#[test]
fn no_file_that_is_read_may_be_written() {
    let board = "[board]\nname = 'mine'\nabout = 'x'\n[speaker]\ndevice = 'hw:1'\n";
    let fixture = Fixture::new()
        .file("mynah.toml", "parrot = true")
        .file(".env", "OTHER=1")
        .file("key", KEY)
        .file("ca.pem", "")
        .file("mine.toml", board);
    let read: [(&[&str], &str, &str); 6] = [
        (&[], "mynah.toml", "mynah.toml and"),
        (&[], ".env", ".env and"),
        (&["--api-key-file", "key"], "key", "option --api-key-file and"),
        (&["--token-file", "key"], "key", "option --token-file and"),
        (&["--ca-file", "ca.pem"], "ca.pem", "option --ca-file and"),
        (&["--board", "mine.toml"], "mine.toml", "option --board and"),
    ];
    for (flags, file, start) in read {
        for option in ["--speaker-file", "--record", "--state-file", "--log-dir"] {
            let problems = fixture.flags(&[flags, &[option, file]].concat()).problems();
            assert_problems(&problems, &[&format!("{start} option {option}: | {file}")]);
        }
    }
    let azure =
        ["--config", "mynah.toml", "--endpoint", HOST, "--api-key-file", "key", "--record", "mynah.toml"];
    assert_problems(&fixture.flags(&azure).problems(), &["mynah.toml and option --record: | mynah.toml"]);
}

#[test]
fn files_beside_an_output_are_not_overwritten_either() {
    let fixture = Fixture::new().file("rec.1", "").file("state.new", "").file("logs/keep", "");
    for (flags, expected) in [
        (["--speech", "rec.1", "--record", "rec"], "option --speech and the older half of option --record:"),
        (
            ["--speech", "state.new", "--state-file", "state.toml"],
            "option --speech and the temporary file of option --state-file:",
        ),
        (["--state-file", "logs", "--log-dir", "logs"], "option --state-file and option --log-dir:"),
        (
            ["--speaker-file", "factory-reset", "--state-file", "state.toml"],
            "option --speaker-file and the reset mark beside option --state-file:",
        ),
        (
            ["--record", "recordings", "--state-file", "state.toml"],
            "option --record and the recordings beside option --state-file:",
        ),
    ] {
        assert_problems(&fixture.flags(&[&["--parrot"], &flags[..]].concat()).problems(), &[expected]);
    }
}

#[test]
fn continuous_recording_is_not_among_those_that_are_removed() {
    let fixture = Fixture::new();
    let flags = |record| ["--parrot", "--state-file", "s/state.toml", "--record", record];
    assert_problems(
        &fixture.flags(&flags("s/./recordings/all.jsonl")).problems(),
        &[
            "option --record: | all.jsonl | the recordings beside option --state-file | removes | another path",
        ],
    );
    fixture.flags(&flags("s/recordings/all.record")).run();
    fixture.flags(&flags("s/all.jsonl")).run();
}

#[test]
fn default_state_file_is_compared_too() {
    let fixture = Fixture::new().file("state/state.toml", "muted = false\n");
    let state = fixture.dir.path().join("state");
    let fixture = fixture.env("STATE_DIRECTORY", state.to_str().unwrap());
    assert_problems(
        &fixture.flags(&["--parrot", "--record", "state/state.toml"]).problems(),
        &["option --record and the default of state_file: | state.toml"],
    );
}

#[test]
fn files_that_are_only_read_and_devices_may_be_shared() {
    let fixture = Fixture::new().file("mynah.toml", "parrot = true").file("both", KEY);
    fixture.flags(&["--api-key-file", "both", "--speech", "both"]).run();
    fixture.flags(&["--speaker-file", "/dev/null", "--record", "/dev/null"]).run();
    fixture.flags(&["--log-dir", "recordings", "--state-file", "state.toml"]).run();
}
