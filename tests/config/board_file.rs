//! Valid and invalid board files: the values of each key, and the message for each error.

use std::time::Duration;

use mynah::config::{
    AudioConfig, ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, ControlValue, CutMode,
    GpioLine, HeldOutput, KeepAwake, KeepOpen, LedWiring, LightConfig, LineBias, MixerControl, PcmRequest,
    Peripherals, ResetHold, SampleFormat, UnplugPolicy,
};
use proptest::prelude::*;

use super::{Fixture, assert_problems, states};

#[test]
fn all_audio_keys_are_read() {
    let (audio, _) = read(
        "[microphone]\ndevice = 'hw:1'\nrate_hz = 44100\nformat = 'S24_3'\nchannels = 8\nhear = [7, 0]\ngain_db = -2.5\nperiod_ms = 7.5\nkeep_open = 'always'\n\
         [speaker]\ndevice = 'hw:2'\nrate_hz = 16_000\nformat = 'S24'\nchannels = 1\nplay_on = 0\nperiod_ms = 100\ncut = 'run-out'\nkeep_awake_s = 2.5\n\
         [[control]]\ncard = 'hw:1'\nname = 'Mic,1'\npercent = 0\n\
         [[control]]\ncard = 'hw:1'\nname = 'Mic'\non = false\noptional = true\n\
         [[control]]\ncard = 'hw:2'\nname = 'Route'\nchoice = 'Line In'\noptional = false\n\
         [unplugged]\nwait_s = 2.5\n",
    );
    let form = |rate_hz, format, channels, period_us| PcmRequest {
        rate_hz: Some(rate_hz),
        format: Some(format),
        channels: Some(channels),
        period: Some(Duration::from_micros(period_us)),
    };
    assert_eq!(audio.microphone.device, "hw:1");
    assert_eq!(audio.microphone.form, form(44_100, SampleFormat::S24In3, 8, 7_500));
    assert_eq!((audio.microphone.channels, audio.microphone.gain_db), (vec![7, 0], -2.5));
    assert_eq!(audio.microphone.keep_open, Some(KeepOpen::Always));
    assert_eq!(audio.speaker.form, form(16_000, SampleFormat::S24, 1, 100_000));
    assert_eq!(audio.speaker.channels, [0]);
    let keep_awake = Some(KeepAwake::For(Duration::from_millis(2_500)));
    assert_eq!((audio.speaker.cut, audio.speaker.keep_awake), (Some(CutMode::RunOut), keep_awake));
    let control = |card: &str, name: &str, setting, optional| MixerControl {
        card: card.into(),
        name: name.into(),
        setting,
        optional,
    };
    assert_eq!(
        audio.controls,
        [
            control("hw:1", "Mic,1", ControlValue::Percent(0), false),
            control("hw:1", "Mic", ControlValue::Switch(false), true),
            control("hw:2", "Route", ControlValue::Choice("Line In".to_owned()), false),
        ]
    );
    assert_eq!(audio.unplugged, UnplugPolicy::End(Duration::from_millis(2500)));
}

#[test]
fn empty_board_file_gives_the_defaults() {
    let (audio, peripherals) = read("");
    assert_eq!((&*audio.microphone.device, &*audio.speaker.device), ("default", "default"));
    assert_eq!((audio.microphone.form, audio.microphone.gain_db), (PcmRequest::default(), 0.0));
    assert_eq!(audio.microphone.keep_open, None, "the kind of the device decides");
    assert_eq!(audio.unplugged, UnplugPolicy::End(Duration::from_secs(5)));
    assert_eq!(peripherals, Peripherals::default());
    assert_eq!(read("[unplugged]\nwait_s = 'forever'").0.unplugged, UnplugPolicy::Wait);
}

#[test]
fn button_without_actions_is_a_talk_button() {
    let buttons = read("[[button]]\nname = 'b'\ngpio = 'GPIO17'\n").1.buttons;
    let source = line("GPIO17", true, LineBias::PullUp, 5);
    let talk =
        ButtonKind::Push(ButtonBindings { press: Some(ButtonAction::Talk), ..ButtonBindings::default() });
    assert_eq!(buttons, [ButtonConfig { name: "b".to_owned(), source, kind: talk }]);
    let reset = read("[[button]]\nname = 'b'\ngpio = 'G'\nreset_warn_s = 10\nreset_s = 22\n").1.buttons;
    let hold = ResetHold { warn_after: Duration::from_secs(10), act_after: Duration::from_secs(22) };
    assert_eq!(
        reset[0].kind,
        ButtonKind::Push(ButtonBindings { reset: Some(hold), ..ButtonBindings::default() })
    );
}

#[test]
fn buttons_are_lines_keys_or_mute_switches() {
    let buttons = read(
        "[[button]]\nname = 'a'\nchip = 'gpiochip0'\noffset = 22\nactive = 'high'\ndebounce_ms = 0\nshort = 'mute'\ndouble = 'volume-up'\nlong = 'volume-down'\n\
         [[button]]\nname = 'b'\ngpio = 'X'\nactive = 'high'\nbias = 'off'\nkind = 'mute-switch'\n\
         [[button]]\nname = 'c'\nkey = 'KEY_PLAYPAUSE'\ndevice = 'Jabra'\noptional = true\n\
         [[button]]\nname = 'd'\nkey = 0x2ff\npress = 'volume-up'\n\
         [[button]]\nname = 'e'\ngpio = 'Y'\nbias = 'as-is'\nlong = 'mute'\nlong_ms = 300\nreset_warn_s = 1\nreset_s = 120\n",
    )
    .1
    .buttons;
    let source = ButtonSource::Line {
        line: GpioLine::At { chip: "gpiochip0".to_owned(), offset: 22 },
        active_low: false,
        bias: LineBias::PullDown,
        debounce: Duration::ZERO,
    };
    assert_eq!(buttons[0].source, source);
    let bindings = ButtonBindings {
        press: None,
        short: Some(ButtonAction::Mute),
        double: Some(ButtonAction::VolumeUp),
        long: Some((ButtonAction::VolumeDown, Duration::from_millis(800))),
        reset: None,
    };
    assert_eq!(buttons[0].kind, ButtonKind::Push(bindings));
    assert_eq!(
        (&buttons[1].source, &buttons[1].kind),
        (&line("X", false, LineBias::Disabled, 5), &ButtonKind::MuteSwitch)
    );
    assert_eq!(
        buttons[2].source,
        ButtonSource::Key { device: Some("Jabra".to_owned()), code: 164, optional: true }
    );
    assert_eq!(buttons[3].source, ButtonSource::Key { device: None, code: 0x2ff, optional: false });
    let ButtonKind::Push(last) = &buttons[4].kind else { panic!("{buttons:?}") };
    assert_eq!((last.press, last.long), (None, Some((ButtonAction::Mute, Duration::from_millis(300)))));
}

#[test]
fn every_kind_of_light_is_read() {
    let peripherals = read(
        "[[light]]\nname = 'a'\nkind = 'led'\ngpio = 'A'\nactive = 'low'\n\
         [[light]]\nname = 'b'\nkind = 'rgb'\nred = 'R'\ngreen = 'G'\nblue = 'B'\nbrightness = 1\n\
         [[light]]\nname = 'c'\nkind = 'rgb'\nchip = 'gpiochip1'\nred = 1\ngreen = 2\nblue = 3\nactive = 'low'\n\
         [[light]]\nname = 'd'\nkind = 'pwm'\nchip = 'pwmchip0'\nchannels = [0, 1, 2]\nperiod_ns = 10_000\n\
         [[light]]\nname = 'e'\nkind = 'class'\nleds = 'ACT'\n\
         [[light]]\nname = 'f'\nkind = 'apa102'\nspi = '/dev/spidev0.0'\npixels = 64\n\
         [[light]]\nname = 'g'\nkind = 'apa102'\nchip = 'gpiochip0'\ndata = 5\nclock = 6\npixels = 3\n\
         [[light]]\nname = 'h'\nkind = 'ws2812'\nspi = '/dev/spidev1.0'\npixels = 1\n\
         [[drive]]\nname = 'i'\ngpio = 'P'\nlevel = 'high'\n",
    )
    .1;
    let at = |chip: &str, offset| GpioLine::At { chip: chip.to_owned(), offset };
    let wirings = [
        LedWiring::Line { line: named("A"), active_low: true },
        LedWiring::Lines { rgb: ["R", "G", "B"].map(named), active_low: false },
        LedWiring::Lines { rgb: [1, 2, 3].map(|offset| at("gpiochip1", offset)), active_low: true },
        LedWiring::Pwm {
            chip: "pwmchip0".to_owned(),
            channels: vec![0, 1, 2],
            period_ns: 10_000,
            active_low: false,
        },
        LedWiring::Class { leds: vec!["ACT".to_owned()] },
        LedWiring::Apa102 { spi: "/dev/spidev0.0".into(), pixels: 64, speed_hz: 4_000_000 },
        LedWiring::Apa102Lines { data: at("gpiochip0", 5), clock: at("gpiochip0", 6), pixels: 3 },
        LedWiring::Ws2812 { spi: "/dev/spidev1.0".into(), pixels: 1 },
    ];
    let brightness = [255, 1, 255, 255, 255, 255, 255, 255];
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"].map(str::to_owned);
    let lights: Vec<_> = names
        .into_iter()
        .zip(wirings)
        .zip(brightness)
        .map(|((name, wiring), brightness)| LightConfig { name, wiring, brightness })
        .collect();
    assert_eq!(peripherals.lights, lights);
    assert_eq!(peripherals.driven, [HeldOutput { name: "i".to_owned(), line: named("P"), high: true }]);
}

/// Invalid board files and their problems.
const BAD: &str = include_str!("bad_boards.txt");

#[test]
fn every_error_has_its_place_and_says_what_to_write() {
    let cases: Vec<_> = BAD.split("\n\n").filter(|case| !case.trim().starts_with('#')).collect();
    assert!(cases.len() > 70, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let (expected, text): (Vec<_>, Vec<_>) = case.lines().partition(|line| line.starts_with("> "));
        let expected: Vec<_> = expected.iter().map(|line| format!("mine.toml{}", &line[2..])).collect();
        let problems =
            fixture(&text.join("\n")).read().map_or_else(|error| error.problems().to_vec(), |_| Vec::new());
        let is_stated = |(problem, expected): (&String, &String)| states(problem, expected);
        if problems.len() != expected.len() || !problems.iter().zip(&expected).all(is_stated) {
            wrong.push(format!("{case}\nbut the problems are {problems:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn all_errors_of_a_board_file_are_reported_together() {
    let text = "[microphone]\nrate_hz = 1\nformat = 'S8'\n[[button]]\ngpio = 'A'\npress = 'x'\n[[light]]\nname = 'l'\nkind = 'led'\ngpoi = 'B'\n[zzz]\n";
    assert_problems(
        &fixture(text).problems(),
        &[
            "mine.toml, line 14: zzz: | unknown key",
            "mine.toml, line 5: [microphone] rate_hz = 1: | 8000 | 192000",
            "mine.toml, line 6: [microphone] format = \"S8\": | S16, S24, S24_3, S32",
            "mine.toml, line 7: [[button]] name: | required",
            "mine.toml, line 9: [[button]] press = \"x\": | talk, mute, volume-up, volume-down",
            "mine.toml, line 10: [[light]]: | gpio | chip | offset",
            "mine.toml, line 13: [[light]] gpoi: | mean gpio?",
        ],
    );
}

proptest! {
    #[test]
    fn no_board_file_causes_a_panic(
        table in prop::sample::select(&["[microphone]", "[[button]]", "[[light]]", "[[find]]", "[[control]]", "[unplugged]", "button = "][..]),
        key in prop::sample::select(&["name", "kind", "gpio", "key", "chip", "offset", "hear", "pixels", "wait_s", "cards", "percent", "leds"][..]),
        value in "[0-9._+-]{0,12}|'[a-zA-Z0-9_]{0,12}'|\\[[0-9, ']{0,12}\\]|0x[0-9a-f]{0,20}|true|nan|-inf|\\{a=1\\}",
    ) {
        let _ = fixture(&format!("{table}\n{key} = {value}\n")).read();
    }
}

fn fixture(rest: &str) -> Fixture {
    let text = format!("[board]\nname = 'mine'\nabout = 'x'\n{rest}");
    Fixture::new().file("mine.toml", &text).flags(&["--parrot", "--board", "mine.toml"])
}

fn read(rest: &str) -> (AudioConfig, Peripherals) {
    let config = fixture(rest).run();
    (config.audio, config.peripherals)
}

fn named(name: &str) -> GpioLine {
    GpioLine::Named(name.to_owned())
}

fn line(name: &str, active_low: bool, bias: LineBias, debounce_ms: u64) -> ButtonSource {
    ButtonSource::Line { line: named(name), active_low, bias, debounce: Duration::from_millis(debounce_ms) }
}
