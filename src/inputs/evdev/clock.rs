//! Asks an input device for stamps of CLOCK_MONOTONIC, which nobody sets; `evdev` does not offer it.
#![expect(unsafe_code, reason = "an ioctl that neither evdev nor rustix wraps")]

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
use rustix::time::ClockId;

/// `EVIOCSCLOCKID` (linux/input.h).
const SET_CLOCK: Opcode = opcode::write::<c_int>(b'E', 0xa0);

/// Has the events of the input device `device` stamped by CLOCK_MONOTONIC.
pub(crate) fn monotonic(device: impl AsFd) -> io::Result<()> {
    // SAFETY: EVIOCSCLOCKID takes a pointer to an int and only reads it, and another kind of file refuses it.
    unsafe { ioctl(device, Setter::<SET_CLOCK, c_int>::new(ClockId::Monotonic as c_int)) }?;
    Ok(())
}
