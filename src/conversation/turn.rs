//! The phases with a configured session: idle, listening, thinking, speaking.
//!
//! The service's reply and the owner's turn are two things: a reply may still be generated while the
//! owner already speaks again. Only the reply that the turn waits for or plays is ever admitted, so
//! audio that comes late belongs to nobody. Links are made elsewhere.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::link::Eager;
use super::{
    Action, Actions, Conversation, Ending, Event, Id, Loss, Mode, News, Outcome, Phase, REPLY_LIMIT, Refusal,
    SHORTEST_HOLD, STALL_LIMIT, Speaker, State, THINK_LIMIT, UTTERANCE_LIMIT, actions,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Up<T = Instant> {
    turn: Turn<T>,
    reply: Reply,
    /// A reply is to be asked for as soon as the service is done with the one before.
    owed: bool,
    dialled: T,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Turn<T = Instant> {
    Idle { since: T },
    Listening { since: T, speech: bool, until: Option<T> },
    Thinking { reply: Option<Id>, until: T },
    Speaking { reply: Id, sent: bool, drained: bool, until: T },
}

/// What the service is generating, whether or not anybody still wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    None,
    Asked,
    Active(Id),
}

impl Up {
    pub(super) fn begin(
        mode: Mode,
        muted: bool,
        eager: Eager,
        dialled: Instant,
        now: Instant,
    ) -> (Self, Actions) {
        let idle = Turn::Idle { since: now };
        let mut up = Self { turn: idle, reply: Reply::None, owed: false, dialled };
        let then = match (eager, mode) {
            (Eager::Said, _) => up.end_turn(now),
            (Eager::Talking, Mode::Tap { .. } | Mode::Hold) => {
                up.turn = Turn::listening(mode, now);
                Actions::new()
            }
            (Eager::No | Eager::Talking, Mode::Open | Mode::Tap { .. } | Mode::Hold) => {
                up.rest(mode, muted, true, now);
                Actions::new()
            }
        };
        (up, then)
    }

    pub(super) fn dialled(&self) -> Instant {
        self.dialled
    }

    pub(super) fn admits(&self, id: &str) -> bool {
        match &self.turn {
            Turn::Thinking { reply: Some(reply), .. } | Turn::Speaking { reply, .. } => reply == id,
            Turn::Thinking { reply: None, .. } | Turn::Idle { .. } | Turn::Listening { .. } => false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.turn {
            Turn::Idle { .. } => None,
            Turn::Listening { until, .. } => *until,
            Turn::Thinking { until, .. } | Turn::Speaking { until, .. } => Some(*until),
        }
    }

    pub(super) fn state(&self, muted: bool) -> State {
        match &self.turn {
            Turn::Idle { .. } if muted => State::Muted,
            Turn::Idle { .. } => State::Idle,
            Turn::Listening { .. } => State::Listening,
            Turn::Thinking { .. } => State::Thinking,
            Turn::Speaking { .. } => State::Speaking,
        }
    }

    pub(super) fn microphone(&self, mode: Mode) -> bool {
        match &self.turn {
            Turn::Idle { .. } => false,
            Turn::Listening { .. } => true,
            Turn::Thinking { .. } | Turn::Speaking { .. } => mode != Mode::Hold,
        }
    }

    /// Returns since when nobody speaks, listens to a reply or waits for one.
    pub(super) fn at_rest_since(&self) -> Option<Instant> {
        match &self.turn {
            Turn::Idle { since } | Turn::Listening { since, speech: false, .. } => Some(*since),
            Turn::Listening { speech: true, .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => None,
        }
    }

    /// Leaves the turn: to wait for the next one where the mode keeps listening, else to idle.
    fn rest(&mut self, mode: Mode, muted: bool, fresh: bool, now: Instant) {
        let listens = match mode {
            Mode::Open => !muted,
            Mode::Tap { .. } => !muted && !fresh,
            Mode::Hold => false,
        };
        self.turn = if listens { Turn::listening(mode, now) } else { Turn::Idle { since: now } };
    }

    /// Push to talk: what was said is a turn, and the service has to be asked for the reply.
    fn end_turn(&mut self, now: Instant) -> Actions {
        self.turn = Turn::Thinking { reply: None, until: now + THINK_LIMIT };
        let mut all = actions([Action::Commit]);
        match self.reply {
            Reply::None => {
                self.reply = Reply::Asked;
                let _ = all.push(Action::Create);
            }
            Reply::Asked | Reply::Active(_) => self.owed = true,
        }
        all
    }

    /// Silences what is heard and stops the service's work on it, because the service cannot know.
    fn interrupt(&mut self) -> Actions {
        let mut all = actions([Action::Cut]);
        self.owed = false;
        if let Reply::Active(id) = &self.reply {
            let _ = all.push(Action::Cancel(id.clone()));
        }
        all
    }
}

impl<T> Up<T> {
    pub(super) fn map<U>(&self, to: &impl Fn(&T) -> U) -> Up<U> {
        let Self { turn, reply, owed, dialled } = self;
        let turn = match turn {
            Turn::Idle { since } => Turn::Idle { since: to(since) },
            Turn::Listening { since, speech, until } => {
                Turn::Listening { since: to(since), speech: *speech, until: until.as_ref().map(to) }
            }
            Turn::Thinking { reply, until } => Turn::Thinking { reply: reply.clone(), until: to(until) },
            Turn::Speaking { reply, sent, drained, until } => {
                let reply = reply.clone();
                Turn::Speaking { reply, sent: *sent, drained: *drained, until: to(until) }
            }
        };
        Up { turn, reply: reply.clone(), owed: *owed, dialled: to(dialled) }
    }

    /// Lists the times in it that lie behind.
    pub(super) fn past(&self) -> impl Iterator<Item = &T> {
        let since = match &self.turn {
            Turn::Idle { since } | Turn::Listening { since, .. } => Some(since),
            Turn::Thinking { .. } | Turn::Speaking { .. } => None,
        };
        since.into_iter().chain([&self.dialled])
    }

    pub(super) fn is_listening(&self) -> bool {
        matches!(self.turn, Turn::Listening { .. })
    }
}

impl Turn {
    fn listening(mode: Mode, now: Instant) -> Self {
        let until = match mode {
            Mode::Open => None,
            Mode::Tap { quiet } => Some(now + quiet),
            Mode::Hold => Some(now + UTTERANCE_LIMIT),
        };
        Self::Listening { since: now, speech: mode == Mode::Hold, until }
    }
}

impl Conversation {
    pub(super) fn handle_up(&mut self, event: &Event, now: Instant) -> Actions {
        match event {
            Event::Press => self.press(now),
            Event::Release { heard } => self.release(*heard, now),
            Event::Mute => self.mute(None, now),
            Event::MuteSwitch(on) => self.mute(Some(*on), now),
            Event::Reset => self.reset(now),
            Event::LinkDown(loss) => self.down(*loss, now),
            Event::SpeechStarted => self.speech_started(now),
            Event::SpeechStopped | Event::Committed => self.speech_stopped(now),
            Event::ReplyCreated(id) => self.reply_created(id, now),
            Event::Audio(id) => self.audio(id, now),
            Event::ReplyDone(id, outcome) => self.reply_done(id, *outcome, now),
            Event::Drained => self.drained(now),
            Event::Refused(refusal) => self.refused(*refusal, now),
            Event::Tick => self.tick_up(now),
            // The session stays as it was asked for; a later `session.updated` changes nothing.
            Event::Leave
            | Event::Speaker { .. }
            | Event::LastWords
            | Event::LinkUp
            | Event::Configured
            | Event::Misconfigured => Actions::new(),
        }
    }

    fn press(&mut self, now: Instant) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        let (was_busy, mut all) = match &up.turn {
            Turn::Thinking { .. } | Turn::Speaking { .. } => (true, up.interrupt()),
            // What is still heard here is the end of a reply from before the link was lost.
            Turn::Idle { .. } | Turn::Listening { .. } => (false, actions([Action::Cut])),
        };
        if muted {
            if !was_busy {
                let _ = all.push(Action::Tell(News::Muted));
            }
            up.rest(mode, muted, false, now);
            return all;
        }
        match (mode, &up.turn) {
            (Mode::Open | Mode::Hold, Turn::Listening { .. }) => return all,
            (Mode::Tap { .. }, Turn::Listening { .. }) => {
                let _ = all.push(Action::Clear);
                up.turn = Turn::Idle { since: now };
                return all;
            }
            (Mode::Hold, Turn::Idle { .. } | Turn::Thinking { .. } | Turn::Speaking { .. }) => {
                let _ = all.push(Action::Clear);
            }
            (
                Mode::Open | Mode::Tap { .. },
                Turn::Idle { .. } | Turn::Thinking { .. } | Turn::Speaking { .. },
            ) => {}
        }
        up.turn = Turn::listening(mode, now);
        all
    }

    fn release(&mut self, heard: Duration, now: Instant) -> Actions {
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        if self.mode != Mode::Hold || !matches!(up.turn, Turn::Listening { .. }) {
            return Actions::new();
        }
        if heard >= SHORTEST_HOLD {
            return up.end_turn(now);
        }
        up.turn = Turn::Idle { since: now };
        actions([Action::Clear, Action::Tell(News::TooShort)])
    }

    fn mute(&mut self, switch: Option<bool>, now: Instant) -> Actions {
        match self.take_mute(switch) {
            Ok(true) => {}
            Ok(false) => return Actions::new(),
            Err(news) => return actions([Action::Tell(news)]),
        }
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        match &up.turn {
            // Half a turn must not be answered later as if it were whole.
            Turn::Listening { .. } if muted => {
                up.turn = Turn::Idle { since: now };
                actions([Action::Clear])
            }
            Turn::Idle { .. } if !muted => {
                up.rest(mode, muted, true, now);
                Actions::new()
            }
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => {
                Actions::new()
            }
        }
    }

    /// There has been no speaker for too long: a reply that nobody hears is no reply.
    pub(super) fn give_up_reply(&mut self, now: Instant) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        match &up.turn {
            Turn::Thinking { .. } | Turn::Speaking { .. } => {
                let mut all = up.interrupt();
                up.rest(mode, muted, false, now);
                let _ = all.push(Action::Tell(News::NoSpeaker));
                all
            }
            Turn::Idle { .. } | Turn::Listening { .. } => Actions::new(),
        }
    }

    /// Forgets the talk so far, which lives at the service, and that the microphone was muted.
    pub(super) fn reset(&mut self, now: Instant) -> Actions {
        self.mute.asked = false;
        let mut all = actions([Action::Cut, Action::HangUp]);
        all.extend(self.down(Loss::Broken, now));
        all
    }

    fn speech_started(&mut self, now: Instant) -> Actions {
        if self.mode == Mode::Hold || self.muted() {
            return Actions::new();
        }
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        if matches!(up.turn, Turn::Idle { .. }) {
            return Actions::new();
        }
        up.turn = Turn::Listening { since: now, speech: true, until: Some(now + UTTERANCE_LIMIT) };
        // The service stops the reply by itself: it heard the voice first (protocol §9.3).
        actions([Action::Cut])
    }

    fn speech_stopped(&mut self, now: Instant) -> Actions {
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        if self.mode != Mode::Hold && matches!(up.turn, Turn::Listening { speech: true, .. }) {
            up.turn = Turn::Thinking { reply: None, until: now + THINK_LIMIT };
        }
        Actions::new()
    }

    fn reply_created(&mut self, id: &Id, now: Instant) -> Actions {
        let given_up = self.speaker == Speaker::GivenUp;
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        up.reply = Reply::Active(id.clone());
        match &mut up.turn {
            Turn::Thinking { .. } if !up.owed && given_up => self.give_up_reply(now),
            Turn::Thinking { reply, .. } if !up.owed => {
                *reply = Some(id.clone());
                Actions::new()
            }
            // The owner has pressed the button since, or nobody asked.
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => {
                actions([Action::Cancel(id.clone())])
            }
        }
    }

    fn audio(&mut self, id: &Id, now: Instant) -> Actions {
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        if up.admits(id) {
            let sent = matches!(up.turn, Turn::Speaking { sent: true, .. });
            up.turn = Turn::Speaking { reply: id.clone(), sent, drained: false, until: now + REPLY_LIMIT };
        }
        Actions::new()
    }

    fn reply_done(&mut self, id: &Id, outcome: Outcome, now: Instant) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        let mut all = Actions::new();
        if up.reply == Reply::Active(id.clone()) {
            up.reply = Reply::None;
        }
        if up.owed && up.reply == Reply::None {
            up.owed = false;
            up.reply = Reply::Asked;
            let _ = all.push(Action::Create);
            if let Turn::Thinking { until, .. } = &mut up.turn {
                *until = now + THINK_LIMIT;
            }
        }
        match &mut up.turn {
            Turn::Thinking { reply: Some(reply), .. } if reply == id => up.rest(mode, muted, false, now),
            Turn::Speaking { reply, drained: true, .. } if reply == id => up.rest(mode, muted, false, now),
            Turn::Speaking { reply, sent, .. } if reply == id => *sent = true,
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => {
                return all;
            }
        }
        match outcome {
            Outcome::Failed | Outcome::Incomplete => {
                let _ = all.push(Action::Tell(News::ReplyFailed));
            }
            Outcome::Completed | Outcome::Cancelled => {}
        }
        all
    }

    fn drained(&mut self, now: Instant) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        match &mut up.turn {
            Turn::Speaking { sent: true, .. } => up.rest(mode, muted, false, now),
            Turn::Speaking { drained, until, .. } => {
                *drained = true;
                *until = now + STALL_LIMIT;
            }
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } => {}
        }
        Actions::new()
    }

    fn refused(&mut self, refusal: Refusal, now: Instant) -> Actions {
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        match refusal {
            Refusal::ReplyInProgress if up.reply == Reply::Asked => {
                // The one in progress is unknown here; its end is the moment to ask again.
                up.reply = Reply::None;
                up.owed = true;
                Actions::new()
            }
            Refusal::NothingToCommit => {
                up.owed = false;
                Actions::new()
            }
            Refusal::SessionExpired => {
                let mut all = actions([Action::HangUp]);
                all.extend(self.down(Loss::Broken, now));
                all
            }
            Refusal::NoQuota => {
                let mut all = actions([Action::HangUp]);
                all.extend(self.finish(Ending::Refused));
                all
            }
            Refusal::NothingToCancel | Refusal::ReplyInProgress | Refusal::Other => Actions::new(),
        }
    }

    fn tick_up(&mut self, now: Instant) -> Actions {
        if self.last_words_deadline().is_some_and(|deadline| now >= deadline) {
            return self.leave(now);
        }
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        if up.deadline().is_none_or(|deadline| now < deadline) {
            return Actions::new();
        }
        match (&up.turn, mode) {
            (Turn::Idle { .. }, _) => Actions::new(),
            (Turn::Listening { .. }, Mode::Hold) => up.end_turn(now),
            (Turn::Listening { .. }, Mode::Open | Mode::Tap { .. }) => {
                up.rest(mode, muted, true, now);
                actions([Action::Clear])
            }
            (Turn::Thinking { .. }, _) => {
                let mut all = up.interrupt();
                // Whatever was asked for is not waited for any longer, so it may be asked for again.
                up.reply = Reply::None;
                up.rest(mode, muted, false, now);
                let _ = all.push(Action::Tell(News::NoReply));
                all
            }
            (Turn::Speaking { sent, .. }, _) => {
                let stalled = !sent;
                let mut all = up.interrupt();
                up.rest(mode, muted, false, now);
                if stalled {
                    let _ = all.push(Action::Tell(News::ReplyStalled));
                }
                all
            }
        }
    }
}
