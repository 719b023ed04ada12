//! What the flight recorder is told, and when what it knows is to be written down.
//!
//! It tells of kinds, sizes and numbers. What the service or the owner says in words is passed on only as words,
//! which the recorder keeps only where the owner asked for them; nobody's sentence goes any other way, because
//! a key may be quoted in it.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;

use rustix::net::{RecvFlags, recv};

use super::{Parts, Session};
use crate::audio::Counters;
use crate::board::Touch;
use crate::conversation::{Action, Actions, Conversation, Ending, Event, News};
use crate::errands::Recording as Errand;
use crate::light;
use crate::link::{Lost, Reason};
use crate::recorder::{Counts, Fault, Recorder, Setup};
use crate::wire::{Command, Incoming, Malformed};

/// What the owner wants recorded, and where.
#[derive(Debug, Default)]
pub struct Recording {
    /// The file that is written all the time.
    pub file: Option<PathBuf>,
    /// The folder for what is written after a fault, or when it is asked for, where there is no such file.
    pub folder: Option<PathBuf>,
    /// Whether samples are kept.
    pub sound: bool,
    /// Whether words are kept.
    pub words: bool,
    /// When the session begins, in UTC.
    pub started: Option<String>,
    /// Readable when the owner asks for a recording.
    pub asked: Option<UnixStream>,
}

/// The recorder and where its recordings go.
pub(super) struct Scribe {
    pub(super) recorder: Recorder,
    place: Place,
    asked: Option<UnixStream>,
    /// Whether the owner knows that there is no place.
    told: bool,
}

enum Place {
    File(PathBuf),
    Folder(PathBuf),
    None,
}

/// Why a recording is written.
#[derive(Clone, Copy)]
enum Why {
    Asked,
    Fault(Fault),
}

impl Scribe {
    pub(super) fn new(parts: &mut Parts, conversation: &Conversation, now: Instant) -> Self {
        let Recording { file, folder, sound, words, started, asked } = std::mem::take(&mut parts.recording);
        let (mode, seed, follow) = (parts.mode, parts.seed, file.is_some());
        let setup = Setup { mode, seed, started, sound, words, follow };
        let place = match (file, folder) {
            (Some(file), _) => Place::File(file),
            (None, Some(folder)) => Place::Folder(folder),
            (None, None) => Place::None,
        };
        Self { recorder: Recorder::begin(setup, conversation, now), place, asked, told: false }
    }

    /// Returns what is readable when the owner asks for a recording.
    pub(super) fn asked(&self) -> Option<&UnixStream> {
        self.asked.as_ref()
    }
}

impl Session {
    /// Returns the recording of the last minutes.
    #[must_use]
    pub fn recording(&mut self) -> Vec<u8> {
        self.scribe.recorder.text("taken")
    }

    /// Notes an event and what was decided on it.
    pub(super) fn note(&mut self, event: &Event, then: &Actions, now: Instant) {
        self.scribe.recorder.event(event, then, &self.conversation, now);
        for action in then {
            let fault = match action {
                Action::Tell(News::NoReply | News::ReplyStalled | News::ReplyFailed) => Fault::Reply,
                Action::Tell(News::NoSession) => Fault::NoSession,
                Action::Finish(Ending::Refused) => Fault::Refused,
                // The others are answers to the owner, or everyday.
                Action::Tell(News::TooShort | News::Muted | News::MuteSwitched | News::NoSpeaker)
                | Action::Finish(Ending::Bye)
                | Action::Dial
                | Action::HangUp
                | Action::Configure
                | Action::Cut
                | Action::Clear
                | Action::Commit
                | Action::Create
                | Action::Cancel(_) => continue,
            };
            self.note_fault(fault, now);
        }
    }

    /// Notes a fault, for which a recording may be due.
    pub(super) fn note_fault(&mut self, fault: Fault, now: Instant) {
        if self.scribe.recorder.fault(fault, now) {
            self.write_down(Why::Fault(fault), now);
        }
    }

    pub(super) fn note_lost(&mut self, lost: &Lost, now: Instant) {
        let what = match lost.reason {
            Reason::Http { status, .. } => format!("over: HTTP {status}"),
            Reason::Closed(code) => format!("over: closed with {code}"),
            Reason::Broken => "over: broken".to_owned(),
            Reason::SetUp => "over: cannot work as it is set up".to_owned(),
        };
        self.scribe.recorder.link(&what, now);
    }

    pub(super) fn note_touch(&mut self, touch: Touch, now: Instant) {
        let what = match touch {
            Touch::Down => "down",
            Touch::Up => "up",
            Touch::Mute => "mute",
            Touch::MuteSwitch(true) => "mute switch on",
            Touch::MuteSwitch(false) => "mute switch off",
            Touch::VolumeUp => "volume up",
            Touch::VolumeDown => "volume down",
            Touch::ResetNear(_) => "reset near",
            Touch::ResetOff => "reset off",
            Touch::Reset => "reset",
            Touch::Broken(true) => "a button is broken",
            Touch::Broken(false) => "no button is broken",
            Touch::Quit => "quit",
        };
        self.scribe.recorder.touch(what, now);
    }

    /// Notes a message of so many bytes that came, and what it was understood as.
    pub(super) fn note_message(
        &mut self,
        bytes: usize,
        read: &Result<Incoming<'_>, Malformed>,
        now: Instant,
    ) {
        let recorder = &mut self.scribe.recorder;
        match read {
            Ok(Incoming::Audio(delta)) => {
                recorder.got_sound("response.audio.delta", bytes, &delta.base64, now)
            }
            Ok(incoming) => recorder.got(kind(incoming), bytes, now),
            Err(_) => recorder.got("malformed", bytes, now),
        }
    }

    /// Notes what the light shows.
    pub(super) fn note_light(&mut self, now: Instant) {
        let (word, _) = light::word(&self.facts, now);
        self.scribe.recorder.light(word, self.facts.live, now);
    }

    /// Notes what has been counted, and writes what is due or asked for, or is left when the session is `ending`.
    /// Once a turn of the loop.
    pub(super) fn keep_record(&mut self, ending: bool, now: Instant) {
        self.scribe.recorder.counters(counts(self.sound.counters()), now);
        self.scribe.recorder.turn(&self.conversation, now);
        let asked = self.scribe.asked.as_ref().map(|asked| recv(asked, &mut [0; 64], RecvFlags::DONTWAIT));
        match asked {
            Some(Ok((1.., _))) => self.write_down(Why::Asked, now),
            Some(Ok((0, _)) | Err(_)) | None => self.follow_up(ending, now),
        }
    }

    fn write_down(&mut self, why: Why, now: Instant) {
        let word = match why {
            Why::Asked => "asked",
            Why::Fault(fault) => fault.word(),
        };
        match &self.scribe.place {
            Place::File(_) => self.follow_up(true, now),
            Place::Folder(folder) => {
                let text = self.scribe.recorder.text(word);
                if !self.errands.record(Errand::Whole { folder: folder.clone(), why: word, text }) {
                    log::warn!("there is no recording of this ({word}): others are still being written");
                }
            }
            Place::None => {
                if !std::mem::replace(&mut self.scribe.told, true) {
                    log::warn!(
                        "there is no place for a recording of this ({word}): --record FILE gives one, and so does \
                         --state-file, beside which they are kept"
                    );
                }
            }
        }
    }

    /// Has the lines that are new added to the file that is written all the time.
    fn follow_up(&mut self, urgent: bool, now: Instant) {
        let Scribe { recorder, place: Place::File(file), .. } = &mut self.scribe else { return };
        // What cannot be written yet waits where there is a bound and a word for what is missing.
        if self.errands.can_record()
            && let Some(chunk) = recorder.fresh(urgent, now)
        {
            let (file, first_line) = (file.clone(), recorder.first_line());
            let more = Errand::More { file, first_line, begins: chunk.begins, text: chunk.text };
            let _ = self.errands.record(more);
        }
    }
}

/// Names a message by its type, of which only those are told that are known: the others are the service's own
/// words.
fn kind(incoming: &Incoming<'_>) -> &'static str {
    match incoming {
        Incoming::Audio(_) => "response.audio.delta",
        Incoming::AudioDone { .. } => "response.audio.done",
        Incoming::SessionCreated(_) => "session.created",
        Incoming::SessionUpdated(_) => "session.updated",
        Incoming::Said(..) => "a transcript",
        Incoming::Error(_) => "error",
        Incoming::Warning(_) => "warning",
        Incoming::Ignored(known) => known,
        Incoming::Unknown(_) => "unknown",
        Incoming::Event(event) => match event {
            Event::SpeechStarted => "input_audio_buffer.speech_started",
            Event::SpeechStopped => "input_audio_buffer.speech_stopped",
            Event::Committed => "input_audio_buffer.committed",
            Event::ReplyCreated(_) => "response.created",
            Event::ReplyDone(..) => "response.done",
            // No message is read as one of these.
            Event::Press
            | Event::Release { .. }
            | Event::Mute
            | Event::MuteSwitch(_)
            | Event::Speaker { .. }
            | Event::Reset
            | Event::Leave
            | Event::LastWords
            | Event::LinkUp
            | Event::LinkDown(_)
            | Event::Configured
            | Event::Misconfigured
            | Event::Audio(_)
            | Event::Drained
            | Event::Refused(_)
            | Event::Tick => "an event",
        },
    }
}

/// Names what is sent.
pub(super) fn command_kind(command: &Command) -> &'static str {
    match command {
        Command::Commit => "input_audio_buffer.commit",
        Command::Clear => "input_audio_buffer.clear",
        Command::Create => "response.create",
        Command::Cancel(_) => "response.cancel",
        Command::Truncate { .. } => "conversation.item.truncate",
        Command::Delete(_) => "conversation.item.delete",
    }
}

fn counts(counters: &Counters) -> Counts {
    Counts {
        capture_xruns: counters.capture_xruns.get(),
        playback_xruns: counters.playback_xruns.get(),
        overruns: counters.overruns.get(),
        starved: counters.starved.get(),
        receipts_lost: counters.receipts_lost.get(),
        suspends: counters.suspends.get(),
        reopens: counters.reopens.get(),
        controls_refused: counters.controls_refused.get(),
    }
}
