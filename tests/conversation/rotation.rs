//! A session that never ends: the second link, when it comes, and the moments at which it takes over.

use std::time::Duration;

use mynah::conversation::{
    Action, DIAL_LIMIT, DeviceEvent, Event, HURRY, LinkChange, Loss, Mode, News, Outcome, QUIET,
    ROTATE_BEFORE, Refusal, SESSION_LIFE, ServerEvent, StandbyChange, State, Tone, UserInput,
};

use super::{TAP, Table, held, id, turn};

#[test]
fn before_its_end_a_session_is_replaced_in_a_quiet_moment_and_nobody_notices() {
    for mode in [Mode::Open, TAP, Mode::Hold] {
        let mut talk = Table::up(mode);
        let began = talk.now;
        let before = (talk.conversation.state(), talk.conversation.microphone());
        assert_eq!(talk.at_deadline(), [Action::DialSpare]);
        assert_eq!(talk.now - began, SESSION_LIFE - ROTATE_BEFORE);
        assert_eq!(
            talk.all([
                Event::Standby(StandbyChange::Up),
                Event::Standby(StandbyChange::Configured(SESSION_LIFE))
            ]),
            [Action::ConfigureSpare]
        );
        assert_eq!(talk.at_deadline(), [Action::Move]);
        assert_eq!((talk.conversation.state(), talk.conversation.microphone()), before);
        let moved = talk.now;
        assert_eq!(talk.at_deadline(), [Action::DialSpare], "and so on, for ever");
        assert!(talk.now - moved > SESSION_LIFE - ROTATE_BEFORE - Duration::from_secs(5));
    }
}

#[test]
fn the_time_that_the_service_names_is_the_one_that_counts() {
    let mut talk = Table::begin(Mode::Open);
    let _ = talk.all([
        Event::Link(LinkChange::Up),
        Event::Link(LinkChange::Expires(Duration::from_secs(1800))),
        Event::Link(LinkChange::Configured),
    ]);
    let began = talk.now;
    assert_eq!(talk.at_deadline(), [Action::DialSpare]);
    assert_eq!(talk.now - began, Duration::from_secs(1800) - ROTATE_BEFORE);
}

#[test]
fn while_somebody_speaks_or_waits_for_a_reply_nothing_moves() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    for event in turn("a") {
        assert!(!talk.on(event).contains(&Action::Move));
        assert_eq!(talk.after(QUIET).on(Event::Tick), []);
    }
    assert_eq!(
        talk.all([
            Event::Server(ServerEvent::ReplyDone(id("a"), Outcome::Completed)),
            Event::Device(DeviceEvent::Drained)
        ]),
        []
    );
    assert_eq!(talk.after(QUIET - Duration::from_millis(1)).on(Event::Tick), [], "late words may still come");
    assert_eq!(talk.after(Duration::from_millis(1)).on(Event::Tick), [Action::Move]);
}

#[test]
fn without_a_quiet_moment_it_moves_at_the_last_safe_one_and_the_reply_goes_on() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    let _ = talk.all(turn("a"));
    let end = talk.now + ROTATE_BEFORE;
    let _ = talk.on(Event::Server(ServerEvent::ReplyDone(id("a"), Outcome::Completed)));
    assert_eq!(talk.on(Event::Tick), [], "there is still time to hear it out");
    talk.now = end - HURRY;
    assert_eq!(talk.on(Event::Tick), [Action::Move], "it has come whole: the old session is not needed");
    assert_eq!(talk.conversation.state(), State::Speaking);
    assert_eq!(talk.on(Event::Device(DeviceEvent::Drained)), []);
    assert_eq!(talk.conversation.state(), State::Listening);
}

#[test]
fn a_reply_that_is_still_coming_is_never_left() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    let _ = talk.all(turn("a"));
    assert_eq!(talk.after(ROTATE_BEFORE).on(Event::Tick), []);
    assert_eq!(talk.conversation.state(), State::Speaking);
}

#[test]
fn a_session_that_ends_early_is_replaced_at_once_when_the_second_link_is_there() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    let _ = talk.all(turn("a"));
    let _ = talk.on(Event::Server(ServerEvent::ReplyDone(id("a"), Outcome::Completed)));
    assert_eq!(talk.on(Event::Link(LinkChange::Down(Loss::Broken))), [Action::Move], "no outage, no cut");
    assert_eq!(talk.conversation.state(), State::Speaking);
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    assert_eq!(talk.on(Event::Server(ServerEvent::Refused(Refusal::SessionExpired))), [Action::Move]);
    assert!(talk.conversation.configured());
}

#[test]
fn a_turn_that_loses_its_session_is_told_or_goes_on_as_far_as_it_can() {
    let mut talk = Table::up(Mode::Open);
    talk.has_a_spare();
    let _ = talk.all([Event::Server(ServerEvent::SpeechStarted), Event::Server(ServerEvent::SpeechStopped)]);
    assert_eq!(
        talk.on(Event::Link(LinkChange::Down(Loss::Broken))),
        [Action::Move, Action::Tell(News::NoReply)]
    );
    let mut talk = Table::up(Mode::Hold);
    talk.has_a_spare();
    let _ = talk.on(Event::Input(UserInput::Press));
    assert_eq!(talk.on(Event::Link(LinkChange::Down(Loss::Broken))), [Action::Move]);
    assert_eq!(talk.conversation.state(), State::Listening);
    assert_eq!(talk.on(held(900)), [Action::Commit, Action::Create]);
}

#[test]
fn a_second_link_that_fails_is_tried_again_and_is_no_news() {
    let mut talk = Table::up(Mode::Open);
    talk.dials_a_spare();
    let mut dials = 0;
    for loss in [Loss::Broken, Loss::Refused, Loss::Denied, Loss::Later(Duration::from_secs(20))] {
        assert_eq!(talk.on(Event::Standby(StandbyChange::Down(loss))), []);
        assert_eq!(talk.conversation.state(), State::Listening);
        dials += usize::from(talk.at_deadline() == [Action::DialSpare]);
    }
    assert_eq!(dials, 4);
    assert_eq!(talk.after(DIAL_LIMIT).on(Event::Tick), [Action::DropSpare]);
    assert_eq!(talk.at_deadline(), [Action::DialSpare]);
    let _ = talk.on(Event::Standby(StandbyChange::Up));
    assert_eq!(talk.on(Event::Standby(StandbyChange::Refused)), [Action::DropSpare]);
    assert_eq!(talk.at_deadline(), [Action::DialSpare]);
}

#[test]
fn when_the_first_link_is_gone_the_half_made_second_is_the_next() {
    let mut talk = Table::up(Mode::Open);
    talk.dials_a_spare();
    assert_eq!(talk.on(Event::Link(LinkChange::Down(Loss::Broken))), [Action::Move]);
    assert_eq!(talk.conversation.state(), State::Connecting);
    assert_eq!(
        talk.all([Event::Link(LinkChange::Up), Event::Link(LinkChange::Configured)]),
        [Action::Configure]
    );
    let mut talk = Table::up(Mode::Open);
    talk.dials_a_spare();
    let _ = talk.on(Event::Standby(StandbyChange::Up));
    assert_eq!(talk.on(Event::Link(LinkChange::Down(Loss::Broken))), [Action::Move]);
    assert_eq!(talk.on(Event::Link(LinkChange::Configured)), []);
    assert!(talk.conversation.configured());
}

#[test]
fn a_second_link_that_does_not_come_up_in_time_is_an_outage_like_any_other() {
    let mut talk = Table::up(Mode::Open);
    talk.dials_a_spare();
    let _ = talk.on(Event::Link(LinkChange::Down(Loss::Broken)));
    let _ = talk.on(Event::Link(LinkChange::Down(Loss::Broken)));
    let mut all = Vec::new();
    for _ in 0..3 {
        all.extend(talk.at_deadline());
    }
    assert!(all.contains(&Action::Sound(Tone::Lost)) && all.contains(&Action::Dial), "{all:?}");
}

#[test]
fn a_reset_and_a_farewell_take_the_second_link_with_them() {
    for event in [Event::Input(UserInput::Reset), Event::Input(UserInput::Leave)] {
        let mut talk = Table::up(Mode::Open);
        talk.has_a_spare();
        assert_eq!(talk.on(event), [Action::Cut, Action::HangUp]);
        assert!(!talk.conversation.configured());
    }
}

#[test]
fn a_reply_asked_for_in_the_old_session_is_not_waited_for_in_the_new() {
    let mut talk = Table::up(Mode::Hold);
    talk.has_a_spare();
    let end = talk.now + ROTATE_BEFORE;
    let _ = talk.all([
        Event::Input(UserInput::Press),
        held(900),
        Event::Server(ServerEvent::ReplyCreated(id("a"))),
        Event::Input(UserInput::Press),
        held(90),
    ]);
    assert_eq!(talk.after(QUIET).on(Event::Tick), [], "a reply that nobody wants is still being made");
    talk.now = end - HURRY;
    assert_eq!(talk.on(Event::Tick), [Action::Move]);
    let _ = talk.on(Event::Input(UserInput::Press));
    assert_eq!(talk.on(held(900)), [Action::Commit, Action::Create]);
}
