//! Reports of the session: log lines with a rate limit, and the flight recorder.
//!
//! It changes nothing that it reports.

pub(super) mod log;
pub(super) mod recorder;
