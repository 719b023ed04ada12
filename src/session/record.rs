//! What the flight recorder is told, and when what it knows is to be written down.
//!
//! It tells of kinds, sizes and numbers. What the service or the owner says in words is passed on only as words,
//! which the recorder keeps only where the owner asked for them; nobody's sentence goes any other way, because
//! a key may be quoted in it.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::{RecvFlags, recv};

use super::{Parts, Session};
use crate::board::InputEvent;
use crate::conversation::{Action, Actions, Conversation, Event, Exit, Notice};
use crate::errands::{EmergencyWriter, RecordingWrite as Errand};
use crate::light;
use crate::link::{TransportError, TransportErrorKind};
use crate::model::Time;
use crate::recorder::{Recorder, RecorderSetup, RecordingTrigger};
use crate::wire::{Incoming, Malformed};

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
    /// Shared with whoever is left when this thread breaks.
    book: Arc<Mutex<Book>>,
    asked: Option<UnixStream>,
    /// Whether the owner knows that there is no place.
    told: bool,
}

/// What was noted, and where it is to be written.
pub(super) struct Book {
    pub(super) recorder: Recorder,
    place: Place,
}

enum Place {
    File(PathBuf),
    Folder(PathBuf),
    None,
}

/// What is left to do for a session whose own thread has broken.
pub(super) struct Will {
    book: Arc<Mutex<Book>>,
    pen: EmergencyWriter,
}

impl Scribe {
    pub(super) fn new(parts: &mut Parts, conversation: &Conversation, now: Time) -> Self {
        let Recording { file, folder, sound, words, started, asked } = std::mem::take(&mut parts.recording);
        let (mode, seed, follow) = (parts.mode, parts.seed, file.is_some());
        let setup = RecorderSetup { mode, seed, started, sound, words, follow };
        let place = match (file, folder) {
            (Some(file), _) => Place::File(file),
            (None, Some(folder)) => Place::Folder(folder),
            (None, None) => Place::None,
        };
        let book = Book { recorder: Recorder::begin(setup, conversation, now), place };
        Self { book: Arc::new(Mutex::new(book)), asked, told: false }
    }

    /// Opens the book, for a note and no longer: what breaks while it is open leaves no recording.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is readable when the owner asks for a recording.
    pub(super) fn asked(&self) -> Option<&UnixStream> {
        self.asked.as_ref()
    }
}

impl Book {
    fn is_followed(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// Returns what there is to be written of all that was noted, for this reason; nothing where there is no place.
    fn page(&mut self, why: &'static str, now: Time) -> Option<Errand> {
        match &self.place {
            Place::File(_) => self.more(true, now),
            Place::Folder(folder) => {
                Some(Errand::Whole { folder: folder.clone(), why, text: self.recorder.text(why) })
            }
            Place::None => None,
        }
    }

    /// Returns the lines that are new, for the file that is written all the time.
    fn more(&mut self, urgent: bool, now: Time) -> Option<Errand> {
        let Place::File(file) = &self.place else { return None };
        let chunk = self.recorder.unsaved(urgent, now)?;
        let (file, first_line) = (file.clone(), self.recorder.first_line());
        Some(Errand::Append { file, first_line, begins: chunk.begins, text: chunk.text })
    }
}

impl Will {
    /// Has what was noted written, unless noting is what has broken.
    pub(super) fn carry_out(&self, limit: Duration, now: Time) {
        let page = self.book.try_lock().ok().and_then(|mut book| {
            let _ = book.recorder.fault(RecordingTrigger::Panic, now);
            book.page(RecordingTrigger::Panic.word(), now)
        });
        if let Some(page) = page {
            self.pen.write(page, limit);
        }
    }
}

impl Session {
    /// Returns what is left to do when this session's own thread breaks.
    pub(super) fn will(&self) -> Option<Will> {
        Some(Will { book: Arc::clone(&self.scribe.book), pen: self.errands.emergency_writer()? })
    }

    /// Returns the recording of the last minutes.
    #[must_use]
    pub fn recording(&mut self) -> Vec<u8> {
        self.scribe.book().recorder.text("taken")
    }

    /// Notes an event and what was decided on it.
    pub(super) fn note(&mut self, event: &Event, then: &Actions, now: Time) {
        self.scribe.book().recorder.event(event, then, &self.conversation, now);
        for action in then {
            if let Some(fault) = fault_of(action) {
                self.note_fault(fault, now);
            }
        }
    }

    /// Notes a fault, for which a recording may be due.
    pub(super) fn note_fault(&mut self, fault: RecordingTrigger, now: Time) {
        let is_due = self.scribe.book().recorder.fault(fault, now);
        if is_due {
            self.write_down(fault.word(), now);
        }
    }

    pub(super) fn note_lost(&mut self, lost: &TransportError, now: Time) {
        let what = match lost.reason {
            TransportErrorKind::Http { status, .. } => format!("over: HTTP {status}"),
            TransportErrorKind::Closed(code) => format!("over: closed with {code}"),
            TransportErrorKind::Broken => "over: broken".to_owned(),
            TransportErrorKind::Setup => "over: cannot work as it is set up".to_owned(),
        };
        self.scribe.book().recorder.link(&what, now);
    }

    pub(super) fn note_touch(&mut self, touch: InputEvent, now: Time) {
        let what = match touch {
            InputEvent::Down => "down",
            InputEvent::Up => "up",
            InputEvent::Mute => "mute",
            InputEvent::MuteSwitch(true) => "mute switch on",
            InputEvent::MuteSwitch(false) => "mute switch off",
            InputEvent::VolumeUp => "volume up",
            InputEvent::VolumeDown => "volume down",
            InputEvent::ResetNear(_) => "reset near",
            InputEvent::ResetOff => "reset off",
            InputEvent::Reset => "reset",
            InputEvent::ButtonFault(true) => "a button is broken",
            InputEvent::ButtonFault(false) => "no button is broken",
            InputEvent::Quit => "quit",
        };
        self.scribe.book().recorder.input(what, now);
    }

    /// Notes a message of so many bytes that came, and what it was understood as.
    pub(super) fn note_message(&mut self, bytes: usize, read: &Result<Incoming<'_>, Malformed>, now: Time) {
        let recorder = &mut self.scribe.book().recorder;
        match read {
            Ok(incoming @ Incoming::Audio(delta)) => {
                recorder.got_sound(incoming.kind(), bytes, &delta.base64, now)
            }
            Ok(incoming) => recorder.got(incoming.kind(), bytes, now),
            Err(_) => recorder.got("malformed", bytes, now),
        }
    }

    /// Notes what the light shows.
    pub(super) fn note_light(&mut self, now: Time) {
        let (word, _) = light::word(&self.facts, now);
        self.scribe.book().recorder.light(word, self.facts.microphone_live, now);
    }

    /// Notes what has been counted, and writes what is due or asked for, or is left when the session is `ending`.
    /// Once a turn of the loop.
    pub(super) fn keep_record(&mut self, ending: bool, now: Time) {
        let mut book = self.scribe.book();
        book.recorder.counters(self.sound.counters().snapshot(), now);
        book.recorder.turn(&self.conversation, now);
        drop(book);
        let asked = self.scribe.asked.as_ref().map(|asked| recv(asked, &mut [0; 64], RecvFlags::DONTWAIT));
        match asked {
            Some(Ok((1.., _))) => self.write_down("asked", now),
            Some(Ok((0, _)) | Err(_)) | None => self.follow_up(ending, now),
        }
    }

    fn write_down(&mut self, why: &'static str, now: Time) {
        if self.scribe.book().is_followed() {
            return self.follow_up(true, now);
        }
        let page = self.scribe.book().page(why, now);
        match page {
            Some(page) => {
                if !self.errands.record(page) {
                    log::warn!("there is no recording of this ({why}): others are still being written");
                }
            }
            None => {
                if !std::mem::replace(&mut self.scribe.told, true) {
                    log::warn!(
                        "there is no place for a recording of this ({why}): --record FILE gives one, and so does \
                         --state-file, beside which they are kept"
                    );
                }
            }
        }
    }

    /// Has the lines that are new added to the file that is written all the time.
    fn follow_up(&mut self, urgent: bool, now: Time) {
        // What cannot be written yet waits where there is a bound and a word for what is missing.
        if self.errands.can_record()
            && let Some(more) = self.scribe.book().more(urgent, now)
        {
            let _ = self.errands.record(more);
        }
    }
}

/// Tells which fault the owner is to have a recording of; the other news answers what the owner did, or is everyday.
fn fault_of(action: &Action) -> Option<RecordingTrigger> {
    if matches!(action, Action::Finish(Exit::Misconfigured)) {
        return Some(RecordingTrigger::Refused);
    }
    let Action::Notify(news) = action else { return None };
    match news {
        Notice::NoReply | Notice::ReplyStalled | Notice::ReplyFailed => Some(RecordingTrigger::Reply),
        Notice::NoSession => Some(RecordingTrigger::NoSession),
        Notice::TooShort | Notice::Muted | Notice::MuteSwitched | Notice::NoSpeaker | Notice::Unsent => None,
    }
}
