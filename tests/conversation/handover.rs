//! A session that never ends: the second link, when it comes, and the moments at which it takes over.

use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, DIAL_LIMIT, DeviceEvent, Earcon, Event, HANDOVER_BEFORE, LinkChange, Mode, Notice,
    ResponseStatus, SESSION_LIFE, SWITCH_BY, SWITCH_QUIET, ServerError, ServiceEvent, StandbyChange, State,
    UserInput,
};

use super::{TAP, Table, held, id, turn};

#[test]
fn a_session_is_replaced_unnoticed_before_it_expires() {
    for mode in [Mode::Open, TAP, Mode::Hold] {
        let mut talk = Table::up(mode);
        let began = talk.now;
        let before = (talk.conversation.state(), talk.conversation.microphone_open());
        assert_eq!(talk.at_deadline(), [Action::DialStandby]);
        assert_eq!(talk.now - began, SESSION_LIFE - HANDOVER_BEFORE);
        assert_eq!(
            talk.all([
                Event::Standby(StandbyChange::Up),
                Event::Standby(StandbyChange::Configured(SESSION_LIFE))
            ]),
            [Action::ConfigureStandby]
        );
        assert_eq!(talk.at_deadline(), [Action::SwitchToStandby]);
        assert_eq!((talk.conversation.state(), talk.conversation.microphone_open()), before);
        let moved = talk.now;
        assert_eq!(talk.at_deadline(), [Action::DialStandby], "and so on, for ever");
        assert!(talk.now - moved > SESSION_LIFE - HANDOVER_BEFORE - Duration::from_secs(5));
    }
}

#[test]
fn the_stated_expiry_schedules_the_standby_dial() {
    let mut talk = Table::begin(Mode::Open);
    let _ = talk.all([
        Event::Link(LinkChange::Up),
        Event::Link(LinkChange::Expires(Duration::from_secs(1800))),
        Event::Link(LinkChange::Configured),
    ]);
    let began = talk.now;
    assert_eq!(talk.at_deadline(), [Action::DialStandby]);
    assert_eq!(talk.now - began, Duration::from_secs(1800) - HANDOVER_BEFORE);
}

#[test]
fn no_switch_during_speech_or_a_pending_reply() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    for event in turn("a") {
        assert!(!talk.on(event).contains(&Action::SwitchToStandby));
        assert_eq!(talk.after(SWITCH_QUIET).on(Event::Tick), []);
    }
    assert_eq!(
        talk.all([
            Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)),
            Event::Device(DeviceEvent::Drained)
        ]),
        []
    );
    assert_eq!(
        talk.after(SWITCH_QUIET - Duration::from_millis(1)).on(Event::Tick),
        [],
        "late words may still come"
    );
    assert_eq!(talk.after(Duration::from_millis(1)).on(Event::Tick), [Action::SwitchToStandby]);
}

#[test]
fn without_a_quiet_moment_the_last_safe_one_is_used() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    let _ = talk.all(turn("a"));
    let end = talk.now + HANDOVER_BEFORE;
    let _ = talk.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)));
    assert_eq!(talk.on(Event::Tick), [], "there is still time to hear it out");
    talk.now = end - SWITCH_BY;
    assert_eq!(
        talk.on(Event::Tick),
        [Action::SwitchToStandby],
        "it has come whole: the old session is not needed"
    );
    assert_eq!(talk.conversation.state(), State::Speaking);
    assert_eq!(talk.on(Event::Device(DeviceEvent::Drained)), []);
    assert_eq!(talk.conversation.state(), State::Listening);
}

#[test]
fn no_switch_while_reply_audio_is_still_arriving() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    let _ = talk.all(turn("a"));
    assert_eq!(talk.after(HANDOVER_BEFORE).on(Event::Tick), []);
    assert_eq!(talk.conversation.state(), State::Speaking);
}

#[test]
fn a_ready_standby_replaces_a_lost_link_at_once() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    let _ = talk.all(turn("a"));
    let _ = talk.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)));
    assert_eq!(
        talk.on(Event::Link(LinkChange::Down(CloseReason::Transient))),
        [Action::SwitchToStandby],
        "no outage, no cut"
    );
    assert_eq!(talk.conversation.state(), State::Speaking);
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    assert_eq!(
        talk.on(Event::Service(ServiceEvent::Refused(ServerError::SessionExpired))),
        [Action::SwitchToStandby]
    );
    assert!(talk.conversation.is_configured());
}

#[test]
fn a_lost_session_costs_a_pending_reply_but_not_a_held_turn() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    let _ =
        talk.all([Event::Service(ServiceEvent::SpeechStarted), Event::Service(ServiceEvent::SpeechStopped)]);
    assert_eq!(
        talk.on(Event::Link(LinkChange::Down(CloseReason::Transient))),
        [Action::SwitchToStandby, Action::Notify(Notice::NoReply)]
    );
    let mut talk = Table::up(Mode::Hold);
    talk.has_a_spare();
    let _ = talk.on(Event::Input(UserInput::Press));
    assert_eq!(talk.on(Event::Link(LinkChange::Down(CloseReason::Transient))), [Action::SwitchToStandby]);
    assert_eq!(talk.conversation.state(), State::Listening);
    assert_eq!(talk.on(held(900)), [Action::Commit, Action::Create]);
}

#[test]
fn a_failed_standby_is_redialled_without_a_notice() {
    let mut talk = Table::up(Mode::Open);
    talk.dials_a_spare();
    let mut dials = 0;
    for loss in [
        CloseReason::Transient,
        CloseReason::Permanent,
        CloseReason::Unauthorized,
        CloseReason::RetryAfter(Duration::from_secs(20)),
    ] {
        assert_eq!(talk.on(Event::Standby(StandbyChange::Down(loss))), []);
        assert_eq!(talk.conversation.state(), State::Listening);
        dials += usize::from(talk.at_deadline() == [Action::DialStandby]);
    }
    assert_eq!(dials, 4);
    assert_eq!(talk.after(DIAL_LIMIT).on(Event::Tick), [Action::DropStandby]);
    assert_eq!(talk.at_deadline(), [Action::DialStandby]);
    let _ = talk.on(Event::Standby(StandbyChange::Up));
    assert_eq!(talk.on(Event::Standby(StandbyChange::Refused)), [Action::DropStandby]);
    assert_eq!(talk.at_deadline(), [Action::DialStandby]);
}

#[test]
fn an_unfinished_standby_becomes_the_link_after_a_loss() {
    let mut talk = Table::up(Mode::Open);
    talk.dials_a_spare();
    assert_eq!(talk.on(Event::Link(LinkChange::Down(CloseReason::Transient))), [Action::SwitchToStandby]);
    assert_eq!(talk.conversation.state(), State::Connecting);
    assert_eq!(
        talk.all([Event::Link(LinkChange::Up), Event::Link(LinkChange::Configured)]),
        [Action::Configure]
    );
    let mut talk = Table::up(Mode::Open);
    talk.dials_a_spare();
    let _ = talk.on(Event::Standby(StandbyChange::Up));
    assert_eq!(talk.on(Event::Link(LinkChange::Down(CloseReason::Transient))), [Action::SwitchToStandby]);
    assert_eq!(talk.on(Event::Link(LinkChange::Configured)), []);
    assert!(talk.conversation.is_configured());
}

#[test]
fn an_unfinished_standby_that_fails_is_an_outage() {
    let mut talk = Table::up(Mode::Open);
    talk.dials_a_spare();
    let _ = talk.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let _ = talk.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let mut all = Vec::new();
    for _ in 0..3 {
        all.extend(talk.at_deadline());
    }
    assert!(
        all.contains(&Action::PlayEarcon(Earcon::Disconnected)) && all.contains(&Action::Dial),
        "{all:?}"
    );
}

#[test]
fn reset_and_exit_close_the_standby_link() {
    for event in [Event::Input(UserInput::Reset), Event::Input(UserInput::Leave)] {
        let mut talk = Table::up(Mode::Open);
        talk.has_a_spare();
        assert_eq!(talk.on(event), [Action::Cut, Action::HangUp]);
        assert!(!talk.conversation.is_configured());
    }
}

#[test]
fn a_new_session_does_not_wait_for_an_old_reply() {
    let mut talk = Table::up(Mode::Hold);
    talk.has_a_spare();
    let end = talk.now + HANDOVER_BEFORE;
    let _ = talk.all([
        Event::Input(UserInput::Press),
        held(900),
        Event::Service(ServiceEvent::ReplyCreated(id("a"))),
        Event::Input(UserInput::Press),
        held(90),
    ]);
    assert_eq!(talk.after(SWITCH_QUIET).on(Event::Tick), [], "a reply that nobody wants is still being made");
    talk.now = end - SWITCH_BY;
    assert_eq!(talk.on(Event::Tick), [Action::SwitchToStandby]);
    let _ = talk.on(Event::Input(UserInput::Press));
    assert_eq!(talk.on(held(900)), [Action::Commit, Action::Create]);
}
