//! All settings: no message contains a secret, every error has a message, and equivalent spellings give equal results.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use mynah::config::{self, ConfigError, Credential, HostInfo, Request, SavedState};
use tempfile::TempDir;

use super::toml_variants::respell;

/// An API key that must not appear in any message.
const KEY: &str = "kq7Zx0VbW3";

pub(super) fn config(bytes: &[u8]) {
    let Some(text) = safe_text(bytes) else { return };
    let text = if text.contains("api_key") { text } else { format!("api_key = \"{KEY}\"\n{text}") };
    let dir = WorkingDir::new();
    let result = dir.with("mynah.toml", &text, &["mynah"]);
    if let (Ok(result), Some(other)) = (&result, respell(&text)) {
        assert_eq!(Some(result), dir.with("mynah.toml", &other, &["mynah"]).as_ref().ok(), "{other}");
    }
}

pub(super) fn board(bytes: &[u8]) {
    let Some(text) = safe_text(bytes) else { return };
    let dir = WorkingDir::new();
    let arguments = ["mynah", "boards", "check", "board.toml"];
    let result = dir.with("board.toml", &text, &arguments);
    if let (Ok(result), Some(other)) = (&result, respell(&text)) {
        assert_eq!(Some(result), dir.with("board.toml", &other, &arguments).as_ref().ok(), "{other}");
    }
    let run = dir.with("board.toml", &text, &["mynah", "--parrot", "--board", "./board.toml"]);
    assert!(
        result.is_ok() || run.is_err(),
        "a board file that `boards check` rejects must not run: {result:?}"
    );
}

pub(super) fn dotenv(bytes: &[u8]) {
    let Some(text) = safe_text(bytes) else { return };
    let text = if text.contains("API_KEY") { text } else { format!("AZURE_VOICELIVE_API_KEY={KEY}\n{text}") };
    let (dir, args) = (WorkingDir::new(), ["mynah", "--parrot", "--board=desktop"]);
    let result = dir.with(".env", &text, &args);
    // A zero byte can make it UTF-16, in which these are not line ends.
    if text.contains('\0') {
        return;
    }
    let other = text.replace("\r\n", "\n").replace('\n', "\r\n");
    assert_eq!(result, dir.with(".env", &other, &args));
}

/// A key file gives a key that can be sent in a header, whatever its encoding, quotes and line ends, or an error.
pub(super) fn secret(bytes: &[u8]) {
    let dir = WorkingDir::new();
    let file = dir.0.path().join("key");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        Credential::read_token(&file, "localhost").map(|secret| secret.reveal().to_owned())
    };
    let found = read(bytes);
    let Ok(secret) = &found else {
        return assert!(found.unwrap_err().starts_with(file.to_str().unwrap()));
    };
    assert!(!secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic()), "{secret:?}");
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(secret.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for other in [utf16, format!("\"{secret}\"\r\n").into_bytes(), format!("AZURE_KEY={secret}").into_bytes()]
    {
        assert_eq!(read(&other), found);
    }
}

/// A saved state never prevents a start, and a damaged one leaves the microphone muted.
pub(super) fn state(bytes: &[u8]) {
    let dir = WorkingDir::new();
    let file = dir.0.path().join("state.toml");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        match dir
            .read(["mynah", "--parrot", "--board=desktop", "--state-file=state.toml"].map(OsString::from))
        {
            Ok(Request::Run(profile)) => (profile.saved_state, profile.warnings),
            other => panic!("{other:?}"),
        }
    };
    let (state, warnings) = read(bytes);
    // What is remembered and cannot be heard is said.
    let silences = usize::from(state.muted) + usize::from(state.volume == 0);
    assert!(state.muted || warnings.len() == silences, "{warnings:?}");
    assert!(state.muted || bytes.windows(5).any(|word| word == b"false"));
    let (reread, warnings) = read(
        SavedState::text(state.muted, state.volume, state.accepted.as_deref(), state.conversation.as_deref())
            .as_bytes(),
    );
    assert_eq!((reread, warnings.len()), (state, silences), "{warnings:?}");
}

/// Each line is an argument of the command line.
pub(super) fn arguments(bytes: &[u8]) {
    if safe_text(&bytes.iter().map(|byte| byte & 0x7f).collect::<Vec<_>>()).is_none() {
        return;
    }
    let lines = bytes.split(|byte| *byte == b'\n').map(|word| OsString::from_vec(word.to_vec()));
    let dir = WorkingDir::new();
    let mut args = vec![OsString::from("mynah")];
    args.extend(lines);
    let result = dir.read(args.clone()).map_err(|error| messages(&error));
    let keyed = args.iter().any(|word| word.to_string_lossy().contains("--api-key"));
    // Before a command there are no flags.
    if result.is_ok() && !keyed && args.get(1).is_some_and(|word| word.to_string_lossy().starts_with("--")) {
        args.insert(1, OsString::from(format!("--api-key={KEY}")));
        let reread = dir.read(args).map_err(|error| messages(&error));
        assert!(!format!("{reread:?}").contains(KEY));
    }
}

/// Returns the bytes as text, unless they may name a file outside the working directory or contain [`KEY`].
fn safe_text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let outside = ["/dev", "/proc", "/sys", "..", KEY].iter().any(|word| text.contains(word));
    (!outside).then(|| text.to_owned())
}

/// A temporary working directory.
struct WorkingDir(TempDir);

impl WorkingDir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(&self, file: &str, text: &str, args: &[&str]) -> Result<String, Vec<String>> {
        fs::write(self.0.path().join(file), text).unwrap();
        let read = self.read(args.iter().map(OsString::from));
        let result = read
            .map(|request| without_line_numbers(&format!("{request:?}")))
            .map_err(|error| messages(&error));
        assert!(!format!("{result:?}").contains(KEY), "the key is in a message: {result:?}");
        result
    }

    fn read(&self, args: impl IntoIterator<Item = OsString>) -> Result<Request, ConfigError> {
        config::read(args, [], self.0.path(), Path::new("none/mynah.toml"), &HostInfo::default())
    }
}

/// Removes line numbers, which differ between spellings.
fn without_line_numbers(result: &str) -> String {
    let mut parts = result.split(", line ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn messages(error: &ConfigError) -> Vec<String> {
    let problems = error.problems();
    assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.trim().is_empty()));
    problems.to_vec()
}
