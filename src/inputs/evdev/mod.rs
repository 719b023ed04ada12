//! Keys of Linux input devices (evdev): finding a device, reading its keys, and the clock of its timestamps.
//!
//! It knows no gestures: a key is up or down.

pub(crate) mod clock;
pub(crate) mod device;
