//! The end of a session's time, and the second link that takes over before it comes.
//!
//! The service ends every session after an hour, whatever is going on in it. Before that a second link is made and
//! configured while the first goes on, and at a moment that costs nobody a word it takes the first one's place. It
//! decides when; how links are made, and what goes along, is the session's business.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::retry::{Loss, Luck, RETRY_SPACING};
use super::{
    Action, Actions, CONFIGURE_LIMIT, Conversation, DIAL_LIMIT, Event, LinkChange, Phase, StandbyChange,
    actions,
};
use crate::model::Time;

/// How long a session lasts where the service names no time (`expires_at` was always an hour, protocol §4.2).
pub const SESSION_LIFE: Duration = Duration::from_secs(3600);
/// How long before its end a session is to be replaced: the longest utterance (5 min), the thinking (30 s) and the
/// sending of the longest reply fit into it, so that there is a safe moment.
pub const ROTATE_BEFORE: Duration = Duration::from_secs(600);
/// How long before the end any safe moment will do, also while a reply that has come whole is still heard.
pub const HURRY: Duration = Duration::from_secs(60);
/// How long nobody must have spoken or been heard for a moment to be quiet: late transcripts are in by then, and no
/// echo of a reply is in what goes again to the new session.
pub const QUIET: Duration = Duration::from_secs(2);

/// When the session ends, and what there is to replace it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    expires: Time,
    /// When the latest dial of any link was.
    dialled: Time,
    failures: u32,
    spare: Spare,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Spare {
    Absent { dial_at: Time },
    Dialling { until: Time },
    Configuring { until: Time },
    Ready { expires: Time },
}

impl Rotation {
    pub(super) fn begin(dialled: Time, expires: Option<Time>) -> Self {
        let expires = expires.unwrap_or(dialled + SESSION_LIFE);
        let spare = Spare::Absent { dial_at: dial_at(expires, dialled) };
        Self { expires, dialled, failures: 0, spare }
    }

    pub(super) fn spare(&self) -> Spare {
        self.spare
    }

    /// Returns what becomes of it when the second link has taken over.
    pub(super) fn taken(&self) -> Self {
        let expires = match self.spare {
            Spare::Ready { expires } => Some(expires),
            Spare::Absent { .. } | Spare::Dialling { .. } | Spare::Configuring { .. } => None,
        };
        Self::begin(self.dialled, expires)
    }

    /// Takes in that the session lasts until then.
    fn expires(&mut self, at: Time) {
        self.expires = at;
        if let Spare::Absent { dial_at: due } = &mut self.spare {
            *due = dial_at(at, self.dialled);
        }
    }

    /// Names the time of the next step; `rest` is since when and whether nothing at all is going on, if anything
    /// may be replaced now.
    pub(super) fn deadline(&self, moment: Option<Moment>) -> Option<Time> {
        let hurry = self.expires - HURRY;
        match (self.spare, moment) {
            (Spare::Absent { dial_at }, _) => Some(dial_at),
            (Spare::Dialling { until } | Spare::Configuring { until }, _) => Some(until),
            (Spare::Ready { .. }, Some(Moment::Quiet { since })) => {
                Some((since + QUIET).min(hurry.max(since)))
            }
            (Spare::Ready { .. }, Some(Moment::Safe)) => Some(hurry),
            (Spare::Ready { .. }, None) => None,
        }
    }

    fn failed(&mut self, loss: Loss, luck: &mut Luck, now: Time) {
        let retry_at = now + loss.respite() + Loss::jitter(self.failures, luck);
        self.failures = self.failures.saturating_add(1);
        self.spare = Spare::Absent { dial_at: retry_at.max(self.dialled + RETRY_SPACING) };
    }

    pub(super) fn dialled(&self) -> Time {
        self.dialled
    }
}

/// What there is to be said for replacing the session now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// Nothing is going on, since then.
    Quiet { since: Time },
    /// The session is not needed for what is going on.
    Safe,
}

impl Conversation {
    /// Takes in what concerns the session's end and the second link.
    pub(super) fn handle_spare(&mut self, event: &Event, now: Time) -> Actions {
        let Phase::Up(up) = &mut self.phase else { return Actions::new() };
        let rotation = &mut up.rotation;
        match (event, rotation.spare) {
            (Event::Link(LinkChange::Expires(life)), _) => rotation.expires(now + *life),
            (Event::Standby(StandbyChange::Up), Spare::Dialling { .. }) => {
                rotation.spare = Spare::Configuring { until: now + CONFIGURE_LIMIT };
                return actions([Action::ConfigureSpare]);
            }
            (Event::Standby(StandbyChange::Configured(life)), Spare::Configuring { .. }) => {
                rotation.spare = Spare::Ready { expires: now + *life };
            }
            (Event::Standby(StandbyChange::Refused), Spare::Configuring { .. } | Spare::Ready { .. }) => {
                rotation.failed(Loss::Refused, &mut self.luck, now);
                return actions([Action::DropSpare]);
            }
            // While the first link works, this is no news for the owner.
            (
                Event::Standby(StandbyChange::Down(loss)),
                Spare::Dialling { .. } | Spare::Configuring { .. } | Spare::Ready { .. },
            ) => rotation.failed(*loss, &mut self.luck, now),
            // Of an attempt that was given up meanwhile.
            (
                _,
                Spare::Absent { .. }
                | Spare::Dialling { .. }
                | Spare::Configuring { .. }
                | Spare::Ready { .. },
            ) => {}
        }
        Actions::new()
    }

    /// Takes the next step towards the next session, if its time has come.
    pub(super) fn rotate(&mut self, now: Time) -> Option<Actions> {
        let Phase::Up(up) = &mut self.phase else { return None };
        let due = up.rotation.deadline(up.moment()).is_some_and(|deadline| now >= deadline);
        let rotation = &mut up.rotation;
        match rotation.spare {
            _ if !due => None,
            Spare::Absent { .. } => {
                rotation.dialled = now;
                rotation.spare = Spare::Dialling { until: now + DIAL_LIMIT };
                Some(actions([Action::DialSpare]))
            }
            Spare::Dialling { .. } | Spare::Configuring { .. } => {
                rotation.failed(Loss::Broken, &mut self.luck, now);
                Some(actions([Action::DropSpare]))
            }
            Spare::Ready { .. } => {
                up.go_on(up.rotation.taken());
                Some(actions([Action::Move]))
            }
        }
    }
}

fn dial_at(expires: Time, dialled: Time) -> Time {
    (expires - ROTATE_BEFORE).max(dialled + RETRY_SPACING)
}
