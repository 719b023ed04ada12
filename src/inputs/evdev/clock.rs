//! Selects CLOCK_MONOTONIC for the timestamps of an input device, because it is never set; the `evdev` crate
//! does not offer it.
#![expect(unsafe_code, reason = "an ioctl that neither evdev nor rustix wraps")]

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
use rustix::time::ClockId;

/// `EVIOCSCLOCKID` (linux/input.h).
const SET_CLOCK: Opcode = opcode::write::<c_int>(b'E', 0xa0);

/// Sets the clock of `device`'s timestamps to CLOCK_MONOTONIC.
pub(crate) fn monotonic(device: impl AsFd) -> io::Result<()> {
    // SAFETY: EVIOCSCLOCKID takes a pointer to an int and only reads it, and another kind of file refuses it.
    unsafe { ioctl(device, Setter::<SET_CLOCK, c_int>::new(ClockId::Monotonic as c_int)) }?;
    Ok(())
}
