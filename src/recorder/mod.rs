//! The flight recorder: keeps the events of the last 30 minutes in memory, in the format of a recording.
//!
//! Recording a line only copies it into a small ring; it is encoded at the end of the session's turn
//! ([`Recorder::turn`]), after the session has acted. [`replay()`] runs a recording's events through the
//! conversation again and compares the results. The recorder reads no clock, opens no file and decides nothing
//! about the conversation. It keeps transcripts and samples only on request.

mod audio_run;
mod format;
mod pending;
mod reader;
mod replay;
mod segments;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::conversation::{Actions, Conversation, Event, Mode};
use crate::fnv;
use crate::model::{CounterSnapshot, Time};

pub use format::{FORMAT, Head, RecordLine, RecordedAudio, RecordedMessage};
pub use reader::{ReadError, RecordingReader};
pub use replay::{ReplayDifference, ReplayOutcome, replay};
pub use segments::{Chunk, RING_TIME, SEGMENT_BYTES, SEGMENTS, UNSAVED_BYTES};

use audio_run::{AudioRun, hash};
use pending::{PendingLine, PendingLines};
use segments::{Segments, escaped_bytes};

/// Minimum time between two recordings for the same kind of fault.
pub const FAULT_INTERVAL: Duration = Duration::from_secs(600);

/// The faults that a recording is saved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingTrigger {
    /// The service rejects the configuration or the credential.
    Refused,
    /// The service did not confirm the session configuration in time.
    NoSession,
    /// A reply did not arrive, stalled or failed.
    Reply,
    /// A thread has stalled, so the watchdog is not fed.
    Starved,
    /// An audio thread has ended, so the program exits.
    SoundEnded,
    /// A thread has panicked, so the program exits.
    Panic,
}

impl RecordingTrigger {
    /// All faults, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Refused, Self::NoSession, Self::Reply, Self::Starved, Self::SoundEnded, Self::Panic];

    /// Returns the word for it in recordings and in file names.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NoSession => "no-session",
            Self::Reply => "reply",
            Self::Starved => "starved",
            Self::SoundEnded => "sound-ended",
            Self::Panic => "broken",
        }
    }
}

/// Why a link closed. Its text in a recording quotes nothing of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// The upgrade was answered with this HTTP status.
    Http(u16),
    /// With this close code (RFC 6455, section 7.4).
    Closed(u16),
    /// A network, TLS or WebSocket error.
    Broken,
    /// The address or the credential cannot be used.
    Setup,
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => write!(f, "over: HTTP {status}"),
            Self::Closed(code) => write!(f, "over: closed with {code}"),
            Self::Broken => write!(f, "over: broken"),
            Self::Setup => write!(f, "over: cannot work as it is set up"),
        }
    }
}

/// The head of a recording, and which lines it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderSetup {
    pub mode: Mode,
    /// The seed that the conversation was created with.
    pub seed: u64,
    /// When the session started, in UTC, if that is known.
    pub started: Option<String>,
    /// Whether to keep samples.
    pub sound: bool,
    /// Whether to keep transcripts.
    pub words: bool,
    /// Whether lines are written continuously ([`Recorder::unsaved`]).
    pub follow: bool,
}

#[derive(Debug)]
pub struct Recorder {
    setup: RecorderSetup,
    /// Lines that are newer than all of `segments`.
    pending: PendingLines,
    segments: Segments,
    /// The current run of audio messages, newer than all of `pending`.
    run: Option<AudioRun>,
    counts: CounterSnapshot,
    light: (&'static str, bool),
    faults: [Option<Time>; RecordingTrigger::ALL.len()],
}

impl Recorder {
    /// Creates a recorder for `conversation`, which started at `now`.
    #[must_use]
    pub fn begin(setup: RecorderSetup, conversation: &Conversation, now: Time) -> Self {
        Self {
            pending: PendingLines::default(),
            segments: Segments::begin(&setup, conversation, now),
            setup,
            run: None,
            counts: CounterSnapshot::default(),
            light: ("", false),
            faults: [None; RecordingTrigger::ALL.len()],
        }
    }

    /// Records an event, the actions that followed, and the conversation `after` it.
    pub fn event(&mut self, event: &Event, then: &Actions, after: &Conversation, now: Time) {
        self.put(PendingLine::Event {
            at: now,
            event: event.clone(),
            then: then.clone(),
            after: after.clone(),
        });
    }

    /// Ends overdue audio runs, encodes the pending lines, and ends overdue segments. To be called once per
    /// turn of the loop, after the session has acted.
    pub fn turn(&mut self, conversation: &Conversation, now: Time) {
        if self.run.as_ref().is_some_and(|run| run.is_finished(now)) {
            self.end_run();
        }
        self.write_pending();
        if self.segments.is_over(now) {
            // The run began before the snapshot.
            self.end_run();
            self.write_pending();
            self.segments.begin_next(conversation, now);
        }
    }

    /// Returns the number of lines that are not encoded yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Records a sent message without audio, `bytes` long.
    pub fn sent(&mut self, kind: &'static str, bytes: usize, now: Time) {
        self.put_line(RecordLine::Sent(message(kind, bytes, now)));
    }

    /// Records a received message without audio, `bytes` long.
    pub fn received(&mut self, kind: &'static str, bytes: usize, now: Time) {
        self.put_line(RecordLine::Got(message(kind, bytes, now)));
    }

    /// Records a sent audio message, `bytes` long. Without samples, a run of them becomes one line.
    pub fn sent_audio(&mut self, kind: &'static str, bytes: usize, base64: &str, now: Time) {
        if self.setup.sound {
            let line = RecordLine::Sent(audio_message(kind, bytes, base64, Some(base64), now));
            return self.write_now(&line, base64.len());
        }
        match &mut self.run {
            Some(run) if run.continues(kind, now) => run.add(bytes, base64, now),
            Some(_) | None => {
                self.end_run();
                self.run = Some(AudioRun::begin(kind, bytes, base64, now));
            }
        }
    }

    /// Records a received audio message, `bytes` long.
    pub fn received_audio(&mut self, kind: &'static str, bytes: usize, base64: &str, now: Time) {
        if self.setup.sound {
            let line = RecordLine::Got(audio_message(kind, bytes, base64, Some(base64), now));
            return self.write_now(&line, base64.len());
        }
        self.put_line(RecordLine::Got(audio_message(kind, bytes, base64, None, now)));
    }

    /// Records a transcript if transcripts are kept.
    pub fn words(&mut self, who: &str, said: &str, now: Time) {
        if self.setup.words {
            let line = RecordLine::Words { at: now, who: who.into(), said: said.into() };
            self.write_now(&line, escaped_bytes(said));
        }
    }

    /// Records an event of a button, switch or key.
    pub fn input(&mut self, what: &'static str, now: Time) {
        self.put_line(RecordLine::Input { at: now, what: what.into() });
    }

    /// Records what the light shows if it has changed.
    pub fn light(&mut self, word: &'static str, live: bool, now: Time) {
        if self.light != (word, live) {
            self.light = (word, live);
            self.put_line(RecordLine::Light { at: now, word: word.into(), live });
        }
    }

    /// Records why the link closed.
    pub fn link(&mut self, end: LinkEnd, now: Time) {
        self.put(PendingLine::Link { at: now, end });
    }

    /// Records the counters of the audio threads if they have changed.
    pub fn counters(&mut self, counts: CounterSnapshot, now: Time) {
        if self.counts != counts {
            self.counts = counts;
            self.put_line(RecordLine::Counters { at: now, counts });
        }
    }

    /// Records a fault, and returns whether a recording is due for it.
    #[must_use]
    pub fn fault(&mut self, fault: RecordingTrigger, now: Time) -> bool {
        self.put_line(RecordLine::Fault { at: now, what: fault.word().into() });
        let last = &mut self.faults[fault as usize];
        let due = last.is_none_or(|at| now >= at + FAULT_INTERVAL);
        if due {
            *last = Some(now);
        }
        due
    }

    /// Returns the whole recording, with the reason `why` in its head.
    #[must_use]
    pub fn text(&mut self, why: &str) -> Vec<u8> {
        self.end_run();
        self.write_pending();
        let mut text = self.head(why, self.segments.dropped);
        self.segments.append_to(&mut text);
        text
    }

    /// Returns the first line of a continuous recording, with its newline.
    #[must_use]
    pub fn first_line(&self) -> Vec<u8> {
        self.head("record", 0)
    }

    /// Takes the new lines of a continuous recording if they are due: when there are more than a segment, a
    /// second after the last call that returned some, or when `urgent`.
    pub fn unsaved(&mut self, urgent: bool, now: Time) -> Option<Chunk> {
        if urgent {
            self.end_run();
        }
        self.write_pending();
        self.segments.unsaved.as_mut()?.take(urgent, now)
    }

    /// Returns when to call [`Self::unsaved`] again, if lines wait.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let unsaved = self.segments.unsaved.as_ref()?;
        (self.pending() > 0 || !unsaved.is_empty()).then(|| unsaved.due())
    }

    fn head(&self, why: &str, dropped: u64) -> Vec<u8> {
        let head = Head {
            recording: FORMAT,
            mynah: env!("CARGO_PKG_VERSION").into(),
            mode: self.setup.mode,
            seed: self.setup.seed,
            started: self.setup.started.as_deref().map(Cow::Borrowed),
            why: why.into(),
            dropped,
            sound: self.setup.sound,
            words: self.setup.words,
        };
        let mut text = serde_json::to_vec(&head).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Puts a line with static texts after all others, without encoding it.
    fn put_line(&mut self, line: RecordLine<'static>) {
        self.put(PendingLine::Other(line));
    }

    fn put(&mut self, line: PendingLine) {
        self.end_run();
        self.pending.put(line, &mut self.segments);
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            let line = PendingLine::Other(RecordLine::Sent(run.message()));
            self.pending.put(line, &mut self.segments);
        }
    }

    /// Encodes all lines that are pending.
    fn write_pending(&mut self) {
        self.pending.write_all(&mut self.segments);
    }

    /// Encodes a line with a text of `text_bytes` at once, after all others: the ring has no room for texts.
    fn write_now(&mut self, line: &RecordLine<'_>, text_bytes: usize) {
        self.end_run();
        self.write_pending();
        self.segments.write_if_room(line, text_bytes);
    }
}

fn message(kind: &'static str, bytes: usize, now: Time) -> RecordedMessage<'static> {
    RecordedMessage { at: now, kind: kind.into(), bytes: bytes as u64, audio: None }
}

/// Returns a message with the number and the hash of its samples, and with the `samples` themselves if they are
/// kept.
fn audio_message<'a>(
    kind: &'static str,
    bytes: usize,
    base64: &str,
    samples: Option<&'a str>,
    now: Time,
) -> RecordedMessage<'a> {
    let audio = RecordedAudio {
        messages: 1,
        until: now,
        frames: audio_run::frames(base64),
        hash: audio_run::fold(hash(fnv::BASIS, base64.as_bytes())),
        base64: samples.map(Cow::Borrowed),
    };
    RecordedMessage { audio: Some(audio), ..message(kind, bytes, now) }
}
