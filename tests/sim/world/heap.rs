//! The memory of the device alone: what was asked for in its turns and is not freed, whoever is to free it.
//!
//! It counts what is asked of the allocator. What of it is resident is the machine's affair.

use std::fmt;

use mynah::transport::INBOUND_BYTES;

use crate::allocator::device_bytes;
use crate::sim::clock::At;

/// The most that a device holds: its rings, its recorder, ten seconds of speech for the service, and a reply of
/// which everything has come before any of it was heard.
const LIMIT_BYTES: isize = 4 * 1024 * 1024;
/// What it may hold more at its end than in the least moment of its first quarter: the last turns in words, and
/// what a long reply and an outage leave to the next one, empty. Hours of talk make smaller leaks seen: `--memory`.
const GROWTH_BYTES: isize = 1024 * 1024;

/// What a device has held.
#[derive(Clone, Debug)]
pub(crate) struct Heap {
    /// Before there was a device.
    outside_bytes: isize,
    /// A quarter of the life.
    quarter: At,
    /// What the service may have it hold besides: the longest message there is.
    message_bytes: isize,
    /// The least that was held in the first quarter.
    baseline: isize,
    pub(crate) peak: isize,
    last: isize,
}

impl Heap {
    /// Begins before there is a device, whose life is so long, with a service that is well or not.
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

    /// Takes note, and says what is wrong with it.
    pub(super) fn record(&mut self, now: At) -> Option<String> {
        self.last = device_bytes() - self.outside_bytes;
        self.peak = self.last.max(self.peak);
        if now <= self.quarter {
            self.baseline = self.last.min(self.baseline);
        }
        let limit = LIMIT_BYTES + self.message_bytes;
        (self.last > limit).then(|| format!("{} bytes are held, and {limit} are the peak", self.last))
    }

    /// At the end, at rest: says what is wrong with what is held now.
    pub(super) fn growth_error(&self) -> Option<String> {
        let grown = self.last - self.baseline;
        (grown > GROWTH_BYTES).then(|| format!("{grown} bytes more are held than at the beginning"))
    }
}

impl fmt::Display for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [baseline, peak, last] = [self.baseline, self.peak, self.last].map(|bytes| bytes / 1024);
        write!(f, "{baseline} KiB held at baseline in the first quarter, {peak} at peak, {last} at the end")
    }
}
