//! The terminal: keys as buttons, and a status line as the light.
//!
//! It draws what it is given and decides nothing.

pub(crate) mod keys;
pub(crate) mod screen;
pub(crate) mod status_line;
pub(crate) mod tty;

pub use keys::{KeyParser, SpaceBarMode};
pub use screen::{ConsoleLog, SHOWN, StatusLine, Terminal, console};
pub use status_line::{ColourDepth, TermCaps};
pub use tty::is_one_output;
