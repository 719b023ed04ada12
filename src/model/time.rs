//! Time of a session, in nanoseconds since its start.
//!
//! It reads no clock; `session` converts its clock's values to [`Time`] and passes them on.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::nanos;

/// A point in time, in whole nanoseconds since the session's start.
///
/// Arithmetic neither panics nor wraps: sums saturate at [`Time::MAX`] (584 years), differences at zero. Two
/// times cannot be added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The session's start.
    pub const ZERO: Self = Self(0);
    /// The latest time.
    pub const MAX: Self = Self(u64::MAX);

    /// Creates a time from nanoseconds since the session's start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the session's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

/// Returns the later time, at most [`Time::MAX`].
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(nanos::whole(later)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, later: Duration) {
        *self = *self + later;
    }
}

/// Returns the earlier time, at least [`Time::ZERO`].
impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(nanos::whole(earlier)))
    }
}

/// Returns the duration since the other time; zero if the other time is later.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
