//! LEDs on GPIO lines: on or off. It does not find or request lines.

use std::io;

use super::LedDriver;
use crate::config::GpioLine;
use crate::light::LedCaps;

/// Output lines that are set together.
pub trait OutputLines: Send {
    /// Sets each line to its value in `lit`, in the order in which they were requested; lines without a value
    /// keep theirs.
    ///
    /// # Errors
    /// Returns the kernel's error, such as that the chip was removed.
    fn set(&mut self, lit: &[bool]) -> io::Result<()>;
}

/// Opens GPIO lines as unlit outputs: the name of the light, the lines, and whether they are active low.
pub type LineOpener<'a, E> = &'a mut dyn FnMut(&str, &[&GpioLine], bool) -> Result<Box<dyn OutputLines>, E>;

/// A single LED, or one each for red, green and blue.
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
