//! `[[light]]`: what shines, by its kind.

use std::path::PathBuf;

use super::lines;
use super::lines::LineLevel;
use crate::config::strict_toml::StrictTable;
use crate::config::values::Keyword;
use crate::config::{LedWiring, LightConfig};

/// The most pixels that one light may have.
const PIXELS: u32 = 64;
/// The clock of APA102 pixels, hertz, and from where to where it may be set.
const SPEED_HZ: (u32, u32, u32) = (4_000_000, 100_000, 30_000_000);
/// The length of a PWM cycle, nanoseconds, and from where to where it may be set; nobody sees 1 kHz flicker.
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
}

/// Reads one `[[light]]`.
pub(super) fn read(section: &mut StrictTable<'_>) -> Option<LightConfig> {
    let name = section.required_text("name");
    section.demand("kind");
    let lamp = match section.word("kind") {
        Some(LightType::Led) => led(section),
        Some(LightType::Rgb) => rgb(section),
        Some(LightType::Pwm) => pwm(section),
        Some(LightType::Class) => class(section),
        Some(LightType::Apa102) => apa102(section),
        Some(LightType::Ws2812) => ws2812(section),
        None => return None,
    };
    let brightness = section.whole("brightness", 1, 255).unwrap_or(255);
    Some(LightConfig { name: name?, wiring: lamp?, brightness: u8::try_from(brightness).ok()? })
}

fn led(section: &mut StrictTable<'_>) -> Option<LedWiring> {
    let active_low = is_active_low(section);
    Some(LedWiring::Line { line: lines::take(section)?, active_low })
}

fn rgb(section: &mut StrictTable<'_>) -> Option<LedWiring> {
    let active_low = is_active_low(section);
    let chip = section.text("chip");
    let [red, green, blue] =
        ["red", "green", "blue"].map(|colour| lines::take_as(section, colour, chip.as_deref()));
    Some(LedWiring::Lines { rgb: [red?, green?, blue?], active_low })
}

fn pwm(section: &mut StrictTable<'_>) -> Option<LedWiring> {
    let active_low = is_active_low(section);
    let chip = section.required_text("chip");
    section.demand("channels");
    let line = section.line_at("channels");
    let channels = section.wholes("channels", 31);
    let channels = one_or_three(section, "channels", line, channels);
    let period_ns = section.whole("period_ns", PERIOD_NS.1, PERIOD_NS.2).unwrap_or(PERIOD_NS.0);
    Some(LedWiring::Pwm { chip: chip?, channels: channels?, period_ns, active_low })
}

fn class(section: &mut StrictTable<'_>) -> Option<LedWiring> {
    section.demand("leds");
    let line = section.line_at("leds");
    let leds = section.texts("leds");
    Some(LedWiring::Class { leds: one_or_three(section, "leds", line, leds)? })
}

/// On an SPI bus, or on any two lines.
fn apa102(section: &mut StrictTable<'_>) -> Option<LedWiring> {
    let pixels = pixels(section);
    if section.has("data") || section.has("clock") {
        section
            .forbid(&["spi", "speed_hz"], "is for pixels on an SPI bus, and these have lines of their own");
        let chip = section.text("chip");
        let [data, clock] = ["data", "clock"].map(|key| lines::take_as(section, key, chip.as_deref()));
        return Some(LedWiring::Apa102Lines { data: data?, clock: clock?, pixels: pixels? });
    }
    let spi = section.required_text("spi").map(PathBuf::from);
    let speed_hz = section.whole("speed_hz", SPEED_HZ.1, SPEED_HZ.2).unwrap_or(SPEED_HZ.0);
    Some(LedWiring::Apa102 { spi: spi?, pixels: pixels?, speed_hz })
}

fn ws2812(section: &mut StrictTable<'_>) -> Option<LedWiring> {
    let spi = section.required_text("spi").map(PathBuf::from);
    Some(LedWiring::Ws2812 { pixels: pixels(section)?, spi: spi? })
}

fn pixels(section: &mut StrictTable<'_>) -> Option<usize> {
    section.demand("pixels");
    section.whole("pixels", 1, PIXELS).and_then(|pixels| usize::try_from(pixels).ok())
}

fn is_active_low(section: &mut StrictTable<'_>) -> bool {
    section.word("active").unwrap_or(LineLevel::High) == LineLevel::Low
}

fn one_or_three<T>(
    section: &mut StrictTable<'_>,
    key: &str,
    line: usize,
    found: Option<Vec<T>>,
) -> Option<Vec<T>> {
    let found = found?;
    if ![1, 3].contains(&found.len()) {
        section.refuse(key, line, "must be one, or three: red, green and blue");
        return None;
    }
    Some(found)
}
