//! When to try again after a link is lost: full jitter, growing, inside the service's 30 connections a minute.
//!
//! It does not decide whether to try again; that is the loss's own business.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::nanos;

/// The least time between two dials: at most 25 in any minute, where the service allows a resource 30 new
/// connections (protocol §4.2) and another device may share it.
pub const RETRY_SPACING: Duration = Duration::from_millis(2500);
/// How long a session must have lasted for the failures before it to be forgotten: a service that takes every
/// session and drops it at once is not to be dialled without growing pauses.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);
/// How long after "too many" of anything nothing is asked of the service, where it names no time itself.
pub const UNAUTHORIZED_LIMIT: Duration = Duration::from_secs(10);
/// Beyond this the jitter does not grow: an owner who comes back should not wait longer.
const MAX_JITTER: Duration = Duration::from_secs(30);

/// What the end of a link means for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// It broke or could not be made; another may work.
    Transient,
    /// The service asks for this much patience (HTTP 429, 503 with `Retry-After`, close code 1013).
    RetryAfter(#[serde(with = "nanos")] Duration),
    /// The credential was not accepted; a fresh one may be, once (HTTP 401 to a token, protocol §4.1).
    Unauthorized,
    /// No repetition can help: credentials, address or model are wrong (protocol §4.1).
    Permanent,
}

impl CloseReason {
    /// Returns how long the service is to be left alone, whoever asks.
    pub(super) fn retry_after(self) -> Duration {
        match self {
            Self::Transient | Self::Unauthorized | Self::Permanent => Duration::ZERO,
            Self::RetryAfter(delay) => delay,
        }
    }

    /// Returns how long to wait beyond that before dial number `attempt` (the first repetition is 0).
    pub(super) fn jitter(attempt: u32, rng: &mut JitterRng) -> Duration {
        let limit = Duration::from_secs(1).saturating_mul(1 << attempt.min(5)).min(MAX_JITTER);
        rng.up_to(limit)
    }
}

/// A repeatable source of jitter (xorshift64*); not for secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JitterRng(u64);

impl JitterRng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Tells whether it can give anything: from 0 only 0 follows.
    pub(super) fn is_valid(&self) -> bool {
        self.0 != 0
    }

    fn up_to(&mut self, max: Duration) -> Duration {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let fraction = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        max.mul_f64(f64::from(u32::try_from(fraction).unwrap_or(u32::MAX)) / f64::from(u32::MAX))
    }
}
