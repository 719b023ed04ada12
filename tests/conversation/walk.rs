//! Whatever happens in whatever order, the promises hold and the device finds back to rest.

use mynah::conversation::{
    Action, CloseReason, DEFERRED_CREATE_LIMIT, DeviceEvent, Earcon, Event, LinkChange, Mode, Notice,
    ResponseStatus, SESSION_LIFE, ServerError, ServiceEvent, StandbyChange, State, UserInput,
};
use mynah::model::Time;
use proptest::prelude::*;
use std::time::Duration;

use super::{TAP, Table, held, id};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_breaks_an_invariant_or_gets_stuck(
        mode in prop::sample::select(vec![Mode::Open, TAP, Mode::Hold]),
        steps in prop::collection::vec((event(), 0u64..4000), 1..120),
    ) {
        let mut talk = Table::begin(mode);
        let mut seen = Seen { links: 1, ..Seen::default() };
        for (event, wait) in steps {
            talk.after(Duration::from_millis(wait));
            let event = seen.named(event);
            step(&mut talk, &mut seen, &event)?;
            if talk.conversation.deadline().is_some_and(|deadline| talk.now >= deadline) {
                step(&mut talk, &mut seen, &Event::Tick)?;
            }
        }
        settles(&mut talk, &mut seen)?;
    }
}

/// The second link.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Spare {
    #[default]
    None,
    Dialled,
    Up,
    Configured,
}

/// What an observer outside would know.
#[derive(Default)]
pub(crate) struct Seen {
    links: u32,
    spare: Spare,
    created: u32,
    cut: Vec<String>,
    heard: Option<String>,
    /// When a reply was asked for that the service has said nothing of.
    asked: Option<Time>,
    over: bool,
    /// The owner has heard that the link is lost.
    mourned: bool,
}

impl Seen {
    /// Gives every created reply a new name, as the service does, and the other events one of the latest.
    pub(crate) fn named(&mut self, event: Event) -> Event {
        let latest = |back: &str| id(&format!("r{}", self.created.saturating_sub(back.len() as u32)));
        match event {
            Event::Service(ServiceEvent::ReplyCreated(_)) => {
                self.created += 1;
                Event::Service(ServiceEvent::ReplyCreated(id(&format!("r{}", self.created))))
            }
            Event::Service(ServiceEvent::Audio(back)) => Event::Service(ServiceEvent::Audio(latest(&back))),
            Event::Service(ServiceEvent::ReplyDone(back, outcome)) => {
                Event::Service(ServiceEvent::ReplyDone(latest(&back), outcome))
            }
            other => other,
        }
    }
}

fn step(talk: &mut Table, seen: &mut Seen, event: &Event) -> Result<(), TestCaseError> {
    match event {
        Event::Link(LinkChange::Down(_)) => {
            (seen.links, seen.asked, seen.heard) = (0, None, None);
        }
        Event::Input(UserInput::Reset) => seen.mourned = false,
        // What comes of a link that is not there comes of none.
        Event::Standby(StandbyChange::Up) if seen.spare == Spare::Dialled => seen.spare = Spare::Up,
        Event::Standby(StandbyChange::Configured(_)) if seen.spare == Spare::Up => {
            seen.spare = Spare::Configured
        }
        Event::Standby(StandbyChange::Down(_)) => seen.spare = Spare::None,
        Event::Service(ServiceEvent::Audio(reply)) if talk.conversation.accepts_audio_of(reply) => {
            prop_assert!(!seen.cut.contains(&reply.to_string()), "{reply} is heard after its cut");
            seen.heard = Some(reply.to_string());
        }
        Event::Service(ServiceEvent::ReplyDone(..))
        | Event::Service(ServiceEvent::Refused(ServerError::ReplyInProgress))
        | Event::Service(ServiceEvent::ReplyCreated(_)) => seen.asked = None,
        _ => {}
    }
    let before = talk.conversation.clone();
    for action in talk.conversation.handle(event, talk.now) {
        prop_assert!(!seen.over, "{action:?} after the end");
        match action {
            Action::Dial => {
                prop_assert_eq!(seen.links, 0, "two links at once");
                seen.links = 1;
            }
            Action::HangUp => (seen.links, seen.asked, seen.spare) = (0, None, Spare::None),
            Action::DialStandby => {
                prop_assert!(seen.links == 1 && before.is_configured(), "a second link without a first");
                prop_assert!(seen.spare == Spare::None, "a third link");
                seen.spare = Spare::Dialled;
            }
            Action::ConfigureStandby => {
                prop_assert!(seen.spare == Spare::Up, "a link configured that is not up")
            }
            Action::DropStandby => seen.spare = Spare::None,
            Action::SwitchToStandby => {
                prop_assert!(seen.spare != Spare::None, "a move to nowhere");
                let in_use = talk.conversation.is_configured();
                prop_assert!(
                    !in_use || seen.spare == Spare::Configured,
                    "a session in use that is not configured"
                );
                let useless = seen.links == 0 || matches!(event, Event::Service(ServiceEvent::Refused(_)));
                prop_assert!(in_use || useless, "a session left for less");
                (seen.links, seen.spare, seen.asked) = (1, Spare::None, None);
            }
            Action::Cut => seen.cut.extend(seen.heard.take()),
            Action::Create => {
                let patient = seen.asked.is_none_or(|asked| talk.now >= asked + DEFERRED_CREATE_LIMIT);
                prop_assert!(patient, "two replies asked for at once");
                prop_assert!(before.is_configured() || talk.conversation.is_configured());
                seen.asked = Some(talk.now);
            }
            Action::Commit | Action::Clear => {
                prop_assert!(before.is_configured() || talk.conversation.is_configured())
            }
            Action::Finish(_) => seen.over = true,
            // A reply that did not come in time is not asked for any longer.
            Action::Notify(Notice::NoReply) => seen.asked = None,
            Action::PlayEarcon(tone) => {
                let lost = tone == Earcon::Disconnected;
                prop_assert!(seen.mourned != lost, "{tone:?} twice, or without the other");
                seen.mourned = lost;
            }
            Action::Configure | Action::Cancel(_) | Action::Notify(_) => {}
        }
    }
    let (state, microphone) = (talk.conversation.state(), talk.conversation.microphone_open());
    prop_assert!(!(talk.conversation.muted() && microphone), "an open microphone while muted");
    prop_assert!(
        !(microphone && matches!(state, State::Idle | State::Muted)),
        "{state:?} with an open microphone"
    );
    prop_assert!(!before.is_at_rest() || before.is_configured(), "at rest without a session");
    prop_assert!(
        seen.spare == Spare::None || talk.conversation.is_configured(),
        "a second link without a first"
    );
    prop_assert!(state != State::Listening || microphone, "listening with a closed microphone");
    Ok(())
}

/// From anywhere, time alone (and a network that works again) brings the device to rest.
fn settles(talk: &mut Table, seen: &mut Seen) -> Result<(), TestCaseError> {
    for _ in 0..40 {
        if seen.over || talk.conversation.is_at_rest() {
            return Ok(());
        }
        talk.now = talk.conversation.deadline().expect("a phase that is not at rest has a deadline");
        step(talk, seen, &Event::Tick)?;
        if seen.links == 1 && !talk.conversation.is_configured() {
            step(talk, seen, &Event::Link(LinkChange::Up))?;
            step(talk, seen, &Event::Link(LinkChange::Configured))?;
        }
        if seen.spare == Spare::Dialled {
            step(talk, seen, &Event::Standby(StandbyChange::Up))?;
            step(talk, seen, &Event::Standby(StandbyChange::Configured(SESSION_LIFE)))?;
        }
    }
    Err(TestCaseError::fail(format!("stuck in {:?}", talk.conversation)))
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    // How many replies back, by the length of the name.
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
        1 => prop::sample::select(vec![CloseReason::Transient, CloseReason::Permanent, CloseReason::Unauthorized]).prop_map(|it| Event::Standby(StandbyChange::Down(it))),
        2 => Just(Event::Service(ServiceEvent::SpeechStarted)),
        2 => Just(Event::Service(ServiceEvent::SpeechStopped)),
        2 => Just(Event::Service(ServiceEvent::Committed)),
        3 => reply().prop_map(|it| Event::Service(ServiceEvent::ReplyCreated(it))),
        4 => reply().prop_map(|it| Event::Service(ServiceEvent::Audio(it))),
        3 => (reply(), prop::sample::select(vec![ResponseStatus::Completed, ResponseStatus::Cancelled, ResponseStatus::Failed]))
            .prop_map(|(reply, outcome)| Event::Service(ServiceEvent::ReplyDone(reply, outcome))),
        2 => Just(Event::Device(DeviceEvent::Drained)),
        1 => prop::sample::select(vec![
            ServerError::NothingToCancel, ServerError::ReplyInProgress, ServerError::NothingToCommit, ServerError::SessionExpired, ServerError::Other,
            ServerError::Internal, ServerError::RateLimited,
        ]).prop_map(|it| Event::Service(ServiceEvent::Refused(it))),
        2 => Just(Event::Tick),
    ]
}
