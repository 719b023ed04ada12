//! A noise over a reply is not an interruption: the reply goes on where it was silenced.

use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, DeviceEvent, Event, LinkChange, Mode, PAUSE_LIMIT, PAUSE_LIMIT_TOTAL, RESUME_AFTER,
    ResponseStatus, ServiceEvent, State, UserInput,
};

use super::{Harness, TAP, id, turn};

const STARTED: Event = Event::Service(ServiceEvent::SpeechStarted);
const STOPPED: Event = Event::Service(ServiceEvent::SpeechStopped);
const COMMITTED: Event = Event::Service(ServiceEvent::Committed(None));
const DRAINED: Event = Event::Device(DeviceEvent::Drained);

#[test]
fn a_reply_goes_on_after_a_noise() {
    for mode in [Mode::Open, TAP] {
        let mut conv = speaking(mode);
        assert_eq!(conv.all([STARTED, STOPPED]), [Action::Pause]);
        assert_eq!(conv.state(), State::Thinking);
        assert!(conv.accepts_audio_of("a"), "the service still sends it");
        let stopped = conv.now;
        assert_eq!(conv.at_deadline(), [Action::Resume]);
        assert_eq!((conv.now - stopped, conv.state()), (RESUME_AFTER, State::Speaking));
        assert_eq!(conv.all([done(ResponseStatus::Completed), DRAINED]), []);
        assert_eq!(conv.state(), State::Listening);
    }
}

#[test]
fn a_reply_that_ends_during_a_noise_is_played_to_its_end() {
    for status in [ResponseStatus::Completed, ResponseStatus::Incomplete, ResponseStatus::Failed] {
        // Before the end of the noise, only its commit is awaited.
        let mut conv = speaking(Mode::Open);
        assert_eq!(conv.all([STARTED, done(status), STOPPED]), [Action::Pause]);
        assert_eq!(conv.at_deadline(), [Action::Resume]);
        // After it, the service would have committed.
        let mut conv = speaking(Mode::Open);
        assert_eq!(conv.all([STARTED, STOPPED, done(status)]), [Action::Pause, Action::Resume]);
        assert_eq!(conv.state(), State::Speaking);
        let _ = conv.on(DRAINED);
        assert_eq!(conv.state(), State::Listening);
    }
}

#[test]
fn a_commit_a_cancel_or_a_new_reply_ends_a_silenced_reply() {
    let created = Event::Service(ServiceEvent::ReplyCreated(id("b")));
    for (decisive, state) in [
        (COMMITTED, State::Thinking),
        (done(ResponseStatus::Cancelled), State::Thinking),
        (created, State::Thinking),
    ] {
        let mut conv = speaking(Mode::Open);
        let _ = conv.all([STARTED, STOPPED]);
        conv.after(RESUME_AFTER - Duration::from_millis(1));
        assert_eq!(conv.on(decisive.clone()), [Action::Cut], "{decisive:?}");
        assert_eq!(conv.state(), state);
        assert!(!conv.accepts_audio_of("a"), "after {decisive:?}");
    }
}

#[test]
fn a_commit_after_the_reply_went_on_cuts_it() {
    let mut conv = speaking(Mode::Open);
    let _ = conv.all([STARTED, STOPPED]);
    assert_eq!(conv.at_deadline(), [Action::Resume]);
    conv.after(Duration::from_millis(300));
    assert_eq!(conv.on(COMMITTED), [Action::Cut]);
    assert_eq!((conv.state(), conv.accepts_audio_of("a")), (State::Thinking, false));
    assert_eq!(conv.on(COMMITTED), [], "it is committed once");
}

#[test]
fn a_second_noise_silences_the_reply_again() {
    let mut conv = speaking(Mode::Open);
    let _ = conv.all([STARTED, STOPPED]);
    let _ = conv.at_deadline();
    assert_eq!(conv.all([STARTED, STOPPED]), [Action::Pause]);
    assert_eq!(conv.at_deadline(), [Action::Resume]);
    // Two in a row, before the reply goes on.
    let _ = conv.all([STARTED, STOPPED]);
    conv.after(RESUME_AFTER / 2);
    assert_eq!(conv.on(STARTED), [], "it is silent already");
    assert_eq!(conv.on(STOPPED), []);
    assert_eq!(conv.at_deadline(), [Action::Resume]);
}

#[test]
fn speech_that_lasts_is_no_noise() {
    let mut conv = speaking(Mode::Open);
    let _ = conv.on(STARTED);
    let started = conv.now;
    assert_eq!(conv.at_deadline(), [Action::Cut]);
    assert_eq!((conv.now - started, conv.state()), (PAUSE_LIMIT, State::Listening));
    assert!(!conv.accepts_audio_of("a"));
    // Noises that follow each other are not waited for without end.
    let mut conv = speaking(Mode::Open);
    let started = conv.now;
    let mut actions = conv.on(STARTED);
    while conv.now - started < PAUSE_LIMIT_TOTAL {
        assert_eq!(*actions.as_slice(), *if conv.now == started { &[Action::Pause][..] } else { &[] });
        conv.after(RESUME_AFTER / 2);
        actions = conv.on(STOPPED);
        actions.extend(conv.on(STARTED));
        actions.extend(conv.on(Event::Tick));
    }
    assert_eq!(actions, [Action::Cut]);
}

#[test]
fn a_button_cuts_a_silenced_reply_for_good() {
    for stopped in [false, true] {
        let mut conv = speaking(Mode::Open);
        let _ = conv.on(STARTED);
        if stopped {
            let _ = conv.on(STOPPED);
        }
        assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut, Action::Cancel(id("a"))]);
        assert!(!conv.accepts_audio_of("a"));
        conv.after(PAUSE_LIMIT_TOTAL);
        assert_eq!(conv.on(Event::Tick), []);
    }
}

#[test]
fn a_muted_microphone_ends_the_noise() {
    let mut conv = speaking(Mode::Open);
    let _ = conv.on(STARTED);
    assert_eq!(conv.on(Event::Input(UserInput::Mute)), [Action::Clear]);
    assert_eq!(conv.at_deadline(), [Action::Resume]);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Speaking, false));
}

#[test]
fn a_lost_link_ends_a_silenced_reply() {
    for ready in [false, true] {
        let mut conv = Harness::up(Mode::Open);
        if ready {
            conv.ready_standby();
        }
        let _ = conv.all(turn("a"));
        let _ = conv.on(STARTED);
        let expected: &[Action] =
            if ready { &[Action::Cut, Action::SwitchToStandby] } else { &[Action::Cut] };
        assert_eq!(conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))), expected);
    }
}

#[test]
fn a_reply_that_begins_over_speech_is_heard_after_a_noise() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.on(STARTED);
    assert_eq!(conv.on(Event::Service(ServiceEvent::ReplyCreated(id("a")))), [Action::Pause]);
    let _ = conv.on(Event::Service(ServiceEvent::Audio(id("a"))));
    assert_eq!(conv.state(), State::Listening);
    let _ = conv.on(STOPPED);
    assert_eq!(conv.at_deadline(), [Action::Resume]);
    assert_eq!(conv.state(), State::Speaking);
}

#[test]
fn a_noise_before_the_first_audio_costs_no_reply() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a")[..4].to_vec());
    assert_eq!(conv.all([STARTED, STOPPED]), [Action::Pause]);
    assert_eq!(conv.at_deadline(), [Action::Resume]);
    assert_eq!(conv.state(), State::Thinking, "its audio is still to come");
    let _ = conv.on(Event::Service(ServiceEvent::Audio(id("a"))));
    assert_eq!(conv.state(), State::Speaking);
}

#[test]
fn a_press_after_a_mute_interrupts_what_a_noise_has_silenced() {
    let mut conv = speaking(Mode::Open);
    assert_eq!(conv.on(STARTED), [Action::Pause]);
    assert_eq!(conv.on(Event::Input(UserInput::Mute)), [Action::Clear]);
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut, Action::Cancel(id("a"))]);
    assert_eq!(conv.after(RESUME_AFTER).on(Event::Tick), [], "nothing is left to go on");
}

#[test]
fn with_the_setting_off_speech_interrupts_for_good() {
    let mut conv = speaking(Mode::Open);
    conv.conversation.set_resumes_replies(false);
    assert_eq!(conv.on(STARTED), [Action::Cut]);
    assert!(!conv.accepts_audio_of("a"));
    // The reply ends by itself, and no commit has come: nothing else will.
    let _ = conv.on(STOPPED);
    assert_eq!(conv.state(), State::Thinking);
    assert_eq!(conv.on(done(ResponseStatus::Completed)), []);
    assert_eq!(conv.state(), State::Listening);
}

fn speaking(mode: Mode) -> Harness {
    let mut conv = Harness::up(mode);
    if mode != Mode::Open {
        let _ = conv.on(Event::Input(UserInput::Press));
    }
    let _ = conv.all(turn("a"));
    assert_eq!(conv.state(), State::Speaking);
    conv
}

fn done(status: ResponseStatus) -> Event {
    Event::Service(ServiceEvent::ReplyDone(id("a"), status))
}
