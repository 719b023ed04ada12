//! What is written down: log lines with a rate limit, and the flight recorder.

pub(super) mod log;
pub(super) mod recorder;
