//! What is written to a terminal, or to whatever stands in its place.
//!
//! A terminal has a live line at the bottom, redrawn in place, with lines scrolling above it.
//! Anything else gets plain lines and no escape codes. Writing neither waits nor fails: a reader
//! that is gone or too slow misses lines and is told how many.

use std::io::{self, ErrorKind, IsTerminal, Stderr, Write};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::status_line::{ColourDepth, TermCaps, draw, state_text};
use crate::light;
use crate::light::{Indication, LedCaps};
use crate::model::Time;

const ERASE: &str = "\r\x1b[K";
/// The dot at the beginning of the line.
const DOT: LedCaps = LedCaps { pixels: 1, colour: true, dimmable: true };

/// The live line as it stands on the screen; empty when there is none.
///
/// The log shares it, so that both take turns and neither tears the other.
#[derive(Clone, Debug, Default)]
pub struct StatusLine(Arc<Mutex<String>>);

impl StatusLine {
    /// Gives the one of this process's terminal.
    pub(crate) fn global() -> Self {
        static GLOBAL: LazyLock<StatusLine> = LazyLock::new(StatusLine::default);
        GLOBAL.clone()
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A terminal, or plain lines.
pub struct Terminal<W: Write> {
    out: NonBlockingWriter<W>,
    /// None for plain lines.
    caps: Option<TermCaps>,
    latching: bool,
    width: u16,
    status_line: StatusLine,
    /// The state that the last plain line told, and whether it was told as muted.
    last_state: Option<(&'static str, bool)>,
    /// The lines that could not be written.
    lost_lines: u64,
}

impl<W: Write> Terminal<W> {
    /// Makes a terminal 80 columns wide that shows what `look` allows; none makes plain lines.
    #[must_use]
    pub fn new(out: W, caps: Option<TermCaps>, latching: bool, status_line: StatusLine) -> Self {
        let out = NonBlockingWriter { out, pending: Vec::new(), closed: false };
        Self { out, caps, latching, width: 80, status_line, last_state: None, lost_lines: 0 }
    }

    /// Sets the width, columns.
    pub fn set_width(&mut self, width: u16) {
        self.width = width;
    }

    /// Shows `view`, writing only where what is visible differs, and says when it differs by itself.
    pub fn show(&mut self, view: &Indication, now: Time) -> Option<Duration> {
        let Some(caps) = self.caps else { return self.show_plain(view, now) };
        let frame = light::render(&view.facts, now, view.levels, DOT);
        let line = draw(view, &frame, caps, self.latching, self.width);
        let mut status_line = self.status_line.lock();
        if *status_line != line && self.out.write(&format!("\r{line}\x1b[K")) {
            *status_line = line;
        }
        frame.next
    }

    /// Prints one line of what `who` said.
    pub fn print_line(&mut self, speaker: &str, text: &str) {
        // The text comes from far away: it must not steer the terminal.
        let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let lost_lines = match self.lost_lines {
            0 => String::new(),
            count => format!("({count} lines could not be shown)\n"),
        };
        let written = match self.caps {
            None => self.out.write(&format!("{lost_lines}{speaker}: {text}\n")),
            Some(caps) => {
                let status_line = self.status_line.lock();
                let speaker = match caps.colour {
                    ColourDepth::None => format!("{speaker}:"),
                    ColourDepth::Palette | ColourDepth::True => format!("\x1b[1m{speaker}:\x1b[0m"),
                };
                self.out.write(&format!("{ERASE}{lost_lines}{speaker} {text}\n{}", *status_line))
            }
        };
        self.lost_lines = if written { 0 } else { self.lost_lines + 1 };
    }

    fn show_plain(&mut self, view: &Indication, now: Time) -> Option<Duration> {
        let (name, next) = light::word(&view.facts, now);
        let state = Some((name, view.facts.muted));
        if state != self.last_state && self.out.write(&format!("{}\n", state_text(view, name))) {
            self.last_state = state;
        }
        next
    }
}

impl<W: Write> Drop for Terminal<W> {
    /// Takes the live line away, so that what comes next begins on a clean row.
    fn drop(&mut self) {
        let mut status_line = self.status_line.lock();
        if self.caps.is_some() && !status_line.is_empty() {
            self.out.write(ERASE);
            status_line.clear();
        }
    }
}

/// Writes without waiting: what a slow reader does not take at once is kept, a whole text at most.
struct NonBlockingWriter<W> {
    out: W,
    pending: Vec<u8>,
    closed: bool,
}

impl<W: Write> NonBlockingWriter<W> {
    /// Takes on `text`, all or nothing, and tells which.
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

/// Makes the place for the log to go: standard error, around the live line.
#[must_use]
pub fn console() -> ConsoleLog<Stderr> {
    let stderr = io::stderr();
    let status_line = if stderr.is_terminal() { StatusLine::global() } else { StatusLine::default() };
    ConsoleLog::new(stderr, status_line)
}

/// Writes log lines to `W` without tearing the live line.
#[derive(Debug)]
pub struct ConsoleLog<W> {
    out: W,
    status_line: StatusLine,
}

impl<W: Write> ConsoleLog<W> {
    /// Makes a console that goes around `live`.
    pub fn new(out: W, status_line: StatusLine) -> Self {
        Self { out, status_line }
    }
}

impl<W: Write> Write for ConsoleLog<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let status_line = self.status_line.lock();
        if status_line.is_empty() || !bytes.ends_with(b"\n") {
            self.out.write_all(bytes)?;
        } else {
            // One write, so that other threads' output comes before or after it.
            self.out.write_all(&[ERASE.as_bytes(), bytes, status_line.as_bytes()].concat())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
