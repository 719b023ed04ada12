//! What is written to a terminal, or to whatever stands in its place.
//!
//! A terminal has a live line at the bottom, redrawn in place, with lines scrolling above it.
//! Anything else gets plain lines and no escape codes. Writing neither waits nor fails: a reader
//! that is gone or too slow misses lines and is told how many.

use std::io::{self, ErrorKind, IsTerminal, Stderr, Write};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::status_line::{ColourDepth, TermCaps, draw, state};
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
    look: Option<TermCaps>,
    latching: bool,
    width: u16,
    live: StatusLine,
    /// The state that the last plain line told, and whether it was told as muted.
    told: Option<(&'static str, bool)>,
    /// The lines that could not be written.
    missed: u64,
}

impl<W: Write> Terminal<W> {
    /// Makes a terminal 80 columns wide that shows what `look` allows; none makes plain lines.
    #[must_use]
    pub fn new(out: W, look: Option<TermCaps>, latching: bool, live: StatusLine) -> Self {
        let out = NonBlockingWriter { out, rest: Vec::new(), gone: false };
        Self { out, look, latching, width: 80, live, told: None, missed: 0 }
    }

    /// Sets the width, columns.
    pub fn set_width(&mut self, width: u16) {
        self.width = width;
    }

    /// Shows `view`, writing only where what is visible differs, and says when it differs by itself.
    pub fn show(&mut self, view: &Indication, now: Time) -> Option<Duration> {
        let Some(look) = self.look else { return self.tell(view, now) };
        let picture = light::render(&view.facts, now, view.levels, DOT);
        let line = draw(view, &picture, look, self.latching, self.width);
        let mut live = self.live.lock();
        if *live != line && self.out.write(&format!("\r{line}\x1b[K")) {
            *live = line;
        }
        picture.next
    }

    /// Prints one line of what `who` said.
    pub fn say(&mut self, who: &str, text: &str) {
        // The text comes from far away: it must not steer the terminal.
        let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let missed = match self.missed {
            0 => String::new(),
            count => format!("({count} lines could not be shown)\n"),
        };
        let written = match self.look {
            None => self.out.write(&format!("{missed}{who}: {text}\n")),
            Some(look) => {
                let live = self.live.lock();
                let who = match look.colour {
                    ColourDepth::None => format!("{who}:"),
                    ColourDepth::Palette | ColourDepth::True => format!("\x1b[1m{who}:\x1b[0m"),
                };
                self.out.write(&format!("{ERASE}{missed}{who} {text}\n{}", *live))
            }
        };
        self.missed = if written { 0 } else { self.missed + 1 };
    }

    fn tell(&mut self, view: &Indication, now: Time) -> Option<Duration> {
        let (name, next) = light::word(&view.facts, now);
        let news = Some((name, view.facts.muted));
        if news != self.told && self.out.write(&format!("{}\n", state(view, name))) {
            self.told = news;
        }
        next
    }
}

impl<W: Write> Drop for Terminal<W> {
    /// Takes the live line away, so that what comes next begins on a clean row.
    fn drop(&mut self) {
        let mut live = self.live.lock();
        if self.look.is_some() && !live.is_empty() {
            self.out.write(ERASE);
            live.clear();
        }
    }
}

/// Writes without waiting: what a slow reader does not take at once is kept, a whole text at most.
struct NonBlockingWriter<W> {
    out: W,
    rest: Vec<u8>,
    gone: bool,
}

impl<W: Write> NonBlockingWriter<W> {
    /// Takes on `text`, all or nothing, and tells which.
    fn write(&mut self, text: &str) -> bool {
        self.push();
        if self.gone || !self.rest.is_empty() {
            return false;
        }
        self.rest.extend_from_slice(text.as_bytes());
        self.push();
        !self.gone
    }

    fn push(&mut self) {
        while !self.rest.is_empty() && !self.gone {
            match self.out.write(&self.rest) {
                Ok(0) => self.gone = true,
                Ok(count) => drop(self.rest.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.gone = true,
            }
        }
    }
}

/// Makes the place for the log to go: standard error, around the live line.
#[must_use]
pub fn console() -> ConsoleLog<Stderr> {
    let stderr = io::stderr();
    let live = if stderr.is_terminal() { StatusLine::global() } else { StatusLine::default() };
    ConsoleLog::new(stderr, live)
}

/// Writes log lines to `W` without tearing the live line.
#[derive(Debug)]
pub struct ConsoleLog<W> {
    out: W,
    live: StatusLine,
}

impl<W: Write> ConsoleLog<W> {
    /// Makes a console that goes around `live`.
    pub fn new(out: W, live: StatusLine) -> Self {
        Self { out, live }
    }
}

impl<W: Write> Write for ConsoleLog<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let live = self.live.lock();
        if live.is_empty() || !bytes.ends_with(b"\n") {
            self.out.write_all(bytes)?;
        } else {
            // One write, so that other threads' output comes before or after it.
            self.out.write_all(&[ERASE.as_bytes(), bytes, live.as_bytes()].concat())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
