//! Reconnect delays: exponential backoff with full jitter, within the service's limit of 30 connections a
//! minute.
//!
//! It does not decide whether to reconnect; [`CloseReason`] says whether another attempt can help.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::nanos;

/// Minimum time between two dials. It allows 25 a minute; the service allows a resource 30 new connections a
/// minute (protocol §4.2), and another device may use the same resource.
pub const RETRY_SPACING: Duration = Duration::from_millis(2500);
/// Duration after which a session counts as stable and resets the backoff. Without it, a service that accepts
/// every session and drops it at once would be dialled without growing delays.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);
/// Hold-off after a rate limit for which the service states no delay.
pub const RATE_LIMIT_HOLD_OFF: Duration = Duration::from_secs(10);
/// Upper bound of the jitter: a user who returns should not wait longer.
const MAX_JITTER: Duration = Duration::from_secs(30);

/// Why a link ended, as far as it matters for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The link broke or could not be established; another attempt may succeed.
    Transient,
    /// The service asks for this delay (HTTP 429, 503 with `Retry-After`, close code 1013).
    RetryAfter(#[serde(with = "nanos")] Duration),
    /// The credential was rejected. One attempt with a new token may succeed (HTTP 401 to a token, protocol
    /// §4.1).
    Unauthorized,
    /// Another attempt cannot succeed: credentials, address or model are wrong (protocol §4.1).
    Permanent,
}

impl CloseReason {
    /// Returns the minimum delay before the next dial, unless the user presses the button.
    pub(super) fn retry_after(self) -> Duration {
        match self {
            Self::Transient | Self::Unauthorized | Self::Permanent => Duration::ZERO,
            Self::RetryAfter(delay) => delay,
        }
    }

    /// Returns a random delay, to be added to [`Self::retry_after`], before retry number `attempt`, counted
    /// from 0.
    pub(super) fn jitter(attempt: u32, rng: &mut JitterRng) -> Duration {
        let limit = Duration::from_secs(1).saturating_mul(1 << attempt.min(5)).min(MAX_JITTER);
        rng.up_to(limit)
    }
}

/// A deterministic random number generator (xorshift64*). Not for secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JitterRng(u64);

impl JitterRng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns whether the state is usable: a state of 0 generates only zeros.
    pub(super) fn is_valid(&self) -> bool {
        self.0 != 0
    }

    /// Returns a duration from zero to `max`, evenly distributed.
    fn up_to(&mut self, max: Duration) -> Duration {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let fraction = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        max.mul_f64(f64::from(u32::try_from(fraction).unwrap_or(u32::MAX)) / f64::from(u32::MAX))
    }
}
