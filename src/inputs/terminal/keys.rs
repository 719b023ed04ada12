//! Terminal keys as input events: space is the talk button, `m` mutes, `+` and `-` change the volume, `q` or
//! Ctrl-D quits.
//!
//! A terminal does not report key releases. In hold mode a release is inferred from the pause after the
//! keyboard's auto-repeat; a short tap latches the button until the next tap or until mute. Keys that send
//! escape sequences (such as arrows) are ignored. Time is an argument.

use std::time::Duration;

use crate::inputs::InputEvent;
use crate::model::Time;

/// The longest delay of a keyboard before it repeats a held key.
const FIRST_REPEAT: Duration = Duration::from_millis(700);
/// A repeated key counts as released after this time without a repeat.
const LAST_REPEAT: Duration = Duration::from_millis(200);

/// How the space bar maps to presses of the talk button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceBarMode {
    /// A press and a release at once: the duration does not matter.
    Click,
    /// A press and a release in turn, for input from a pipe.
    Toggle,
    /// Pressed while the key is held, or from one tap to the next.
    Hold,
}

/// Parses the bytes of a keyboard.
#[derive(Debug)]
pub struct KeyParser {
    mode: SpaceBarMode,
    space_key: SpaceKey,
    escape: EscapeState,
}

/// The inferred state of the space bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpaceKey {
    Up,
    /// Pressed; a repeat before `until` means that it is held.
    Tapped {
        until: Time,
    },
    /// Pressed by a tap.
    Latched,
    /// Pressed as long as it is repeated before `until`.
    Held {
        until: Time,
    },
    /// Released by a tap; repeats before `until` belong to that tap.
    Released {
        until: Time,
    },
}

/// The position of the last byte in an escape sequence.
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
    /// Creates a parser with the button released.
    #[must_use]
    pub fn new(mode: SpaceBarMode) -> Self {
        Self { mode, space_key: SpaceKey::Up, escape: EscapeState::None }
    }

    /// Emits the events of `bytes`, which came from one read(2).
    pub fn read(&mut self, bytes: &[u8], now: Time, mut emit: impl FnMut(InputEvent)) {
        self.expire(now, &mut emit);
        // A sequence arrives in one read: an open one at the start of a read was the Escape key alone.
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

    /// Returns when a held key counts as released.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.space_key {
            SpaceKey::Tapped { until } | SpaceKey::Held { until } | SpaceKey::Released { until } => {
                Some(until)
            }
            SpaceKey::Up | SpaceKey::Latched => None,
        }
    }

    /// Emits the events that are due at `now`.
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

    /// Muting ends the press, so that the next one starts a new turn.
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

    /// Returns the byte, or `ESCAPE`, which no key maps to, within an escape sequence.
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
