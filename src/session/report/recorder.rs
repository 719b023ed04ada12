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

use crate::background::{EmergencyWriter, RecordingWrite};
use crate::conversation::{Action, Actions, Conversation, Event, Exit, Notice};
use crate::inputs::InputEvent;
use crate::light;
use crate::model::Time;
use crate::protocol::{Malformed, ServerEvent};
use crate::recorder::{Recorder, RecorderSetup, RecordingTrigger};
use crate::session::{Session, SessionParts};
use crate::transport::{TransportError, TransportErrorKind};

/// What the owner wants recorded, and where.
#[derive(Debug, Default)]
pub struct RecordingConfig {
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
pub(in crate::session) struct RecorderHandle {
    /// Shared with whoever is left when this thread breaks.
    state: Arc<Mutex<RecorderState>>,
    requests: Option<UnixStream>,
    /// Whether the owner knows that there is no place.
    warned: bool,
}

/// What was noted, and where it is to be written.
pub(in crate::session) struct RecorderState {
    pub(in crate::session) recorder: Recorder,
    target: RecordingTarget,
}

enum RecordingTarget {
    File(PathBuf),
    Folder(PathBuf),
    None,
}

/// What is left to do for a session whose own thread has broken.
pub(in crate::session) struct FinalRecording {
    state: Arc<Mutex<RecorderState>>,
    writer: EmergencyWriter,
}

impl RecorderHandle {
    pub(in crate::session) fn new(parts: &mut SessionParts, conversation: &Conversation, now: Time) -> Self {
        let RecordingConfig { file, folder, sound, words, started, asked } =
            std::mem::take(&mut parts.recording);
        let (mode, seed, follow) = (parts.mode, parts.seed, file.is_some());
        let setup = RecorderSetup { mode, seed, started, sound, words, follow };
        let target = match (file, folder) {
            (Some(file), _) => RecordingTarget::File(file),
            (None, Some(folder)) => RecordingTarget::Folder(folder),
            (None, None) => RecordingTarget::None,
        };
        let state = RecorderState { recorder: Recorder::begin(setup, conversation, now), target };
        Self { state: Arc::new(Mutex::new(state)), requests: asked, warned: false }
    }

    /// Opens the book, for a note and no longer: what breaks while it is open leaves no recording.
    pub(in crate::session) fn lock(&self) -> MutexGuard<'_, RecorderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is readable when the owner asks for a recording.
    pub(in crate::session) fn requests(&self) -> Option<&UnixStream> {
        self.requests.as_ref()
    }
}

impl RecorderState {
    fn is_followed(&self) -> bool {
        matches!(self.target, RecordingTarget::File(_))
    }

    /// Returns what there is to be written of all that was noted, for this reason; nothing where there is no place.
    fn snapshot(&mut self, why: &'static str, now: Time) -> Option<RecordingWrite> {
        match &self.target {
            RecordingTarget::File(_) => self.unsaved(true, now),
            RecordingTarget::Folder(folder) => {
                Some(RecordingWrite::Whole { folder: folder.clone(), why, text: self.recorder.text(why) })
            }
            RecordingTarget::None => None,
        }
    }

    /// Returns the lines that are new, for the file that is written all the time.
    fn unsaved(&mut self, urgent: bool, now: Time) -> Option<RecordingWrite> {
        let RecordingTarget::File(file) = &self.target else { return None };
        let chunk = self.recorder.unsaved(urgent, now)?;
        let (file, first_line) = (file.clone(), self.recorder.first_line());
        Some(RecordingWrite::Append { file, first_line, begins: chunk.begins, text: chunk.text })
    }
}

impl FinalRecording {
    /// Has what was noted written, unless noting is what has broken.
    pub(in crate::session) fn write(&self, limit: Duration, now: Time) {
        let write = self.state.try_lock().ok().and_then(|mut state| {
            let _ = state.recorder.fault(RecordingTrigger::Panic, now);
            state.snapshot(RecordingTrigger::Panic.word(), now)
        });
        if let Some(write) = write {
            self.writer.write(write, limit);
        }
    }
}

impl Session {
    /// Returns what is left to do when this session's own thread breaks.
    pub(in crate::session) fn final_recording(&self) -> Option<FinalRecording> {
        Some(FinalRecording {
            state: Arc::clone(&self.recorder.state),
            writer: self.background.emergency_writer()?,
        })
    }

    /// Returns the recording of the last minutes.
    #[must_use]
    pub fn recording(&mut self) -> Vec<u8> {
        self.recorder.lock().recorder.text("taken")
    }

    /// Notes an event and what was decided on it.
    pub(in crate::session) fn record_event(&mut self, event: &Event, actions: &Actions, now: Time) {
        self.recorder.lock().recorder.event(event, actions, &self.conversation, now);
        for action in actions {
            if let Some(fault) = trigger_of(action) {
                self.record_fault(fault, now);
            }
        }
    }

    /// Notes a fault, for which a recording may be due.
    pub(in crate::session) fn record_fault(&mut self, fault: RecordingTrigger, now: Time) {
        let is_due = self.recorder.lock().recorder.fault(fault, now);
        if is_due {
            self.save_recording(fault.word(), now);
        }
    }

    pub(in crate::session) fn record_lost(&mut self, error: &TransportError, now: Time) {
        let label = match error.reason {
            TransportErrorKind::Http { status, .. } => format!("over: HTTP {status}"),
            TransportErrorKind::Closed(code) => format!("over: closed with {code}"),
            TransportErrorKind::Broken => "over: broken".to_owned(),
            TransportErrorKind::Setup => "over: cannot work as it is set up".to_owned(),
        };
        self.recorder.lock().recorder.link(&label, now);
    }

    pub(in crate::session) fn record_input(&mut self, event: InputEvent, now: Time) {
        let label = match event {
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
        self.recorder.lock().recorder.input(label, now);
    }

    /// Notes a message of so many bytes that came, and what it was understood as.
    pub(in crate::session) fn record_message(
        &mut self,
        bytes: usize,
        parsed: &Result<ServerEvent<'_>, Malformed>,
        now: Time,
    ) {
        let recorder = &mut self.recorder.lock().recorder;
        match parsed {
            Ok(event @ ServerEvent::Audio(delta)) => {
                recorder.got_sound(event.kind(), bytes, &delta.base64, now)
            }
            Ok(event) => recorder.got(event.kind(), bytes, now),
            Err(_) => recorder.got("malformed", bytes, now),
        }
    }

    /// Notes what the light shows.
    pub(in crate::session) fn record_light(&mut self, now: Time) {
        let (word, _) = light::word(&self.light, now);
        self.recorder.lock().recorder.light(word, self.light.microphone_live, now);
    }

    /// Notes what has been counted, and writes what is due or asked for, or is left when the session is `ending`.
    /// Once a turn of the loop.
    pub(in crate::session) fn update_recorder(&mut self, ending: bool, now: Time) {
        let mut state = self.recorder.lock();
        state.recorder.counters(self.audio.counters().snapshot(), now);
        state.recorder.turn(&self.conversation, now);
        drop(state);
        let received =
            self.recorder.requests.as_ref().map(|requests| recv(requests, &mut [0; 64], RecvFlags::DONTWAIT));
        match received {
            Some(Ok((1.., _))) => self.save_recording("asked", now),
            Some(Ok((0, _)) | Err(_)) | None => self.append_recording(ending, now),
        }
    }

    fn save_recording(&mut self, why: &'static str, now: Time) {
        if self.recorder.lock().is_followed() {
            return self.append_recording(true, now);
        }
        let write = self.recorder.lock().snapshot(why, now);
        match write {
            Some(write) => {
                if !self.background.record(write) {
                    log::warn!("there is no recording of this ({why}): others are still being written");
                }
            }
            None => {
                if !std::mem::replace(&mut self.recorder.warned, true) {
                    log::warn!(
                        "there is no place for a recording of this ({why}): --record FILE gives one, and so does \
                         --state-file, beside which they are kept"
                    );
                }
            }
        }
    }

    /// Has the lines that are new added to the file that is written all the time.
    fn append_recording(&mut self, urgent: bool, now: Time) {
        // What cannot be written yet waits where there is a bound and a word for what is missing.
        if self.background.can_record()
            && let Some(write) = self.recorder.lock().unsaved(urgent, now)
        {
            let _ = self.background.record(write);
        }
    }
}

/// Tells which fault the owner is to have a recording of; the other news answers what the owner did, or is everyday.
fn trigger_of(action: &Action) -> Option<RecordingTrigger> {
    if matches!(action, Action::Finish(Exit::Misconfigured)) {
        return Some(RecordingTrigger::Refused);
    }
    let Action::Notify(notice) = action else { return None };
    match notice {
        Notice::NoReply | Notice::ReplyStalled | Notice::ReplyFailed => Some(RecordingTrigger::Reply),
        Notice::NoSession => Some(RecordingTrigger::NoSession),
        Notice::TooShort | Notice::Muted | Notice::MuteSwitched | Notice::NoSpeaker | Notice::Unsent => None,
    }
}
