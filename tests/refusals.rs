//! The table of refusals in `tests/README.md` is what the code does.
//!
//! Each row is found by trying: every status and close code, the conversation in each phase, the light.

use std::fmt::Write;
use std::time::Duration;

use mynah::conversation::{
    Action, CloseReason, Conversation, ERROR_BURST, Event, Exit, LinkChange, Mode, ServerError, ServiceEvent,
    State,
};
use mynah::light::LightState;
use mynah::model::Time;
use mynah::protocol::{self, Refusal};

const DOCUMENT: &str = include_str!("README.md");
const HEAD: &str = "\
| told as | HTTP status | close code | error codes and types | before a session | while configuring | in a session | blinks |
|---|---|---|---|---|---|---|---|
";

/// Longer than any back-off.
const RETRIED: Duration = Duration::from_secs(100);

#[test]
fn the_table_of_refusals_is_what_the_code_does() {
    let mut table = HEAD.to_owned();

    for class in Refusal::ALL {
        let when_reported = |cell: String| if is_reported(class) { cell } else { String::new() };
        let cells = [
            class.sentence().to_owned(),
            statuses(class),
            close_codes(class),
            protocol::codes_of(class).iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(" "),
            if ends_a_link(class) { before_a_session(class) } else { String::new() },
            when_reported(while_configuring(class)),
            when_reported(in_a_session(class)),
            blinks(class),
        ];
        let _ = writeln!(table, "| {} |", cells.join(" | "));
    }
    assert!(DOCUMENT.contains(&table), "the table is now:\n{table}");
}

#[test]
fn every_class_can_be_told_and_acted_on() {
    for class in Refusal::ALL {
        let ends = class.close_reason(None) == CloseReason::Permanent;
        assert!(!class.sentence().is_empty(), "{class:?}");
        assert!(!ends || !class.advice().is_empty(), "{class:?} ends the program without advice");
        assert_eq!(Refusal::ALL[class as usize], class, "in the order of declaration");
    }
}

fn statuses(class: Refusal) -> String {
    let found = (200..600).filter(|status| protocol::refusal_of_upgrade(*status, "").0 == class);
    ranges(found.filter(|status| http::StatusCode::from_u16(*status).unwrap().canonical_reason().is_some()))
}

fn close_codes(class: Refusal) -> String {
    let codes = (1000..=1015).filter(|code| *code != 1004).chain([3000, 3003]);
    ranges(codes.filter(|code| protocol::refusal_of_close(*code, "") == class))
}

/// Returns whether an event of the service can be of this class.
fn is_reported(class: Refusal) -> bool {
    class == Refusal::Unknown || !protocol::codes_of(class).is_empty()
}

/// Returns whether a status, a close code or a broken connection can be of this class.
fn ends_a_link(class: Refusal) -> bool {
    match class.server_error() {
        ServerError::Withheld
        | ServerError::NothingToCancel
        | ServerError::ReplyInProgress
        | ServerError::NothingToCommit => false,
        ServerError::Other => class != Refusal::Agent,
        ServerError::SessionExpired
        | ServerError::QuotaExceeded
        | ServerError::RateLimited
        | ServerError::Internal
        | ServerError::Unauthorized
        | ServerError::Rejected => true,
    }
}

fn before_a_session(class: Refusal) -> String {
    let after = match class.close_reason(None) {
        CloseReason::Permanent => "exit 2",
        CloseReason::Unauthorized => "exit 2; a token once more",
        CloseReason::Transient => "again with back-off",
        CloseReason::RetryAfter(delay) => return format!("again after {} s", delay.as_secs()),
    };
    if class.is_of_access() { format!("{after} *") } else { after.to_owned() }
}

fn while_configuring(class: Refusal) -> String {
    let (mut conversation, _) = Conversation::begin(Mode::Open, false, 1, Time::ZERO);
    let (mut now, mut refusals) = (Time::ZERO, 0);
    let refused = Event::Service(ServiceEvent::Refused(class.server_error()));
    while refusals < 2 {
        let _ = conversation.handle(&Event::Link(LinkChange::Up), now);
        refusals += 1;
        if conversation.handle(&refused, now).contains(&Action::Finish(Exit::Misconfigured)) {
            return if refusals == 1 { "exit 2".to_owned() } else { "once more, then exit 2".to_owned() };
        }
        if conversation.state() != State::Offline {
            return "waits for the confirmation".to_owned();
        }
        now += RETRIED;
        assert!(conversation.handle(&Event::Tick, now).contains(&Action::Dial), "{class:?}");
    }
    "again with back-off".to_owned()
}

fn in_a_session(class: Refusal) -> String {
    let (mut conversation, _) = Conversation::begin(Mode::Open, false, 1, Time::ZERO);
    let _ = conversation.handle(&Event::Link(LinkChange::Up), Time::ZERO);
    let _ = conversation.handle(&Event::Link(LinkChange::Configured), Time::ZERO);
    let refused = Event::Service(ServiceEvent::Refused(class.server_error()));
    for times in 1..=ERROR_BURST {
        if conversation.handle(&refused, Time::ZERO).contains(&Action::Finish(Exit::Misconfigured)) {
            return "exit 2".to_owned();
        }
        match (conversation.state(), times) {
            (State::Offline, 1) => return "new session".to_owned(),
            (State::Offline, times) => return format!("new session after {times} within 30 s"),
            _ => {}
        }
    }
    "goes on".to_owned()
}

fn blinks(class: Refusal) -> String {
    let mut light = LightState::begin(State::Idle, Time::ZERO);
    if is_reported(class) {
        light.set_server_error(class.server_error(), Time::ZERO);
    }
    let shown = |light: &LightState| light.fault.map(|(fault, _)| fault.blinks());
    let in_session = shown(&light);
    let ends = class.close_reason(None) == CloseReason::Permanent;
    if ends || class.is_of_access() {
        light.set_exit(Exit::Misconfigured, Time::ZERO);
    }
    let at_exit = shown(&light).filter(|_| ends || class.is_of_access());
    let all: Vec<_> = at_exit.into_iter().chain(in_session).map(|blinks| blinks.to_string()).collect();
    match &all[..] {
        [exit, session] if exit != session => format!("{exit}; in a session {session}"),
        [one, ..] => one.clone(),
        [] => String::new(),
    }
}

/// Writes numbers with their ranges: `500-511`.
fn ranges(numbers: impl Iterator<Item = u16>) -> String {
    let mut text: Vec<(u16, u16)> = Vec::new();
    for number in numbers {
        match text.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            Some(_) | None => text.push((number, number)),
        }
    }
    let range = |(first, last): &(u16, u16)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    };
    text.iter().map(range).collect::<Vec<_>>().join(" ")
}
