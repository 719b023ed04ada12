//! Names of lines, chips, formats, keys and paths as other programs write them: taken where they are certain. What
//! `boards check` accepts, a start accepts too.

use mynah::config::{ButtonSource, GpioLine, LedWiring, Peripherals, Request, SampleFormat};

use super::{Fixture, HOST, KEY, assert_problems, azure};

#[test]
fn names_of_a_gpio_line_that_are_certain_are_taken() {
    for (written, line) in [
        ("BCM17", "GPIO17"),
        ("bcm 4", "GPIO4"),
        ("GPIO17", "GPIO17"),
        ("gpio_17", "GPIO17"),
        ("Gpio-05", "GPIO5"),
        ("BOARD11", "GPIO17"),
        ("J8:40", "GPIO21"),
        ("GPIO44", "GPIO44"),
        ("PA6", "PA6"),
        ("ID_SDA", "ID_SDA"),
        ("STATUS_LED", "STATUS_LED"),
        ("GPIO1_A0", "GPIO1_A0"),
        ("Header Pin 12345", "Header Pin 12345"),
    ] {
        let button = format!("[[button]]\nname = 'b'\ngpio = '{written}'\n");
        let ButtonSource::Line { line: found, .. } = &run(&button).buttons[0].source else {
            panic!("{written}")
        };
        assert_eq!(*found, GpioLine::Named(line.to_owned()), "{written}");
    }
    let drive = "[[drive]]\nname = 'd'\nchip = '/dev/gpiochip0'\noffset = 5\nlevel = 'high'\n";
    assert_eq!(run(drive).driven[0].line, GpioLine::At { chip: "gpiochip0".to_owned(), offset: 5 });
}

#[test]
fn formats_pixels_buses_and_keys_of_other_programs_are_taken() {
    for (written, format) in [
        ("S32_LE", SampleFormat::S32),
        ("s32le", SampleFormat::S32),
        ("S16LE", SampleFormat::S16),
        ("s16", SampleFormat::S16),
        ("S24_LE", SampleFormat::S24),
        ("S24_3LE", SampleFormat::S24In3),
    ] {
        let audio = fixture(&format!("[speaker]\nformat = '{written}'\n")).run().audio;
        assert_eq!(audio.speaker.form.format, Some(format), "{written}");
    }
    let ws2812 = LedWiring::Ws2812 { spi: "/dev/spidev0.0".into(), pixels: 3 };
    let apa102 = LedWiring::Apa102 { spi: "/dev/spidev0.1".into(), pixels: 3, speed_hz: 4_000_000 };
    for (kind, spi, wiring) in [
        ("ws2812b", "/dev/spidev0.0", &ws2812),
        ("NeoPixel", "spidev0.0", &ws2812),
        ("WS2813", "0.0", &ws2812),
        ("SK9822", "SPI0.1", &apa102),
        ("dotstar", "spi 0.1", &apa102),
    ] {
        let light = format!("[[light]]\nname = 'l'\nkind = '{kind}'\nspi = '{spi}'\npixels = 3\n");
        assert_eq!(run(&light).lights[0].wiring, *wiring, "{kind} on {spi}");
    }
    let class = "[[light]]\nname = 'l'\nkind = 'class'\nleds = '/sys/class/leds/ACT/brightness'\n";
    assert_eq!(run(class).lights[0].wiring, LedWiring::Class { leds: vec!["ACT".to_owned()] });
    let pwm = "[[light]]\nname = 'l'\nkind = 'pwm'\nchip = '/sys/class/pwm/pwmchip0'\nchannels = 0\n";
    assert!(matches!(&run(pwm).lights[0].wiring, LedWiring::Pwm { chip, .. } if chip == "pwmchip0"));
    for written in ["KEY_MUTE", "mute", "Key_Mute"] {
        let button = format!("[[button]]\nname = 'b'\nkey = '{written}'\npress = 'volume-up'\n");
        assert_eq!(
            run(&button).buttons[0].source,
            ButtonSource::Key { device: None, code: 113, optional: false },
            "{written}"
        );
    }
}

#[test]
fn users_device_that_is_no_alsa_name_is_refused_with_one() {
    let problems = Fixture::new().flags(&["--parrot", "--microphone=1", "--speaker=card 2,0"]).problems();
    assert_problems(
        &problems,
        &[
            "option --microphone: \"1\": | write \"hw:1\"",
            "option --speaker: \"card 2,0\": | write \"hw:2,0\"",
        ],
    );
}

#[test]
fn home_folder_in_a_path_is_replaced() {
    for path in ["~/azure.key", "$HOME/azure.key", "${HOME}/azure.key"] {
        let fixture = Fixture::new()
            .file("home/azure.key", KEY)
            .file("etc/mynah.toml", &format!("endpoint = '{HOST}'\napi_key_file = '{path}'\n"))
            .flags(&["--config=~/../etc/mynah.toml"]);
        let home = fixture.dir.path().join("home");
        let config = fixture.env("HOME", home.to_str().unwrap()).run();
        assert!(format!("{:?}", azure(&config).credential).starts_with("Key"), "{path}");
    }
    let record = |home: Option<&str>, path: &str| {
        let fixture = Fixture::new().flags(&["--parrot", &format!("--record={path}")]);
        home.into_iter().fold(fixture, |fixture, home| fixture.env("HOME", home)).read()
    };
    let Ok(Request::Run(config)) = record(Some("/srv/bird"), "~/talk.jsonl") else { panic!("refused") };
    assert_eq!(config.record.file, Some("/srv/bird/talk.jsonl".into()));
    let problems = |home, path| record(home, path).unwrap_err().problems().to_vec();
    assert_problems(&problems(None, "~/a.jsonl"), &["option --record: \"~/a.jsonl\": | HOME | in full"]);
    assert_problems(
        &problems(Some("/h"), "~ann/a"),
        &["option --record: \"~ann/a\": | home folder | in full"],
    );
    let Ok(Request::Run(config)) = record(Some("/h"), "~a.jsonl") else { panic!("refused") };
    assert!(config.record.file.is_some_and(|file| file.ends_with("~a.jsonl")));
}

#[test]
fn what_boards_check_accepts_starts_and_the_rest_does_not() {
    for rest in [
        "[[button]]\nname = 'b'\ngpio = 'BCM17'\n",
        "[[button]]\nname = 'b'\ngpio = 'PIN11'\n",
        "[[button]]\nname = 'b'\ngpio = '529'\n",
        "[[light]]\nname = 'l'\nkind = 'ws2812b'\nspi = 'spidev1.0'\npixels = 8\n",
        "[[light]]\nname = 'l'\nkind = 'ws2811'\nspi = 'spidev1.0'\npixels = 8\n",
        "[microphone]\nformat = 'S32_LE'\n",
        "[microphone]\nformat = 's24le'\n",
        "[microphone]\ndevice = '0'\n",
    ] {
        let fixture = fixture(rest);
        let checked = fixture.clone_with(&["boards", "check", "mine.toml"]).read();
        assert_eq!(checked.is_ok(), fixture.read().is_ok(), "{rest}: {checked:?}");
    }
}

#[test]
fn check_says_when_the_boards_card_is_not_here() {
    let find = "[[find]]\ncards = ['S330']\n[speaker]\ndevice = 'hw:CARD={card}'\n";
    let Ok(Request::Boards(text)) = fixture(find).clone_with(&["boards", "check", "mine.toml"]).read() else {
        panic!("refused")
    };
    assert!(text.contains("cannot start here now: ") && text.contains("a sound card S330"), "{text}");
    let Ok(Request::Boards(text)) = fixture("").clone_with(&["boards", "check", "mine.toml"]).read() else {
        panic!("refused")
    };
    assert!(!text.contains("cannot start"), "{text}");
}

fn fixture(rest: &str) -> Fixture {
    let text = format!("[board]\nname = 'mine'\nabout = 'x'\n{rest}");
    Fixture::new().file("mine.toml", &text).flags(&["--parrot", "--board", "mine.toml"])
}

fn run(rest: &str) -> Peripherals {
    fixture(rest).run().peripherals
}
