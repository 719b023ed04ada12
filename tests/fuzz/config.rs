//! Everything the owner may set: a secret stands in no sentence, every refusal has one, and other spellings of the
//! same say the same.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use mynah::config::{self, ConfigError, HostInfo, Request, SavedState};
use tempfile::TempDir;

use super::toml_again::spell;

/// A key that nobody guesses.
const KEY: &str = "kq7Zx0VbW3";

pub(super) fn config(bytes: &[u8]) {
    let Some(text) = harmless(bytes) else { return };
    let text = if text.contains("api_key") { text } else { format!("api_key = \"{KEY}\"\n{text}") };
    let desk = Desk::new();
    let said = desk.with("mynah.toml", &text, &["mynah"]);
    if let (Ok(said), Some(other)) = (&said, spell(&text)) {
        assert_eq!(Some(said), desk.with("mynah.toml", &other, &["mynah"]).as_ref().ok(), "{other}");
    }
}

pub(super) fn board(bytes: &[u8]) {
    let Some(text) = harmless(bytes) else { return };
    let desk = Desk::new();
    let check = ["mynah", "boards", "check", "board.toml"];
    let said = desk.with("board.toml", &text, &check);
    if let (Ok(said), Some(other)) = (&said, spell(&text)) {
        assert_eq!(Some(said), desk.with("board.toml", &other, &check).as_ref().ok(), "{other}");
    }
    let run = desk.with("board.toml", &text, &["mynah", "--parrot", "--board", "./board.toml"]);
    assert!(said.is_ok() || run.is_err(), "what is no good board file is no board: {said:?}");
}

pub(super) fn dotenv(bytes: &[u8]) {
    let Some(text) = harmless(bytes) else { return };
    let text = if text.contains("API_KEY") { text } else { format!("AZURE_VOICELIVE_API_KEY={KEY}\n{text}") };
    let (desk, args) = (Desk::new(), ["mynah", "--parrot", "--board=desktop"]);
    let said = desk.with(".env", &text, &args);
    let other = text.replace("\r\n", "\n").replace('\n', "\r\n");
    assert_eq!(said, desk.with(".env", &other, &args));
}

/// What was remembered never stops a start, and a microphone opens only where that is clear.
pub(super) fn state(bytes: &[u8]) {
    let desk = Desk::new();
    let file = desk.0.path().join("state.toml");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        match desk
            .read(["mynah", "--parrot", "--board=desktop", "--state-file=state.toml"].map(OsString::from))
        {
            Ok(Request::Run(profile)) => (profile.saved_state, profile.warnings),
            other => panic!("{other:?}"),
        }
    };
    let (keep, warnings) = read(bytes);
    assert!(keep.muted || warnings.is_empty(), "{warnings:?}");
    assert!(keep.muted || bytes.windows(5).any(|word| word == b"false"));
    let (again, warnings) = read(SavedState::text(keep.muted, keep.volume).as_bytes());
    assert_eq!((again, warnings), (keep, Vec::new()));
}

/// Each line is a word; the first ones are variables of the environment where they have a name.
pub(super) fn arguments(bytes: &[u8]) {
    if harmless(&bytes.iter().map(|byte| byte & 0x7f).collect::<Vec<_>>()).is_none() {
        return;
    }
    let words = bytes.split(|byte| *byte == b'\n').map(|word| OsString::from_vec(word.to_vec()));
    let desk = Desk::new();
    let mut args = vec![OsString::from("mynah")];
    args.extend(words);
    let said = desk.read(args.clone()).map_err(|error| sentences(&error));
    let keyed = args.iter().any(|word| word.to_string_lossy().contains("--api-key"));
    // A word that is a command takes the place of all flags.
    if said.is_ok() && !keyed && args.get(1).is_some_and(|word| word.to_string_lossy().starts_with("--")) {
        args.insert(1, OsString::from(format!("--api-key={KEY}")));
        let again = desk.read(args).map_err(|error| sentences(&error));
        assert!(!format!("{again:?}").contains(KEY));
    }
}

/// Text that names no file of this machine.
fn harmless(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let away = ["/dev", "/proc", "/sys", "..", KEY].iter().any(|word| text.contains(word));
    (!away).then(|| text.to_owned())
}

/// A working directory.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(&self, file: &str, text: &str, args: &[&str]) -> Result<String, Vec<String>> {
        fs::write(self.0.path().join(file), text).unwrap();
        let read = self.read(args.iter().map(OsString::from));
        let said = read.map(|request| unnumbered(&format!("{request:?}"))).map_err(|error| sentences(&error));
        assert!(!format!("{said:?}").contains(KEY), "the key is told: {said:?}");
        said
    }

    fn read(&self, args: impl IntoIterator<Item = OsString>) -> Result<Request, ConfigError> {
        config::read(args, [], self.0.path(), Path::new("none/mynah.toml"), &HostInfo::default())
    }
}

/// Warnings name lines, and another spelling has others.
fn unnumbered(said: &str) -> String {
    let mut parts = said.split(", line ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn sentences(error: &ConfigError) -> Vec<String> {
    let problems = error.problems();
    assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.trim().is_empty()));
    problems.to_vec()
}
