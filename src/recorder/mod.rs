//! The flight recorder: what happened in the last minutes, in memory, in the form in which it is written down.
//!
//! It is told what happens and keeps it; [`replay`] does it once more and compares. It reads no clock, opens
//! no file and decides nothing about the conversation. Of words and samples it keeps none, unless asked.

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

/// Bytes of lines in one segment of the ring. Memory is touched as it is filled, and then used again.
pub const SEGMENT_BYTES: usize = 64 * 1024;
/// Segments in the ring, 768 KiB together. When another is begun the oldest is dropped whole.
pub const SEGMENTS: usize = 12;
/// How long ago a segment may have ended. What is older than that is dropped whole, too.
pub const RING_TIME: Duration = Duration::from_secs(30 * 60);
/// How long a segment is written to, so that little is lost with one.
const SEGMENT_TIME: Duration = Duration::from_secs(3 * 60);
/// Kept free for what must not be left out: an event with all its actions has less than half of it.
const RESERVE_BYTES: usize = 4 * 1024;
/// How little room makes a segment count as full, so that the next line finds some; with samples, which come in
/// messages of 13 KB, more than that.
const FULL_BYTES: usize = 8 * 1024;
const FULL_BYTES_WITH_SAMPLES: usize = 32 * 1024;
/// What any line takes besides texts that others chose.
const LINE_BYTES: usize = 512;
/// Bytes for a file that is written continuously and have not been fetched. Beyond it they are dropped, and a
/// [`Line::Gap`] says so.
pub const UNSAVED_BYTES: usize = 1024 * 1024;
/// How often such a file is written to, unless it is urgent.
const UNSAVED_INTERVAL: Duration = Duration::from_secs(1);
/// The least time between two recordings for the same kind of fault.
pub const FAULT_INTERVAL: Duration = Duration::from_secs(600);

/// What recordings are written for, besides being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingTrigger {
    /// The service refuses the device as it is set up.
    Refused,
    /// The service did not take the configuration in time.
    NoSession,
    /// A reply did not come, stopped coming, or failed.
    Reply,
    /// A sound thread stands still, so the watchdog is not fed.
    Starved,
    /// A sound thread has ended, and the program with it.
    SoundEnded,
    /// Another thread has panicked, and the program ends with it.
    Panic,
}

impl RecordingTrigger {
    /// Every fault, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Refused, Self::NoSession, Self::Reply, Self::Starved, Self::SoundEnded, Self::Panic];

    /// Names it, in a word that fits into a file's name.
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

/// What stands in the head of a recording, and what may stand in its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderSetup {
    pub mode: Mode,
    /// What the conversation was begun with.
    pub seed: u64,
    /// When the session began, in UTC, if that is known.
    pub started: Option<String>,
    /// Whether samples are kept.
    pub sound: bool,
    /// Whether words are kept.
    pub words: bool,
    /// Whether lines are to be fetched as they come ([`Recorder::fresh`]).
    pub follow: bool,
}

#[derive(Debug)]
pub struct Recorder {
    setup: RecorderSetup,
    segments: VecDeque<Segment>,
    /// Room for more segments: all that the ring ever has is asked for at once.
    free: Vec<Vec<u8>>,
    /// Messages with sound in a row.
    run: Option<AudioRun>,
    counts: CounterSnapshot,
    light: (&'static str, bool),
    /// Lines that were dropped with their segments.
    dropped: u64,
    /// Lines for which there was no room since the last snapshot.
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
    /// Where the last snapshot in it begins.
    begins: Option<usize>,
    fetched: Time,
    /// Lines dropped because nobody fetched those before them.
    lost: u64,
}

/// Lines for a file that is written continuously.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where the last snapshot in them begins, at which a file may begin.
    pub begins: Option<usize>,
    pub text: Vec<u8>,
}

impl Recorder {
    /// Begins with `conversation`, which began at `now`.
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

    /// Notes an event, what `conversation` decided on it, and what it has become.
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

    /// Sees to it that there is room for what comes and that nothing waits too long: once a turn of the loop.
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

    /// Notes a message that was sent, without sound.
    pub fn sent(&mut self, kind: &str, bytes: usize, now: Time) {
        let message = self.message(kind, bytes, now);
        self.put(&RecordLine::Sent(message), 0);
    }

    /// Notes a message that came, without sound.
    pub fn got(&mut self, kind: &str, bytes: usize, now: Time) {
        let message = self.message(kind, bytes, now);
        self.put(&RecordLine::Got(message), 0);
    }

    /// Notes a message of so many `bytes` with sound that was sent. Several in a row become one line.
    pub fn sent_sound(&mut self, kind: &'static str, bytes: usize, base64: &str, now: Time) {
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

    /// Notes a message of so many `bytes` with sound that came.
    pub fn got_sound(&mut self, kind: &str, bytes: usize, base64: &str, now: Time) {
        let line = RecordLine::Got(self.audio_message(kind, bytes, base64, now));
        let samples = if self.setup.sound { base64.len() } else { 0 };
        self.put(&line, samples);
    }

    /// Notes what somebody said, where the owner asked for words.
    pub fn words(&mut self, who: &str, said: &str, now: Time) {
        if self.setup.words {
            let line = RecordLine::Words { at: now, who: who.into(), said: said.into() };
            // At worst every byte is escaped (RFC 8259, section 7).
            self.put(&line, said.len() * 6);
        }
    }

    /// Notes what was done to a button or a switch.
    pub fn input(&mut self, what: &'static str, now: Time) {
        let line = RecordLine::Input { at: now, what: what.into() };
        self.put(&line, 0);
    }

    /// Notes what the light shows, where that is something else than before.
    pub fn light(&mut self, word: &'static str, live: bool, now: Time) {
        if self.light != (word, live) {
            self.light = (word, live);
            let line = RecordLine::Light { at: now, word: word.into(), live };
            self.put(&line, 0);
        }
    }

    /// Notes the link's new stage, or why it ended: not in the service's words.
    pub fn link(&mut self, what: &str, now: Time) {
        let line = RecordLine::Link { at: now, what: what.into() };
        self.put(&line, what.len() * 6);
    }

    /// Notes what the sound threads have counted, where that is more than before.
    pub fn counters(&mut self, counts: CounterSnapshot, now: Time) {
        if self.counts != counts {
            self.counts = counts;
            let line = RecordLine::Counters { at: now, counts };
            self.put(&line, 0);
        }
    }

    /// Notes a fault, and tells whether a recording is due for it.
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

    /// Writes the whole recording, in which this is the reason for it.
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

    /// Writes the first line of a file that is written continuously, with its line's end.
    #[must_use]
    pub fn first_line(&self) -> Vec<u8> {
        self.head("record", 0)
    }

    /// Takes the lines that are new, where somebody follows: when there are many, when the last have been
    /// fetched a while ago, or when it is `urgent`.
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

    /// Names the time to ask for what is fresh again, where somebody follows and there is any.
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
        // Writing strings and numbers into memory cannot fail.
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

    /// Tells whether the oldest segment has to make room for another.
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

    /// A snapshot comes next, after which nothing that was missed matters any more.
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
