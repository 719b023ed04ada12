//! The format of a recording, defined here only: JSON lines.
//!
//! The first line is a [`Head`], every other one a [`RecordLine`]: an object with one field, whose name is
//! the kind of the line. Times (`at`, `until`) are nanoseconds since the session's start, durations
//! nanoseconds. A recording holds no credential, hashes instead of the service's identifiers, and transcripts and samples
//! only if the user asked for them.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conversation::{Action, Event, Mode, Snapshot, State};
use crate::model::{CounterSnapshot, Time};
use crate::printable::Printable;

/// The format version that is written, and the only one that is read.
pub const FORMAT: u32 = 3;

/// The first line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head<'a> {
    /// The format version ([`FORMAT`]).
    pub recording: u32,
    /// The version of mynah that wrote the recording.
    #[serde(borrow)]
    pub mynah: Cow<'a, str>,
    pub mode: Mode,
    /// The seed of the retry jitter.
    pub seed: u64,
    /// When the session started, in UTC by the machine's clock.
    #[serde(borrow)]
    pub started: Option<Cow<'a, str>>,
    /// Why it was written.
    #[serde(borrow)]
    pub why: Cow<'a, str>,
    /// The number of older lines that were dropped.
    pub dropped: u64,
    /// Whether the user asked for samples.
    pub sound: bool,
    /// Whether the user asked for transcripts.
    pub words: bool,
}

/// Any line but the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RecordLine<'a> {
    /// The state of the conversation. The first line after the head, and the first after a gap.
    Snapshot { at: Time, of: Box<Snapshot> },
    /// An event, and what the conversation did with it.
    Event {
        at: Time,
        is: Event,
        /// The actions that followed, in order.
        #[serde(rename = "do")]
        then: Cow<'a, [Action]>,
        state: State,
        /// Whether the microphone is open afterwards.
        live: bool,
        /// The conversation's deadline afterwards.
        until: Option<Time>,
    },
    /// A message sent to the service, or a run of audio messages.
    #[serde(borrow)]
    Sent(RecordedMessage<'a>),
    /// A message received from the service.
    #[serde(borrow)]
    Got(RecordedMessage<'a>),
    /// A transcript of the user's or mynah's speech. Only if the user asked for transcripts.
    Words {
        at: Time,
        #[serde(borrow)]
        who: Cow<'a, str>,
        #[serde(borrow)]
        said: Cow<'a, str>,
    },
    /// An event of a button, switch or key.
    Input {
        at: Time,
        #[serde(borrow)]
        what: Cow<'a, str>,
    },
    /// The light has changed.
    Light {
        at: Time,
        /// Its pattern, in one word.
        #[serde(borrow)]
        word: Cow<'a, str>,
        /// Whether it shows that the microphone is live.
        live: bool,
    },
    /// Why the link closed.
    Link {
        at: Time,
        #[serde(borrow)]
        what: Cow<'a, str>,
    },
    /// The counters of the audio threads have changed.
    Counters {
        at: Time,
        /// Counts since the session's start.
        counts: CounterSnapshot,
    },
    /// A fault that a recording may be saved for.
    Fault {
        at: Time,
        #[serde(borrow)]
        what: Cow<'a, str>,
    },
    /// Lines are missing here. A snapshot comes next.
    Gap {
        at: Time,
        /// The number of missing lines.
        lines: u64,
    },
}

/// A message without its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedMessage<'a> {
    /// When it was sent or received; the first message of a run.
    pub at: Time,
    /// Its type, if that is a known one.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// Its size in bytes, or the sum of a run.
    pub bytes: u64,
    /// Its audio, if it has any.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<RecordedAudio<'a>>,
}

/// The audio of a message, or of a run of messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAudio<'a> {
    pub messages: u64,
    /// When the last of the messages was sent or received.
    pub until: Time,
    /// PCM16 samples, of 24 kHz if no other rate is set; two of each instant where the reference is sent too.
    pub frames: u64,
    /// FNV-1a of the base64 text over 64 bit words, folded to 32 bits.
    pub hash: u32,
    /// The base64 text. Only if the user asked for samples.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<Cow<'a, str>>,
}

impl RecordLine<'_> {
    /// Returns the time of the line; the first message's for a run.
    #[must_use]
    pub fn at(&self) -> Time {
        match self {
            Self::Snapshot { at, .. }
            | Self::Event { at, .. }
            | Self::Words { at, .. }
            | Self::Input { at, .. }
            | Self::Light { at, .. }
            | Self::Link { at, .. }
            | Self::Counters { at, .. }
            | Self::Fault { at, .. }
            | Self::Gap { at, .. } => *at,
            Self::Sent(message) | Self::Got(message) => message.at,
        }
    }
}

/// Formats a line for people, without a newline.
impl fmt::Display for RecordLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at().as_nanos();
        write!(f, "{:>7}.{:06} s  ", at / 1_000_000_000, at / 1000 % 1_000_000)?;
        match self {
            Self::Snapshot { .. } => write!(f, "--        snapshot"),
            Self::Event { is, then, state, live, .. } => {
                write!(f, "event     {} -> ", plain(is))?;
                if then.is_empty() {
                    write!(f, "nothing")?;
                }
                for (index, action) in then.iter().enumerate() {
                    write!(f, "{}{}", if index > 0 { ", " } else { "" }, plain(action))?;
                }
                write!(f, "  [{}{}]", unquoted(state), if *live { ", microphone live" } else { "" })
            }
            Self::Sent(message) => write!(f, "sent      {message}"),
            Self::Got(message) => write!(f, "got       {message}"),
            Self::Words { who, said, .. } => {
                write!(f, "words     {}: {}", Printable(who), Printable(said))
            }
            Self::Input { what, .. } => write!(f, "input     {}", Printable(what)),
            Self::Light { word, live, .. } => {
                write!(f, "light     {}{}", Printable(word), if *live { " (green)" } else { "" })
            }
            Self::Link { what, .. } => write!(f, "link      {}", Printable(what)),
            Self::Counters { counts, .. } => write!(f, "counters  {}", plain(counts)),
            Self::Fault { what, .. } => write!(f, "FAULT     {}", Printable(what)),
            Self::Gap { lines, .. } => write!(f, "--        {lines} lines are missing"),
        }
    }
}

impl fmt::Display for RecordedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} bytes", Printable(&self.kind), self.bytes)?;
        let Some(RecordedAudio { messages, until, frames, hash, .. }) = &self.audio else { return Ok(()) };
        let ms = frames / 24;
        write!(f, " in {messages}: {ms} ms of audio ({hash:08x})")?;
        let span_ms = (*until - self.at).as_millis();
        if span_ms > 0 { write!(f, " within {span_ms} ms") } else { Ok(()) }
    }
}

/// Formats a value for people: its JSON without braces, brackets, colons and commas.
pub(super) fn plain(value: &impl Serialize) -> String {
    unquoted(value).replace(['{', '}', '[', ']'], "").replace([':', ','], " ")
}

/// Formats a value as its JSON without quotes, on one line and printable.
pub(super) fn unquoted(value: &impl Serialize) -> String {
    Printable(&serde_json::to_string(value).unwrap_or_default().replace('"', "")).to_string()
}
