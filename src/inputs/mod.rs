//! Buttons, mute switches and keys: from an edge or a byte to an [`InputEvent`].
//!
//! It debounces, resolves gestures and reopens disconnected devices. It drives no LED and does not know the
//! conversation's state: the conversation decides what a press does.

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
pub use evdev::device::is_named;
pub use gesture::{ButtonFault, Gesture};
pub use mute_switch::MuteSwitch;
pub use simulated::SimulatedButtons;
pub use terminal::{
    ColourDepth, ConsoleLog, KeyParser, SHOWN, SpaceBarMode, StatusLine, TermCaps, Terminal, console,
    is_one_output,
};
pub use timestamp::ClockOffset;

/// An input by the user, or the state of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// The talk button is pressed.
    Down,
    /// The talk button is released.
    Up,
    /// Toggle the mute.
    Mute,
    /// A mute switch is now on or off.
    MuteSwitch(bool),
    /// Increase the volume of replies by a step.
    VolumeUp,
    /// Decrease the volume of replies by a step.
    VolumeDown,
    /// Holding the button for this much longer triggers the factory reset.
    ResetNear(Duration),
    /// The reset is cancelled: the button was released.
    ResetOff,
    /// Reset to factory settings.
    Reset,
    /// Whether any button is ignored because it is stuck or chatters.
    ButtonFault(bool),
    /// Exit the program.
    Quit,
}
