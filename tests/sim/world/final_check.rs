//! The check at the end of a run that nothing is stuck: idle after the last fault, one turn, idle again.

use mynah::conversation::{Mode, State};

use super::World;
use crate::sim::clock::{At, MS, S};
use crate::sim::scenario::{Action, MUTE, TALK};

/// How long a turn may take, from the end of the user's speech to the start of the reply.
const REPLY_LIMIT: At = 15 * S;
/// How long the device may take to be idle again: the reply, and the quiet that ends a conversation.
const END_LIMIT: At = 30 * S;
/// The duration of the user's speech in this turn.
const TEST_TURN: At = 1200 * MS;

/// The step of the check, and when it is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum FinalCheck {
    Recovering { until: At },
    Idle { until: At },
    AwaitingReply { replies: usize, until: At },
    AwaitingIdle { until: At },
}

impl World<'_> {
    /// Judges the current step when it is due and starts the next one.
    pub(super) fn advance_final_check(&mut self) {
        let now = self.clock.now();
        if now < self.final_check_at() || self.over {
            return;
        }
        let stuck = |what: &str| self.invariants.borrow_mut().stuck(now, what);
        let state = self.session.conversation().state();
        self.final_check = match self.final_check {
            FinalCheck::Recovering { .. } => {
                if !self.is_idle() {
                    stuck(&format!("{state:?} {} s after the last fault", super::REST_LIMIT.as_secs()));
                }
                if self.session.conversation().muted() {
                    self.press(now, MUTE, 100 * MS);
                }
                FinalCheck::Idle { until: now + S }
            }
            FinalCheck::Idle { .. } => {
                if self.session.conversation().muted() {
                    stuck("the mute button does not unmute");
                }
                match self.scenario.mode {
                    Mode::Open => {}
                    Mode::Tap { .. } => self.press(now, TALK, 100 * MS),
                    Mode::Hold => self.press(now, TALK, TEST_TURN + 300 * MS),
                }
                self.injected.push((now + 100 * MS, Action::Speak { time: TEST_TURN }));
                self.injected.sort_by_key(|(at, _)| *at);
                let (replies, _) = self.invariants.borrow().newest();
                FinalCheck::AwaitingReply { replies, until: now + 100 * MS + TEST_TURN + REPLY_LIMIT }
            }
            FinalCheck::AwaitingReply { replies, .. } => {
                let (after, played) = self.invariants.borrow().newest();
                if after <= replies || played < 2400 {
                    stuck(&format!(
                        "no reply to a turn: {} new, {played} frames played, {state:?}",
                        after - replies
                    ));
                }
                FinalCheck::AwaitingIdle { until: now + END_LIMIT }
            }
            FinalCheck::AwaitingIdle { .. } => {
                if !self.is_idle() {
                    stuck(&format!("{state:?} {} s after the reply", END_LIMIT / S));
                }
                if self.scenario.short_sessions {
                    self.invariants.borrow_mut().check_all_played(now);
                }
                if let Some(grown) = self.heap.growth_error() {
                    self.invariants.borrow_mut().too_much_memory(now, grown);
                }
                self.over = true;
                return;
            }
        };
    }

    pub(super) fn final_check_at(&self) -> At {
        match self.final_check {
            FinalCheck::Recovering { until }
            | FinalCheck::Idle { until }
            | FinalCheck::AwaitingReply { until, .. }
            | FinalCheck::AwaitingIdle { until } => until,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        let conversation = self.session.conversation();
        conversation.is_configured()
            && match conversation.state() {
                State::Idle | State::Muted => true,
                State::Listening => self.scenario.mode == Mode::Open,
                State::Connecting | State::Thinking | State::Speaking | State::Offline => false,
            }
    }

    fn press(&mut self, at: At, button: usize, hold: At) {
        self.injected.push((at, Action::ButtonEdge { button, down: true }));
        self.injected.push((at + hold, Action::ButtonEdge { button, down: false }));
        self.injected.sort_by_key(|(at, _)| *at);
    }
}
