//! Prints the contents of a board file, for `mynah boards check`.
//!
//! It reads no file.

use std::time::Duration;

use crate::config::boards::audio::DeviceTable;
use crate::config::boards::detect::{BoardSignature, match_signatures};
use crate::config::boards::parse::BoardFile;
use crate::config::boards::{DEFAULT_DEVICE, UNPLUGGED, device_on_card, lines};
use crate::config::host::HostInfo;
use crate::config::values::Keyword;
use crate::config::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, ControlValue, KeepAwake, LedWiring,
    LightConfig, LineBias, PcmRequest, SampleFormat, UnplugPolicy,
};
use crate::sys::alsa_proc::CardInfo;

/// Returns the contents of the file, a line for each entry.
pub(super) fn summary(board_file: &BoardFile, host: &HostInfo) -> String {
    let fit = match_signatures(&board_file.signatures, host);
    let card = fit.as_ref().and_then(|fit| fit.card);
    let mut text = String::new();
    let mut add_line = |subject: &str, words: String| text.push_str(&format!("  {subject:<11} {words}\n"));
    add_line("name", format!("{}: {}", board_file.name, board_file.about));
    for signature in &board_file.signatures {
        add_line("found by", BoardSignature::describe(signature));
    }
    add_line(
        "found here",
        fit.as_ref().map_or_else(|| "no".to_owned(), |fit| format!("yes, by {}", fit.evidence)),
    );
    let device = |table: &DeviceTable, first: fn(&CardInfo) -> Option<String>| {
        let device = table.device.as_deref().unwrap_or(DEFAULT_DEVICE);
        device_on_card(device, card, first).unwrap_or_else(|| format!("{device} (the detected card)"))
    };
    add_line(
        "microphone",
        format!(
            "{}{}",
            device(&board_file.microphone, CardInfo::capture_name),
            stream_text(&board_file.microphone, "captures")
        ),
    );
    add_line(
        "speaker",
        format!(
            "{}{}",
            device(&board_file.speaker, CardInfo::playback_name),
            stream_text(&board_file.speaker, "plays on")
        ),
    );
    for control in &board_file.controls {
        let setting = match &control.setting {
            ControlValue::Percent(percent) => format!("{percent} %"),
            ControlValue::Switch(on) => if *on { "on" } else { "off" }.to_owned(),
            ControlValue::Choice(choice) => format!("{choice:?}"),
        };
        let optional = if control.optional { ", if the card has it" } else { "" };
        add_line("control", format!("{} = {setting}{optional}", control.name));
    }
    board_file.peripherals.buttons.iter().for_each(|one| add_line("button", button_text(one)));
    board_file.peripherals.lights.iter().for_each(|one| add_line("light", light_text(one)));
    for driven in &board_file.peripherals.driven {
        let level = if driven.high { "high" } else { "low" };
        add_line("drive", format!("{}: {} {level}", driven.name, lines::label(&driven.line)));
    }
    add_line(
        "unplugged",
        match board_file.unplugged.unwrap_or(UNPLUGGED) {
            UnplugPolicy::Wait => "wait without limit".to_owned(),
            UnplugPolicy::End(wait) => format!("wait {} s, then exit", wait.as_secs_f64()),
        },
    );
    text
}

fn stream_text(table: &DeviceTable, verb: &str) -> String {
    let PcmRequest { rate_hz, format, channels, period } = table.form;
    let mut text = String::new();
    let mut add =
        |part: Option<String>| part.into_iter().for_each(|part| text.push_str(&format!(", {part}")));
    add(rate_hz.map(|rate_hz| format!("{rate_hz} Hz")));
    add(format.map(|format: SampleFormat| keyword_name(format).to_owned()));
    add(channels.map(|channels| format!("{channels} channels")));
    add(period.map(|period| format!("periods of {} ms", period.as_secs_f64() * 1000.0)));
    let chosen: Vec<_> = table.channels.iter().map(ToString::to_string).collect();
    add((!chosen.is_empty()).then(|| format!("{verb} channel {}", chosen.join(" and "))));
    add((table.gain_db != 0.0).then(|| format!("{:+} dB", table.gain_db)));
    add(table.cut.map(|cut| format!("cut by {}", keyword_name(cut))));
    add(table.keep_awake.map(|keep_awake| match keep_awake {
        KeepAwake::Forever => "kept awake".to_owned(),
        KeepAwake::For(duration) => format!("kept awake for {} s", duration.as_secs_f64()),
    }));
    add(table.keep_open.map(|keep_open| format!("kept open {}", keyword_name(keep_open))));
    text
}

fn button_text(button: &ButtonConfig) -> String {
    let source = match &button.source {
        ButtonSource::Line { line, active_low, bias, debounce } => format!(
            "{}, active {}, bias {}, debounce {} ms",
            lines::label(line),
            if *active_low { "low" } else { "high" },
            keyword_name::<LineBias>(*bias),
            debounce.as_millis()
        ),
        ButtonSource::Key { device, code, optional } => format!(
            "key {code} of {}{}",
            device.as_deref().unwrap_or("any device that has it"),
            if *optional { ", if it is there" } else { "" }
        ),
    };
    let effect = match &button.kind {
        ButtonKind::Push(bindings) => bindings_text(bindings),
        ButtonKind::MuteSwitch => "mutes while it is on".to_owned(),
    };
    format!("{}: {source}: {effect}", button.name)
}

fn bindings_text(bindings: &ButtonBindings) -> String {
    let ButtonBindings { press, short, double, long, reset } = bindings;
    let mut parts = Vec::new();
    for (name, action) in [("press", press), ("short", short), ("double", double)] {
        parts.extend(action.map(|action| format!("{name} = {}", keyword_name::<ButtonAction>(action))));
    }
    parts.extend(long.map(|(action, after)| {
        format!("long ({} ms) = {}", after.as_millis(), keyword_name::<ButtonAction>(action))
    }));
    parts.extend(reset.map(|reset| {
        let seconds = |time: Duration| time.as_secs();
        format!("reset after {} s, warning after {} s", seconds(reset.act_after), seconds(reset.warn_after))
    }));
    parts.join(", ")
}

fn light_text(light: &LightConfig) -> String {
    let wiring = match &light.wiring {
        LedWiring::Line { line, .. } => format!("an LED on {}", lines::label(line)),
        LedWiring::Lines { rgb, .. } => {
            let lines: Vec<_> = rgb.iter().map(lines::label).collect();
            format!("red, green and blue on {}", lines.join(", "))
        }
        LedWiring::Pwm { chip, channels, .. } => format!("PWM on {chip}, {} channels", channels.len()),
        LedWiring::Class { leds } => format!("kernel LED {}", leds.join(", ")),
        LedWiring::Apa102 { spi, pixels, speed_hz } => {
            format!("{pixels} APA102 on {} at {speed_hz} Hz", spi.display())
        }
        LedWiring::Apa102Lines { data, clock, pixels } => {
            format!("{pixels} APA102, data on {}, clock on {}", lines::label(data), lines::label(clock))
        }
        LedWiring::Ws2812 { spi, pixels } => format!("{pixels} WS2812 on {}", spi.display()),
    };
    format!("{}: {wiring}, brightness {}", light.name, light.brightness)
}

/// Returns the word for a value in board files.
fn keyword_name<C: Keyword + PartialEq>(value: C) -> &'static str {
    C::ALL.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}
