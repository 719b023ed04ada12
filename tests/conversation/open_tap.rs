//! The open microphone after a press in tap mode: whatever the service reports, it is closed in the end.

use super::*;
use mynah::conversation::{
    CloseReason, DeviceEvent, Notice, ResponseStatus, State, TAP_LIMIT, UNHEARD_LIMIT, UTTERANCE_LIMIT,
};

const PRESS: Event = Event::Input(UserInput::Press);
const STARTED: Event = Event::Service(ServiceEvent::SpeechStarted);
const STOPPED: Event = Event::Service(ServiceEvent::SpeechStopped);
const QUIET: Event = Event::Device(DeviceEvent::Room { loud: false });
const LOUD: Event = Event::Device(DeviceEvent::Room { loud: true });
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_service_cannot_hold_a_tap_open_beyond_the_limit_of_a_press() {
    // What it repeats every few seconds for ever, in a room that is loud.
    let lies: [&[Event]; 5] = [
        &[STARTED],
        &[STARTED, STOPPED],
        &[STARTED, STOPPED, Event::Service(ServiceEvent::Committed(None))],
        &[Event::Service(ServiceEvent::ReplyProgress(None)), STARTED],
        &[STARTED, Event::Link(LinkChange::Down(CloseReason::Transient))],
    ];
    for lie in lies {
        let mut conv = Harness::up(TAP);
        let _ = conv.all([PRESS, LOUD]);
        let (mut open_s, mut all) = (0, Vec::new());
        while conv.microphone_open() {
            assert!(open_s <= 3600, "open for an hour: {lie:?}");
            if open_s % 7 == 0 {
                all.extend(conv.all(lie.iter().cloned()));
                all.extend(reconnect(&mut conv));
            }
            open_s += 1;
            let _ = conv.after(SECOND);
            while conv.deadline().is_some_and(|at| at <= conv.now) {
                all.extend(conv.on(Event::Tick));
            }
            all.extend(reconnect(&mut conv));
        }
        assert!(open_s <= TAP_LIMIT.as_secs(), "{open_s} s: {lie:?}");
        if open_s == TAP_LIMIT.as_secs() {
            assert!(all.contains(&Action::Notify(Notice::TapTooLong)), "not told: {lie:?}");
        }
        let _ = conv.all([STARTED, STARTED]);
        assert!(!conv.microphone_open(), "speech of the service opens it: {lie:?}");
        let _ = conv.on(PRESS);
        assert!(conv.microphone_open(), "another press opens it again: {lie:?}");
    }
}

#[test]
fn the_limit_of_a_press_clears_what_was_said_and_a_reply_is_still_heard() {
    let mut conv = Harness::up(TAP);
    let _ = conv.all([PRESS, STARTED]);
    let _ = conv.after(UTTERANCE_LIMIT - SECOND).on(STARTED);
    let _ = conv.after(UTTERANCE_LIMIT - SECOND).on(STARTED);
    let _ = conv.after(UTTERANCE_LIMIT - SECOND).on(STARTED);
    let actions = conv.after(3 * SECOND).on(Event::Tick);
    assert_eq!(actions, [Action::Clear, Action::Notify(Notice::TapTooLong)]);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Idle, false));
    let mut conv = Harness::up(TAP);
    let _ = conv.all([PRESS, STARTED]);
    for _ in 0..2 {
        let _ = conv.after(UTTERANCE_LIMIT - SECOND).on(STARTED);
    }
    let _ = conv.after(UTTERANCE_LIMIT - SECOND).all(turn("a").into_iter().skip(1));
    assert_eq!((conv.state(), conv.microphone_open()), (State::Speaking, true));
    let actions = conv.after(3 * SECOND).on(Event::Tick);
    assert_eq!(actions, [Action::Notify(Notice::TapTooLong)]);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Speaking, false), "the reply goes on");
}

#[test]
fn speech_that_nothing_is_heard_of_is_not_believed() {
    let mut conv = Harness::up(TAP);
    let _ = conv.all([PRESS, STARTED]);
    let _ = conv.after(10 * SECOND).on(QUIET);
    assert_eq!(conv.after(UNHEARD_LIMIT - SECOND).on(Event::Tick), []);
    assert!(conv.microphone_open(), "a pause for thought of 29 s");
    assert_eq!(conv.after(SECOND).on(Event::Tick), [Action::Clear, Action::Notify(Notice::NothingHeard)]);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Idle, false));
    // Repeated reports do not renew it.
    let mut conv = Harness::up(TAP);
    let _ = conv.all([PRESS, QUIET]);
    let mut told = false;
    for _ in 0..8 {
        told |=
            conv.after(4 * SECOND).all([STARTED, STOPPED]).contains(&Action::Notify(Notice::NothingHeard));
    }
    assert!(told && !conv.microphone_open());
}

#[test]
fn a_user_who_is_heard_or_who_listens_is_not_cut_off() {
    let mut conv = Harness::up(TAP);
    let _ = conv.all([PRESS, STARTED]);
    for _ in 0..5 {
        let _ = conv.after(10 * SECOND).on(QUIET);
        assert_eq!(conv.after(UNHEARD_LIMIT - SECOND).on(LOUD), []);
        assert!(conv.microphone_open(), "the time starts again with each sound");
    }
    // A long reply in a quiet room, and then a question.
    let mut conv = Harness::up(TAP);
    let _ = conv.all([PRESS]);
    let _ = conv.all(turn("a"));
    let _ = conv.all([QUIET]);
    assert_eq!(conv.state(), State::Speaking);
    let _ = conv.after(10 * UNHEARD_LIMIT).all([
        Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)),
        Event::Device(DeviceEvent::Drained),
    ]);
    let _ = conv.after(SECOND).on(STARTED);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Listening, true));
    assert_eq!(conv.after(UNHEARD_LIMIT - SECOND - SECOND).on(Event::Tick), []);
    assert!(conv.microphone_open());
}

#[test]
fn the_other_modes_know_no_limit_of_a_press() {
    for mode in [Mode::Open, Mode::Hold] {
        let mut conv = Harness::up(mode);
        let _ = conv.all([PRESS, QUIET]);
        assert!(!conv.heeds_loudness() && conv.microphone_open());
    }
}

/// Connects and configures the link if it is down.
fn reconnect(conv: &mut Harness) -> Vec<Action> {
    if conv.is_configured() {
        return Vec::new();
    }
    conv.all([Event::Link(LinkChange::Up), Event::Link(LinkChange::Configured)])
}
