//! Scenarios of users, networks and the service, event by event.

use std::time::Duration;

use mynah::conversation::{
    Action, CONFIGURE_LIMIT, CloseReason, DEFERRED_CREATE_LIMIT, DIAL_LIMIT, DeviceEvent, Event, Exit,
    INPUT_ENDED_WAIT, LinkChange, Mode, Notice, RETRY_SPACING, ResponseStatus, SPEAKER_WAIT_LIMIT,
    STALL_LIMIT, ServerError, ServiceEvent, State, THINK_LIMIT, UserInput,
};

use super::{Harness, TAP, held, id, turn};

#[test]
fn a_turn_in_open_mode_needs_only_a_cut() {
    let mut conv = Harness::up(Mode::Open);
    assert_eq!(conv.all(turn("a")), [Action::Cut], "the cut stops audio from before a reconnect");
    assert_eq!(conv.state(), State::Speaking);
    let rest = [
        Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)),
        Event::Device(DeviceEvent::Drained),
    ];
    assert_eq!(conv.all(rest), []);
    assert_eq!(conv.state(), State::Listening);
}

#[test]
fn barge_in_by_voice_cuts_without_response_cancel() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    assert_eq!(conv.on(Event::Service(ServiceEvent::SpeechStarted)), [Action::Pause]);
    assert_eq!(
        conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Cancelled))),
        [Action::Cut]
    );
    assert!(!conv.accepts_audio_of("a"), "late audio of the cut reply is discarded");
    let _ = conv.all([
        Event::Service(ServiceEvent::SpeechStopped),
        Event::Service(ServiceEvent::Committed(None)),
        Event::Service(ServiceEvent::ReplyCreated(id("b"))),
    ]);
    assert!(conv.accepts_audio_of("b") && !conv.accepts_audio_of("a"));
}

#[test]
fn barge_in_after_the_reply_was_sent_cuts_playback() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)));
    assert_eq!(conv.state(), State::Speaking);
    assert_eq!(conv.on(Event::Service(ServiceEvent::SpeechStarted)), [Action::Pause]);
    assert_eq!(conv.state(), State::Listening);
    let _ = conv.on(Event::Service(ServiceEvent::SpeechStopped));
    assert_eq!(conv.on(Event::Service(ServiceEvent::Committed(None))), [Action::Cut]);
}

#[test]
fn a_press_cuts_and_cancels_the_reply() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut, Action::Cancel(id("a"))]);
    assert!(!conv.accepts_audio_of("a"));
    assert_eq!(conv.state(), State::Listening);
}

#[test]
fn a_press_after_response_done_only_cuts() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)));
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut]);
}

#[test]
fn a_press_before_response_created_cancels_the_reply_later() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all([
        Event::Service(ServiceEvent::SpeechStarted),
        Event::Service(ServiceEvent::SpeechStopped),
        Event::Service(ServiceEvent::Committed(None)),
    ]);
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut]);
    assert_eq!(conv.on(Event::Service(ServiceEvent::ReplyCreated(id("a")))), [Action::Cancel(id("a"))]);
    assert!(!conv.accepts_audio_of("a"));
}

#[test]
fn a_tap_opens_the_microphone_and_silence_closes_it() {
    let mut conv = Harness::up(TAP);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Idle, false));
    let _ = conv.on(Event::Input(UserInput::Press));
    assert!(conv.microphone_open());
    assert_eq!(conv.at_deadline(), [Action::Clear]);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Idle, false));
}

#[test]
fn tap_mode_listens_after_a_reply_until_silence() {
    let mut conv = Harness::up(TAP);
    let _ = conv.on(Event::Input(UserInput::Press));
    let _ = conv.all(turn("a"));
    let _ = conv.all([
        Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)),
        Event::Device(DeviceEvent::Drained),
    ]);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Listening, true));
    assert_eq!(conv.at_deadline(), [Action::Clear]);
    assert_eq!(conv.state(), State::Idle);
}

#[test]
fn push_to_talk_commits_and_creates_once_on_release() {
    let mut conv = Harness::up(Mode::Hold);
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut, Action::Clear]);
    assert!(conv.microphone_open());
    assert_eq!(conv.on(held(1200)), [Action::Commit, Action::Create]);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Thinking, false));
}

#[test]
fn a_press_shorter_than_150_ms_is_cleared() {
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.on(Event::Input(UserInput::Press));
    assert_eq!(conv.on(held(149)), [Action::Clear, Action::Notify(Notice::TooShort)]);
    assert_eq!(conv.state(), State::Idle);
    let _ = conv.on(Event::Input(UserInput::Press));
    assert_eq!(conv.on(held(150)), [Action::Commit, Action::Create]);
}

#[test]
fn push_to_talk_over_a_reply_defers_create_until_its_end() {
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.all([
        Event::Input(UserInput::Press),
        held(900),
        Event::Service(ServiceEvent::ReplyCreated(id("a"))),
        Event::Service(ServiceEvent::Audio(id("a"))),
    ]);
    assert_eq!(
        conv.on(Event::Input(UserInput::Press)),
        [Action::Cut, Action::Cancel(id("a")), Action::Clear]
    );
    assert_eq!(conv.on(held(900)), [Action::Commit], "only one reply at a time");
    assert_eq!(
        conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Cancelled))),
        [Action::Create]
    );
    let _ = conv.on(Event::Service(ServiceEvent::ReplyCreated(id("b"))));
    assert!(conv.accepts_audio_of("b"));
}

#[test]
fn a_deferred_reply_has_its_own_timeout() {
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.all([
        Event::Input(UserInput::Press),
        held(900),
        Event::Service(ServiceEvent::ReplyCreated(id("a"))),
        Event::Input(UserInput::Press),
        held(900),
    ]);
    conv.after(DEFERRED_CREATE_LIMIT - Duration::from_millis(1));
    assert_eq!(
        conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Cancelled))),
        [Action::Create]
    );
    assert_eq!(conv.deadline(), Some(conv.now + THINK_LIMIT));
}

#[test]
fn push_to_talk_twice_never_plays_the_first_reply() {
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.all([Event::Input(UserInput::Press), held(900), Event::Input(UserInput::Press)]);
    assert_eq!(conv.on(held(900)), [Action::Commit]);
    assert_eq!(conv.on(Event::Service(ServiceEvent::ReplyCreated(id("a")))), [Action::Cancel(id("a"))]);
    assert!(!conv.accepts_audio_of("a"));
    assert_eq!(
        conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Cancelled))),
        [Action::Create]
    );
}

#[test]
fn a_missing_response_done_delays_the_next_turn_by_3_s() {
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.all([
        Event::Input(UserInput::Press),
        held(900),
        Event::Service(ServiceEvent::ReplyCreated(id("a"))),
        Event::Service(ServiceEvent::Audio(id("a"))),
    ]);
    assert_eq!(
        conv.on(Event::Input(UserInput::Press)),
        [Action::Cut, Action::Cancel(id("a")), Action::Clear]
    );
    assert_eq!(conv.on(held(900)), [Action::Commit]);
    assert_eq!(conv.deadline(), Some(conv.now + DEFERRED_CREATE_LIMIT));
    conv.after(DEFERRED_CREATE_LIMIT);
    assert_eq!(conv.on(Event::Tick), [Action::Create]);
    assert_eq!(
        conv.all([
            Event::Service(ServiceEvent::ReplyCreated(id("b"))),
            Event::Service(ServiceEvent::Audio(id("b")))
        ]),
        []
    );
    assert_eq!(conv.state(), State::Speaking);
}

#[test]
fn create_is_repeated_until_the_turn_times_out() {
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.all([
        Event::Input(UserInput::Press),
        held(900),
        Event::Service(ServiceEvent::ReplyCreated(id("a"))),
        Event::Input(UserInput::Press),
        held(900),
    ]);
    for _ in 0..9 {
        conv.after(DEFERRED_CREATE_LIMIT);
        assert_eq!(conv.on(Event::Tick), [Action::Create]);
        assert_eq!(conv.on(Event::Service(ServiceEvent::Refused(ServerError::ReplyInProgress))), []);
    }
    conv.after(DEFERRED_CREATE_LIMIT);
    assert_eq!(conv.on(Event::Tick), [Action::Cut, Action::Notify(Notice::NoReply)]);
}

#[test]
fn an_early_create_is_repeated_after_the_reply_in_progress() {
    let mut conv = Harness::up(Mode::Hold);
    let _ = conv.all([Event::Input(UserInput::Press), held(900)]);
    assert_eq!(conv.on(Event::Service(ServiceEvent::Refused(ServerError::ReplyInProgress))), []);
    assert_eq!(
        conv.on(Event::Service(ServiceEvent::ReplyDone(id("x"), ResponseStatus::Completed))),
        [Action::Create]
    );
}

#[test]
fn a_press_while_connecting_opens_the_microphone() {
    for mode in [TAP, Mode::Hold] {
        let mut conv = Harness::begin(mode);
        let _ = conv.on(Event::Input(UserInput::Press));
        assert!(conv.microphone_open() && !conv.is_configured());
        assert_eq!(conv.state(), State::Listening);
        assert_eq!(
            conv.all([Event::Link(LinkChange::Up), Event::Link(LinkChange::Configured)]),
            [Action::Configure]
        );
        assert!(conv.microphone_open() && conv.is_configured());
    }
}

#[test]
fn push_to_talk_before_the_link_is_up_becomes_a_turn() {
    let mut conv = Harness::begin(Mode::Hold);
    let _ = conv.all([Event::Input(UserInput::Press), held(1500), Event::Link(LinkChange::Up)]);
    assert!(!conv.microphone_open());
    assert_eq!(conv.on(Event::Link(LinkChange::Configured)), [Action::Commit, Action::Create]);
    assert_eq!(conv.state(), State::Thinking);
}

#[test]
fn mute_clears_an_unfinished_turn_but_keeps_the_reply() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.on(Event::Service(ServiceEvent::SpeechStarted));
    assert_eq!(conv.on(Event::Input(UserInput::Mute)), [Action::Clear]);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Muted, false));
    let _ = conv.on(Event::Input(UserInput::Mute));
    assert!(conv.microphone_open());
    let _ = conv.all(turn("a"));
    assert_eq!(conv.on(Event::Input(UserInput::Mute)), []);
    assert_eq!((conv.state(), conv.microphone_open()), (State::Speaking, false));
    let _ = conv.all([
        Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)),
        Event::Device(DeviceEvent::Drained),
    ]);
    assert_eq!(conv.state(), State::Muted);
}

#[test]
fn a_button_cannot_override_the_mute_switch() {
    let mut conv = Harness::up(Mode::Open);
    assert_eq!(conv.on(Event::Input(UserInput::MuteSwitch(true))), [Action::Clear]);
    assert_eq!(conv.on(Event::Input(UserInput::Mute)), [Action::Notify(Notice::MuteSwitched)]);
    assert!(conv.muted() && !conv.muted_by_button());
    assert_eq!(conv.on(Event::Input(UserInput::MuteSwitch(false))), []);
    assert_eq!(conv.state(), State::Listening);
}

#[test]
fn turning_the_mute_switch_off_also_unmutes_the_button() {
    let mut conv = Harness::up(TAP);
    let _ = conv.all([
        Event::Input(UserInput::Mute),
        Event::Input(UserInput::MuteSwitch(true)),
        Event::Input(UserInput::MuteSwitch(false)),
    ]);
    assert!(!conv.muted());
}

#[test]
fn a_reply_survives_a_short_speaker_disconnect() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    assert_eq!(conv.on(Event::Device(DeviceEvent::Speaker { there: false })), []);
    let _ = conv.after(SPEAKER_WAIT_LIMIT / 2).on(Event::Tick);
    let _ = conv.on(Event::Device(DeviceEvent::Speaker { there: true }));
    assert_eq!(conv.after(SPEAKER_WAIT_LIMIT).on(Event::Tick), []);
    assert!(conv.accepts_audio_of("a"));
}

#[test]
fn replies_are_abandoned_while_the_speaker_is_missing() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Device(DeviceEvent::Speaker { there: false }));
    let actions = conv.at_deadline();
    assert_eq!(actions, [Action::Cut, Action::Cancel(id("a")), Action::Notify(Notice::NoSpeaker)]);
    assert_eq!(conv.state(), State::Listening);
    let _ = conv.all([
        Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Cancelled)),
        Event::Service(ServiceEvent::SpeechStarted),
        Event::Service(ServiceEvent::SpeechStopped),
    ]);
    let actions = conv.on(Event::Service(ServiceEvent::ReplyCreated(id("b"))));
    assert_eq!(actions, [Action::Cut, Action::Cancel(id("b")), Action::Notify(Notice::NoSpeaker)]);
    assert!(!conv.accepts_audio_of("b"));
    let _ = conv.all([
        Event::Service(ServiceEvent::ReplyDone(id("b"), ResponseStatus::Cancelled)),
        Event::Device(DeviceEvent::Speaker { there: true }),
    ]);
    let _ = conv.all(turn("c"));
    assert_eq!(conv.state(), State::Speaking);
}

#[test]
fn reset_ends_the_session_mutes_and_redials() {
    for mutes_before in [false, true] {
        let mut conv = Harness::up(Mode::Open);
        if mutes_before {
            let _ = conv.on(Event::Input(UserInput::Mute));
        }
        assert_eq!(conv.on(Event::Input(UserInput::Reset)), [Action::Cut, Action::HangUp]);
        assert!(conv.muted());
        assert_eq!(conv.at_deadline(), [Action::Dial]);
    }
}

#[test]
fn a_press_while_muted_raises_a_notice() {
    let mut conv = Harness::up(TAP);
    let _ = conv.on(Event::Input(UserInput::Mute));
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut, Action::Notify(Notice::Muted)]);
    assert!(!conv.microphone_open());
}

#[test]
fn a_turn_without_a_reply_times_out() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a")[..3].to_vec());
    conv.after(THINK_LIMIT);
    assert_eq!(conv.on(Event::Tick), [Action::Cut, Action::Notify(Notice::NoReply)]);
    assert_eq!(conv.state(), State::Listening);
}

#[test]
fn a_stalled_reply_is_cancelled() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Device(DeviceEvent::Drained));
    conv.after(STALL_LIMIT);
    assert_eq!(
        conv.on(Event::Tick),
        [Action::Cut, Action::Cancel(id("a")), Action::Notify(Notice::ReplyStalled)]
    );
    assert_eq!(conv.state(), State::Listening);
}

#[test]
fn a_drained_reply_continues_when_more_audio_arrives() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Device(DeviceEvent::Drained));
    let _ = conv.on(Event::Service(ServiceEvent::Audio(id("a"))));
    assert_eq!(conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed))), []);
    assert_eq!(conv.state(), State::Speaking);
    let _ = conv.on(Event::Device(DeviceEvent::Drained));
    assert_eq!(conv.state(), State::Listening);
}

#[test]
fn a_failed_reply_raises_a_notice() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a").into_iter().take(4));
    assert_eq!(
        conv.on(Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Failed))),
        [Action::Notify(Notice::ReplyFailed)]
    );
    assert_eq!(conv.state(), State::Listening);
}

#[test]
fn dialling_and_configuring_have_deadlines() {
    let mut conv = Harness::begin(Mode::Open);
    assert_eq!(conv.after(DIAL_LIMIT).on(Event::Tick), [Action::HangUp]);
    assert_eq!(conv.state(), State::Offline);
    assert_eq!(conv.at_deadline(), [Action::Dial]);
    let _ = conv.on(Event::Link(LinkChange::Up));
    assert_eq!(
        conv.after(CONFIGURE_LIMIT).on(Event::Tick),
        [Action::HangUp, Action::Notify(Notice::NoSession)]
    );
}

#[test]
fn retry_delays_grow_up_to_a_limit() {
    let mut conv = Harness::begin(Mode::Open);
    let mut last = conv.now;
    let mut gaps = Vec::new();
    for _ in 0..12 {
        let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
        assert_eq!(conv.at_deadline(), [Action::Dial]);
        gaps.push(conv.now - last);
        last = conv.now;
    }
    assert!(gaps.iter().all(|gap| *gap >= RETRY_SPACING), "{gaps:?}");
    let late: Duration = gaps[6..].iter().sum();
    assert!(late > Duration::from_secs(40), "the backoff did not grow: {gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= Duration::from_secs(33)), "{gaps:?}");
}

#[test]
fn a_press_retries_at_once_whatever_delay_the_service_asks_for() {
    let asked = Event::Link(LinkChange::Down(CloseReason::RetryAfter(Duration::from_secs(45))));
    let mut conv = Harness::begin(Mode::Open);
    let _ = conv.on(asked.clone());
    let began = conv.now;
    while conv.at_deadline() != [Action::Dial] {}
    assert!(conv.now - began >= Duration::from_secs(45), "without a press the delay is kept");
    let _ = conv.after(RETRY_SPACING).on(asked.clone());
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut, Action::Dial]);
    // But no more often than the service's limit of connections allows.
    let _ = conv.on(asked);
    let dialled = conv.now;
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut]);
    while conv.at_deadline() != [Action::Dial] {}
    assert_eq!(conv.now - dialled, RETRY_SPACING);
}

#[test]
fn a_press_offline_dials_no_earlier_than_the_retry_spacing() {
    let mut conv = Harness::begin(TAP);
    for _ in 0..8 {
        let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
        let _ = conv.at_deadline();
    }
    let _ = conv.after(RETRY_SPACING).on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    assert_eq!(conv.on(Event::Input(UserInput::Press)), [Action::Cut, Action::Dial]);
    let _ = conv.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
    let _ = conv.on(Event::Input(UserInput::Press));
    assert_eq!(
        conv.on(Event::Input(UserInput::Press)),
        [Action::Cut],
        "RETRY_SPACING has to pass between dials"
    );
    assert_eq!(conv.at_deadline(), [Action::Dial]);
}

#[test]
fn rejected_credentials_exit_as_misconfigured() {
    let mut conv = Harness::begin(Mode::Open);
    assert_eq!(
        conv.on(Event::Link(LinkChange::Down(CloseReason::Permanent))),
        [Action::Finish(Exit::Misconfigured)]
    );
    assert_eq!(conv.deadline(), None);
}

#[test]
fn exit_waits_for_the_close_frame_or_its_timeout() {
    let mut conv = Harness::up(Mode::Open);
    assert_eq!(conv.on(Event::Input(UserInput::Leave)), [Action::Cut, Action::HangUp]);
    assert!(!conv.microphone_open());
    assert_eq!(conv.at_deadline(), [Action::Finish(Exit::Requested)]);
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.on(Event::Input(UserInput::Leave));
    assert_eq!(
        conv.on(Event::Link(LinkChange::Down(CloseReason::Transient))),
        [Action::Finish(Exit::Requested)]
    );
    let mut conv = Harness::begin(Mode::Open);
    assert_eq!(
        conv.on(Event::Input(UserInput::Leave)),
        [Action::Cut, Action::HangUp, Action::Finish(Exit::Requested)]
    );
}

#[test]
fn after_the_wav_input_ends_the_reply_plays_before_exit() {
    let mut conv = Harness::up(Mode::Open);
    let _ = conv.all(turn("a"));
    let _ = conv.on(Event::Device(DeviceEvent::InputEnded));
    let _ = conv.all([
        Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed)),
        Event::Device(DeviceEvent::Drained),
    ]);
    assert_eq!(conv.deadline(), Some(conv.now + INPUT_ENDED_WAIT));
    assert_eq!(conv.at_deadline(), [Action::Cut, Action::HangUp]);
}

#[test]
fn an_expired_session_is_redialled() {
    let mut conv = Harness::up(Mode::Open);
    conv.after(Duration::from_secs(3600));
    assert_eq!(conv.on(Event::Service(ServiceEvent::Refused(ServerError::SessionExpired))), [Action::HangUp]);
    assert_eq!(conv.state(), State::Offline);
    assert_eq!(conv.at_deadline(), [Action::Dial]);
}
