//! A home folder's `.asoundrc` that is wrong: mynah names the file, the line, the cause and the remedy.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use mynah::audio::AsoundFile;
use proptest::prelude::*;

use crate::fuzz::TARGETS;

#[test]
fn a_malformed_asoundrc_is_named_with_line_and_cause() {
    // As Raspberry Pi OS writes it for a card that is gone, then two more.
    let no_number = "pcm.!default {\n  type asym\n  playback.pcm {\n    type plug\n    slave.pcm \"out\"\n  }\n}\n\n\
                     pcm.out {\n  type hw\n  card \n}\n\nctl.!default {\n  type hw\n  card \n}\n";
    for (text, facts) in [
        (no_number, ["line 11: `card` has no number", "alsa-lib stops at line 14"]),
        ("/ my card\npcm.mic {\n type hw\n card S330\n}\n", ["line 1: a comment starts with #", "line 2"]),
        (
            "pcm.!default {\n type plug\n slave.pcm {\n  type hw\n card 0\n }\n",
            ["line 1: the block", "} is missing"],
        ),
        ("pcm.!default {\n type plug\n slave.pcm \"hw:0\n}\n", ["line 3: the text", "quotation mark"]),
        ("pcm.!default {\n type hw\n card 0\n}\n}\n", ["line 5: } closes no block", "mv "]),
        ("</nowhere/other.conf>\n", ["line 1: it includes /nowhere/other.conf", "cannot be read"]),
    ] {
        let (code, printed) = start(text, &[]);
        assert_eq!(code, Some(2), "{printed}");
        assert!(facts.iter().all(|fact| printed.contains(fact)), "{facts:?}: {printed}");
        assert!(printed.contains("/.asoundrc, line"), "{printed}");
    }
}

#[test]
fn a_missing_plug_in_is_named_with_its_package() {
    for (kind, facts) in [
        ("pipewire", ["line 2: the plug-in `pipewire`", "sudo apt install pipewire-alsa"]),
        ("pulse", ["line 2: the plug-in `pulse`", "sudo apt install libasound2-plugins"]),
        ("bluealsa", ["line 2: the plug-in `bluealsa`", "sudo apt install libasound2-plugin-bluez"]),
        ("plg", ["line 2: alsa-lib has no type `plg` (did you mean plug?)", "--microphone"]),
    ] {
        let (code, printed) = start(&format!("# sound\npcm.!default {{ type {kind} }}\n"), &[]);
        assert_eq!(code, Some(2), "{printed}");
        assert!(facts.iter().all(|fact| printed.contains(fact)), "{facts:?}: {printed}");
        assert!(!printed.contains("plug one in"), "{printed}");
    }
    let (_, printed) = start("", &["--microphone", "pipewire"]);
    assert!(printed.contains("install pipewire-alsa"), "{printed}");
}

#[test]
fn a_definition_that_leads_nowhere_is_named_with_its_line() {
    for (text, facts) in [
        (
            "pcm.!default { type plug slave.pcm \"default\" }\n",
            ["line 1: its definition leads back", "--microphone"],
        ),
        (
            "\npcm.!default \"a\"\npcm.a \"plug:b\"\npcm.b \"plug:a\"\n",
            ["line 2: its definition leads back", "hw:0"],
        ),
        (
            "pcm.!default {\n type asym\n playback.pcm \"null\"\n}\n",
            ["line 1: its definition of type `asym`", "capture.pcm"],
        ),
        ("pcm.!default {\n type plug\n slave.pcm \"mice\"\n}\n", ["line 3: no device mice", "pcm.mice"]),
        (
            "pcm.!default {\n type hw\n cards 1\n}\n",
            ["line 3: alsa-lib says: Unknown field cards", "--microphone"],
        ),
        (
            "pcm.!default {\n type hw\n card 1\n}\n",
            ["no microphone \"default\"", "line 3: there is no card 1"],
        ),
        (
            "pcm.!default {\n type plug\n slave.pcm \"hw:S330\"\n}\n",
            ["no microphone", "line 3: there is no card S330"],
        ),
    ] {
        let (code, printed) = start(text, &[]);
        assert_eq!(code, Some(2), "{printed}");
        assert!(facts.iter().all(|fact| printed.contains(fact)), "{facts:?}: {printed}");
    }
    let (_, printed) = start("# USB\ndefaults.pcm.card 1\ndefaults.ctl.card 1\n", &[]);
    assert!(printed.contains("/.asoundrc, line 2: there is no card 1"), "{printed}");
    let (_, printed) = start("pcm.!default { type asym capture.pcm \"null\" }\n", &[]);
    assert!(printed.contains("line 1: its definition of type `asym` has no playback.pcm"), "{printed}");
}

#[test]
fn a_null_device_is_warned_of_with_its_line() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".asoundrc"), "pcm.!default {\n type plug\n slave.pcm \"null\"\n}\n").unwrap();
    let mut child = mynah(home.path()).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"q").unwrap();
    let printed = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let mut devices = Command::new(env!("CARGO_BIN_EXE_mynah"));
    let listed = devices.arg("devices").current_dir(home.path()).env("HOME", home.path()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.matches("It cannot be used now: ").count(), 2, "{listed}");
    for end in ["microphone", "speaker"] {
        let fact = format!("/.asoundrc, line 3: the {end} \"default\" is ALSA's null device");
        assert!(printed.contains(&fact), "no {fact} in {printed}");
    }
}

#[test]
fn an_asoundrc_is_read_to_its_first_fault() {
    let file =
        AsoundFile::parse("pcm.a = { type hw; card 1 }\npcm.\"my mic\" [ x 'y z' ] # end\nctl.b {\n}}\n");
    let entries: Vec<_> =
        file.entries.iter().map(|entry| (entry.path.as_str(), entry.value.as_deref(), entry.line)).collect();
    assert_eq!(
        entries,
        [
            ("pcm.a", None, 1),
            ("pcm.a.type", Some("hw"), 1),
            ("pcm.a.card", Some("1"), 1),
            ("pcm.my mic", None, 2),
            ("pcm.my mic", Some("x"), 2),
            ("pcm.my mic", Some("y z"), 2),
            ("ctl.b", None, 3),
        ]
    );
    assert_eq!(file.fault.map(|fault| fault.line), Some(4));
    for (text, line) in [("a {\n b [ 1\n}\n", 3), ("\na = ", 2), ("a 1\n{\n", 2), ("= 1", 1), ("a \"b\nc", 1)]
    {
        assert_eq!(AsoundFile::parse(text).fault.map(|fault| fault.line), Some(line), "{text:?}");
    }
    assert!(AsoundFile::parse(&"a {\n".repeat(100)).fault.is_some_and(|fault| fault.line < 100));
}

proptest! {
    #[test]
    fn any_text_is_read_in_bounded_memory(text in "([a-z.!]{1,6}|[ \n]|[{}=,;#<>\"'\\\\]|\\[|\\]){0,80}") {
        let (_, check) = TARGETS.iter().find(|(name, _)| *name == "asoundrc").unwrap();
        check(text.as_bytes());
    }
}

/// Starts mynah with `asoundrc` in its home folder; returns its exit code and what it printed.
fn start(asoundrc: &str, args: &[&str]) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".asoundrc"), asoundrc).unwrap();
    let output = mynah(home.path()).args(args).output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn mynah(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mynah"));
    command.current_dir(home).env_clear().env("HOME", home).stdin(Stdio::null());
    // Which plug-ins this machine has does not matter.
    command.env("ALSA_PLUGIN_DIR", home);
    command.args(["--config", "/dev/null", "--parrot", "--board", "desktop"]);
    command
}
