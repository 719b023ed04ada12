//! Gestures of a push button in virtual time: each edge is `(at_ms, down)`, each event comes with its time in
//! ms.

use std::time::Duration;

use mynah::config::{ButtonAction, ButtonBindings, ResetHold};
use mynah::inputs::{ButtonFault, Gesture, InputEvent, MuteSwitch};
use mynah::model::Time;
use proptest::prelude::*;

use InputEvent::{Down, Mute, Reset, ResetNear, ResetOff, Up, VolumeDown, VolumeUp};

const DOWN: bool = true;
const UP: bool = false;

#[test]
fn a_talk_button_emits_down_and_up_at_its_edges() {
    let bindings = ButtonBindings { press: Some(ButtonAction::Talk), ..ButtonBindings::default() };
    assert_eq!(events(&bindings, &[(0, DOWN), (1500, UP)], 9000), [(0, Down), (1500, Up)]);
}

#[test]
fn an_unambiguous_short_press_is_emitted_at_its_release() {
    let bindings = ButtonBindings { short: Some(ButtonAction::Mute), ..ButtonBindings::default() };
    assert_eq!(events(&bindings, &[(0, DOWN), (80, UP)], 9000), [(80, Mute)]);
    assert_eq!(events(&bindings, &[(0, DOWN), (3000, UP)], 9000), [(3000, Mute)]);
}

#[test]
fn a_short_press_waits_until_it_cannot_become_a_double() {
    let bindings = ButtonBindings {
        short: Some(ButtonAction::VolumeUp),
        double: Some(ButtonAction::VolumeDown),
        ..ButtonBindings::default()
    };
    assert_eq!(events(&bindings, &[(0, DOWN), (80, UP)], 9000), [(400, VolumeUp)]);
    assert_eq!(events(&bindings, &[(0, DOWN), (80, UP), (250, DOWN), (300, UP)], 9000), [(250, VolumeDown)]);
    // The second press comes too late: these are two short presses.
    let two = [(0, DOWN), (80, UP), (410, DOWN), (450, UP)];
    assert_eq!(events(&bindings, &two, 9000), [(400, VolumeUp), (810, VolumeUp)]);
    // A press too long to be half a double is emitted at its release.
    let bindings = ButtonBindings { short: Some(ButtonAction::Mute), ..bindings };
    assert_eq!(events(&bindings, &[(0, DOWN), (420, UP)], 9000), [(420, Mute)]);
}

#[test]
fn a_third_press_starts_a_new_gesture() {
    let bindings = ButtonBindings {
        short: Some(ButtonAction::Mute),
        double: Some(ButtonAction::VolumeUp),
        ..ButtonBindings::default()
    };
    let three = [(0, DOWN), (50, UP), (150, DOWN), (200, UP), (300, DOWN), (350, UP)];
    assert_eq!(events(&bindings, &three, 9000), [(150, VolumeUp), (700, Mute)]);
}

#[test]
fn a_long_press_is_not_short() {
    let bindings = ButtonBindings {
        short: Some(ButtonAction::VolumeUp),
        long: Some((ButtonAction::Mute, secs(2))),
        ..ButtonBindings::default()
    };
    assert_eq!(events(&bindings, &[(0, DOWN), (1999, UP)], 9000), [(1999, VolumeUp)]);
    assert_eq!(events(&bindings, &[(0, DOWN), (2500, UP)], 9000), [(2000, Mute)]);
}

#[test]
fn a_double_press_is_neither_short_nor_long() {
    let bindings = ButtonBindings {
        short: Some(ButtonAction::VolumeUp),
        double: Some(ButtonAction::VolumeDown),
        long: Some((ButtonAction::Mute, secs(1))),
        ..ButtonBindings::default()
    };
    assert_eq!(events(&bindings, &[(0, DOWN), (80, UP), (200, DOWN), (4000, UP)], 9000), [(200, VolumeDown)]);
}

#[test]
fn mute_by_a_long_press_releases_the_talk_button() {
    let bindings = ButtonBindings {
        press: Some(ButtonAction::Talk),
        long: Some((ButtonAction::Mute, secs(2))),
        ..ButtonBindings::default()
    };
    assert_eq!(events(&bindings, &[(0, DOWN), (2500, UP)], 9000), [(0, Down), (2000, Mute), (2000, Up)]);
    assert_eq!(events(&bindings, &[(0, DOWN), (1500, UP)], 9000), [(0, Down), (1500, Up)]);
}

#[test]
fn any_gesture_can_be_bound_to_talk() {
    let talk = Some(ButtonAction::Talk);
    let short = ButtonBindings { short: talk, ..ButtonBindings::default() };
    assert_eq!(events(&short, &[(0, DOWN), (80, UP)], 9000), [(80, Down), (80, Up)]);
    let double = ButtonBindings { double: talk, ..ButtonBindings::default() };
    let twice = [(0, DOWN), (80, UP), (200, DOWN), (900, UP)];
    assert_eq!(events(&double, &twice, 9000), [(200, Down), (900, Up)]);
    let long = ButtonBindings {
        press: talk,
        long: Some((ButtonAction::Talk, secs(1))),
        ..ButtonBindings::default()
    };
    assert_eq!(events(&long, &[(0, DOWN), (3000, UP)], 9000), [(0, Down), (3000, Up)]);
}

#[test]
fn a_held_volume_button_repeats() {
    let press = ButtonBindings { press: Some(ButtonAction::VolumeUp), ..ButtonBindings::default() };
    let held = [(0, DOWN), (950, UP)];
    assert_eq!(events(&press, &held, 9000), [0, 500, 700, 900].map(|ms| (ms, VolumeUp)));
    assert_eq!(events(&press, &[(0, DOWN), (100, UP)], 9000), [(0, VolumeUp)]);
    let short = ButtonBindings { short: Some(ButtonAction::VolumeDown), ..ButtonBindings::default() };
    assert_eq!(events(&short, &held, 9000), [500, 700, 900].map(|ms| (ms, VolumeDown)));
    assert_eq!(events(&short, &[(0, DOWN), (100, UP)], 9000), [(100, VolumeDown)]);
    let long = ButtonBindings { long: Some((ButtonAction::VolumeUp, secs(1))), ..ButtonBindings::default() };
    assert_eq!(events(&long, &[(0, DOWN), (1450, UP)], 9000), [1000, 1200, 1400].map(|ms| (ms, VolumeUp)));
    // No repeat if holding the button is bound to another action.
    let both = ButtonBindings { long: Some((ButtonAction::Mute, secs(1))), ..press };
    assert_eq!(events(&both, &held, 9000), [(0, VolumeUp)]);
}

#[test]
fn a_reset_warns_once_and_is_cancelled_by_a_release() {
    let bindings =
        ButtonBindings { short: Some(ButtonAction::Mute), reset: Some(reset()), ..ButtonBindings::default() };
    assert_eq!(events(&bindings, &[(0, DOWN), (4999, UP)], 90_000), [(4999, Mute)]);
    let warned = [(5000, ResetNear(secs(5))), (9999, ResetOff)];
    assert_eq!(events(&bindings, &[(0, DOWN), (9999, UP)], 90_000), warned);
    let done = [(5000, ResetNear(secs(5))), (10_000, Reset)];
    assert_eq!(events(&bindings, &[(0, DOWN), (12_000, UP)], 90_000), done);
}

#[test]
fn a_late_reset_warning_lasts_its_whole_duration() {
    let bindings = ButtonBindings { reset: Some(reset()), ..ButtonBindings::default() };
    let (mut gesture, start, mut events) = (Gesture::new(&bindings), Time::ZERO, Vec::new());
    gesture.edge(DOWN, start, |event| events.push(event));
    // The program was suspended for a minute.
    gesture.expire(start + secs(60), |event| events.push(event));
    assert_eq!(events, [ResetNear(secs(5))]);
    assert_eq!(gesture.deadline(), Some(start + secs(65)));
    gesture.edge(UP, start + secs(64), |event| events.push(event));
    assert_eq!(events, [ResetNear(secs(5)), ResetOff]);
}

#[test]
fn late_repeats_are_emitted_once() {
    let bindings = ButtonBindings { press: Some(ButtonAction::VolumeUp), ..ButtonBindings::default() };
    let (mut gesture, start, mut events) = (Gesture::new(&bindings), Time::ZERO, Vec::new());
    gesture.edge(DOWN, start, |event| events.push(event));
    gesture.expire(start + secs(30), |event| events.push(event));
    assert_eq!(events, [VolumeUp, VolumeUp]);
}

#[test]
fn bounces_at_either_edge_are_neither_presses_nor_doubles() {
    let bindings = ButtonBindings {
        press: Some(ButtonAction::Talk),
        double: Some(ButtonAction::Mute),
        short: Some(ButtonAction::VolumeUp),
        ..ButtonBindings::default()
    };
    let bouncing = [
        (0, DOWN),
        (1, UP),
        (2, DOWN),
        (3, UP),
        (5, DOWN),
        (200, UP),
        (201, DOWN),
        (204, UP),
        (206, DOWN),
        (207, UP),
    ];
    assert_eq!(events(&bindings, &bouncing, 9000), [(0, Down), (200, Up), (400, VolumeUp)]);
    // The level after the bounces counts, even if the last edge is one of them.
    assert_eq!(events(&bindings, &[(0, DOWN), (4, UP)], 9000), [(0, Down), (10, Up), (400, VolumeUp)]);
}

#[test]
fn a_button_held_at_the_start_is_ignored_until_its_release() {
    let bindings =
        ButtonBindings { press: Some(ButtonAction::Talk), reset: Some(reset()), ..ButtonBindings::default() };
    let edges = [(20_000, UP), (21_000, DOWN), (21_100, UP)];
    let (events, faults) = run(Gesture::pressed_at_start(&bindings), &edges, 90_000);
    assert_eq!(events, [(21_000, Down), (21_100, Up)]);
    assert_eq!(faults, [(0, ButtonFault::HeldAtStart)]);
}

#[test]
fn a_stuck_button_is_ignored_until_its_release() {
    let mute = ButtonBindings { press: Some(ButtonAction::Mute), ..ButtonBindings::default() };
    let edges = [(0, DOWN), (70_000, UP), (71_000, DOWN), (71_100, UP)];
    let (events, faults) = run(Gesture::new(&mute), &edges, 90_000);
    assert_eq!(events, [(0, Mute), (71_000, Mute)]);
    assert_eq!(faults, [(60_000, ButtonFault::Stuck)]);
    // A talk button may be held for longer.
    let talk = ButtonBindings { press: Some(ButtonAction::Talk), ..ButtonBindings::default() };
    let (events, faults) = run(Gesture::new(&talk), &[(0, DOWN), (400_000, UP)], 900_000);
    assert_eq!(events, [(0, Down), (300_000, Up)]);
    assert_eq!(faults, [(300_000, ButtonFault::Stuck)]);
}

#[test]
fn a_chattering_button_is_ignored_until_a_quiet_second() {
    let bindings = ButtonBindings { press: Some(ButtonAction::Talk), ..ButtonBindings::default() };
    // An edge every 15 ms for ten seconds, then a real press.
    let mut edges: Vec<_> = (0..666).map(|edge| (edge * 15, edge % 2 == 0)).collect();
    edges.extend([(12_000, DOWN), (12_100, UP)]);
    let (events, faults) = run(Gesture::new(&bindings), &edges, 90_000);
    assert_eq!(faults, [(300, ButtonFault::Chatters)]);
    let downs: Vec<_> = events.iter().filter(|(_, event)| *event == Down).map(|(ms, _)| *ms).collect();
    assert_eq!(downs, [0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 12_000]);
    assert_alternating(&events);
    // An edge every millisecond: the button is released when the chatter is detected.
    let fast: Vec<_> = (0..5000).map(|edge| (edge, edge % 2 == 0)).collect();
    let (events, faults) = run(Gesture::new(&bindings), &fast, 90_000);
    assert_eq!(faults.len(), 1);
    assert!(events.len() <= 22, "{}", events.len());
    assert_alternating(&events);
}

#[test]
fn fast_presses_are_not_chatter() {
    let bindings = ButtonBindings { press: Some(ButtonAction::Talk), ..ButtonBindings::default() };
    let edges: Vec<_> = (0..80).map(|edge| (edge * 55, edge % 2 == 0)).collect();
    let (events, faults) = run(Gesture::new(&bindings), &edges, 90_000);
    assert_eq!((events.len(), faults.len()), (80, 0));
}

#[test]
fn a_button_down_after_chatter_is_ignored_until_its_release() {
    let bindings = ButtonBindings { press: Some(ButtonAction::Talk), ..ButtonBindings::default() };
    let mut edges: Vec<_> = (0..41).map(|edge| (edge * 15, edge % 2 == 0)).collect();
    edges.extend([(5000, UP), (6000, DOWN), (6100, UP)]);
    let (events, _) = run(Gesture::new(&bindings), &edges, 90_000);
    let late: Vec<_> = events.into_iter().filter(|(ms, _)| *ms > 300).collect();
    assert_eq!(late, [(6000, Down), (6100, Up)]);
}

#[test]
fn a_disconnected_button_is_released() {
    let bindings =
        ButtonBindings { press: Some(ButtonAction::Talk), reset: Some(reset()), ..ButtonBindings::default() };
    let (mut gesture, start, mut events) = (Gesture::new(&bindings), Time::ZERO, Vec::new());
    gesture.edge(DOWN, start, |event| events.push(event));
    gesture.expire(start + secs(6), |event| events.push(event));
    gesture.disconnect(|event| events.push(event));
    assert_eq!(events, [Down, ResetNear(secs(5)), Up, ResetOff]);
    assert_eq!(gesture.deadline(), None);
}

#[test]
fn a_chattering_mute_switch_mutes() {
    let mut edges: Vec<_> = vec![(0, true), (3, false), (6, true), (2000, false)];
    edges.extend((0..42).map(|edge| (5000 + edge * 15, edge % 2 == 0)));
    let (mut switch, start, mut events) = (MuteSwitch::new(false), Time::ZERO, Vec::<(u64, bool)>::new());
    for at_ms in 0..9000 {
        switch.expire(start + ms(at_ms));
        for (_, on) in edges.iter().filter(|(edge_ms, _)| *edge_ms == at_ms) {
            switch.edge(*on, start + ms(at_ms));
        }
        if events.last().is_none_or(|(_, on)| *on != switch.is_on()) {
            events.push((at_ms, switch.is_on()));
        }
    }
    assert_eq!(events[..3], [(0, true), (2000, false), (5000, true)]);
    assert_eq!(events[events.len() - 2..], [(5300, true), (6615, false)]);
    assert_eq!(switch.take_fault(), Some(ButtonFault::Chatters));
    assert!(!switch.is_on());
}

proptest! {
    #[test]
    fn random_edges_keep_downs_ups_and_resets_consistent(bindings in gestures(), edges in edges()) {
        let (events, _) = run(Gesture::new(&bindings), &edges, 1_000_000);
        assert_alternating(&events);
        let first = edges.iter().find(|(_, down)| *down).map(|(ms, _)| *ms);
        prop_assert!(events.first().is_none_or(|(ms, _)| Some(*ms) >= first), "{events:?}");
        for (index, (at_ms, event)) in events.iter().enumerate() {
            let before = &events[..index];
            let warning = before.iter().rev().find(|(_, event)| matches!(event, ResetNear(_)));
            match (event, warning) {
                (Reset, Some((warned_ms, ResetNear(left)))) => prop_assert_eq!(ms(at_ms - warned_ms), *left),
                (Reset | ResetOff, None) => prop_assert!(false, "{:?} without a warning", event),
                _ => {}
            }
        }
        // The run ends after the longest hold, so the talk button is up.
        let count = |which| events.iter().filter(|(_, event)| *event == which).count();
        prop_assert_eq!(count(Down), count(Up));
    }
}

fn gestures() -> impl Strategy<Value = ButtonBindings> {
    let action = || {
        prop::sample::select(vec![
            ButtonAction::Talk,
            ButtonAction::Mute,
            ButtonAction::VolumeUp,
            ButtonAction::VolumeDown,
        ])
    };
    let some = || prop::option::of(action());
    let long = prop::option::of((action(), (300..3000u64).prop_map(ms)));
    let reset = prop::option::of(
        (1000..6000u64, 0..6000u64)
            .prop_map(|(warn, more)| ResetHold { warn_after: ms(warn), act_after: ms(warn + more) }),
    );
    (some(), some(), some(), long, reset).prop_map(|(press, short, double, long, reset)| ButtonBindings {
        press,
        short,
        double,
        long,
        reset,
    })
}

fn edges() -> impl Strategy<Value = Vec<(u64, bool)>> {
    let gap = prop_oneof![0..12u64, 20..500u64, 500..12_000u64];
    prop::collection::vec((gap, any::<bool>()), 0..60).prop_map(|steps| {
        let mut at_ms = 0;
        steps
            .into_iter()
            .map(|(gap_ms, down)| {
                at_ms += gap_ms;
                (at_ms, down)
            })
            .collect()
    })
}

fn assert_alternating(events: &[(u64, InputEvent)]) {
    let mut is_down = false;
    for (_, event) in events.iter().filter(|(_, event)| matches!(event, Down | Up)) {
        assert_eq!(is_down, *event == Up, "{events:?}");
        is_down = !is_down;
    }
}

fn events(bindings: &ButtonBindings, edges: &[(u64, bool)], until_ms: u64) -> Vec<(u64, InputEvent)> {
    let (events, faults) = run(Gesture::new(bindings), edges, until_ms);
    assert_eq!(faults, []);
    events
}

type Events = Vec<(u64, InputEvent)>;
type Faults = Vec<(u64, ButtonFault)>;

/// Plays `edges` and runs until `until_ms`, from one deadline to the next.
fn run(mut gesture: Gesture, edges: &[(u64, bool)], until_ms: u64) -> (Events, Faults) {
    let (start, mut events, mut faults) = (Time::ZERO, Vec::new(), Vec::new());
    let mut steps = 0;
    let edges = edges.iter().map(|(ms, down)| (*ms, Some(*down))).chain([(until_ms, None)]);
    let mut take_fault = |gesture: &mut Gesture, at: Time| {
        faults.extend(gesture.take_fault().map(|fault| (since(start, at), fault)));
    };
    take_fault(&mut gesture, start);
    for (edge_ms, down) in edges {
        while let Some(at) = gesture.deadline().filter(|at| *at <= start + ms(edge_ms)) {
            gesture.expire(at, |event| events.push((since(start, at), event)));
            take_fault(&mut gesture, at);
            assert!(gesture.deadline().is_none_or(|next| next > at), "the deadline {at:?} does not advance");
            steps += 1;
            assert!(steps < 10_000, "deadlines without end");
        }
        if let Some(down) = down {
            let at = start + ms(edge_ms);
            gesture.edge(down, at, |event| events.push((edge_ms, event)));
            take_fault(&mut gesture, at);
        }
    }
    (events, faults)
}

fn since(start: Time, at: Time) -> u64 {
    (at - start).as_millis().try_into().unwrap()
}

fn reset() -> ResetHold {
    ResetHold { warn_after: secs(5), act_after: secs(10) }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
