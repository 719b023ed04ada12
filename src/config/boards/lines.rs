//! Reads GPIO lines in board files, and checks that no line, key, bus or LED is used twice.
//!
//! It does not check that a line exists.

use super::names;
use crate::config::sources::strict_toml::StrictTable;
use crate::config::values::Keyword;
use crate::config::{ButtonKind, ButtonSource, GpioLine, LedWiring, Peripherals};

/// The level of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LineLevel {
    /// 0 V.
    Low,
    /// The supply.
    High,
}

impl Keyword for LineLevel {
    const ALL: &'static [(&'static str, Self)] = &[("low", Self::Low), ("high", Self::High)];
}

/// The keys that give a line.
pub(super) const KEYS: [&str; 3] = ["gpio", "chip", "offset"];

/// Reads a line: `gpio`, or `chip` and `offset`.
pub(super) fn read(table: &mut StrictTable<'_>) -> Option<GpioLine> {
    let problems_before = table.problem_count();
    let (name, chip) = (line_name(table, "gpio"), read_chip(table));
    let offset = table.integer("offset", 0, 4095);
    match (name, chip, offset) {
        (Some(name), None, None) => Some(GpioLine::Named(name)),
        (None, Some(chip), Some(offset)) => Some(GpioLine::At { chip, offset }),
        _ => {
            if table.problem_count() == problems_before {
                table.refuse_table("needs a GPIO line: either its name in gpio, or chip and offset");
            }
            None
        }
    }
}

/// Reads the line of `key`: its name, or its offset on `chip`.
pub(super) fn read_key(
    table: &mut StrictTable<'_>,
    key: &'static str,
    chip: Option<&str>,
) -> Option<GpioLine> {
    table.require(key);
    match chip {
        None => line_name(table, key).map(GpioLine::Named),
        Some(chip) => {
            let offset = table.integer(key, 0, 4095)?;
            Some(GpioLine::At { chip: chip.to_owned(), offset })
        }
    }
}

/// Reads the name of a line.
fn line_name(table: &mut StrictTable<'_>, key: &'static str) -> Option<String> {
    let line = table.line_at(key);
    if let Some(number) = table.number_text(key) {
        let reason = names::gpio_line(&number).err().unwrap_or_default();
        table.refuse(key, line, &format!("must be a string in quotes: {number} {reason}"));
        return None;
    }
    let raw = table.text(key)?;
    convert(table, key, line, &raw, names::gpio_line)
}

/// Reads the name of a GPIO chip.
pub(super) fn read_chip(table: &mut StrictTable<'_>) -> Option<String> {
    let line = table.line_at("chip");
    let raw = table.text("chip")?;
    convert(table, "chip", line, &raw, names::gpio_chip)
}

/// Returns the converted name, or reports why it cannot be one.
pub(super) fn convert(
    table: &mut StrictTable<'_>,
    key: &str,
    line: usize,
    raw: &str,
    name: impl Fn(&str) -> Result<String, String>,
) -> Option<String> {
    name(raw).map_err(|reason| table.refuse_value(key, line, &format!("{raw:?}"), &reason)).ok()
}

/// Returns the label of a line in messages.
pub(super) fn label(line: &GpioLine) -> String {
    match line {
        GpioLine::Named(name) => name.clone(),
        GpioLine::At { chip, offset } => format!("{chip} line {offset}"),
    }
}

/// Returns a message for each line, key, bus or LED that is used twice.
pub(super) fn conflicts(peripherals: &Peripherals) -> Vec<String> {
    let label = |line: &GpioLine| match line {
        GpioLine::At { chip, offset } => {
            names::raspberry_pi_line(chip, *offset).unwrap_or_else(|| label(line))
        }
        GpioLine::Named(_) => label(line),
    };
    let mut claimed: Vec<(String, String)> = Vec::new();
    for button in &peripherals.buttons {
        let owner_label = match &button.kind {
            ButtonKind::Push(_) => format!("the button {:?}", button.name),
            ButtonKind::MuteSwitch => format!("the switch {:?}", button.name),
        };
        let resource = match &button.source {
            ButtonSource::Line { line, .. } => label(line),
            ButtonSource::Key { device, code, .. } => {
                format!("key {code} of {}", device.as_deref().unwrap_or("any device"))
            }
        };
        claimed.push((resource, owner_label));
    }
    for light in &peripherals.lights {
        let owner_label = format!("the light {:?}", light.name);
        claimed.extend(
            resources(&light.wiring, label).into_iter().map(|resource| (resource, owner_label.clone())),
        );
    }
    for driven in &peripherals.driven {
        claimed.push((label(&driven.line), format!("the drive {:?}", driven.name)));
    }
    let earlier = |at: usize| claimed[..at].iter().find(|(resource, _)| *resource == claimed[at].0);
    let conflict = |at: usize| {
        earlier(at).map(|(resource, first)| format!("{resource}: used by both {first} and {}", claimed[at].1))
    };
    (0..claimed.len()).filter_map(conflict).collect()
}

fn resources(wiring: &LedWiring, label: impl Fn(&GpioLine) -> String) -> Vec<String> {
    match wiring {
        LedWiring::Line { line, .. } => vec![label(line)],
        LedWiring::Lines { rgb, .. } => rgb.iter().map(label).collect(),
        LedWiring::Apa102Lines { data, clock, .. } => vec![label(data), label(clock)],
        LedWiring::Pwm { chip, channels, .. } => {
            channels.iter().map(|channel| format!("{chip} channel {channel}")).collect()
        }
        LedWiring::Class { leds } => leds.iter().map(|led| format!("LED {led}")).collect(),
        LedWiring::Apa102 { spi, .. } | LedWiring::Ws2812 { spi, .. } => vec![spi.display().to_string()],
    }
}
