//! The session: one thread that connects the conversation to audio, network, inputs and light.
//!
//! Each turn of the loop waits in poll(2), reads the clock once, handles what is ready (inputs, results of
//! the background thread, messages, audio, deadlines), applies the actions that the conversation returns, and
//! updates the light. It alone owns the links and the session's ends of both lanes. It contains no policy:
//! `conversation` decides what to do, `ledger` knows what was played, `protocol` encodes and decodes
//! messages.

mod clock;
mod collect;
mod event_queue;
mod links;
mod panic;
mod player;
mod poll;
mod report;
mod suspend;
mod ui;
mod wait_for_device;

use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::audio::{AudioError, AudioIo, AudioMonitor};
use crate::background::Background;
use crate::board::Board;
use crate::config::SavedState;
use crate::conversation::{
    Action, Conversation, DeviceEvent, Event, Exit, KeptAudio, Mode, ServiceEvent, State, UserInput,
};
use crate::history::History;
use crate::ledger::{Ledger, TurnMark};
use crate::light::LightState;
use crate::model::Time;
use crate::protocol;
use crate::protocol::{ClientEvent, SessionConfig};
use crate::recorder::RecordingTrigger;

pub use links::ServiceEndpoint;
pub use panic::{has_panicked, install_panic_hook, set_wake_fd};
pub use poll::ReadySources;
pub use report::recorder::RecordingConfig;
pub use report::watchdog::{ThreadProgress, ThreadWork, Watchdog};
pub use suspend::SuspendDetector;
pub use ui::show_startup;
pub use wait_for_device::{DEVICE_WAIT_LIMIT, DeviceWait, wait_for_device};

use clock::Clock;
use event_queue::EventQueue;
use links::Links;
use player::downlink::Downlink;
use player::earcon::EarconPlayer;
use player::uplink::Uplink;
use report::Report;
use report::recorder::FinalRecording;
use report::watchdog;
use ui::Ui;

/// How often the playback lane is refilled while reply audio is queued. The lane holds two seconds.
const TOP_UP_INTERVAL: Duration = Duration::from_millis(500);
/// Added to the wait for the end of a reply, for the delay of the playback device.
const DRAIN_MARGIN: Duration = Duration::from_millis(5);

/// Everything that a session is built from.
pub struct SessionParts {
    pub mode: Mode,
    pub config: SessionConfig,
    pub service: ServiceEndpoint,
    /// The session's ends of both lanes, and the state of the devices behind them.
    pub audio: AudioIo,
    /// Whether earcons are played when the service is lost and when it is reconnected.
    pub earcons: bool,
    pub board: Board,
    /// The thread for slow work: name look-ups, connecting, writing files.
    pub background: Background,
    /// Mute and volume as saved by the last run.
    pub saved_state: SavedState,
    /// Readable when the program should exit.
    pub signals: UnixStream,
    /// The service manager's watchdog timeout (`WatchdogSec=`), if it has one.
    pub watchdog_timeout: Option<Duration>,
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
    conversation: Conversation,
    events: EventQueue,
    config: SessionConfig,
    ledger: Ledger,
    links: Links,
    audio: AudioIo,
    ui: Ui,
    background: Background,
    signals: UnixStream,
    uplink: Uplink,
    downlink: Downlink,
    history: History,
    earcons: EarconPlayer,
    report: Report,
    monitor: AudioMonitor,
    input_end_reported: bool,
    /// Messages may be buffered in user space, where poll(2) does not see them.
    unread: bool,
    /// Why and when the program exits.
    exit: Option<(Exit, Time)>,
}

impl Session {
    /// Creates a session, starts to connect, and sets microphone and light accordingly.
    #[must_use]
    pub fn begin(parts: SessionParts, now: Time) -> Self {
        let volume = parts.saved_state.volume;
        let (conversation, first) = Conversation::begin(parts.mode, parts.saved_state.muted, parts.seed, now);
        let mut session = Self::new(parts, conversation, now);
        if session.ui.mute_switch() == Some(true) {
            session.queue(Event::Input(UserInput::MuteSwitch(true)));
            session.settle(now);
        }
        session.audio.playback.set_volume(volume);
        for action in first {
            session.apply(action, now);
        }
        session.settle(now);
        session.apply_outputs(now);
        session.show(now);
        session
    }

    fn new(parts: SessionParts, conversation: Conversation, now: Time) -> Self {
        Self {
            ui: Ui::new(parts.board, &parts.saved_state, conversation.state(), now),
            report: Report::new(
                parts.recording,
                parts.watchdog_timeout,
                (parts.mode, parts.seed),
                &conversation,
                now,
            ),
            monitor: AudioMonitor::default(),
            conversation,
            events: EventQueue::default(),
            config: parts.config,
            ledger: Ledger::new(protocol::RATE_HZ),
            links: Links::new(parts.service),
            audio: parts.audio,
            background: parts.background,
            signals: parts.signals,
            uplink: Uplink::new(),
            downlink: Downlink::default(),
            history: History::default(),
            earcons: EarconPlayer::new(parts.earcons),
            input_end_reported: false,
            unread: false,
            exit: None,
        }
    }

    /// Runs one turn of the loop: handles everything that is ready at `now`. Returns why the session exits,
    /// once it does.
    ///
    /// # Errors
    /// Returns the error of an audio thread that has ended.
    pub fn turn(&mut self, ready: ReadySources, now: Time) -> Option<Result<Exit, AudioError>> {
        if ready.audio {
            self.audio.clear_wake();
        }
        self.pump_microphone(now);
        self.settle(now);
        if ready.signals {
            self.report.recorder.handle_request();
            let received = recv(&self.signals, &mut [0; 64], RecvFlags::DONTWAIT);
            if received != Err(Errno::AGAIN) {
                if has_panicked() {
                    self.report.recorder.record_fault(RecordingTrigger::Panic, now);
                }
                self.leave(now);
                self.settle(now);
            }
        }
        self.handle_inputs(ready.board, now);
        if ready.background {
            self.handle_background(now);
        }
        if ready.link || self.unread || ready.background {
            self.receive_messages(now);
            self.receive_standby(now);
        }
        self.check_audio(now);
        self.handle_receipts(now);
        self.handle_time(now);
        self.settle(now);
        self.downlink.top_up(&mut self.audio.playback);
        self.play_earcon();
        self.send_corrections(now);
        self.settle(now);
        self.flush(now);
        self.settle(now);
        self.maintain_standby(now);
        self.settle(now);
        self.update_indicator(now);
        self.report.log.counters(self.audio.counters(), now);
        self.show(now);
        self.feed_watchdog(now);
        let result = self.exit.filter(|(_, at)| now >= *at).map(|(exit, _)| Ok(exit));
        let result = self.audio.failure().map(Err).or(result);
        if let Some(Err(_)) = result {
            self.report.recorder.record_fault(RecordingTrigger::SoundEnded, now);
        }
        self.write_recordings(result.is_some(), now);
        result
    }

    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Returns the state that the light shows.
    #[must_use]
    pub fn light(&self) -> &LightState {
        self.ui.light()
    }

    /// Queues an event for the conversation.
    fn queue(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Passes the queued events to the conversation and applies the actions that it returns, until no event is left.
    /// An event that an action causes waits until all actions of the current one are applied.
    fn settle(&mut self, now: Time) {
        while let Some(event) = self.events.pop() {
            self.handle(&event, now);
        }
    }

    fn handle(&mut self, event: &Event, now: Time) {
        match self.conversation.kept_audio(event) {
            KeptAudio::Keep => {}
            KeptAudio::ReleaseSent => self.uplink.release_sent(),
            KeptAudio::SendAgain => self.uplink.resend(),
            KeptAudio::Discard => self.uplink.restart(),
        }
        self.follow_in_ledger(event, now);
        let before = self.conversation.state();
        let actions = self.conversation.handle(event, now);
        self.report.recorder.record_event(event, &actions, &self.conversation, now);
        for action in actions {
            self.apply(action, now);
        }
        let reply_ended = before == State::Speaking
            && matches!(
                event,
                Event::Device(DeviceEvent::Drained) | Event::Service(ServiceEvent::ReplyDone(..))
            );
        if reply_ended && self.conversation.state() != State::Speaking {
            self.report_turn();
        }
        self.apply_outputs(now);
    }

    fn apply(&mut self, action: Action, now: Time) {
        match action {
            Action::Dial => self.dial(now),
            Action::HangUp => self.links.hang_up(&self.background, now),
            Action::DialStandby => self.dial_standby(now),
            Action::ConfigureStandby => self.configure_standby(now),
            Action::DropStandby => self.links.drop_standby(&self.background, now),
            Action::SwitchToStandby => self.switch_to_standby(now),
            Action::Configure => {
                let config = self.config.clone();
                self.send("session.update", |text| protocol::session_update(&config, text), now);
            }
            Action::Cut => self.cut(now),
            Action::Clear => {
                self.uplink.restart();
                self.command(&ClientEvent::Clear, now);
            }
            Action::Commit => {
                // Only a commit ends a turn here: with turn detection, the service does, and not the button's
                // release.
                self.ledger.mark(TurnMark::TurnEnded, now);
                self.pump_microphone(now);
                self.command(&ClientEvent::Commit, now);
                self.uplink.release_sent();
            }
            Action::Create => self.command(&ClientEvent::Create, now),
            Action::Cancel(reply) => self.command(&ClientEvent::Cancel(reply), now),
            Action::Notify(notice) => {
                self.ui.set_notice(notice, now);
                let message = self.report.log.notice(notice);
                self.ui.print("notice", message);
            }
            Action::PlayEarcon(earcon) => self.earcons.request(earcon),
            Action::Finish(exit) => self.exit = Some((exit, now + self.ui.set_exit(exit, now))),
        }
    }

    /// Returns the writer of the final recording, for the panic hook.
    fn final_recording(&self) -> Option<FinalRecording> {
        Some(self.report.recorder.final_recording(self.background.emergency_writer()?))
    }

    /// Returns the recording of the last 30 minutes.
    #[must_use]
    pub fn recording(&self) -> Vec<u8> {
        self.report.recorder.text()
    }

    /// Logs a warning and prints it to the terminal.
    fn warn(&mut self, message: &str) {
        log::warn!("{message}");
        self.ui.print("notice", message);
    }

    /// Prints the timings of the current turn.
    fn report_turn(&mut self) {
        if let Some(timings) = self.report.log.turn(self.ledger.timings()) {
            self.ui.print("time", &timings);
        }
    }

    fn feed_watchdog(&mut self, now: Time) {
        if !self.report.is_watchdog_due(now) {
            return;
        }
        let counters = self.audio.counters();
        let progress = ThreadProgress {
            microphone: ThreadWork { due: self.audio.capture.is_open(), done: counters.captured.get() },
            speaker: ThreadWork {
                due: self.monitor.missing().playback.is_none(),
                done: counters.played.get(),
            },
            background: ThreadWork { due: true, done: self.background.heartbeats() },
        };
        self.background.request_heartbeat();
        self.report.handle_progress(progress, now);
    }

    /// Writes what is due of the recording, or all that is left if the session is `ending`.
    fn write_recordings(&mut self, ending: bool, now: Time) {
        self.report.recorder.end_turn(self.audio.counters().snapshot(), &self.conversation, now);
        while let Some(write) = self.report.recorder.poll_write(self.background.can_record(), ending, now) {
            // There is room for it.
            let _ = self.background.record(write);
        }
    }

    /// Starts an orderly exit, or exits at once if one has started already.
    fn leave(&mut self, now: Time) {
        match &mut self.exit {
            Some((_, at)) => *at = now,
            None => self.queue(Event::Input(UserInput::Leave)),
        }
    }

    fn handle_time(&mut self, now: Time) {
        if self.conversation.deadline().is_some_and(|deadline| now >= deadline) {
            self.queue(Event::Tick);
            self.settle(now);
        }
        let busy = self.conversation.microphone_open() || !self.conversation.is_at_rest();
        if let Some(link) = self.links.link() {
            link.set_busy(busy);
            if let Err(error) = link.tick(now) {
                self.lose(&error, now);
            }
        }
    }

    /// Returns when the next turn is due if no descriptor becomes ready before, or `None` if no turn is due.
    #[must_use]
    pub fn deadline(&self, now: Time) -> Option<Time> {
        let unplayed = self.ledger.unplayed_frames(self.audio.playback.played_position());
        let drain = Duration::from_micros(unplayed * 1_000_000 / u64::from(protocol::RATE_HZ)) + DRAIN_MARGIN;
        [
            self.conversation.deadline(),
            self.links.deadline(),
            self.report.recorder.deadline(),
            self.ui.input_deadline(),
            self.report.watchdog_deadline(),
            self.ui.light_deadline(self.audio.capture.is_open()),
            self.exit.map(|(_, at)| at),
            self.downlink.is_waiting().then(|| now + TOP_UP_INTERVAL),
            (unplayed > 0).then(|| now + drain),
            self.monitor.deadline(),
            self.unread.then_some(now),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
