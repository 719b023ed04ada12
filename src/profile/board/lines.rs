//! GPIO lines as board files name them, and the check that no two things want the same one.

use super::super::document::Section;
use super::super::values::Choice;
use super::super::{Body, Kind, Lamp, Line, Place};

/// A level, or which level means pressed or lit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// 0 V.
    Low,
    /// The supply.
    High,
}

impl Choice for Level {
    const ALL: &'static [(&'static str, Self)] = &[("low", Self::Low), ("high", Self::High)];
}

/// The keys that name a line.
pub(super) const KEYS: [&str; 3] = ["gpio", "chip", "offset"];

/// Takes a line: `gpio`, or `chip` and `offset`.
pub(super) fn take(section: &mut Section<'_>) -> Option<Line> {
    let before = section.refused();
    let (name, chip, offset) = (section.text("gpio"), section.text("chip"), section.whole("offset", 0, 4095));
    match (name, chip, offset) {
        (Some(name), None, None) => Some(Line::Named(name)),
        (None, Some(chip), Some(offset)) => Some(Line::At { chip, offset }),
        _ => {
            if section.refused() == before {
                section.object("needs a line: either gpio, the line's name, or chip and offset");
            }
            None
        }
    }
}

/// Takes the line under one key: its name, or its offset on the `chip`.
pub(super) fn take_as(section: &mut Section<'_>, key: &'static str, chip: Option<&str>) -> Option<Line> {
    section.demand(key);
    match chip {
        None => section.text(key).map(Line::Named),
        Some(chip) => {
            let offset = section.whole(key, 0, 4095)?;
            Some(Line::At { chip: chip.to_owned(), offset })
        }
    }
}

/// Spells a line as sentences call it.
pub(super) fn spell(line: &Line) -> String {
    match line {
        Line::Named(name) => name.clone(),
        Line::At { chip, offset } => format!("{chip} line {offset}"),
    }
}

/// Says for each line, key, bus or LED that two things want which they are.
pub(super) fn clashes(body: &Body) -> Vec<String> {
    let mut taken: Vec<(String, String)> = Vec::new();
    for button in &body.buttons {
        let what = match &button.kind {
            Kind::Push(_) => format!("the button {:?}", button.name),
            Kind::MuteSwitch => format!("the switch {:?}", button.name),
        };
        let place = match &button.place {
            Place::Line { line, .. } => spell(line),
            Place::Key { device, code } => {
                format!("key {code} of {}", device.as_deref().unwrap_or("any device"))
            }
        };
        taken.push((place, what));
    }
    for light in &body.lights {
        let what = format!("the light {:?}", light.name);
        taken.extend(places_of(&light.lamp).into_iter().map(|place| (place, what.clone())));
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

fn places_of(lamp: &Lamp) -> Vec<String> {
    match lamp {
        Lamp::Line { line, .. } => vec![spell(line)],
        Lamp::Lines { rgb, .. } => rgb.iter().map(spell).collect(),
        Lamp::Apa102Lines { data, clock, .. } => vec![spell(data), spell(clock)],
        Lamp::Pwm { chip, channels, .. } => {
            channels.iter().map(|channel| format!("{chip} channel {channel}")).collect()
        }
        Lamp::Class { leds } => leds.iter().map(|led| format!("LED {led}")).collect(),
        Lamp::Apa102 { spi, .. } | Lamp::Ws2812 { spi, .. } => vec![spi.display().to_string()],
    }
}
