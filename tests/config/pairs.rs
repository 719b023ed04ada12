//! A Raspberry Pi without a board: which two cards become microphone and speaker, and what is told of them.

use std::fs;

use mynah::config::{Config, HostInfo, PcmRequest, Request, SampleFormat};

use super::{Fixture, assert_problems};

const JACK: &str =
    "[Headphones     ]: bcm2835_headpho - bcm2835 Headphones\n                      bcm2835 Headphones";
const HDMI: &str = "[vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0\n                      vc4-hdmi-0";
const MIC: &str = "[Device         ]: USB-Audio - USB PnP Sound Device\n                      \
                   C-Media USB PnP Sound Device at usb-0000:01:00.0-1.3, full speed";
const SECOND_MIC: &str = "[Device_1       ]: USB-Audio - USB PnP Sound Device\n                      \
                          C-Media USB PnP Sound Device at usb-0000:01:00.0-1.1, full speed";
const CAMERA: &str = "[C920           ]: USB-Audio - HD Pro Webcam C920\n                      \
                      HD Pro Webcam C920 at usb-0000:01:00.0-1.2, high speed";
const USB_SPEAKER: &str = "[UACDemoV10     ]: USB-Audio - UACDemoV1.0\n                      \
                           UACDemoV1.0 at usb-0000:01:00.0-1.4, full speed";
const DAC: &str =
    "[sndrpihifiberry]: RPi-simple - snd_rpi_hifiberry_dac\n                      snd_rpi_hifiberry_dac";

#[test]
fn a_usb_microphone_is_paired_with_the_best_speaker() {
    for (cards, devices) in [
        (&[(JACK, "playback 8"), (MIC, "capture 1")][..], ("hw:CARD=Device", "hw:CARD=Headphones")),
        (&[(HDMI, "playback 1"), (MIC, "capture 1")], ("hw:CARD=Device", "default:CARD=vc4hdmi0")),
        (
            &[(HDMI, "playback 1"), (JACK, "playback 8"), (MIC, "capture 1")],
            ("hw:CARD=Device", "hw:CARD=Headphones"),
        ),
        (
            &[(JACK, "playback 8"), (DAC, "playback 1"), (CAMERA, "capture 1")],
            ("hw:CARD=C920", "hw:CARD=sndrpihifiberry"),
        ),
        (
            &[(JACK, "playback 8"), (USB_SPEAKER, "playback 1"), (MIC, "capture 1")],
            ("hw:CARD=Device", "hw:CARD=UACDemoV10"),
        ),
        (&[(MIC, "capture 1")], ("hw:CARD=Device", "default")),
    ] {
        let config = run(&host(cards), &[]);
        let found = (&*config.audio.microphone.device, &*config.audio.speaker.device);
        assert_eq!(found, devices, "{}", config.board_summary);
        let chosen =
            format!("board usb-microphone, | microphone: {} | speaker: {} | --speaker", devices.0, devices.1);
        assert_problems(&[config.board_summary], &[&chosen]);
    }
    let jack = run(&host(&[(JACK, "playback 8"), (MIC, "capture 1")]), &[]).audio.speaker.form;
    let form = PcmRequest {
        rate_hz: Some(48_000),
        format: Some(SampleFormat::S16),
        channels: Some(2),
        period: None,
    };
    assert_eq!(jack, form, "narrower frames make the jack's periods longer");
}

#[test]
fn several_usb_microphones_are_chosen_by_port_and_told() {
    let cards = [(CAMERA, "capture 1"), (MIC, "capture 1"), (SECOND_MIC, "capture 1"), (JACK, "playback 8")];
    let summary = run(&host(&cards), &[]).board_summary;
    assert_problems(
        &[summary],
        &[
            "board usb-microphone, | microphone: hw:CARD=Device_1 | USB ports (others: Device, C920) | --microphone",
        ],
    );
    let mut swapped = cards;
    swapped.swap(1, 2);
    assert_eq!(run(&host(&swapped), &[]).audio.microphone.device, "hw:CARD=Device_1");
}

#[test]
fn several_speakerphones_are_chosen_by_port_and_told() {
    let second = MIC.replace("Device  ", "Second  ").replace("-1.3,", "-1.1,");
    let cards = [(MIC, "playback 1 : capture 1"), (&second, "playback 1 : capture 1"), (JACK, "playback 8")];
    let config = run(&host(&cards), &[]);
    assert_eq!(config.audio.microphone.device, "hw:CARD=Second");
    assert_eq!(config.audio.speaker.device, "hw:CARD=Second");
    assert_problems(
        &[config.board_summary],
        &["board usb-speakerphone, | Second | (others: Device; | --microphone"],
    );
    let one = run(&host(&cards[..1]), &[]).board_summary;
    assert!(one.starts_with("board usb-speakerphone,") && !one.contains("others"), "{one}");
}

#[test]
fn the_users_device_wins_over_the_pair() {
    let host = host(&[(JACK, "playback 8"), (MIC, "capture 1")]);
    let audio = run(&host, &["--speaker=hw:7"]).audio;
    assert_eq!((&*audio.microphone.device, &*audio.speaker.device), ("hw:CARD=Device", "hw:7"));
    assert_eq!(audio.speaker.form, PcmRequest::default());
    let audio = run(&host, &["--board=desktop"]).audio;
    assert_eq!((&*audio.microphone.device, &*audio.speaker.device), ("default", "default"));
}

#[test]
fn the_board_of_two_cards_chooses_them_where_a_default_is_defined_too() {
    let tree = tree(&[(JACK, "playback 8"), (MIC, "capture 1")], "Raspberry Pi 4 Model B Rev 1.4");
    fs::create_dir_all(tree.path().join("etc")).unwrap();
    fs::write(tree.path().join("etc/asound.conf"), "pcm.!default pulse\n").unwrap();
    let machine = HostInfo::read(tree.path());
    let config = run(&machine, &["--board=usb-microphone"]);
    assert_eq!(
        (&*config.audio.microphone.device, &*config.audio.speaker.device),
        ("hw:CARD=Device", "hw:CARD=Headphones")
    );
    assert_problems(
        &[config.board_summary],
        &[
            "board usb-microphone, set by option --board; | microphone: hw:CARD=Device | speaker: hw:CARD=Headphones",
        ],
    );
    let mute = host(&[(JACK, "playback 8")]);
    let board = ["--parrot", "--board=usb-microphone"];
    assert_problems(
        &Fixture::new().flags(&board).on(mute.clone()).problems(),
        &["board usb-microphone: no sound card records: found sound card Headphones; | --microphone"],
    );
    run(&mute, &["--board=usb-microphone", "--microphone=hw:7"]);
}

#[test]
fn alsas_default_is_used_where_it_is_defined_or_no_card_fits() {
    let both = [(JACK, "playback 8"), (MIC, "capture 1")];
    for (file, text, device) in [
        ("etc/asound.conf", "pcm.!default {\n type hw\n card 1\n}\n", "default"),
        ("etc/alsa/conf.d/99-pipewire-default.conf", "pcm.!default { type pipewire }\n", "default"),
        ("etc/asound.conf", "# pcm.!default\ndefaults.pcm.card 1\npcm.defaults x\n", "hw:CARD=Device"),
    ] {
        let tree = tree(&both, "Raspberry Pi 4 Model B Rev 1.4");
        fs::create_dir_all(tree.path().join(file).parent().unwrap()).unwrap();
        fs::write(tree.path().join(file), text).unwrap();
        assert_eq!(run(&HostInfo::read(tree.path()), &[]).audio.microphone.device, device, "{file}");
    }
    let pc = HostInfo { model: None, ..host(&both) };
    assert_eq!(run(&pc, &[]).audio.microphone.device, "default");
    assert_eq!(run(&host(&[(JACK, "playback 8")]), &[]).audio.speaker.device, "default");
    let loopback = "[Loopback       ]: Loopback - Loopback\n                      Loopback 1";
    assert_eq!(run(&host(&[(loopback, "playback 8 : capture 8")]), &[]).audio.microphone.device, "default");
}

#[test]
fn devices_command_tells_which_devices_are_used_and_why() {
    let machine = host(&[(JACK, "playback 8"), (MIC, "capture 1")]);
    let fixture = Fixture::new().file("mynah.toml", "speaker = 'hw:7'\nvioce = 'x'\n").on(machine);
    let Ok(Request::Devices(request)) = fixture.clone_with(&["devices"]).read() else { panic!("no list") };
    assert_eq!(
        (&*request.audio.microphone.device, &*request.audio.speaker.device),
        ("hw:CARD=Device", "hw:7")
    );
    assert_problems(
        &request.reasons,
        &["chosen for this machine: | hw:CARD=Device | only one", "set by mynah.toml, line 1: speaker"],
    );
    assert_problems(&request.problems, &["mynah.toml, line 2: vioce: | mean voice?"]);
    let Ok(Request::Devices(request)) = fixture.clone_with(&["devices", "--board=desktop"]).read() else {
        panic!("no list")
    };
    assert_problems(&request.reasons[..1], &["board desktop, | option --board"]);
    assert!(matches!(fixture.clone_with(&["devices", "--help"]).read(), Ok(Request::Page(_))));
}

fn run(host: &HostInfo, flags: &[&str]) -> Config {
    Fixture::new().flags(&[&["--parrot"], flags].concat()).on(host.clone()).run()
}

/// Returns a Raspberry Pi with these cards and what each can do.
fn host(cards: &[(&str, &str)]) -> HostInfo {
    HostInfo::read(tree(cards, "Raspberry Pi 4 Model B Rev 1.4").path())
}

fn tree(cards: &[(&str, &str)], model: &str) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let (mut list, mut pcms) = (String::new(), String::new());
    for (number, (card, streams)) in cards.iter().enumerate() {
        list += &format!(" {number} {card}\n");
        pcms += &format!("{number:02}-00: USB Audio : USB Audio : {streams}\n");
    }
    for (name, text) in [("asound/cards", &*list), ("asound/pcm", &*pcms), ("device-tree/model", model)] {
        let path = tree.path().join("proc").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    tree
}
