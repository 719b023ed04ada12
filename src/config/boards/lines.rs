//! GPIO lines as board files name them, and the check that no two things want the same one.

use crate::config::strict_toml::StrictTable;
use crate::config::values::Keyword;
use crate::config::{ButtonKind, ButtonSource, GpioLine, LedWiring, Peripherals};

/// A level, or which level means pressed or lit.
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

/// The keys that name a line.
pub(super) const KEYS: [&str; 3] = ["gpio", "chip", "offset"];

/// Takes a line: `gpio`, or `chip` and `offset`.
pub(super) fn take(section: &mut StrictTable<'_>) -> Option<GpioLine> {
    let before = section.refused();
    let (name, chip, offset) = (section.text("gpio"), section.text("chip"), section.whole("offset", 0, 4095));
    match (name, chip, offset) {
        (Some(name), None, None) => Some(GpioLine::Named(name)),
        (None, Some(chip), Some(offset)) => Some(GpioLine::At { chip, offset }),
        _ => {
            if section.refused() == before {
                section.object("needs a line: either gpio, the line's name, or chip and offset");
            }
            None
        }
    }
}

/// Takes the line under one key: its name, or its offset on the `chip`.
pub(super) fn take_as(
    section: &mut StrictTable<'_>,
    key: &'static str,
    chip: Option<&str>,
) -> Option<GpioLine> {
    section.demand(key);
    match chip {
        None => section.text(key).map(GpioLine::Named),
        Some(chip) => {
            let offset = section.whole(key, 0, 4095)?;
            Some(GpioLine::At { chip: chip.to_owned(), offset })
        }
    }
}

/// Spells a line as sentences call it.
pub(super) fn spell(line: &GpioLine) -> String {
    match line {
        GpioLine::Named(name) => name.clone(),
        GpioLine::At { chip, offset } => format!("{chip} line {offset}"),
    }
}

/// Says for each line, key, bus or LED that two things want which they are.
pub(super) fn clashes(body: &Peripherals) -> Vec<String> {
    let mut taken: Vec<(String, String)> = Vec::new();
    for button in &body.buttons {
        let what = match &button.kind {
            ButtonKind::Push(_) => format!("the button {:?}", button.name),
            ButtonKind::MuteSwitch => format!("the switch {:?}", button.name),
        };
        let place = match &button.source {
            ButtonSource::Line { line, .. } => spell(line),
            ButtonSource::Key { device, code } => {
                format!("key {code} of {}", device.as_deref().unwrap_or("any device"))
            }
        };
        taken.push((place, what));
    }
    for light in &body.lights {
        let what = format!("the light {:?}", light.name);
        taken.extend(places_of(&light.wiring).into_iter().map(|place| (place, what.clone())));
    }
    for driven in &body.driven {
        taken.push((spell(&driven.line), format!("the drive {:?}", driven.name)));
    }
    let earlier = |at: usize| taken[..at].iter().find(|(place, _)| *place == taken[at].0);
    let clash = |at: usize| {
        earlier(at).map(|(place, first)| format!("{place}: both {first} and {} want it", taken[at].1))
    };
    (0..taken.len()).filter_map(clash).collect()
}

fn places_of(lamp: &LedWiring) -> Vec<String> {
    match lamp {
        LedWiring::Line { line, .. } => vec![spell(line)],
        LedWiring::Lines { rgb, .. } => rgb.iter().map(spell).collect(),
        LedWiring::Apa102Lines { data, clock, .. } => vec![spell(data), spell(clock)],
        LedWiring::Pwm { chip, channels, .. } => {
            channels.iter().map(|channel| format!("{chip} channel {channel}")).collect()
        }
        LedWiring::Class { leds } => leds.iter().map(|led| format!("LED {led}")).collect(),
        LedWiring::Apa102 { spi, .. } | LedWiring::Ws2812 { spi, .. } => vec![spi.display().to_string()],
    }
}
