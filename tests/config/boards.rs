//! The built-in boards: their settings, their detection, and the output of `mynah boards`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mynah::config::{
    ButtonAction, ButtonBindings, ButtonKind, ButtonSource, Config, ControlValue, GpioLine, HostInfo,
    KeepOpen, LedWiring, LineBias, PcmRequest, Request, SampleFormat, UnplugPolicy,
};

use mynah::audio::percent_of_range;

use super::{Fixture, assert_problems};

/// The machine with a card that four boards can have.
const SAME_CARD: &str = "two boards with wm8960soundcard";

/// The files below `/proc` of machines with the boards.
const MACHINES: &str = include_str!("machines.txt");

#[test]
fn only_the_user_lets_every_keyboard_talk_mute_or_reset() {
    let board = |more: &str| {
        let button = format!("[[button]]\nname = 'b'\nkey = 'KEY_PLAYPAUSE'\n{more}\n");
        Fixture::new().file("b.toml", &format!("[board]\nname = 'mine'\nabout = 'x'\n{button}"))
    };
    let flags = ["--parrot", "--board", "b.toml"];
    let refused = "b.toml: [[button]] \"b\": | any keyboard | device = \"NAME\" | --any-keyboard, or any_keyboard = true";
    for actions in [
        "",
        "press = 'talk'",
        "short = 'volume-up'\nlong = 'mute'",
        "double = 'mute'",
        "short = 'volume-up'\nreset_warn_s = 5\nreset_s = 9",
    ] {
        assert_problems(&board(actions).flags(&flags).problems(), &[refused]);
        assert_problems(&board(actions).flags(&["boards", "check", "b.toml"]).problems(), &[refused]);
        board(actions).flags(&[&flags[..], &["--any-keyboard"]].concat()).run();
        board(actions).system("any_keyboard = true").flags(&flags).run();
        let folders = board(actions).file("mynah.toml", "any_keyboard = true").flags(&flags);
        assert!(folders.problems()[0].starts_with("mynah.toml, line 1: any_keyboard: "));
        board(&format!("{actions}\ndevice = 'Jabra'")).flags(&flags).run();
    }
    board("press = 'volume-down'").flags(&flags).run();
}

#[test]
fn only_the_user_may_name_what_is_no_device() {
    let board = "[board]\nname = 'mine'\nabout = 'x'\n";
    for device in [
        "hw:1",
        "hw:CARD=S330,DEV=0",
        "plughw:CARD=S330,DEV=0,SUBDEV=1",
        "hw:1,0,0",
        "default",
        "sysdefault:CARD=a_b-c",
    ] {
        let file = format!("{board}[speaker]\ndevice = '{device}'\n");
        let config = Fixture::new().file("b.toml", &file).flags(&["--parrot", "--board", "b.toml"]).run();
        assert_eq!((config.audio.speaker.device.as_str(), config.warnings.len()), (device, 0));
    }
    for (device, warns) in [
        ("tee:null,'|id > f; exit',raw", true),
        ("file:x,raw", true),
        ("plug:default", true),
        ("hw:{ type hw }", true),
        ("pulse", false),
        ("hw:CARD=S330", false),
    ] {
        let by_option = Fixture::new().flags(&["--parrot", "--speaker", device]).run();
        assert_eq!(by_option.audio.speaker.device, device);
        let warning = format!("option --speaker: {device:?} is an expression | run programs and write files");
        let expected = if warns { &[warning.as_str()][..] } else { &[] };
        assert_problems(&by_option.warnings, expected);
        let text = format!("parrot = true\nmicrophone = {device:?}\n");
        Fixture::new().system(&text).run();
        let folders = Fixture::new().file("mynah.toml", &text);
        if device.starts_with("hw:C") {
            folders.run();
        } else {
            let expected = format!(
                "mynah.toml, line 2: microphone = {device:?}: | hw, plughw, sysdefault or default only"
            );
            assert_problems(&folders.problems(), &[&expected]);
        }
    }
}

#[test]
fn hold_mode_removes_the_long_press_of_a_talk_button() {
    let flags = ["--parrot", "--board", "codec-zero", "--microphone", "hw:1", "--speaker", "hw:1"];
    let board = Fixture::new().flags(&flags);
    let long = |fixture: &Fixture| match &fixture.run().peripherals.buttons[0].kind {
        ButtonKind::Push(bindings) => bindings.long,
        ButtonKind::MuteSwitch => panic!("not a push button"),
    };
    assert!(long(&board).is_some(), "a long press mutes in the other modes");
    assert_eq!(long(&board.clone_with(&[&flags[..], &["--mode", "hold"]].concat())), None);
}

#[test]
fn every_board_is_detected_on_its_machine() {
    for board in boards() {
        let found: Vec<_> = machines(board).map(|host| chosen(&run(&[], host))).collect();
        assert!(
            found.iter().all(|chosen| chosen.starts_with(&format!("board {board},"))),
            "{board}: {found:?}"
        );
    }
    let Ok(Request::Boards(list)) = Fixture::new().flags(&["boards"]).read() else { panic!("no list") };
    for line in list.lines().take_while(|line| !line.is_empty()) {
        let name = line[2..].split(' ').next().unwrap();
        assert!(boards().contains(name), "{name} has no machine in machines.txt");
    }
}

#[test]
fn summary_names_the_board_and_the_reason() {
    let summary = |flags: &[&str], machine: HostInfo| chosen(&run(flags, machine));
    for (summary, expected) in [
        (
            summary(&[], host("respeaker-2mic-v2")),
            "board respeaker-2mic-v2, | seeed2micvoicec | tlv320aic3x-hifi | --board | mynah.toml | mynah boards",
        ),
        (
            summary(&[], host("usb-speakerphone")),
            "board usb-speakerphone, | \"Raspberry Pi\" | S330 (Anker PowerConf S330)",
        ),
        (summary(&[], HostInfo::default()), "board desktop, | no other board | --board"),
        (summary(&["--board=i2s-mems"], host("i2s-mems")), "board i2s-mems, | option --board"),
    ] {
        assert_problems(&[summary], &[expected]);
    }
}

#[test]
fn boards_that_match_equally_well_are_asked_for_by_name() {
    let config = run(&[], host(SAME_CARD));
    assert_problems(
        &[chosen(&config)],
        &[
            "board desktop, because adafruit-voice-bonnet, keyestudio-2mic, respeaker-2mic-v1 and waveshare-wm8960 match \
           equally well | wm8960soundcard | wm8960-hifi | which one you have | --board",
        ],
    );
    assert_eq!(config.audio.microphone.device, "default");
    assert!(config.peripherals.lights.is_empty());
    for board in ["adafruit-voice-bonnet", "keyestudio-2mic", "respeaker-2mic-v1", "waveshare-wm8960"] {
        let answered = run(&["--board", board], host(SAME_CARD));
        assert_eq!(answered.audio.microphone.device, "hw:CARD=wm8960soundcard", "{board}");
    }
    let mut arrays = host("respeaker-usb-array");
    arrays.cards.extend(host("respeaker-xvf3800").cards);
    arrays.cards.extend(host("jabra-speak").cards);
    assert_problems(
        &[chosen(&run(&[], arrays))],
        &["board desktop, because jabra-speak, respeaker-usb-array and respeaker-xvf3800 match equally well"],
    );
}

#[test]
fn a_board_on_the_header_wins_over_a_usb_board() {
    for header in ["respeaker-4mic", "whisplay", "satellite1", "i2s-mems", "codec-zero", "fusion-hat"] {
        for usb in ["respeaker-xvf3800", "respeaker-lite", "respeaker-usb-array", "jabra-speak"] {
            let mut both = host(usb);
            let of_header = host(header);
            (both.model, both.hat) = (of_header.model, of_header.hat);
            both.cards.extend(of_header.cards);
            let chosen = chosen(&run(&[], both));
            assert!(chosen.starts_with(&format!("board {header},")), "{header} and {usb}: {chosen}");
        }
    }
}

#[test]
fn a_card_with_a_device_for_each_direction_has_both_found() {
    let devices: Vec<_> = machines("satellite1")
        .map(|machine| run(&[], machine).audio)
        .map(|audio| (audio.microphone.device, audio.speaker.device, audio.microphone.form.format))
        .collect();
    let names = |microphone: &str, speaker: &str| {
        (microphone.to_owned(), speaker.to_owned(), Some(SampleFormat::S32))
    };
    assert_eq!(
        devices,
        [
            names("hw:CARD=Satellite1,DEV=1", "hw:CARD=Satellite1"),
            names("hw:CARD=Satellite1", "hw:CARD=Satellite1,DEV=1"),
        ]
    );
}

#[test]
fn every_machine_names_its_source() {
    let sources: Vec<_> = MACHINES.split("\n== ").skip(1).filter_map(|shown| shown.lines().nth(1)).collect();
    assert!(sources.len() >= boards().len(), "{sources:?}");
    assert!(sources.iter().all(|line| line.starts_with("# ") && line.len() > 20), "{sources:?}");
}

#[test]
fn hat_wins_over_a_usb_speakerphone() {
    let mut both = host("codec-zero");
    both.cards.extend(host("usb-speakerphone").cards.split_off(2));
    assert_eq!(both.cards.last().map(|card| card.id.as_str()), Some("S330"));
    assert!(chosen(&run(&[], both)).starts_with("board codec-zero,"));
}

#[test]
fn card_placeholder_becomes_the_id_of_the_detected_card() {
    let devices = |board| {
        let audio = run(&[], host(board)).audio;
        (audio.microphone.device, audio.speaker.device)
    };
    let both = |id: &str| (format!("hw:CARD={id}"), format!("hw:CARD={id}"));
    assert_eq!(devices("usb-speakerphone"), both("S330"));
    assert_eq!(devices("jabra-speak"), both("USB"));
    assert_eq!(devices("respeaker-xvf3800"), both("Array"));
    assert_eq!(
        devices("respeaker-4mic"),
        ("hw:CARD=seeed4micvoicec".to_owned(), "hw:CARD=Headphones".to_owned())
    );
    let controls = run(&[], seeeds_overlay()).audio.controls;
    assert!(controls.iter().all(|control| control.card == "hw:CARD=seeed2micvoicec"), "{controls:?}");
}

#[test]
fn board_without_its_card_is_rejected_unless_devices_are_set() {
    let board = ["--parrot", "--board=respeaker-2mic-v1"];
    let problems = |flags: &[&str]| {
        Fixture::new().flags(&[&board, flags].concat()).on(host("usb-speakerphone")).problems()
    };
    let expected = "board respeaker-2mic-v1: its sound card is missing | seeed2micvoicec | wm8960-hifi \
                    | Headphones, C920, S330 | --microphone and --speaker";
    assert_problems(&problems(&[]), &[expected]);
    assert_problems(&problems(&["--microphone=hw:1"]), &[expected]);
    let only_missing_device = |flags: &[&str]| {
        Fixture::new()
            .flags(flags)
            .on(HostInfo::default())
            .read()
            .is_err_and(|error| error.is_missing_device_only())
    };
    assert!(only_missing_device(&board), "the card can be connected");
    assert!(!only_missing_device(&[&board[..], &["--mode=tpa"]].concat()), "the mode is invalid");
    let own = run(&["--board=respeaker-2mic-v1", "--microphone=hw:1", "--speaker=hw:2"], HostInfo::default());
    assert_eq!(own.audio.controls, []);
    run(&["--board=respeaker-2mic-v1", "--speaker-file=out.wav"], HostInfo::default());
}

#[test]
fn pcm_settings_apply_only_to_the_boards_own_device() {
    let audio = run(&["--microphone=plughw:7"], host("i2s-mems")).audio;
    assert_eq!(audio.microphone.device, "plughw:7");
    assert_eq!(
        (audio.microphone.form, audio.microphone.channels, audio.microphone.gain_db),
        (PcmRequest::default(), vec![], 0.0)
    );
    assert_eq!(audio.speaker.form.format, Some(SampleFormat::S32));
    let audio = run(&["--microphone=hw:CARD=sndrpigooglevoi"], host("i2s-mems")).audio;
    assert_eq!(audio.microphone.form.format, Some(SampleFormat::S32));
}

#[test]
fn boards_keep_the_microphone_open_where_closing_it_hurts() {
    for (boards, keep_open) in [
        // Without its capture stream their driver turns the amplifier off.
        (&["aiy-voice-hat", "i2s-mems"][..], KeepOpen::Always),
        (&["fusion-hat"], KeepOpen::Always),
        (&["codec-zero", "usb-speakerphone", "respeaker-xvf3800", "respeaker-4mic"], KeepOpen::UnlessMuted),
        (&["respeaker-2mic-v1", "respeaker-2mic-v2", "keyestudio-2mic"], KeepOpen::UnlessMuted),
        (&["adafruit-voice-bonnet", "aiy-voice-bonnet", "waveshare-wm8960"], KeepOpen::UnlessMuted),
        (&["respeaker-lite", "respeaker-usb-array", "jabra-speak"], KeepOpen::UnlessMuted),
        (&["respeaker-6mic", "whisplay", "satellite1"], KeepOpen::UnlessMuted),
    ] {
        for board in boards {
            assert_eq!(run(&[], host(board)).audio.microphone.keep_open, Some(keep_open), "{board}");
        }
    }
    assert_eq!(run(&[], HostInfo::default()).audio.microphone.keep_open, None);
}

#[test]
fn users_keep_open_overrides_the_boards() {
    let audio = run(&["--keep-open=never"], host("codec-zero")).audio;
    assert_eq!(audio.microphone.keep_open, Some(KeepOpen::Never));
    let fixture = Fixture::new().file("mynah.toml", "parrot = true\nkeep_open = 'always'").flags(&[]);
    let audio = fixture.on(host("codec-zero")).run().audio;
    assert_eq!(audio.microphone.keep_open, Some(KeepOpen::Always));
    let audio = run(&["--microphone=plughw:7"], host("codec-zero")).audio;
    assert_eq!(audio.microphone.keep_open, None, "it is another device");
    for word in ["true", "false", "unless-mute"] {
        let meant = if word == "false" { "mean never?" } else { "mean unless-muted?" };
        assert_problems(
            &Fixture::new().flags(&["--parrot", &format!("--keep-open={word}")]).problems(),
            &[&format!("option --keep-open: {word:?}: | never, unless-muted, always | {meant}")],
        );
    }
}

#[test]
fn users_gain_and_wait_override_the_boards() {
    let audio = run(&[], host("i2s-mems")).audio;
    assert_eq!(
        (audio.microphone.gain_db, audio.unplugged),
        (30.0, UnplugPolicy::End(Duration::from_secs(5)))
    );
    let audio = run(&["--gain-db=-3.5", "--unplugged-s=forever"], host("i2s-mems")).audio;
    assert_eq!((audio.microphone.gain_db, audio.unplugged), (-3.5, UnplugPolicy::Wait));
    let fixture =
        Fixture::new().file("mynah.toml", "parrot = true\ngain_db = 12\nunplugged_s = 0.5").flags(&[]);
    let audio = fixture.on(host("usb-speakerphone")).run().audio;
    assert_eq!(
        (audio.microphone.gain_db, audio.unplugged),
        (12.0, UnplugPolicy::End(Duration::from_millis(500)))
    );
    let forever =
        Fixture::new().file("mynah.toml", "parrot = true\nunplugged_s = 'forever'").run().audio.unplugged;
    assert_eq!(forever, UnplugPolicy::Wait);
    let flags = ["--parrot", "--gain-db=x", "--unplugged-s=never", "--volume=101"];
    assert_problems(
        &Fixture::new().flags(&flags).problems(),
        &[
            "option --gain-db: \"x\": | -20 | 60",
            "option --unplugged-s: \"never\": | 0 | 86400 | \"forever\"",
            "option --volume: \"101\": | 0 | 100",
        ],
    );
}

#[test]
fn buttons_and_lights_are_wired_as_documented() {
    let talk = |board: &str, gpio: &str| {
        let peripherals = run(&[], host(board)).peripherals;
        let [button] = peripherals.buttons.as_slice() else { panic!("{board}: {:?}", peripherals.buttons) };
        let source = ButtonSource::Line {
            line: named(gpio),
            active_low: true,
            bias: LineBias::PullUp,
            debounce: Duration::from_millis(5),
        };
        let bindings = ButtonBindings {
            press: Some(ButtonAction::Talk),
            long: Some((ButtonAction::Mute, Duration::from_millis(1500))),
            ..ButtonBindings::default()
        };
        assert_eq!((&button.source, &button.kind), (&source, &ButtonKind::Push(bindings)), "{board}");
        let [light] = peripherals.lights.as_slice() else { panic!("{board}: {:?}", peripherals.lights) };
        light.wiring.clone()
    };
    let led = |gpio: &str| LedWiring::Line { line: named(gpio), active_low: false };
    let pixels = |pixels| LedWiring::Apa102 { spi: "/dev/spidev0.1".into(), pixels, speed_hz: 8_000_000 };
    assert_eq!(talk("respeaker-2mic-v1", "GPIO17"), pixels(3));
    assert_eq!(talk("respeaker-2mic-v2", "GPIO17"), pixels(3));
    assert_eq!(
        talk("adafruit-voice-bonnet", "GPIO17"),
        LedWiring::Apa102Lines { data: named("GPIO5"), clock: named("GPIO6"), pixels: 3 }
    );
    assert_eq!(talk("aiy-voice-hat", "GPIO23"), led("GPIO25"));
    assert_eq!(talk("i2s-mems", "GPIO23"), led("GPIO25"));
    assert_eq!(talk("codec-zero", "GPIO27"), led("GPIO23"));
    let leds = ["ktd202x:led1", "ktd202x:led2", "ktd202x:led3"].map(str::to_owned).into();
    assert_eq!(talk("aiy-voice-bonnet", "GPIO23"), LedWiring::Class { leds });
    let ring = run(&[], host("respeaker-4mic")).peripherals;
    assert_eq!((ring.buttons.len(), &ring.lights[0].wiring), (0, &pixels(12)));
    assert_eq!((&ring.driven[0].line, ring.driven[0].high), (&named("GPIO5"), true));
    assert_eq!(talk("keyestudio-2mic", "GPIO17"), pixels(3));
    let ring = run(&[], host("respeaker-6mic")).peripherals;
    assert_eq!((ring.buttons.len(), &ring.lights[0].wiring), (0, &pixels(12)));
    let hat = run(&[], host("waveshare-wm8960")).peripherals;
    assert_eq!((hat.buttons.len(), hat.lights.len()), (1, 0));
    let whisplay = run(&[], host("whisplay")).peripherals;
    assert!(
        matches!(&whisplay.buttons[0].source, ButtonSource::Line { line, active_low: false, bias: LineBias::Disabled, .. }
            if *line == named("GPIO17"))
    );
    let rgb = ["GPIO25", "GPIO24", "GPIO23"].map(named);
    assert_eq!(whisplay.lights[0].wiring, LedWiring::Lines { rgb, active_low: true });
    for board in [
        "desktop",
        "usb-speakerphone",
        "usb-microphone",
        "respeaker-lite",
        "respeaker-usb-array",
        "respeaker-xvf3800",
    ] {
        let peripherals = run(&[], host(board)).peripherals;
        assert!(peripherals.buttons.is_empty() && peripherals.lights.is_empty(), "{board}");
    }
}

#[test]
fn keys_that_some_models_lack_are_optional() {
    for (board, device, keys) in [
        ("jabra-speak", "Jabra", &["volume up", "volume down"][..]),
        ("satellite1", "Satellite1 Buttons", &["action", "volume up", "volume down"]),
        ("fusion-hat", "Fusion HAT USR Custom Button", &["button"]),
    ] {
        let buttons = run(&[], host(board)).peripherals.buttons;
        assert_eq!(buttons.iter().map(|button| button.name.as_str()).collect::<Vec<_>>(), keys, "{board}");
        for button in buttons {
            let ButtonSource::Key { device: wanted, optional, .. } = button.source else { panic!("{board}") };
            assert_eq!((wanted.as_deref(), optional), (Some(device), true), "{board}");
        }
    }
}

#[test]
fn pcm_settings_are_supported_by_the_drivers() {
    let form = |rate_hz, format, channels| PcmRequest {
        rate_hz: Some(rate_hz),
        format: Some(format),
        channels: Some(channels),
        period: None,
    };
    for (board, format) in [
        ("respeaker-2mic-v1", SampleFormat::S32),
        ("keyestudio-2mic", SampleFormat::S32),
        ("waveshare-wm8960", SampleFormat::S32),
        ("adafruit-voice-bonnet", SampleFormat::S32),
        // Linux 6.6 before June 2024 plays S16 at half its clock.
        ("codec-zero", SampleFormat::S32),
        ("respeaker-2mic-v2", SampleFormat::S16),
        ("aiy-voice-bonnet", SampleFormat::S16),
        ("whisplay", SampleFormat::S16),
    ] {
        let audio = run(&[], host(board)).audio;
        let wanted = form(48_000, format, 2);
        assert_eq!((audio.microphone.form, audio.speaker.form), (wanted, wanted), "{board}");
        assert!(!audio.controls.is_empty(), "{board}: its codec is mute without controls");
        assert!(audio.controls.iter().all(|control| !control.optional), "{board}: its codec has them all");
    }
    for (board, channels, gain_db) in
        [("aiy-voice-hat", vec![], 30.0), ("i2s-mems", vec![0, 1], 30.0), ("fusion-hat", vec![0, 1], 30.0)]
    {
        let audio = run(&[], host(board)).audio;
        let wanted = form(48_000, SampleFormat::S32, 2);
        assert_eq!((audio.microphone.form, audio.speaker.form), (wanted, wanted), "{board}");
        assert_eq!((audio.microphone.channels, audio.microphone.gain_db), (channels, gain_db), "{board}");
    }
    let array = run(&[], host("respeaker-4mic")).audio;
    assert_eq!(array.microphone.form, form(48_000, SampleFormat::S32, 4));
    assert_eq!(
        (array.microphone.channels, array.speaker.form),
        (vec![0, 1, 2, 3], form(48_000, SampleFormat::S16, 2))
    );
    let array = run(&[], host("respeaker-6mic")).audio;
    let eight = form(48_000, SampleFormat::S32, 8);
    assert_eq!((array.microphone.form, array.speaker.form), (eight, eight));
    assert_eq!((array.microphone.channels, array.speaker.channels), (vec![0, 1, 2, 3], vec![]));
    for board in ["respeaker-xvf3800", "respeaker-lite", "respeaker-usb-array"] {
        let usb = run(&[], host(board)).audio;
        assert_eq!(
            (usb.microphone.form, usb.microphone.channels),
            (PcmRequest::default(), vec![0]),
            "{board}"
        );
    }
}

#[test]
fn controls_give_the_steps_that_their_sources_name() {
    let step = |board: &str, name: &str, max: i64| {
        let controls = run(&[], host(board)).audio.controls;
        let percent = controls.iter().find_map(|control| match control.setting {
            ControlValue::Percent(percent) if control.name == name => Some(percent),
            _ => None,
        });
        percent_of_range(percent.unwrap_or_else(|| panic!("{board} sets no {name}")), (0, max))
    };
    for (board, name, max, wanted) in [
        ("respeaker-2mic-v1", "Capture", 63, 39),
        ("respeaker-2mic-v1", "Left Input Boost Mixer LINPUT1", 3, 2),
        ("waveshare-wm8960", "Speaker DC", 5, 4),
        ("respeaker-4mic", "CH1 digital volume", 255, 222),
        ("respeaker-4mic", "ADC4 PGA gain", 31, 13),
        ("respeaker-6mic", "ADC6 PGA gain", 31, 13),
        ("respeaker-6mic", "Headphone", 63, 52),
        ("respeaker-6mic", "Speaker", 31, 25),
        ("codec-zero", "Mic 2", 7, 5),
        ("codec-zero", "Lineout", 63, 48),
        ("codec-zero", "ADC", 127, 114),
        ("aiy-voice-bonnet", "Speaker", 39, 31),
    ] {
        assert_eq!(step(board, name, max), wanted, "{board}: {name}");
    }
    let switches = |board: &str| {
        let controls = run(&[], host(board)).audio.controls.into_iter();
        let on = controls.filter_map(|control| match control.setting {
            ControlValue::Switch(on) => Some((control.name, on)),
            _ => None,
        });
        on.collect::<Vec<_>>()
    };
    for (board, name, on) in [
        ("codec-zero", "HP Jack", true),
        ("codec-zero", "AUX Jack", false),
        ("codec-zero", "MIC Jack", false),
        ("respeaker-2mic-v2", "HP", true),
        ("respeaker-2mic-v2", "Line", true),
        ("respeaker-2mic-v2", "PGA", true),
        ("adafruit-voice-bonnet", "Capture", true),
    ] {
        assert!(switches(board).contains(&(name.to_owned(), on)), "{board}: {name}");
    }
}

#[test]
fn usb_cards_set_a_volume_under_any_name_and_need_none() {
    for board in
        ["usb-speakerphone", "jabra-speak", "respeaker-xvf3800", "respeaker-lite", "respeaker-usb-array"]
    {
        let controls = run(&[], host(board)).audio.controls;
        let names: Vec<_> = controls.iter().map(|control| control.name.as_str()).collect();
        assert_eq!(names, ["PCM", "Speaker", "Headset"], "{board}");
        assert!(controls.iter().all(|control| control.optional), "{board}");
    }
}

#[test]
fn head_of_every_board_file_has_the_required_parts() {
    for board in boards().into_iter().filter(|board| *board != "desktop") {
        let Ok(Request::Boards(text)) = Fixture::new().flags(&["boards", "show", board]).read() else {
            panic!("{board}");
        };
        let head: String = text.lines().take_while(|line| line.starts_with('#')).collect();
        for part in [
            "UNTRIED",
            "config.txt:",
            "Facts and where they are from",
            "Where documents disagree",
            "Unverified on hardware",
        ] {
            assert!(head.contains(part), "{board}: its head lacks {part}");
        }
        assert!(text.contains(&format!("\nname = \"{board}\"\n")), "{board} has another name");
    }
}

#[test]
fn boards_marks_the_detected_board() {
    let fixture = Fixture::new().flags(&["boards"]).on(host("codec-zero"));
    let Ok(Request::Boards(list)) = fixture.read() else { panic!("no list") };
    let marked: Vec<_> = list.lines().filter(|line| line.starts_with("* ")).collect();
    assert!(marked[0].starts_with("* codec-zero "), "{list}");
    assert_problems(&[marked[1].to_owned()], &["* Without --board, | board codec-zero,"]);
    assert_eq!(marked.len(), 2);
    assert!(list.lines().take_while(|line| !line.is_empty()).all(|line| line.len() <= 100), "{list}");
    let last = list.lines().last().unwrap().to_owned();
    assert_problems(&[last], &["  This machine: Raspberry Pi Zero 2 W Rev 1.0, | vc4hdmi, Zero"]);
}

#[test]
fn boards_show_prints_the_board_file() {
    let shown = |name: &str| Fixture::new().flags(&["boards", "show", name]).read();
    let Ok(Request::Boards(text)) = shown("codec-zero") else { panic!("no output") };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("board/codec-zero.toml");
    assert_eq!(text, fs::read_to_string(file).unwrap());
    let problems = shown("codec-zer").unwrap_err().problems().to_vec();
    assert_problems(&problems, &["mynah boards show codec-zer: | adafruit-voice-bonnet, | mean codec-zero?"]);
}

#[test]
fn boards_check_prints_the_contents_or_all_errors() {
    let fixture = Fixture::new().flags(&["boards", "check", "mine.toml"]);
    assert_problems(&fixture.problems(), &["mine.toml: | No such file"]);
    let fixture = fixture.file("mine.toml", "[board]\nname = 'mine'\n[speaker]\ndevise = 'x'\nrate_hz = 1\n");
    assert_problems(
        &fixture.problems(),
        &[
            "mine.toml: [board] about: | required",
            "mine.toml, line 5: [speaker] rate_hz = 1: | 8000 | 192000",
            "mine.toml, line 4: [speaker] devise: | mean device?",
        ],
    );
    let good = "[board]\nname = 'mine'\nabout = 'x'\n[[find]]\ncards = ['USB-Audio']\n[microphone]\ndevice = 'hw:CARD={card}'\ngain_db = 6\n\
                [[button]]\nname = 'b'\ngpio = 'GPIO4'\n[[drive]]\nname = 'amp'\nchip = 'gpiochip0'\noffset = 3\nlevel = 'low'\n";
    let Ok(Request::Boards(text)) = fixture.file("mine.toml", good).on(host("usb-speakerphone")).read()
    else {
        panic!("not valid");
    };
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert_problems(
        &lines,
        &[
            "mine.toml",
            "  name        mine: x",
            "  found by  | USB-Audio",
            "  found here | C920 (HD Pro Webcam C920)",
            "  microphone  hw:CARD=C920 | +6 dB",
            "  speaker     default",
            "  button      b: GPIO4 | low | up | 5 ms | press = talk",
            "  drive       amp: gpiochip0 line 3 low",
            "  unplugged | 5 s",
        ],
    );
}

#[test]
fn unknown_boards_arguments_are_rejected_with_the_usage() {
    let problems = |arguments: &[&str]| Fixture::new().flags(arguments).problems();
    assert_problems(
        &problems(&["boards", "chekc", "x"]),
        &["mynah boards chekc x: | mean check? | Usage: mynah boards"],
    );
    assert_problems(&problems(&["boards", "show"]), &["mynah boards show: | Usage: mynah boards"]);
    let Ok(Request::Boards(usage)) = Fixture::new().flags(&["boards", "--help"]).read() else {
        panic!("no usage")
    };
    assert!(usage.contains("mynah boards check FILE"));
    assert_problems(&problems(&["--parrot", "boards"]), &["unexpected argument \"boards\" | --help"]);
}

#[test]
fn boards_commands_exit_with_0_or_2() {
    let fixture =
        Fixture::new().file("good.toml", "[board]\nname = 'mine'\nabout = 'x'\n").file("bad.toml", "[zzz]\n");
    let mynah = |words: &[&str]| {
        let program = env!("CARGO_BIN_EXE_mynah");
        let output =
            Command::new(program).args(words).current_dir(fixture.dir.path()).env_clear().output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), text)
    };
    let (code, [list, _]) = mynah(&["boards"]);
    assert!(code == Some(0) && list.contains("respeaker-2mic-v1"), "{list}");
    let (code, [good, _]) = mynah(&["boards", "check", "good.toml"]);
    assert!(code == Some(0) && good.starts_with("good.toml"), "{good}");
    let (code, [text, bad]) = mynah(&["boards", "check", "bad.toml"]);
    assert_eq!((code, text.as_str()), (Some(2), ""));
    assert_eq!(bad.lines().count(), 3, "{bad}");
}

/// Returns the names and texts of the shipped board files.
pub(super) fn board_files() -> Vec<(String, String)> {
    let names = boards().into_iter();
    let text = |board: &str| match Fixture::new().flags(&["boards", "show", board]).read() {
        Ok(Request::Boards(text)) => text,
        other => panic!("{board}: {other:?}"),
    };
    names.map(|board| (board.to_owned(), text(board))).collect()
}

fn run(flags: &[&str], host: HostInfo) -> Config {
    Fixture::new().flags(&[&["--parrot"], flags].concat()).on(host).run()
}

fn chosen(config: &Config) -> String {
    config.board_summary.clone()
}

fn named(gpio: &str) -> GpioLine {
    GpioLine::Named(gpio.to_owned())
}

/// Returns the first machine with the board.
fn host(board: &str) -> HostInfo {
    machines(board).next().unwrap()
}

/// Returns the ReSpeaker HAT with Seeed's own overlay.
fn seeeds_overlay() -> HostInfo {
    let mut machines = machines("respeaker-2mic-v1");
    machines.find(|machine| machine.cards.iter().any(|card| card.id == "seeed2micvoicec")).unwrap()
}

/// Returns the boards in `machines.txt`.
fn boards() -> BTreeSet<&'static str> {
    MACHINES.lines().filter_map(|line| line.strip_prefix("== ")).filter(|board| *board != SAME_CARD).collect()
}

/// Reads the machines with the board from files below a root, as the real machine is read.
fn machines(board: &str) -> impl Iterator<Item = HostInfo> {
    let shown = MACHINES
        .split("\n== ")
        .skip(1)
        .filter_map(move |shown| shown.strip_prefix(board)?.strip_prefix('\n'));
    shown.map(|shown| {
        let root = tempfile::tempdir().unwrap();
        for file in shown.split("-- ").skip(1) {
            let (name, text) = file.split_once('\n').unwrap();
            let path = root.path().join("proc").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let is_tree = name.starts_with("device-tree/");
            fs::write(path, if is_tree { text.replace('\n', "\0") } else { text.to_owned() }).unwrap();
        }
        HostInfo::read(root.path())
    })
}
