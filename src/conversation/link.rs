//! The phases without a configured session: dialling, configuring, and waiting to try again.
//!
//! A press is honoured here too: the microphone opens at once and what it hears is pre-roll. A microphone that was
//! open when the link was lost stays open for a while, so that a short outage costs no word. How a link is made is
//! the session's business.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::retry::{Loss, RETRY_SPACING, STEADY};
use super::rotation::Spare;
use super::turn::Up;
use super::{
    Action, Actions, CONFIGURE_LIMIT, Conversation, DIAL_LIMIT, Ending, Event, KEEP_LIMIT, LinkChange, Mode,
    News, OUTAGE_GRACE, Phase, Refusal, SHORTEST_HOLD, ServerEvent, State, THINK_LIMIT, Tone,
    UTTERANCE_LIMIT, UserInput, actions,
};
use crate::model::Time;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    stage: Stage,
    eager: Eager,
    /// How many attempts have failed since a session last lasted.
    failures: u32,
    dialled: Time,
    /// The credential was not accepted the last time.
    denied: bool,
    /// When the service will end the session that is being configured, if it has said so.
    expires: Option<Time>,
    outage: Outage,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Stage {
    Dialling {
        until: Time,
    },
    Configuring {
        until: Time,
    },
    Waiting {
        retry_at: Time,
        /// Before that nobody may dial, the owner included.
        not_before: Time,
    },
}

/// What the owner has said, or is saying, while there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Eager {
    /// Nothing.
    No,
    /// The button was pressed: the microphone is open for the pre-roll.
    Talking { until: Time },
    /// Push to talk was released again: the pre-roll is a whole turn.
    Said { until: Time },
    /// The microphone was open when the link was lost, and is still.
    Kept { until: Time },
}

/// What the owner has heard of there being no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outage {
    /// There was none before, or nobody is to hear of it.
    None,
    /// It will be told then, if it lasts.
    Due(Time),
    /// It was told, so that its end is told as well.
    Told,
}

impl Link {
    pub(super) fn first(now: Time) -> Self {
        Self {
            stage: Stage::Dialling { until: now + DIAL_LIMIT },
            eager: Eager::No,
            failures: 0,
            dialled: now,
            denied: false,
            expires: None,
            outage: Outage::None,
        }
    }

    pub(super) fn deadline(&self) -> Time {
        let stage = match self.stage {
            Stage::Dialling { until } | Stage::Configuring { until } => until,
            Stage::Waiting { retry_at, .. } => retry_at,
        };
        let outage = match self.outage {
            Outage::Due(at) => Some(at),
            Outage::None | Outage::Told => None,
        };
        stage.min(self.eager.until().unwrap_or(stage)).min(outage.unwrap_or(stage))
    }

    pub(super) fn microphone(&self) -> bool {
        matches!(self.eager, Eager::Talking { .. } | Eager::Kept { .. })
    }

    pub(super) fn state(&self, muted: bool) -> State {
        match (self.eager, self.stage) {
            (Eager::Talking { .. }, _) if !muted => State::Listening,
            (Eager::Said { .. }, _) => State::Thinking,
            (Eager::No | Eager::Talking { .. } | Eager::Kept { .. }, Stage::Waiting { .. }) => State::Offline,
            (
                Eager::No | Eager::Talking { .. } | Eager::Kept { .. },
                Stage::Dialling { .. } | Stage::Configuring { .. },
            ) => State::Connecting,
        }
    }

    fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. })
    }

    /// Schedules the next dial.
    fn wait(&mut self, loss: Loss, jitter: Duration, respite: Option<Time>, now: Time) {
        let asked = (now + loss.respite()).max(respite.unwrap_or(now));
        let not_before = asked.max(self.dialled + RETRY_SPACING);
        self.stage = Stage::Waiting { retry_at: (asked + jitter).max(not_before), not_before };
        self.failures = self.failures.saturating_add(1);
        self.denied = loss == Loss::Denied;
        self.expires = None;
    }

    pub(super) fn dialled(&self) -> Time {
        self.dialled
    }

    /// Tells whether the microphone is open for somebody who speaks.
    pub(super) fn is_listening(&self) -> bool {
        matches!(self.eager, Eager::Talking { .. } | Eager::Kept { .. })
    }

    /// Tells whether a whole turn waits for a session.
    pub(super) fn is_said(&self) -> bool {
        matches!(self.eager, Eager::Said { .. })
    }
}

impl Eager {
    fn until(self) -> Option<Time> {
        match self {
            Self::No => None,
            Self::Talking { until } | Self::Said { until } | Self::Kept { until } => Some(until),
        }
    }
}

impl Conversation {
    pub(super) fn handle_down(&mut self, event: &Event, now: Time) -> Actions {
        let Phase::Down(link) = &mut self.phase else { return Actions::new() };
        match event {
            Event::Input(UserInput::Press) if self.mute.asked || self.mute.switched => {
                actions([Action::Cut, Action::Tell(News::Muted)])
            }
            Event::Input(UserInput::Press) => {
                let over = matches!(self.mode, Mode::Tap { .. }) && link.microphone();
                let limit = if self.mode == Mode::Hold { UTTERANCE_LIMIT } else { KEEP_LIMIT };
                link.eager = if over { Eager::No } else { Eager::Talking { until: now + limit } };
                if let Stage::Waiting { retry_at, not_before } = &mut link.stage {
                    *retry_at = (*retry_at).min(*not_before);
                }
                self.redial_if_due(Action::Cut, now)
            }
            Event::Input(UserInput::Release { heard }) if self.mode == Mode::Hold && link.microphone() => {
                let long_enough = *heard >= SHORTEST_HOLD;
                link.eager = if long_enough { Eager::Said { until: now + THINK_LIMIT } } else { Eager::No };
                if long_enough { Actions::new() } else { actions([Action::Tell(News::TooShort)]) }
            }
            Event::Input(UserInput::Mute) => self.mute_down(None),
            Event::Input(UserInput::MuteSwitch(on)) => self.mute_down(Some(*on)),
            Event::Input(UserInput::Reset) => self.reset(now),
            Event::Link(LinkChange::Up) if matches!(link.stage, Stage::Dialling { .. }) => {
                link.stage = Stage::Configuring { until: now + CONFIGURE_LIMIT };
                actions([Action::Configure])
            }
            Event::Link(LinkChange::Expires(life)) => {
                link.expires = Some(now + *life);
                Actions::new()
            }
            Event::Link(LinkChange::Configured) if matches!(link.stage, Stage::Configuring { .. }) => {
                self.up(now)
            }
            Event::Link(LinkChange::Down(loss)) => self.down(*loss, now),
            Event::Link(LinkChange::Misconfigured)
            | Event::Server(ServerEvent::Refused(Refusal::NoQuota))
                if matches!(link.stage, Stage::Configuring { .. }) =>
            {
                self.phase = Phase::Gone;
                actions([Action::HangUp, Action::Finish(Ending::Refused)])
            }
            Event::Server(ServerEvent::Refused(Refusal::TooMuch)) => {
                self.spare_the_service(now);
                Actions::new()
            }
            Event::Tick => self.tick_down(now),
            // A link that is not configured takes no part in a conversation, what is still heard of the last one
            // needs no decision, and there is no second link but beside a first.
            Event::Input(_) | Event::Device(_) | Event::Link(_) | Event::Standby(_) | Event::Server(_) => {
                Actions::new()
            }
        }
    }

    /// Ends the link for this reason, whatever phase it was in, and schedules the next; a second link that is there
    /// takes its place.
    pub(super) fn down(&mut self, loss: Loss, now: Time) -> Actions {
        if let Some(then) = self.take_over(now) {
            return then;
        }
        if loss == Loss::Refused {
            return self.finish(Ending::Refused);
        }
        let mut link = match &self.phase {
            Phase::Down(link) if link.is_waiting() => return Actions::new(),
            Phase::Down(link) if link.denied && loss == Loss::Denied => return self.finish(Ending::Refused),
            Phase::Down(link) => *link,
            Phase::Up(up) => self.lost(up, now),
            Phase::Leaving { .. } | Phase::Gone => return Actions::new(),
        };
        let jitter = Loss::jitter(link.failures, &mut self.luck);
        link.wait(loss, jitter, self.respite, now);
        self.phase = Phase::Down(link);
        Actions::new()
    }

    /// Gives up a link that is still there.
    pub(super) fn hang_up(&mut self, loss: Loss, now: Time) -> Actions {
        // A second link moves in, and the first is closed by that.
        let moves =
            matches!(&self.phase, Phase::Up(up) if !matches!(up.rotation.spare(), Spare::Absent { .. }));
        let mut all = if moves { Actions::new() } else { actions([Action::HangUp]) };
        all.extend(self.down(loss, now));
        all
    }

    /// Leaves the service alone for a while, whatever happens.
    pub(super) fn spare_the_service(&mut self, now: Time) {
        self.respite = Some(now + super::PATIENCE);
    }

    /// Makes a link of nothing out of a session that is gone.
    fn lost(&self, up: &Up, now: Time) -> Link {
        let open = up.microphone(self.mode) && !self.muted();
        let busy = !up.is_quiet();
        Link {
            eager: if open { Eager::Kept { until: now + KEEP_LIMIT } } else { Eager::No },
            failures: if now >= up.since() + STEADY { 0 } else { up.failures() },
            dialled: up.rotation.dialled(),
            outage: Outage::Due(if busy { now } else { now + OUTAGE_GRACE }),
            ..Link::first(now)
        }
    }

    /// Puts the second link, however far it has come, in the place of the first, which is no use any more.
    fn take_over(&mut self, now: Time) -> Option<Actions> {
        let Phase::Up(up) = &mut self.phase else { return None };
        let stage = match up.rotation.spare() {
            Spare::Absent { .. } => return None,
            Spare::Ready { .. } => return Some(self.take_over_whole(now)),
            Spare::Dialling { until } => Stage::Dialling { until },
            Spare::Configuring { until } => Stage::Configuring { until },
        };
        let Phase::Up(up) = &self.phase else { return None };
        let link = Link { stage, ..self.lost(up, now) };
        self.phase = Phase::Down(link);
        Some(actions([Action::Move]))
    }

    fn mute_down(&mut self, switch: Option<bool>) -> Actions {
        if let Err(news) = self.take_mute(switch) {
            return actions([Action::Tell(news)]);
        }
        if self.muted()
            && let Phase::Down(link) = &mut self.phase
            && link.microphone()
        {
            link.eager = Eager::No;
        }
        Actions::new()
    }

    fn up(&mut self, now: Time) -> Actions {
        let Phase::Down(link) = self.phase else { return Actions::new() };
        let (mut up, mut then) = Up::begin(self.mode, self.muted(), link.eager, now);
        up.remember(link.failures, link.dialled, link.expires);
        if link.outage == Outage::Told {
            let _ = then.push(Action::Sound(Tone::Back));
        }
        self.phase = Phase::Up(up);
        then
    }

    fn tick_down(&mut self, now: Time) -> Actions {
        let Phase::Down(link) = &mut self.phase else { return Actions::new() };
        let mut all = Actions::new();
        if link.eager.until().is_some_and(|until| now >= until) {
            if !matches!(link.eager, Eager::Kept { .. }) {
                let _ = all.push(Action::Tell(News::Unsent));
            }
            link.eager = Eager::No;
        }
        if matches!(link.outage, Outage::Due(at) if now >= at) {
            link.outage = Outage::Told;
            let _ = all.push(Action::Sound(Tone::Lost));
        }
        match link.stage {
            Stage::Dialling { until } | Stage::Configuring { until } if now < until => {}
            Stage::Waiting { retry_at, .. } if now < retry_at => {}
            Stage::Waiting { .. } => {
                link.stage = Stage::Dialling { until: now + DIAL_LIMIT };
                link.dialled = now;
                let _ = all.push(Action::Dial);
            }
            Stage::Dialling { .. } => all.extend(self.give_up(&[], now)),
            Stage::Configuring { .. } => all.extend(self.give_up(&[Action::Tell(News::NoSession)], now)),
        }
        all
    }

    fn give_up(&mut self, news: &[Action], now: Time) -> Actions {
        let mut all = actions([Action::HangUp]);
        all.extend(news.iter().cloned());
        all.extend(self.down(Loss::Broken, now));
        all
    }

    fn redial_if_due(&mut self, first: Action, now: Time) -> Actions {
        let mut all = actions([first]);
        all.extend(self.tick_down(now));
        all
    }

    /// Forgets whatever the last session has left behind, the owner's unfinished words included.
    pub(super) fn down_anew(&mut self, now: Time) -> Actions {
        let then = self.down(Loss::Broken, now);
        if let Phase::Down(link) = &mut self.phase {
            (link.eager, link.outage) = (Eager::No, Outage::None);
        }
        then
    }
}
