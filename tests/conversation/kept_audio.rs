//! What happens to captured audio that is kept for another session.

use mynah::conversation::{
    CloseReason, DeviceEvent, Event, KeptAudio, LinkChange, Mode, ServiceEvent, StandbyChange, State,
    UserInput,
};

use super::{Harness, TAP, held, id, turn};

#[test]
fn each_event_decides_what_happens_to_kept_audio() {
    let idle = Harness::up(TAP);
    for (event, expected) in [
        (Event::Input(UserInput::Press), KeptAudio::Discard),
        (held(900), KeptAudio::Keep),
        (Event::Input(UserInput::Mute), KeptAudio::Keep),
        (Event::Device(DeviceEvent::Drained), KeptAudio::ReleaseSent),
        (Event::Device(DeviceEvent::Speaker { there: false }), KeptAudio::Keep),
        (Event::Link(LinkChange::Down(CloseReason::Transient)), KeptAudio::SendAgain),
        (Event::Link(LinkChange::Configured), KeptAudio::Keep),
        (Event::Standby(StandbyChange::Down(CloseReason::Transient)), KeptAudio::Keep),
        (Event::Service(ServiceEvent::SpeechStarted), KeptAudio::Keep),
        (Event::Service(ServiceEvent::SpeechStopped), KeptAudio::ReleaseSent),
        (Event::Service(ServiceEvent::ReplyCreated(id("a"))), KeptAudio::Keep),
        (Event::Tick, KeptAudio::Keep),
    ] {
        assert_eq!(idle.kept_audio(&event), expected, "{event:?}");
    }
}

#[test]
fn a_press_keeps_the_speech_of_an_open_microphone() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    assert!(conv.microphone_open());
    assert_eq!(conv.kept_audio(&Event::Input(UserInput::Press)), KeptAudio::Keep);
}

#[test]
fn with_a_closed_microphone_only_a_complete_turn_waits() {
    let mut conv = Harness::begin(Mode::Hold);
    assert!(!conv.keeps_unsent_audio(), "nothing was said");
    let _ = conv.on(Event::Input(UserInput::Press));
    assert!(conv.keeps_unsent_audio(), "the microphone is open");
    let _ = conv.on(held(900));
    assert!(!conv.microphone_open() && conv.state() == State::Thinking);
    assert!(conv.keeps_unsent_audio(), "the turn is complete");
    let _ = conv.on(Event::Input(UserInput::Mute));
    let _ = conv.on(Event::Input(UserInput::Reset));
    assert!(!conv.keeps_unsent_audio(), "it was reset");
}
