//! No microphone is live all the time unless something shows it, whatever the board.

use std::fs;

use mynah::config::{AudioConfig, HostInfo, LedWiring, MicrophoneView, Peripherals};
use mynah::model::Mode;

use super::{Fixture, assert_problems};

const TAP: Mode = Mode::Tap { quiet: std::time::Duration::from_secs(5) };

#[test]
fn a_microphone_that_nothing_shows_is_live_only_after_a_press() {
    let view = |is_real, is_shown, has_button| MicrophoneView { is_real, is_shown, has_button };
    for (flags, view, expected) in [
        (&[][..], view(true, true, false), Some(Mode::Open)),
        (&[], view(false, false, false), Some(Mode::Open)),
        (&[], view(true, false, true), Some(TAP)),
        (&[], view(true, false, false), None),
        (&["--no-light"], view(true, false, false), Some(Mode::Open)),
        (&["--mode=hold"], view(true, false, true), Some(Mode::Hold)),
        (&["--mode=tap"], view(true, false, false), Some(TAP)),
    ] {
        let fixture = Fixture::new().flags(&[&["--parrot", "--tap-quiet-s=5"], flags].concat());
        let mode = fixture.run().talk.mode_for(view);
        assert_eq!(mode.ok(), expected, "{flags:?} {view:?}");
        if let Err(reason) = mode {
            assert!(["--no-light", "[[light]]", "mode = \"tap\""].iter().all(|part| reason.contains(part)));
        }
    }
    let folders = Fixture::new().file("mynah.toml", "parrot = true\nno_light = true\n");
    assert_problems(
        &folders.problems(),
        &["mynah.toml, line 2: no_light: | may not choose | set --no-light"],
    );
}

#[test]
fn no_board_streams_without_a_light() {
    let mut unlit = Vec::new();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/board")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml")) else {
            continue;
        };
        let flags = ["--parrot", "--board", name, "--microphone=hw:1", "--speaker=hw:1"];
        for own_led in [None, Some("ACT".to_owned())] {
            let host = HostInfo { own_led: own_led.clone(), ..HostInfo::default() };
            let config = Fixture::new().flags(&flags).on(host).run();
            let is_shown = !config.peripherals.lights.is_empty();
            assert!(is_shown || own_led.is_none(), "{name}");
            for has_button in [false, true] {
                let view = MicrophoneView { is_real: config.audio.has_microphone(), is_shown, has_button };
                let is_open = config.talk.mode_for(view) == Ok(Mode::Open);
                assert_eq!(is_open, is_shown, "{name}");
            }
            if !is_shown {
                unlit.push(name.to_owned());
            }
        }
    }
    unlit.sort();
    assert_eq!(
        unlit,
        [
            "desktop",
            "fusion-hat",
            "jabra-speak",
            "respeaker-lite",
            "respeaker-usb-array",
            "respeaker-xvf3800",
            "satellite1",
            "usb-microphone",
            "usb-speakerphone",
            "waveshare-wm8960"
        ],
        "they need the machine's own LED"
    );
}

#[test]
fn the_led_of_the_machine_serves_a_board_without_a_light() {
    let root = tempfile::tempdir().unwrap();
    let led = |name: &str| {
        let folder = root.path().join("sys/class/leds").join(name);
        fs::create_dir_all(&folder).unwrap();
        ["brightness", "trigger"].iter().for_each(|file| fs::write(folder.join(file), "0").unwrap());
    };
    let tree = root.path().join("proc/device-tree");
    fs::create_dir_all(&tree).unwrap();
    led("input3::capslock");
    led("led1");
    assert_eq!(HostInfo::read(root.path()).own_led, None, "of a PC");
    fs::write(tree.join("model"), "Raspberry Pi 4 Model B\0").unwrap();
    assert_eq!(HostInfo::read(root.path()).own_led.as_deref(), Some("led1"));
    led("ACT");
    let host = HostInfo::read(root.path());
    let run = |flags: &[&str]| -> (Peripherals, AudioConfig) {
        let fixture = Fixture::new().file("speech.wav", "").on(host.clone());
        let config =
            fixture.flags(&[&["--parrot", "--microphone=hw:1", "--speaker=hw:1"], flags].concat()).run();
        (config.peripherals, config.audio)
    };
    let lights = |flags: &[&str]| run(flags).0.lights;
    let own = lights(&["--board=usb-speakerphone"]);
    assert!(matches!(&own[..], [light] if light.wiring == LedWiring::Class { leds: vec!["ACT".into()] }));
    assert!(!lights(&["--board=aiy-voice-hat"]).iter().any(|light| light.name.contains("ACT")));
    let file = ["--board=usb-speakerphone", "--speech=speech.wav"];
    assert!(lights(&file).is_empty() && !run(&file).1.has_microphone());
}
