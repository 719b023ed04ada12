//! Feeds the flight recorder, and decides when recordings are written.
//!
//! It passes on types, sizes and numbers. Texts of the service or the user go only into `words`, which the
//! recorder keeps only on request: any text of the service may quote a key.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heapless::Deque;
use rustix::net::{RecvFlags, recv};

use crate::background::{EmergencyWriter, RecordingWrite};
use crate::conversation::{Action, Actions, Conversation, Event, Exit, Mode, Notice};
use crate::inputs::InputEvent;
use crate::light::{self, LightState};
use crate::model::{CounterSnapshot, Time};
use crate::protocol::{Malformed, ServerEvent};
use crate::recorder::{LinkEnd, Recorder, RecorderSetup, RecordingTrigger};
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

/// Reasons for which recordings are due, at most one of each fault and one request. A further one is dropped: its
/// recording would hold the same.
const DUE: usize = RecordingTrigger::ALL.len() + 1;

/// The session's recorder, and the recordings that are due.
pub(in crate::session) struct SessionRecorder {
    /// Shared with the panic hook.
    state: Arc<Mutex<RecorderState>>,
    requests: Option<UnixStream>,
    /// The reasons of the recordings that are due.
    due: Deque<&'static str, DUE>,
    /// Whether the missing target was logged.
    warned: bool,
}

/// The recorder, and where its recordings are written.
struct RecorderState {
    recorder: Recorder,
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

impl SessionRecorder {
    /// Creates the recorder of a session in `mode` whose jitter has this `seed`.
    pub(in crate::session) fn new(
        config: RecordingConfig,
        (mode, seed): (Mode, u64),
        conversation: &Conversation,
        now: Time,
    ) -> Self {
        let RecordingConfig { file, folder, sound, words, started, on_request } = config;
        let setup = RecorderSetup { mode, seed, started, sound, words, follow: file.is_some() };
        let target = match (file, folder) {
            (Some(file), _) => RecordingTarget::File(file),
            (None, Some(folder)) => RecordingTarget::Folder(folder),
            (None, None) => RecordingTarget::None,
        };
        let state = RecorderState { recorder: Recorder::begin(setup, conversation, now), target };
        Self { state: Arc::new(Mutex::new(state)), requests: on_request, due: Deque::new(), warned: false }
    }

    /// Returns the socket that is readable when the user requests a recording.
    pub(in crate::session) fn requests(&self) -> Option<&UnixStream> {
        self.requests.as_ref()
    }

    /// Returns the writer of the final recording, for the panic hook.
    pub(in crate::session) fn final_recording(&self, writer: EmergencyWriter) -> FinalRecording {
        FinalRecording { state: Arc::clone(&self.state), writer }
    }

    /// Returns the recording of the last 30 minutes.
    pub(in crate::session) fn text(&self) -> Vec<u8> {
        self.lock().recorder.text("taken")
    }

    /// Records an event and the actions that follow from it.
    pub(in crate::session) fn record_event(
        &mut self,
        event: &Event,
        actions: &Actions,
        conversation: &Conversation,
        now: Time,
    ) {
        self.lock().recorder.event(event, actions, conversation, now);
        for fault in actions.iter().filter_map(trigger_of) {
            self.record_fault(fault, now);
        }
    }

    /// Records a fault, and makes a recording due for it, if there was none lately.
    pub(in crate::session) fn record_fault(&mut self, fault: RecordingTrigger, now: Time) {
        let is_due = self.lock().recorder.fault(fault, now);
        if is_due {
            self.add_due(fault.word());
        }
    }

    /// Records why a link closed.
    pub(in crate::session) fn record_loss(&self, error: &TransportError, now: Time) {
        let end = match error.reason {
            TransportErrorKind::Http { status, .. } => LinkEnd::Http(status),
            TransportErrorKind::Closed(code) => LinkEnd::Closed(code),
            TransportErrorKind::Broken
            | TransportErrorKind::Flood
            | TransportErrorKind::WrongClock
            | TransportErrorKind::Untrusted => LinkEnd::Broken,
            TransportErrorKind::Setup => LinkEnd::Setup,
        };
        self.lock().recorder.link(end, now);
    }

    /// Records an event of a button, a switch or a key.
    pub(in crate::session) fn record_input(&self, event: InputEvent, now: Time) {
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
        self.lock().recorder.input(label, now);
    }

    /// Records a sent message by its type and its size in bytes, and its base64 if it is audio.
    pub(in crate::session) fn record_sent(
        &self,
        kind: &'static str,
        bytes: usize,
        audio: Option<&str>,
        now: Time,
    ) {
        let recorder = &mut self.lock().recorder;
        match audio {
            Some(base64) => recorder.sent_audio(kind, bytes, base64, now),
            None => recorder.sent(kind, bytes, now),
        }
    }

    /// Records a received message by its type and its size in bytes.
    pub(in crate::session) fn record_received(
        &self,
        bytes: usize,
        parsed: &Result<ServerEvent<'_>, Malformed>,
        now: Time,
    ) {
        let recorder = &mut self.lock().recorder;
        match parsed {
            Ok(event @ ServerEvent::Audio(delta)) => {
                recorder.received_audio(event.kind(), bytes, &delta.base64, now)
            }
            Ok(event) => recorder.received(event.kind(), bytes, now),
            Err(_) => recorder.received("malformed", bytes, now),
        }
    }

    /// Records a transcript, if transcripts are kept.
    pub(in crate::session) fn record_transcript(&self, who: &str, words: &str, now: Time) {
        self.lock().recorder.words(who, words, now);
    }

    /// Records what the light shows.
    pub(in crate::session) fn record_light(&self, light: &LightState, now: Time) {
        let (word, _) = light::state_name(light, now);
        self.lock().recorder.light(word, light.microphone_live, now);
    }

    /// Records the counters and encodes the lines of this turn. To be called once per turn of the loop, at its end.
    pub(in crate::session) fn end_turn(
        &self,
        counts: CounterSnapshot,
        conversation: &Conversation,
        now: Time,
    ) {
        let recorder = &mut self.lock().recorder;
        recorder.counters(counts, now);
        recorder.turn(conversation, now);
    }

    /// Makes a recording due if the user has requested one.
    pub(in crate::session) fn handle_request(&mut self) {
        let received =
            self.requests.as_ref().map(|requests| recv(requests, &mut [0; 64], RecvFlags::DONTWAIT));
        if matches!(received, Some(Ok((1.., _)))) {
            self.add_due("asked");
        }
    }

    /// Returns the next write that is due, if the writer `has_room` for it. If the session is `ending`, all lines that
    /// are left are due.
    pub(in crate::session) fn poll_write(
        &mut self,
        has_room: bool,
        ending: bool,
        now: Time,
    ) -> Option<RecordingWrite> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(state.target, RecordingTarget::File(_)) {
            // While the writer is busy, lines stay in the recorder, which bounds them and records a gap.
            return has_room.then(|| {
                let urgent = ending || !self.due.is_empty();
                self.due.clear();
                state.unsaved(urgent, now)
            })?;
        }
        while let Some(reason) = self.due.pop_front() {
            if !has_room {
                ::log::warn!(
                    "no recording saved ({reason}): earlier recordings are still being written; try again later"
                );
                continue;
            }
            let write = state.snapshot(reason, now);
            if write.is_some() {
                return write;
            }
            if !std::mem::replace(&mut self.warned, true) {
                ::log::warn!(
                    "no recording saved ({reason}): there is no folder for it; start with --record FILE or \
                     --state-file FILE"
                );
            }
        }
        None
    }

    /// Returns when to call [`Self::poll_write`] again.
    pub(in crate::session) fn deadline(&self) -> Option<Time> {
        self.lock().recorder.deadline()
    }

    fn add_due(&mut self, reason: &'static str) {
        if self.due.iter().all(|due| *due != reason) {
            // There is room for all reasons.
            let _ = self.due.push_back(reason);
        }
    }

    /// Locks the recorder. Keep the guard short: a panic under it loses the final recording.
    fn lock(&self) -> MutexGuard<'_, RecorderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecorderState {
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

/// Returns the fault that a recording is saved for. The other notices answer the user's own actions, or are
/// common.
fn trigger_of(action: &Action) -> Option<RecordingTrigger> {
    if matches!(action, Action::Finish(Exit::Misconfigured)) {
        return Some(RecordingTrigger::Refused);
    }
    let Action::Notify(notice) = action else { return None };
    match notice {
        Notice::NoReply | Notice::ReplyStalled | Notice::ReplyFailed | Notice::ReplyRefused => {
            Some(RecordingTrigger::Reply)
        }
        Notice::NoSession => Some(RecordingTrigger::NoSession),
        Notice::TooShort
        | Notice::Muted
        | Notice::MuteSwitched
        | Notice::NoSpeaker
        | Notice::Unsent
        | Notice::TapTooLong
        | Notice::NothingHeard => None,
    }
}
