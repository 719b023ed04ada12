//! Words and options that people know from other programs, and what they lead to here.
//!
//! It reads no setting.

use crate::config::schema::{KeyRow, ROWS};

/// Options of other programs, and the next step.
const OPTIONS: [(&[&str], &str); 13] = [
    (
        &[
            "list-devices",
            "list-audio-devices",
            "list",
            "devices",
            "list-cards",
            "show-devices",
            "list-microphones",
        ],
        "mynah devices lists microphones and speakers",
    ),
    (
        &["device", "audio-device", "card", "alsa-device"],
        "--microphone and --speaker choose them; mynah devices lists them",
    ),
    (&["input", "input-device", "audio-input-device", "in", "capture"], "--microphone chooses it"),
    (&["output", "output-device", "audio-output-device", "out", "playback"], "--speaker chooses it"),
    (&["list-boards", "boards"], "mynah boards lists the boards"),
    (
        &["check", "test", "validate", "dry-run", "show-config", "print-config"],
        "mynah config shows all settings",
    ),
    (&["push-to-talk", "ptt"], "--mode hold is push to talk"),
    (
        &["wake-word", "wakeword", "hotword"],
        "there is no wake word; --mode tap starts a conversation by a button",
    ),
    (&["debug", "log-level", "loglevel", "trace"], "--verbose logs at level debug"),
    (&["prompt", "system-prompt", "system"], "--instructions is the system prompt"),
    (&["url", "host", "resource", "server"], "--endpoint is the address of the service"),
    (&["deployment", "deployment-name", "model-name"], "--model is the model or deployment"),
    (&["locale", "transcription-language"], "--language is the language of your words"),
];

/// Commands that there are not, and the next step.
const COMMANDS: [(&[&str], &str); 7] = [
    (
        &["start", "run", "go", "talk", "listen", "chat"],
        "mynah without a word talks; mynah --help lists the options",
    ),
    (&["list", "cards", "audio", "microphones", "speakers"], "mynah devices lists microphones and speakers"),
    (&["settings", "check", "doctor", "show", "test"], "mynah config shows all settings and what is wrong"),
    (&["version"], "mynah --version prints the version"),
    (&["status", "service", "stop", "restart"], "systemctl status mynah shows the service"),
    (&["log", "logs", "journal"], "journalctl -u mynah shows the log of the service"),
    (&["parrot", "demo"], "mynah --parrot talks with the built-in service; mynah --help lists the options"),
];

/// Returns the next step for an option of another program.
pub(super) fn advice_for_option(name: &str) -> Option<&'static str> {
    find(&OPTIONS, name)
}

/// Returns the next step for an argument that is no option.
pub(super) fn advice_for_word(word: &str) -> Option<&'static str> {
    if word.contains("://") {
        return Some("put --endpoint before an address; mynah --help lists the options");
    }
    if word.ends_with(".toml") {
        return Some("put --config before a file of settings, or --board before a board file");
    }
    find(&COMMANDS, word)
}

/// Returns the options that start with a letter, in brackets: there are no short ones.
pub(super) fn advice_for_letter(letter: char) -> String {
    let options = ROWS.iter().filter(|row| row.has_option() && row.name.starts_with(letter));
    let options: Vec<_> = options.map(|row| format!("--{}", KeyRow::option(row))).collect();
    if options.is_empty() { String::new() } else { format!(" (did you mean {}?)", options.join(" or ")) }
}

fn find(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase().replace('_', "-");
    table.iter().find(|(words, _)| words.contains(&word.as_str())).map(|(_, advice)| *advice)
}
