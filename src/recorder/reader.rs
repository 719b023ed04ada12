//! Reading a recording line by line, strictly: what is not understood is refused with its line and a sentence.
//!
//! Any bytes may come; none makes it panic.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::error::Category;

use super::format::{FORMAT, Head, RecordLine};
use crate::model::Time;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it and what to do, as the rest of a sentence.
    pub why: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for ReadError {}

/// A recording that is being read.
#[derive(Debug)]
pub struct RecordingReader<'a> {
    head: Head<'a>,
    rest: &'a [u8],
    line: usize,
    at: Time,
}

/// What the first line of any format says.
#[derive(Deserialize)]
struct FormatHead<'a> {
    recording: u32,
    #[serde(borrow)]
    mynah: Option<Cow<'a, str>>,
}

impl<'a> RecordingReader<'a> {
    /// Begins to read with the first line.
    ///
    /// # Errors
    /// When it is not that of a recording, or of one in another format.
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

    /// Gives the next line with its number, counted from 1; none at the end.
    ///
    /// # Errors
    /// When it is not one, or of a kind that this mynah does not know, or says that it happened before the line
    /// before it.
    #[expect(clippy::should_implement_trait, reason = "nobody goes on after an error")]
    pub fn next(&mut self) -> Result<Option<(usize, RecordLine<'a>)>, ReadError> {
        let Some(bytes) = self.next_bytes() else { return Ok(None) };
        let number = self.line;
        let fail = |why: String| Err(ReadError { line: number, why });
        let line: RecordLine<'a> = match serde_json::from_slice(bytes) {
            Ok(line) => line,
            Err(error) => return fail(self.describe(&error)),
        };
        if line.at() < self.at {
            return fail("it happened before the line before it".to_owned());
        }
        self.at = line.at();
        Ok(Some((number, line)))
    }

    fn describe(&self, error: &serde_json::Error) -> String {
        let (message, this_version, its_version) =
            (parser_message(error), env!("CARGO_PKG_VERSION"), &self.head.mynah);
        match error.classify() {
            Category::Data if this_version != its_version => format!(
                "{message}; it was written by mynah {its_version} and this is mynah {this_version}: use that one to replay it"
            ),
            Category::Eof if self.rest.is_empty() => {
                format!(
                    "{message}: the end of the recording is missing; without this line it can be replayed"
                )
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

/// Every line is a text of its own to the parser, so the line it names is always 1.
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
