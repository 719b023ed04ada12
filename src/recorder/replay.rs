//! Replays the events of a recording, and finds the first difference from what was recorded.
//!
//! It runs only the conversation; all other lines are information for people.

use std::fmt;

use serde::Serialize;

use super::format::{RecordLine, plain, unquoted};
use super::reader::{ReadError, RecordingReader};
use crate::conversation::{Conversation, Event};
use crate::model::Time;

/// The result of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// Every action and every state was as recorded.
    Identical {
        events: u64,
        /// The number of actions that followed from the events.
        actions: u64,
    },
    /// The first difference, where the replay stopped.
    Differs(ReplayDifference),
}

/// A difference between the recording and its replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayDifference {
    /// The line, counted from 1.
    pub line: usize,
    pub at: Time,
    /// The event, or the snapshot.
    pub event: String,
    pub what: &'static str,
    pub recorded: String,
    pub got: String,
}

impl fmt::Display for ReplayOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identical { events, actions } => {
                write!(f, "identical: {events} events, {actions} actions")
            }
            Self::Differs(difference) => difference.fmt(f),
        }
    }
}

impl fmt::Display for ReplayDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, at, event, what, recorded, got } = self;
        let seconds = (*at - Time::ZERO).as_secs_f64();
        write!(f, "line {line}, {seconds:.6} s, {event}: {what} was {recorded} and is now {got}")
    }
}

/// Replays the recording in `bytes`, and calls `each` with the number and content of every line.
///
/// # Errors
/// When the bytes are not a valid recording.
pub fn replay(
    bytes: &[u8],
    mut each: impl FnMut(usize, &RecordLine<'_>),
) -> Result<ReplayOutcome, ReadError> {
    let mut reader = RecordingReader::begin(bytes)?;
    let (mut events, mut actions) = (0, 0);
    let mut conversation: Option<Conversation> = None;
    while let Some((number, line)) = reader.next()? {
        each(number, &line);
        let fail = |why: String| Err(ReadError { line: number, why });
        let now = line.at();
        match line {
            RecordLine::Snapshot { of, .. } => match &conversation {
                Some(current) if current.snapshot() != *of => {
                    let event = "snapshot".to_owned();
                    let (recorded, got) = (unquoted(&of), unquoted(&current.snapshot()));
                    let what = "conversation";
                    let difference = ReplayDifference { line: number, at: now, event, what, recorded, got };
                    return Ok(ReplayOutcome::Differs(difference));
                }
                Some(_) => {}
                None => match Conversation::restore(&of, now) {
                    Ok(restored) => conversation = Some(restored),
                    Err(error) => return fail(format!("invalid snapshot: {error}")),
                },
            },
            RecordLine::Event { is, then, state, live, until, .. } => {
                let Some(current) = &mut conversation else {
                    return fail(
                        "an event before the first snapshot: the start of the recording is missing"
                            .to_owned(),
                    );
                };
                events += 1;
                actions += then.len() as u64;
                let got = current.handle(&is, now);
                let step = ReplayStep { line: number, at: now, event: &is };
                let difference = step
                    .compare("actions", &&then[..], &&got[..])
                    .or_else(|| step.compare("state", &state, &current.state()))
                    .or_else(|| step.compare("microphone open", &live, &current.microphone_open()))
                    .or_else(|| step.compare("deadline", &until, &current.deadline()));
                if let Some(difference) = difference {
                    return Ok(ReplayOutcome::Differs(difference));
                }
            }
            // The events in the gap are unknown, so the next snapshot starts a new conversation.
            RecordLine::Gap { .. } => conversation = None,
            RecordLine::Sent(_)
            | RecordLine::Got(_)
            | RecordLine::Words { .. }
            | RecordLine::Input { .. }
            | RecordLine::Light { .. }
            | RecordLine::Link { .. }
            | RecordLine::Counters { .. }
            | RecordLine::Fault { .. } => {}
        }
    }
    Ok(ReplayOutcome::Identical { events, actions })
}

struct ReplayStep<'a> {
    line: usize,
    at: Time,
    event: &'a Event,
}

impl ReplayStep<'_> {
    fn compare<T: PartialEq + Serialize>(
        &self,
        what: &'static str,
        recorded: &T,
        got: &T,
    ) -> Option<ReplayDifference> {
        (recorded != got).then(|| ReplayDifference {
            line: self.line,
            at: self.at,
            event: format!("event {}", plain(self.event)),
            what,
            recorded: unquoted(recorded),
            got: unquoted(got),
        })
    }
}
