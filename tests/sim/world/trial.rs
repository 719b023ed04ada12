//! The proof that nothing is stuck: once nothing goes wrong any more, at rest, a turn, at rest again.

use mynah::conversation::{Mode, State};

use super::World;
use crate::sim::clock::{At, MS, S};
use crate::sim::scenario::{Act, MUTE, TALK};

/// How long a turn may take, from the owner's last word to the reply's first.
const REPLY_LIMIT: At = 15 * S;
/// How long the device may take to be at rest again: the reply, and the quiet that ends a conversation.
const END_LIMIT: At = 30 * S;
/// What the owner says to see whether it still works.
const PROOF: At = 1200 * MS;

/// How far the proof has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trial {
    Waits { until: At },
    Rests { until: At },
    Asks { replies: usize, until: At },
    Ends { until: At },
}

impl World<'_> {
    /// After the calm: at rest, a turn, at rest again.
    pub(super) fn prove(&mut self) {
        let now = self.clock.now();
        if now < self.trial_at() || self.over {
            return;
        }
        let stuck = |what: &str| self.promises.borrow_mut().stuck(now, what);
        let state = self.session.conversation().state();
        self.trial = match self.trial {
            Trial::Waits { .. } => {
                if !self.rests() {
                    stuck(&format!("{state:?} so long after the last fault"));
                }
                if self.session.conversation().muted() {
                    self.press(now, MUTE, 100 * MS);
                }
                Trial::Rests { until: now + S }
            }
            Trial::Rests { .. } => {
                if self.session.conversation().muted() {
                    stuck("the button does not unmute");
                }
                match self.plan.mode {
                    Mode::Open => {}
                    Mode::Tap { .. } => self.press(now, TALK, 100 * MS),
                    Mode::Hold => self.press(now, TALK, PROOF + 300 * MS),
                }
                self.extra.push((now + 100 * MS, Act::Speak { time: PROOF }));
                self.extra.sort_by_key(|(at, _)| *at);
                let (replies, _) = self.promises.borrow().newest();
                Trial::Asks { replies, until: now + 100 * MS + PROOF + REPLY_LIMIT }
            }
            Trial::Asks { replies, .. } => {
                let (after, heard) = self.promises.borrow().newest();
                if after <= replies || heard < 2400 {
                    stuck(&format!(
                        "no reply to a turn: {} new, {heard} frames heard, {state:?}",
                        after - replies
                    ));
                }
                Trial::Ends { until: now + END_LIMIT }
            }
            Trial::Ends { .. } => {
                if !self.rests() {
                    stuck(&format!("{state:?} so long after a reply"));
                }
                if self.plan.restless {
                    self.promises.borrow_mut().all_heard(now);
                }
                if let Some(grown) = self.heap.grown() {
                    self.promises.borrow_mut().grow(now, grown);
                }
                self.over = true;
                return;
            }
        };
    }

    pub(super) fn trial_at(&self) -> At {
        match self.trial {
            Trial::Waits { until }
            | Trial::Rests { until }
            | Trial::Asks { until, .. }
            | Trial::Ends { until } => until,
        }
    }

    pub(super) fn rests(&self) -> bool {
        let conversation = self.session.conversation();
        conversation.is_configured()
            && match conversation.state() {
                State::Idle | State::Muted => true,
                State::Listening => self.plan.mode == Mode::Open,
                State::Connecting | State::Thinking | State::Speaking | State::Offline => false,
            }
    }

    fn press(&mut self, at: At, button: usize, hold: At) {
        self.extra.push((at, Act::Touch { button, down: true }));
        self.extra.push((at + hold, Act::Touch { button, down: false }));
        self.extra.sort_by_key(|(at, _)| *at);
    }
}
