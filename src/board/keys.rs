//! Keys of a terminal as touches: space is the button, `m` mutes, `q` or Ctrl-D quits.
//!
//! A terminal tells of no release, so a press is down and up at once, or with `latching` down and
//! up in turn, and muting lets it up. Keys that send escape sequences (arrows and the like) touch nothing.

use super::Touch;

/// A keyboard's bytes, being read.
#[derive(Debug)]
pub struct Keys {
    latching: bool,
    down: bool,
    escape: Escape,
}

/// Where in an escape sequence the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    Within,
}

const SPACE: u8 = b' ';
const CTRL_D: u8 = 4;
const ESCAPE: u8 = 0x1b;

impl Keys {
    /// Makes a keyboard with the button up.
    #[must_use]
    pub fn new(latching: bool) -> Self {
        Self { latching, down: false, escape: Escape::None }
    }

    /// Reports what `bytes`, which came in one read, touch.
    pub fn read(&mut self, bytes: &[u8], mut each: impl FnMut(Touch)) {
        // A sequence comes whole: at the start of a read an open one was the Escape key alone.
        self.escape = Escape::None;
        for byte in bytes {
            match self.step(*byte) {
                SPACE if self.latching => {
                    self.down = !self.down;
                    each(if self.down { Touch::Down } else { Touch::Up });
                }
                SPACE => {
                    each(Touch::Down);
                    each(Touch::Up);
                }
                b'm' | b'M' => {
                    each(Touch::Mute);
                    // What was being said is over, so the next press is to begin and not to end.
                    if std::mem::take(&mut self.down) {
                        each(Touch::Up);
                    }
                }
                b'q' | b'Q' | CTRL_D => each(Touch::Quit),
                _ => {}
            }
        }
    }

    /// Gives the byte back, or nothing's byte within an escape sequence.
    fn step(&mut self, byte: u8) -> u8 {
        let (next, own) = match (self.escape, byte) {
            (_, ESCAPE) => (Escape::Begun, ESCAPE),
            (Escape::None, own) => (Escape::None, own),
            (Escape::Begun, b'[' | b'O') => (Escape::Within, ESCAPE),
            (Escape::Begun, _) | (Escape::Within, 0x40..=0x7e) => (Escape::None, ESCAPE),
            (Escape::Within, _) => (Escape::Within, ESCAPE),
        };
        self.escape = next;
        own
    }
}
