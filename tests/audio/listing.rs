//! The devices that `mynah devices` lists, from a fake `/proc`.

use std::fs;
use std::path::Path;

use mynah::audio::{AudioError, DeviceOwner, DeviceSection, Direction, list_devices};
use tempfile::TempDir;

#[test]
fn each_device_is_listed_by_the_name_to_set() {
    let tree = tree();
    let names = |direction| -> Vec<String> {
        list_devices(tree.path(), direction, |_| None).into_iter().map(|device| device.name).collect()
    };
    assert_eq!(names(Direction::Capture), ["hw:CARD=S330", "hw:CARD=Array,DEV=1"]);
    // HDMI of a Raspberry Pi takes IEC 958 frames only, which ALSA's default makes.
    assert_eq!(names(Direction::Playback), ["default:CARD=vc4hdmi0", "hw:CARD=S330", "hw:CARD=S330,DEV=2"]);
}

#[test]
fn the_device_in_use_is_marked_however_it_is_named() {
    let tree = tree();
    for (used, marked) in [
        ("hw:CARD=S330", "* hw:CARD=S330 "),
        ("plughw:2,0", "* hw:CARD=S330 "),
        ("hw:S330,2", "* hw:CARD=S330,DEV=2 "),
        ("default:CARD=vc4hdmi0", "* default:CARD=vc4hdmi0 "),
    ] {
        let text = section(&tree, Direction::Playback, used, Ok("48000 Hz")).to_string();
        assert!(text.contains(marked) && text.matches("* ").count() == 1, "{used}: {text}");
        assert!(text.contains(&format!("mynah uses {used:?}: set by option --speaker")), "{text}");
        assert!(text.contains("It works now: 48000 Hz"), "{text}");
    }
    let text = section(&tree, Direction::Playback, "default", Err("no card 0")).to_string();
    assert!(!text.contains("* ") && text.contains("It cannot be used now: no card 0"), "{text}");
}

#[test]
fn a_device_in_use_by_the_service_names_it_and_how_to_stop_it() {
    let tree = tree();
    let busy = |name: &str| AudioError::Busy {
        direction: Direction::Capture,
        device: name.to_owned(),
        holders: vec![DeviceOwner { program: Some("mynah".to_owned()), process: 812 }],
    };
    let devices =
        list_devices(tree.path(), Direction::Capture, |name| (name == "hw:CARD=S330").then(|| busy(name)));
    let text =
        DeviceSection { devices, ..section(&tree, Direction::Capture, "hw:CARD=S330", Ok("")) }.to_string();
    for fact in ["eMeet S330: the microphone", "mynah (process 812)", "sudo systemctl stop mynah"] {
        assert!(text.contains(fact), "{fact}: {text}");
    }
    assert!(text.contains("hw:CARD=Array,DEV=1          reSpeaker: can be opened"), "{text}");
}

#[test]
fn a_system_without_cards_is_told_what_to_plug_in() {
    let empty = tempfile::tempdir().unwrap();
    for (direction, facts) in [
        (
            Direction::Capture,
            ["Microphones", "no sound card of this system has a microphone", "plug in a USB microphone"],
        ),
        (
            Direction::Playback,
            ["Speakers", "no sound card of this system has a speaker", "plug in a USB speaker"],
        ),
    ] {
        let text = section(&empty, direction, "default", Err("there is no card 0")).to_string();
        assert!(facts.iter().all(|fact| text.contains(fact)), "{text}");
    }
}

fn section(tree: &TempDir, direction: Direction, used: &str, outcome: Result<&str, &str>) -> DeviceSection {
    DeviceSection {
        direction,
        devices: list_devices(tree.path(), direction, |_| None),
        used: used.to_owned(),
        reason: format!("set by option --{direction}"),
        outcome: outcome.map(str::to_owned).map_err(str::to_owned),
    }
}

/// Creates the files of HDMI, of a speakerphone with two playback devices, and of a card that records on its second.
fn tree() -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = tree.path().join(Path::new("proc/asound")).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "cards",
        " 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0\n                      vc4-hdmi-0\n \
         2 [S330           ]: USB-Audio - eMeet S330\n                      eMeet S330 at usb-1.2\n \
         3 [Array          ]: USB-Audio - reSpeaker\n                      reSpeaker at usb-1.3\n",
    );
    write(
        "pcm",
        "00-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1\n\
         02-00: USB Audio : USB Audio : playback 1 : capture 1\n\
         02-02: USB Audio #2 : USB Audio #2 : playback 1\n\
         03-01: USB Audio : USB Audio : capture 1\n",
    );
    tree
}
