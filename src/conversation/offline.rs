//! The phases without a configured session: dialling, configuring, and waiting for the next dial.
//!
//! A press opens the microphone at once, and the captured audio is kept as pre-roll. A microphone that was
//! open when the link was lost stays open for up to [`KEEP_LIMIT`], so that a short outage loses no speech.
//! This module opens no link; `session` does.

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
    /// Failed attempts since the last stable session.
    failures: u32,
    dialled: Time,
    /// The credential was rejected by the previous attempt.
    denied: bool,
    /// When the service will end the session that is being configured, if it has stated a time.
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
        /// Earliest next dial after a press: the service's limit of connections is kept, a delay that it asks for is not.
        not_before: Time,
    },
}

/// Speech captured without a session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum PendingSpeech {
    None,
    /// The button was pressed and the microphone records pre-roll.
    Recording {
        until: Time,
    },
    /// The push-to-talk button was released and the pre-roll is a complete turn.
    Complete {
        until: Time,
    },
    /// The microphone was open when the link was lost, and stays open.
    KeptOpen {
        until: Time,
    },
}

/// Whether an outage has been announced to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutageNotice {
    /// There is no outage that needs an announcement.
    None,
    /// The outage is announced at this time if it lasts.
    Pending(Time),
    /// The outage was announced, so its end is announced as well.
    Announced,
}

impl Offline {
    pub(super) fn begin(now: Time) -> Self {
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

    pub(super) fn microphone_open(&self) -> bool {
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

    pub(super) fn is_configuring(&self) -> bool {
        matches!(self.stage, ConnectStage::Configuring { .. })
    }

    fn is_waiting(&self) -> bool {
        matches!(self.stage, ConnectStage::Waiting { .. })
    }

    /// Schedules the next dial at `jitter` after both `reason` and `dial_not_before` permit it; a press dials sooner.
    fn wait(&mut self, reason: CloseReason, jitter: Duration, dial_not_before: Option<Time>, now: Time) {
        let asked = (now + reason.retry_after()).max(dial_not_before.unwrap_or(now));
        let not_before = self.dialled + RETRY_SPACING;
        self.stage = ConnectStage::Waiting { retry_at: (asked + jitter).max(not_before), not_before };
        self.failures = self.failures.saturating_add(1);
        self.denied = reason == CloseReason::Unauthorized;
        self.expires = None;
    }

    pub(super) fn dialled(&self) -> Time {
        self.dialled
    }

    /// Returns whether the microphone is open for speech.
    pub(super) fn is_listening(&self) -> bool {
        matches!(self.pending_speech, PendingSpeech::Recording { .. } | PendingSpeech::KeptOpen { .. })
    }

    /// Returns whether a complete turn waits for a session.
    pub(super) fn has_complete_turn(&self) -> bool {
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
        let Phase::Offline(offline) = &mut self.phase else { return Actions::new() };
        match event {
            Event::Input(UserInput::Press) if self.mute.by_button || self.mute.by_switch => {
                actions([Action::Cut, Action::Notify(Notice::Muted)])
            }
            Event::Input(UserInput::Press) => {
                let over = matches!(self.mode, Mode::Tap { .. }) && offline.microphone_open();
                let limit = if self.mode == Mode::Hold { UTTERANCE_LIMIT } else { KEEP_LIMIT };
                offline.pending_speech =
                    if over { PendingSpeech::None } else { PendingSpeech::Recording { until: now + limit } };
                if let ConnectStage::Waiting { retry_at, not_before } = &mut offline.stage {
                    *retry_at = (*retry_at).min(*not_before);
                }
                self.redial_if_due(Action::Cut, now)
            }
            Event::Input(UserInput::Release { heard })
                if self.mode == Mode::Hold && offline.microphone_open() =>
            {
                let long_enough = *heard >= SHORTEST_HOLD;
                offline.pending_speech = if long_enough {
                    PendingSpeech::Complete { until: now + THINK_LIMIT }
                } else {
                    PendingSpeech::None
                };
                if long_enough { Actions::new() } else { actions([Action::Notify(Notice::TooShort)]) }
            }
            Event::Input(UserInput::Mute) => self.mute_offline(None),
            Event::Input(UserInput::MuteSwitch(on)) => self.mute_offline(Some(*on)),
            Event::Input(UserInput::Reset) => self.reset(now),
            Event::Link(LinkChange::Up) if matches!(offline.stage, ConnectStage::Dialling { .. }) => {
                offline.stage = ConnectStage::Configuring { until: now + CONFIGURE_LIMIT };
                actions([Action::Configure])
            }
            Event::Link(LinkChange::Expires(lifetime)) => {
                offline.expires = Some(now + *lifetime);
                Actions::new()
            }
            Event::Link(LinkChange::Configured)
                if matches!(offline.stage, ConnectStage::Configuring { .. }) =>
            {
                self.go_online(now)
            }
            Event::Link(LinkChange::Down(reason)) => self.link_down(*reason, now),
            Event::Link(LinkChange::Misconfigured) if offline.is_configuring() => {
                self.refuse_configuration(ServerError::Rejected, now)
            }
            Event::Service(ServiceEvent::Refused(error)) if offline.is_configuring() => {
                self.refuse_configuration(*error, now)
            }
            Event::Service(ServiceEvent::Refused(ServerError::RateLimited)) => {
                self.hold_off(now);
                Actions::new()
            }
            Event::Tick => self.tick_offline(now),
            // Without a session there are no turns to decide on and no standby link; audio of the previous
            // session plays to its end.
            Event::Input(_) | Event::Device(_) | Event::Link(_) | Event::Standby(_) | Event::Service(_) => {
                Actions::new()
            }
        }
    }

    /// Handles an error that the service reports instead of accepting the configuration: nothing else was sent, so it
    /// can only be about that.
    fn refuse_configuration(&mut self, error: ServerError, now: Time) -> Actions {
        match error {
            ServerError::Rejected | ServerError::QuotaExceeded => {
                self.phase = Phase::Ended;
                actions([Action::HangUp, Action::Finish(Exit::Misconfigured)])
            }
            ServerError::Unauthorized => self.hang_up(CloseReason::Unauthorized, now),
            ServerError::RateLimited => {
                self.hold_off(now);
                self.hang_up(CloseReason::Transient, now)
            }
            ServerError::Internal | ServerError::SessionExpired => self.hang_up(CloseReason::Transient, now),
            // The service may accept the configuration nevertheless; if it does not, the deadline passes.
            ServerError::NothingToCancel
            | ServerError::ReplyInProgress
            | ServerError::NothingToCommit
            | ServerError::Withheld
            | ServerError::Other => Actions::new(),
        }
    }

    /// Handles the end of the active link in any phase: switches to the standby link if there is one, or
    /// schedules the next dial.
    pub(super) fn link_down(&mut self, reason: CloseReason, now: Time) -> Actions {
        if let Some(all) = self.adopt_standby(now) {
            return all;
        }
        if reason == CloseReason::Permanent {
            return self.finish(Exit::Misconfigured);
        }
        let all = self.drop_reply_of_lost_session();
        let mut offline = match &self.phase {
            Phase::Offline(offline) if offline.is_waiting() => return all,
            Phase::Offline(offline) if offline.denied && reason == CloseReason::Unauthorized => {
                return self.finish(Exit::Misconfigured);
            }
            Phase::Offline(offline) => *offline,
            Phase::Online(online) => self.offline_after_loss(online, now),
            Phase::Leaving { .. } | Phase::Ended => return all,
        };
        let jitter = CloseReason::jitter(offline.failures, &mut self.jitter);
        offline.wait(reason, jitter, self.dial_not_before, now);
        self.phase = Phase::Offline(offline);
        all
    }

    /// Drops a reply that speech has silenced: only its service could tell a noise from a turn.
    fn drop_reply_of_lost_session(&mut self) -> Actions {
        match &mut self.phase {
            Phase::Online(online) => online.drop_paused(),
            Phase::Offline(_) | Phase::Leaving { .. } | Phase::Ended => Actions::new(),
        }
    }

    /// Closes a link that is still open, and continues as after its loss.
    pub(super) fn hang_up(&mut self, reason: CloseReason, now: Time) -> Actions {
        // `SwitchToStandby` closes the active link itself.
        let standby_takes_over = match &self.phase {
            Phase::Online(online) => !matches!(online.handover.standby(), Standby::None { .. }),
            Phase::Offline(_) | Phase::Leaving { .. } | Phase::Ended => false,
        };
        let mut all = if standby_takes_over { Actions::new() } else { actions([Action::HangUp]) };
        all.extend(self.link_down(reason, now));
        all
    }

    /// Defers the next dial by [`RATE_LIMIT_HOLD_OFF`](super::RATE_LIMIT_HOLD_OFF).
    pub(super) fn hold_off(&mut self, now: Time) {
        self.dial_not_before = Some(now + super::RATE_LIMIT_HOLD_OFF);
    }

    /// Returns the offline state after the loss of a session.
    fn offline_after_loss(&self, online: &Online, now: Time) -> Offline {
        let open = online.microphone_open(self.mode) && !self.muted();
        let busy = !online.is_quiet();
        Offline {
            pending_speech: if open {
                PendingSpeech::KeptOpen { until: now + KEEP_LIMIT }
            } else {
                PendingSpeech::None
            },
            failures: if now >= online.since() + STABLE_AFTER { 0 } else { online.failures() },
            dialled: online.handover.dialled(),
            outage: OutageNotice::Pending(if busy { now } else { now + OUTAGE_GRACE }),
            ..Offline::begin(now)
        }
    }

    /// Makes the standby link the active one, whatever its stage, and returns `None` if there is none.
    fn adopt_standby(&mut self, now: Time) -> Option<Actions> {
        let Phase::Online(online) = &mut self.phase else { return None };
        let stage = match online.handover.standby() {
            Standby::None { .. } => return None,
            Standby::Ready { .. } => return Some(self.switch_to_ready_standby(now)),
            Standby::Dialling { until } => ConnectStage::Dialling { until },
            Standby::Configuring { until } => ConnectStage::Configuring { until },
        };
        let mut all = online.drop_paused();
        let Phase::Online(online) = &self.phase else { return None };
        let offline = Offline { stage, ..self.offline_after_loss(online, now) };
        self.phase = Phase::Offline(offline);
        let _ = all.push(Action::SwitchToStandby);
        Some(all)
    }

    fn mute_offline(&mut self, switch: Option<bool>) -> Actions {
        if let Err(notice) = self.apply_mute(switch) {
            return actions([Action::Notify(notice)]);
        }
        if self.muted()
            && let Phase::Offline(offline) = &mut self.phase
            && offline.microphone_open()
        {
            offline.pending_speech = PendingSpeech::None;
        }
        Actions::new()
    }

    fn go_online(&mut self, now: Time) -> Actions {
        let Phase::Offline(offline) = self.phase else { return Actions::new() };
        let (mut online, mut all) = Online::begin(self.mode, self.muted(), offline.pending_speech, now);
        online.set_session(offline.failures, offline.dialled, offline.expires);
        if offline.outage == OutageNotice::Announced {
            let _ = all.push(Action::PlayEarcon(Earcon::Reconnected));
        }
        self.phase = Phase::Online(online);
        all
    }

    fn tick_offline(&mut self, now: Time) -> Actions {
        let Phase::Offline(offline) = &mut self.phase else { return Actions::new() };
        let mut all = Actions::new();
        if offline.pending_speech.until().is_some_and(|until| now >= until) {
            if !matches!(offline.pending_speech, PendingSpeech::KeptOpen { .. }) {
                let _ = all.push(Action::Notify(Notice::Unsent));
            }
            offline.pending_speech = PendingSpeech::None;
        }
        if matches!(offline.outage, OutageNotice::Pending(at) if now >= at) {
            offline.outage = OutageNotice::Announced;
            let _ = all.push(Action::PlayEarcon(Earcon::Disconnected));
        }
        match offline.stage {
            ConnectStage::Dialling { until } | ConnectStage::Configuring { until } if now < until => {}
            ConnectStage::Waiting { retry_at, .. } if now < retry_at => {}
            ConnectStage::Waiting { .. } => {
                offline.stage = ConnectStage::Dialling { until: now + DIAL_LIMIT };
                offline.dialled = now;
                let _ = all.push(Action::Dial);
            }
            ConnectStage::Dialling { .. } => all.extend(self.abandon_link(&[], now)),
            ConnectStage::Configuring { .. } => {
                all.extend(self.abandon_link(&[Action::Notify(Notice::NoSession)], now))
            }
        }
        all
    }

    fn abandon_link(&mut self, notice: &[Action], now: Time) -> Actions {
        let mut all = actions([Action::HangUp]);
        all.extend(notice.iter().cloned());
        all.extend(self.link_down(CloseReason::Transient, now));
        all
    }

    fn redial_if_due(&mut self, first: Action, now: Time) -> Actions {
        let mut all = actions([first]);
        all.extend(self.tick_offline(now));
        all
    }

    /// Ends the session without a trace: pending speech is discarded and the outage is not announced.
    pub(super) fn go_offline(&mut self, now: Time) -> Actions {
        let all = self.link_down(CloseReason::Transient, now);
        if let Phase::Offline(offline) = &mut self.phase {
            (offline.pending_speech, offline.outage) = (PendingSpeech::None, OutageNotice::None);
        }
        all
    }
}
