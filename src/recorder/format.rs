//! The format of a recording: JSON lines, described here and nowhere else.
//!
//! The first line is a [`Head`], every other one a [`Line`]: an object with one field, whose name says what
//! kind of line it is. Times (`at`, `until`, durations) are whole nanoseconds since the session began. It holds no words,
//! no samples and no credential, unless the owner asked for the first two.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conversation::{Action, Event, Mode, Snapshot, State};
use crate::model::{CounterSnapshot, Time};

/// The format that is written, and the only one that is read.
pub const FORMAT: u32 = 2;

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head<'a> {
    /// The format ([`FORMAT`]).
    pub recording: u32,
    /// The version of the program that wrote it.
    #[serde(borrow)]
    pub mynah: Cow<'a, str>,
    pub mode: Mode,
    /// What the jitter was begun with.
    pub seed: u64,
    /// When the session began, in UTC, as far as the machine knew.
    #[serde(borrow)]
    pub started: Option<Cow<'a, str>>,
    /// What it was written for.
    #[serde(borrow)]
    pub why: Cow<'a, str>,
    /// How many older lines had been dropped.
    pub dropped: u64,
    /// Whether the owner asked for samples.
    pub sound: bool,
    /// Whether the owner asked for words.
    pub words: bool,
}

/// Any other line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RecordLine<'a> {
    /// The whole conversation as it is now. A recording begins with one, and so does what follows a gap.
    Snapshot {
        /// When.
        at: Time,
        /// The conversation.
        of: Box<Snapshot>,
    },
    /// Something happened to the conversation, and it decided.
    Event {
        /// When.
        at: Time,
        /// What happened.
        is: Event,
        /// What it decided, in order.
        #[serde(rename = "do")]
        then: Cow<'a, [Action]>,
        state: State,
        /// Whether the microphone is wanted now.
        live: bool,
        /// When it wants to be asked again.
        until: Option<Time>,
    },
    /// The service was sent a message, or several in a row with sound.
    #[serde(borrow)]
    Sent(RecordedMessage<'a>),
    /// The service sent a message.
    #[serde(borrow)]
    Got(RecordedMessage<'a>),
    /// Somebody said something. Only where the owner asked for words.
    Words {
        /// When.
        at: Time,
        /// Who.
        #[serde(borrow)]
        who: Cow<'a, str>,
        #[serde(borrow)]
        said: Cow<'a, str>,
    },
    /// Something was done to a button or a switch.
    Input {
        /// When.
        at: Time,
        /// What.
        #[serde(borrow)]
        what: Cow<'a, str>,
    },
    /// The light shows something else.
    Light {
        /// When.
        at: Time,
        /// What, in a word.
        #[serde(borrow)]
        word: Cow<'a, str>,
        /// Whether it shows that sound of the microphone may leave.
        live: bool,
    },
    /// The link came to another stage, or why it ended.
    Link {
        /// When.
        at: Time,
        /// The stage.
        #[serde(borrow)]
        what: Cow<'a, str>,
    },
    /// The sound threads have counted more of what should not happen.
    Counters {
        /// When.
        at: Time,
        /// The counts since the start.
        counts: CounterSnapshot,
    },
    /// Something went wrong that recordings are written for.
    Fault {
        /// When.
        at: Time,
        /// What.
        #[serde(borrow)]
        what: Cow<'a, str>,
    },
    /// Lines are missing here. A snapshot follows.
    Gap {
        /// When.
        at: Time,
        /// How many.
        lines: u64,
    },
}

/// A message, without what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedMessage<'a> {
    /// When, for several: the first.
    pub at: Time,
    /// Its type, of which only known ones are told.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// Its size, or all their sizes, bytes.
    pub bytes: u64,
    /// Its sound, where it holds any.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<RecordedAudio<'a>>,
}

/// The sound of a message, or of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAudio<'a> {
    pub messages: u64,
    /// When the last of them came.
    pub until: Time,
    /// PCM16 frames in them, at 24 kHz.
    pub frames: u64,
    /// FNV-1a of their base64, taken as 64 bit words, folded to 32.
    pub hash: u32,
    /// The base64 itself. Only where the owner asked for samples.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<Cow<'a, str>>,
}

impl RecordLine<'_> {
    /// Tells when it happened.
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

/// A line as a person reads it, without a line's end.
impl fmt::Display for RecordLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at().as_nanos();
        write!(f, "{:>7}.{:06} s  ", at / 1_000_000_000, at / 1000 % 1_000_000)?;
        match self {
            Self::Snapshot { .. } => write!(f, "--        all is written down"),
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
            Self::Words { who, said, .. } => write!(f, "words     {who}: {said}"),
            Self::Input { what, .. } => write!(f, "touch     {what}"),
            Self::Light { word, live, .. } => {
                write!(f, "light     {word}{}", if *live { " (green)" } else { "" })
            }
            Self::Link { what, .. } => write!(f, "link      {what}"),
            Self::Counters { counts, .. } => write!(f, "counters  {}", plain(counts)),
            Self::Fault { what, .. } => write!(f, "FAULT     {what}"),
            Self::Gap { lines, .. } => write!(f, "--        {lines} lines are missing"),
        }
    }
}

impl fmt::Display for RecordedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} bytes", self.kind, self.bytes)?;
        let Some(RecordedAudio { messages, until, frames, hash, .. }) = &self.audio else { return Ok(()) };
        let ms = frames / 24;
        write!(f, " in {messages}: {ms} ms of sound ({hash:08x})")?;
        let span_ms = (*until - self.at).as_millis();
        if span_ms > 0 { write!(f, " within {span_ms} ms") } else { Ok(()) }
    }
}

/// Spells a value for a story: without what only a parser needs.
pub(super) fn plain(value: &impl Serialize) -> String {
    unquoted(value).replace(['{', '}', '[', ']'], "").replace([':', ','], " ")
}

/// Spells a value as the lines do, with fewer quotes.
pub(super) fn unquoted(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default().replace('"', "")
}
