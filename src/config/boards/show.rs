//! What a board file says, in words: the answer of `mynah boards check`.

use std::time::Duration;

use crate::config::boards::audio::DeviceTable;
use crate::config::boards::detect::{BoardSignature, best};
use crate::config::boards::parse::BoardFile;
use crate::config::boards::{DEFAULT_DEVICE, UNPLUGGED, lines, name};
use crate::config::host::HostInfo;
use crate::config::values::Keyword;
use crate::config::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, ControlValue, LedWiring,
    LightConfig, LineBias, PcmRequest, SampleFormat, UnplugPolicy,
};

/// Says what the file says, a line for each thing.
pub(super) fn summary(facts: &BoardFile, machine: &HostInfo) -> String {
    let fit = best(&facts.finds, machine);
    let card = fit.as_ref().and_then(|fit| fit.card);
    let mut text = String::new();
    let mut say = |what: &str, words: String| text.push_str(&format!("  {what:<11} {words}\n"));
    say("name", format!("{}: {}", facts.name, facts.about));
    for find in &facts.finds {
        say("found by", BoardSignature::describe(find));
    }
    say("here", fit.as_ref().map_or_else(|| "no".to_owned(), |fit| format!("yes, by {}", fit.because)));
    let device = |end: &DeviceTable| {
        let device = end.device.as_deref().unwrap_or(DEFAULT_DEVICE);
        name(device, card).unwrap_or_else(|| format!("{device} (the card that is found)"))
    };
    say("microphone", format!("{}{}", device(&facts.microphone), end(&facts.microphone, "hears")));
    say("speaker", format!("{}{}", device(&facts.speaker), end(&facts.speaker, "plays on")));
    for control in &facts.controls {
        let setting = match &control.setting {
            ControlValue::Percent(percent) => format!("{percent} %"),
            ControlValue::Switch(on) => if *on { "on" } else { "off" }.to_owned(),
            ControlValue::Choice(choice) => format!("{choice:?}"),
        };
        say("control", format!("{} = {setting}", control.name));
    }
    facts.body.buttons.iter().for_each(|one| say("button", button(one)));
    facts.body.lights.iter().for_each(|one| say("light", light(one)));
    for driven in &facts.body.driven {
        let level = if driven.high { "high" } else { "low" };
        say("drive", format!("{}: {} {level}", driven.name, lines::spell(&driven.line)));
    }
    say(
        "unplugged",
        match facts.unplugged.unwrap_or(UNPLUGGED) {
            UnplugPolicy::Wait => "waited for, for ever".to_owned(),
            UnplugPolicy::End(wait) => format!("waited for, {} s", wait.as_secs_f64()),
        },
    );
    text
}

fn end(end: &DeviceTable, verb: &str) -> String {
    let PcmRequest { rate_hz, format, channels, period } = end.form;
    let mut text = String::new();
    let mut add =
        |part: Option<String>| part.into_iter().for_each(|part| text.push_str(&format!(", {part}")));
    add(rate_hz.map(|rate_hz| format!("{rate_hz} Hz")));
    add(format.map(|format: SampleFormat| word(format).to_owned()));
    add(channels.map(|channels| format!("{channels} channels")));
    add(period.map(|period| format!("periods of {} ms", period.as_secs_f64() * 1000.0)));
    let chosen: Vec<_> = end.channels.iter().map(ToString::to_string).collect();
    add((!chosen.is_empty()).then(|| format!("{verb} channel {}", chosen.join(" and "))));
    add((end.gain_db != 0.0).then(|| format!("{:+} dB", end.gain_db)));
    text
}

fn button(button: &ButtonConfig) -> String {
    let place = match &button.source {
        ButtonSource::Line { line, active_low, bias, debounce } => format!(
            "{}, pressed is {}, bias {}, still for {} ms",
            lines::spell(line),
            if *active_low { "low" } else { "high" },
            word::<LineBias>(*bias),
            debounce.as_millis()
        ),
        ButtonSource::Key { device, code } => {
            format!("key {code} of {}", device.as_deref().unwrap_or("any device that has it"))
        }
    };
    let does = match &button.kind {
        ButtonKind::Push(gestures) => does(gestures),
        ButtonKind::MuteSwitch => "mutes while it is on".to_owned(),
    };
    format!("{}: {place}: {does}", button.name)
}

fn does(gestures: &ButtonBindings) -> String {
    let ButtonBindings { press, short, double, long, reset } = gestures;
    let mut parts = Vec::new();
    for (name, deed) in [("press", press), ("short", short), ("double", double)] {
        parts.extend(deed.map(|deed| format!("{name} = {}", word::<ButtonAction>(deed))));
    }
    parts.extend(
        long.map(|(deed, after)| format!("long ({} ms) = {}", after.as_millis(), word::<ButtonAction>(deed))),
    );
    parts.extend(reset.map(|reset| {
        let seconds = |time: Duration| time.as_secs();
        format!("reset at {} s, warned of from {} s", seconds(reset.act_after), seconds(reset.warn_after))
    }));
    parts.join(", ")
}

fn light(light: &LightConfig) -> String {
    let made = match &light.wiring {
        LedWiring::Line { line, .. } => format!("an LED on {}", lines::spell(line)),
        LedWiring::Lines { rgb, .. } => {
            let lines: Vec<_> = rgb.iter().map(lines::spell).collect();
            format!("red, green and blue on {}", lines.join(", "))
        }
        LedWiring::Pwm { chip, channels, .. } => format!("PWM on {chip}, {} of its channels", channels.len()),
        LedWiring::Class { leds } => format!("the kernel's {}", leds.join(", ")),
        LedWiring::Apa102 { spi, pixels, speed_hz } => {
            format!("{pixels} APA102 on {} at {speed_hz} Hz", spi.display())
        }
        LedWiring::Apa102Lines { data, clock, pixels } => {
            format!("{pixels} APA102, data on {}, clock on {}", lines::spell(data), lines::spell(clock))
        }
        LedWiring::Ws2812 { spi, pixels } => format!("{pixels} WS2812 on {}", spi.display()),
    };
    format!("{}: {made}, brightness {}", light.name, light.brightness)
}

/// Gives the word that a board file has for a value.
fn word<C: Keyword + PartialEq>(value: C) -> &'static str {
    C::ALL.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}
