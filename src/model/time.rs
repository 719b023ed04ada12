//! A moment of a session, counted in nanoseconds from its start.
//!
//! It never asks what time it is: whoever owns the clock makes moments and hands them down.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in whole nanoseconds since the session's start.
///
/// No arithmetic on it panics or wraps around: a sum ends at [`Time::MAX`], 584 years later, and a difference at zero.
/// Two moments cannot be added to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The session's start.
    pub const ZERO: Self = Self(0);
    /// The last moment there is.
    pub const MAX: Self = Self(u64::MAX);

    /// Returns the moment this many nanoseconds after the session's start.
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

/// The moment this much later, at most [`Time::MAX`].
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(nanos(later)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, later: Duration) {
        *self = *self + later;
    }
}

/// The moment this much earlier, at the earliest [`Time::ZERO`].
impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(earlier)))
    }
}

/// How much later this moment is than the other; zero where it is not later.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
