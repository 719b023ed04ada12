//! The end of a session's time, and the second link that takes over before it comes.
//!
//! The service ends every session after an hour, whatever is going on in it. Before that a second link is made and
//! configured while the first goes on, and at a moment that costs nobody a word it takes the first one's place. It
//! decides when; how links are made, and what goes along, is the session's business.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backoff::{CloseReason, JitterRng, RETRY_SPACING};
use super::{
    Action, Actions, CONFIGURE_LIMIT, Conversation, DIAL_LIMIT, Event, LinkChange, Phase, StandbyChange,
    actions,
};
use crate::model::Time;

/// How long a session lasts where the service names no time (`expires_at` was always an hour, protocol §4.2).
pub const SESSION_LIFE: Duration = Duration::from_secs(3600);
/// How long before its end a session is to be replaced: the longest utterance (5 min), the thinking (30 s) and the
/// sending of the longest reply fit into it, so that there is a safe moment.
pub const HANDOVER_BEFORE: Duration = Duration::from_secs(600);
/// How long before the end any safe moment will do, also while a reply that has come whole is still heard.
pub const SWITCH_BY: Duration = Duration::from_secs(60);
/// How long nobody must have spoken or been heard for a moment to be quiet: late transcripts are in by then, and no
/// echo of a reply is in what goes again to the new session.
pub const SWITCH_QUIET: Duration = Duration::from_secs(2);

/// When the session ends, and what there is to replace it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handover {
    expires: Time,
    /// When the latest dial of any link was.
    dialled: Time,
    failures: u32,
    standby: Standby,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Standby {
    None { dial_at: Time },
    Dialling { until: Time },
    Configuring { until: Time },
    Ready { expires: Time },
}

impl Handover {
    pub(super) fn begin(dialled: Time, expires: Option<Time>) -> Self {
        let expires = expires.unwrap_or(dialled + SESSION_LIFE);
        let standby = Standby::None { dial_at: dial_at(expires, dialled) };
        Self { expires, dialled, failures: 0, standby }
    }

    pub(super) fn standby(&self) -> Standby {
        self.standby
    }

    /// Returns what becomes of it when the second link has taken over.
    pub(super) fn after_switch(&self) -> Self {
        let expires = match self.standby {
            Standby::Ready { expires } => Some(expires),
            Standby::None { .. } | Standby::Dialling { .. } | Standby::Configuring { .. } => None,
        };
        Self::begin(self.dialled, expires)
    }

    /// Takes in that the session lasts until then.
    fn set_expires(&mut self, at: Time) {
        self.expires = at;
        if let Standby::None { dial_at: due } = &mut self.standby {
            *due = dial_at(at, self.dialled);
        }
    }

    /// Names the time of the next step; `rest` is since when and whether nothing at all is going on, if anything
    /// may be replaced now.
    pub(super) fn deadline(&self, window: Option<HandoverWindow>) -> Option<Time> {
        let latest = self.expires - SWITCH_BY;
        match (self.standby, window) {
            (Standby::None { dial_at }, _) => Some(dial_at),
            (Standby::Dialling { until } | Standby::Configuring { until }, _) => Some(until),
            (Standby::Ready { .. }, Some(HandoverWindow::Quiet { since })) => {
                Some((since + SWITCH_QUIET).min(latest.max(since)))
            }
            (Standby::Ready { .. }, Some(HandoverWindow::Safe)) => Some(latest),
            (Standby::Ready { .. }, None) => None,
        }
    }

    fn failed(&mut self, reason: CloseReason, rng: &mut JitterRng, now: Time) {
        let retry_at = now + reason.retry_after() + CloseReason::jitter(self.failures, rng);
        self.failures = self.failures.saturating_add(1);
        self.standby = Standby::None { dial_at: retry_at.max(self.dialled + RETRY_SPACING) };
    }

    pub(super) fn dialled(&self) -> Time {
        self.dialled
    }
}

/// What there is to be said for replacing the session now.
#[derive(Clone, Copy, Debug)]
pub(super) enum HandoverWindow {
    /// Nothing is going on, since then.
    Quiet { since: Time },
    /// The session is not needed for what is going on.
    Safe,
}

impl Conversation {
    /// Takes in what concerns the session's end and the second link.
    pub(super) fn handle_standby(&mut self, event: &Event, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let handover = &mut online.handover;
        match (event, handover.standby) {
            (Event::Link(LinkChange::Expires(lifetime)), _) => handover.set_expires(now + *lifetime),
            (Event::Standby(StandbyChange::Up), Standby::Dialling { .. }) => {
                handover.standby = Standby::Configuring { until: now + CONFIGURE_LIMIT };
                return actions([Action::ConfigureStandby]);
            }
            (Event::Standby(StandbyChange::Configured(lifetime)), Standby::Configuring { .. }) => {
                handover.standby = Standby::Ready { expires: now + *lifetime };
            }
            (Event::Standby(StandbyChange::Refused), Standby::Configuring { .. } | Standby::Ready { .. }) => {
                handover.failed(CloseReason::Permanent, &mut self.jitter, now);
                return actions([Action::DropStandby]);
            }
            // While the first link works, this is no news for the owner.
            (
                Event::Standby(StandbyChange::Down(reason)),
                Standby::Dialling { .. } | Standby::Configuring { .. } | Standby::Ready { .. },
            ) => handover.failed(*reason, &mut self.jitter, now),
            // Of an attempt that was given up meanwhile.
            (
                _,
                Standby::None { .. }
                | Standby::Dialling { .. }
                | Standby::Configuring { .. }
                | Standby::Ready { .. },
            ) => {}
        }
        Actions::new()
    }

    /// Takes the next step towards the next session, if its time has come.
    pub(super) fn advance_handover(&mut self, now: Time) -> Option<Actions> {
        let Phase::Online(online) = &mut self.phase else { return None };
        let due = online.handover.deadline(online.handover_window()).is_some_and(|deadline| now >= deadline);
        let handover = &mut online.handover;
        match handover.standby {
            _ if !due => None,
            Standby::None { .. } => {
                handover.dialled = now;
                handover.standby = Standby::Dialling { until: now + DIAL_LIMIT };
                Some(actions([Action::DialStandby]))
            }
            Standby::Dialling { .. } | Standby::Configuring { .. } => {
                handover.failed(CloseReason::Transient, &mut self.jitter, now);
                Some(actions([Action::DropStandby]))
            }
            Standby::Ready { .. } => {
                online.switch_session(online.handover.after_switch());
                Some(actions([Action::SwitchToStandby]))
            }
        }
    }
}

fn dial_at(expires: Time, dialled: Time) -> Time {
    (expires - HANDOVER_BEFORE).max(dialled + RETRY_SPACING)
}
