//! The user's speech as the service reports it, and a reply that it has silenced.
//!
//! Speech silences a reply at once, but a door or a cough does so too. What was silenced is kept until the service
//! decides: a commit, a cancel or a new reply ends it for good, and without any of these it goes on from where it was
//! cut. Which evidence moves which deadline is in `tests/conversation/evidence.txt`.

use serde::{Deserialize, Serialize};

use super::turn::{Awaited, Online, Turn};
use super::{
    Action, Actions, COMMIT_LIMIT, Conversation, Id, Mode, NO_WORDS_LIMIT, PAUSE_LIMIT, PAUSE_LIMIT_TOTAL,
    Phase, REPLY_LIMIT, RESUME_AFTER, STALL_LIMIT, THINK_LIMIT, UTTERANCE_LIMIT, actions,
};
use crate::model::Time;

/// A reply that speech has silenced and that may go on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PausedReply {
    /// When it was silenced.
    since: Time,
    /// When that is decided: it goes on if the speech is over, and is dropped otherwise.
    until: Time,
    /// What is left of it.
    left: Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Left {
    /// It had not begun to play.
    All,
    /// Some of its audio is still to be played.
    Rest,
    /// What has arrived of it was played.
    Nothing,
}

impl PausedReply {
    pub(super) fn since(&self) -> Time {
        self.since
    }

    pub(super) fn until(&self) -> Time {
        self.until
    }

    pub(super) fn queue_audio(&mut self) {
        self.left = Left::Rest;
    }

    pub(super) fn drain(&mut self) {
        self.left = Left::Nothing;
    }
}

impl Online {
    /// Silences what is playing, and what arrives, until it is decided whether it goes on.
    pub(super) fn pause(&mut self, now: Time) -> Actions {
        let left = match &self.turn {
            Turn::Speaking { drained: true, .. } => Left::Nothing,
            Turn::Speaking { drained: false, .. } => Left::Rest,
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } => Left::All,
        };
        self.paused = Some(PausedReply { since: now, until: now + PAUSE_LIMIT, left });
        actions([Action::Pause])
    }

    /// Drops what speech has silenced, if anything: it is interrupted.
    pub(super) fn drop_paused(&mut self) -> Actions {
        if self.paused.take().is_none() {
            return Actions::new();
        }
        self.replies.interrupt();
        actions([Action::Cut])
    }

    /// Continues what speech has silenced: it was a noise.
    pub(super) fn resume(&mut self, mode: Mode, muted: bool, now: Time) -> Actions {
        let Some(paused) = self.paused.take() else { return Actions::new() };
        match paused.left {
            Left::Rest => self.turn = Turn::Speaking { drained: false, until: now + REPLY_LIMIT },
            Left::All | Left::Nothing if self.replies.is_empty() => self.rest(mode, muted, false, now),
            Left::Nothing => self.turn = Turn::Speaking { drained: true, until: now + STALL_LIMIT },
            Left::All => self.turn = Turn::thinking(Awaited::Reply, now + THINK_LIMIT),
        }
        actions([Action::Resume])
    }

    /// Has the silenced reply go on soon: whatever silenced it is over.
    pub(super) fn end_noise(&mut self, now: Time) {
        if let Some(paused) = &mut self.paused {
            paused.until = now + RESUME_AFTER;
        }
    }
}

impl Conversation {
    pub(super) fn speech_started(&mut self, now: Time) -> Actions {
        let (muted, resumes) = (self.muted(), self.resumes_replies);
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if self.mode == Mode::Hold || muted || !online.microphone_open(self.mode) {
            return Actions::new();
        }
        let is_replying = match &online.turn {
            Turn::Speaking { .. } => true,
            Turn::Thinking { .. } => !online.replies.is_empty(),
            Turn::Idle { .. } | Turn::Listening { .. } => false,
        };
        // The service cancels the reply itself, because it detected the speech (protocol §9.3).
        let all = match (&online.paused, is_replying && resumes) {
            (Some(paused), _) => {
                let until = (now + PAUSE_LIMIT).min(paused.since + PAUSE_LIMIT_TOTAL);
                online.paused = Some(PausedReply { until, ..*paused });
                Actions::new()
            }
            (None, true) => online.pause(now),
            (None, false) => {
                online.replies.interrupt();
                actions([Action::Cut])
            }
        };
        online.replies.expect();
        online.uncommitted = false;
        online.turn = Turn::Listening { since: now, speech: true, until: Some(now + UTTERANCE_LIMIT) };
        all
    }

    pub(super) fn speech_stopped(&mut self, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if self.mode != Mode::Hold && online.speech_active() {
            online.uncommitted = true;
            online.end_noise(now);
            online.turn = Turn::thinking(Awaited::Commit, now + COMMIT_LIMIT);
        }
        Actions::new()
    }

    /// Handles the commit of the user's speech, which the service will answer.
    pub(super) fn committed(&mut self, item: Option<&Id>, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let was_owed = std::mem::take(&mut online.uncommitted);
        match &mut online.turn {
            Turn::Thinking { awaits, item: awaited, .. }
                if self.mode == Mode::Hold || *awaits == Awaited::Reply =>
            {
                *awaited = item.cloned();
                return Actions::new();
            }
            _ if self.mode == Mode::Hold => return Actions::new(),
            Turn::Listening { speech: true, .. } | Turn::Thinking { .. } => {}
            // It comes late: the device has gone on without it.
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Speaking { .. } if was_owed => {}
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Speaking { .. } => return Actions::new(),
        }
        let mut all = online.drop_paused();
        if matches!(online.turn, Turn::Speaking { .. }) {
            online.replies.interrupt();
            all = actions([Action::Cut]);
        }
        online.turn = Turn::thinking(Awaited::Reply, now + THINK_LIMIT);
        if let Turn::Thinking { item: awaited, .. } = &mut online.turn {
            *awaited = item.cloned();
        }
        all
    }

    /// Handles the end of a transcription: with words the service works on the turn, and without it may not answer.
    pub(super) fn transcribed(&mut self, item: Option<&Id>, words: bool, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let is_replying = !online.replies.is_empty();
        let Turn::Thinking { awaits, item: awaited, deferred_create: None, until } = &mut online.turn else {
            return Actions::new();
        };
        let is_other = matches!((awaited, item), (Some(awaited), Some(item)) if awaited != item);
        if is_other || is_replying || *awaits == Awaited::Commit {
            return Actions::new();
        }
        if words {
            (*awaits, *until) = (Awaited::Reply, now + THINK_LIMIT);
        } else {
            (*awaits, *until) = (Awaited::Doubtful, (*until).min(now + NO_WORDS_LIMIT));
        }
        Actions::new()
    }

    /// Handles the service's report that nothing was said for a while: it owes no reply to what was said before.
    pub(super) fn idle_timeout(&mut self, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let is_waiting = matches!(online.turn, Turn::Thinking { deferred_create: None, .. });
        if is_waiting && online.replies.is_empty() && online.paused.is_none() {
            online.rest(mode, muted, false, now);
        }
        Actions::new()
    }

    /// Decides what happens to a silenced reply whose time is over.
    pub(super) fn decide_paused(&mut self, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if online.speech_active() { online.drop_paused() } else { online.resume(mode, muted, now) }
    }
}
