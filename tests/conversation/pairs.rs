//! Every phase meets every event once, in every mode, and `pairs.txt` says what comes of it.
//!
//! "." means that nothing happens, as a decision. After a wanted change, read the printed table and put it
//! into the file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, DeviceEvent, Event, LinkChange, Mode, ResponseStatus, SESSION_LIFETIME, ServerError,
    ServiceEvent, StandbyChange, State, UserInput,
};
use mynah::model::TalkEvidence;

use super::{Harness, TAP, held, id, turn};

#[test]
fn every_phase_has_an_answer_to_every_event() {
    let mut text = String::new();
    for (mode, name) in [(Mode::Open, "open"), (TAP, "tap"), (Mode::Hold, "hold")] {
        for (event_name, event) in events() {
            let _ = write!(text, "{name:<5}{event_name:<18}");
            for phase in phases(mode) {
                let mut table = phase();
                let before = (table.conversation.state(), table.conversation.microphone_open());
                let actions = table.on(event.clone());
                let after = (table.conversation.state(), table.conversation.microphone_open());
                let cell = cell(before, after, &actions);
                let _ = write!(text, "| {cell:<30}");
            }
            let _ = writeln!(text.trim_end().to_owned());
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    let header = "           phase:       | dialling                      | dialling, pressed             | configuring                   | waiting                       | idle                          | listening                     | stopped, no commit            | thinking                      | speaking                      | speaking, all sent            | speech over the reply         | noise over the reply          | leaving                       | listening, standby dialling   | thinking, standby ready       | speaking, standby ready";
    let expected = include_str!("pairs.txt");
    let actual = format!("{header}\n{text}");
    assert!(actual == expected, "the table is now:\n{actual}");
}

#[test]
fn the_table_lists_every_event() {
    let listed: BTreeSet<_> = events().iter().map(|(_, event)| number(event)).collect();
    assert_eq!(listed, (0..EVENTS).collect());
}

pub(super) fn events() -> Vec<(&'static str, Event)> {
    vec![
        ("press", Event::Input(UserInput::Press)),
        ("release, long", held(900)),
        ("release, short", held(90)),
        ("mute", Event::Input(UserInput::Mute)),
        ("switch on", Event::Input(UserInput::MuteSwitch(true))),
        ("switch off", Event::Input(UserInput::MuteSwitch(false))),
        ("speaker lost", Event::Device(DeviceEvent::Speaker { there: false })),
        ("room quiet", Event::Device(DeviceEvent::Room { loud: false })),
        ("talked over", Event::Device(DeviceEvent::Talk(TalkEvidence::Strong))),
        ("reset", Event::Input(UserInput::Reset)),
        ("leave", Event::Input(UserInput::Leave)),
        ("input ended", Event::Device(DeviceEvent::InputEnded)),
        ("link up", Event::Link(LinkChange::Up)),
        ("link transient", Event::Link(LinkChange::Down(CloseReason::Transient))),
        ("link permanent", Event::Link(LinkChange::Down(CloseReason::Permanent))),
        ("expires", Event::Link(LinkChange::Expires(Duration::from_secs(1800)))),
        ("configured", Event::Link(LinkChange::Configured)),
        ("misconfigured", Event::Link(LinkChange::Misconfigured)),
        ("standby up", Event::Standby(StandbyChange::Up)),
        ("standby ready", Event::Standby(StandbyChange::Configured(SESSION_LIFETIME))),
        ("standby refused", Event::Standby(StandbyChange::Refused)),
        ("standby rejected", Event::Standby(StandbyChange::Error(ServerError::Rejected))),
        ("standby limited", Event::Standby(StandbyChange::Error(ServerError::RateLimited))),
        ("standby error", Event::Standby(StandbyChange::Error(ServerError::Other))),
        ("standby down", Event::Standby(StandbyChange::Down(CloseReason::Transient))),
        ("link unauthorized", Event::Link(LinkChange::Down(CloseReason::Unauthorized))),
        ("speech started", Event::Service(ServiceEvent::SpeechStarted)),
        ("speech stopped", Event::Service(ServiceEvent::SpeechStopped)),
        ("committed", Event::Service(ServiceEvent::Committed(None))),
        ("words", Event::Service(ServiceEvent::Transcribed { item: None, words: true })),
        ("no words", Event::Service(ServiceEvent::Transcribed { item: None, words: false })),
        ("idle timeout", Event::Service(ServiceEvent::IdleTimeout)),
        ("progress of a", Event::Service(ServiceEvent::ReplyProgress(Some(id("a"))))),
        ("created a", Event::Service(ServiceEvent::ReplyCreated(id("a")))),
        ("created b", Event::Service(ServiceEvent::ReplyCreated(id("b")))),
        ("audio a", Event::Service(ServiceEvent::Audio(id("a")))),
        ("audio b", Event::Service(ServiceEvent::Audio(id("b")))),
        ("done a", Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed))),
        ("cancelled a", Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Cancelled))),
        ("failed a", Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Failed))),
        (
            "refused a",
            Event::Service(ServiceEvent::ReplyDone(
                id("a"),
                ResponseStatus::Refused(ServerError::RateLimited),
            )),
        ),
        (
            "no quota a",
            Event::Service(ServiceEvent::ReplyDone(
                id("a"),
                ResponseStatus::Refused(ServerError::QuotaExceeded),
            )),
        ),
        ("done b", Event::Service(ServiceEvent::ReplyDone(id("b"), ResponseStatus::Completed))),
        ("drained", Event::Device(DeviceEvent::Drained)),
        ("no cancel", Event::Service(ServiceEvent::Refused(ServerError::NothingToCancel))),
        ("in progress", Event::Service(ServiceEvent::Refused(ServerError::ReplyInProgress))),
        ("no commit", Event::Service(ServiceEvent::Refused(ServerError::NothingToCommit))),
        ("expired", Event::Service(ServiceEvent::Refused(ServerError::SessionExpired))),
        ("quota exceeded", Event::Service(ServiceEvent::Refused(ServerError::QuotaExceeded))),
        ("rate limited", Event::Service(ServiceEvent::Refused(ServerError::RateLimited))),
        ("internal", Event::Service(ServiceEvent::Refused(ServerError::Internal))),
        ("unauthorized", Event::Service(ServiceEvent::Refused(ServerError::Unauthorized))),
        ("rejected", Event::Service(ServiceEvent::Refused(ServerError::Rejected))),
        ("withheld", Event::Service(ServiceEvent::Refused(ServerError::Withheld))),
        ("other error", Event::Service(ServiceEvent::Refused(ServerError::Other))),
        ("early tick", Event::Tick),
    ]
}

/// Counts the events there are; who adds one has to come here, and then into the table.
const EVENTS: usize = 32;

/// Numbers each event, whatever it holds.
fn number(event: &Event) -> usize {
    match event {
        Event::Input(input) => match input {
            UserInput::Press => 0,
            UserInput::Release { .. } => 1,
            UserInput::Mute => 2,
            UserInput::MuteSwitch(_) => 3,
            UserInput::Reset => 4,
            UserInput::Leave => 5,
        },
        Event::Device(device) => match device {
            DeviceEvent::Speaker { .. } => 6,
            DeviceEvent::InputEnded => 7,
            DeviceEvent::Drained => 8,
            DeviceEvent::Room { .. } => 30,
            DeviceEvent::Talk(_) => 31,
        },
        Event::Link(link) => match link {
            LinkChange::Up => 9,
            LinkChange::Down(_) => 10,
            LinkChange::Expires(_) => 11,
            LinkChange::Configured => 12,
            LinkChange::Misconfigured => 13,
        },
        Event::Standby(standby) => match standby {
            StandbyChange::Up => 14,
            StandbyChange::Configured(_) => 15,
            StandbyChange::Refused => 16,
            StandbyChange::Down(_) => 17,
            StandbyChange::Error(_) => 29,
        },
        Event::Service(server) => match server {
            ServiceEvent::SpeechStarted => 18,
            ServiceEvent::SpeechStopped => 19,
            ServiceEvent::Committed(_) => 20,
            ServiceEvent::ReplyCreated(_) => 21,
            ServiceEvent::Audio(_) => 22,
            ServiceEvent::ReplyDone(..) => 23,
            ServiceEvent::Refused(_) => 24,
            ServiceEvent::Transcribed { .. } => 26,
            ServiceEvent::IdleTimeout => 27,
            ServiceEvent::ReplyProgress(_) => 28,
        },
        Event::Tick => 25,
    }
}

fn phases(mode: Mode) -> Vec<Box<dyn Fn() -> Harness>> {
    let begin = move || Harness::begin(mode);
    let up = move || Harness::up(mode);
    let with = move |events: Vec<Event>| {
        let mut table = Harness::up(mode);
        let _ = table.all(events);
        table
    };
    let with_standby = move |events: Vec<Event>| {
        let mut table = up();
        table.ready_standby();
        let _ = table.all(events);
        table
    };
    let said = move || {
        if mode == Mode::Hold { vec![Event::Input(UserInput::Press), held(900)] } else { listening(mode) }
    };
    vec![
        Box::new(begin),
        Box::new(move || {
            let mut table = begin();
            let _ = table.on(Event::Input(UserInput::Press));
            table
        }),
        Box::new(move || {
            let mut table = begin();
            let _ = table.on(Event::Link(LinkChange::Up));
            table
        }),
        Box::new(move || {
            let mut table = begin();
            let _ = table.on(Event::Link(LinkChange::Down(CloseReason::Transient)));
            table
        }),
        Box::new(move || if mode == Mode::Open { with(vec![Event::Input(UserInput::Mute)]) } else { up() }),
        Box::new(move || with(listening(mode))),
        Box::new(move || with([said(), turn("a")[..2].to_vec()].concat())),
        Box::new(move || with([said(), thinking(mode)].concat())),
        Box::new(move || with([said(), speaking(mode)].concat())),
        Box::new(move || {
            with(
                [
                    said(),
                    speaking(mode),
                    vec![Event::Service(ServiceEvent::ReplyDone(id("a"), ResponseStatus::Completed))],
                ]
                .concat(),
            )
        }),
        Box::new(move || with([said(), speaking(mode), turn("a")[..1].to_vec()].concat())),
        Box::new(move || with([said(), speaking(mode), turn("a")[..2].to_vec()].concat())),
        Box::new(move || with(vec![Event::Input(UserInput::Leave)])),
        Box::new(move || {
            let mut table = up();
            table.dial_standby();
            let _ = table.all(listening(mode));
            table
        }),
        Box::new(move || with_standby([said(), thinking(mode)].concat())),
        Box::new(move || with_standby([said(), speaking(mode)].concat())),
    ]
}

fn listening(mode: Mode) -> Vec<Event> {
    if mode == Mode::Open { vec![] } else { vec![Event::Input(UserInput::Press)] }
}

fn thinking(mode: Mode) -> Vec<Event> {
    if mode == Mode::Hold {
        vec![Event::Service(ServiceEvent::ReplyCreated(id("a")))]
    } else {
        turn("a")[..4].to_vec()
    }
}

fn speaking(mode: Mode) -> Vec<Event> {
    if mode == Mode::Hold { turn("a")[3..].to_vec() } else { turn("a").to_vec() }
}

pub(super) fn cell(before: (State, bool), after: (State, bool), actions: &[Action]) -> String {
    let mut parts = Vec::new();
    if before.0 != after.0 {
        parts.push(format!("{:?}", after.0));
    }
    if before.1 != after.1 {
        parts.push(if after.1 { "mic".into() } else { "no mic".into() });
    }
    parts.extend(actions.iter().map(|action| match action {
        Action::Cancel(id) => format!("Cancel {id}"),
        Action::Notify(news) => format!("{news:?}"),
        Action::Finish(ending) => format!("{ending:?}"),
        Action::PlayEarcon(tone) => format!("Sound {tone:?}"),
        Action::Dial
        | Action::HangUp
        | Action::Configure
        | Action::DialStandby
        | Action::ConfigureStandby
        | Action::DropStandby
        | Action::SwitchToStandby
        | Action::Cut
        | Action::Pause
        | Action::Resume
        | Action::Clear
        | Action::Commit
        | Action::Create => {
            format!("{action:?}")
        }
    }));
    if parts.is_empty() { ".".into() } else { parts.join(" ") }
}
