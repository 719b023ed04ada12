//! The memory of the device alone: what was asked for in its turns and is not freed, whoever is to free it.
//!
//! It counts what is asked of the allocator. What of it is resident is the machine's affair.

use std::fmt;

use mynah::transport::INBOUND_BYTES;

use crate::allocator::device_bytes;
use crate::sim::clock::At;

/// The most that a device holds: its rings, its recorder, ten seconds of speech for the service, and a reply of
/// which everything has come before any of it was heard.
const MOST_BYTES: isize = 4 * 1024 * 1024;
/// What it may hold more at its end than in the least moment of its first quarter: the last turns in words, and
/// what a long reply and an outage leave to the next one, empty. Hours of talk make smaller leaks seen: `--memory`.
const GROWTH_BYTES: isize = 1024 * 1024;

/// What a device has held.
#[derive(Clone, Debug)]
pub(crate) struct Heap {
    /// Before there was a device.
    before: isize,
    /// A quarter of the life.
    quarter: At,
    /// What the service may have it hold besides: the longest message there is.
    message: isize,
    /// The least that was held in the first quarter.
    least: isize,
    pub(crate) most: isize,
    last: isize,
}

impl Heap {
    /// Begins before there is a device, whose life is so long, with a service that is well or not.
    pub(super) fn begin(length: At, well: bool) -> Self {
        let message = if well { 0 } else { INBOUND_BYTES as isize };
        Self { before: device_bytes(), quarter: length / 4, message, least: isize::MAX, most: 0, last: 0 }
    }

    /// Takes note, and says what is wrong with it.
    pub(super) fn note(&mut self, now: At) -> Option<String> {
        self.last = device_bytes() - self.before;
        self.most = self.last.max(self.most);
        if now <= self.quarter {
            self.least = self.last.min(self.least);
        }
        let limit = MOST_BYTES + self.message;
        (self.last > limit).then(|| format!("{} bytes are held, and {limit} are the most", self.last))
    }

    /// At the end, at rest: says what is wrong with what is held now.
    pub(super) fn grown(&self) -> Option<String> {
        let grown = self.last - self.least;
        (grown > GROWTH_BYTES).then(|| format!("{grown} bytes more are held than at the beginning"))
    }
}

impl fmt::Display for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, most, last] = [self.least, self.most, self.last].map(|bytes| bytes / 1024);
        write!(f, "{least} KiB held at least in the first quarter, {most} at most, {last} at the end")
    }
}
