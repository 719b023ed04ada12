//! Chains of pixels on an SPI bus, or on two lines that stand in for one: what goes over the wire, and the bus it goes over.
//!
//! The whole chain is written each time: it has no addresses and cannot be read.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use spidev::{SpiModeFlags, Spidev, SpidevOptions};

use super::LedDriver;
use super::error::LedProblem;
use super::gamma::gamma_correct;
use super::gpio::OutputLines;
use crate::light::{LedCaps, PIXELS};

/// Four bits of this make one of a WS2812's, 1.25 µs (WS2812B data sheet).
const WS2812_HZ: u32 = 3_200_000;
/// Low for 300 µs: newer WS2812 want 280 to take what they were told, older ones 50.
const WS2812_GAP_BYTES: usize = 120;

/// Spells out a whole chain.
type PixelEncoding = fn(&[[u8; 3]], u8) -> Vec<u8>;

struct PixelChain {
    bus: Box<dyn Write + Send>,
    encode: PixelEncoding,
    limit: u8,
}

/// The lines of data and clock, in this order, as a bus that is as slow as its calls (SPI mode 0).
pub struct BitBangBus(pub Box<dyn OutputLines>);

/// Spells `pixels` for a chain of APA102, which may be `brightness` of 255 bright.
///
/// 32 zeros, then for each pixel `111`, 5 bits of brightness, blue, green, red; then half a clock for each pixel, as
/// each hands the data on so much late (APA102 data sheet), after 32 zeros more that SK9822 want.
#[must_use]
pub fn apa102(pixels: &[[u8; 3]], brightness: u8) -> Vec<u8> {
    let limit = (u32::from(brightness) * 31).div_ceil(255) as u8;
    let mut bytes = vec![0; 4];
    for pixel in pixels {
        let [red, green, blue] = gamma_correct(*pixel, u8::MAX, 255).map(|channel| channel as u8);
        bytes.extend([0xe0 | limit, blue, green, red]);
    }
    bytes.extend([0; 4]);
    bytes.resize(bytes.len() + pixels.len().div_ceil(16), 0);
    bytes
}

/// Spells `pixels` for a chain of WS2812 at 3.2 MHz, which may be `brightness` of 255 bright.
///
/// Green, red, blue, highest bit first; a zero is high for a quarter of its time and a one for three (WS2812B data
/// sheet: 0.4 and 0.8 µs, each ± 0.15). Zeros after it let the chain take it.
#[must_use]
pub fn ws2812(pixels: &[[u8; 3]], brightness: u8) -> Vec<u8> {
    // The line may have been high at rest.
    let mut bytes = vec![0];
    for pixel in pixels {
        let [red, green, blue] = gamma_correct(*pixel, brightness, 255);
        for channel in [green, red, blue] {
            for pair in [6, 4, 2, 0] {
                let bit = |at: u32| if channel >> at & 1 == 1 { 0b1110 } else { 0b1000 };
                bytes.push(bit(pair + 1) << 4 | bit(pair));
            }
        }
    }
    bytes.resize(bytes.len() + WS2812_GAP_BYTES, 0);
    bytes
}

pub(super) fn open_apa102(
    spi: &Path,
    pixels: usize,
    speed_hz: u32,
    limit: u8,
) -> Result<(LedCaps, Box<dyn LedDriver>), LedProblem> {
    let chain = PixelChain { bus: Box::new(bus(spi, speed_hz)?), encode: apa102, limit };
    Ok((caps(pixels), Box::new(chain)))
}

pub(super) fn open_ws2812(
    spi: &Path,
    pixels: usize,
    limit: u8,
) -> Result<(LedCaps, Box<dyn LedDriver>), LedProblem> {
    let chain = PixelChain { bus: Box::new(bus(spi, WS2812_HZ)?), encode: ws2812, limit };
    Ok((caps(pixels), Box::new(chain)))
}

/// A chain of APA102 whose data and clock are these two lines.
pub(super) fn open_bit_banged(
    lines: Box<dyn OutputLines>,
    pixels: usize,
    limit: u8,
) -> (LedCaps, Box<dyn LedDriver>) {
    (caps(pixels), Box::new(PixelChain { bus: Box::new(BitBangBus(lines)), encode: apa102, limit }))
}

fn caps(pixels: usize) -> LedCaps {
    LedCaps { pixels: pixels.clamp(1, PIXELS), colour: true, dimmable: true }
}

fn bus(spi: &Path, speed_hz: u32) -> Result<Spidev, LedProblem> {
    let refused = |error: io::Error| {
        if error.kind() == ErrorKind::NotFound {
            LedProblem::NoSpi(spi.to_owned())
        } else {
            LedProblem::of(spi, error)
        }
    };
    let mut bus = Spidev::open(spi).map_err(refused)?;
    let options =
        SpidevOptions::new().bits_per_word(8).max_speed_hz(speed_hz).mode(SpiModeFlags::SPI_MODE_0).build();
    bus.configure(&options).map_err(refused)?;
    Ok(bus)
}

impl Write for BitBangBus {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            for at in (0..8).rev() {
                let bit = byte >> at & 1 == 1;
                // The chain takes what the data is when the clock rises.
                self.0.set(&[bit, false])?;
                self.0.set(&[bit, true])?;
            }
        }
        self.flush()?;
        Ok(bytes.len())
    }

    /// Leaves both lines low.
    fn flush(&mut self) -> io::Result<()> {
        self.0.set(&[false, false])
    }
}

impl LedDriver for PixelChain {
    fn show(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        // In one write: a pause within would be taken for the end.
        let bytes = (self.encode)(pixels, self.limit);
        let written = self.bus.write(&bytes)?;
        if written == bytes.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
    }
}
