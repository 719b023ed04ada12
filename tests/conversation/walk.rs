//! Random walks: the invariants hold for every order of events, and the device returns to rest.

use mynah::conversation::{
    Action, CONFIRM_LIMIT, CloseReason, DEFERRED_CREATE_LIMIT, DUCK_LIMIT, DeviceEvent, Earcon, Event,
    LinkChange, Mode, Notice, ResponseStatus, SESSION_LIFETIME, ServerError, ServiceEvent, StandbyChange,
    State, UserInput,
};
use mynah::model::{TalkEvidence, Time};
use proptest::prelude::*;
use std::time::Duration;

use super::{Harness, TAP, held, id};

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_breaks_an_invariant_or_gets_stuck(
        mode in prop::sample::select(vec![Mode::Open, TAP, Mode::Hold]),
        steps in prop::collection::vec((event(), 0u64..4000), 1..120),
    ) {
        let mut conv = Harness::begin(mode);
        let mut seen = Seen { links: 1, ..Seen::default() };
        for (event, wait) in steps {
            conv.after(Duration::from_millis(wait));
            let event = seen.named(event);
            begin_unknown_reply(&mut conv, &mut seen, &event)?;
            step(&mut conv, &mut seen, &event)?;
            if conv.deadline().is_some_and(|deadline| conv.now >= deadline) {
                step(&mut conv, &mut seen, &Event::Tick)?;
            }
        }
        comes_to_rest(&mut conv, &mut seen)?;
    }
}

/// The stage of the standby link.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum StandbyStage {
    #[default]
    None,
    Dialled,
    Up,
    Configured,
}

/// What an observer of events and actions knows.
#[derive(Default)]
pub(crate) struct Seen {
    links: u32,
    standby: StandbyStage,
    created: u32,
    cut: Vec<String>,
    playing: Option<String>,
    /// When a reply was requested that the service has not answered.
    requested: Option<Time>,
    finished: bool,
    /// A reply is paused.
    paused: bool,
    /// The earcon of a lost link was played, and that of its return was not.
    told_offline: bool,
    /// Since when a reply is turned down, and since when there is no evidence of a talker.
    ducked_since: Option<Time>,
    quiet_since: Option<Time>,
}

impl Seen {
    /// Replaces the reply in an event: a created reply gets a new id, and other events one of the latest ids.
    pub(crate) fn named(&mut self, event: Event) -> Event {
        let latest = |age: &str| id(&format!("r{}", self.created.saturating_sub(age.len() as u32)));
        match event {
            Event::Service(ServiceEvent::ReplyCreated(_)) => {
                self.created += 1;
                Event::Service(ServiceEvent::ReplyCreated(id(&format!("r{}", self.created))))
            }
            Event::Service(ServiceEvent::Audio(age)) => Event::Service(ServiceEvent::Audio(latest(&age))),
            Event::Service(ServiceEvent::ReplyDone(age, status)) => {
                Event::Service(ServiceEvent::ReplyDone(latest(&age), status))
            }
            other => other,
        }
    }
}

/// Begins a reply with its first audio, as the session does.
fn begin_unknown_reply(conv: &mut Harness, seen: &mut Seen, event: &Event) -> Result<(), TestCaseError> {
    match event {
        Event::Service(ServiceEvent::Audio(reply)) if !conv.knows_reply(reply) => {
            step(conv, seen, &Event::Service(ServiceEvent::ReplyCreated(reply.clone())))
        }
        _ => Ok(()),
    }
}

fn step(conv: &mut Harness, seen: &mut Seen, event: &Event) -> Result<(), TestCaseError> {
    match event {
        Event::Link(LinkChange::Down(_)) => {
            (seen.links, seen.requested, seen.playing) = (0, None, None);
            seen.cut.clear();
        }
        Event::Input(UserInput::Reset) => seen.told_offline = false,
        // Events of a standby link that does not exist are ignored.
        Event::Standby(StandbyChange::Up) if seen.standby == StandbyStage::Dialled => {
            seen.standby = StandbyStage::Up
        }
        Event::Standby(StandbyChange::Configured(_)) if seen.standby == StandbyStage::Up => {
            seen.standby = StandbyStage::Configured
        }
        Event::Standby(StandbyChange::Down(_)) => seen.standby = StandbyStage::None,
        Event::Service(ServiceEvent::Audio(reply)) if conv.accepts_audio_of(reply) => {
            prop_assert!(
                !seen.cut.contains(&reply.to_string()),
                "audio of {reply} is accepted after its cut"
            );
            seen.playing = Some(reply.to_string());
        }
        Event::Service(ServiceEvent::ReplyDone(..))
        | Event::Service(ServiceEvent::Refused(ServerError::ReplyInProgress))
        | Event::Service(ServiceEvent::ReplyCreated(_)) => seen.requested = None,
        _ => {}
    }
    let before = conv.conversation.clone();
    for action in conv.conversation.handle(event, conv.now) {
        prop_assert!(!seen.finished, "{action:?} after the end");
        match action {
            Action::Dial => {
                prop_assert_eq!(seen.links, 0, "two active links");
                seen.links = 1;
            }
            Action::HangUp => {
                (seen.links, seen.requested, seen.standby) = (0, None, StandbyStage::None);
                (seen.playing, seen.cut) = (None, Vec::new());
            }
            Action::DialStandby => {
                prop_assert!(
                    seen.links == 1 && before.is_configured(),
                    "a standby link without a configured session"
                );
                prop_assert!(seen.standby == StandbyStage::None, "two standby links");
                seen.standby = StandbyStage::Dialled;
            }
            Action::ConfigureStandby => {
                prop_assert!(seen.standby == StandbyStage::Up, "a standby link is configured before it is up")
            }
            Action::DropStandby => seen.standby = StandbyStage::None,
            Action::SwitchToStandby => {
                prop_assert!(seen.standby != StandbyStage::None, "a switch without a standby link");
                let stays_online = conv.is_configured();
                prop_assert!(
                    !stays_online || seen.standby == StandbyStage::Configured,
                    "an unconfigured session is in use"
                );
                let is_error = matches!(
                    event,
                    Event::Service(
                        ServiceEvent::Refused(_) | ServiceEvent::ReplyDone(_, ResponseStatus::Refused(_))
                    )
                );
                let link_unusable = seen.links == 0 || is_error;
                prop_assert!(
                    stays_online || link_unusable,
                    "a usable session is replaced by an unconfigured link"
                );
                (seen.links, seen.standby, seen.requested) = (1, StandbyStage::None, None);
                (seen.playing, seen.cut) = (None, Vec::new());
            }
            Action::Cut => {
                seen.cut.extend(seen.playing.take());
                seen.paused = false;
            }
            Action::Pause => {
                prop_assert!(!seen.paused, "a paused reply is paused again");
                seen.paused = true;
            }
            Action::Resume => {
                prop_assert!(seen.paused, "a reply goes on that was not paused");
                seen.paused = false;
            }
            Action::Create => {
                let waited =
                    seen.requested.is_none_or(|requested| conv.now >= requested + DEFERRED_CREATE_LIMIT);
                prop_assert!(waited, "two replies requested at once");
                prop_assert!(before.is_configured() || conv.is_configured());
                seen.requested = Some(conv.now);
            }
            Action::Commit | Action::Clear => {
                prop_assert!(before.is_configured() || conv.is_configured())
            }
            Action::Finish(_) => seen.finished = true,
            // A reply that timed out is no longer expected.
            Action::Notify(Notice::NoReply) => seen.requested = None,
            Action::PlayEarcon(earcon) => {
                let disconnected = earcon == Earcon::Disconnected;
                prop_assert!(seen.told_offline != disconnected, "{earcon:?} twice, or without the other");
                seen.told_offline = disconnected;
            }
            Action::Configure | Action::Cancel(_) | Action::Notify(_) => {}
        }
    }
    check_duck(conv, seen, event)?;
    let (state, microphone) = (conv.state(), conv.microphone_open());
    prop_assert!(!seen.paused || conv.is_configured(), "a reply stays paused without a session");
    prop_assert!(!seen.paused || state != State::Speaking, "a paused reply is shown as playing");
    prop_assert!(!(conv.muted() && microphone), "an open microphone while muted");
    prop_assert!(
        !(microphone && matches!(state, State::Idle | State::Muted)),
        "{state:?} with an open microphone"
    );
    prop_assert!(!before.is_at_rest() || before.is_configured(), "at rest without a session");
    prop_assert!(
        seen.standby == StandbyStage::None || conv.is_configured(),
        "a standby link without a configured session"
    );
    prop_assert!(state != State::Listening || microphone, "listening with a closed microphone");
    Ok(())
}

/// Checks that a reply is turned down only while somebody can talk over it, and never for long without the service's word.
fn check_duck(conv: &Harness, seen: &mut Seen, event: &Event) -> Result<(), TestCaseError> {
    if let Event::Device(DeviceEvent::Talk(evidence)) = event {
        // The tick that ends the duck may come after the evidence that begins another.
        let is_new = seen.quiet_since.is_some_and(|since| conv.now >= since + CONFIRM_LIMIT);
        if is_new && *evidence != TalkEvidence::None {
            seen.ducked_since = None;
        }
        seen.quiet_since = (*evidence == TalkEvidence::None).then(|| seen.quiet_since.unwrap_or(conv.now));
    }
    if conv.duck() == TalkEvidence::None {
        seen.ducked_since = None;
        return Ok(());
    }
    prop_assert!(
        conv.state() == State::Speaking && conv.microphone_open(),
        "{:?} is turned down",
        conv.state()
    );
    let limit = *seen.ducked_since.get_or_insert(conv.now) + DUCK_LIMIT;
    let until = seen.quiet_since.map_or(limit, |since| limit.min(since + CONFIRM_LIMIT));
    prop_assert!(conv.now < until, "turned down for too long");
    prop_assert!(conv.deadline().is_some_and(|deadline| deadline <= until), "nothing ends the duck");
    Ok(())
}

/// Checks that time alone, with a working network, brings the device to rest from any state.
fn comes_to_rest(conv: &mut Harness, seen: &mut Seen) -> Result<(), TestCaseError> {
    for _ in 0..40 {
        if seen.finished || conv.is_at_rest() {
            return Ok(());
        }
        conv.now = conv.deadline().expect("a phase that is not at rest has a deadline");
        step(conv, seen, &Event::Tick)?;
        if seen.links == 1 && !conv.is_configured() {
            step(conv, seen, &Event::Link(LinkChange::Up))?;
            step(conv, seen, &Event::Link(LinkChange::Configured))?;
        }
        if seen.standby == StandbyStage::Dialled {
            step(conv, seen, &Event::Standby(StandbyChange::Up))?;
            step(conv, seen, &Event::Standby(StandbyChange::Configured(SESSION_LIFETIME)))?;
        }
    }
    Err(TestCaseError::fail(format!("stuck in {:?}", conv.conversation)))
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    // The length of the name is the number of replies before the latest.
    let reply = || prop::sample::select(vec!["", "", "1", "22"]).prop_map(id);
    prop_oneof![
        3 => Just(Event::Input(UserInput::Press)),
        2 => (0u64..2000).prop_map(held),
        1 => Just(Event::Input(UserInput::Mute)),
        1 => any::<bool>().prop_map(|it| Event::Input(UserInput::MuteSwitch(it))),
        1 => any::<bool>().prop_map(|there| Event::Device(DeviceEvent::Speaker { there })),
        1 => Just(Event::Input(UserInput::Reset)),
        3 => Just(Event::Link(LinkChange::Up)),
        1 => prop::sample::select(vec![CloseReason::Transient, CloseReason::RetryAfter(Duration::from_secs(9))]).prop_map(|it| Event::Link(LinkChange::Down(it))),
        3 => Just(Event::Link(LinkChange::Configured)),
        2 => (0u64..1200).prop_map(|s| Event::Link(LinkChange::Expires(Duration::from_secs(s)))),
        3 => Just(Event::Standby(StandbyChange::Up)),
        3 => (0u64..3600).prop_map(|s| Event::Standby(StandbyChange::Configured(Duration::from_secs(s)))),
        1 => Just(Event::Standby(StandbyChange::Refused)),
        1 => prop::sample::select(vec![ServerError::Rejected, ServerError::RateLimited, ServerError::Internal, ServerError::Other])
            .prop_map(|it| Event::Standby(StandbyChange::Error(it))),
        1 => prop::sample::select(vec![CloseReason::Transient, CloseReason::Permanent, CloseReason::Unauthorized]).prop_map(|it| Event::Standby(StandbyChange::Down(it))),
        2 => Just(Event::Service(ServiceEvent::SpeechStarted)),
        2 => Just(Event::Service(ServiceEvent::SpeechStopped)),
        2 => Just(Event::Service(ServiceEvent::Committed(None))),
        1 => any::<bool>().prop_map(|words| Event::Service(ServiceEvent::Transcribed { item: None, words })),
        1 => Just(Event::Service(ServiceEvent::IdleTimeout)),
        1 => Just(Event::Service(ServiceEvent::ReplyProgress(None))),
        3 => reply().prop_map(|it| Event::Service(ServiceEvent::ReplyCreated(it))),
        4 => reply().prop_map(|it| Event::Service(ServiceEvent::Audio(it))),
        3 => (reply(), prop::sample::select(vec![ResponseStatus::Completed, ResponseStatus::Cancelled, ResponseStatus::Failed, ResponseStatus::Refused(ServerError::Internal)]))
            .prop_map(|(reply, status)| Event::Service(ServiceEvent::ReplyDone(reply, status))),
        2 => Just(Event::Device(DeviceEvent::Drained)),
        4 => prop::sample::select(TalkEvidence::ALL.to_vec()).prop_map(|it| Event::Device(DeviceEvent::Talk(it))),
        1 => prop::sample::select(vec![
            ServerError::NothingToCancel, ServerError::ReplyInProgress, ServerError::NothingToCommit, ServerError::SessionExpired, ServerError::Other,
            ServerError::Internal, ServerError::RateLimited, ServerError::Withheld,
        ]).prop_map(|it| Event::Service(ServiceEvent::Refused(it))),
        2 => Just(Event::Tick),
    ]
}
