//! The handover of a session to the standby link: when it is dialled, and when it takes over.

use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, DIAL_LIMIT, DeviceEvent, Earcon, Event, HANDOVER_BEFORE, LinkChange, Mode, Notice,
    ResponseStatus, SESSION_LIFETIME, SWITCH_BY, SWITCH_QUIET, ServerError, ServiceEvent, StandbyChange,
    State, UserInput,
};

use super::{Harness, TAP, held, id, turn};

#[test]
fn a_session_is_replaced_unnoticed_before_it_expires() {
    for mode in [Mode::Open, TAP, Mode::Hold] {
        let mut conv = Harness::up(mode);
        let began = conv.now;
        let before = (conv.state(), conv.microphone_open());
        assert_eq!(conv.at_deadline(), [Action::DialStandby]);
        assert_eq!(conv.now - began, SESSION_LIFETIME - HANDOVER_BEFORE);
        assert_eq!(
            conv.all([
                Event::Standby(StandbyChange::Up),
                Event::Standby(StandbyChange::Configured(SESSION_LIFETIME))
            ]),
            [Action::ConfigureStandby]
        );
        assert_eq!(conv.at_deadline(), [Action::SwitchToStandby]);
        assert_eq!((conv.state(), conv.microphone_open()), before);
        let switched = conv.now;
        assert_eq!(conv.at_deadline(), [Action::DialStandby], "the next handover");
        assert!(conv.now - switched > SESSION_LIFETIME - HANDOVER_BEFORE - Duration::from_secs(5));
    }
}

#[test]
fn the_stated_expiry_schedules_the_standby_dial() {
    let mut conv = Harness::begin(Mode::Open);
    let _ = conv.all([
        Event::Link(LinkChange::Up),
        Event::Link(LinkChange::Expires(Duration::from_secs(1800))),
        Event::Link(LinkChange::Configured),
    ]);
    let began = conv.now;
    assert_eq!(conv.at_deadline(), [Action::DialStandby]);
    assert_eq!(conv.now - began, Duration::from_secs(1800 - 300), "a sixth of the lifetime before");
}

#[test]
fn a_short_session_is_replaced_in_the_last_sixth_of_its_life() {
    for lifetime in [60, 65, 300, 900, 3600, 86_400].map(Duration::from_secs) {
        let mut conv = Harness::up(Mode::Open);
        let mut sessions = 0;
        let _ = conv.on(Event::Link(LinkChange::Expires(lifetime)));
        let begun = conv.now;
        while conv.now < begun + lifetime * 20 {
            for action in conv.at_deadline() {
                sessions += u32::from(action == Action::SwitchToStandby);
                if action == Action::DialStandby {
                    let _ = conv.all([
                        Event::Standby(StandbyChange::Up),
                        Event::Standby(StandbyChange::Configured(lifetime)),
                    ]);
                }
            }
        }
        assert!((20..=24).contains(&sessions), "{sessions} sessions in 20 lives of {} s", lifetime.as_secs());
    }
}

#[test]
fn a_session_of_less_than_a_minute_ends_by_itself() {
    for lifetime in [0, 1, 59].map(Duration::from_secs) {
        let mut conv = Harness::up(Mode::Open);
        let _ = conv.on(Event::Link(LinkChange::Expires(lifetime)));
        assert_eq!(conv.deadline(), None, "{} s", lifetime.as_secs());
        conv.after(lifetime);
        assert_eq!(conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))), []);
        assert!(conv.deadline().is_some(), "the next session is dialled");
    }
}

#[test]
fn no_switch_during_speech_or_a_pending_reply() {
    let mut conv = Harness::up(Mode::Open);
    conv.ready_standby();
    for event in turn("a") {
        assert!(!conv.on(event).contains(&Action::SwitchToStandby));
        assert_eq!(conv.after(SWITCH_QUIET).on(Event::Tick), []);
    }
    assert_eq!(
        conv.all([
            Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)),
            Event::Device(DeviceEvent::Drained)
        ]),
        []
    );
    assert_eq!(
        conv.after(SWITCH_QUIET - Duration::from_millis(1)).on(Event::Tick),
        [],
        "a late transcript may still arrive"
    );
    assert_eq!(conv.after(Duration::from_millis(1)).on(Event::Tick), [Action::SwitchToStandby]);
}

#[test]
fn without_a_quiet_moment_the_last_safe_one_is_used() {
    let mut conv = Harness::up(Mode::Open);
    conv.ready_standby();
    let _ = conv.all(turn("a"));
    let end = conv.now + HANDOVER_BEFORE;
    let _ = conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)));
    assert_eq!(conv.on(Event::Tick), [], "there is time left to play it to its end");
    conv.now = end - SWITCH_BY;
    assert_eq!(
        conv.on(Event::Tick),
        [Action::SwitchToStandby],
        "the reply is complete, so the old session is not needed"
    );
    assert_eq!(conv.state(), State::Speaking);
    assert_eq!(conv.on(Event::Device(DeviceEvent::Drained)), []);
    assert_eq!(conv.state(), State::Listening);
}

#[test]
fn no_switch_while_reply_audio_is_still_arriving() {
    let mut conv = Harness::up(Mode::Open);
    conv.ready_standby();
    let _ = conv.all(turn("a"));
    assert_eq!(conv.after(HANDOVER_BEFORE).on(Event::Tick), []);
    assert_eq!(conv.state(), State::Speaking);
}

#[test]
fn a_ready_standby_replaces_a_lost_link_at_once() {
    let mut conv = Harness::up(Mode::Open);
    conv.ready_standby();
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)));
    assert_eq!(
        conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))),
        [Action::SwitchToStandby],
        "no outage and no cut"
    );
    assert_eq!(conv.state(), State::Speaking);
    let mut conv = Harness::up(Mode::Open);
    conv.ready_standby();
    assert_eq!(
        conv.on(Event::Service(ServiceEvent::Refused(ServerError::SessionExpired))),
        [Action::SwitchToStandby]
    );
    assert!(conv.is_configured());
}

#[test]
fn a_lost_session_costs_a_pending_reply_but_not_a_held_turn() {
    let mut conv = Harness::up(Mode::Open);
    conv.ready_standby();
    let _ = conv.all(turn("a")[..3].to_vec());
    assert_eq!(
        conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))),
        [Action::SwitchToStandby, Action::Notify(Notice::NoReply)]
    );
    let mut conv = Harness::up(Mode::Hold);
    conv.ready_standby();
    let _ = conv.on(Event::Input(UserInput::Press));
    assert_eq!(conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))), [Action::SwitchToStandby]);
    assert_eq!(conv.state(), State::Listening);
    assert_eq!(conv.on(held(900)), [Action::Commit, Action::Create]);
}

#[test]
fn a_failed_standby_is_redialled_without_a_notice() {
    let mut conv = Harness::up(Mode::Open);
    conv.dial_standby();
    let mut dials = 0;
    for reason in [
        CloseReason::Transient,
        CloseReason::Permanent,
        CloseReason::Unauthorized,
        CloseReason::RetryAfter(Duration::from_secs(20)),
    ] {
        assert_eq!(conv.on(Event::Standby(StandbyChange::Down(reason))), []);
        assert_eq!(conv.state(), State::Listening);
        dials += usize::from(conv.at_deadline() == [Action::DialStandby]);
    }
    assert_eq!(dials, 4);
    assert_eq!(conv.after(DIAL_LIMIT).on(Event::Tick), [Action::DropStandby]);
    assert_eq!(conv.at_deadline(), [Action::DialStandby]);
    let _ = conv.on(Event::Standby(StandbyChange::Up));
    assert_eq!(conv.on(Event::Standby(StandbyChange::Refused)), [Action::DropStandby]);
    assert_eq!(conv.at_deadline(), [Action::DialStandby]);
}

#[test]
fn an_unfinished_standby_becomes_the_link_after_a_loss() {
    let mut conv = Harness::up(Mode::Open);
    conv.dial_standby();
    assert_eq!(conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))), [Action::SwitchToStandby]);
    assert_eq!(conv.state(), State::Connecting);
    assert_eq!(
        conv.all([Event::Link(LinkChange::Up), Event::Link(LinkChange::Configured)]),
        [Action::Configure]
    );
    let mut conv = Harness::up(Mode::Open);
    conv.dial_standby();
    let _ = conv.on(Event::Standby(StandbyChange::Up));
    assert_eq!(conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))), [Action::SwitchToStandby]);
    assert_eq!(conv.on(Event::Link(LinkChange::Configured)), []);
    assert!(conv.is_configured());
}

#[test]
fn an_unfinished_standby_that_fails_is_an_outage() {
    let mut conv = Harness::up(Mode::Open);
    conv.dial_standby();
    let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let mut all = Vec::new();
    for _ in 0..3 {
        all.extend(conv.at_deadline());
    }
    assert!(
        all.contains(&Action::PlayEarcon(Earcon::Disconnected)) && all.contains(&Action::Dial),
        "{all:?}"
    );
}

#[test]
fn reset_and_exit_close_the_standby_link() {
    for event in [Event::Input(UserInput::Reset), Event::Input(UserInput::Leave)] {
        let mut conv = Harness::up(Mode::Open);
        conv.ready_standby();
        assert_eq!(conv.on(event), [Action::Cut, Action::HangUp]);
        assert!(!conv.is_configured());
    }
}

#[test]
fn a_new_session_does_not_wait_for_an_old_reply() {
    let mut conv = Harness::up(Mode::Hold);
    conv.ready_standby();
    let end = conv.now + HANDOVER_BEFORE;
    let _ = conv.all([
        Event::Input(UserInput::Press),
        held(900),
        Event::Service(ServiceEvent::ReplyCreated(id("a"))),
        Event::Input(UserInput::Press),
        held(90),
    ]);
    assert_eq!(conv.after(SWITCH_QUIET).on(Event::Tick), [], "an interrupted reply is still being generated");
    conv.now = end - SWITCH_BY;
    assert_eq!(conv.on(Event::Tick), [Action::SwitchToStandby]);
    let _ = conv.on(Event::Input(UserInput::Press));
    assert_eq!(conv.on(held(900)), [Action::Commit, Action::Create]);
}
