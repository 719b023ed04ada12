//! The state of a configured session: idle, listening, thinking, speaking.
//!
//! The user's turn and the reply that the service generates are separate: a reply may still be generated
//! while the user already speaks again, and may begin without a turn of the user. It handles no event; `online`, `speech`
//! and `replies` do.

use serde::{Deserialize, Serialize};

use super::handover::{Handover, HandoverWindow};
use super::offline::PendingSpeech;
use super::replies::Replies;
use super::speech::PausedReply;
use super::{
    Action, Actions, DEFERRED_CREATE_LIMIT, ERROR_BURST_WINDOW, Id, Mode, State, THINK_LIMIT,
    UTTERANCE_LIMIT, actions,
};
use crate::model::Time;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Online {
    pub(super) turn: Turn,
    pub(super) generation: Generation,
    pub(super) replies: Replies,
    /// What speech has silenced until it proves to be a turn or a noise.
    pub(super) paused: Option<PausedReply>,
    /// The last speech has ended without a commit so far.
    pub(super) uncommitted: bool,
    /// Whether the microphone stays open in tap mode: the user has begun to talk, and neither a press nor silence has
    /// ended that.
    is_open: bool,
    since: Time,
    failures: u32,
    pub(super) errors: ErrorBurst,
    pub(super) handover: Handover,
}

/// Internal errors of the service within [`ERROR_BURST_WINDOW`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorBurst {
    count: u32,
    first: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Turn {
    Idle {
        since: Time,
    },
    Listening {
        since: Time,
        speech: bool,
        until: Option<Time>,
    },
    /// If `deferred_create` is set, `response.create` is deferred until the previous reply ends, and at the
    /// latest to that time.
    Thinking {
        awaits: Awaited,
        /// The user's item, once the service has named it.
        item: Option<Id>,
        deferred_create: Option<Time>,
        until: Time,
    },
    /// `drained` means that everything queued was played.
    Speaking {
        drained: bool,
        until: Time,
    },
}

/// What a thinking device waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Awaited {
    /// The commit of speech that has ended: the service may take it for a noise.
    Commit,
    /// The reply that is owed.
    Reply,
    /// A reply that may not come: the service has found no words.
    Doubtful,
}

/// What the service generates for the device's requests, which may already have been interrupted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Generation {
    None,
    Requested,
    Active(Id),
}

impl Online {
    pub(super) fn begin(mode: Mode, muted: bool, pending: PendingSpeech, now: Time) -> (Self, Actions) {
        let mut online = Self {
            turn: Turn::Idle { since: now },
            generation: Generation::None,
            replies: Replies::default(),
            paused: None,
            uncommitted: false,
            is_open: false,
            since: now,
            failures: 0,
            errors: ErrorBurst { count: 0, first: now },
            handover: Handover::begin(now, None),
        };
        let all = match (pending, mode) {
            (PendingSpeech::Complete { .. }, _) => online.end_turn(now),
            (
                PendingSpeech::Recording { .. } | PendingSpeech::KeptOpen { .. },
                Mode::Tap { .. } | Mode::Hold,
            ) => {
                online.listen(mode, now);
                Actions::new()
            }
            (
                PendingSpeech::None | PendingSpeech::Recording { .. } | PendingSpeech::KeptOpen { .. },
                Mode::Open | Mode::Tap { .. } | Mode::Hold,
            ) => {
                online.rest(mode, muted, true, now);
                Actions::new()
            }
        };
        (online, all)
    }

    /// Records the failed attempts before this session, when it was dialled and when it expires.
    pub(super) fn set_session(&mut self, failures: u32, dialled: Time, expires: Option<Time>) {
        self.failures = failures;
        self.handover = Handover::begin(dialled, expires);
    }

    /// Continues in another session, in which no reply is being generated.
    pub(super) fn switch_session(&mut self, handover: Handover) {
        (self.generation, self.replies, self.handover) = (Generation::None, Replies::default(), handover);
    }

    /// Returns when the device went online; a handover does not change it.
    pub(super) fn since(&self) -> Time {
        self.since
    }

    /// Returns the number of failed attempts before this session.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn speech_active(&self) -> bool {
        matches!(self.turn, Turn::Listening { speech: true, .. })
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet_since().is_some()
    }

    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.turn, Turn::Idle { .. } | Turn::Listening { speech: false, until: None, .. })
    }

    /// Returns whether, and how freely, the session may be replaced now.
    pub(super) fn handover_window(&self) -> Option<HandoverWindow> {
        if self.paused.is_some() {
            return None;
        }
        match (&self.turn, &self.generation) {
            (Turn::Idle { since } | Turn::Listening { since, speech: false, .. }, Generation::None) => {
                Some(HandoverWindow::Quiet { since: *since })
            }
            // An interrupted reply is still being generated.
            (
                Turn::Idle { .. } | Turn::Listening { speech: false, .. },
                Generation::Requested | Generation::Active(_),
            ) => Some(HandoverWindow::Safe),
            // A completely received reply is still playing.
            (Turn::Speaking { .. }, _) if self.replies.is_empty() => Some(HandoverWindow::Safe),
            (Turn::Listening { speech: true, .. } | Turn::Thinking { .. } | Turn::Speaking { .. }, _) => None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let handover = self.handover.deadline(self.handover_window());
        let paused = self.paused.map(|paused| paused.until());
        self.turn_deadline().into_iter().chain(paused).chain(handover).min()
    }

    pub(super) fn turn_deadline(&self) -> Option<Time> {
        match &self.turn {
            Turn::Idle { .. } => None,
            Turn::Listening { until, .. } => *until,
            Turn::Thinking { deferred_create, until, .. } => {
                Some(deferred_create.map_or(*until, |at| at.min(*until)))
            }
            Turn::Speaking { until, .. } => Some(*until),
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

    pub(super) fn microphone_open(&self, mode: Mode) -> bool {
        match &self.turn {
            Turn::Idle { .. } => false,
            Turn::Listening { .. } => true,
            Turn::Thinking { .. } | Turn::Speaking { .. } => match mode {
                Mode::Open => true,
                // A reply that the service begins by itself does not open it.
                Mode::Tap { .. } => self.is_open,
                Mode::Hold => false,
            },
        }
    }

    /// Returns since when there has been no speech and no reply in progress.
    pub(super) fn quiet_since(&self) -> Option<Time> {
        match &self.turn {
            Turn::Idle { since } | Turn::Listening { since, speech: false, .. } => Some(*since),
            Turn::Listening { speech: true, .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => None,
        }
    }

    /// Ends the turn: listens for the next one if the mode keeps the microphone open, and goes idle
    /// otherwise. `tap_over` ends a conversation in tap mode.
    pub(super) fn rest(&mut self, mode: Mode, muted: bool, tap_over: bool, now: Time) {
        let listens = match mode {
            Mode::Open => !muted,
            Mode::Tap { .. } => !muted && !tap_over && self.is_open,
            Mode::Hold => false,
        };
        if listens { self.listen(mode, now) } else { self.idle(now) }
    }

    /// Opens the microphone for a turn of the user.
    pub(super) fn listen(&mut self, mode: Mode, now: Time) {
        (self.turn, self.is_open) = (Turn::listening(mode, now), true);
    }

    /// Goes to rest with the microphone closed.
    pub(super) fn idle(&mut self, now: Time) {
        (self.turn, self.is_open) = (Turn::Idle { since: now }, false);
    }

    /// Closes the microphone of a conversation in tap mode, which goes on with what the service owes.
    pub(super) fn close(&mut self) {
        self.is_open = false;
    }

    /// Commits a push-to-talk turn and requests the reply, which the service does not start by itself.
    pub(super) fn end_turn(&mut self, now: Time) -> Actions {
        let is_free = self.generation == Generation::None;
        let deferred_create = (!is_free).then_some(now + DEFERRED_CREATE_LIMIT);
        let (awaits, until) = (Awaited::Reply, now + THINK_LIMIT);
        self.turn = Turn::Thinking { awaits, item: None, deferred_create, until };
        self.replies.expect();
        let mut all = actions([Action::Commit]);
        if is_free {
            self.generation = Generation::Requested;
            let _ = all.push(Action::Create);
        }
        all
    }

    /// Requests the reply whose request was deferred, if any.
    pub(super) fn take_deferred_create(&mut self) -> Actions {
        let Turn::Thinking { deferred_create, .. } = &mut self.turn else { return Actions::new() };
        if deferred_create.take().is_none() {
            return Actions::new();
        }
        self.generation = Generation::Requested;
        actions([Action::Create])
    }

    /// Stops playback for good and cancels the reply. The service cannot detect an interruption by button or timeout.
    pub(super) fn interrupt(&mut self) -> Actions {
        self.paused = None;
        self.replies.interrupt();
        let mut all = actions([Action::Cut]);
        if let Generation::Active(id) = &self.generation {
            let _ = all.push(Action::Cancel(id.clone()));
        }
        all
    }

    /// Returns the times of past events, none of which may be in the future.
    pub(super) fn past_times(&self) -> impl Iterator<Item = Time> {
        let since = match &self.turn {
            Turn::Idle { since } | Turn::Listening { since, .. } => Some(*since),
            Turn::Thinking { .. } | Turn::Speaking { .. } => None,
        };
        let paused = self.paused.map(|paused| paused.since());
        since.into_iter().chain(paused).chain([self.since, self.errors.first, self.handover.dialled()])
    }

    pub(super) fn is_listening(&self) -> bool {
        matches!(self.turn, Turn::Listening { .. })
    }
}

impl ErrorBurst {
    /// Counts an error and returns the number of errors within the window.
    pub(super) fn add(&mut self, now: Time) -> u32 {
        if self.count == 0 || now >= self.first + ERROR_BURST_WINDOW {
            *self = Self { count: 0, first: now };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

impl Turn {
    pub(super) fn listening(mode: Mode, now: Time) -> Self {
        let until = match mode {
            Mode::Open => None,
            Mode::Tap { quiet } => Some(now + quiet),
            Mode::Hold => Some(now + UTTERANCE_LIMIT),
        };
        Self::Listening { since: now, speech: mode == Mode::Hold, until }
    }

    pub(super) fn thinking(awaits: Awaited, until: Time) -> Self {
        Self::Thinking { awaits, item: None, deferred_create: None, until }
    }
}
