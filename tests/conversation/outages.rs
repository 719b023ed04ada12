//! What a lost link costs: no word in a short outage, one sound when it is noticed, one when it is over.

use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, ERROR_BURST_WINDOW, Earcon, Event, Exit, KEEP_LIMIT, LinkChange, Mode, Notice,
    OUTAGE_GRACE, ServerError, ServiceEvent, State, THINK_LIMIT, UNAUTHORIZED_LIMIT, UserInput,
};

use super::{TAP, Table, held, id, turn};

#[test]
fn a_short_outage_at_rest_is_shown_without_an_earcon() {
    let mut talk = Table::up(Mode::Open);
    assert_eq!(talk.on(Event::Link(LinkChange::Down(CloseReason::Transient))), []);
    assert_eq!(talk.conversation.state(), State::Offline, "the light");
    let mut all = ends(&mut talk, OUTAGE_GRACE - Duration::from_millis(1));
    all.retain(|action| matches!(action, Action::PlayEarcon(_)));
    assert_eq!(all, []);
}

#[test]
fn a_long_outage_and_its_end_play_one_earcon_each() {
    let mut talk = Table::up(Mode::Open);
    let _ = talk.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let mut all = Vec::new();
    for _ in 0..20 {
        all.extend(talk.at_deadline());
        all.extend(talk.on(Event::Link(LinkChange::Down(CloseReason::Transient))));
    }
    all.extend(ends(&mut talk, Duration::ZERO));
    all.retain(|action| matches!(action, Action::PlayEarcon(_)));
    assert_eq!(all, [Action::PlayEarcon(Earcon::Disconnected), Action::PlayEarcon(Earcon::Reconnected)]);
}

#[test]
fn an_outage_during_a_turn_plays_the_earcon_at_once() {
    for events in [&turn("a")[..1], &turn("a")[..3], &turn("a")[..]] {
        let mut talk = Table::up(Mode::Open);
        let _ = talk.all(events.to_vec());
        let _ = talk.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
        assert_eq!(talk.conversation.deadline(), Some(talk.now));
        assert!(talk.on(Event::Tick).contains(&Action::PlayEarcon(Earcon::Disconnected)));
    }
}

#[test]
fn start_and_reset_play_no_earcon() {
    let mut talk = Table::begin(Mode::Open);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.extend(talk.on(Event::Link(LinkChange::Down(CloseReason::Transient))));
        all.extend(talk.at_deadline());
    }
    all.extend(ends(&mut talk, Duration::ZERO));
    all.extend(talk.on(Event::Input(UserInput::Reset)));
    all.extend(talk.after(OUTAGE_GRACE).on(Event::Tick));
    all.extend(ends(&mut talk, Duration::ZERO));
    assert!(!all.iter().any(|action| matches!(action, Action::PlayEarcon(_))), "{all:?}");
}

#[test]
fn an_open_microphone_stays_open_for_the_keep_limit() {
    let mut talk = Table::up(Mode::Open);
    let _ = talk.on(Event::Link(LinkChange::Down(CloseReason::RetryAfter(Duration::from_secs(60)))));
    assert_eq!((talk.conversation.state(), talk.conversation.microphone_open()), (State::Offline, true));
    let began = talk.now;
    while talk.conversation.microphone_open() {
        let _ = talk.at_deadline();
    }
    assert_eq!(talk.now - began, KEEP_LIMIT);
    assert_eq!(talk.conversation.state(), State::Offline);
}

#[test]
fn a_closed_or_muted_microphone_stays_closed_offline() {
    let mut talk = Table::up(TAP);
    let _ = talk.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    assert!(!talk.conversation.microphone_open());
    let mut talk = Table::up(Mode::Open);
    let _ = talk.all([Event::Link(LinkChange::Down(CloseReason::Transient)), Event::Input(UserInput::Mute)]);
    assert!(!talk.conversation.microphone_open());
}

#[test]
fn a_tap_conversation_continues_after_a_short_outage() {
    let mut talk = Table::up(TAP);
    let _ = talk.all([
        Event::Input(UserInput::Press),
        Event::Service(ServiceEvent::SpeechStarted),
        Event::Link(LinkChange::Down(CloseReason::Transient)),
    ]);
    let _ = ends(&mut talk, Duration::ZERO);
    assert_eq!((talk.conversation.state(), talk.conversation.microphone_open()), (State::Listening, true));
}

#[test]
fn a_button_held_through_a_short_outage_is_one_turn() {
    let mut talk = Table::up(Mode::Hold);
    let _ = talk.all([Event::Input(UserInput::Press), Event::Link(LinkChange::Down(CloseReason::Transient))]);
    assert!(talk.conversation.microphone_open());
    let _ = talk.on(held(1200));
    assert_eq!((talk.conversation.state(), talk.conversation.microphone_open()), (State::Thinking, false));
    let told = ends(&mut talk, Duration::ZERO);
    assert!(told.windows(2).any(|pair| pair == [Action::Commit, Action::Create]), "{told:?}");
}

#[test]
fn speech_too_old_to_send_is_discarded_with_a_notice() {
    let mut talk = Table::begin(Mode::Hold);
    let _ = talk.all([
        Event::Link(LinkChange::Down(CloseReason::RetryAfter(2 * THINK_LIMIT))),
        Event::Input(UserInput::Press),
        held(900),
    ]);
    assert_eq!(talk.conversation.state(), State::Thinking);
    assert_eq!(talk.after(THINK_LIMIT).on(Event::Tick), [Action::Notify(Notice::Unsent)]);
    assert_eq!(talk.conversation.state(), State::Offline);
    let mut talk = Table::begin(TAP);
    let _ = talk.all([
        Event::Link(LinkChange::Down(CloseReason::RetryAfter(2 * THINK_LIMIT))),
        Event::Input(UserInput::Press),
    ]);
    assert_eq!(talk.after(KEEP_LIMIT).on(Event::Tick), [Action::Notify(Notice::Unsent)]);
    assert!(!talk.conversation.microphone_open());
}

#[test]
fn a_rejected_token_is_retried_once() {
    let mut talk = Table::begin(Mode::Open);
    assert_eq!(talk.on(Event::Link(LinkChange::Down(CloseReason::Unauthorized))), []);
    assert_eq!(talk.at_deadline(), [Action::Dial]);
    assert_eq!(
        talk.on(Event::Link(LinkChange::Down(CloseReason::Unauthorized))),
        [Action::Finish(Exit::Misconfigured)]
    );
    let mut talk = Table::begin(Mode::Open);
    for loss in [CloseReason::Unauthorized, CloseReason::Transient, CloseReason::Unauthorized] {
        assert_eq!(talk.on(Event::Link(LinkChange::Down(loss))), []);
        assert_eq!(talk.at_deadline(), [Action::Dial]);
    }
}

#[test]
fn three_internal_errors_within_30_s_end_the_session() {
    let trouble = || Event::Service(ServiceEvent::Refused(ServerError::Internal));
    let mut talk = Table::up(Mode::Open);
    assert_eq!(talk.all([trouble(), trouble()]), []);
    talk.after(ERROR_BURST_WINDOW);
    assert_eq!(talk.all([trouble(), trouble()]), [], "the first two are forgotten");
    assert_eq!(talk.on(trouble()), [Action::HangUp]);
    assert_eq!(talk.conversation.state(), State::Offline);
}

#[test]
fn a_rate_limit_delays_the_next_dial() {
    let mut talk = Table::up(TAP);
    let _ = talk
        .after(Duration::from_secs(100))
        .on(Event::Service(ServiceEvent::Refused(ServerError::RateLimited)));
    let _ = talk.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let began = talk.now;
    let _ = talk.on(Event::Input(UserInput::Press));
    while talk.at_deadline().last() != Some(&Action::Dial) {}
    assert!(talk.now - began >= UNAUTHORIZED_LIMIT);
}

#[test]
fn a_press_offline_stops_the_rest_of_a_reply() {
    let mut talk = Table::up(Mode::Open);
    let _ = talk.all(turn("a"));
    let _ = talk.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    assert!(!talk.conversation.accepts_audio_of("a"));
    assert!(talk.on(Event::Input(UserInput::Press)).contains(&Action::Cut));
    assert_eq!(
        talk.on(Event::Service(ServiceEvent::ReplyDone(
            id("a"),
            mynah::conversation::ResponseStatus::Completed
        ))),
        []
    );
}

/// Lets the link come back after `wait`, and returns all that was to be done meanwhile.
fn ends(talk: &mut Table, wait: Duration) -> Vec<Action> {
    let end = talk.now + wait;
    let mut all = Vec::new();
    let dialled = loop {
        if all.contains(&Action::Dial) && talk.now >= end {
            break true;
        }
        let next = talk.conversation.deadline().expect("offline has a deadline");
        if next > end && !wait.is_zero() {
            break all.contains(&Action::Dial);
        }
        all.extend(talk.at_deadline());
    };
    talk.now = talk.now.max(end);
    if !dialled {
        return all;
    }
    all.extend(talk.all([Event::Link(LinkChange::Up), Event::Link(LinkChange::Configured)]));
    all
}
