//! Lamps: what goes over the wires, to the byte, and what becomes of lamps that are not there or go away.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mynah::board::BoardError;
use mynah::config::{GpioLine, LedWiring, LightConfig};
use mynah::conversation::State;
use mynah::leds::{BitBangBus, Leds, OutputLines, RETRY, SysfsPaths, apa102, gamma_correct, ws2812};
use mynah::light::{Levels, LightState};
use mynah::model::Time;
use proptest::prelude::*;
use tempfile::TempDir;

#[test]
fn an_apa102_is_told_brightness_blue_green_red_between_a_start_and_half_a_clock_a_pixel() {
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
fn a_ws2812_is_told_green_red_blue_with_four_bits_for_each_and_then_a_gap() {
    let bytes = ws2812(&[[255, 0, 16], [0, 255, 0]], 255);
    let (one, zero) = ([0xee; 4], [0x88; 4]);
    // Gamma makes one of 16.
    let least = [0x88, 0x88, 0x88, 0x8e];
    assert_eq!(bytes[0], 0);
    assert_eq!(bytes[1..25], [zero, one, least, one, zero, zero].concat());
    assert!(bytes[25..].iter().all(|byte| *byte == 0));
    assert!((bytes.len() - 25) * 8 * 1_000_000 / 3_200_000 >= 280, "as long as newer ones want, µs");
}

#[test]
fn two_lines_stand_in_for_a_bus_with_the_highest_bit_first_and_are_low_at_rest() {
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
fn a_kernels_led_is_freed_of_its_trigger_and_written_only_when_it_differs() {
    let tree = Tree::new();
    let led = tree.led("ACT", 255);
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["ACT".into()] }, 255).unwrap();
    assert_eq!((led.read("trigger"), led.read("brightness")), ("none".into(), "0".into()));
    let listening = LightState { microphone_live: true, ..LightState::begin(State::Listening, Time::ZERO) };
    let loud = Levels { microphone: u16::MAX, speaker: 0 };
    let then = listening.since;
    leds.show(&listening, then, Levels::default());
    assert_eq!(led.read("brightness"), "17", "a quarter, which gamma makes a sixteenth");
    leds.show(&listening, then + Duration::from_millis(50), loud);
    assert_eq!(led.read("brightness"), "255");
    led.write("brightness", "mark");
    leds.show(&listening, then + Duration::from_millis(100), loud);
    assert_eq!(led.read("brightness"), "mark");
    drop(leds);
    assert_eq!(led.read("brightness"), "0");
}

#[test]
fn an_led_that_is_only_on_or_off_stays_on_while_the_microphone_is_live() {
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
fn a_multicolour_led_takes_its_colours_in_its_own_order() {
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
fn pwm_is_set_to_its_period_and_way_round_and_then_its_duty_follows() {
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
fn a_pwm_that_cannot_be_turned_round_is_told_the_rest_of_its_period() {
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
fn lines_are_lit_by_colour_and_dark_at_first_and_at_last() {
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
fn a_lamp_that_goes_away_is_tried_again_once_a_second_and_shines_again_when_it_is_back() {
    let tree = Tree::new();
    let led = tree.led("usb", 255);
    let mut leds = tree.leds(LedWiring::Class { leds: vec!["usb".into()] }, 255).unwrap();
    let it = LightState { microphone_live: true, ..LightState::begin(State::Idle, Time::ZERO) };
    fs::remove_dir_all(&led.0).unwrap();
    let at = |ms| it.since + Duration::from_millis(ms);
    assert_eq!(leds.show(&it, at(0), Levels::default()), Some(RETRY));
    tree.led("usb", 255);
    assert_eq!(leds.show(&it, at(400), Levels::default()), Some(RETRY - Duration::from_millis(400)));
    assert_eq!(led.read("brightness"), "7", "not yet touched");
    leds.show(&it, at(1000), Levels::default());
    assert_ne!(led.read("brightness"), "7");
}

#[test]
fn a_lamp_that_is_not_there_is_refused_in_one_sentence_that_says_what_to_do() {
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
    let file = spi.display();
    let led = |name: &str| LedWiring::Class { leds: vec![name.into()] };
    for (wiring, sentence) in [
        (led("act"), "is the LED \"act\", which the kernel does not have; it has ACT, PWR".into()),
        (
            pwm("pwmchip0", 0),
            "is on the PWM chip \"pwmchip0\", which is not there; there is pwmchip4 (an overlay such as \
             `dtoverlay=pwm` makes one)"
                .into(),
        ),
        (pwm("pwmchip4", 2), "is on channel 2 of pwmchip4, whose channels are 0 to 1".into()),
        (
            LedWiring::Apa102 { spi: spi.clone(), pixels: 3, speed_hz: 1_000_000 },
            format!(
                "is on {file}, which is not there: put `dtparam=spi=on` into config.txt and restart the machine"
            ),
        ),
        (
            LedWiring::Ws2812 { spi: spi.clone(), pixels: 3 },
            format!(
                "is on {file}, which is not there: put `dtparam=spi=on` into config.txt and restart the machine"
            ),
        ),
    ] {
        let error = tree.leds(wiring, 255).err().expect("there is no such lamp");
        assert_eq!(error.to_string(), format!("the light ring {sentence}"));
    }
    fs::write(&spi, "").unwrap();
    let wiring = LedWiring::Apa102 { spi, pixels: 3, speed_hz: 1_000_000 };
    let error = tree.leds(wiring, 255).err().expect("a file is no bus").to_string();
    assert!(error.contains("which the kernel refuses: Inappropriate ioctl"), "{error}");
}

proptest! {
    #[test]
    fn no_brightness_makes_what_is_lit_dark_or_what_is_green_another_colour(
        rgb in any::<[u8; 3]>(), brightness in 1..=255u8, full in prop::sample::select(vec![1, 31, 255, 1_000_000])
    ) {
        let [red, green, blue] = rgb;
        let out = gamma_correct(rgb, brightness, full);
        prop_assert_eq!(rgb == [0; 3], out == [0; 3]);
        prop_assert!(out.iter().all(|channel| *channel <= full));
        prop_assert_eq!(green > red && green > blue, out[1] > out[0] && out[1] > out[2]);
    }
}

/// What GPIO lines were told.
struct RecordedLines(Arc<Mutex<Vec<Vec<bool>>>>);

impl OutputLines for RecordedLines {
    fn set(&mut self, lit: &[bool]) -> io::Result<()> {
        self.0.lock().unwrap().push(lit.to_vec());
        Ok(())
    }
}

/// A kernel's folders, made up.
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

    /// A chip with so many channels, of which this is exported.
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
            panic!("there are no lines here")
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
