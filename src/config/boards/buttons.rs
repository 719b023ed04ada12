//! `[[button]]` and `[[drive]]`: what is pressed, and what must be held at a level.
//!
//! It refuses gestures that would get in each other's way.

use std::time::Duration;

use super::lines;
use super::lines::LineLevel;
use crate::config::schema::nearest;
use crate::config::strict_toml::{Scalar, StrictTable};
use crate::config::values::Keyword;
use crate::config::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, HeldOutput, LineBias, ResetHold,
    key_codes,
};

/// How long a line must be still, milliseconds: most switches bounce for less, and nobody notices so little.
const DEBOUNCE_MS: u32 = 5;
/// How long a long press is, milliseconds, and from where to where it may be set.
const LONG_MS: (u32, u32, u32) = (800, 300, 10_000);
/// The longest that a reset may have to be held, seconds.
const RESET_MOST_S: u32 = 120;

/// The keys that only a push button has.
const GESTURES: [&str; 7] = ["press", "short", "double", "long", "long_ms", "reset_warn_s", "reset_s"];

impl Keyword for ButtonAction {
    const ALL: &'static [(&'static str, Self)] = &[
        ("talk", Self::Talk),
        ("mute", Self::Mute),
        ("volume-up", Self::VolumeUp),
        ("volume-down", Self::VolumeDown),
    ];
}

impl Keyword for LineBias {
    const ALL: &'static [(&'static str, Self)] =
        &[("up", Self::PullUp), ("down", Self::PullDown), ("off", Self::Disabled), ("as-is", Self::AsIs)];
}

#[derive(Clone, Copy)]
enum ButtonType {
    Push,
    MuteSwitch,
}

impl Keyword for ButtonType {
    const ALL: &'static [(&'static str, Self)] = &[("push", Self::Push), ("mute-switch", Self::MuteSwitch)];
}

/// Reads one `[[button]]`.
pub(super) fn read(section: &mut StrictTable<'_>) -> Option<ButtonConfig> {
    let name = section.required_text("name");
    let place = place(section);
    let kind = match section.word("kind").unwrap_or(ButtonType::Push) {
        ButtonType::Push => Some(ButtonKind::Push(gestures(section))),
        ButtonType::MuteSwitch => {
            section.forbid(&GESTURES, "a mute switch has no gestures; where it stands is what it says");
            if matches!(place, Some(ButtonSource::Key { .. })) {
                section.object("a mute switch is wired to a line: a key springs back");
            }
            Some(ButtonKind::MuteSwitch)
        }
    };
    Some(ButtonConfig { name: name?, source: place?, kind: kind? })
}

/// Reads one `[[drive]]`.
pub(super) fn drive(section: &mut StrictTable<'_>) -> Option<HeldOutput> {
    let name = section.required_text("name");
    let line = lines::take(section);
    section.demand("level");
    let level = section.word::<LineLevel>("level");
    Some(HeldOutput { name: name?, line: line?, high: level? == LineLevel::High })
}

fn place(section: &mut StrictTable<'_>) -> Option<ButtonSource> {
    if section.has("key") {
        section.forbid(&lines::KEYS, "is for a line, and this button is a key");
        section
            .forbid(&["active", "bias", "debounce_ms"], "is for a line; the kernel's key is already clean");
        let code = code(section);
        return Some(ButtonSource::Key { device: section.text("device"), code: code? });
    }
    section.forbid(&["device"], "is for a key; a line has chip and offset");
    let active = section.word("active").unwrap_or(LineLevel::Low);
    let usual = match active {
        LineLevel::Low => LineBias::PullUp,
        LineLevel::High => LineBias::PullDown,
    };
    let bias = section.word("bias").unwrap_or(usual);
    let debounce_ms = section.whole("debounce_ms", 0, 100).unwrap_or(DEBOUNCE_MS);
    let debounce = Duration::from_millis(debounce_ms.into());
    Some(ButtonSource::Line {
        line: lines::take(section)?,
        active_low: active == LineLevel::Low,
        bias,
        debounce,
    })
}

fn code(section: &mut StrictTable<'_>) -> Option<u16> {
    let entry = section.take("key")?;
    match entry.value {
        Scalar::Number(written) => {
            let code = written.parse().ok().filter(|code| (1..=key_codes::LARGEST).contains(code));
            if code.is_none() {
                let why = format!("not a key's code, from 1 to {}", key_codes::LARGEST);
                section.refuse_value("key", entry.line, &written, &why);
            }
            code.and_then(|code| u16::try_from(code).ok())
        }
        Scalar::Text(written) => {
            let found = key_codes::KEYS.iter().find(|(name, _)| *name == written);
            if found.is_none() {
                let meant = nearest(&written, key_codes::KEYS.iter().map(|(name, _)| *name));
                let why = format!(
                    "not a key that mynah knows by name{meant}; its number will do \
                     (linux/input-event-codes.h)"
                );
                section.refuse_value("key", entry.line, &format!("{written:?}"), &why);
            }
            found.map(|(_, code)| *code)
        }
        Scalar::Switch(_) => {
            section.refuse(
                "key",
                entry.line,
                "must be a key's name in quotes, such as \"KEY_PLAYPAUSE\", or its number",
            );
            None
        }
    }
}

fn gestures(section: &mut StrictTable<'_>) -> ButtonBindings {
    let before = section.refused();
    let lines = ["press", "short", "double", "long"].map(|name| (name, section.line_at(name)));
    let [press, short, double, long] =
        ["press", "short", "double", "long"].map(|name| section.word::<ButtonAction>(name));
    let mut seen: Vec<(&str, ButtonAction)> = Vec::new();
    for ((name, line), deed) in lines.into_iter().zip([press, short, double, long]) {
        let Some(deed) = deed else { continue };
        if deed == ButtonAction::Talk && name != "press" {
            section.refuse_value(
                name,
                line,
                "\"talk\"",
                "talking begins at the press and not after it: write press = \"talk\"",
            );
        } else if let Some((first, _)) = seen.iter().find(|(_, known)| *known == deed) {
            section.refuse(name, line, &format!("does what {first} does already"));
        }
        seen.push((name, deed));
    }
    let long_ms = section.whole("long_ms", LONG_MS.1, LONG_MS.2);
    if long_ms.is_some() && long.is_none() && section.refused() == before {
        section.object("long_ms without long: say what a long press does");
    }
    let long_for = Duration::from_millis(long_ms.unwrap_or(LONG_MS.0).into());
    let reset = reset(section, long.map(|_| long_for));
    let silent = seen.is_empty() && reset.is_none();
    // A button that nothing is said of is the talk button.
    let press = press.or(silent.then_some(ButtonAction::Talk));
    ButtonBindings { press, short, double, long: long.map(|deed| (deed, long_for)), reset }
}

fn reset(section: &mut StrictTable<'_>, long_for: Option<Duration>) -> Option<ResetHold> {
    let before = section.refused();
    let (warn, act) =
        (section.whole("reset_warn_s", 1, RESET_MOST_S), section.whole("reset_s", 1, RESET_MOST_S));
    let (warn, act) = match (warn, act) {
        (None, None) => return None,
        (Some(warn), Some(act)) => (warn, act),
        (Some(_), None) | (None, Some(_)) => {
            if section.refused() == before {
                section.object(
                    "reset_warn_s and reset_s belong together: when the warning begins, and when it is done",
                );
            }
            return None;
        }
    };
    if act <= warn {
        section.object(format_args!(
            "the reset would be done at {act} s, before its warning at {warn} s is over"
        ));
    }
    let warn_after = Duration::from_secs(warn.into());
    if let Some(long_for) = long_for.filter(|long_for| warn_after <= *long_for) {
        let long_ms = long_for.as_millis();
        section.object(format_args!(
            "the warning of a reset at {warn} s would come before the long press at {long_ms} ms"
        ));
    }
    Some(ResetHold { warn_after, act_after: Duration::from_secs(act.into()) })
}
