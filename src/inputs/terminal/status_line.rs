//! The status line: state, levels and keys in one row, never wider than the terminal.
//!
//! A pure function of the indication and its light frame. Fields that do not fit are left out from the right.

use crate::light::{Indication, LightFrame, loudness};

/// Lengths of a level's bar, longest first.
const CELLS: usize = 8;
const SHORT_CELLS: usize = 5;
const SHORTER_CELLS: usize = 4;

/// The capabilities of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermCaps {
    pub colour: ColourDepth,
    /// Whether it displays more than ASCII.
    pub unicode: bool,
}

/// The colours of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourDepth {
    /// No colour, or `NO_COLOR` is set.
    None,
    /// 256 colours.
    Palette,
    /// 24 bits.
    True,
}

impl TermCaps {
    /// Reads `TERM`, `NO_COLOR`, `COLORTERM` and the locale. Returns `None` for a terminal that cannot redraw
    /// a line.
    #[must_use]
    pub fn from_env(env: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        set("TERM").filter(|term| term != "dumb")?;
        let colour = match (set("NO_COLOR"), set("COLORTERM").as_deref()) {
            (Some(_), _) => ColourDepth::None,
            (None, Some("truecolor" | "24bit")) => ColourDepth::True,
            (None, Some(_) | None) => ColourDepth::Palette,
        };
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Some(Self { colour, unicode: locale.contains("utf-8") || locale.contains("utf8") })
    }
}

/// What the status line shows besides the light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScreenFacts {
    /// Whether a press of the space bar lasts until the next.
    pub(crate) latching: bool,
    /// The volume of replies, in percent.
    pub(crate) volume: u8,
    /// Whether the mute outlives a restart.
    pub(crate) remembered: bool,
}

/// Returns the state's name, marked if muted.
pub(crate) fn state_text(view: &Indication, name: &str) -> String {
    if view.light.muted && name != "muted" { format!("{name} (muted)") } else { name.to_owned() }
}

/// Draws `view` with its light `frame` in less than `width` columns.
pub(crate) fn draw(
    view: &Indication,
    frame: &LightFrame,
    caps: TermCaps,
    facts: ScreenFacts,
    width: u16,
) -> String {
    // The last column stays empty: writing there makes some terminals wrap to a new row.
    let mut columns_left = usize::from(width.saturating_sub(1));
    if columns_left == 0 {
        return String::new();
    }
    columns_left -= 1;
    let length = |fields: &[String]| fields.iter().map(|field| field.chars().count()).sum::<usize>();
    // Shorter bars make room for all keys.
    let fields =
        [CELLS, SHORT_CELLS, SHORTER_CELLS].map(|cells| fields(view, frame.name, caps, facts, cells));
    let [longest, ..] = &fields;
    let fields = fields.iter().find(|fields| length(&fields[..]) <= columns_left).unwrap_or(longest);
    let mut line = dot(frame.pixels.first().copied().unwrap_or_default(), caps);
    for (index, field) in fields.iter().enumerate() {
        let length = field.chars().count();
        if length > columns_left {
            if index == 0 {
                line.extend(field.chars().take(columns_left));
            }
            break;
        }
        line.push_str(field);
        columns_left -= length;
    }
    line
}

/// Returns the parts of the line after the dot, of which the last is left out first.
fn fields(view: &Indication, name: &str, caps: TermCaps, facts: ScreenFacts, cells: usize) -> [String; 7] {
    let ScreenFacts { latching, volume, remembered } = facts;
    let state = match name {
        "muted" if remembered => "muted, remembered".to_owned(),
        "volume" => format!("volume {volume}%"),
        name => state_text(view, name),
    };
    let bar = |level| bar(loudness(level), caps.unicode, cells);
    let button = if latching { "hold space" } else { "space talk" };
    let dot = if caps.unicode { '·' } else { '-' };
    [
        format!(" {state:<10}"),
        format!("  mic {}", bar(view.levels.microphone)),
        format!("  speaker {}", bar(view.levels.speaker)),
        format!("  {button}"),
        format!(" {dot} m mute"),
        format!(" {dot} + - {volume}%"),
        format!(" {dot} q quit"),
    ]
}

fn bar(loudness: u8, unicode: bool, cells: usize) -> String {
    let lit = (usize::from(loudness) * cells).div_ceil(255);
    let (on, off) = if unicode { ("█", "░") } else { ("#", ".") };
    on.repeat(lit) + &off.repeat(cells - lit)
}

fn dot(rgb: [u8; 3], caps: TermCaps) -> String {
    let dark = rgb == [0; 3];
    let dot = match (dark, caps.unicode) {
        (true, true) => '○',
        (true, false) => 'o',
        (false, true) => '●',
        (false, false) => '*',
    };
    let [red, green, blue] = brightened(rgb);
    match caps.colour {
        _ if dark => dot.to_string(),
        ColourDepth::None => dot.to_string(),
        ColourDepth::True => format!("\x1b[38;2;{red};{green};{blue}m{dot}\x1b[0m"),
        ColourDepth::Palette => {
            let [red, green, blue] = [red, green, blue].map(|channel| (u16::from(channel) * 5 + 127) / 255);
            format!("\x1b[38;5;{}m{dot}\x1b[0m", 16 + 36 * red + 6 * green + blue)
        }
    }
}

/// Raises the brightness of a dim colour so that it is visible on a screen.
fn brightened(rgb: [u8; 3]) -> [u8; 3] {
    const BRIGHTNESS_MIN: u32 = 90;
    let max = rgb.iter().copied().max().map_or(0, u32::from).max(1);
    let wanted = BRIGHTNESS_MIN + max * (255 - BRIGHTNESS_MIN) / 255;
    rgb.map(|channel| (u32::from(channel) * wanted / max) as u8)
}
