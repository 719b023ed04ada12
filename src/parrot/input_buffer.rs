//! The input audio buffer: uncommitted samples, addressed by their position since the start of the session.
//!
//! It is bounded: the oldest samples are dropped.

use std::collections::VecDeque;

/// Limit of the buffer during a turn, in samples at 24 kHz: one minute.
pub(super) const TURN_SAMPLES_MAX: usize = 60 * 24_000;
/// Limit of the buffer while a turn detector waits for speech: 10 s, longer than any prefix padding in use.
pub(super) const PAUSE_SAMPLES_MAX: usize = 10 * 24_000;

/// The samples from `start()` up to `end()`.
#[derive(Debug, Default)]
pub(super) struct InputBuffer {
    samples: VecDeque<i16>,
    end: u64,
}

impl InputBuffer {
    /// Returns the number of samples written since the start of the session.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Returns the position of the oldest sample in the buffer.
    pub(super) fn start(&self) -> u64 {
        self.end - self.samples.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Appends `samples`, and drops the oldest beyond `limit` samples.
    pub(super) fn write(&mut self, samples: &[i16], limit: usize) {
        self.samples.extend(samples);
        self.end += samples.len() as u64;
        let excess = self.samples.len().saturating_sub(limit);
        self.samples.drain(..excess);
    }

    /// Copies samples from position `from` on; missing ones are silence.
    pub(super) fn copy(&self, from: u64, target: &mut [i16]) {
        let first = self.index(from);
        target.fill(0);
        for (target, sample) in target.iter_mut().zip(self.samples.range(first..)) {
            *target = *sample;
        }
    }

    /// Removes and returns the samples from `from` up to `to`; drops all before.
    pub(super) fn take(&mut self, from: u64, to: u64) -> Vec<i16> {
        let (first, last) = (self.index(from), self.index(to));
        self.samples.drain(..last).skip(first).collect()
    }

    pub(super) fn clear(&mut self) {
        self.samples.clear();
    }

    fn index(&self, position: u64) -> usize {
        (position.clamp(self.start(), self.end) - self.start()) as usize
    }
}
