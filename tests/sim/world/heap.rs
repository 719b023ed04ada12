//! The memory of the device alone: bytes allocated in its turns and not freed, on whichever side they are freed.
//!
//! It counts allocations, not resident memory.

use std::fmt;

use mynah::transport::INBOUND_BYTES;

use crate::allocator::device_bytes;
use crate::sim::clock::At;

/// The most that a device may hold: its rings, its recorder, ten seconds of speech for the service, and a whole reply
/// that has arrived before any of it is played.
const LIMIT_BYTES: isize = 4 * 1024 * 1024;
/// By how much the end may exceed the minimum of the first quarter: the text of the last turns, and buffers that a long
/// reply and an outage have grown. `--memory` finds smaller leaks in hours of conversation.
const GROWTH_BYTES: isize = 1024 * 1024;

/// The memory of a device over a run, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Heap {
    /// Counted before the device was created.
    outside_bytes: isize,
    /// A quarter of the run.
    quarter: At,
    /// The longest message, which a hostile service may make it hold in addition.
    message_bytes: isize,
    /// The minimum of the first quarter.
    baseline: isize,
    pub(crate) peak: isize,
    last: isize,
}

impl Heap {
    /// Starts counting, before the device is created.
    pub(super) fn new(length: At, sane_service: bool) -> Self {
        let message_bytes = if sane_service { 0 } else { INBOUND_BYTES as isize };
        Self {
            outside_bytes: device_bytes(),
            quarter: length / 4,
            message_bytes,
            baseline: isize::MAX,
            peak: 0,
            last: 0,
        }
    }

    /// Records what is held now. Returns a message if it exceeds the limit.
    pub(super) fn record(&mut self, now: At) -> Option<String> {
        self.last = device_bytes() - self.outside_bytes;
        self.peak = self.last.max(self.peak);
        if now <= self.quarter {
            self.baseline = self.last.min(self.baseline);
        }
        let limit = LIMIT_BYTES + self.message_bytes;
        (self.last > limit).then(|| format!("{} bytes are held; the limit is {limit}", self.last))
    }

    /// Returns a message if an idle device holds too much more than at the beginning.
    pub(super) fn growth_error(&self) -> Option<String> {
        let grown = self.last - self.baseline;
        (grown > GROWTH_BYTES).then(|| {
            format!("{grown} bytes more are held than at the beginning; the limit is {GROWTH_BYTES}")
        })
    }
}

impl fmt::Display for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [baseline, peak, last] = [self.baseline, self.peak, self.last].map(|bytes| bytes / 1024);
        write!(f, "{baseline} KiB at least in the first quarter, {peak} KiB at most, {last} KiB at the end")
    }
}
