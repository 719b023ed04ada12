//! Serialises durations as whole nanoseconds in a `u64` (584 years), for `#[serde(with = "nanos")]`.
//!
//! It does not fail on longer durations; they are serialised as the maximum.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(whole(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_nanos)
}

/// Returns a duration in whole nanoseconds, at most `u64::MAX`.
pub(crate) fn whole(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
