//! Reads GPIO lines in board files, and checks that no line, key, bus or LED is used twice.
//!
//! It does not check that a line exists.

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
    let (name, chip, offset) = (table.text("gpio"), table.text("chip"), table.integer("offset", 0, 4095));
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
        None => table.text(key).map(GpioLine::Named),
        Some(chip) => {
            let offset = table.integer(key, 0, 4095)?;
            Some(GpioLine::At { chip: chip.to_owned(), offset })
        }
    }
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
    let mut claimed: Vec<(String, String)> = Vec::new();
    for button in &peripherals.buttons {
        let owner_label = match &button.kind {
            ButtonKind::Push(_) => format!("the button {:?}", button.name),
            ButtonKind::MuteSwitch => format!("the switch {:?}", button.name),
        };
        let resource = match &button.source {
            ButtonSource::Line { line, .. } => label(line),
            ButtonSource::Key { device, code } => {
                format!("key {code} of {}", device.as_deref().unwrap_or("any device"))
            }
        };
        claimed.push((resource, owner_label));
    }
    for light in &peripherals.lights {
        let owner_label = format!("the light {:?}", light.name);
        claimed.extend(resources(&light.wiring).into_iter().map(|resource| (resource, owner_label.clone())));
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

fn resources(wiring: &LedWiring) -> Vec<String> {
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
