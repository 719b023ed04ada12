//! What cannot be had is refused in one sentence that names who wants it, what, and what to do.

use std::time::Duration;

use mynah::board::{Board, BoardError};
use mynah::config::{
    ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, GpioLine, HeldOutput, LineBias, Peripherals,
};
use mynah::inputs::{ClockOffset, InputError, KeyError, KeyProblem, LineError, LineProblem, StatusLine};
use mynah::model::Time;

#[test]
fn a_line_that_is_not_there_is_refused_with_those_that_are() {
    let names = ["ID_SDA", "GPIO2", "GPIO_17", "gpio17"].map(str::to_owned).to_vec();
    let name = || "GPIO17".to_owned();
    let chips = vec!["gpiochip0 (pinctrl-rp1, 54 lines)".to_owned()];
    assert_eq!(
        line(LineProblem::NoLine { name: name(), names: names.clone(), chips: chips.clone() }),
        "the button talk is on GPIO line GPIO17, but no line has that name on gpiochip0 (pinctrl-rp1, 54 lines); \
         did you mean GPIO_17 or gpio17?"
    );
    assert_eq!(
        line(LineProblem::NoLine { name: name(), names: names[..2].to_vec(), chips: chips.clone() }),
        "the button talk is on GPIO line GPIO17, but no line has that name on gpiochip0 (pinctrl-rp1, 54 lines); \
         there are ID_SDA, GPIO2"
    );
    assert_eq!(
        line(LineProblem::NoChip { chips }),
        "the button talk is on GPIO line GPIO17, but there is no such chip, only gpiochip0 (pinctrl-rp1, 54 lines)"
    );
    assert_eq!(
        line(LineProblem::NoOffset { count: 8 }),
        "the button talk is on GPIO line GPIO17, but that chip's lines are 0 to 7"
    );
    assert_eq!(
        line(LineProblem::NoGpio),
        "the button talk is on GPIO line GPIO17, but this machine has no GPIO (no /dev/gpiochip*); name the board \
         it is with --board"
    );
}

#[test]
fn a_line_that_somebody_has_is_refused_with_who_it_is() {
    let busy = |consumer: &str, holder: Option<&str>| {
        line(LineProblem::Busy { consumer: consumer.to_owned(), holder: holder.map(str::to_owned) })
    };
    assert_eq!(
        busy("gpiomon", Some("gpiomon, process 812")),
        "the button talk is on GPIO line GPIO17, which \"gpiomon\" has (gpiomon, process 812); end it first"
    );
    assert_eq!(
        busy("button@17", None),
        "the button talk is on GPIO line GPIO17, which \"button@17\" has; end that program, or take the overlay that \
         claims it out of config.txt"
    );
    assert!(busy("", None).contains("something without a name"));
}

#[test]
fn what_may_not_be_opened_is_refused_with_the_group_to_join() {
    assert_eq!(
        line(LineProblem::Forbidden("/dev/gpiochip0".into())),
        "the button talk is on GPIO line GPIO17, but /dev/gpiochip0 may not be opened: add the user that runs mynah \
         to the group gpio (`sudo usermod -aG gpio USER`, then log in again)"
    );
    let sentence = key(None, KeyProblem::Forbidden("/dev/input/event3".into()));
    assert!(sentence.contains("/dev/input/event3 may not be read"), "{sentence}");
    assert!(sentence.contains("sudo usermod -aG input USER"), "{sentence}");
}

#[test]
fn a_key_that_is_not_there_is_refused_with_the_devices_that_are() {
    let names = vec!["Jabra SPEAK 510".to_owned(), "gpio-keys".to_owned()];
    assert_eq!(
        key(Some("Jabra 410"), KeyProblem::NoDevice { names }),
        "the button mute is the key KEY_MUTE of the input device \"Jabra 410\", but there is none of that name; \
         there are Jabra SPEAK 510, gpio-keys; is it plugged in?"
    );
    assert_eq!(
        key(Some("gpio-keys"), KeyProblem::NoKey),
        "the button mute is the key KEY_MUTE of the input device \"gpio-keys\", which has no such key; `evtest` \
         shows those that it has"
    );
    assert_eq!(
        key(None, KeyProblem::NoKey),
        "the button mute is the key KEY_MUTE, which no input device has; is the one with it plugged in?"
    );
}

#[test]
fn a_body_that_is_not_there_is_refused_and_names_who_wants_it() {
    let nowhere = || GpioLine::At { chip: "no-such-chip".to_owned(), offset: 7 };
    let debounce = Duration::from_millis(5);
    let place = ButtonSource::Line { line: nowhere(), active_low: true, bias: LineBias::PullUp, debounce };
    let key = ButtonSource::Key { device: Some("no such device".to_owned()), code: 113 };
    let button = |place| ButtonConfig {
        name: "talk".to_owned(),
        source: place,
        kind: ButtonKind::Push(ButtonBindings::default()),
    };
    let wired =
        |buttons, driven| board().open_peripherals(&Peripherals { buttons, driven, lights: Vec::new() });

    let error = wired(vec![button(place)], Vec::new()).unwrap_err();
    assert!(matches!(error, BoardError::Inputs(InputError::Line(_))), "{error:?}");
    assert!(
        error.to_string().starts_with("the button talk is on GPIO line 7 of no-such-chip, but "),
        "{error}"
    );

    let error = wired(vec![button(key)], Vec::new()).unwrap_err();
    assert!(matches!(error, BoardError::Inputs(InputError::Key(_))), "{error:?}");
    let start = "the button talk is the key KEY_MUTE of the input device \"no such device\", but ";
    assert!(error.to_string().starts_with(start), "{error}");

    let power = HeldOutput { name: "ring power".to_owned(), line: nowhere(), high: true };
    let error = wired(Vec::new(), vec![power]).unwrap_err();
    assert!(error.to_string().starts_with("the driven line ring power is on GPIO line 7"), "{error}");
}

#[test]
fn an_edge_is_as_old_as_its_stamp_and_never_in_the_future_or_before_the_session() {
    let secs = Duration::from_secs;
    let now = Time::ZERO + secs(10);
    let stamps = ClockOffset::new(now, secs(100));
    assert_eq!(stamps.at(secs(97)), now - secs(3));
    assert_eq!(stamps.at(secs(100)), now);
    assert_eq!(stamps.at(secs(101)), now);
    assert_eq!(stamps.at(secs(85)), Time::ZERO);
}

fn line(problem: LineProblem) -> String {
    LineError { user: "the button talk".to_owned(), line: "line GPIO17".to_owned(), problem }.to_string()
}

fn key(device: Option<&str>, problem: KeyProblem) -> String {
    let device = device.map(str::to_owned);
    KeyError { user: "the button mute".to_owned(), key: "KEY_MUTE".to_owned(), device, problem }.to_string()
}

/// A board at a pipe whose other end is gone.
fn board() -> Board {
    let (input, _) = std::io::pipe().unwrap();
    let (_, output) = std::io::pipe().unwrap();
    Board::on(input.into(), output.into(), None, false, StatusLine::default()).unwrap()
}
