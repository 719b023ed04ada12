//! The replies of a session: which are heard, and what their events mean for the turn.
//!
//! The service answers a turn, but also speaks by itself: a greeting, a second reply after a tool of its own, a nudge
//! after a silence. Every reply is heard unless the user has interrupted it. The end of the user's speech is left to
//! `speech`; no audio passes here.

use heapless::{Deque, Vec};
use serde::{Deserialize, Serialize};

use super::online::failure_notice;
use super::turn::{Awaited, Generation, Turn};
use super::{
    Action, Actions, Conversation, Id, Mode, Phase, REPLY_LIMIT, ResponseStatus, STALL_LIMIT, SpeakerStatus,
    THINK_LIMIT, actions,
};
use crate::model::Time;

/// Replies in progress at most; the oldest counts as ended. The service generates one at a time, but may never report
/// its end.
const OPEN: usize = 4;
/// Latest replies that are over. Audio of one may arrive a little later.
const OVER: usize = 8;

/// The replies of one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replies {
    /// Accepted replies that the service has not ended.
    open: Vec<Id, OPEN>,
    /// The latest replies whose audio is not accepted any more.
    over: Deque<Over, OVER>,
    /// The user has interrupted a reply that was expected; one that begins before this time is not heard.
    unwanted_until: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Over {
    id: Id,
    /// The user interrupted it, so what follows of it was never heard.
    interrupted: bool,
}

impl Replies {
    /// Returns whether no accepted reply is in progress.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn is_open(&self, id: &str) -> bool {
        self.open.iter().any(|open| open == id)
    }

    fn is_known(&self, id: &str) -> bool {
        self.is_open(id) || self.over.iter().any(|over| over.id == id)
    }

    fn is_unwanted(&self, now: Time) -> bool {
        self.unwanted_until.is_some_and(|until| now < until)
    }

    /// Has replies that begin before `until` count as interrupted.
    pub(super) fn refuse_until(&mut self, until: Time) {
        self.unwanted_until = Some(until);
    }

    /// Has the next reply be heard: it answers a new turn.
    pub(super) fn expect(&mut self) {
        self.unwanted_until = None;
    }

    /// Interrupts all replies in progress.
    pub(super) fn interrupt(&mut self) {
        for id in std::mem::take(&mut self.open) {
            self.push_over(id, true);
        }
    }

    fn open(&mut self, id: &Id) {
        if self.open.is_full() {
            let oldest = self.open.remove(0);
            self.push_over(oldest, false);
        }
        let _ = self.open.push(id.clone());
    }

    fn refuse(&mut self, id: &Id) {
        self.unwanted_until = None;
        self.push_over(id.clone(), true);
    }

    /// Records the end of a reply. Returns whether it was in progress and accepted.
    fn end(&mut self, id: &Id) -> bool {
        let Some(at) = self.open.iter().position(|open| open == id) else { return false };
        let id = self.open.remove(at);
        self.push_over(id, false);
        true
    }

    fn push_over(&mut self, id: Id, interrupted: bool) {
        if self.over.is_full() {
            self.over.pop_front();
        }
        let _ = self.over.push_back(Over { id, interrupted });
    }
}

impl Conversation {
    /// Returns whether audio of this reply may be queued.
    #[must_use]
    pub fn accepts_audio_of(&self, reply: &str) -> bool {
        matches!(&self.phase, Phase::Online(online) if online.replies.is_open(reply))
    }

    /// Returns whether this reply has begun, as far as the conversation knows. One that has not begins with its first audio,
    /// as [`ServiceEvent::ReplyCreated`](super::ServiceEvent::ReplyCreated).
    #[must_use]
    pub fn knows_reply(&self, reply: &str) -> bool {
        matches!(&self.phase, Phase::Online(online) if online.replies.is_known(reply))
    }

    /// Returns whether the user interrupted this reply: an item of which nothing was queued before was never heard. What
    /// comes late of a reply that has ended proves nothing.
    #[must_use]
    pub fn was_interrupted(&self, reply: &str) -> bool {
        let Phase::Online(online) = &self.phase else { return false };
        online.replies.over.iter().any(|over| over.interrupted && over.id == reply)
    }

    /// Returns whether a sign of life of a reply would move a deadline: one is not needed while audio is left to play.
    #[must_use]
    pub fn awaits_progress(&self) -> bool {
        matches!(
            &self.phase,
            Phase::Online(online)
                if online.paused.is_none()
                    && matches!(online.turn, Turn::Thinking { .. } | Turn::Speaking { drained: true, .. })
        )
    }

    pub(super) fn reply_created(&mut self, id: &Id, now: Time) -> Actions {
        let (may_begin, given_up) = (self.may_begin(now), self.speaker == SpeakerStatus::GivenUp);
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if online.replies.is_known(id) {
            return Actions::new();
        }
        online.generation = Generation::Active(id.clone());
        if !may_begin {
            online.replies.refuse(id);
            return actions([Action::Cancel(id.clone())]);
        }
        // What was silenced before is not continued after a new reply.
        let mut all = online.drop_paused();
        online.replies.open(id);
        online.uncommitted = false;
        match &mut online.turn {
            Turn::Idle { .. } | Turn::Listening { speech: false, .. } | Turn::Thinking { .. } => {
                online.turn = Turn::thinking(Awaited::Reply, now + THINK_LIMIT);
            }
            // The user speaks: it is heard if the speech proves to be a noise.
            Turn::Listening { speech: true, .. } => all.extend(online.pause(now)),
            // It follows the one that is playing.
            Turn::Speaking { .. } => {}
        }
        if given_up {
            all.extend(self.give_up_reply(now));
        }
        all
    }

    pub(super) fn audio(&mut self, id: &Id, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if !online.replies.is_open(id) {
            return Actions::new();
        }
        match &mut online.paused {
            Some(paused) => paused.queue_audio(),
            None => online.turn = Turn::Speaking { drained: false, until: now + REPLY_LIMIT },
        }
        Actions::new()
    }

    /// Handles a sign of life of a reply, or of one that the service does not name.
    pub(super) fn progress(&mut self, id: Option<&Id>, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if id.is_some_and(|id| !online.replies.is_open(id)) || online.paused.is_some() {
            return Actions::new();
        }
        match &mut online.turn {
            Turn::Thinking { awaits, until, .. } if *awaits == Awaited::Reply || id.is_some() => {
                *until = now + THINK_LIMIT;
            }
            Turn::Speaking { drained: true, until } => *until = now + STALL_LIMIT,
            Turn::Idle { .. }
            | Turn::Listening { .. }
            | Turn::Thinking { .. }
            | Turn::Speaking { drained: false, .. } => {}
        }
        Actions::new()
    }

    pub(super) fn reply_done(&mut self, id: &Id, outcome: ResponseStatus, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let mut all = Actions::new();
        if online.generation == Generation::Active(id.clone()) {
            online.generation = Generation::None;
        }
        if online.generation == Generation::None {
            all = online.take_deferred_create();
            if let (false, Turn::Thinking { until, .. }) = (all.is_empty(), &mut online.turn) {
                *until = now + THINK_LIMIT;
            }
        }
        let was_open = online.replies.end(id);
        let awaits_commit = matches!(online.turn, Turn::Thinking { awaits: Awaited::Commit, .. });
        if online.paused.is_some() {
            // Only speech that the service takes for a turn cancels a reply.
            match (was_open, outcome, awaits_commit) {
                (true, ResponseStatus::Cancelled, _) => all.extend(online.drop_paused()),
                (true, _, true) => all.extend(online.resume(mode, muted, now)),
                (true, _, false) | (false, _, _) => {}
            }
            return all;
        }
        // A reply that ends by itself after the speech, without a commit, was not answered by another.
        if !was_open && awaits_commit && outcome != ResponseStatus::Cancelled {
            online.rest(mode, muted, false, now);
            return all;
        }
        if !was_open {
            return all;
        }
        if online.replies.is_empty()
            && matches!(online.turn, Turn::Thinking { .. } | Turn::Speaking { drained: true, .. })
        {
            online.rest(mode, muted, false, now);
        }
        all.extend(failure_notice(outcome).map(Action::Notify));
        all
    }

    pub(super) fn drained(&mut self, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if let Some(paused) = &mut online.paused {
            paused.drain();
            return Actions::new();
        }
        match &mut online.turn {
            Turn::Speaking { .. } if online.replies.is_empty() => online.rest(mode, muted, false, now),
            Turn::Speaking { drained, until } => {
                *drained = true;
                *until = now + STALL_LIMIT;
            }
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } => {}
        }
        Actions::new()
    }

    /// Returns whether a reply that begins now is heard.
    fn may_begin(&self, now: Time) -> bool {
        let Phase::Online(online) = &self.phase else { return false };
        let is_free = match &online.turn {
            // The user holds the button, and has interrupted whatever begins.
            Turn::Listening { .. } => self.mode != Mode::Hold,
            // It answers an earlier turn; the request of this one is still to be sent.
            Turn::Thinking { deferred_create, .. } => deferred_create.is_none(),
            Turn::Idle { .. } | Turn::Speaking { .. } => true,
        };
        is_free && !online.replies.is_unwanted(now)
    }
}
