//! LEDs on GPIO lines: on or off. How a line is found and asked for is not decided here.

use std::io;

use super::LedDriver;
use crate::config::GpioLine;
use crate::light::LedCaps;

/// Lines that are driven together.
pub trait OutputLines: Send {
    /// Drives each line as `lit` says, in the order in which they were named; those not said stay.
    ///
    /// # Errors
    /// Returns what the kernel says, such as that the chip is gone.
    fn set(&mut self, lit: &[bool]) -> io::Result<()>;
}

/// Opens GPIO lines as outputs for the LED of this name, unlit. Lit is low where the last argument is true.
pub type LineOpener<'a, E> = &'a mut dyn FnMut(&str, &[&GpioLine], bool) -> Result<Box<dyn OutputLines>, E>;

/// One LED, or red, green and blue.
struct GpioLed {
    lines: Box<dyn OutputLines>,
    colour: bool,
}

pub(super) fn open(lines: Box<dyn OutputLines>, count: usize) -> (LedCaps, Box<dyn LedDriver>) {
    let colour = count == 3;
    (LedCaps { pixels: 1, colour, dimmable: false }, Box::new(GpioLed { lines, colour }))
}

impl LedDriver for GpioLed {
    fn show(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        let lit = pixels.first().copied().unwrap_or_default().map(|channel| channel > 0);
        self.lines.set(if self.colour { &lit } else { &lit[..1] })
    }
}
