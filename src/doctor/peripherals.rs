//! The topic `board`: buttons and lights, in turn.
//!
//! Whether a lamp shines only the user can see: it says what should be seen.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Findings, Verdict};
use crate::board::Board;
use crate::config::{ButtonKind, DoctorTopic, Peripherals};
use crate::conversation::State;
use crate::inputs::InputEvent;
use crate::light::LightState;
use crate::model::Time;
use crate::session;

const TOPIC: DoctorTopic = DoctorTopic::Board;
/// How long each light is shown, and between two frames of it.
const SHOWN: Duration = Duration::from_millis(1_500);
const STEP: Duration = Duration::from_millis(50);
/// How long a press is waited for.
const PRESS_LIMIT: Duration = Duration::from_secs(10);
/// The states that are shown, and what is seen of them on a lamp with colours.
const LIGHTS: [(State, bool, &str); 3] = [
    (State::Listening, true, "green"),
    (State::Thinking, false, "amber, in motion"),
    (State::Muted, false, "red"),
];

/// Opens the board's lines and lamps, shows each light, and waits for each button.
pub(super) fn check(findings: &mut Findings<'_>, peripherals: &Peripherals) {
    let Peripherals { buttons, lights, .. } = peripherals;
    if buttons.is_empty() && lights.is_empty() {
        return findings.add(TOPIC, "lights", "the board has neither button nor light", Verdict::NotChecked);
    }
    let mut board = match Board::open(peripherals, false) {
        Ok(board) => board,
        Err(error) => {
            return findings.add(TOPIC, "lines", "cannot be opened", Verdict::Wrong(error.to_string()));
        }
    };
    findings.add(
        TOPIC,
        "lines",
        format!("{} buttons and {} lights are open", buttons.len(), lights.len()),
        Verdict::Good,
    );
    if !findings.console.is_attended() {
        return findings.add(TOPIC, "hands", "run it in a terminal to see and press", Verdict::NotChecked);
    }
    if board.has_leds() {
        show_lights(findings, &mut board);
    }
    for button in buttons {
        let wanted = match button.kind {
            ButtonKind::Push(_) => "press and release",
            ButtonKind::MuteSwitch => "move",
        };
        findings.console.instruct(&format!("{wanted} {}", button.name));
        let pressed = await_input(&mut board);
        let (value, verdict) = match pressed {
            Some(event) => (format!("{event:?}"), Verdict::Good),
            None => {
                let remedy = "check its pin and its level in the board's file (gpiomon, evtest)";
                ("nothing within 10 s".to_owned(), Verdict::Wrong(remedy.to_owned()))
            }
        };
        findings.add(TOPIC, &button.name, value, verdict);
    }
}

fn show_lights(findings: &mut Findings<'_>, board: &mut Board) {
    for (state, microphone_live, seen) in LIGHTS {
        findings.console.instruct(&format!("the light is {seen}"));
        let light = LightState { microphone_live, ..LightState::begin(state, Time::ZERO) };
        let mut at = Duration::ZERO;
        while at < SHOWN {
            board.show_leds(&light, Time::ZERO + at);
            pause();
            at += STEP;
        }
    }
    board.show_leds(&LightState::begin(State::Idle, Time::ZERO), Time::ZERO + SHOWN);
    findings.add(TOPIC, "lights", "green, amber and red were shown", Verdict::Good);
}

/// Waits for the first event of a button.
fn await_input(board: &mut Board) -> Option<InputEvent> {
    let start = session::uptime();
    let mut first = None;
    while first.is_none() && session::uptime().saturating_sub(start) < PRESS_LIMIT {
        let step = Timespec::try_from(STEP).unwrap_or_default();
        let is_ready = match board.fd() {
            Some(fd) => {
                poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&step)).is_ok_and(|count| count > 0)
            }
            None => {
                pause();
                false
            }
        };
        let now = Time::ZERO + session::uptime();
        board.read_inputs(is_ready, now, |event| {
            let is_press = !matches!(event, InputEvent::ButtonFault(_));
            first = first.or(is_press.then_some(event));
        });
    }
    first
}

/// Waits until the next frame of a light.
fn pause() {
    let step = Timespec::try_from(STEP).unwrap_or_default();
    // An interrupted wait is a short one.
    let _ = poll(&mut [], Some(&step));
}
