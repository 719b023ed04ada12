//! Every phase meets every event once, in every mode, and `pairs.txt` says what comes of it.
//!
//! "." means that nothing happens, as a decision. After a wanted change, read the printed table and put it
//! into the file.

use std::fmt::Write;
use std::time::Duration;

use mynah::conversation::{Action, Event, Loss, Mode, Outcome, Refusal, SESSION_LIFE, State};

use super::{TAP, Table, held, id, turn};

#[test]
fn every_phase_has_an_answer_to_every_event() {
    let mut text = String::new();
    for (mode, name) in [(Mode::Open, "open"), (TAP, "tap"), (Mode::Hold, "hold")] {
        for (event_name, event) in events() {
            let _ = write!(text, "{name:<5}{event_name:<17}");
            for phase in phases(mode) {
                let mut table = phase();
                let before = (table.conversation.state(), table.conversation.microphone());
                let actions = table.on(event.clone());
                let after = (table.conversation.state(), table.conversation.microphone());
                let cell = cell(before, after, &actions);
                let _ = write!(text, "| {cell:<30}");
            }
            let _ = writeln!(text.trim_end().to_owned());
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    let header = "           phase:      | dialling                      | dialling, pressed             | configuring                   | waiting                       | idle                          | listening                     | thinking                      | speaking                      | speaking, all sent            | leaving                       | listening, spare dialling     | thinking, spare ready         | speaking, spare ready";
    let expected = include_str!("pairs.txt");
    let actual = format!("{header}\n{text}");
    assert!(actual == expected, "the table is now:\n{actual}");
}

fn events() -> Vec<(&'static str, Event)> {
    vec![
        ("press", Event::Press),
        ("release, long", held(900)),
        ("release, short", held(90)),
        ("mute", Event::Mute),
        ("switch on", Event::MuteSwitch(true)),
        ("switch off", Event::MuteSwitch(false)),
        ("speaker gone", Event::Speaker { there: false }),
        ("reset", Event::Reset),
        ("leave", Event::Leave),
        ("last words", Event::LastWords),
        ("link up", Event::LinkUp),
        ("link broken", Event::LinkDown(Loss::Broken)),
        ("link refused", Event::LinkDown(Loss::Refused)),
        ("expires", Event::Expires(Duration::from_secs(1800))),
        ("configured", Event::Configured),
        ("misconfigured", Event::Misconfigured),
        ("spare up", Event::SpareUp),
        ("spare configured", Event::SpareConfigured(SESSION_LIFE)),
        ("spare refused", Event::SpareRefused),
        ("spare broken", Event::SpareDown(Loss::Broken)),
        ("link denied", Event::LinkDown(Loss::Denied)),
        ("speech started", Event::SpeechStarted),
        ("speech stopped", Event::SpeechStopped),
        ("committed", Event::Committed),
        ("created a", Event::ReplyCreated(id("a"))),
        ("created b", Event::ReplyCreated(id("b"))),
        ("audio a", Event::Audio(id("a"))),
        ("audio b", Event::Audio(id("b"))),
        ("done a", Event::ReplyDone(id("a"), Outcome::Completed)),
        ("cancelled a", Event::ReplyDone(id("a"), Outcome::Cancelled)),
        ("failed a", Event::ReplyDone(id("a"), Outcome::Failed)),
        ("done b", Event::ReplyDone(id("b"), Outcome::Completed)),
        ("drained", Event::Drained),
        ("no cancel", Event::Refused(Refusal::NothingToCancel)),
        ("in progress", Event::Refused(Refusal::ReplyInProgress)),
        ("no commit", Event::Refused(Refusal::NothingToCommit)),
        ("expired", Event::Refused(Refusal::SessionExpired)),
        ("no quota", Event::Refused(Refusal::NoQuota)),
        ("too much", Event::Refused(Refusal::TooMuch)),
        ("trouble", Event::Refused(Refusal::Trouble)),
        ("other error", Event::Refused(Refusal::Other)),
        ("early tick", Event::Tick),
    ]
}

fn phases(mode: Mode) -> Vec<Box<dyn Fn() -> Table>> {
    let begin = move || Table::begin(mode);
    let up = move || Table::up(mode);
    let with = move |events: Vec<Event>| {
        let mut table = Table::up(mode);
        let _ = table.all(events);
        table
    };
    let said = move || if mode == Mode::Hold { vec![Event::Press, held(900)] } else { listening(mode) };
    vec![
        Box::new(begin),
        Box::new(move || {
            let mut table = begin();
            let _ = table.on(Event::Press);
            table
        }),
        Box::new(move || {
            let mut table = begin();
            let _ = table.on(Event::LinkUp);
            table
        }),
        Box::new(move || {
            let mut table = begin();
            let _ = table.on(Event::LinkDown(Loss::Broken));
            table
        }),
        Box::new(move || if mode == Mode::Open { with(vec![Event::Mute]) } else { up() }),
        Box::new(move || with(listening(mode))),
        Box::new(move || with([said(), thinking(mode)].concat())),
        Box::new(move || with([said(), speaking(mode)].concat())),
        Box::new(move || {
            with([said(), speaking(mode), vec![Event::ReplyDone(id("a"), Outcome::Completed)]].concat())
        }),
        Box::new(move || with(vec![Event::Leave])),
        Box::new(move || {
            let mut table = with(listening(mode));
            table.dials_a_spare();
            table
        }),
        Box::new(move || {
            let mut table = with([said(), thinking(mode)].concat());
            table.has_a_spare();
            table
        }),
        Box::new(move || {
            let mut table = with([said(), speaking(mode)].concat());
            table.has_a_spare();
            table
        }),
    ]
}

fn listening(mode: Mode) -> Vec<Event> {
    if mode == Mode::Open { vec![] } else { vec![Event::Press] }
}

fn thinking(mode: Mode) -> Vec<Event> {
    if mode == Mode::Hold { vec![Event::ReplyCreated(id("a"))] } else { turn("a")[..4].to_vec() }
}

fn speaking(mode: Mode) -> Vec<Event> {
    if mode == Mode::Hold { turn("a")[3..].to_vec() } else { turn("a").to_vec() }
}

fn cell(before: (State, bool), after: (State, bool), actions: &[Action]) -> String {
    let mut parts = Vec::new();
    if before.0 != after.0 {
        parts.push(format!("{:?}", after.0));
    }
    if before.1 != after.1 {
        parts.push(if after.1 { "mic".into() } else { "no mic".into() });
    }
    parts.extend(actions.iter().map(|action| match action {
        Action::Cancel(id) => format!("Cancel {id}"),
        Action::Tell(news) => format!("{news:?}"),
        Action::Finish(ending) => format!("{ending:?}"),
        Action::Sound(tone) => format!("Sound {tone:?}"),
        Action::Dial
        | Action::HangUp
        | Action::Configure
        | Action::DialSpare
        | Action::ConfigureSpare
        | Action::DropSpare
        | Action::Move
        | Action::Cut
        | Action::Clear
        | Action::Commit
        | Action::Create => {
            format!("{action:?}")
        }
    }));
    if parts.is_empty() { ".".into() } else { parts.join(" ") }
}
