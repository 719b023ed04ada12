//! Pixel chains (APA102, WS2812) on an SPI bus, or on two bit-banged GPIO lines: encoding and bus.
//!
//! It always writes the whole chain: pixels have no addresses. It cannot read them back.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use spidev::{SpiModeFlags, Spidev, SpidevOptions};

use super::LedDriver;
use super::error::LedProblem;
use super::gamma::gamma_correct;
use super::gpio::OutputLines;
use super::sysfs::names;
use crate::light::{LedCaps, PIXELS};

/// SPI clock at which four bits last as long as one bit of a WS2812, 1.25 µs (WS2812B data sheet).
const WS2812_HZ: u32 = 3_200_000;
/// Reset code: low for 300 µs. Newer WS2812 need 280 µs, older ones 50 µs.
const WS2812_GAP_BYTES: usize = 120;

/// Encodes a whole chain; arguments are pixels and brightness.
type PixelEncoding = fn(&[[u8; 3]], u8) -> Vec<u8>;

struct PixelChain {
    bus: Box<dyn Write + Send>,
    encode: PixelEncoding,
    limit: u8,
}

/// A bit-banged bus (SPI mode 0) on the lines data and clock, in this order.
pub struct BitBangBus(pub Box<dyn OutputLines>);

/// Encodes `pixels` for a chain of APA102, limited to `brightness` of 255.
///
/// The frame is 32 zero bits; for each pixel `111`, 5 bits of brightness, blue, green, red; 32 zero bits,
/// which SK9822 need; and half a clock cycle for each pixel, because each delays the data by that much
/// (APA102 data sheet).
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

/// Encodes `pixels` for a chain of WS2812 at 3.2 MHz, limited to `brightness` of 255.
///
/// Green, red, blue, highest bit first; a zero is high for one quarter of the bit time and a one for three
/// (WS2812B data sheet: 0.4 and 0.8 µs, each ± 0.15). The reset code follows.
#[must_use]
pub fn ws2812(pixels: &[[u8; 3]], brightness: u8) -> Vec<u8> {
    // The idle line may be high: this makes it low first.
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

/// Opens a chain of APA102 on the lines data and clock.
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
            let folder = spi.parent().unwrap_or(Path::new("/dev"));
            let mut buses = names(folder);
            buses.retain(|name| name.starts_with("spidev"));
            LedProblem::NoSpi { spi: spi.to_owned(), buses }
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
                // The chain samples the data line at the rising edge of the clock.
                self.0.set(&[bit, false])?;
                self.0.set(&[bit, true])?;
            }
        }
        self.flush()?;
        Ok(bytes.len())
    }

    /// Sets both lines low.
    fn flush(&mut self) -> io::Result<()> {
        self.0.set(&[false, false])
    }
}

impl LedDriver for PixelChain {
    fn show(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        // In a single write: a pause would end the frame.
        let bytes = (self.encode)(pixels, self.limit);
        let written = self.bus.write(&bytes)?;
        if written == bytes.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
    }
}
