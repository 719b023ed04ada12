//! Output to a terminal, a pipe or a file.
//!
//! A terminal shows a status line at the bottom, redrawn in place, with lines scrolling above it. Anything
//! else gets plain lines without escape codes. Writing never blocks and never fails: a slow reader misses
//! lines and is told their number.

use std::io::{self, ErrorKind, IsTerminal, Stderr, Write};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::status_line::{ColourDepth, ScreenFacts, TermCaps, draw, state_text};
use super::tty;
use crate::light;
use crate::light::{Indication, LedCaps};
use crate::model::Time;
use crate::printable::Printable;

/// The dot at the start of the line, drawn as an LED.
const DOT: LedCaps = LedCaps { pixels: 1, colour: true, dimmable: true };

/// The target of a log record whose message is printed to standard output too.
pub const SHOWN: &str = "mynah::shown";

/// The status line as it is on the screen; empty if there is none.
///
/// The log shares it under a lock, so that neither interrupts the other's line.
#[derive(Clone, Debug, Default)]
pub struct StatusLine(Arc<Mutex<DrawnLine>>);

#[derive(Debug, Default)]
struct DrawnLine {
    text: String,
    /// Its length, without escape codes.
    columns: usize,
}

impl DrawnLine {
    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns what moves the cursor to the beginning of the line, on a terminal of `width` columns now. A terminal that
    /// was made narrower has wrapped the line, and the cursor is in its last row.
    fn start(&self, width: u16) -> String {
        match self.columns.checked_div(usize::from(width)) {
            None | Some(0) => "\r".to_owned(),
            Some(rows) => format!("\r\x1b[{rows}A\x1b[J"),
        }
    }

    /// Returns what erases the line.
    fn erase(&self, width: u16) -> String {
        self.start(width) + "\x1b[K"
    }

    /// Returns the line to draw again below other output. One that no longer fits in a row is not on the screen then.
    fn again(&mut self, width: u16) -> &str {
        if self.columns >= usize::from(width) {
            *self = Self::default();
        }
        &self.text
    }
}

impl StatusLine {
    /// Returns the status line of this process's terminal.
    pub(crate) fn global() -> Self {
        static GLOBAL: LazyLock<StatusLine> = LazyLock::new(StatusLine::default);
        GLOBAL.clone()
    }

    fn lock(&self) -> MutexGuard<'_, DrawnLine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A terminal, or plain lines.
pub struct Terminal<W: Write> {
    out: NonBlockingWriter<W>,
    /// `None` for plain lines.
    caps: Option<TermCaps>,
    facts: ScreenFacts,
    width: u16,
    status_line: StatusLine,
    /// The state in the last plain line, and whether it was muted.
    last_state: Option<(&'static str, bool)>,
    /// Lines that could not be written.
    lost_lines: u64,
}

impl<W: Write> Terminal<W> {
    /// Creates a terminal of 80 columns with these capabilities; `None` writes plain lines.
    #[must_use]
    pub fn new(out: W, caps: Option<TermCaps>, latching: bool, status_line: StatusLine) -> Self {
        let out = NonBlockingWriter { out, pending: Vec::new(), closed: false };
        let facts = ScreenFacts { latching, volume: 100, remembered: false };
        Self { out, caps, facts, width: 80, status_line, last_state: None, lost_lines: 0 }
    }

    /// Sets the width in columns.
    pub fn set_width(&mut self, width: u16) {
        self.width = width;
    }

    /// Sets the volume to show, in percent.
    pub fn set_volume(&mut self, percent: u8) {
        self.facts.volume = percent;
    }

    /// Sets whether a mute outlives a restart.
    pub fn set_remembered(&mut self, remembered: bool) {
        self.facts.remembered = remembered;
    }

    /// Shows `view` and writes only on a visible change. Returns how long until the light changes by itself.
    pub fn show(&mut self, view: &Indication, now: Time) -> Option<Duration> {
        let Some(caps) = self.caps else { return self.show_plain(view, now) };
        let frame = light::render(&view.light, now, view.levels, DOT);
        let line = draw(view, &frame, caps, self.facts, self.width);
        let mut status_line = self.status_line.lock();
        let is_wrapped = status_line.columns >= usize::from(self.width.max(1));
        if (status_line.text != line || is_wrapped)
            && self.out.write(&format!("{}{line}\x1b[K", status_line.start(self.width)))
        {
            let columns = columns_of(&line);
            *status_line = DrawnLine { text: line, columns };
        }
        frame.next
    }

    /// Prints a line of a speaker above the status line.
    pub fn print_line(&mut self, speaker: &str, text: &str) {
        // The text comes from the service.
        let text = Printable(text.trim());
        let lost_lines = match self.lost_lines {
            0 => String::new(),
            count => format!("({count} lines skipped: output was blocked)\n"),
        };
        let written = match self.caps {
            None => self.out.write(&format!("{lost_lines}{speaker}: {text}\n")),
            Some(caps) => {
                let mut status_line = self.status_line.lock();
                let speaker = match caps.colour {
                    ColourDepth::None => format!("{speaker}:"),
                    ColourDepth::Palette | ColourDepth::True => format!("\x1b[1m{speaker}:\x1b[0m"),
                };
                let (erase, again) = (status_line.erase(self.width), status_line.again(self.width));
                self.out.write(&format!("{erase}{lost_lines}{speaker} {text}\n{again}"))
            }
        };
        self.lost_lines = if written { 0 } else { self.lost_lines + 1 };
    }

    fn show_plain(&mut self, view: &Indication, now: Time) -> Option<Duration> {
        let (name, next) = light::state_name(&view.light, now);
        let state = Some((name, view.light.muted));
        if state != self.last_state && self.out.write(&format!("{}\n", state_text(view, name))) {
            self.last_state = state;
        }
        next
    }
}

impl<W: Write> Drop for Terminal<W> {
    /// Erases the status line, so that further output starts on an empty row.
    fn drop(&mut self) {
        let mut status_line = self.status_line.lock();
        if self.caps.is_some() && !status_line.is_empty() {
            self.out.write(&status_line.erase(self.width));
            *status_line = DrawnLine::default();
        }
    }
}

/// Returns the length of a line, without its escape codes.
fn columns_of(line: &str) -> usize {
    let mut is_code = false;
    line.chars()
        .filter(|character| {
            let is_shown = !is_code && *character != '\x1b';
            is_code = if is_code { !character.is_ascii_alphabetic() } else { *character == '\x1b' };
            is_shown
        })
        .count()
}

/// Writes without blocking: keeps the unwritten rest of at most one text.
struct NonBlockingWriter<W> {
    out: W,
    pending: Vec<u8>,
    closed: bool,
}

impl<W: Write> NonBlockingWriter<W> {
    /// Accepts all of `text` and returns true, or nothing and returns false.
    fn write(&mut self, text: &str) -> bool {
        self.flush_pending();
        if self.closed || !self.pending.is_empty() {
            return false;
        }
        self.pending.extend_from_slice(text.as_bytes());
        self.flush_pending();
        !self.closed
    }

    fn flush_pending(&mut self) {
        while !self.pending.is_empty() && !self.closed {
            match self.out.write(&self.pending) {
                Ok(0) => self.closed = true,
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.closed = true,
            }
        }
    }
}

/// Returns the log output: standard error, written around the status line.
#[must_use]
pub fn console() -> ConsoleLog<Stderr> {
    let stderr = io::stderr();
    let status_line = if stderr.is_terminal() { StatusLine::global() } else { StatusLine::default() };
    let mut console = ConsoleLog::new(stderr, status_line);
    console.set_width(|| tty::width(&io::stderr()));
    console
}

/// Writes log lines to `W` around the status line.
#[derive(Debug)]
pub struct ConsoleLog<W> {
    out: W,
    status_line: StatusLine,
    /// The terminal's width now, in columns.
    width: fn() -> Option<u16>,
}

impl<W: Write> ConsoleLog<W> {
    /// Creates a log output that shares `status_line`, on a terminal that keeps its width.
    pub fn new(out: W, status_line: StatusLine) -> Self {
        Self { out, status_line, width: || None }
    }

    /// Sets what returns the terminal's width in columns, which may change.
    pub fn set_width(&mut self, width: fn() -> Option<u16>) {
        self.width = width;
    }
}

impl<W: Write> Write for ConsoleLog<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut status_line = self.status_line.lock();
        if status_line.is_empty() || !bytes.ends_with(b"\n") {
            self.out.write_all(bytes)?;
        } else {
            // A single write, so that output of other threads cannot interleave.
            let width = (self.width)().unwrap_or(u16::MAX);
            let (erase, again) = (status_line.erase(width), status_line.again(width));
            self.out.write_all(&[erase.as_bytes(), bytes, again.as_bytes()].concat())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
