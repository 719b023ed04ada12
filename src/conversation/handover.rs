//! Replaces a session before it expires (make before break).
//!
//! The service ends every session after an hour, even during a reply. Before that, a standby link is dialled
//! and configured while the active one continues, and replaces it at a moment when no speech is lost. This
//! module decides when. It opens no link and does not know what is sent again; `session` does both.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backoff::{CloseReason, JitterRng, RATE_LIMIT_HOLD_OFF, RETRY_SPACING};
use super::{
    Action, Actions, CONFIGURE_LIMIT, Conversation, DIAL_LIMIT, Event, LinkChange, Phase, ServerError,
    StandbyChange, actions,
};
use crate::model::{Time, nanos};

/// Assumed lifetime of a session without `expires_at` (the service has always stated one hour, protocol
/// §4.2).
pub const SESSION_LIFETIME: Duration = Duration::from_secs(3600);
/// Time before expiry at which the standby link of an hour's session is dialled. The longest utterance (5 min), the wait
/// for a reply (30 s) and the transfer of the longest reply fit into it, so that a safe moment exists. A shorter session
/// has the same share of its lifetime: a sixth.
pub const HANDOVER_BEFORE: Duration = Duration::from_secs(600);
/// Time before expiry of an hour's session, a sixtieth of its lifetime, from which any safe moment is used, even while a
/// completely received reply is still playing.
pub const SWITCH_BY: Duration = Duration::from_secs(60);
/// Lifetime from which sessions are handed over. A service that states less is left to end its sessions itself: their
/// times may be wrong, and a standby link would hardly be ready.
pub const SHORTEST_LIFETIME: Duration = Duration::from_secs(60);
/// Duration without speech or playback that counts as quiet. By then late transcripts have arrived, and the
/// audio that is sent again to the new session contains no echo of a reply.
pub const SWITCH_QUIET: Duration = Duration::from_secs(2);

/// When the session expires, and the standby link that replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handover {
    expires: Time,
    /// The longest that the service has stated, ns.
    lifetime: Option<u64>,
    /// Time of the latest dial, of either link.
    dialled: Time,
    failures: u32,
    standby: Standby,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Standby {
    /// It is dialled at this time, or not at all.
    None {
        dial_at: Option<Time>,
    },
    Dialling {
        until: Time,
    },
    Configuring {
        until: Time,
    },
    Ready {
        expires: Time,
    },
}

impl Handover {
    pub(super) fn begin(dialled: Time, expires: Option<Time>) -> Self {
        let lifetime = expires.map(|expires| expires - dialled);
        let expires = expires.unwrap_or(dialled + SESSION_LIFETIME);
        let dial_at = dial_at(expires, lifetime.unwrap_or(SESSION_LIFETIME), dialled);
        let (lifetime, standby) = (lifetime.map(nanos::whole), Standby::None { dial_at });
        Self { expires, lifetime, dialled, failures: 0, standby }
    }

    pub(super) fn standby(&self) -> Standby {
        self.standby
    }

    /// Returns the state after the standby link has become the active one.
    pub(super) fn after_switch(&self) -> Self {
        let expires = match self.standby {
            Standby::Ready { expires } => Some(expires),
            Standby::None { .. } | Standby::Dialling { .. } | Standby::Configuring { .. } => None,
        };
        Self::begin(self.dialled, expires)
    }

    /// Sets the time at which the service ends the session.
    fn set_expires(&mut self, left: Duration, now: Time) {
        self.expires = now + left;
        self.lifetime = self.lifetime.max(Some(nanos::whole(left)));
        let (expires, lifetime) = (self.expires, self.lifetime());
        if let Standby::None { dial_at: due } = &mut self.standby {
            *due = dial_at(expires, lifetime, self.dialled);
        }
    }

    fn lifetime(&self) -> Duration {
        self.lifetime.map_or(SESSION_LIFETIME, Duration::from_nanos)
    }

    /// Returns when to call [`Conversation::advance_handover`] next; `window` is `None` while the session
    /// must not be replaced.
    pub(super) fn deadline(&self, window: Option<HandoverWindow>) -> Option<Time> {
        let latest = self.expires - SWITCH_BY.min(self.lifetime() / 60);
        match (self.standby, window) {
            (Standby::None { dial_at }, _) => dial_at,
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
        self.standby = Standby::None { dial_at: Some(retry_at.max(self.dialled + RETRY_SPACING)) };
    }

    pub(super) fn dialled(&self) -> Time {
        self.dialled
    }
}

/// A moment at which the session may be replaced.
#[derive(Clone, Copy, Debug)]
pub(super) enum HandoverWindow {
    /// There has been no speech, no playback and no reply since this time.
    Quiet { since: Time },
    /// What is in progress does not need the old session any more.
    Safe,
}

impl Conversation {
    /// Handles the events of the standby link and the expiry of the session.
    pub(super) fn handle_standby(&mut self, event: &Event, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let handover = &mut online.handover;
        match (event, handover.standby) {
            (Event::Link(LinkChange::Expires(lifetime)), _) => handover.set_expires(*lifetime, now),
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
            (
                Event::Standby(StandbyChange::Error(error)),
                Standby::Configuring { .. } | Standby::Ready { .. },
            ) => {
                let reason = match error {
                    ServerError::Rejected | ServerError::Unauthorized | ServerError::QuotaExceeded => {
                        CloseReason::Permanent
                    }
                    ServerError::RateLimited => CloseReason::RetryAfter(RATE_LIMIT_HOLD_OFF),
                    ServerError::Internal | ServerError::SessionExpired => CloseReason::Transient,
                    ServerError::NothingToCancel
                    | ServerError::ReplyInProgress
                    | ServerError::NothingToCommit
                    | ServerError::Withheld
                    | ServerError::Other => return Actions::new(),
                };
                handover.failed(reason, &mut self.jitter, now);
                return actions([Action::DropStandby]);
            }
            // Not reported to the user while the active link works.
            (
                Event::Standby(StandbyChange::Down(reason)),
                Standby::Dialling { .. } | Standby::Configuring { .. } | Standby::Ready { .. },
            ) => handover.failed(*reason, &mut self.jitter, now),
            // An event of a dial that has been abandoned.
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

    /// Dials, abandons or switches to the standby link if that is due, and returns `None` otherwise.
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

fn dial_at(expires: Time, lifetime: Duration, dialled: Time) -> Option<Time> {
    let before = HANDOVER_BEFORE.min(lifetime / 6);
    (lifetime >= SHORTEST_LIFETIME).then(|| (expires - before).max(dialled + RETRY_SPACING))
}
