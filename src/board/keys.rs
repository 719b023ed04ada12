//! Keys of a terminal as touches: space is the button, `m` mutes, `+` and `-` turn the volume, `q` or Ctrl-D
//! quits.
//!
//! A terminal tells of no release. Where one matters, it is told from the pause after the keyboard's
//! auto-repeat; a short tap leaves the button down until the next, or until muting lets it up. Keys that
//! send escape sequences (arrows and the like) touch nothing. Time is an argument.

use std::time::Duration;

use super::Touch;
use crate::model::Time;

/// The longest that keyboards wait before they repeat a key that is held.
const FIRST_REPEAT: Duration = Duration::from_millis(700);
/// A key that has been repeated and then is not for so long has been let go.
const LAST_REPEAT: Duration = Duration::from_millis(200);

/// What the space bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// Down and up at once: nobody asks how long.
    Click,
    /// Down and up in turn, for keys that come through a pipe.
    Toggle,
    /// Down while the key is held, or from one tap to the next.
    Hold,
}

/// A keyboard's bytes, being read.
#[derive(Debug)]
pub struct Keys {
    button: Button,
    grip: Grip,
    escape: Escape,
}

/// What is known of the finger on the space bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grip {
    Up,
    /// Down, and until then it may turn out to be held.
    Tapped {
        until: Time,
    },
    /// Down by a tap.
    Latched,
    /// Down for as long as it is repeated.
    Held {
        until: Time,
    },
    /// Up, and what is repeated until then belongs to the tap that let go.
    Released {
        until: Time,
    },
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
    pub fn new(button: Button) -> Self {
        Self { button, grip: Grip::Up, escape: Escape::None }
    }

    /// Reports what `bytes`, which came in one read, touch.
    pub fn read(&mut self, bytes: &[u8], now: Time, mut each: impl FnMut(Touch)) {
        self.expire(now, &mut each);
        // A sequence comes whole: at the start of a read an open one was the Escape key alone.
        self.escape = Escape::None;
        for byte in bytes {
            match self.step(*byte) {
                SPACE => self.space(now, &mut each),
                b'm' | b'M' => self.mute(&mut each),
                b'+' | b'=' => each(Touch::VolumeUp),
                b'-' => each(Touch::VolumeDown),
                b'q' | b'Q' | CTRL_D => each(Touch::Quit),
                _ => {}
            }
        }
    }

    /// Names the time at which a held key counts as let go.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.grip {
            Grip::Tapped { until } | Grip::Held { until } | Grip::Released { until } => Some(until),
            Grip::Up | Grip::Latched => None,
        }
    }

    /// Reports what the passing of time means.
    pub fn expire(&mut self, now: Time, mut each: impl FnMut(Touch)) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        self.grip = match self.grip {
            Grip::Tapped { .. } | Grip::Latched => Grip::Latched,
            Grip::Held { .. } => {
                each(Touch::Up);
                Grip::Up
            }
            Grip::Up | Grip::Released { .. } => Grip::Up,
        };
    }

    /// What was being said is over, so the next press is to begin and not to end.
    fn mute(&mut self, each: &mut impl FnMut(Touch)) {
        each(Touch::Mute);
        match self.grip {
            Grip::Tapped { .. } | Grip::Latched | Grip::Held { .. } => each(Touch::Up),
            Grip::Up | Grip::Released { .. } => {}
        }
        self.grip = Grip::Up;
    }

    fn space(&mut self, now: Time, each: &mut impl FnMut(Touch)) {
        self.grip = match (self.button, self.grip) {
            (Button::Click, grip) => {
                each(Touch::Down);
                each(Touch::Up);
                grip
            }
            (Button::Toggle, Grip::Latched) | (Button::Hold, Grip::Latched) => {
                each(Touch::Up);
                match self.button {
                    Button::Hold => Grip::Released { until: now + FIRST_REPEAT },
                    Button::Click | Button::Toggle => Grip::Up,
                }
            }
            (Button::Hold, Grip::Tapped { .. } | Grip::Held { .. }) => {
                Grip::Held { until: now + LAST_REPEAT }
            }
            (Button::Hold, Grip::Released { until }) => {
                Grip::Released { until: until.max(now + LAST_REPEAT) }
            }
            (Button::Hold, Grip::Up) => {
                each(Touch::Down);
                Grip::Tapped { until: now + FIRST_REPEAT }
            }
            (Button::Toggle, _) => {
                each(Touch::Down);
                Grip::Latched
            }
        };
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
