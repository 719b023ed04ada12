//! Feeds the flight recorder, and decides when recordings are written.
//!
//! It passes on types, sizes and numbers. Texts of the service or the user go only into `words`, which the
//! recorder keeps only on request: any text of the service may quote a key.

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

/// What to record, and where.
#[derive(Debug, Default)]
pub struct RecordingConfig {
    /// The file that is written continuously (`--record`).
    pub file: Option<PathBuf>,
    /// The folder for recordings after a fault or on request, used if `file` is not set.
    pub folder: Option<PathBuf>,
    /// Whether samples are recorded.
    pub sound: bool,
    /// Whether transcripts are recorded.
    pub words: bool,
    /// When the session starts, in UTC.
    pub started: Option<String>,
    /// Readable when the user requests a recording.
    pub on_request: Option<UnixStream>,
}

/// The recorder and where its recordings go.
pub(in crate::session) struct RecorderHandle {
    /// Shared with the panic hook.
    state: Arc<Mutex<RecorderState>>,
    requests: Option<UnixStream>,
    /// Whether the missing target was logged.
    warned: bool,
}

/// The recorder, and where its recordings are written.
pub(in crate::session) struct RecorderState {
    pub(in crate::session) recorder: Recorder,
    target: RecordingTarget,
}

enum RecordingTarget {
    File(PathBuf),
    Folder(PathBuf),
    None,
}

/// Writes the recording of a session whose own thread has panicked.
pub(in crate::session) struct FinalRecording {
    state: Arc<Mutex<RecorderState>>,
    writer: EmergencyWriter,
}

impl RecorderHandle {
    pub(in crate::session) fn new(parts: &mut SessionParts, conversation: &Conversation, now: Time) -> Self {
        let RecordingConfig { file, folder, sound, words, started, on_request: asked } =
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

    /// Locks the recorder. Keep the guard short: a panic under it loses the final recording.
    pub(in crate::session) fn lock(&self) -> MutexGuard<'_, RecorderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the socket that is readable when the user requests a recording.
    pub(in crate::session) fn requests(&self) -> Option<&UnixStream> {
        self.requests.as_ref()
    }
}

impl RecorderState {
    fn is_followed(&self) -> bool {
        matches!(self.target, RecordingTarget::File(_))
    }

    /// Returns the write that saves the whole recording for the reason `why`, or `None` without a target.
    fn snapshot(&mut self, why: &'static str, now: Time) -> Option<RecordingWrite> {
        match &self.target {
            RecordingTarget::File(_) => self.unsaved(true, now),
            RecordingTarget::Folder(folder) => Some(RecordingWrite::Whole {
                folder: folder.clone(),
                reason: why,
                text: self.recorder.text(why),
            }),
            RecordingTarget::None => None,
        }
    }

    /// Returns the write that appends the new lines to the file that is written continuously.
    fn unsaved(&mut self, urgent: bool, now: Time) -> Option<RecordingWrite> {
        let RecordingTarget::File(file) = &self.target else { return None };
        let chunk = self.recorder.unsaved(urgent, now)?;
        let (file, first_line) = (file.clone(), self.recorder.first_line());
        Some(RecordingWrite::Append { file, first_line, begins: chunk.begins, text: chunk.text })
    }
}

impl FinalRecording {
    /// Writes the recording within `limit`, unless the panic came from under the recorder's lock.
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
    /// Returns the writer of the final recording, for the panic hook.
    pub(in crate::session) fn final_recording(&self) -> Option<FinalRecording> {
        Some(FinalRecording {
            state: Arc::clone(&self.recorder.state),
            writer: self.background.emergency_writer()?,
        })
    }

    /// Returns the recording of the last 30 minutes.
    #[must_use]
    pub fn recording(&mut self) -> Vec<u8> {
        self.recorder.lock().recorder.text("taken")
    }

    /// Records an event and the actions that followed from it.
    pub(in crate::session) fn record_event(&mut self, event: &Event, actions: &Actions, now: Time) {
        self.recorder.lock().recorder.event(event, actions, &self.conversation, now);
        for action in actions {
            if let Some(fault) = trigger_of(action) {
                self.record_fault(fault, now);
            }
        }
    }

    /// Records a fault, and saves a recording if one is due for it.
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

    /// Records a received message by its type and its size in bytes.
    pub(in crate::session) fn record_message(
        &mut self,
        bytes: usize,
        parsed: &Result<ServerEvent<'_>, Malformed>,
        now: Time,
    ) {
        let recorder = &mut self.recorder.lock().recorder;
        match parsed {
            Ok(event @ ServerEvent::Audio(delta)) => {
                recorder.received_audio(event.kind(), bytes, &delta.base64, now)
            }
            Ok(event) => recorder.received(event.kind(), bytes, now),
            Err(_) => recorder.received("malformed", bytes, now),
        }
    }

    /// Records what the light shows.
    pub(in crate::session) fn record_light(&mut self, now: Time) {
        let (word, _) = light::state_name(&self.light, now);
        self.recorder.lock().recorder.light(word, self.light.microphone_live, now);
    }

    /// Records the counters, and writes what is due or requested, or what is left if the session is `ending`.
    /// To be called once per turn of the loop.
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
                    log::warn!(
                        "no recording saved ({why}): earlier recordings are still being written; try again \
                         later"
                    );
                }
            }
            None => {
                if !std::mem::replace(&mut self.recorder.warned, true) {
                    log::warn!(
                        "no recording saved ({why}): there is no folder for it; start with --record FILE or \
                         --state-file FILE"
                    );
                }
            }
        }
    }

    /// Appends the new lines to the file that is written continuously.
    fn append_recording(&mut self, urgent: bool, now: Time) {
        // While the writer is busy, lines stay in the recorder, which bounds them and records a gap.
        if self.background.can_record()
            && let Some(write) = self.recorder.lock().unsaved(urgent, now)
        {
            let _ = self.background.record(write);
        }
    }
}

/// Returns the fault that a recording is saved for. The other notices answer the user's own actions, or are
/// common.
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
