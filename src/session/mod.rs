//! The session: one thread that connects the conversation to audio, network, inputs and light.
//!
//! It consists of a core and a shell of five components, which do not know each other:
//!
//! | component | owns | polled for |
//! |---|---|---|
//! | `core` | the conversation and the queue of its events | the actions that follow from an event |
//! | `links` | the connections to the service | messages, losses, connection requests |
//! | `player` | the session's ends of the audio lanes, and the ledger | what was played, device changes, corrections |
//! | `ui` | buttons, lights and terminal | input events, settings to save |
//! | `report` | log, flight recorder, watchdog | recordings to write |
//! | [`background`](crate::background) | the thread for slow work | connections, results of writes |
//!
//! Their deadlines are listed in [`Timer`]; `background` keeps its own. The loop waits in one poll(2), reads the clock once, and runs one
//! `turn`: what has happened is queued as events, the conversation handles them until none is left, its actions are
//! applied, microphone and light follow, and what was recorded is encoded at the end. `shell` passes on what one
//! component has for another, and keeps the conversation's [`history`](crate::history). The session contains no policy:
//! `conversation` decides what to do, `ledger` knows what was played, `light` what is shown, `protocol` encodes and
//! decodes messages.

mod clock;
mod core;
mod event_queue;
mod links;
mod panic;
mod player;
mod poll;
mod report;
mod shell;
mod suspend;
mod timer;
mod turn;
mod ui;
mod wait_for_device;

use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::audio::{AudioError, AudioIo};
use crate::background::Background;
use crate::board::Board;
use crate::config::SavedState;
use crate::conversation::{Conversation, Event, Exit, Mode, UserInput};
use crate::history::History;
use crate::light::LightState;
use crate::model::Time;
use crate::protocol::SessionConfig;

pub use clock::uptime;
pub use event_queue::EVENTS;
pub use links::{REFUSED_RETRY, ServiceEndpoint, ServiceOrigins, upgrade};
pub use panic::{has_panicked, install_panic_hook, set_wake_fd};
pub use poll::ReadySources;
pub use report::recorder::RecordingConfig;
pub use report::watchdog::{ThreadProgress, ThreadWork, Watchdog};
pub use suspend::SuspendDetector;
pub use timer::Timer;
pub use ui::show_startup;
pub use wait_for_device::{DEVICE_WAIT_LIMIT, DeviceWait, wait_for_device};

use clock::Clock;
use core::Core;
use links::{Access, AgentConversation, Links};
use player::Player;
use report::Report;
use report::recorder::FinalRecording;
use report::watchdog;
use shell::Shell;
use ui::Ui;

/// Everything that a session is built from.
pub struct SessionParts {
    pub mode: Mode,
    pub config: SessionConfig,
    pub service: ServiceEndpoint,
    /// The session's ends of both lanes, and the state of the devices behind them.
    pub audio: AudioIo,
    /// Whether earcons are played when the service is lost and when it is reconnected.
    pub earcons: bool,
    /// Whether a reply goes on after a noise that the service took for speech.
    pub resumes_replies: bool,
    /// How long the microphone is held back after the speaker was heard; `None` if it is never held back.
    pub half_duplex: Option<Duration>,
    pub board: Board,
    /// The thread for slow work: name look-ups, connecting, writing files.
    pub background: Background,
    /// Mute and volume as saved by the last run.
    pub saved_state: SavedState,
    /// Readable when the program should exit.
    pub signals: UnixStream,
    /// The service manager's watchdog timeout (`WatchdogSec=`), if it has one.
    pub watchdog_timeout: Option<Duration>,
    /// Whether a refusal of a key and an address that have worked before is retried instead of the end: under a service
    /// manager.
    pub retry_refusals: bool,
    /// Seed of the jitter that spreads the retries of many devices. Any number will do.
    pub seed: u64,
    pub recording: RecordingConfig,
}

/// Runs a session on the calling thread until it exits, and returns why it did.
///
/// # Errors
/// Returns the error of an audio thread that has ended: without it nothing can be captured or played.
pub fn run(parts: SessionParts) -> Result<Exit, AudioError> {
    let clock = Clock::start();
    let mut session = Session::begin(parts, Time::ZERO);
    panic::set_final_recording(session.final_recording(), clock);
    let mut suspend = SuspendDetector::new(clock::suspended());
    watchdog::ready();
    loop {
        let now = clock.now();
        let timeout = session.deadline(now).map(|deadline| deadline - now);
        let ready = session.wait(timeout);
        let now = clock.now();
        if let Some(suspended) = suspend.update(clock::suspended()) {
            session.handle_resume(suspended, now);
        }
        if let Some(result) = session.turn(ready, now) {
            watchdog::stopping();
            return result;
        }
    }
}

/// A session driven by its caller, who brings the clock: [`run`] uses the system's, the simulation its own.
pub struct Session {
    core: Core,
    shell: Shell,
}

impl Session {
    /// Creates a session, starts to connect, and sets microphone and light accordingly.
    #[must_use]
    pub fn begin(parts: SessionParts, now: Time) -> Self {
        let SavedState { muted, volume, .. } = parts.saved_state;
        let access = Access::new(parts.saved_state.accepted.clone(), parts.retry_refusals);
        let conversation_kept = AgentConversation::new(parts.saved_state.conversation.clone());
        let (mut conversation, first) = Conversation::begin(parts.mode, muted, parts.seed, now);
        conversation.set_resumes_replies(parts.resumes_replies);
        let shell = Shell {
            links: Links::new(parts.service, parts.config, access, conversation_kept),
            player: Player::new(parts.audio, parts.earcons, volume),
            ui: Ui::new(parts.board, &parts.saved_state, conversation.state(), now),
            report: Report::new(
                parts.recording,
                parts.watchdog_timeout,
                (parts.mode, parts.seed),
                &conversation,
                now,
            ),
            background: parts.background,
            history: History::default(),
            first_delta: None,
            signals: parts.signals,
            exit: None,
        };
        let mut session = Self { core: Core::new(conversation), shell };
        if let Some(tail) = parts.half_duplex {
            session.shell.player.set_half_duplex(tail);
        }
        if session.shell.ui.mute_switch() == Some(true) {
            session.core.context(now).queue(Event::Input(UserInput::MuteSwitch(true)));
            session.settle(now);
        }
        for action in first {
            session.shell.apply(action, &mut session.core.context(now));
        }
        session.settle(now);
        session.shell.update_outputs(&session.core.context(now));
        session
    }

    /// Drops the active link after a suspend of `suspended`: the service has closed its end by now.
    pub fn handle_resume(&mut self, suspended: Duration, now: Time) {
        self.shell.links.handle_suspend(suspended);
        self.shell.pass_link_outputs(&mut self.core.context(now));
        self.settle(now);
    }

    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        self.core.conversation()
    }

    /// Returns the state that the light shows.
    #[must_use]
    pub fn light(&self) -> &LightState {
        self.shell.ui.light()
    }

    /// Returns the recording of the last 30 minutes.
    #[must_use]
    pub fn recording(&self) -> Vec<u8> {
        self.shell.report.recorder.text()
    }

    /// Returns the writer of the final recording, for the panic hook.
    fn final_recording(&self) -> Option<FinalRecording> {
        Some(self.shell.report.recorder.final_recording(self.shell.background.emergency_writer()?))
    }
}
