//! The phases with a configured session: idle, listening, thinking, speaking.
//!
//! The service's reply and the owner's turn are two things: a reply may still be generated while the
//! owner already speaks again. Only the reply that the turn waits for or plays is ever admitted, so
//! audio that comes late belongs to nobody. It handles no event.

use serde::{Deserialize, Serialize};

use super::handover::{Handover, HandoverWindow};
use super::offline::PendingSpeech;
use super::{
    Action, Actions, DEFERRED_CREATE_LIMIT, ERROR_BURST_WINDOW, Id, Mode, State, THINK_LIMIT,
    UTTERANCE_LIMIT, actions,
};
use crate::model::Time;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Online {
    pub(super) turn: Turn,
    pub(super) reply: Generation,
    since: Time,
    failures: u32,
    pub(super) errors: ErrorBurst,
    pub(super) handover: Handover,
}

/// Errors of the service's own that came close together.
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
    /// While `owed` a reply is to be asked for as soon as the service is done with the one before, or then.
    Thinking {
        reply: Option<Id>,
        owed: Option<Time>,
        until: Time,
    },
    Speaking {
        reply: Id,
        sent: bool,
        drained: bool,
        until: Time,
    },
}

/// What the service is generating, whether or not anybody still wants it.
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
            reply: Generation::None,
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
                online.turn = Turn::listening(mode, now);
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

    /// Takes in how this session came about and when it will end.
    pub(super) fn set_session(&mut self, failures: u32, dialled: Time, expires: Option<Time>) {
        self.failures = failures;
        self.handover = Handover::begin(dialled, expires);
    }

    /// Goes on in another session, which knows of no reply.
    pub(super) fn switch_session(&mut self, handover: Handover) {
        (self.reply, self.handover) = (Generation::None, handover);
    }

    /// Returns since when there has been a session.
    pub(super) fn since(&self) -> Time {
        self.since
    }

    /// Counts the attempts that had failed before this session.
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

    /// Tells whether the session may be replaced by another right now.
    pub(super) fn handover_window(&self) -> Option<HandoverWindow> {
        match (&self.turn, &self.reply) {
            (Turn::Idle { since } | Turn::Listening { since, speech: false, .. }, Generation::None) => {
                Some(HandoverWindow::Quiet { since: *since })
            }
            // A reply that nobody wants is still being made, or one that has come whole is still heard.
            (
                Turn::Idle { .. } | Turn::Listening { speech: false, .. },
                Generation::Requested | Generation::Active(_),
            )
            | (Turn::Speaking { sent: true, .. }, _) => Some(HandoverWindow::Safe),
            (
                Turn::Listening { speech: true, .. }
                | Turn::Thinking { .. }
                | Turn::Speaking { sent: false, .. },
                _,
            ) => None,
        }
    }

    pub(super) fn accepts_audio_of(&self, id: &str) -> bool {
        match &self.turn {
            Turn::Thinking { reply: Some(reply), .. } | Turn::Speaking { reply, .. } => reply == id,
            Turn::Thinking { reply: None, .. } | Turn::Idle { .. } | Turn::Listening { .. } => false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let handover = self.handover.deadline(self.handover_window());
        self.turn_deadline().into_iter().chain(handover).min()
    }

    pub(super) fn turn_deadline(&self) -> Option<Time> {
        match &self.turn {
            Turn::Idle { .. } => None,
            Turn::Listening { until, .. } => *until,
            Turn::Thinking { owed, until, .. } => Some(owed.map_or(*until, |owed| owed.min(*until))),
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
            Turn::Thinking { .. } | Turn::Speaking { .. } => mode != Mode::Hold,
        }
    }

    /// Returns since when nobody speaks, listens to a reply or waits for one.
    pub(super) fn quiet_since(&self) -> Option<Time> {
        match &self.turn {
            Turn::Idle { since } | Turn::Listening { since, speech: false, .. } => Some(*since),
            Turn::Listening { speech: true, .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => None,
        }
    }

    /// Leaves the turn: to wait for the next one where the mode keeps listening, else to idle.
    pub(super) fn rest(&mut self, mode: Mode, muted: bool, tap_over: bool, now: Time) {
        let listens = match mode {
            Mode::Open => !muted,
            Mode::Tap { .. } => !muted && !tap_over,
            Mode::Hold => false,
        };
        self.turn = if listens { Turn::listening(mode, now) } else { Turn::Idle { since: now } };
    }

    /// Push to talk: what was said is a turn, and the service has to be asked for the reply.
    pub(super) fn end_turn(&mut self, now: Time) -> Actions {
        let is_free = self.reply == Generation::None;
        let owed = (!is_free).then_some(now + DEFERRED_CREATE_LIMIT);
        self.turn = Turn::Thinking { reply: None, owed, until: now + THINK_LIMIT };
        let mut all = actions([Action::Commit]);
        if is_free {
            self.reply = Generation::Requested;
            let _ = all.push(Action::Create);
        }
        all
    }

    /// Asks for the reply that is owed, if one is.
    pub(super) fn take_deferred_create(&mut self) -> Actions {
        let Turn::Thinking { owed, .. } = &mut self.turn else { return Actions::new() };
        if owed.take().is_none() {
            return Actions::new();
        }
        self.reply = Generation::Requested;
        actions([Action::Create])
    }

    /// Silences what is heard and stops the service's work on it, because the service cannot know.
    pub(super) fn interrupt(&mut self) -> Actions {
        let mut all = actions([Action::Cut]);
        if let Generation::Active(id) = &self.reply {
            let _ = all.push(Action::Cancel(id.clone()));
        }
        all
    }

    /// Lists the times in it that lie behind.
    pub(super) fn past_times(&self) -> impl Iterator<Item = Time> {
        let since = match &self.turn {
            Turn::Idle { since } | Turn::Listening { since, .. } => Some(*since),
            Turn::Thinking { .. } | Turn::Speaking { .. } => None,
        };
        since.into_iter().chain([self.since, self.errors.first, self.handover.dialled()])
    }

    pub(super) fn is_listening(&self) -> bool {
        matches!(self.turn, Turn::Listening { .. })
    }
}

impl ErrorBurst {
    /// Counts one more, and tells how many came within the window.
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
}
