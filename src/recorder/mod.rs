//! The flight recorder: keeps the events of the last 30 minutes in memory, in the format of a recording.
//!
//! [`replay()`] runs a recording's events through the conversation again and compares the results. The recorder
//! reads no clock, opens no file and decides nothing about the conversation. It keeps transcripts and samples
//! only on request.

mod audio_run;
mod format;
mod reader;
mod replay;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use crate::conversation::{Action, Conversation, Event, Mode};
use crate::fnv;
use crate::model::{CounterSnapshot, Time};

pub use format::{FORMAT, Head, RecordLine, RecordedAudio, RecordedMessage};
pub use reader::{ReadError, RecordingReader};
pub use replay::{ReplayDifference, ReplayOutcome, replay};

use audio_run::{AudioRun, hash};

/// Size of one segment of the ring, bytes. Memory becomes resident as segments fill, and is then reused.
pub const SEGMENT_BYTES: usize = 64 * 1024;
/// Segments in the ring, together 768 KiB. A new segment replaces the oldest one as a whole.
pub const SEGMENTS: usize = 12;
/// Maximum age of a segment's end. Older segments are dropped as a whole.
pub const RING_TIME: Duration = Duration::from_secs(30 * 60);
/// Maximum time that a segment covers, so that dropping one loses little.
const SEGMENT_TIME: Duration = Duration::from_secs(3 * 60);
/// Kept free in a segment for events, which are never omitted: one with all its actions takes less than half
/// of it.
const RESERVE_BYTES: usize = 4 * 1024;
/// A segment with less free space counts as full, so that the next line always fits. Messages with samples
/// take up to 13 KB and need more.
const FULL_BYTES: usize = 8 * 1024;
const FULL_BYTES_WITH_SAMPLES: usize = 32 * 1024;
/// Upper bound of a line's size without texts of variable length.
const LINE_BYTES: usize = 512;
/// Bytes that may wait to be written to a continuous recording. Further lines are dropped, and a
/// [`RecordLine::Gap`] takes their place.
pub const UNSAVED_BYTES: usize = 1024 * 1024;
/// Minimum time between two writes to a continuous recording that are not urgent.
const UNSAVED_INTERVAL: Duration = Duration::from_secs(1);
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
    segments: VecDeque<Segment>,
    /// Empty segments. All memory of the ring is allocated at the start.
    free: Vec<Vec<u8>>,
    /// The current run of audio messages.
    run: Option<AudioRun>,
    counts: CounterSnapshot,
    light: (&'static str, bool),
    /// Lines dropped with their segments.
    dropped: u64,
    /// Lines omitted for lack of space since the last snapshot.
    omitted: u64,
    unsaved: Option<UnsavedLines>,
    faults: [Option<Time>; RecordingTrigger::ALL.len()],
}

#[derive(Debug)]
struct Segment {
    began: Time,
    lines: u64,
    text: Vec<u8>,
}

#[derive(Debug)]
struct UnsavedLines {
    text: Vec<u8>,
    /// Offset of the last snapshot in `text`.
    begins: Option<usize>,
    fetched: Time,
    /// Lines dropped because earlier ones were not fetched.
    lost: u64,
}

/// Lines to append to a continuous recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Offset of the last snapshot in `text`, where a new file can start.
    pub begins: Option<usize>,
    pub text: Vec<u8>,
}

impl Recorder {
    /// Creates a recorder for `conversation`, which started at `now`.
    #[must_use]
    pub fn begin(setup: RecorderSetup, conversation: &Conversation, now: Time) -> Self {
        let unsaved =
            setup.follow.then(|| UnsavedLines { text: Vec::new(), begins: None, fetched: now, lost: 0 });
        let mut recorder = Self {
            setup,
            segments: VecDeque::with_capacity(SEGMENTS),
            free: (0..SEGMENTS).map(|_| Vec::with_capacity(SEGMENT_BYTES)).collect(),
            run: None,
            counts: CounterSnapshot::default(),
            light: ("", false),
            dropped: 0,
            omitted: 0,
            unsaved,
            faults: [None; RecordingTrigger::ALL.len()],
        };
        recorder.begin_segment(conversation, now);
        recorder
    }

    /// Records an event, the actions that followed, and the state of `conversation` afterwards.
    pub fn event(&mut self, event: &Event, then: &[Action], conversation: &Conversation, now: Time) {
        let line = RecordLine::Event {
            at: now,
            is: event.clone(),
            then: Cow::Borrowed(then),
            state: conversation.state(),
            live: conversation.microphone_open(),
            until: conversation.deadline(),
        };
        self.end_run();
        self.write(&line);
        self.turn(conversation, now);
    }

    /// Ends overdue audio runs and segments. To be called once per turn of the loop.
    pub fn turn(&mut self, conversation: &Conversation, now: Time) {
        if self.run.as_ref().is_some_and(|run| run.is_finished(now)) {
            self.end_run();
        }
        let Some(last) = self.segments.back() else { return };
        let threshold = if self.setup.sound { FULL_BYTES_WITH_SAMPLES } else { FULL_BYTES };
        let full = last.text.len() + threshold > SEGMENT_BYTES;
        let aged = last.lines > 1 && now >= last.began + SEGMENT_TIME;
        if full || aged {
            self.begin_segment(conversation, now);
        }
    }

    /// Records a sent message without audio, `bytes` long.
    pub fn sent(&mut self, kind: &str, bytes: usize, now: Time) {
        let message = self.message(kind, bytes, now);
        self.put(&RecordLine::Sent(message), 0);
    }

    /// Records a received message without audio, `bytes` long.
    pub fn received(&mut self, kind: &str, bytes: usize, now: Time) {
        let message = self.message(kind, bytes, now);
        self.put(&RecordLine::Got(message), 0);
    }

    /// Records a sent audio message, `bytes` long. Without samples, a run of them becomes one line.
    pub fn sent_audio(&mut self, kind: &'static str, bytes: usize, base64: &str, now: Time) {
        if self.setup.sound {
            let line = RecordLine::Sent(self.audio_message(kind, bytes, base64, now));
            return self.put(&line, base64.len());
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
    pub fn received_audio(&mut self, kind: &str, bytes: usize, base64: &str, now: Time) {
        let line = RecordLine::Got(self.audio_message(kind, bytes, base64, now));
        let samples = if self.setup.sound { base64.len() } else { 0 };
        self.put(&line, samples);
    }

    /// Records a transcript if transcripts are kept.
    pub fn words(&mut self, who: &str, said: &str, now: Time) {
        if self.setup.words {
            let line = RecordLine::Words { at: now, who: who.into(), said: said.into() };
            // In the worst case every byte is escaped (RFC 8259, section 7).
            self.put(&line, said.len() * 6);
        }
    }

    /// Records an event of a button, switch or key.
    pub fn input(&mut self, what: &'static str, now: Time) {
        let line = RecordLine::Input { at: now, what: what.into() };
        self.put(&line, 0);
    }

    /// Records what the light shows if it has changed.
    pub fn light(&mut self, word: &'static str, live: bool, now: Time) {
        if self.light != (word, live) {
            self.light = (word, live);
            let line = RecordLine::Light { at: now, word: word.into(), live };
            self.put(&line, 0);
        }
    }

    /// Records why the link closed. `what` must not contain text of the service.
    pub fn link(&mut self, what: &str, now: Time) {
        let line = RecordLine::Link { at: now, what: what.into() };
        self.put(&line, what.len() * 6);
    }

    /// Records the counters of the audio threads if they have changed.
    pub fn counters(&mut self, counts: CounterSnapshot, now: Time) {
        if self.counts != counts {
            self.counts = counts;
            let line = RecordLine::Counters { at: now, counts };
            self.put(&line, 0);
        }
    }

    /// Records a fault, and returns whether a recording is due for it.
    #[must_use]
    pub fn fault(&mut self, fault: RecordingTrigger, now: Time) -> bool {
        let line = RecordLine::Fault { at: now, what: fault.word().into() };
        self.put(&line, 0);
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
        let mut text = self.head(why, self.dropped);
        text.reserve_exact(self.segments.iter().map(|segment| segment.text.len()).sum());
        for segment in &self.segments {
            text.extend_from_slice(&segment.text);
        }
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
        let unsaved = self.unsaved.as_mut()?;
        let due = urgent || now >= unsaved.fetched + UNSAVED_INTERVAL || unsaved.text.len() > SEGMENT_BYTES;
        if !due || unsaved.text.is_empty() {
            return None;
        }
        unsaved.fetched = now;
        Some(Chunk { begins: unsaved.begins.take(), text: std::mem::take(&mut unsaved.text) })
    }

    /// Returns when to call [`Self::unsaved`] again, if lines wait.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let unsaved = self.unsaved.as_ref().filter(|unsaved| !unsaved.text.is_empty())?;
        Some(unsaved.fetched + UNSAVED_INTERVAL)
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

    fn message<'a>(&self, kind: &'a str, bytes: usize, now: Time) -> RecordedMessage<'a> {
        RecordedMessage { at: now, kind: kind.into(), bytes: bytes as u64, audio: None }
    }

    fn audio_message<'a>(
        &self,
        kind: &'a str,
        bytes: usize,
        base64: &'a str,
        now: Time,
    ) -> RecordedMessage<'a> {
        let audio = RecordedAudio {
            messages: 1,
            until: now,
            frames: audio_run::frames(base64),
            hash: audio_run::fold(hash(fnv::BASIS, base64.as_bytes())),
            base64: self.setup.sound.then_some(Cow::Borrowed(base64)),
        };
        RecordedMessage { audio: Some(audio), ..self.message(kind, bytes, now) }
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.write_if_room(&RecordLine::Sent(run.message()), 0);
        }
    }

    fn put(&mut self, line: &RecordLine<'_>, text_bytes: usize) {
        self.end_run();
        self.write_if_room(line, text_bytes);
    }

    fn write_if_room(&mut self, line: &RecordLine<'_>, text_bytes: usize) {
        let taken = self.segments.back().map_or(0, |segment| segment.text.len());
        if taken + LINE_BYTES + text_bytes + RESERVE_BYTES > SEGMENT_BYTES {
            self.omitted += 1;
        } else {
            self.write(line);
        }
    }

    fn write(&mut self, line: &RecordLine<'_>) {
        let Some(Segment { lines, text, .. }) = self.segments.back_mut() else { return };
        let begin = text.len();
        // Serialising strings and numbers into memory cannot fail.
        let _ = serde_json::to_writer(&mut *text, line);
        text.push(b'\n');
        *lines += 1;
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.add(&text[begin..]);
        }
    }

    fn begin_segment(&mut self, conversation: &Conversation, now: Time) {
        self.end_run();
        if self.omitted > 0 {
            let lines = std::mem::take(&mut self.omitted);
            self.write(&RecordLine::Gap { at: now, lines });
        }
        while self.must_drop_oldest(now) {
            let Some(oldest) = self.segments.pop_front() else { break };
            self.dropped += oldest.lines;
            self.free.push(oldest.text);
        }
        let mut text = self.free.pop().unwrap_or_default();
        text.clear();
        self.segments.push_back(Segment { began: now, lines: 0, text });
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.begin(now);
        }
        self.write(&RecordLine::Snapshot { at: now, of: Box::new(conversation.snapshot()) });
    }

    /// Returns whether the oldest segment must be dropped before a new one starts.
    fn must_drop_oldest(&self, now: Time) -> bool {
        let ended = self.segments.get(1).map(|next| next.began);
        self.segments.len() >= SEGMENTS || ended.is_some_and(|ended| now >= ended + RING_TIME)
    }
}

impl UnsavedLines {
    fn add(&mut self, line: &[u8]) {
        if self.lost > 0 || self.text.len() + line.len() > UNSAVED_BYTES {
            self.lost += 1;
        } else {
            self.text.extend_from_slice(line);
        }
    }

    /// Prepares for a snapshot, which makes the lines lost before it irrelevant for a replay.
    fn begin(&mut self, at: Time) {
        if self.lost > 0 && self.text.len() < UNSAVED_BYTES / 2 {
            let lines = std::mem::take(&mut self.lost);
            let _ = serde_json::to_writer(&mut self.text, &RecordLine::Gap { at, lines });
            self.text.push(b'\n');
        }
        if self.lost == 0 {
            self.begins = Some(self.text.len());
        }
    }
}
