//! The boards that are part of the program: what each says, how each is found, what `mynah boards` answers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mynah::config::{
    ButtonAction, ButtonBindings, ButtonKind, ButtonSource, Config, ControlValue, GpioLine, HostInfo,
    LedWiring, LineBias, PcmRequest, Request, SampleFormat, UnplugPolicy,
};

use super::Fixture;

/// What machines with the boards show below `/proc`.
const MACHINES: &str = include_str!("machines.txt");

#[test]
fn where_holding_is_talking_a_button_that_talks_does_nothing_else_when_held() {
    let flags = ["--parrot", "--board", "codec-zero", "--microphone", "hw:1", "--speaker", "hw:1"];
    let board = Fixture::new().flags(&flags);
    let long = |fixture: &Fixture| match &fixture.run().peripherals.buttons[0].kind {
        ButtonKind::Push(bindings) => bindings.long,
        ButtonKind::MuteSwitch => panic!("a button"),
    };
    assert!(long(&board).is_some(), "elsewhere a long press mutes");
    assert_eq!(long(&board.clone_with(&[&flags[..], &["--mode", "hold"]].concat())), None);
}

#[test]
fn every_board_is_found_by_what_its_machine_shows() {
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
        assert!(boards().contains(name), "no machine shows how {name} is found");
    }
}

#[test]
fn what_was_chosen_is_said_with_its_reason_and_the_way_to_another() {
    assert_eq!(
        chosen(&run(&[], host("respeaker-2mic-v2"))),
        "board respeaker-2mic-v2, recognised by the sound card seeed2micvoicec and the codec tlv320aic3x-hifi; \
         --board NAME, or board = \"NAME\" in mynah.toml, takes another; mynah boards lists them"
    );
    assert_eq!(
        chosen(&run(&[], host("usb-speakerphone"))).split(';').next().unwrap(),
        "board usb-speakerphone, recognised by a model that begins with \"Raspberry Pi\" and \
         the sound card MS (Jabra Speak2 55 MS)"
    );
    assert_eq!(
        chosen(&run(&[], HostInfo::default())).split(';').next().unwrap(),
        "board desktop, because no other was recognised here"
    );
    assert_eq!(
        chosen(&run(&["--board=i2s-mems"], host("i2s-mems"))),
        "board i2s-mems, because flag --board says so"
    );
}

#[test]
fn two_boards_that_fit_alike_are_none_and_both_are_named() {
    let mut both = host("respeaker-4mic");
    both.cards.extend(host("respeaker-xvf3800").cards);
    let config = run(&[], both);
    assert_eq!(
        chosen(&config).split(';').next().unwrap(),
        "board desktop, because respeaker-4mic and respeaker-xvf3800 fit alike, by the sound card seeed4micvoicec \
         (seeed-4mic-voicecard), and mynah does not guess"
    );
    assert_eq!(config.audio.microphone.device, "default");
    assert!(config.peripherals.lights.is_empty());
}

#[test]
fn a_hat_comes_before_a_usb_speakerphone_beside_it() {
    let mut both = host("codec-zero");
    both.cards.extend(host("usb-speakerphone").cards.split_off(2));
    assert!(chosen(&run(&[], both)).starts_with("board codec-zero,"));
}

#[test]
fn the_card_that_was_found_gives_the_devices_their_names() {
    let devices = |board| {
        let audio = run(&[], host(board)).audio;
        (audio.microphone.device, audio.speaker.device)
    };
    let both = |id: &str| (format!("hw:CARD={id}"), format!("hw:CARD={id}"));
    assert_eq!(devices("usb-speakerphone"), both("MS"));
    assert_eq!(devices("respeaker-xvf3800"), both("Array"));
    assert_eq!(
        devices("respeaker-4mic"),
        ("hw:CARD=seeed4micvoicec".to_owned(), "hw:CARD=Headphones".to_owned())
    );
    let controls = run(&[], host("respeaker-2mic-v1")).audio.controls;
    assert!(controls.iter().all(|control| control.card == "hw:CARD=seeed2micvoicec"), "{controls:?}");
}

#[test]
fn a_board_whose_card_is_not_here_is_refused_unless_the_owner_names_the_devices_or_files() {
    let board = ["--parrot", "--board=respeaker-2mic-v1"];
    let problems = |flags: &[&str]| {
        Fixture::new().flags(&[&board, flags].concat()).on(host("usb-speakerphone")).problems()
    };
    let sentence = "board respeaker-2mic-v1: its sound card is not here; it is recognised by a sound card \
                    seeed2micvoicec and the codec wm8960-hifi, and the cards here are Headphones, C920, MS: connect it, \
                    or name the devices with --microphone and --speaker";
    assert_eq!(problems(&[]), [sentence]);
    assert_eq!(problems(&["--microphone=hw:1"]), [sentence]);
    let absence = |flags: &[&str]| {
        Fixture::new()
            .flags(flags)
            .on(HostInfo::default())
            .read()
            .is_err_and(|error| error.is_missing_device_only())
    };
    assert!(absence(&board), "it could be plugged in");
    assert!(!absence(&[&board[..], &["--mode=tpa"]].concat()), "a wrong word stays wrong");
    let own = run(&["--board=respeaker-2mic-v1", "--microphone=hw:1", "--speaker=hw:2"], HostInfo::default());
    assert_eq!(own.audio.controls, []);
    run(&["--board=respeaker-2mic-v1", "--speaker-file=out.wav"], HostInfo::default());
}

#[test]
fn a_form_goes_with_its_device_and_the_owners_device_asks_for_nothing() {
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
fn gain_and_patience_are_the_owners_before_the_boards() {
    let audio = run(&[], host("i2s-mems")).audio;
    assert_eq!(
        (audio.microphone.gain_db, audio.unplugged),
        (24.0, UnplugPolicy::End(Duration::from_secs(5)))
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
    assert_eq!(
        Fixture::new().flags(&flags).problems(),
        [
            "flag --gain-db: \"x\": not a number from -20 to 60",
            "flag --unplugged-s: \"never\": not a number of seconds from 0 to 86400, nor \"forever\"",
            "flag --volume: \"101\": not a whole number from 0 to 100",
        ]
    );
}

#[test]
fn each_boards_button_and_light_are_where_its_documents_say() {
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
    for board in ["desktop", "usb-speakerphone", "respeaker-xvf3800"] {
        let peripherals = run(&[], host(board)).peripherals;
        assert!(peripherals.buttons.is_empty() && peripherals.lights.is_empty(), "{board}");
    }
}

#[test]
fn each_boards_sound_is_what_its_driver_can_do() {
    let form = |rate_hz, format, channels| PcmRequest {
        rate_hz: Some(rate_hz),
        format: Some(format),
        channels: Some(channels),
        period: None,
    };
    for board in
        ["respeaker-2mic-v1", "respeaker-2mic-v2", "adafruit-voice-bonnet", "aiy-voice-bonnet", "codec-zero"]
    {
        let audio = run(&[], host(board)).audio;
        let wanted = form(48_000, SampleFormat::S16, 2);
        assert_eq!((audio.microphone.form, audio.speaker.form), (wanted, wanted), "{board}");
        assert!(!audio.controls.is_empty(), "{board}: its codec is mute until it is set");
    }
    for (board, channels, gain_db) in [("aiy-voice-hat", vec![], 30.0), ("i2s-mems", vec![0], 24.0)] {
        let audio = run(&[], host(board)).audio;
        let wanted = form(48_000, SampleFormat::S32, 2);
        assert_eq!((audio.microphone.form, audio.speaker.form), (wanted, wanted), "{board}");
        assert_eq!((audio.microphone.channels, audio.microphone.gain_db), (channels, gain_db), "{board}");
    }
    let array = run(&[], host("respeaker-4mic")).audio;
    assert_eq!(array.microphone.form, form(48_000, SampleFormat::S32, 4));
    assert_eq!((array.microphone.channels, array.speaker.form), (vec![0, 1, 2, 3], PcmRequest::default()));
    let usb = run(&[], host("respeaker-xvf3800")).audio;
    assert_eq!((usb.microphone.form, usb.microphone.channels), (PcmRequest::default(), vec![0]));
    let capture: Vec<_> = run(&[], host("respeaker-2mic-v1")).audio.controls;
    let capture: Vec<_> = capture
        .into_iter()
        .filter(|control| control.name == "Capture")
        .map(|control| control.setting)
        .collect();
    assert_eq!(capture, [ControlValue::Switch(true), ControlValue::Percent(61)]);
}

#[test]
fn every_boards_file_says_first_that_it_is_untried_and_what_config_txt_needs() {
    for board in boards().into_iter().filter(|board| *board != "desktop") {
        let Ok(Request::Boards(text)) = Fixture::new().flags(&["boards", "show", board]).read() else {
            panic!("{board}");
        };
        let head: String = text.lines().take_while(|line| line.starts_with('#')).collect();
        for part in ["UNTRIED", "config.txt:", "Facts and where they are from", "Unverified on hardware"] {
            assert!(head.contains(part), "{board}: its head lacks {part}");
        }
        assert!(text.contains(&format!("\nname = \"{board}\"\n")), "{board} calls itself otherwise");
    }
}

#[test]
fn mynah_boards_marks_the_one_that_this_machine_has() {
    let fixture = Fixture::new().flags(&["boards"]).on(host("codec-zero"));
    let Ok(Request::Boards(list)) = fixture.read() else { panic!("no list") };
    let marked: Vec<_> = list.lines().filter(|line| line.starts_with("* ")).collect();
    assert!(marked[0].starts_with("* codec-zero "), "{list}");
    assert!(
        marked[1].starts_with("* Without --board it would be the board codec-zero, recognised by "),
        "{list}"
    );
    assert_eq!(marked.len(), 2);
    assert!(list.lines().take_while(|line| !line.is_empty()).all(|line| line.len() <= 100), "{list}");
    assert!(
        list.ends_with(
            "  This machine is a Raspberry Pi Zero 2 W Rev 1.0; the cards here are vc4hdmi, Zero.\n"
        )
    );
}

#[test]
fn mynah_boards_show_prints_the_file_to_be_copied() {
    let shown = |name: &str| Fixture::new().flags(&["boards", "show", name]).read();
    let Ok(Request::Boards(text)) = shown("codec-zero") else { panic!("nothing shown") };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("board/codec-zero.toml");
    assert_eq!(text, fs::read_to_string(file).unwrap());
    let problem = shown("codec-zer").unwrap_err().problems().join("|");
    assert!(
        problem.starts_with("mynah boards show codec-zer: neither a board (adafruit-voice-bonnet, "),
        "{problem}"
    );
    assert!(problem.ends_with("(did you mean codec-zero?)"), "{problem}");
}

#[test]
fn mynah_boards_check_says_what_a_file_says_or_everything_that_is_wrong() {
    let fixture = Fixture::new().flags(&["boards", "check", "mine.toml"]);
    let problem = fixture.problems().join("|");
    assert!(problem.starts_with("mine.toml: cannot be read: "), "{problem}");
    let fixture = fixture.file("mine.toml", "[board]\nname = 'mine'\n[speaker]\ndevise = 'x'\nrate_hz = 1\n");
    assert_eq!(
        fixture.problems(),
        [
            "mine.toml: [board] about: is missing",
            "mine.toml, line 5: [speaker] rate_hz = 1: not a whole number from 8000 to 192000",
            "mine.toml, line 4: [speaker] devise: unknown key (did you mean device?)",
        ]
    );
    let good = "[board]\nname = 'mine'\nabout = 'x'\n[[find]]\ncards = ['USB-Audio']\n[microphone]\ndevice = 'hw:CARD={card}'\ngain_db = 6\n\
                [[button]]\nname = 'b'\ngpio = 'GPIO4'\n[[drive]]\nname = 'amp'\nchip = 'gpiochip0'\noffset = 3\nlevel = 'low'\n";
    let Ok(Request::Boards(text)) = fixture.file("mine.toml", good).on(host("usb-speakerphone")).read()
    else {
        panic!("not good");
    };
    assert_eq!(
        text,
        "mine.toml is a good board file\n  \
           name        mine: x\n  \
           found by    a sound card USB-Audio\n  \
           here        yes, by the sound card C920 (HD Pro Webcam C920)\n  \
           microphone  hw:CARD=C920, +6 dB\n  \
           speaker     default\n  \
           button      b: GPIO4, pressed is low, bias up, still for 5 ms: press = talk\n  \
           drive       amp: gpiochip0 line 3 low\n  \
           unplugged   waited for, 5 s\n"
    );
}

#[test]
fn other_words_after_boards_are_refused_with_the_usage() {
    let problems = |words: &[&str]| Fixture::new().flags(words).problems().join("|");
    assert!(
        problems(&["boards", "chekc", "x"])
            .starts_with("mynah boards chekc x: not understood (did you mean check?)\nUsage: ")
    );
    assert!(problems(&["boards", "show"]).starts_with("mynah boards show: of which board?\nUsage: "));
    let Ok(Request::Boards(usage)) = Fixture::new().flags(&["boards", "--help"]).read() else {
        panic!("no usage")
    };
    assert!(usage.contains("mynah boards check FILE"));
    assert_eq!(problems(&["--parrot", "boards"]), "\"boards\": not a flag (mynah --help lists the flags)");
}

#[test]
fn the_program_answers_with_exit_code_0_and_refuses_with_2() {
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
    assert!(code == Some(0) && good.starts_with("good.toml is a good board file\n"), "{good}");
    let (code, [text, bad]) = mynah(&["boards", "check", "bad.toml"]);
    assert_eq!((code, text.as_str()), (Some(2), ""));
    assert_eq!(bad.lines().count(), 3, "{bad}");
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

/// The first machine with the board.
fn host(board: &str) -> HostInfo {
    machines(board).next().unwrap()
}

/// The boards that machines are shown for.
fn boards() -> BTreeSet<&'static str> {
    MACHINES.lines().filter_map(|line| line.strip_prefix("== ")).collect()
}

/// Reads the machines with the board as the real one is read: from files below a root.
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
