//! The phases without a configured session: dialling, configuring, and waiting to try again.
//!
//! A press is honoured here too: the microphone opens at once and what it hears is pre-roll. How a link
//! is made is the session's business.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::retry::{Loss, RETRY_SPACING};
use super::turn::Up;
use super::{
    Action, Actions, CONFIGURE_LIMIT, Conversation, DIAL_LIMIT, Ending, Event, Mode, News, Phase, Refusal,
    SHORTEST_HOLD, State, actions,
};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Link<T = Instant> {
    stage: Stage<T>,
    eager: Eager,
    /// How many attempts have failed since a session was last configured.
    failures: u32,
    dialled: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Stage<T> {
    Dialling { until: T },
    Configuring { until: T },
    Waiting { retry_at: T },
}

/// What the owner has said with the button while there was no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Eager {
    /// Nothing.
    No,
    /// The button was pressed: the microphone is open for the pre-roll.
    Talking,
    /// Push to talk was released again: the pre-roll is a whole turn.
    Said,
}

impl Link {
    pub(super) fn dialling(failures: u32, eager: Eager, now: Instant) -> Self {
        Self { stage: Stage::Dialling { until: now + DIAL_LIMIT }, eager, failures, dialled: now }
    }

    pub(super) fn waiting(failures: u32, dialled: Instant, retry_at: Instant) -> Self {
        Self { stage: Stage::Waiting { retry_at }, eager: Eager::No, failures, dialled }
    }

    pub(super) fn deadline(&self) -> Instant {
        match self.stage {
            Stage::Dialling { until } | Stage::Configuring { until } => until,
            Stage::Waiting { retry_at } => retry_at,
        }
    }

    pub(super) fn microphone(&self) -> bool {
        self.eager == Eager::Talking
    }

    pub(super) fn state(&self, muted: bool) -> State {
        match (self.eager, self.stage) {
            (Eager::Talking, _) if !muted => State::Listening,
            (Eager::Said, _) => State::Thinking,
            (Eager::No | Eager::Talking, Stage::Waiting { .. }) => State::Offline,
            (Eager::No | Eager::Talking, Stage::Dialling { .. } | Stage::Configuring { .. }) => {
                State::Connecting
            }
        }
    }
}

impl<T> Link<T> {
    pub(super) fn map<U>(&self, to: &impl Fn(&T) -> U) -> Link<U> {
        let Self { stage, eager, failures, dialled } = self;
        let stage = match stage {
            Stage::Dialling { until } => Stage::Dialling { until: to(until) },
            Stage::Configuring { until } => Stage::Configuring { until: to(until) },
            Stage::Waiting { retry_at } => Stage::Waiting { retry_at: to(retry_at) },
        };
        Link { stage, eager: *eager, failures: *failures, dialled: to(dialled) }
    }

    pub(super) fn dialled(&self) -> &T {
        &self.dialled
    }

    pub(super) fn eager(&self) -> Eager {
        self.eager
    }
}

impl Conversation {
    pub(super) fn handle_down(&mut self, event: &Event, now: Instant) -> Actions {
        let Phase::Down(link) = &mut self.phase else { return Actions::new() };
        match event {
            Event::Press if self.mute.asked || self.mute.switched => {
                actions([Action::Cut, Action::Tell(News::Muted)])
            }
            Event::Press => {
                let over = matches!(self.mode, Mode::Tap { .. }) && link.eager == Eager::Talking;
                link.eager = if over { Eager::No } else { Eager::Talking };
                if let Stage::Waiting { retry_at } = &mut link.stage {
                    *retry_at = (*retry_at).min(link.dialled + RETRY_SPACING);
                }
                self.redial_if_due(Action::Cut, now)
            }
            Event::Release { heard } if self.mode == Mode::Hold && link.eager == Eager::Talking => {
                let long_enough = *heard >= SHORTEST_HOLD;
                link.eager = if long_enough { Eager::Said } else { Eager::No };
                if long_enough { Actions::new() } else { actions([Action::Tell(News::TooShort)]) }
            }
            Event::Mute => self.mute_down(None),
            Event::MuteSwitch(on) => self.mute_down(Some(*on)),
            Event::Reset => self.reset(now),
            Event::LinkUp if matches!(link.stage, Stage::Dialling { .. }) => {
                link.stage = Stage::Configuring { until: now + CONFIGURE_LIMIT };
                actions([Action::Configure])
            }
            Event::Configured if matches!(link.stage, Stage::Configuring { .. }) => self.up(now),
            Event::LinkDown(loss) => self.down(*loss, now),
            Event::Misconfigured | Event::Refused(Refusal::NoQuota)
                if matches!(link.stage, Stage::Configuring { .. }) =>
            {
                self.phase = Phase::Gone;
                actions([Action::HangUp, Action::Finish(Ending::Refused)])
            }
            Event::Tick => self.tick_down(now),
            // A link that is not configured takes no part in a conversation, and what is still heard
            // of the last one needs no decision.
            Event::Release { .. }
            | Event::Leave
            | Event::Speaker { .. }
            | Event::LastWords
            | Event::LinkUp
            | Event::Configured
            | Event::Misconfigured
            | Event::SpeechStarted
            | Event::SpeechStopped
            | Event::Committed
            | Event::ReplyCreated(_)
            | Event::Audio(_)
            | Event::ReplyDone(..)
            | Event::Drained
            | Event::Refused(_) => Actions::new(),
        }
    }

    /// Ends the link for this reason, whatever phase it was in, and schedules the next.
    pub(super) fn down(&mut self, loss: Loss, now: Instant) -> Actions {
        if loss == Loss::Refused {
            return self.finish(Ending::Refused);
        }
        let (failures, dialled) = match &self.phase {
            Phase::Down(Link { stage: Stage::Waiting { .. }, .. }) => return Actions::new(),
            Phase::Down(link) => (link.failures, link.dialled),
            Phase::Up(up) => (0, up.dialled()),
            Phase::Leaving { .. } | Phase::Gone => return Actions::new(),
        };
        let retry_at = (now + loss.patience(failures, &mut self.luck)).max(dialled + RETRY_SPACING);
        self.phase = Phase::Down(Link::waiting(failures.saturating_add(1), dialled, retry_at));
        Actions::new()
    }

    fn mute_down(&mut self, switch: Option<bool>) -> Actions {
        if let Err(news) = self.take_mute(switch) {
            return actions([Action::Tell(news)]);
        }
        if self.muted()
            && let Phase::Down(link) = &mut self.phase
            && link.eager == Eager::Talking
        {
            link.eager = Eager::No;
        }
        Actions::new()
    }

    fn up(&mut self, now: Instant) -> Actions {
        let Phase::Down(link) = self.phase else { return Actions::new() };
        let (up, then) = Up::begin(self.mode, self.muted(), link.eager, link.dialled, now);
        self.phase = Phase::Up(up);
        then
    }

    fn tick_down(&mut self, now: Instant) -> Actions {
        let Phase::Down(link) = self.phase else { return Actions::new() };
        if now < link.deadline() {
            return Actions::new();
        }
        match link.stage {
            Stage::Waiting { .. } => {
                self.phase = Phase::Down(Link::dialling(link.failures, link.eager, now));
                actions([Action::Dial])
            }
            Stage::Dialling { .. } => self.give_up(&[], now),
            Stage::Configuring { .. } => self.give_up(&[Action::Tell(News::NoSession)], now),
        }
    }

    fn give_up(&mut self, news: &[Action], now: Instant) -> Actions {
        let mut all = actions([Action::HangUp]);
        all.extend(news.iter().cloned());
        all.extend(self.down(Loss::Broken, now));
        all
    }

    fn redial_if_due(&mut self, first: Action, now: Instant) -> Actions {
        let mut all = actions([first]);
        all.extend(self.tick_down(now));
        all
    }
}
