//! Reads `[[button]]` and `[[drive]]` of a board file.
//!
//! It rejects gestures that conflict with each other.

use std::time::Duration;

use super::lines;
use super::lines::LineLevel;
use super::names;
use crate::config::schema::suggest;
use crate::config::sources::strict_toml::{Scalar, StrictTable};
use crate::config::values::Keyword;
use crate::config::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, HeldOutput, LineBias, ResetHold,
    key_codes,
};

/// The default debounce time, in milliseconds: most switches bounce for less, and the delay is not noticeable.
const DEBOUNCE_MS: u32 = 5;
/// The default, minimum and maximum duration of a long press, in milliseconds.
const LONG_MS: (u32, u32, u32) = (800, 300, 10_000);
/// The maximum hold time of a factory reset, in seconds.
const RESET_MOST_S: u32 = 120;

/// The keys that are only for push buttons.
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
pub(super) fn read(table: &mut StrictTable<'_>) -> Option<ButtonConfig> {
    let name = table.required_text("name");
    let source = source(table);
    let kind = match table.keyword("kind").unwrap_or(ButtonType::Push) {
        ButtonType::Push => Some(ButtonKind::Push(bindings(table))),
        ButtonType::MuteSwitch => {
            table.forbid(&GESTURES, "a mute-switch has no gestures; remove this key");
            if matches!(source, Some(ButtonSource::Key { .. })) {
                table.refuse_table("a mute-switch must be a GPIO line; a key does not latch");
            }
            Some(ButtonKind::MuteSwitch)
        }
    };
    Some(ButtonConfig { name: name?, source: source?, kind: kind? })
}

/// Returns what is wrong with a button that a key of every keyboard presses, unless it only changes the volume: another
/// program's keys would open the microphone or delete the settings.
pub(super) fn any_keyboard_problem(button: &ButtonConfig) -> Option<String> {
    let ButtonSource::Key { device: None, .. } = button.source else { return None };
    let ButtonKind::Push(ButtonBindings { press, short, double, long, reset }) = &button.kind else {
        return None;
    };
    let long = long.map(|(action, _)| action);
    let mut actions = [*press, *short, *double, long].into_iter().flatten();
    let is_grave = |action| matches!(action, ButtonAction::Talk | ButtonAction::Mute);
    (reset.is_some() || actions.any(is_grave)).then(|| {
        format!(
            "[[button]] {:?}: its key on any keyboard would talk, mute or reset; add device = \"NAME\", as \
             /proc/bus/input/devices lists it, or allow every keyboard with --any-keyboard, or any_keyboard = true in your settings",
            button.name
        )
    })
}

/// Reads one `[[drive]]`.
pub(super) fn drive(table: &mut StrictTable<'_>) -> Option<HeldOutput> {
    let name = table.required_text("name");
    let line = lines::read(table);
    table.require("level");
    let level = table.keyword::<LineLevel>("level");
    Some(HeldOutput { name: name?, line: line?, high: level? == LineLevel::High })
}

fn source(table: &mut StrictTable<'_>) -> Option<ButtonSource> {
    if table.has("key") {
        table.forbid(&lines::KEYS, "is for a GPIO line, and this button has a key");
        table.forbid(&["active", "bias", "debounce_ms"], "is for a GPIO line; the kernel debounces keys");
        let code = key_code(table);
        let (device, optional) = (input_device(table), table.switch("optional").unwrap_or_default());
        return Some(ButtonSource::Key { device, code: code?, optional });
    }
    table.forbid(&["device"], "is for a key; a GPIO line is given by gpio, or by chip and offset");
    table.forbid(
        &["optional"],
        "is for a key, which some models of a device have; a GPIO line is there or miswritten",
    );
    let active = table.keyword("active").unwrap_or(LineLevel::Low);
    let default_bias = match active {
        LineLevel::Low => LineBias::PullUp,
        LineLevel::High => LineBias::PullDown,
    };
    let bias = table.keyword("bias").unwrap_or(default_bias);
    let debounce_ms = table.integer("debounce_ms", 0, 100).unwrap_or(DEBOUNCE_MS);
    let debounce = Duration::from_millis(debounce_ms.into());
    Some(ButtonSource::Line {
        line: lines::read(table)?,
        active_low: active == LineLevel::Low,
        bias,
        debounce,
    })
}

/// Reads the name of an input device.
fn input_device(table: &mut StrictTable<'_>) -> Option<String> {
    let line = table.line_at("device");
    let name = table.text("device")?;
    if name.starts_with('/') {
        let reason = "is a path; write the device's name, as /proc/bus/input/devices and `evtest` list it";
        table.refuse_value("device", line, &format!("{name:?}"), reason);
        return None;
    }
    Some(name)
}

fn key_code(table: &mut StrictTable<'_>) -> Option<u16> {
    let entry = table.take("key")?;
    match entry.value {
        Scalar::Number(raw) => {
            let key_code = raw.parse().ok().filter(|key_code| (1..=key_codes::LARGEST).contains(key_code));
            if key_code.is_none() {
                let reason = format!("must be a key code from 1 to {}", key_codes::LARGEST);
                table.refuse_value("key", entry.line, &raw, &reason);
            }
            let key_code = key_code.and_then(|key_code| u16::try_from(key_code).ok());
            if key_code == Some(key_codes::SYSRQ) {
                let reason = "is SysRq, with which the kernel takes commands; choose another key";
                table.refuse_value("key", entry.line, &raw, reason);
                return None;
            }
            key_code
        }
        Scalar::Text(raw) => {
            let found = key_codes::KEYS.iter().find(|(name, _)| names::is_key(name, &raw));
            if found.is_none() {
                let suggestion = suggest(&raw, key_codes::KEYS.iter().map(|(name, _)| *name));
                let reason =
                    format!("unknown key name{suggestion}; use its code from linux/input-event-codes.h");
                table.refuse_value("key", entry.line, &format!("{raw:?}"), &reason);
            }
            found.map(|(_, key_code)| *key_code)
        }
        Scalar::Switch(_) => {
            table.refuse(
                "key",
                entry.line,
                "must be the name of a key in quotes, such as \"KEY_PLAYPAUSE\", or its code",
            );
            None
        }
    }
}

fn bindings(table: &mut StrictTable<'_>) -> ButtonBindings {
    let problems_before = table.problem_count();
    let lines = ["press", "short", "double", "long"].map(|name| (name, table.line_at(name)));
    let [press, short, double, long] =
        ["press", "short", "double", "long"].map(|name| table.keyword::<ButtonAction>(name));
    let mut bound: Vec<(&str, ButtonAction)> = Vec::new();
    for ((name, line), action) in lines.into_iter().zip([press, short, double, long]) {
        let Some(action) = action else { continue };
        if action == ButtonAction::Talk && name != "press" {
            table.refuse_value(
                name,
                line,
                "\"talk\"",
                "must be press = \"talk\": talking starts on the press edge",
            );
        } else if let Some((first, _)) = bound.iter().find(|(_, known)| *known == action) {
            table.refuse(name, line, &format!("{first} has the same action; remove one"));
        }
        bound.push((name, action));
    }
    let long_ms = table.integer("long_ms", LONG_MS.1, LONG_MS.2);
    if long_ms.is_some() && long.is_none() && table.problem_count() == problems_before {
        table.refuse_table("long_ms needs long: set the action of a long press");
    }
    let long_for = Duration::from_millis(long_ms.unwrap_or(LONG_MS.0).into());
    let reset = reset(table, long.map(|_| long_for));
    let unbound = bound.is_empty() && reset.is_none();
    // A button without any action is the talk button.
    let press = press.or(unbound.then_some(ButtonAction::Talk));
    ButtonBindings { press, short, double, long: long.map(|action| (action, long_for)), reset }
}

fn reset(table: &mut StrictTable<'_>, long_for: Option<Duration>) -> Option<ResetHold> {
    let problems_before = table.problem_count();
    let (warn, act) =
        (table.integer("reset_warn_s", 1, RESET_MOST_S), table.integer("reset_s", 1, RESET_MOST_S));
    let (warn, act) = match (warn, act) {
        (None, None) => return None,
        (Some(warn), Some(act)) => (warn, act),
        (Some(_), None) | (None, Some(_)) => {
            if table.problem_count() == problems_before {
                table.refuse_table(
                    "reset_warn_s and reset_s must both be set: when the warning starts, and when the reset happens",
                );
            }
            return None;
        }
    };
    if act <= warn {
        table.refuse_table(format_args!("reset_s = {act} must be more than reset_warn_s = {warn}"));
    }
    let warn_after = Duration::from_secs(warn.into());
    if let Some(long_for) = long_for.filter(|long_for| warn_after <= *long_for) {
        let long_ms = long_for.as_millis();
        table.refuse_table(format_args!(
            "reset_warn_s = {warn} must be later than the long press at {long_ms} ms"
        ));
    }
    Some(ResetHold { warn_after, act_after: Duration::from_secs(act.into()) })
}
