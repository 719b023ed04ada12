//! Doing once more what a recording says, and finding the first difference.
//!
//! Only the conversation lives; everything else that a line tells is for the reader.

use std::fmt;

use serde::Serialize;

use super::format::{RecordLine, plain, unquoted};
use super::reader::{ReadError, RecordingReader};
use crate::conversation::{Conversation, Event};
use crate::model::Time;

/// What became of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// Every action and every state came out as recorded.
    Identical {
        events: u64,
        /// How many actions they led to.
        actions: u64,
    },
    /// Something did not; what followed was not looked at.
    Differs(ReplayDifference),
}

/// Where a conversation left its recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayDifference {
    /// The line, counted from 1.
    pub line: usize,
    /// When it happened.
    pub at: Time,
    /// The event, or that there was none.
    pub event: String,
    pub what: &'static str,
    pub recorded: String,
    pub got: String,
}

impl fmt::Display for ReplayOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identical { events, actions } => {
                write!(f, "{events} events, {actions} actions, all the same")
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

/// Has a conversation live through the recording in `bytes` once more, and has `each` line seen.
///
/// # Errors
/// When the bytes are no recording.
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
                    let event = "written down".to_owned();
                    let (recorded, got) = (unquoted(&of), unquoted(&current.snapshot()));
                    let what = "the whole conversation";
                    let difference = ReplayDifference { line: number, at: now, event, what, recorded, got };
                    return Ok(ReplayOutcome::Differs(difference));
                }
                Some(_) => {}
                None => match Conversation::restore(&of, now) {
                    Ok(restored) => conversation = Some(restored),
                    Err(error) => return fail(format!("no conversation was ever like this: {error}")),
                },
            },
            RecordLine::Event { is, then, state, live, until, .. } => {
                let Some(current) = &mut conversation else {
                    return fail("an event before any snapshot: the beginning is missing".to_owned());
                };
                events += 1;
                actions += then.len() as u64;
                let got = current.handle(&is, now);
                let step = ReplayStep { line: number, at: now, event: &is };
                let difference = step
                    .compare("what it does", &&then[..], &&got[..])
                    .or_else(|| step.compare("its state", &state, &current.state()))
                    .or_else(|| {
                        step.compare("whether the microphone is live", &live, &current.microphone_open())
                    })
                    .or_else(|| step.compare("its deadline", &until, &current.deadline()));
                if let Some(difference) = difference {
                    return Ok(ReplayOutcome::Differs(difference));
                }
            }
            // What follows is not what followed.
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
