//! The session: one thread, one clock, one poll, and everything that meets in it.
//!
//! A turn of the loop waits in poll(2), reads the clock once, takes in what has come (touches, errands,
//! messages, sound, time), tells the conversation, carries out what it decides, and shows the light that
//! follows from it. It is the only owner of the link and of both lanes' inner ends. It contains no policy:
//! what to do is `conversation`'s, what was heard `ledger`'s, how it is spelled `wire`'s.

mod absent;
mod backlog;
mod cage;
mod chime;
mod clock;
mod downlink;
mod intake;
mod last_words;
mod line;
mod record;
mod rotate;
mod service;
mod sight;
mod sleep;
mod teller;
mod touches;
mod uplink;
mod voice;
mod wait;
mod watchdog;

use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::audio::{AudioError, AudioIo, HungThread, MissingDevices, XrunBurst};
use crate::board::Board;
use crate::conversation::{
    Action, Conversation, DeviceEvent, Event, Exit, Mode, ServiceEvent, State, UserInput,
};
use crate::errands::Background;
use crate::history::History;
use crate::ledger::{Ledger, TurnMark};
use crate::light::LightState;
use crate::model::Time;
use crate::profile::SavedState;
use crate::recorder::RecordingTrigger;
use crate::wire::{self, Command, SessionConfig};

pub use absent::{ABSENCE, Absence, absent};
pub use last_words::{is_broken, last_words, wake_with};
pub use line::Service;
pub use record::Recording;
pub use sight::greet;
pub use sleep::Sleep;
pub use wait::Ready;
pub use watchdog::{Progress, Watchdog, Work};

use chime::Chime;
use clock::Clock;
use downlink::Downlink;
use line::Line;
use record::Scribe;
use teller::Teller;
use touches::Settings;
use uplink::Uplink;

/// How often the lane is topped up while a reply waits: it holds two seconds.
const TOP_UP: Duration = Duration::from_millis(500);
/// How late the light may be while the microphone's wakes come anyway and save it one of its own.
const LIGHT_SLACK: Duration = Duration::from_millis(20);
/// Room for what the loudspeaker's own delay adds when the end of a reply is waited for.
const DRAIN_MARGIN: Duration = Duration::from_millis(5);

/// What a session is made of.
pub struct Parts {
    pub mode: Mode,
    pub config: SessionConfig,
    /// Where the service is.
    pub service: Service,
    /// Both lanes and the devices at their ends.
    pub sound: AudioIo,
    /// Whether the owner is to hear that the service is out of reach, and that it is back.
    pub sounds: bool,
    pub board: Board,
    /// Who does what is slow.
    pub errands: Background,
    /// What is remembered from the last run.
    pub keep: SavedState,
    /// Readable when the program is to end.
    pub signals: UnixStream,
    /// How long the service manager waits for a sign of life (`WatchdogSec=`), if it does.
    pub patience: Option<Duration>,
    /// Spreads the retries of many devices; any number.
    pub seed: u64,
    pub recording: Recording,
}

/// Holds conversations until the owner leaves.
///
/// # Errors
/// When a sound thread has ended: there is nothing to be said or heard any more.
pub fn run(parts: Parts) -> Result<Exit, AudioError> {
    let clock = Clock::start();
    let mut session = Session::begin(parts, Time::ZERO);
    last_words::leave(session.will(), clock);
    let mut sleep = Sleep::new(clock::slept());
    watchdog::ready();
    loop {
        let now = clock.now();
        let timeout = session.deadline(now).map(|deadline| deadline - now);
        let ready = session.wait(timeout);
        let now = clock.now();
        if let Some(slept) = sleep.note(clock::slept()) {
            session.awake(slept, now);
        }
        if let Some(ended) = session.turn(ready, now) {
            watchdog::stopping();
            return ended;
        }
    }
}

/// The session itself, for whoever brings a clock: [`run`] has the machine's, a simulation its own.
pub struct Session {
    conversation: Conversation,
    config: SessionConfig,
    ledger: Ledger,
    line: Line,
    sound: AudioIo,
    board: Board,
    errands: Background,
    settings: Settings,
    signals: UnixStream,
    uplink: Uplink,
    downlink: Downlink,
    history: History,
    chime: Chime,
    teller: Teller,
    scribe: Scribe,
    /// What the light is a picture of, as it was last shown.
    facts: LightState,
    /// Which devices were away when that was last looked at.
    away: MissingDevices,
    /// The xruns of the microphone and of the speaker.
    storms: [XrunBurst; 2],
    /// What their threads get done.
    standstills: [HungThread; 2],
    /// Whether a button is ignored.
    broken: bool,
    /// When the light is to be looked at again.
    look_at: Option<Time>,
    tape_told: bool,
    watchdog: Option<Watchdog>,
    /// Messages may be waiting that poll does not know of.
    unread: bool,
    /// How the program ends, and when.
    ending: Option<(Exit, Time)>,
}

impl Session {
    /// Begins by dialling, and lets microphone and light follow.
    #[must_use]
    pub fn begin(parts: Parts, now: Time) -> Self {
        let (conversation, first) = Conversation::begin(parts.mode, parts.keep.muted, parts.seed, now);
        let mut session = Self::new(parts, conversation, now);
        if session.board.mute_switch() == Some(true) {
            session.on(&Event::Input(UserInput::MuteSwitch(true)), now);
        }
        session.sound.playback.set_volume(session.settings.volume());
        for action in first {
            session.act(action, now);
        }
        session.settle(now);
        session.show(now);
        session
    }

    fn new(mut parts: Parts, conversation: Conversation, now: Time) -> Self {
        Self {
            facts: LightState::begin(conversation.state(), now),
            look_at: Some(now),
            scribe: Scribe::new(&mut parts, &conversation, now),
            away: MissingDevices::default(),
            storms: Default::default(),
            standstills: Default::default(),
            broken: false,
            conversation,
            config: parts.config,
            ledger: Ledger::new(wire::RATE_HZ),
            line: Line::new(parts.service),
            sound: parts.sound,
            board: parts.board,
            errands: parts.errands,
            settings: Settings::new(&parts.keep),
            signals: parts.signals,
            uplink: Uplink::new(),
            downlink: Downlink::default(),
            history: History::default(),
            chime: Chime::new(parts.sounds),
            teller: Teller::default(),
            tape_told: false,
            watchdog: parts.patience.map(|patience| Watchdog::new(patience, now)),
            unread: false,
            ending: None,
        }
    }

    /// Takes in everything that has come; how the session ends, once it does.
    ///
    /// # Errors
    /// When a sound thread has ended.
    pub fn turn(&mut self, ready: Ready, now: Time) -> Option<Result<Exit, AudioError>> {
        if ready.sound {
            self.sound.clear_wake();
        }
        self.say_what_was_heard(now);
        if ready.signals {
            let asked = recv(&self.signals, &mut [0; 64], RecvFlags::DONTWAIT);
            if asked != Err(Errno::AGAIN) {
                if is_broken() {
                    self.note_fault(RecordingTrigger::Panic, now);
                }
                self.leave(now);
            }
        }
        self.take_touches(ready.board, now);
        if ready.errands {
            self.take_outcomes(now);
        }
        if ready.link || self.unread || ready.errands {
            self.take_messages(now);
            self.take_spare(now);
        }
        self.take_away(now);
        self.take_storms(now);
        self.take_standstills(now);
        self.take_receipts(now);
        self.take_time(now);
        self.downlink.top_up(&mut self.sound.playback);
        self.chime();
        self.correct(now);
        self.flush(now);
        self.keep_spare(now);
        self.follow(now);
        self.teller.counters(self.sound.counters(), now);
        self.show(now);
        self.feed_watchdog(now);
        let ended = self.ending.filter(|(_, at)| now >= *at).map(|(ending, _)| Ok(ending));
        let ended = self.sound.failure().map(Err).or(ended);
        if let Some(Err(_)) = ended {
            self.note_fault(RecordingTrigger::SoundEnded, now);
        }
        self.keep_record(ended.is_some(), now);
        ended
    }

    /// Returns what the session has decided so far.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Returns what the lights are a picture of.
    #[must_use]
    pub fn facts(&self) -> &LightState {
        &self.facts
    }

    /// Tells the conversation what happened and does what it decides.
    fn on(&mut self, event: &Event, now: Time) {
        match event {
            Event::Service(ServiceEvent::SpeechStopped) => {
                self.ledger.mark(TurnMark::TurnEnded, now);
                self.uplink.taken();
            }
            // What the microphone heard until now is an echo of the reply, if anything.
            Event::Device(DeviceEvent::Drained) => self.uplink.taken(),
            Event::Service(ServiceEvent::ReplyCreated(_)) => self.ledger.mark(TurnMark::Created, now),
            Event::Service(ServiceEvent::ReplyDone(reply, _)) => self.ledger.reply_done(reply),
            Event::Input(_)
            | Event::Device(_)
            | Event::Link(_)
            | Event::Standby(_)
            | Event::Service(_)
            | Event::Tick => {}
        }
        let before = self.conversation.state();
        let then = self.conversation.handle(event, now);
        self.note(event, &then, now);
        for action in then {
            self.act(action, now);
        }
        let heard_to_the_end = before == State::Speaking
            && matches!(
                event,
                Event::Device(DeviceEvent::Drained) | Event::Service(ServiceEvent::ReplyDone(..))
            );
        if heard_to_the_end && self.conversation.state() != State::Speaking {
            self.teller.turn(self.ledger.timings(), &mut self.board);
        }
        self.settle(now);
    }

    fn act(&mut self, action: Action, now: Time) {
        match action {
            Action::Dial => self.dial(now),
            Action::HangUp => self.line.hang_up(&self.errands, now),
            Action::DialStandby => self.dial_spare(now),
            Action::ConfigureStandby => self.configure_spare(now),
            Action::DropStandby => self.line.drop_spare(&self.errands, now),
            Action::SwitchToStandby => self.move_over(now),
            Action::Configure => {
                let config = self.config.clone();
                self.send("session.update", |text| wire::session_update(&config, text), now);
            }
            Action::Cut => self.cut(now),
            Action::Clear => {
                self.uplink.restart();
                self.command(&Command::Clear, now);
            }
            Action::Commit => {
                // Where the service finds the turns, letting the button go ends none.
                self.ledger.mark(TurnMark::TurnEnded, now);
                self.say_what_was_heard(now);
                self.command(&Command::Commit, now);
                self.uplink.taken();
            }
            Action::Create => self.command(&Command::Create, now),
            Action::Cancel(reply) => self.command(&Command::Cancel(reply), now),
            Action::Notify(news) => {
                self.see_news(news, now);
                self.teller.news(news, &mut self.board);
            }
            Action::PlayEarcon(tone) => self.chime.ask(tone),
            Action::Finish(ending) => self.ending = Some((ending, now + self.last_sight(ending, now))),
        }
    }

    /// Ends the program politely, or at once where it is ending already.
    fn leave(&mut self, now: Time) {
        match &mut self.ending {
            Some((_, at)) => *at = now,
            None => self.on(&Event::Input(UserInput::Leave), now),
        }
    }

    fn take_time(&mut self, now: Time) {
        if self.conversation.deadline().is_some_and(|deadline| now >= deadline) {
            self.on(&Event::Tick, now);
        }
        let busy = self.conversation.microphone_open() || !self.conversation.is_at_rest();
        if let Some(link) = self.line.link() {
            link.set_busy(busy);
            if let Err(lost) = link.tick(now) {
                self.lose(&lost, now);
            }
        }
    }

    /// Names the time of the next turn if nothing happens before; `None` where there is none.
    #[must_use]
    pub fn deadline(&self, now: Time) -> Option<Time> {
        let unheard = self.ledger.unplayed_frames(self.sound.playback.played_position());
        let draining = Duration::from_micros(unheard * 1_000_000 / u64::from(wire::RATE_HZ)) + DRAIN_MARGIN;
        let slack = if self.sound.capture.is_open() { LIGHT_SLACK } else { Duration::ZERO };
        [
            self.conversation.deadline(),
            self.line.deadline(),
            self.scribe.book().recorder.deadline(),
            self.board.deadline(),
            self.watchdog.as_ref().map(Watchdog::deadline),
            self.look_at.map(|look_at| look_at + slack),
            self.ending.map(|(_, at)| at),
            self.downlink.is_waiting().then(|| now + TOP_UP),
            (unheard > 0).then(|| now + draining),
            self.storms.iter().filter_map(XrunBurst::deadline).min(),
            self.standstills.iter().filter_map(HungThread::deadline).min(),
            self.unread.then_some(now),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
