//! Lost links: a short outage loses no speech, and a noticed outage plays one earcon at its start and one at
//! its end.

use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, ERROR_BURST_WINDOW, Earcon, Event, Exit, KEEP_LIMIT, LinkChange, Mode, Notice,
    OUTAGE_GRACE, RATE_LIMIT_HOLD_OFF, ServerError, ServiceEvent, State, THINK_LIMIT, UserInput,
};

use super::{Harness, TAP, held, id, turn};

#[test]
fn a_short_outage_at_rest_is_shown_without_an_earcon() {
    let mut conv = Harness::up(Mode::Open);
    assert_eq!(conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))), []);
    assert_eq!(conv.state(), State::Offline, "shown by the light");
    let mut all = restore_link(&mut conv, OUTAGE_GRACE - Duration::from_millis(1));
    all.retain(|action| matches!(action, Action::PlayEarcon(_)));
    assert_eq!(all, []);
}

#[test]
fn a_long_outage_and_its_end_play_one_earcon_each() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let mut all = Vec::new();
    for _ in 0..20 {
        all.extend(conv.at_deadline());
        all.extend(conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))));
    }
    all.extend(restore_link(&mut conv, Duration::ZERO));
    all.retain(|action| matches!(action, Action::PlayEarcon(_)));
    assert_eq!(all, [Action::PlayEarcon(Earcon::Disconnected), Action::PlayEarcon(Earcon::Reconnected)]);
}

#[test]
fn an_outage_during_a_turn_plays_the_earcon_at_once() {
    for events in [&turn("a")[..1], &turn("a")[..3], &turn("a")[..]] {
        let mut conv = Harness::up(Mode::Open);
        let _ = conv.all(events.to_vec());
        let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
        assert_eq!(conv.deadline(), Some(conv.now));
        assert!(conv.on(Event::Tick).contains(&Action::PlayEarcon(Earcon::Disconnected)));
    }
}

#[test]
fn start_and_reset_play_no_earcon() {
    let mut conv = Harness::begin(Mode::Open);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.extend(conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))));
        all.extend(conv.at_deadline());
    }
    all.extend(restore_link(&mut conv, Duration::ZERO));
    all.extend(conv.on(Event::Input(UserInput::Reset)));
    all.extend(conv.after(OUTAGE_GRACE).on(Event::Tick));
    all.extend(restore_link(&mut conv, Duration::ZERO));
    assert!(!all.iter().any(|action| matches!(action, Action::PlayEarcon(_))), "{all:?}");
}

#[test]
fn an_open_microphone_stays_open_for_the_keep_limit() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::RetryAfter(Duration::from_secs(60)))));
    assert_eq!((conv.state(), conv.microphone_open()), (State::Offline, true));
    let began = conv.now;
    while conv.microphone_open() {
        let _ = conv.at_deadline();
    }
    assert_eq!(conv.now - began, KEEP_LIMIT);
    assert_eq!(conv.state(), State::Offline);
}

#[test]
fn a_closed_or_muted_microphone_stays_closed_offline() {
    let mut conv = Harness::up(TAP);
    let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    assert!(!conv.microphone_open());
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all([Event::Link(LinkChange::Down(CloseReason::Transient)), Event::Input(UserInput::Mute)]);
    assert!(!conv.microphone_open());
}

#[test]
fn a_tap_conversation_continues_after_a_short_outage() {
    let mut conv = Harness::up(TAP);
    let _ = conv.all([
        Event::Input(UserInput::Press),
        Event::Service(ServiceEvent::SpeechStarted),
        Event::Link(LinkChange::Down(CloseReason::Transient)),
    ]);
    let _ = restore_link(&mut conv, Duration::ZERO);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Listening, true));
}

#[test]
fn a_button_held_through_a_short_outage_is_one_turn() {
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.all([Event::Input(UserInput::Press), Event::Link(LinkChange::Down(CloseReason::Transient))]);
    assert!(conv.microphone_open());
    let _ = conv.on(held(1200));
    assert_eq!((conv.state(), conv.microphone_open()), (State::Thinking, false));
    let actions = restore_link(&mut conv, Duration::ZERO);
    assert!(actions.windows(2).any(|pair| pair == [Action::Commit, Action::Create]), "{actions:?}");
}

#[test]
fn speech_too_old_to_send_is_discarded_with_a_notice() {
    let busy = Event::Link(LinkChange::Down(CloseReason::RetryAfter(2 * THINK_LIMIT)));
    let mut conv = Harness::begin(Mode::Hold);
    let _ = conv.all([busy.clone(), Event::Input(UserInput::Press), held(900)]);
    assert_eq!(conv.state(), State::Thinking);
    // The press has retried.
    assert_eq!(conv.at_deadline(), [Action::Dial]);
    let _ = conv.on(busy.clone());
    assert_eq!(conv.after(THINK_LIMIT).on(Event::Tick), [Action::Notify(Notice::Unsent)]);
    assert_eq!(conv.state(), State::Offline);
    let mut conv = Harness::begin(TAP);
    let _ = conv.all([busy.clone(), Event::Input(UserInput::Press)]);
    assert_eq!(conv.at_deadline(), [Action::Dial]);
    let _ = conv.on(busy);
    assert_eq!(conv.after(KEEP_LIMIT).on(Event::Tick), [Action::Notify(Notice::Unsent)]);
    assert!(!conv.microphone_open());
}

#[test]
fn a_rejected_token_is_retried_once() {
    let mut conv = Harness::begin(Mode::Open);
    assert_eq!(conv.on(Event::Link(LinkChange::Down(CloseReason::Unauthorized))), []);
    assert_eq!(conv.at_deadline(), [Action::Dial]);
    assert_eq!(
        conv.on(Event::Link(LinkChange::Down(CloseReason::Unauthorized))),
        [Action::Finish(Exit::Misconfigured)]
    );
    let mut conv = Harness::begin(Mode::Open);
    for reason in [CloseReason::Unauthorized, CloseReason::Transient, CloseReason::Unauthorized] {
        assert_eq!(conv.on(Event::Link(LinkChange::Down(reason))), []);
        assert_eq!(conv.at_deadline(), [Action::Dial]);
    }
}

#[test]
fn three_internal_errors_within_30_s_end_the_session() {
    let internal_error = || Event::Service(ServiceEvent::Refused(ServerError::Internal));
    let mut conv = Harness::up(Mode::Open);
    assert_eq!(conv.all([internal_error(), internal_error()]), []);
    conv.after(ERROR_BURST_WINDOW);
    assert_eq!(conv.all([internal_error(), internal_error()]), [], "the first two are outside the window");
    assert_eq!(conv.on(internal_error()), [Action::HangUp]);
    assert_eq!(conv.state(), State::Offline);
}

#[test]
fn a_rate_limit_delays_the_next_dial() {
    let mut conv = Harness::up(TAP);
    let _ = conv
        .after(Duration::from_secs(100))
        .on(Event::Service(ServiceEvent::Refused(ServerError::RateLimited)));
    let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let began = conv.now;
    let _ = conv.on(Event::Input(UserInput::Press));
    while conv.at_deadline().last() != Some(&Action::Dial) {}
    assert!(conv.now - began >= RATE_LIMIT_HOLD_OFF);
}

#[test]
fn a_press_offline_stops_the_rest_of_a_reply() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    assert!(!conv.accepts_audio_of("a"));
    assert!(conv.on(Event::Input(UserInput::Press)).contains(&Action::Cut));
    assert_eq!(
        conv.on(Event::Service(ServiceEvent::ReplyDone(
            id("a"),
            mynah::conversation::ResponseStatus::Completed
        ))),
        []
    );
}

/// Restores the link after `wait` and returns all actions up to then; a `wait` of zero restores it at the
/// next dial.
fn restore_link(conv: &mut Harness, wait: Duration) -> Vec<Action> {
    let end = conv.now + wait;
    let mut all = Vec::new();
    let dialled = loop {
        if all.contains(&Action::Dial) && conv.now >= end {
            break true;
        }
        let next = conv.deadline().expect("offline has a deadline");
        if next > end && !wait.is_zero() {
            break all.contains(&Action::Dial);
        }
        all.extend(conv.at_deadline());
    };
    conv.now = conv.now.max(end);
    if !dialled {
        return all;
    }
    all.extend(conv.all([Event::Link(LinkChange::Up), Event::Link(LinkChange::Configured)]));
    all
}
