//! Reads `[[light]]` of a board file.
//!
//! It checks ranges and the keys of each kind, and opens no device.

use std::path::PathBuf;

use super::lines;
use super::lines::LineLevel;
use super::names;
use crate::config::sources::strict_toml::StrictTable;
use crate::config::values::Keyword;
use crate::config::{LedWiring, LightConfig};

/// The maximum number of pixels of a light.
const PIXELS: u32 = 64;
/// The default, minimum and maximum clock of APA102 pixels, in hertz.
const SPEED_HZ: (u32, u32, u32) = (4_000_000, 100_000, 30_000_000);
/// The default, minimum and maximum PWM period, in nanoseconds; at 1 kHz there is no visible flicker.
const PERIOD_NS: (u32, u32, u32) = (1_000_000, 10_000, 20_000_000);

#[derive(Clone, Copy)]
enum LightType {
    Led,
    Rgb,
    Pwm,
    Class,
    Apa102,
    Ws2812,
}

impl Keyword for LightType {
    const ALL: &'static [(&'static str, Self)] = &[
        ("led", Self::Led),
        ("rgb", Self::Rgb),
        ("pwm", Self::Pwm),
        ("class", Self::Class),
        ("apa102", Self::Apa102),
        ("ws2812", Self::Ws2812),
    ];
    const ALIASES: &'static [(&'static str, &'static str)] = names::PIXELS;

    fn hint(word: &str) -> Option<&'static str> {
        names::light_hint(word)
    }
}

/// Reads one `[[light]]`.
pub(super) fn read(table: &mut StrictTable<'_>) -> Option<LightConfig> {
    let name = table.required_text("name");
    table.require("kind");
    let wiring = match table.keyword("kind") {
        Some(LightType::Led) => led(table),
        Some(LightType::Rgb) => rgb(table),
        Some(LightType::Pwm) => pwm(table),
        Some(LightType::Class) => class(table),
        Some(LightType::Apa102) => apa102(table),
        Some(LightType::Ws2812) => ws2812(table),
        None => return None,
    };
    let brightness = table.integer("brightness", 1, 255).unwrap_or(255);
    Some(LightConfig { name: name?, wiring: wiring?, brightness: u8::try_from(brightness).ok()? })
}

/// Returns the LED of the machine itself, for a board without a light.
pub(super) fn of_machine(led: &str) -> LightConfig {
    let wiring = LedWiring::Class { leds: vec![led.to_owned()] };
    LightConfig { name: format!("{led} of this machine"), wiring, brightness: u8::MAX }
}

fn led(table: &mut StrictTable<'_>) -> Option<LedWiring> {
    let active_low = is_active_low(table);
    Some(LedWiring::Line { line: lines::read(table)?, active_low })
}

fn rgb(table: &mut StrictTable<'_>) -> Option<LedWiring> {
    let active_low = is_active_low(table);
    let chip = lines::read_chip(table);
    let [red, green, blue] =
        ["red", "green", "blue"].map(|colour| lines::read_key(table, colour, chip.as_deref()));
    Some(LedWiring::Lines { rgb: [red?, green?, blue?], active_low })
}

fn pwm(table: &mut StrictTable<'_>) -> Option<LedWiring> {
    let active_low = is_active_low(table);
    let line = table.line_at("chip");
    let chip = table.required_text("chip");
    let chip = chip.and_then(|raw| lines::convert(table, "chip", line, &raw, names::pwm_chip));
    table.require("channels");
    let line = table.line_at("channels");
    let channels = table.integers("channels", 31);
    let channels = one_or_three(table, "channels", line, channels);
    let period_ns = table.integer("period_ns", PERIOD_NS.1, PERIOD_NS.2).unwrap_or(PERIOD_NS.0);
    Some(LedWiring::Pwm { chip: chip?, channels: channels?, period_ns, active_low })
}

fn class(table: &mut StrictTable<'_>) -> Option<LedWiring> {
    table.require("leds");
    let line = table.line_at("leds");
    let leds = table.strings("leds").and_then(|leds| {
        leds.iter().map(|raw| lines::convert(table, "leds", line, raw, names::kernel_led)).collect()
    });
    Some(LedWiring::Class { leds: one_or_three(table, "leds", line, leds)? })
}

/// Reads a chain of APA102 on an SPI bus, or on two GPIO lines.
fn apa102(table: &mut StrictTable<'_>) -> Option<LedWiring> {
    let pixels = pixels(table);
    if table.has("data") || table.has("clock") {
        table
            .forbid(&["spi", "speed_hz"], "is for pixels on an SPI bus, and these have data and clock lines");
        let chip = lines::read_chip(table);
        let [data, clock] = ["data", "clock"].map(|key| lines::read_key(table, key, chip.as_deref()));
        return Some(LedWiring::Apa102Lines { data: data?, clock: clock?, pixels: pixels? });
    }
    let spi = spi(table);
    let speed_hz = table.integer("speed_hz", SPEED_HZ.1, SPEED_HZ.2).unwrap_or(SPEED_HZ.0);
    Some(LedWiring::Apa102 { spi: spi?, pixels: pixels?, speed_hz })
}

fn ws2812(table: &mut StrictTable<'_>) -> Option<LedWiring> {
    let spi = spi(table);
    Some(LedWiring::Ws2812 { pixels: pixels(table)?, spi: spi? })
}

/// Reads the device node of an SPI bus.
fn spi(table: &mut StrictTable<'_>) -> Option<PathBuf> {
    let line = table.line_at("spi");
    let raw = table.required_text("spi")?;
    lines::convert(table, "spi", line, &raw, names::spi_bus).map(PathBuf::from)
}

fn pixels(table: &mut StrictTable<'_>) -> Option<usize> {
    table.require("pixels");
    table.integer("pixels", 1, PIXELS).and_then(|pixels| usize::try_from(pixels).ok())
}

fn is_active_low(table: &mut StrictTable<'_>) -> bool {
    table.keyword("active").unwrap_or(LineLevel::High) == LineLevel::Low
}

fn one_or_three<T>(
    table: &mut StrictTable<'_>,
    key: &str,
    line: usize,
    found: Option<Vec<T>>,
) -> Option<Vec<T>> {
    let found = found?;
    if ![1, 3].contains(&found.len()) {
        table.refuse(key, line, "must have one entry, or three for red, green and blue");
        return None;
    }
    Some(found)
}
