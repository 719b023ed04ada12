//! The status line: state, levels and keys in one row, never wider than the terminal.
//!
//! A pure function of the indication and its light frame. Fields that do not fit are left out from the right.

use crate::light::{Indication, LightFrame, loudness};

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

/// Returns the state's name, marked if muted.
pub(crate) fn state_text(view: &Indication, name: &str) -> String {
    if view.light.muted && name != "muted" { format!("{name} (muted)") } else { name.to_owned() }
}

/// Draws `view` with its light `frame` in less than `width` columns.
pub(crate) fn draw(
    view: &Indication,
    frame: &LightFrame,
    caps: TermCaps,
    latching: bool,
    width: u16,
) -> String {
    let bar = |level| bar(loudness(level), caps.unicode);
    let button = if latching { "hold space" } else { "space talk" };
    let fields = [
        format!(" {:<10}", state_text(view, frame.name)),
        format!("  mic {}", bar(view.levels.microphone)),
        format!("  speaker {}", bar(view.levels.speaker)),
        format!("  {button} · m mute · q quit"),
    ];
    // The last column stays empty: writing there makes some terminals wrap to a new row.
    let mut columns_left = usize::from(width.saturating_sub(1));
    if columns_left == 0 {
        return String::new();
    }
    columns_left -= 1;
    let mut line = dot(frame.pixels.first().copied().unwrap_or_default(), caps);
    for (index, field) in fields.iter().enumerate() {
        let field = if caps.unicode { field.clone() } else { field.replace('·', "-") };
        let length = field.chars().count();
        if length > columns_left {
            if index == 0 {
                line.extend(field.chars().take(columns_left));
            }
            break;
        }
        line.push_str(&field);
        columns_left -= length;
    }
    line
}

fn bar(loudness: u8, unicode: bool) -> String {
    const CELLS: usize = 8;
    let lit = (usize::from(loudness) * CELLS).div_ceil(255);
    let (on, off) = if unicode { ("█", "░") } else { ("#", ".") };
    on.repeat(lit) + &off.repeat(CELLS - lit)
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
