//! The phases without a configured session: dialling, configuring, and waiting to try again.
//!
//! A press is honoured here too: the microphone opens at once and what it hears is pre-roll. A microphone that was
//! open when the link was lost stays open for a while, so that a short outage costs no word. How a link is made is
//! the session's business.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backoff::{CloseReason, RETRY_SPACING, STABLE_AFTER};
use super::handover::Standby;
use super::turn::Online;
use super::{
    Action, Actions, CONFIGURE_LIMIT, Conversation, DIAL_LIMIT, Earcon, Event, Exit, KEEP_LIMIT, LinkChange,
    Mode, Notice, OUTAGE_GRACE, Phase, SHORTEST_HOLD, ServerError, ServiceEvent, State, THINK_LIMIT,
    UTTERANCE_LIMIT, UserInput, actions,
};
use crate::model::Time;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Offline {
    stage: ConnectStage,
    pending_speech: PendingSpeech,
    /// How many attempts have failed since a session last lasted.
    failures: u32,
    dialled: Time,
    /// The credential was not accepted the last time.
    denied: bool,
    /// When the service will end the session that is being configured, if it has said so.
    expires: Option<Time>,
    outage: OutageNotice,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ConnectStage {
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
pub(super) enum PendingSpeech {
    /// Nothing.
    None,
    /// The button was pressed: the microphone is open for the pre-roll.
    Recording { until: Time },
    /// Push to talk was released again: the pre-roll is a whole turn.
    Complete { until: Time },
    /// The microphone was open when the link was lost, and is still.
    KeptOpen { until: Time },
}

/// What the owner has heard of there being no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutageNotice {
    /// There was none before, or nobody is to hear of it.
    None,
    /// It will be told then, if it lasts.
    Pending(Time),
    /// It was told, so that its end is told as well.
    Announced,
}

impl Offline {
    pub(super) fn first(now: Time) -> Self {
        Self {
            stage: ConnectStage::Dialling { until: now + DIAL_LIMIT },
            pending_speech: PendingSpeech::None,
            failures: 0,
            dialled: now,
            denied: false,
            expires: None,
            outage: OutageNotice::None,
        }
    }

    pub(super) fn deadline(&self) -> Time {
        let stage = match self.stage {
            ConnectStage::Dialling { until } | ConnectStage::Configuring { until } => until,
            ConnectStage::Waiting { retry_at, .. } => retry_at,
        };
        let outage = match self.outage {
            OutageNotice::Pending(at) => Some(at),
            OutageNotice::None | OutageNotice::Announced => None,
        };
        stage.min(self.pending_speech.until().unwrap_or(stage)).min(outage.unwrap_or(stage))
    }

    pub(super) fn microphone(&self) -> bool {
        matches!(self.pending_speech, PendingSpeech::Recording { .. } | PendingSpeech::KeptOpen { .. })
    }

    pub(super) fn state(&self, muted: bool) -> State {
        match (self.pending_speech, self.stage) {
            (PendingSpeech::Recording { .. }, _) if !muted => State::Listening,
            (PendingSpeech::Complete { .. }, _) => State::Thinking,
            (
                PendingSpeech::None | PendingSpeech::Recording { .. } | PendingSpeech::KeptOpen { .. },
                ConnectStage::Waiting { .. },
            ) => State::Offline,
            (
                PendingSpeech::None | PendingSpeech::Recording { .. } | PendingSpeech::KeptOpen { .. },
                ConnectStage::Dialling { .. } | ConnectStage::Configuring { .. },
            ) => State::Connecting,
        }
    }

    fn is_waiting(&self) -> bool {
        matches!(self.stage, ConnectStage::Waiting { .. })
    }

    /// Schedules the next dial.
    fn wait(&mut self, loss: CloseReason, jitter: Duration, respite: Option<Time>, now: Time) {
        let asked = (now + loss.respite()).max(respite.unwrap_or(now));
        let not_before = asked.max(self.dialled + RETRY_SPACING);
        self.stage = ConnectStage::Waiting { retry_at: (asked + jitter).max(not_before), not_before };
        self.failures = self.failures.saturating_add(1);
        self.denied = loss == CloseReason::Unauthorized;
        self.expires = None;
    }

    pub(super) fn dialled(&self) -> Time {
        self.dialled
    }

    /// Tells whether the microphone is open for somebody who speaks.
    pub(super) fn is_listening(&self) -> bool {
        matches!(self.pending_speech, PendingSpeech::Recording { .. } | PendingSpeech::KeptOpen { .. })
    }

    /// Tells whether a whole turn waits for a session.
    pub(super) fn is_said(&self) -> bool {
        matches!(self.pending_speech, PendingSpeech::Complete { .. })
    }
}

impl PendingSpeech {
    fn until(self) -> Option<Time> {
        match self {
            Self::None => None,
            Self::Recording { until } | Self::Complete { until } | Self::KeptOpen { until } => Some(until),
        }
    }
}

impl Conversation {
    pub(super) fn handle_offline(&mut self, event: &Event, now: Time) -> Actions {
        let Phase::Offline(link) = &mut self.phase else { return Actions::new() };
        match event {
            Event::Input(UserInput::Press) if self.mute.by_button || self.mute.by_switch => {
                actions([Action::Cut, Action::Notify(Notice::Muted)])
            }
            Event::Input(UserInput::Press) => {
                let over = matches!(self.mode, Mode::Tap { .. }) && link.microphone();
                let limit = if self.mode == Mode::Hold { UTTERANCE_LIMIT } else { KEEP_LIMIT };
                link.pending_speech =
                    if over { PendingSpeech::None } else { PendingSpeech::Recording { until: now + limit } };
                if let ConnectStage::Waiting { retry_at, not_before } = &mut link.stage {
                    *retry_at = (*retry_at).min(*not_before);
                }
                self.redial_if_due(Action::Cut, now)
            }
            Event::Input(UserInput::Release { heard }) if self.mode == Mode::Hold && link.microphone() => {
                let long_enough = *heard >= SHORTEST_HOLD;
                link.pending_speech = if long_enough {
                    PendingSpeech::Complete { until: now + THINK_LIMIT }
                } else {
                    PendingSpeech::None
                };
                if long_enough { Actions::new() } else { actions([Action::Notify(Notice::TooShort)]) }
            }
            Event::Input(UserInput::Mute) => self.mute_offline(None),
            Event::Input(UserInput::MuteSwitch(on)) => self.mute_offline(Some(*on)),
            Event::Input(UserInput::Reset) => self.reset(now),
            Event::Link(LinkChange::Up) if matches!(link.stage, ConnectStage::Dialling { .. }) => {
                link.stage = ConnectStage::Configuring { until: now + CONFIGURE_LIMIT };
                actions([Action::Configure])
            }
            Event::Link(LinkChange::Expires(life)) => {
                link.expires = Some(now + *life);
                Actions::new()
            }
            Event::Link(LinkChange::Configured) if matches!(link.stage, ConnectStage::Configuring { .. }) => {
                self.go_online(now)
            }
            Event::Link(LinkChange::Down(loss)) => self.down(*loss, now),
            Event::Link(LinkChange::Misconfigured)
            | Event::Service(ServiceEvent::Refused(ServerError::QuotaExceeded))
                if matches!(link.stage, ConnectStage::Configuring { .. }) =>
            {
                self.phase = Phase::Ended;
                actions([Action::HangUp, Action::Finish(Exit::Misconfigured)])
            }
            Event::Service(ServiceEvent::Refused(ServerError::RateLimited)) => {
                self.hold_off(now);
                Actions::new()
            }
            Event::Tick => self.tick_offline(now),
            // A link that is not configured takes no part in a conversation, what is still heard of the last one
            // needs no decision, and there is no second link but beside a first.
            Event::Input(_) | Event::Device(_) | Event::Link(_) | Event::Standby(_) | Event::Service(_) => {
                Actions::new()
            }
        }
    }

    /// Ends the link for this reason, whatever phase it was in, and schedules the next; a second link that is there
    /// takes its place.
    pub(super) fn down(&mut self, loss: CloseReason, now: Time) -> Actions {
        if let Some(then) = self.adopt_standby(now) {
            return then;
        }
        if loss == CloseReason::Permanent {
            return self.finish(Exit::Misconfigured);
        }
        let mut link = match &self.phase {
            Phase::Offline(link) if link.is_waiting() => return Actions::new(),
            Phase::Offline(link) if link.denied && loss == CloseReason::Unauthorized => {
                return self.finish(Exit::Misconfigured);
            }
            Phase::Offline(link) => *link,
            Phase::Online(up) => self.lost(up, now),
            Phase::Leaving { .. } | Phase::Ended => return Actions::new(),
        };
        let jitter = CloseReason::jitter(link.failures, &mut self.jitter);
        link.wait(loss, jitter, self.dial_not_before, now);
        self.phase = Phase::Offline(link);
        Actions::new()
    }

    /// Gives up a link that is still there.
    pub(super) fn hang_up(&mut self, loss: CloseReason, now: Time) -> Actions {
        // A second link moves in, and the first is closed by that.
        let moves =
            matches!(&self.phase, Phase::Online(up) if !matches!(up.handover.spare(), Standby::None { .. }));
        let mut all = if moves { Actions::new() } else { actions([Action::HangUp]) };
        all.extend(self.down(loss, now));
        all
    }

    /// Leaves the service alone for a while, whatever happens.
    pub(super) fn hold_off(&mut self, now: Time) {
        self.dial_not_before = Some(now + super::UNAUTHORIZED_LIMIT);
    }

    /// Makes a link of nothing out of a session that is gone.
    fn lost(&self, up: &Online, now: Time) -> Offline {
        let open = up.microphone(self.mode) && !self.muted();
        let busy = !up.is_quiet();
        Offline {
            pending_speech: if open {
                PendingSpeech::KeptOpen { until: now + KEEP_LIMIT }
            } else {
                PendingSpeech::None
            },
            failures: if now >= up.since() + STABLE_AFTER { 0 } else { up.failures() },
            dialled: up.handover.dialled(),
            outage: OutageNotice::Pending(if busy { now } else { now + OUTAGE_GRACE }),
            ..Offline::first(now)
        }
    }

    /// Puts the second link, however far it has come, in the place of the first, which is no use any more.
    fn adopt_standby(&mut self, now: Time) -> Option<Actions> {
        let Phase::Online(up) = &mut self.phase else { return None };
        let stage = match up.handover.spare() {
            Standby::None { .. } => return None,
            Standby::Ready { .. } => return Some(self.take_over_whole(now)),
            Standby::Dialling { until } => ConnectStage::Dialling { until },
            Standby::Configuring { until } => ConnectStage::Configuring { until },
        };
        let Phase::Online(up) = &self.phase else { return None };
        let link = Offline { stage, ..self.lost(up, now) };
        self.phase = Phase::Offline(link);
        Some(actions([Action::SwitchToStandby]))
    }

    fn mute_offline(&mut self, switch: Option<bool>) -> Actions {
        if let Err(news) = self.apply_mute(switch) {
            return actions([Action::Notify(news)]);
        }
        if self.muted()
            && let Phase::Offline(link) = &mut self.phase
            && link.microphone()
        {
            link.pending_speech = PendingSpeech::None;
        }
        Actions::new()
    }

    fn go_online(&mut self, now: Time) -> Actions {
        let Phase::Offline(link) = self.phase else { return Actions::new() };
        let (mut up, mut then) = Online::begin(self.mode, self.muted(), link.pending_speech, now);
        up.remember(link.failures, link.dialled, link.expires);
        if link.outage == OutageNotice::Announced {
            let _ = then.push(Action::PlayEarcon(Earcon::Reconnected));
        }
        self.phase = Phase::Online(up);
        then
    }

    fn tick_offline(&mut self, now: Time) -> Actions {
        let Phase::Offline(link) = &mut self.phase else { return Actions::new() };
        let mut all = Actions::new();
        if link.pending_speech.until().is_some_and(|until| now >= until) {
            if !matches!(link.pending_speech, PendingSpeech::KeptOpen { .. }) {
                let _ = all.push(Action::Notify(Notice::Unsent));
            }
            link.pending_speech = PendingSpeech::None;
        }
        if matches!(link.outage, OutageNotice::Pending(at) if now >= at) {
            link.outage = OutageNotice::Announced;
            let _ = all.push(Action::PlayEarcon(Earcon::Disconnected));
        }
        match link.stage {
            ConnectStage::Dialling { until } | ConnectStage::Configuring { until } if now < until => {}
            ConnectStage::Waiting { retry_at, .. } if now < retry_at => {}
            ConnectStage::Waiting { .. } => {
                link.stage = ConnectStage::Dialling { until: now + DIAL_LIMIT };
                link.dialled = now;
                let _ = all.push(Action::Dial);
            }
            ConnectStage::Dialling { .. } => all.extend(self.give_up(&[], now)),
            ConnectStage::Configuring { .. } => {
                all.extend(self.give_up(&[Action::Notify(Notice::NoSession)], now))
            }
        }
        all
    }

    fn give_up(&mut self, news: &[Action], now: Time) -> Actions {
        let mut all = actions([Action::HangUp]);
        all.extend(news.iter().cloned());
        all.extend(self.down(CloseReason::Transient, now));
        all
    }

    fn redial_if_due(&mut self, first: Action, now: Time) -> Actions {
        let mut all = actions([first]);
        all.extend(self.tick_offline(now));
        all
    }

    /// Forgets whatever the last session has left behind, the owner's unfinished words included.
    pub(super) fn go_offline(&mut self, now: Time) -> Actions {
        let then = self.down(CloseReason::Transient, now);
        if let Phase::Offline(link) = &mut self.phase {
            (link.pending_speech, link.outage) = (PendingSpeech::None, OutageNotice::None);
        }
        then
    }
}
