//! Buttons, mute switches and keys: from an edge or a byte to an [`InputEvent`].
//!
//! It debounces, resolves gestures and finds devices again. It shows nothing on a lamp and knows no phase: what a
//! press means is the conversation's to decide.

pub(crate) mod buttons;
pub(crate) mod debounce;
pub(crate) mod error;
pub(crate) mod evdev;
pub(crate) mod gesture;
pub(crate) mod gpio;
pub(crate) mod mute_switch;
pub(crate) mod poll;
pub(crate) mod simulated;
pub(crate) mod terminal;
pub(crate) mod timestamp;

use std::time::Duration;

pub use error::{InputError, KeyError, KeyProblem, LineError, LineProblem};
pub use gesture::{ButtonFault, Gesture};
pub use mute_switch::MuteSwitch;
pub use simulated::SimulatedButtons;
pub use terminal::{
    ColourDepth, ConsoleLog, KeyParser, SpaceBarMode, StatusLine, TermCaps, Terminal, console,
};
pub use timestamp::ClockOffset;

/// What the user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// The talk button goes down.
    Down,
    /// The talk button comes up.
    Up,
    /// The microphone is to be cut off, or no longer.
    Mute,
    /// A switch now cuts the microphone off, or no longer.
    MuteSwitch(bool),
    /// Replies are to be a step louder.
    VolumeUp,
    /// Replies are to be a step quieter.
    VolumeDown,
    /// Holding on for this much longer resets the device.
    ResetNear(Duration),
    /// The reset is off: the button was let go.
    ResetOff,
    /// The device is to be as it was when it was new.
    Reset,
    /// A button is ignored because it is stuck or chatters, or none is any more.
    ButtonFault(bool),
    /// The program is to end.
    Quit,
}
