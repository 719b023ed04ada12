//! Reads a recording line by line, and rejects any unknown content with its line number.
//!
//! It accepts arbitrary bytes and never panics.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::error::Category;

use super::format::{FORMAT, Head, RecordLine};
use crate::model::Time;

/// Why a recording cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with the line, and what to do.
    pub why: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for ReadError {}

/// A reader of the lines of a recording.
#[derive(Debug)]
pub struct RecordingReader<'a> {
    head: Head<'a>,
    rest: &'a [u8],
    line: usize,
    at: Time,
}

/// The fields of a first line that every format version has.
#[derive(Deserialize)]
struct FormatHead<'a> {
    recording: u32,
    #[serde(borrow)]
    mynah: Option<Cow<'a, str>>,
}

impl<'a> RecordingReader<'a> {
    /// Creates a reader, and reads the first line.
    ///
    /// # Errors
    /// When it is not the first line of a recording, or has another format version.
    pub fn begin(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let fail = |why: String| Err(ReadError { line: 1, why });
        let mut reader = Self { head: empty_head(), rest: bytes, line: 0, at: Time::ZERO };
        let Some(first) = reader.next_bytes() else { return fail("the file is empty".to_owned()) };
        let FormatHead { recording, mynah } = match serde_json::from_slice(first) {
            Ok(any) => any,
            Err(error) => {
                return fail(format!("not the first line of a recording: {}", parser_message(&error)));
            }
        };
        if recording != FORMAT {
            let wrote = mynah.as_deref().unwrap_or("of an unknown version");
            return fail(format!(
                "mynah {wrote} wrote this recording in format {recording}; this is mynah {}, which reads \
                 format {FORMAT} only: replay it with a mynah that writes format {recording}",
                env!("CARGO_PKG_VERSION")
            ));
        }
        match serde_json::from_slice::<Head<'a>>(first) {
            Ok(head) => Ok(Self { head, ..reader }),
            Err(error) => fail(format!("not the first line of a recording: {}", parser_message(&error))),
        }
    }

    #[must_use]
    pub fn head(&self) -> &Head<'a> {
        &self.head
    }

    /// Returns the next line with its number, counted from 1, or `None` at the end.
    ///
    /// # Errors
    /// When the line is malformed, of an unknown kind, or earlier than the line before it.
    #[expect(clippy::should_implement_trait, reason = "an iterator could be used after an error")]
    pub fn next(&mut self) -> Result<Option<(usize, RecordLine<'a>)>, ReadError> {
        let Some(bytes) = self.next_bytes() else { return Ok(None) };
        let number = self.line;
        let fail = |why: String| Err(ReadError { line: number, why });
        let line: RecordLine<'a> = match serde_json::from_slice(bytes) {
            Ok(line) => line,
            Err(error) => return fail(self.describe(&error)),
        };
        if line.at() < self.at {
            return fail("its time is before that of the previous line".to_owned());
        }
        self.at = line.at();
        Ok(Some((number, line)))
    }

    fn describe(&self, error: &serde_json::Error) -> String {
        let (message, this_version, its_version) =
            (parser_message(error), env!("CARGO_PKG_VERSION"), &self.head.mynah);
        match error.classify() {
            Category::Data if this_version != its_version => format!(
                "{message}; it was written by mynah {its_version} and this is mynah {this_version}: replay it with \
                 mynah {its_version}"
            ),
            Category::Eof if self.rest.is_empty() => {
                format!("{message}: the recording is cut off here; delete this line to replay the rest")
            }
            Category::Data | Category::Eof | Category::Syntax | Category::Io => message,
        }
    }

    fn next_bytes(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        self.line += 1;
        Some(line)
    }
}

/// Drops the parser's line number, which is always 1 because lines are parsed one by one.
fn parser_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (what, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    if error.column() > 0 { format!("{what} (column {})", error.column()) } else { what.to_owned() }
}

fn empty_head() -> Head<'static> {
    Head {
        recording: FORMAT,
        mynah: "".into(),
        mode: crate::conversation::Mode::Open,
        seed: 0,
        started: None,
        why: "".into(),
        dropped: 0,
        sound: false,
        words: false,
    }
}
