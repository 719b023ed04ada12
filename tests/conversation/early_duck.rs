//! The early duck: a reply is turned down on the device's own evidence of a talker, and never for long without the
//! service's word.

use std::time::Duration;

use mynah::conversation::{
    Action, CONFIRM_LIMIT, CloseReason, DUCK_LIMIT, DeviceEvent, Event, LinkChange, Mode, RESUME_AFTER,
    ResponseStatus, ServiceEvent, State, UserInput,
};
use mynah::model::TalkEvidence::{self, None, Strong, Weak};
use mynah::model::Time;

use super::{Harness, TAP, id, turn};

const STARTED: Event = Event::Service(ServiceEvent::SpeechStarted);
const STOPPED: Event = Event::Service(ServiceEvent::SpeechStopped);
const TICK: Event = Event::Tick;
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_reply_is_turned_down_at_once_and_comes_back_without_a_confirmation() {
    for (mode, evidence) in [(Mode::Open, Weak), (Mode::Open, Strong), (TAP, Weak)] {
        let mut conv = speaking(mode);
        assert!(conv.heeds_talk());
        assert_eq!(conv.on(talk(evidence)), []);
        assert_eq!((conv.duck(), conv.state()), (evidence, State::Speaking));
        conv.after(300 * MS);
        assert_eq!(conv.on(talk(None)), []);
        assert_eq!(conv.duck(), evidence, "the service is waited for");
        let quiet = conv.now;
        assert_eq!(conv.at_deadline(), []);
        assert_eq!((conv.now - quiet, conv.duck(), conv.state()), (CONFIRM_LIMIT, None, State::Speaking));
    }
}

#[test]
fn strong_evidence_outlasts_the_weak_that_follows() {
    let mut conv = speaking(Mode::Open);
    for (evidence, duck) in [(Weak, Weak), (Strong, Strong), (Weak, Strong), (None, Strong)] {
        let _ = conv.after(100 * MS).on(talk(evidence));
        assert_eq!(conv.duck(), duck, "after {evidence:?}");
    }
}

#[test]
fn evidence_that_the_service_never_confirms_is_disbelieved_until_it_has_been_away() {
    let mut conv = speaking(Mode::Open);
    let _ = conv.on(talk(Strong));
    let since = conv.now;
    assert_eq!(conv.at_deadline(), []);
    assert_eq!((conv.now - since, conv.duck()), (DUCK_LIMIT, None));
    // It flickers, and the volume stays up.
    for _ in 0..20 {
        let _ = conv.after(CONFIRM_LIMIT / 2).on(talk(None));
        let _ = conv.after(CONFIRM_LIMIT / 4).on(talk(Weak));
        assert_eq!(conv.duck(), None);
    }
    let _ = conv.on(talk(None));
    let _ = conv.after(CONFIRM_LIMIT).on(talk(Weak));
    assert_eq!(conv.duck(), Weak, "somebody else may talk");
}

#[test]
fn one_noise_after_another_does_not_keep_a_reply_down() {
    let mut conv = speaking(Mode::Open);
    let began = conv.now;
    while conv.now - began < DUCK_LIMIT {
        assert_eq!(conv.duck() == None, conv.now == began);
        let _ = conv.on(talk(Weak));
        let _ = conv.after(CONFIRM_LIMIT / 4).on(talk(None));
        let _ = conv.after(CONFIRM_LIMIT / 4).on(TICK);
    }
    assert_eq!(conv.duck(), None);
}

#[test]
fn speech_that_the_service_confirms_pauses_the_reply_and_ends_the_duck() {
    let mut conv = speaking(Mode::Open);
    let _ = conv.on(talk(Strong));
    assert_eq!(conv.after(400 * MS).on(STARTED), [Action::Pause]);
    assert_eq!((conv.duck(), conv.heeds_talk()), (None, false));
    // It was a noise: the reply goes on as loud as before.
    assert_eq!(conv.after(200 * MS).on(STOPPED), []);
    assert_eq!(conv.on(talk(Strong)), []);
    let stopped = conv.now;
    assert_eq!(conv.at_deadline(), [Action::Resume]);
    assert_eq!((conv.now - stopped, conv.duck(), conv.state()), (RESUME_AFTER, None, State::Speaking));
    // Without replies that go on, it is cut.
    let mut conv = speaking(Mode::Open);
    conv.conversation.set_resumes_replies(false);
    let _ = conv.on(talk(Weak));
    assert_eq!(conv.on(STARTED), [Action::Cut]);
    assert_eq!(conv.duck(), None);
}

#[test]
fn a_duck_does_not_outlive_its_reply() {
    let drained = Event::Device(DeviceEvent::Drained);
    let done = Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed));
    let created = Event::Service(ServiceEvent::ReplyCreated(id("b")));
    let ends: [&[Event]; 8] = [
        &[done, drained],
        &[created],
        &[Event::Input(UserInput::Press)],
        &[Event::Input(UserInput::Mute)],
        &[Event::Input(UserInput::MuteSwitch(true))],
        &[Event::Input(UserInput::Reset)],
        &[Event::Input(UserInput::Leave)],
        &[Event::Link(LinkChange::Down(CloseReason::Transient))],
    ];
    for end in ends {
        let mut conv = speaking(Mode::Open);
        let _ = conv.on(talk(Strong));
        let _ = conv.all(end.iter().cloned());
        assert_eq!(conv.duck(), None, "after {end:?}");
        // Nor does its end come later.
        assert!(conv.deadline().is_none_or(|at| at > conv.now + DUCK_LIMIT || !conv.is_configured()));
    }
    let mut conv = speaking_with_standby();
    let _ = conv.on(talk(Strong));
    assert_eq!(
        conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))),
        [Action::SwitchToStandby],
        "the reply plays on"
    );
    assert_eq!((conv.state(), conv.duck()), (State::Speaking, None));
}

#[test]
fn only_a_reply_over_which_somebody_can_talk_is_turned_down() {
    let mut listening = Harness::up(Mode::Open);
    let mut thinking = Harness::up(Mode::Open);
    let _ = thinking.all(turn("a").into_iter().take(4));
    let mut muted = speaking(Mode::Open);
    let _ = muted.on(Event::Input(UserInput::Mute));
    for conv in [&mut listening, &mut thinking, &mut muted, &mut Harness::begin(Mode::Open)] {
        assert!(!conv.heeds_talk());
        let deadline = conv.deadline();
        assert_eq!(conv.on(talk(Strong)), []);
        assert_eq!((conv.duck(), conv.deadline()), (None, deadline), "{:?}", conv.state());
    }
}

#[test]
fn a_turned_down_reply_is_restored_from_its_snapshot() {
    use mynah::conversation::Conversation;
    let mut conv = speaking(Mode::Open);
    let _ = conv.on(talk(Strong));
    let json = serde_json::to_string(&conv.snapshot()).unwrap();
    let restored = Conversation::restore(&serde_json::from_str(&json).unwrap(), conv.now).unwrap();
    assert_eq!((restored.duck(), restored.deadline()), (Strong, conv.deadline()));
    assert!(Conversation::restore(&conv.snapshot(), Time::ZERO).is_err(), "it began later");
}

fn talk(evidence: TalkEvidence) -> Event {
    Event::Device(DeviceEvent::Talk(evidence))
}

/// A conversation a second into a reply.
fn speaking(mode: Mode) -> Harness {
    let mut conv = Harness::up(mode);
    if mode == TAP {
        let _ = conv.on(Event::Input(UserInput::Press));
    }
    let _ = conv.all(turn("a"));
    conv.after(1000 * MS);
    conv
}

fn speaking_with_standby() -> Harness {
    let mut conv = Harness::up(Mode::Open);
    conv.ready_standby();
    let _ = conv.all(turn("a"));
    conv
}
