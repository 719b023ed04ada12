//! The live line: one row that tells state, loudness and keys, as wide as the terminal and no wider.
//!
//! A pure function of the view and its picture. It leaves out from the right what does not fit.

use crate::light::{Indication, LightFrame, loudness};

/// What a terminal can draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermCaps {
    pub colour: ColourDepth,
    /// Whether it draws more than ASCII.
    pub unicode: bool,
}

/// The colours of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourDepth {
    /// No colour, or none wanted.
    None,
    /// The palette of 256.
    Palette,
    /// 24 bits.
    True,
}

impl TermCaps {
    /// Reads the environment as terminals set it; none means a terminal that cannot redraw a line.
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

/// Says the state in words.
pub(crate) fn state(view: &Indication, name: &str) -> String {
    if view.facts.muted && name != "muted" { format!("{name} (muted)") } else { name.to_owned() }
}

/// Draws `view`, whose light is `picture`, in less than `width` columns.
pub(crate) fn draw(
    view: &Indication,
    picture: &LightFrame,
    look: TermCaps,
    latching: bool,
    width: u16,
) -> String {
    let bar = |level| bar(loudness(level), look.unicode);
    let button = if latching { "hold space" } else { "space talk" };
    let parts = [
        format!(" {:<10}", state(view, picture.name)),
        format!("  mic {}", bar(view.levels.microphone)),
        format!("  speaker {}", bar(view.levels.speaker)),
        format!("  {button} · m mute · q quit"),
    ];
    // The last column stays empty: writing there makes some terminals begin a new row.
    let mut room = usize::from(width.saturating_sub(1));
    if room == 0 {
        return String::new();
    }
    room -= 1;
    let mut line = dot(picture.pixels.first().copied().unwrap_or_default(), look);
    for (index, part) in parts.iter().enumerate() {
        let part = if look.unicode { part.clone() } else { part.replace('·', "-") };
        let length = part.chars().count();
        if length > room {
            if index == 0 {
                line.extend(part.chars().take(room));
            }
            break;
        }
        line.push_str(&part);
        room -= length;
    }
    line
}

fn bar(loudness: u8, unicode: bool) -> String {
    const CELLS: usize = 8;
    let lit = (usize::from(loudness) * CELLS).div_ceil(255);
    let (on, off) = if unicode { ("█", "░") } else { ("#", ".") };
    on.repeat(lit) + &off.repeat(CELLS - lit)
}

fn dot(rgb: [u8; 3], look: TermCaps) -> String {
    let dark = rgb == [0; 3];
    let dot = match (dark, look.unicode) {
        (true, true) => '○',
        (true, false) => 'o',
        (false, true) => '●',
        (false, false) => '*',
    };
    let [red, green, blue] = brightened(rgb);
    match look.colour {
        _ if dark => dot.to_string(),
        ColourDepth::None => dot.to_string(),
        ColourDepth::True => format!("\x1b[38;2;{red};{green};{blue}m{dot}\x1b[0m"),
        ColourDepth::Palette => {
            let [red, green, blue] = [red, green, blue].map(|part| (u16::from(part) * 5 + 127) / 255);
            format!("\x1b[38;5;{}m{dot}\x1b[0m", 16 + 36 * red + 6 * green + blue)
        }
    }
}

/// Makes a dim light visible on a screen, where it does not glow.
fn brightened(rgb: [u8; 3]) -> [u8; 3] {
    const LEAST: u32 = 90;
    let most = rgb.iter().copied().max().map_or(0, u32::from).max(1);
    let wanted = LEAST + most * (255 - LEAST) / 255;
    rgb.map(|part| (u32::from(part) * wanted / most) as u8)
}
