//! Replies that no turn has asked for, and evidence that none is to come.

use std::time::Duration;

use mynah::conversation::{
    Action, COMMIT_LIMIT, DeviceEvent, Event, JUST_INTERRUPTED, Mode, NO_WORDS_LIMIT, Notice, ResponseStatus,
    STALL_LIMIT, ServiceEvent, State, THINK_LIMIT, UserInput,
};

use super::{Harness, TAP, held, id, turn};

#[test]
fn a_reply_that_the_service_begins_by_itself_is_heard() {
    for mode in [Mode::Open, TAP, Mode::Hold] {
        for progress in [None, Some(service(ServiceEvent::IdleTimeout))] {
            let mut conv = Harness::up(mode);
            let rest = (conv.state(), conv.microphone_open());
            let _ = conv.all(progress.into_iter().chain([created("a"), audio("a")]));
            assert_eq!(conv.state(), State::Speaking, "in {mode:?}");
            assert_eq!(conv.microphone_open(), rest.1, "no reply opens the microphone in {mode:?}");
            assert_eq!(conv.all([completed("a"), drained()]), []);
            assert_eq!((conv.state(), conv.microphone_open()), rest);
        }
    }
}

#[test]
fn a_second_reply_of_one_turn_is_heard_after_the_first() {
    // After the end of the first, while it plays, and before its end.
    for events in [
        vec![completed("a"), drained(), created("b"), audio("b")],
        vec![completed("a"), created("b"), audio("b"), drained()],
        vec![created("b"), audio("b"), completed("a"), drained()],
        vec![created("b"), completed("a"), drained(), audio("b")],
    ] {
        let mut conv = Harness::up(Mode::Open);
        let _ = conv.all(turn("a"));
        for event in &events {
            let is_heard = match event {
                Event::Service(ServiceEvent::Audio(reply)) => conv.accepts_audio_of(reply),
                _ => true,
            };
            assert!(is_heard, "{event:?} of {events:?}");
            assert_eq!(conv.on(event.clone()), [], "{event:?} of {events:?}");
        }
        assert_eq!(conv.state(), State::Speaking, "{events:?}");
        let _ = conv.all([completed("b"), drained()]);
        assert_eq!(conv.state(), State::Listening, "{events:?}");
    }
}

#[test]
fn a_reply_after_its_timeout_is_heard() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a")[..3].to_vec());
    assert_eq!(conv.at_deadline(), [Action::Cut, Action::Notify(Notice::NoReply)]);
    assert_eq!(conv.all([created("a"), audio("a")]), []);
    assert_eq!(conv.state(), State::Speaking);
}

#[test]
fn a_reply_that_the_user_has_just_interrupted_is_not_heard() {
    // One that was owed, as long as it may come, and one that follows by itself shortly after.
    for (events, limit) in [(3, THINK_LIMIT), (5, JUST_INTERRUPTED)] {
        for late in [false, true] {
            let mut conv = Harness::up(Mode::Open);
            let _ = conv.all(turn("a")[..events].to_vec());
            let _ = conv.on(Event::Input(UserInput::Press));
            conv.after(if late { limit } else { limit - Duration::from_millis(1) });
            let expected: &[Action] = if late { &[] } else { &[Action::Cancel(id("b"))] };
            assert_eq!(conv.on(created("b")), expected, "after {events} events");
            assert_eq!(conv.accepts_audio_of("b"), late);
            assert_eq!(conv.was_interrupted("b"), !late);
        }
    }
    // Speech asks for the next one.
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Input(UserInput::Press));
    let _ = conv.all(turn("b"));
    assert_eq!(conv.state(), State::Speaking);
    // While the user holds the button, nothing else speaks.
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.on(Event::Input(UserInput::Press));
    assert_eq!(conv.on(created("a")), [Action::Cancel(id("a"))]);
    assert_eq!(conv.on(held(900)), [Action::Commit], "the request waits for the end of that reply");
}

#[test]
fn a_pausing_reply_is_awaited_as_long_as_it_shows_life() {
    for named in [true, false] {
        let progress = || service(ServiceEvent::ReplyProgress(named.then(|| id("a"))));
        let mut conv = Harness::up(Mode::Open);
        let _ = conv.all(turn("a"));
        let _ = conv.on(drained());
        for _ in 0..60 {
            conv.after(STALL_LIMIT - Duration::from_millis(1));
            assert_eq!(conv.on(progress()), []);
            assert_eq!(conv.on(Event::Tick), []);
        }
        assert_eq!(conv.deadline(), Some(conv.now + STALL_LIMIT));
        // Before its first audio too.
        let mut conv = Harness::up(Mode::Open);
        let _ = conv.all(turn("a")[..4].to_vec());
        for _ in 0..60 {
            conv.after(THINK_LIMIT - Duration::from_millis(1));
            assert_eq!(conv.on(progress()), []);
            assert_eq!(conv.on(Event::Tick), []);
        }
        assert_eq!(conv.state(), State::Thinking);
    }
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(drained());
    conv.after(STALL_LIMIT / 2);
    let _ = conv.on(service(ServiceEvent::ReplyProgress(Some(id("z")))));
    assert_eq!(
        conv.deadline(),
        Some(conv.now + STALL_LIMIT / 2),
        "life of another reply is none of this one"
    );
}

#[test]
fn speech_that_is_not_committed_is_not_awaited_as_a_turn() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a")[..2].to_vec());
    conv.after(COMMIT_LIMIT);
    assert_eq!(conv.on(Event::Tick), [], "no reply was owed, so none is missed");
    assert_eq!(conv.state(), State::Listening);
    // A commit that comes later is awaited all the same.
    let _ = conv.on(service(ServiceEvent::Committed(None)));
    assert_eq!((conv.state(), conv.deadline()), (State::Thinking, Some(conv.now + THINK_LIMIT)));
}

#[test]
fn a_turn_without_words_is_awaited_shortly() {
    let transcribed = |item, words| service(ServiceEvent::Transcribed { item: Some(id(item)), words });
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a")[..2].to_vec());
    let _ = conv.on(service(ServiceEvent::Committed(Some(id("u2")))));
    let _ = conv.on(transcribed("u1", false));
    assert_eq!(conv.deadline(), Some(conv.now + THINK_LIMIT), "another item had no words");
    let _ = conv.on(transcribed("u2", false));
    conv.after(NO_WORDS_LIMIT - Duration::from_millis(1));
    assert_eq!((conv.on(Event::Tick).len(), conv.state()), (0, State::Thinking));
    conv.after(Duration::from_millis(1));
    assert_eq!((conv.on(Event::Tick).len(), conv.state()), (0, State::Listening));
    // A reply that has begun is not doubted.
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a")[..4].to_vec());
    let _ = conv.on(service(ServiceEvent::Transcribed { item: None, words: false }));
    assert_eq!(conv.deadline(), Some(conv.now + THINK_LIMIT));
}

#[test]
fn a_late_delta_of_a_finished_reply_proves_nothing() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.all([completed("a"), drained()]);
    assert!(!conv.accepts_audio_of("a"));
    assert!(!conv.was_interrupted("a"), "what was heard is not deleted");
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Input(UserInput::Press));
    assert!(conv.was_interrupted("a"), "an item that begins after the interruption is not heard");
}

fn service(event: ServiceEvent) -> Event {
    Event::Service(event)
}

fn created(reply: &str) -> Event {
    service(ServiceEvent::ReplyCreated(id(reply)))
}

fn audio(reply: &str) -> Event {
    service(ServiceEvent::Audio(id(reply)))
}

fn completed(reply: &str) -> Event {
    service(ServiceEvent::ReplyDone(id(reply), ResponseStatus::Completed))
}

fn drained() -> Event {
    Event::Device(DeviceEvent::Drained)
}
