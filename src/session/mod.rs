//! The session: one thread, one clock, one poll, and everything that meets in it.
//!
//! A turn of the loop waits in poll(2), reads the clock once, takes in what has come (touches, errands,
//! messages, sound, time), tells the conversation, carries out what it decides, and shows the light that
//! follows from it. It is the only owner of the link and of both lanes' inner ends. It contains no policy:
//! what to do is `conversation`'s, what was heard `ledger`'s, how it is spelled `wire`'s.

mod ask;
mod backlog;
mod cage;
mod clock;
mod downlink;
mod intake;
mod line;
mod record;
mod sight;
mod teller;
mod touches;
mod uplink;
mod wait;
mod watchdog;

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::audio::{AudioError, Away, Sound};
use crate::board::Board;
use crate::conversation::{Action, Conversation, Ending, Event, Loss, Mode, State};
use crate::errands::{Errands, Outcome};
use crate::ledger::{Correction, Ledger, Mark};
use crate::light::Facts;
use crate::link::Lost;
use crate::profile::Keep;
use crate::recorder::Fault;
use crate::wire::{self, Command, SessionConfig};

pub use ask::{mode, session};
pub use line::Service;
pub use record::Recording;
pub use sight::greet;
pub use wait::Ready;
pub use watchdog::{Progress, Watchdog, Work};

use downlink::Downlink;
use line::Line;
use record::Scribe;
use teller::{Odd, Teller};
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
    /// When the microphone is live.
    pub mode: Mode,
    /// What the session is asked to be.
    pub config: SessionConfig,
    /// Where the service is.
    pub service: Service,
    /// Both lanes and the devices at their ends.
    pub sound: Sound,
    /// Button and light.
    pub board: Board,
    /// Who does what is slow.
    pub errands: Errands,
    /// What is remembered from the last run.
    pub keep: Keep,
    /// Readable when the program is to end.
    pub signals: UnixStream,
    /// How long the service manager waits for a sign of life (`WatchdogSec=`), if it does.
    pub patience: Option<Duration>,
    /// Spreads the retries of many devices; any number.
    pub seed: u64,
    /// What is recorded, and where.
    pub recording: Recording,
}

/// Holds conversations until the owner leaves.
///
/// # Errors
/// When a sound thread has ended: there is nothing to be said or heard any more.
pub fn run(parts: Parts) -> Result<Ending, AudioError> {
    let mut session = Session::begin(parts, clock::now());
    watchdog::ready();
    loop {
        let now = clock::now();
        let timeout = session.deadline(now).map(|deadline| deadline.saturating_duration_since(now));
        let ready = session.wait(timeout);
        if let Some(ended) = session.turn(ready, clock::now()) {
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
    sound: Sound,
    board: Board,
    errands: Errands,
    settings: Settings,
    signals: UnixStream,
    uplink: Uplink,
    downlink: Downlink,
    teller: Teller,
    scribe: Scribe,
    /// What the light is a picture of, as it was last shown.
    facts: Facts,
    /// Which devices were away when that was last looked at.
    away: Away,
    /// Whether a button is ignored.
    broken: bool,
    /// When the light is to be looked at again.
    look_at: Option<Instant>,
    tape_told: bool,
    watchdog: Option<Watchdog>,
    /// Messages may be waiting that poll does not know of.
    unread: bool,
    /// How the program ends, and when.
    ending: Option<(Ending, Instant)>,
}

impl Session {
    /// Begins by dialling, and lets microphone and light follow.
    #[must_use]
    pub fn begin(parts: Parts, now: Instant) -> Self {
        let (conversation, first) = Conversation::begin(parts.mode, parts.keep.muted, parts.seed, now);
        let mut session = Self::new(parts, conversation, now);
        if session.board.mute_switch() == Some(true) {
            session.on(&Event::MuteSwitch(true), now);
        }
        session.sound.mouth.set_volume(session.settings.volume());
        for action in first {
            session.act(action, now);
        }
        session.settle(now);
        session.show(now);
        session
    }

    fn new(mut parts: Parts, conversation: Conversation, now: Instant) -> Self {
        Self {
            facts: Facts::begin(conversation.state(), now),
            look_at: Some(now),
            scribe: Scribe::new(&mut parts, &conversation, now),
            away: Away::default(),
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
    pub fn turn(&mut self, ready: Ready, now: Instant) -> Option<Result<Ending, AudioError>> {
        if ready.sound {
            self.sound.clear_wake();
        }
        self.say_what_was_heard(now);
        if ready.signals {
            let asked = recv(&self.signals, &mut [0; 64], RecvFlags::DONTWAIT);
            if asked != Err(Errno::AGAIN) {
                self.leave(now);
            }
        }
        self.take_touches(ready.board, now);
        if ready.errands {
            self.take_outcomes(now);
        }
        if ready.link || self.unread || ready.errands {
            self.take_messages(now);
        }
        self.take_away(now);
        self.take_receipts(now);
        self.take_time(now);
        self.downlink.top_up(&mut self.sound.mouth);
        self.correct(now);
        self.flush(now);
        self.follow(now);
        self.teller.counters(self.sound.counters(), now);
        self.show(now);
        self.feed_watchdog(now);
        let ended = self.ending.filter(|(_, at)| now >= *at).map(|(ending, _)| Ok(ending));
        let ended = self.sound.failure().map(Err).or(ended);
        if let Some(Err(_)) = ended {
            self.note_fault(Fault::SoundEnded, now);
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
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Tells the conversation what happened and does what it decides.
    fn on(&mut self, event: &Event, now: Instant) {
        match event {
            Event::SpeechStopped => self.ledger.note(Mark::TurnEnded, now),
            Event::ReplyCreated(_) => self.ledger.note(Mark::Created, now),
            Event::ReplyDone(reply, _) => self.ledger.reply_done(reply),
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
            | Event::SpeechStarted
            | Event::Committed
            | Event::Audio(_)
            | Event::Drained
            | Event::Refused(_)
            | Event::Tick => {}
        }
        let before = self.conversation.state();
        let then = self.conversation.handle(event, now);
        self.note(event, &then, now);
        for action in then {
            self.act(action, now);
        }
        let heard_to_the_end =
            before == State::Speaking && matches!(event, Event::Drained | Event::ReplyDone(..));
        if heard_to_the_end && self.conversation.state() != State::Speaking {
            self.teller.turn(self.ledger.turn(), &mut self.board);
        }
        self.settle(now);
    }

    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::Dial => self.dial(now),
            Action::HangUp => self.line.hang_up(&self.errands),
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
                self.ledger.note(Mark::TurnEnded, now);
                self.say_what_was_heard(now);
                self.command(&Command::Commit, now);
            }
            Action::Create => self.command(&Command::Create, now),
            Action::Cancel(reply) => self.command(&Command::Cancel(reply), now),
            Action::Tell(news) => {
                self.see_news(news, now);
                self.teller.news(news, &mut self.board);
            }
            Action::Finish(ending) => self.ending = Some((ending, now + self.last_sight(ending, now))),
        }
    }

    fn dial(&mut self, now: Instant) {
        match self.line.dial(&self.errands, now) {
            Ok(true) => self.on(&Event::LinkUp, now),
            Ok(false) => {}
            Err(lost) => self.lose(&lost, now),
        }
    }

    /// Silences the reply, here and in the device, where there is anything to silence.
    fn cut(&mut self, now: Instant) {
        self.downlink.clear();
        if self.sound.mouth.written() > self.sound.mouth.heard() || self.ledger.has_items() {
            self.sound.mouth.cut();
            self.ledger.note(Mark::Cut, now);
            self.facts.interrupted = Some(now);
        }
    }

    /// Moves the microphone's frames on: to the service, or into the pre-roll.
    fn say_what_was_heard(&mut self, now: Instant) {
        // What the light does not show is not taken.
        let open = self.conversation.microphone() && self.facts.live;
        let link = if self.conversation.configured() { self.line.link() } else { None };
        let dropped = self.uplink.dropped();
        let recorder = &mut self.scribe.recorder;
        let moved = self.uplink.pump(&mut self.sound.ears, open, link, recorder, now);
        if self.uplink.dropped() > dropped {
            self.teller.odd(Odd::PreRoll, "the link is slow to come up", now);
        }
        if let Err(lost) = moved {
            self.lose(&lost, now);
        }
    }

    /// Ends the program politely, or at once where it is ending already.
    fn leave(&mut self, now: Instant) {
        match &mut self.ending {
            Some((_, at)) => *at = now,
            None => self.on(&Event::Leave, now),
        }
    }

    fn take_outcomes(&mut self, now: Instant) {
        while let Some(outcome) = self.errands.outcome() {
            match outcome {
                Outcome::Dialled { number, result } => {
                    if let Err((loss, lost)) = self.line.dialled(number, result, now) {
                        self.line.hang_up(&self.errands);
                        self.down(&lost, loss, now);
                    }
                }
                Outcome::NotKept(why) | Outcome::NotRecorded(why) => log::warn!("{why}"),
                Outcome::Recorded(file) => log::info!("a recording is in {}", file.display()),
            }
        }
    }

    fn take_receipts(&mut self, now: Instant) {
        while let Some(receipt) = self.sound.mouth.receipt() {
            self.ledger.silenced(receipt.cut, receipt.heard, now);
            self.teller.turn(self.ledger.turn(), &mut self.board);
        }
        let heard = self.sound.mouth.heard();
        self.ledger.heard(heard, now);
        if !self.downlink.is_waiting() && self.ledger.take_drained(heard) {
            self.on(&Event::Drained, now);
        }
        if self.sound.tape_ended() && !self.tape_told {
            self.tape_told = true;
            self.on(&Event::LastWords, now);
        }
    }

    fn take_time(&mut self, now: Instant) {
        if self.conversation.deadline().is_some_and(|deadline| now >= deadline) {
            self.on(&Event::Tick, now);
        }
        if let Some(link) = self.line.link()
            && let Err(lost) = link.tick(now)
        {
            self.lose(&lost, now);
        }
    }

    /// Tells the service what was really heard of a reply that was cut.
    fn correct(&mut self, now: Instant) {
        while let Some(correction) = self.ledger.next_correction() {
            let command = match correction {
                Correction::Truncate { item, content_index, audio_end_ms } => {
                    Command::Truncate { item, content_index, audio_end_ms }
                }
                Correction::Delete { item } => Command::Delete(item),
            };
            self.command(&command, now);
        }
    }

    fn command(&mut self, command: &Command, now: Instant) {
        log::debug!("tells the service: {command:?}");
        self.send(record::command_kind(command), |text| command.write(text), now);
    }

    fn send(&mut self, kind: &'static str, write: impl FnOnce(&mut bytes::BytesMut), now: Instant) {
        let Some(link) = self.line.link() else { return };
        let mut bytes = 0;
        let sent = link.send(|text| {
            let before = text.len();
            write(text);
            bytes = text.len() - before;
        });
        self.scribe.recorder.sent(kind, bytes, now);
        if let Err(lost) = sent {
            self.lose(&lost, now);
        }
    }

    fn flush(&mut self, now: Instant) {
        if let Some(link) = self.line.link()
            && let Err(lost) = link.flush()
        {
            self.lose(&lost, now);
        }
    }

    fn lose(&mut self, lost: &Lost, now: Instant) {
        let loss = self.line.lose(lost);
        self.down(lost, loss, now);
    }

    fn down(&mut self, lost: &Lost, loss: Loss, now: Instant) {
        self.note_lost(lost, now);
        self.teller.lost(lost, loss, self.conversation.is_leaving(), &mut self.board);
        self.ledger.forget();
        self.on(&Event::LinkDown(loss), now);
    }

    /// Lets microphone and light follow the conversation: the light is on before the first sample and
    /// off after the last.
    fn settle(&mut self, now: Instant) {
        let open = self.conversation.microphone();
        if !open {
            self.sound.ears.set_open(false);
        }
        // Only a whole turn may wait for the link with the microphone closed.
        if !open && self.conversation.state() != State::Thinking {
            self.uplink.restart();
        }
        self.follow(now);
        if open {
            self.sound.ears.set_open(true);
        }
    }

    fn feed_watchdog(&mut self, now: Instant) {
        let Some(watchdog) = &mut self.watchdog else { return };
        let counters = self.sound.counters();
        let progress = Progress {
            microphone: Work { due: self.sound.ears.is_open(), frames: counters.captured.get() },
            speaker: Work { due: self.away.speaker.is_none(), frames: counters.played.get() },
        };
        let due = now >= watchdog.deadline();
        if watchdog.look(progress, now) {
            watchdog::feed();
        } else if due {
            self.note_fault(Fault::Starved, now);
        }
    }

    /// Names the time of the next turn if nothing happens before; `None` where there is none.
    #[must_use]
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let unheard = self.ledger.unheard(self.sound.mouth.heard());
        let draining = Duration::from_micros(unheard * 1_000_000 / u64::from(wire::RATE_HZ)) + DRAIN_MARGIN;
        let slack = if self.sound.ears.is_open() { LIGHT_SLACK } else { Duration::ZERO };
        [
            self.conversation.deadline(),
            self.line.deadline(),
            self.scribe.recorder.deadline(),
            self.board.deadline(),
            self.watchdog.as_ref().map(Watchdog::deadline),
            self.look_at.map(|look_at| look_at + slack),
            self.ending.map(|(_, at)| at),
            self.downlink.is_waiting().then(|| now + TOP_UP),
            (unheard > 0).then(|| now + draining),
            self.unread.then_some(now),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
