//! Error messages of inputs name the button, the line or key, and the remedy.

use std::time::Duration;

use mynah::board::{Board, BoardError};
use mynah::config::{
    ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, GpioLine, HeldOutput, LineBias, Peripherals,
};
use mynah::inputs::{
    ClockOffset, InputError, KeyError, KeyProblem, LineError, LineProblem, StatusLine, is_named,
};
use mynah::model::Time;

#[test]
fn a_missing_line_is_reported_with_the_available_ones() {
    const CHIP: &str = "gpiochip0 (pinctrl-rp1, 54 lines)";
    let names = ["ID_SDA", "GPIO2", "GPIO_17", "gpio17"].map(str::to_owned).to_vec();
    let name = || "GPIO17".to_owned();
    let chips = vec![CHIP.to_owned()];
    let similar = LineProblem::NoLine { name: name(), names: names.clone(), chips: chips.clone() };
    contains(&line(similar), &["GPIO_17 or gpio17", CHIP]);
    let others = LineProblem::NoLine { name: name(), names: names[..2].to_vec(), chips: chips.clone() };
    contains(&line(others), &["ID_SDA, GPIO2", CHIP]);
    contains(&line(LineProblem::NoChip { chips }), &[CHIP]);
    contains(&line(LineProblem::NoOffset { count: 8 }), &["0 to 7"]);
    contains(&line(LineProblem::NoGpio), &["/dev/gpiochip*", "--board"]);
}

#[test]
fn a_busy_line_is_reported_with_its_consumer() {
    let busy = |consumer: &str, holder: Option<&str>| {
        line(LineProblem::Busy { consumer: consumer.to_owned(), owner: holder.map(str::to_owned) })
    };
    contains(&busy("gpiomon", Some("gpiomon, process 812")), &["\"gpiomon\" (gpiomon, process 812)"]);
    contains(&busy("button@17", None), &["\"button@17\"", "config.txt"]);
    assert!(!busy("", None).contains("\"\""));
}

#[test]
fn a_missing_permission_is_reported_with_the_group_to_join() {
    let chip = line(LineProblem::Forbidden("/dev/gpiochip0".into()));
    contains(&chip, &["/dev/gpiochip0", "sudo usermod -aG gpio USER"]);
    let node = key(None, KeyProblem::Forbidden("/dev/input/event3".into()));
    contains(&node, &["/dev/input/event3", "sudo usermod -aG input USER", "udev rule"]);
}

#[test]
fn a_refusal_of_the_kernel_has_the_remedy_for_its_cause() {
    let refused = |errno| LineProblem::Refused(std::io::Error::from_raw_os_error(errno).to_string());
    contains(&line(refused(22)), &["Invalid argument", "bias = \"as-is\"", "debounce_ms = 0"]);
    contains(&line(refused(16)), &["busy", "config.txt"]);
    contains(&line(refused(1)), &["Operation not permitted", "DeviceAllow=char-gpiochip rw"]);
    contains(&line(refused(24)), &["Too many open files", "ulimit -n"]);
    let key_refused = |errno| KeyProblem::Refused(std::io::Error::from_raw_os_error(errno).to_string());
    contains(&key(None, key_refused(16)), &["another program has grabbed it"]);
    contains(&key(None, key_refused(1)), &["DeviceAllow=char-input rw"]);
    assert!(!key(None, key_refused(5)).contains("grabbed"));
}

#[test]
fn a_missing_key_is_reported_with_the_available_devices() {
    let names = vec!["Jabra SPEAK 510".to_owned(), "gpio-keys".to_owned()];
    let no_device = key(Some("Jabra 410"), KeyProblem::NoDevice { names });
    contains(&no_device, &["\"Jabra 410\"", "Jabra SPEAK 510, gpio-keys"]);
    contains(&key(Some("gpio-keys"), KeyProblem::NoKey), &["\"gpio-keys\"", "`evtest`"]);
    contains(&key(None, KeyProblem::NoInput), &["/dev/input/event*"]);
    assert_ne!(key(None, KeyProblem::NoKey), key(None, KeyProblem::NoInput));
}

#[test]
fn a_missing_peripheral_is_reported_by_its_name() {
    let nowhere = || GpioLine::At { chip: "no-such-chip".to_owned(), offset: 7 };
    let debounce = Duration::from_millis(5);
    let place = ButtonSource::Line { line: nowhere(), active_low: true, bias: LineBias::PullUp, debounce };
    let key = |optional| ButtonSource::Key { device: Some("no such device".to_owned()), code: 113, optional };
    let button = |place| ButtonConfig {
        name: "talk".to_owned(),
        source: place,
        kind: ButtonKind::Push(ButtonBindings::default()),
    };
    let wired =
        |buttons, driven| board().open_peripherals(&Peripherals { buttons, driven, lights: Vec::new() });

    let error = wired(vec![button(place)], Vec::new()).unwrap_err();
    assert!(matches!(error, BoardError::Inputs(InputError::Line(_))), "{error:?}");
    contains(&error.to_string(), &["the button talk", "GPIO line 7 of no-such-chip"]);

    let error = wired(vec![button(key(false))], Vec::new()).unwrap_err();
    assert!(matches!(error, BoardError::Inputs(InputError::Key(_))), "{error:?}");
    contains(&error.to_string(), &["the button talk", "KEY_MUTE", "\"no such device\""]);
    wired(vec![button(key(true))], Vec::new()).unwrap();
    wired(vec![button(key(true)), button(key(false))], Vec::new()).unwrap_err();

    let power = HeldOutput { name: "ring power".to_owned(), line: nowhere(), high: true };
    let error = wired(Vec::new(), vec![power]).unwrap_err();
    contains(&error.to_string(), &["the driven line ring power", "GPIO line 7 of no-such-chip"]);
}

#[test]
fn an_input_device_is_called_by_its_name_or_its_first_words() {
    for (name, wanted, is_it) in [
        ("Jabra SPEAK 410 USB", "Jabra SPEAK 410 USB", true),
        ("Jabra SPEAK 410 USB Consumer Control", "Jabra SPEAK 410 USB", true),
        ("Jabra Speak2 75", "Jabra", true),
        ("Jabra Speak2 75", "Jabra Speak", false),
        ("Jabra", "Jabra Speak2 75", false),
        ("Not a Jabra", "Jabra", false),
    ] {
        assert_eq!(is_named(name, wanted), is_it, "{name:?} {wanted:?}");
    }
}

#[test]
fn timestamps_are_clamped_between_session_start_and_now() {
    let secs = Duration::from_secs;
    let now = Time::ZERO + secs(10);
    let stamps = ClockOffset::new(now, secs(100));
    assert_eq!(stamps.at(secs(97)), now - secs(3));
    assert_eq!(stamps.at(secs(100)), now);
    assert_eq!(stamps.at(secs(101)), now);
    assert_eq!(stamps.at(secs(85)), Time::ZERO);
}

/// Returns the message for `problem`, after checking that it contains the button and the line.
fn line(problem: LineProblem) -> String {
    let (user, line) = ("the button talk".to_owned(), "line GPIO17".to_owned());
    let message = LineError { user, line, problem }.to_string();
    contains(&message, &["the button talk", "line GPIO17"]);
    message
}

/// Returns the message for `problem`, after checking that it contains the button and the key.
fn key(device: Option<&str>, problem: KeyProblem) -> String {
    let (user, key) = ("the button mute".to_owned(), "KEY_MUTE".to_owned());
    let message = KeyError { user, key, device: device.map(str::to_owned), problem }.to_string();
    contains(&message, &["the button mute", "KEY_MUTE"]);
    message
}

fn contains(message: &str, facts: &[&str]) {
    for fact in facts {
        assert!(message.contains(fact), "{fact:?} is not in {message:?}");
    }
}

/// Creates a board at pipes whose other ends are closed.
fn board() -> Board {
    let (input, _) = std::io::pipe().unwrap();
    let (_, output) = std::io::pipe().unwrap();
    Board::on(input.into(), output.into(), None, false, StatusLine::default()).unwrap()
}
