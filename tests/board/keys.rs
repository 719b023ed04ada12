//! Keys of a terminal in virtual time: bytes become input events, and pauses become releases.

use std::time::Duration;

use mynah::inputs::{InputEvent, KeyParser, SpaceBarMode};
use mynah::model::Time;
use proptest::prelude::*;

use super::NOW;

#[test]
fn space_presses_m_mutes_q_and_ctrl_d_quit() {
    let mut keys = KeyParser::new(SpaceBarMode::Click);
    assert_eq!(events(&mut keys, b" "), [InputEvent::Down, InputEvent::Up]);
    assert_eq!(events(&mut keys, b"xmM\n"), [InputEvent::Mute, InputEvent::Mute]);
    assert_eq!(events(&mut keys, b"q"), [InputEvent::Quit]);
    assert_eq!(events(&mut keys, b"\x04Q"), [InputEvent::Quit, InputEvent::Quit]);
}

#[test]
fn in_toggle_mode_space_presses_and_releases_in_turn() {
    let mut keys = KeyParser::new(SpaceBarMode::Toggle);
    assert_eq!(events(&mut keys, b" "), [InputEvent::Down]);
    assert_eq!(events(&mut keys, b"  "), [InputEvent::Up, InputEvent::Down]);
    assert_eq!(events(&mut keys, b" "), [InputEvent::Up]);
    assert_eq!(events(&mut keys, b"m"), [InputEvent::Mute]);
}

#[test]
fn mute_releases_a_latched_space_bar() {
    for button in [SpaceBarMode::Toggle, SpaceBarMode::Hold] {
        let mut keys = KeyParser::new(button);
        assert_eq!(events(&mut keys, b" m"), [InputEvent::Down, InputEvent::Mute, InputEvent::Up]);
        assert_eq!(events(&mut keys, b"m"), [InputEvent::Mute]);
        assert_eq!(events(&mut keys, b" "), [InputEvent::Down]);
    }
}

#[test]
fn a_held_key_is_released_when_it_stops_repeating() {
    let mut keys = KeyParser::new(SpaceBarMode::Hold);
    let start = NOW;
    let at = |ms| start + Duration::from_millis(ms);
    assert_eq!(events_at(&mut keys, b" ", at(0)), [InputEvent::Down]);
    for ms in (500..2000).step_by(33) {
        assert_eq!(events_at(&mut keys, b" ", at(ms)), []);
    }
    let let_go = keys.deadline().unwrap();
    assert_eq!(let_go, at(1985 + 200));
    assert_eq!(events_at(&mut keys, b"", let_go), [InputEvent::Up]);
    assert_eq!(keys.deadline(), None);
}

#[test]
fn a_tap_latches_the_key_until_the_next_tap() {
    let mut keys = KeyParser::new(SpaceBarMode::Hold);
    let start = NOW;
    let at = |ms| start + Duration::from_millis(ms);
    assert_eq!(events_at(&mut keys, b" ", at(0)), [InputEvent::Down]);
    assert_eq!(events_at(&mut keys, b"", at(700)), []);
    assert_eq!(keys.deadline(), None);
    assert_eq!(events_at(&mut keys, b" ", at(3000)), [InputEvent::Up]);
    for ms in (3500..4000).step_by(33) {
        assert_eq!(events_at(&mut keys, b" ", at(ms)), []);
    }
    assert_eq!(events_at(&mut keys, b" ", at(5000)), [InputEvent::Down]);
}

#[test]
fn keys_that_send_escape_sequences_are_ignored() {
    let mut keys = KeyParser::new(SpaceBarMode::Click);
    for sequence in [&b"\x1b[A"[..], b"\x1bOP", b"\x1b[1;5m", b"\x1b[24~", b"\x1bq", b"\x1b\x1b[D", b"\x1b"] {
        assert_eq!(events(&mut keys, sequence), [], "{sequence:?}");
    }
    assert_eq!(events(&mut keys, b"q"), [InputEvent::Quit]);
    assert_eq!(events(&mut keys, b"\x1b[Cm"), [InputEvent::Mute]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_key_parser_panic(
        button in prop::sample::select(vec![SpaceBarMode::Click, SpaceBarMode::Toggle, SpaceBarMode::Hold]), bytes in any::<Vec<u8>>(),
    ) {
        let found = events(&mut KeyParser::new(button), &bytes);
        let downs = found.iter().filter(|event| **event == InputEvent::Down).count();
        let ups = found.iter().filter(|event| **event == InputEvent::Up).count();
        prop_assert!(downs - ups <= usize::from(button != SpaceBarMode::Click));
    }
}

fn events(keys: &mut KeyParser, bytes: &[u8]) -> Vec<InputEvent> {
    events_at(keys, bytes, NOW)
}

fn events_at(keys: &mut KeyParser, bytes: &[u8], at: Time) -> Vec<InputEvent> {
    let mut found = Vec::new();
    keys.read(bytes, at, |event| found.push(event));
    found
}
