//! Keys of a terminal as touches: space is the button, `m` mutes, `+` and `-` turn the volume, `q` or Ctrl-D
//! quits.
//!
//! A terminal tells of no release. Where one matters, it is told from the pause after the keyboard's
//! auto-repeat; a short tap leaves the button down until the next, or until muting lets it up. Keys that
//! send escape sequences (arrows and the like) touch nothing. Time is an argument.

use std::time::Duration;

use crate::inputs::InputEvent;
use crate::model::Time;

/// The longest that keyboards wait before they repeat a key that is held.
const FIRST_REPEAT: Duration = Duration::from_millis(700);
/// A key that has been repeated and then is not for so long has been let go.
const LAST_REPEAT: Duration = Duration::from_millis(200);

/// What the space bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceBarMode {
    /// Down and up at once: nobody asks how long.
    Click,
    /// Down and up in turn, for keys that come through a pipe.
    Toggle,
    /// Down while the key is held, or from one tap to the next.
    Hold,
}

/// A keyboard's bytes, being read.
#[derive(Debug)]
pub struct KeyParser {
    mode: SpaceBarMode,
    space_key: SpaceKey,
    escape: EscapeState,
}

/// What is known of the finger on the space bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpaceKey {
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
enum EscapeState {
    None,
    Begun,
    Within,
}

const SPACE: u8 = b' ';
const CTRL_D: u8 = 4;
const ESCAPE: u8 = 0x1b;

impl KeyParser {
    /// Makes a keyboard with the button up.
    #[must_use]
    pub fn new(mode: SpaceBarMode) -> Self {
        Self { mode, space_key: SpaceKey::Up, escape: EscapeState::None }
    }

    /// Reports what `bytes`, which came in one read, touch.
    pub fn read(&mut self, bytes: &[u8], now: Time, mut emit: impl FnMut(InputEvent)) {
        self.expire(now, &mut emit);
        // A sequence comes whole: at the start of a read an open one was the Escape key alone.
        self.escape = EscapeState::None;
        for byte in bytes {
            match self.filter_escape(*byte) {
                SPACE => self.space(now, &mut emit),
                b'm' | b'M' => self.mute(&mut emit),
                b'+' | b'=' => emit(InputEvent::VolumeUp),
                b'-' => emit(InputEvent::VolumeDown),
                b'q' | b'Q' | CTRL_D => emit(InputEvent::Quit),
                _ => {}
            }
        }
    }

    /// Names the time at which a held key counts as let go.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.space_key {
            SpaceKey::Tapped { until } | SpaceKey::Held { until } | SpaceKey::Released { until } => {
                Some(until)
            }
            SpaceKey::Up | SpaceKey::Latched => None,
        }
    }

    /// Reports what the passing of time means.
    pub fn expire(&mut self, now: Time, mut emit: impl FnMut(InputEvent)) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        self.space_key = match self.space_key {
            SpaceKey::Tapped { .. } | SpaceKey::Latched => SpaceKey::Latched,
            SpaceKey::Held { .. } => {
                emit(InputEvent::Up);
                SpaceKey::Up
            }
            SpaceKey::Up | SpaceKey::Released { .. } => SpaceKey::Up,
        };
    }

    /// What was being said is over, so the next press is to begin and not to end.
    fn mute(&mut self, emit: &mut impl FnMut(InputEvent)) {
        emit(InputEvent::Mute);
        match self.space_key {
            SpaceKey::Tapped { .. } | SpaceKey::Latched | SpaceKey::Held { .. } => emit(InputEvent::Up),
            SpaceKey::Up | SpaceKey::Released { .. } => {}
        }
        self.space_key = SpaceKey::Up;
    }

    fn space(&mut self, now: Time, emit: &mut impl FnMut(InputEvent)) {
        self.space_key = match (self.mode, self.space_key) {
            (SpaceBarMode::Click, space_key) => {
                emit(InputEvent::Down);
                emit(InputEvent::Up);
                space_key
            }
            (SpaceBarMode::Toggle, SpaceKey::Latched) | (SpaceBarMode::Hold, SpaceKey::Latched) => {
                emit(InputEvent::Up);
                match self.mode {
                    SpaceBarMode::Hold => SpaceKey::Released { until: now + FIRST_REPEAT },
                    SpaceBarMode::Click | SpaceBarMode::Toggle => SpaceKey::Up,
                }
            }
            (SpaceBarMode::Hold, SpaceKey::Tapped { .. } | SpaceKey::Held { .. }) => {
                SpaceKey::Held { until: now + LAST_REPEAT }
            }
            (SpaceBarMode::Hold, SpaceKey::Released { until }) => {
                SpaceKey::Released { until: until.max(now + LAST_REPEAT) }
            }
            (SpaceBarMode::Hold, SpaceKey::Up) => {
                emit(InputEvent::Down);
                SpaceKey::Tapped { until: now + FIRST_REPEAT }
            }
            (SpaceBarMode::Toggle, _) => {
                emit(InputEvent::Down);
                SpaceKey::Latched
            }
        };
    }

    /// Gives the byte back, or nothing's byte within an escape sequence.
    fn filter_escape(&mut self, byte: u8) -> u8 {
        let (next, key) = match (self.escape, byte) {
            (_, ESCAPE) => (EscapeState::Begun, ESCAPE),
            (EscapeState::None, key) => (EscapeState::None, key),
            (EscapeState::Begun, b'[' | b'O') => (EscapeState::Within, ESCAPE),
            (EscapeState::Begun, _) | (EscapeState::Within, 0x40..=0x7e) => (EscapeState::None, ESCAPE),
            (EscapeState::Within, _) => (EscapeState::Within, ESCAPE),
        };
        self.escape = next;
        key
    }
}
