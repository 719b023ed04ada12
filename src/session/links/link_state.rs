//! The state of one link, from the connection attempt to the peer's close.
//!
//! It does not know whether the link is the active one or the standby.

use std::time::Duration;

use super::reference::SessionReference;
use crate::conversation::{CLOSE_LIMIT, SESSION_LIFETIME};
use crate::model::Time;
use crate::transport::WsClient;

pub(super) enum LinkState {
    Down,
    Dialling {
        number: u64,
    },
    Up {
        link: WsClient,
        /// How long the session lasts from its start, as far as known.
        lifetime: Duration,
        opening: Opening,
        reference: SessionReference,
    },
    /// Close was sent; waits for the peer's close.
    Closing {
        link: WsClient,
        until: Time,
    },
}

/// What is known of the session at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Nothing: `session.created` is still to come.
    Unseen,
    /// The configuration waits for `session.created`, at most until then.
    Held { until: Time },
    /// `session.created` has come, or is not waited for any more.
    Seen,
}

impl LinkState {
    pub(super) fn up(link: WsClient) -> Self {
        let reference = SessionReference::default();
        Self::Up { link, lifetime: SESSION_LIFETIME, opening: Opening::Unseen, reference }
    }

    /// Holds the configuration until the session is seen, and returns whether it is not.
    pub(super) fn hold_configuration(&mut self, until: Time) -> bool {
        match self {
            Self::Up { opening: opening @ (Opening::Unseen | Opening::Held { .. }), .. } => {
                *opening = Opening::Held { until };
                true
            }
            Self::Up { opening: Opening::Seen, .. }
            | Self::Down
            | Self::Dialling { .. }
            | Self::Closing { .. } => false,
        }
    }

    /// Returns whether the session is seen, or not waited for.
    pub(super) fn has_seen_session(&self) -> bool {
        matches!(self, Self::Up { opening: Opening::Seen, .. })
    }

    /// Records that the session is seen, or not waited for any more. Returns whether the configuration was held.
    pub(super) fn see_session(&mut self) -> bool {
        let was_held = self.held_until().is_some();
        if let Self::Up { opening, .. } = self {
            *opening = Opening::Seen;
        }
        was_held
    }

    /// Returns until when the configuration is held, if it is.
    pub(super) fn held_until(&self) -> Option<Time> {
        match self {
            Self::Up { opening: Opening::Held { until }, .. } => Some(*until),
            Self::Up { opening: Opening::Unseen | Opening::Seen, .. }
            | Self::Down
            | Self::Dialling { .. }
            | Self::Closing { .. } => None,
        }
    }

    pub(super) fn link(&self) -> Option<&WsClient> {
        match self {
            Self::Up { link, .. } | Self::Closing { link, .. } => Some(link),
            Self::Down | Self::Dialling { .. } => None,
        }
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut WsClient> {
        match self {
            Self::Up { link, .. } | Self::Closing { link, .. } => Some(link),
            Self::Down | Self::Dialling { .. } => None,
        }
    }

    /// Returns whether the link is being closed: what it still delivers is discarded.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self, Self::Closing { .. })
    }

    /// Returns how long the session lasts from its start.
    pub(super) fn lifetime(&self) -> Duration {
        match self {
            Self::Up { lifetime, .. } => *lifetime,
            Self::Down | Self::Dialling { .. } | Self::Closing { .. } => SESSION_LIFETIME,
        }
    }

    /// Records when the service will end the session (Unix time, seconds).
    ///
    /// The lifetime is counted from the service's own date: the date of a board without a battery-backed clock may be
    /// wrong.
    pub(super) fn set_expiry(&mut self, expires_at_s: Option<u32>) {
        let Self::Up { link, lifetime, .. } = self else { return };
        let left_s = expires_at_s.zip(link.server_date_s()).map(|(end_s, now_s)| i64::from(end_s) - now_s);
        if let Some(left_s) = left_s.and_then(|left_s| u64::try_from(left_s).ok()) {
            *lifetime = Duration::from_secs(left_s).min(SESSION_LIFETIME);
        }
    }

    /// Starts to close the link. Returns whether it was still being connected, which is to be cancelled.
    pub(super) fn close(&mut self, now: Time) -> bool {
        match std::mem::replace(self, Self::Down) {
            Self::Up { mut link, .. } => {
                link.close();
                *self = Self::Closing { link, until: now + CLOSE_LIMIT };
                false
            }
            Self::Dialling { .. } => true,
            state @ (Self::Down | Self::Closing { .. }) => {
                *self = state;
                false
            }
        }
    }
}
