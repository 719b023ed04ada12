//! LED drivers: the bytes on the bus, the files in sysfs, and missing or disconnected LEDs.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mynah::board::{Board, BoardError};
use mynah::config::{GpioLine, LedWiring, LightConfig};
use mynah::conversation::State;
use mynah::leds::{
    BitBangBus, LedError, LedProblem, Leds, OutputLines, RETRY, SysfsPaths, apa102, gamma_correct, ws2812,
};
use mynah::light::{Levels, LightState};
use mynah::model::Time;
use mynah::session;
use proptest::prelude::*;
use tempfile::TempDir;

#[test]
fn apa102_frames_match_the_data_sheet() {
    assert_eq!(
        apa102(&[[255, 0, 0], [0, 128, 255]], 255),
        [[0; 4], [0xff, 0, 0, 255], [0xff, 255, 64, 0], [0; 4]]
            .concat()
            .into_iter()
            .chain([0])
            .collect::<Vec<_>>()
    );
    assert_eq!(apa102(&[[0; 3]], 255)[4..8], [0xff, 0, 0, 0]);
    assert_eq!([1, 8, 9, 128, 254].map(|limit| apa102(&[[0; 3]], limit)[4]), [0xe1, 0xe1, 0xe2, 0xf0, 0xff]);
    for (pixels, ends) in [(1, 5), (16, 5), (17, 6), (64, 8)] {
        assert_eq!(apa102(&vec![[1; 3]; pixels], 9).len(), 4 + 4 * pixels + ends, "{pixels} pixels");
    }
}

#[test]
fn ws2812_bits_match_the_data_sheet() {
    let bytes = ws2812(&[[255, 0, 16], [0, 255, 0]], 255);
    let (one, zero) = ([0xee; 4], [0x88; 4]);
    // Gamma correction turns 16 into 1.
    let least = [0x88, 0x88, 0x88, 0x8e];
    assert_eq!(bytes[0], 0);
    assert_eq!(bytes[1..25], [zero, one, least, one, zero, zero].concat());
    assert!(bytes[25..].iter().all(|byte| *byte == 0));
    assert!((bytes.len() - 25) * 8 * 1_000_000 / 3_200_000 >= 280, "the reset code is shorter than 280 µs");
}

#[test]
fn a_bit_banged_bus_sends_the_highest_bit_first() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let mut bits = BitBangBus(Box::new(RecordedLines(Arc::clone(&written))));
    bits.write_all(&[0b1010_0001]).unwrap();
    let written = written.lock().unwrap();
    let risen: Vec<bool> =
        written.windows(2).filter(|pair| !pair[0][1] && pair[1][1]).map(|pair| pair[1][0]).collect();
    assert_eq!(risen, [true, false, true, false, false, false, false, true]);
    assert!(written.windows(2).all(|pair| !pair[0][1] || !pair[1][1]), "the clock falls after each bit");
    assert_eq!(written.last(), Some(&vec![false, false]));
}

#[test]
fn a_sysfs_led_has_no_trigger_and_is_written_on_change() {
    let tree = Tree::new();
    let led = tree.led("ACT", 255);
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["ACT".into()] }, 255).unwrap();
    assert_eq!((led.read("trigger"), led.read("brightness")), ("none".into(), "0".into()));
    let listening = LightState { microphone_live: true, ..LightState::begin(State::Listening, Time::ZERO) };
    let loud = Levels { microphone: u16::MAX, speaker: 0 };
    let then = listening.since;
    leds.show(&listening, then, Levels::default());
    assert_eq!(led.read("brightness"), "17", "a quarter, 1/16 after gamma correction");
    leds.show(&listening, then + Duration::from_millis(50), loud);
    assert_eq!(led.read("brightness"), "255");
    led.write("brightness", "mark");
    leds.show(&listening, then + Duration::from_millis(100), loud);
    assert_eq!(led.read("brightness"), "mark");
    drop(leds);
    assert_eq!(led.read("brightness"), "0");
}

#[test]
fn restoring_undoes_what_another_program_did_to_a_sysfs_led() {
    let tree = Tree::new();
    let led = tree.led("ACT", 255);
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["ACT".into()] }, 255).unwrap();
    let muted = LightState { muted: true, ..LightState::begin(State::Muted, Time::ZERO) };
    assert!(leds.restore(), "nothing is shown yet");
    leds.show(&muted, muted.since, Levels::default());
    let shown = led.read("brightness");
    for (file, text) in [("trigger", "heartbeat"), ("brightness", "99")] {
        led.write(file, text);
        assert!(leds.restore());
        assert_eq!((led.read("trigger"), led.read("brightness")), ("none".into(), shown.clone()), "{file}");
    }
}

#[test]
fn restoring_lights_a_multicolour_led_that_was_darkened() {
    let tree = Tree::new();
    let led = tree.led("rgb:status", 255);
    led.write("multi_index", "red green blue");
    led.write("multi_intensity", "0 0 0");
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["rgb:status".into()] }, 255).unwrap();
    let offline = LightState::begin(State::Offline, Time::ZERO);
    leds.show(&offline, offline.since, Levels::default());
    for (file, text) in [("trigger", "timer"), ("brightness", "0"), ("multi_intensity", "0 0 0")] {
        led.write(file, text);
        assert!(leds.restore());
        let files = ["trigger", "brightness", "multi_intensity"].map(|file| led.read(file));
        assert_eq!(files, ["none", "255", "255 31 0"], "{file}");
    }
}

#[test]
fn a_light_that_cannot_be_restored_is_retried_like_one_that_failed() {
    let tree = Tree::new();
    let led = tree.led("usb", 255);
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["usb".into()] }, 255).unwrap();
    let offline = LightState::begin(State::Offline, Time::ZERO);
    leds.show(&offline, offline.since, Levels::default());
    fs::remove_dir_all(&led.0).unwrap();
    assert!(!leds.restore());
    assert_eq!(leds.show(&offline, offline.since, Levels::default()), Some(RETRY));
}

#[test]
fn an_on_off_led_is_solid_while_the_microphone_is_live() {
    let tree = Tree::new();
    let led = tree.led("led0", 1);
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["led0".into()] }, 1).unwrap();
    let listening = LightState { microphone_live: true, ..LightState::begin(State::Listening, Time::ZERO) };
    assert_eq!(leds.show(&listening, listening.since, Levels::default()), None);
    assert_eq!(led.read("brightness"), "1");
    let closed = LightState { microphone_live: false, closed: Some(Time::ZERO), ..listening };
    leds.show(&closed, closed.closed.unwrap(), Levels::default());
    assert_eq!(led.read("brightness"), "0");
}

#[test]
fn three_leds_are_red_green_and_blue() {
    let tree = Tree::new();
    let channels = ["r", "g", "b"].map(|name| tree.led(name, 100));
    let names = vec!["r".into(), "g".into(), "b".into()];
    let mut leds = tree.leds(LedWiring::Class { leds: names }, 255).unwrap();
    let offline = LightState::begin(State::Offline, Time::ZERO);
    leds.show(&offline, offline.since, Levels::default());
    assert_eq!(channels.map(|led| led.read("brightness")), ["100", "12", "0"], "amber");
}

#[test]
fn a_multicolour_led_is_written_in_the_order_of_multi_index() {
    let tree = Tree::new();
    let led = tree.led("rgb:status", 255);
    led.write("multi_index", "green white blue red");
    led.write("multi_intensity", "9 9 9 9");
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["rgb:status".into()] }, 255).unwrap();
    assert_eq!((led.read("multi_intensity"), led.read("brightness")), ("0 0 0 0".into(), "255".into()));
    let offline = LightState::begin(State::Offline, Time::ZERO);
    leds.show(&offline, offline.since, Levels::default());
    assert_eq!(led.read("multi_intensity"), "31 0 0 255");
    drop(leds);
    assert_eq!(led.read("multi_intensity"), "0 0 0 0");
}

#[test]
fn a_pwm_led_sets_period_polarity_and_duty() {
    let tree = Tree::new();
    let channel = tree.pwm("pwmchip0", 2, 1);
    let wiring =
        LedWiring::Pwm { chip: "pwmchip0".into(), channels: vec![1], period_ns: 1_000_000, active_low: true };
    let mut leds = tree.leds(wiring, 128).unwrap();
    let is = |name: &str| channel.read(name);
    assert_eq!(["period", "polarity", "duty_cycle", "enable"].map(is), ["1000000", "inversed", "0", "1"]);
    let listening = LightState { microphone_live: true, ..LightState::begin(State::Listening, Time::ZERO) };
    leds.show(&listening, listening.since, Levels { microphone: u16::MAX, speaker: 0 });
    assert_eq!(channel.read("duty_cycle"), "501961", "128 of 255, rounded up");
    drop(leds);
    assert_eq!(channel.read("duty_cycle"), "0");
}

#[test]
fn without_polarity_support_the_duty_is_inverted() {
    let tree = Tree::new();
    let channel = tree.pwm("pwmchip0", 1, 0);
    fs::remove_file(channel.0.join("polarity")).unwrap();
    let wiring =
        LedWiring::Pwm { chip: "pwmchip0".into(), channels: vec![0], period_ns: 1000, active_low: true };
    let mut leds = tree.leds(wiring, 255).unwrap();
    assert_eq!(channel.read("duty_cycle"), "1000", "dark");
    let listening = LightState { microphone_live: true, ..LightState::begin(State::Listening, Time::ZERO) };
    leds.show(&listening, listening.since, Levels { microphone: u16::MAX, speaker: 0 });
    assert_eq!(channel.read("duty_cycle"), "0");
}

#[test]
fn gpio_leds_show_colours_and_are_off_at_start_and_end() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let line = |name: &str| GpioLine::Named(name.into());
    let wiring = LedWiring::Lines { rgb: [line("R"), line("G"), line("B")], active_low: true };
    let requests = Arc::new(Mutex::new(Vec::new()));
    let mut open_lines = |name: &str, lines: &[&GpioLine], active_low: bool| {
        requests.lock().unwrap().push(format!("{name} {lines:?} {active_low}"));
        Ok(Box::new(RecordedLines(Arc::clone(&written))) as Box<dyn OutputLines>)
    };
    let mut leds =
        Leds::open::<BoardError>(&[light(wiring, 9)], &SysfsPaths::default(), &mut open_lines).unwrap();
    assert_eq!(*requests.lock().unwrap(), [r#"ring [Named("R"), Named("G"), Named("B")] true"#]);
    let muted = LightState::begin(State::Muted, Time::ZERO);
    assert_eq!(leds.show(&muted, muted.since, Levels::default()), None);
    leds.show(&muted, muted.since, Levels::default());
    drop(leds);
    let dark = vec![false; 3];
    assert_eq!(*written.lock().unwrap(), [dark.clone(), vec![true, false, false], dark]);
}

#[test]
fn a_disconnected_led_is_retried_every_second() {
    let tree = Tree::new();
    let led = tree.led("usb", 255);
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["usb".into()] }, 255).unwrap();
    let it = LightState { microphone_live: true, ..LightState::begin(State::Idle, Time::ZERO) };
    fs::remove_dir_all(&led.0).unwrap();
    let at = |ms| it.since + Duration::from_millis(ms);
    assert_eq!(leds.show(&it, at(0), Levels::default()), Some(RETRY));
    tree.led("usb", 255);
    assert_eq!(leds.show(&it, at(400), Levels::default()), Some(RETRY - Duration::from_millis(400)));
    assert_eq!(led.read("brightness"), "7", "not written yet");
    leds.show(&it, at(1000), Levels::default());
    assert_ne!(led.read("brightness"), "7");
}

#[test]
fn a_missing_led_is_reported_by_name_with_a_remedy() {
    let tree = Tree::new();
    tree.led("ACT", 1);
    tree.led("PWR", 1);
    tree.pwm("pwmchip4", 2, 0);
    let pwm = |chip: &str, channel| LedWiring::Pwm {
        chip: chip.into(),
        channels: vec![channel],
        period_ns: 1000,
        active_low: false,
    };
    let spi = tree.folder.path().join("spidev0.1");
    let file = spi.display().to_string();
    let led = |name: &str| LedWiring::Class { leds: vec![name.into()] };
    for (wiring, facts) in [
        (led("act"), ["\"act\"", "ACT, PWR"]),
        (pwm("pwmchip0", 0), ["\"pwmchip0\"", "pwmchip4"]),
        (pwm("pwmchip0", 0), ["\"pwmchip0\"", "dtoverlay=pwm"]),
        (pwm("pwmchip4", 2), ["channel 2", "0 to 1"]),
        (
            LedWiring::Apa102 { spi: spi.clone(), pixels: 3, speed_hz: 1_000_000 },
            [file.as_str(), "dtparam=spi=on"],
        ),
        (LedWiring::Ws2812 { spi: spi.clone(), pixels: 3 }, [file.as_str(), "dtparam=spi=on"]),
    ] {
        let message = tree.leds(wiring, 255).err().expect("the LED does not exist").to_string();
        assert!(message.contains("the light ring"), "{message}");
        assert!(facts.iter().all(|fact| message.contains(fact)), "{message}");
    }
    fs::write(tree.folder.path().join("spidev1.0"), "").unwrap();
    let other = LedWiring::Ws2812 { spi: spi.clone(), pixels: 3 };
    let message = tree.leds(other, 255).err().expect("the bus does not exist").to_string();
    assert!(message.contains("spidev1.0") && !message.contains("dtparam"), "{message}");
    fs::write(&spi, "").unwrap();
    let wiring = LedWiring::Apa102 { spi, pixels: 3, speed_hz: 1_000_000 };
    let error = tree.leds(wiring, 255).err().expect("a regular file has no SPI ioctls").to_string();
    assert!(error.contains(&file) && error.contains("Inappropriate ioctl"), "{error}");
}

#[test]
fn a_light_that_fails_has_the_remedy_for_its_cause() {
    for (errno, facts) in [
        (30, ["Read-only file system", "ProtectKernelTunables=no"]),
        (16, ["busy", "stop that one"]),
        (22, ["Invalid argument", "period_ns"]),
        (90, ["too long", "fewer pixels"]),
        (5, ["os error 5", "wired as the board file says"]),
    ] {
        let error = || io::Error::from_raw_os_error(errno);
        for problem in [LedProblem::Refused("/sys/x".into(), error()), LedProblem::Failed(error())] {
            let message = LedError { led: "ring".to_owned(), problem }.to_string();
            assert!(facts.iter().all(|fact| message.contains(fact)), "{facts:?}: {message}");
            assert_eq!(message.contains("wired"), errno == 5, "{message}");
        }
    }
}

proptest! {
    #[test]
    fn lit_pixels_stay_lit_and_green_at_any_brightness(
        rgb in any::<[u8; 3]>(), brightness in 1..=255u8, full in prop::sample::select(vec![1, 31, 255, 1_000_000])
    ) {
        let [red, green, blue] = rgb;
        let out = gamma_correct(rgb, brightness, full);
        prop_assert_eq!(rgb == [0; 3], out == [0; 3]);
        prop_assert!(out.iter().all(|channel| *channel <= full));
        prop_assert_eq!(green > red && green > blue, out[1] > out[0] && out[1] > out[2]);
    }
}

#[test]
fn a_recording_of_words_or_sound_is_shown_before_the_microphone_opens() {
    for (records, flashes) in [(true, 3), (false, 0)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut open_lines = |_: &str, _: &[&GpioLine], _: bool| {
            Ok(Box::new(RecordedLines(Arc::clone(&seen))) as Box<dyn OutputLines>)
        };
        let rgb = ["R", "G", "B"].map(|name| GpioLine::Named(name.into()));
        let lights = [light(LedWiring::Lines { rgb, active_low: false }, 255)];
        let output = fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
        let (mut board, _buttons) = Board::simulated(&[], output.into()).unwrap();
        board.set_leds(Leds::open::<BoardError>(&lights, &SysfsPaths::default(), &mut open_lines).unwrap());
        let mut shown = Duration::ZERO;
        session::show_startup(&mut board, records, |pause| shown += pause);
        // The LEDs are switched off when they are dropped, which must not wait for this test.
        let seen = seen.lock().unwrap().clone();
        let red = seen.iter().filter(|lit| **lit == [true, false, false]).count();
        assert_eq!((red, shown), (flashes, Duration::from_secs(if records { 3 } else { 0 })));
        assert!(seen.iter().all(|lit| *lit != [false, true, false]), "green: {seen:?}");
        assert_eq!(seen.last().unwrap(), &[false; 3], "the start itself begins dark");
    }
}

/// Records the values written to GPIO lines.
struct RecordedLines(Arc<Mutex<Vec<Vec<bool>>>>);

impl OutputLines for RecordedLines {
    fn set(&mut self, lit: &[bool]) -> io::Result<()> {
        self.0.lock().unwrap().push(lit.to_vec());
        Ok(())
    }
}

/// A fake of the sysfs folders.
struct Tree {
    folder: TempDir,
}

struct Folder(PathBuf);

impl Tree {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("leds")).unwrap();
        fs::create_dir(folder.path().join("pwm")).unwrap();
        Self { folder }
    }

    fn led(&self, name: &str, full: u32) -> Folder {
        let files = [("brightness", "7"), ("max_brightness", &full.to_string()), ("trigger", "[mmc0] none")];
        Folder::new(&self.folder.path().join("leds").join(name), &files)
    }

    /// Creates a chip with `channels` channels, of which `channel` is exported.
    fn pwm(&self, chip: &str, channels: u32, channel: u32) -> Folder {
        let chip = Folder::new(
            &self.folder.path().join("pwm").join(chip),
            &[("npwm", &channels.to_string()), ("export", "")],
        );
        let files = [("period", "0"), ("duty_cycle", "0"), ("polarity", "normal"), ("enable", "0")];
        Folder::new(&chip.0.join(format!("pwm{channel}")), &files)
    }

    fn leds(&self, wiring: LedWiring, brightness: u8) -> Result<Leds, BoardError> {
        let paths = SysfsPaths { leds: self.folder.path().join("leds"), pwm: self.folder.path().join("pwm") };
        Leds::open::<BoardError>(&[light(wiring, brightness)], &paths, &mut |_, _, _| {
            panic!("no GPIO line expected")
        })
    }
}

impl Folder {
    fn new(path: &Path, files: &[(&str, &str)]) -> Self {
        fs::create_dir(path).unwrap();
        let folder = Self(path.to_owned());
        files.iter().for_each(|(name, text)| folder.write(name, text));
        folder
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }
}

fn light(wiring: LedWiring, brightness: u8) -> LightConfig {
    LightConfig { name: "ring".into(), wiring, brightness }
}
