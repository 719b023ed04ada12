//! The input audio buffer: uncommitted samples, addressed by their position in all that was ever written.
//!
//! It holds so much and no more: the oldest goes first.

use std::collections::VecDeque;

/// Uncommitted audio kept, in samples at 24 kHz: a minute, as long as a turn may be.
pub(super) const TURN_SAMPLES_MAX: usize = 60 * 24_000;
/// Kept while a turn detector listens and nobody speaks: more than any prefix padding in use.
pub(super) const PAUSE_SAMPLES_MAX: usize = 10 * 24_000;

/// Samples from `begins()` to `written()`.
#[derive(Debug, Default)]
pub(super) struct InputBuffer {
    samples: VecDeque<i16>,
    end: u64,
}

impl InputBuffer {
    /// Samples ever written.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Position of the oldest sample held.
    pub(super) fn start(&self) -> u64 {
        self.end - self.samples.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Writes `samples`, and forgets the oldest beyond `most`.
    pub(super) fn write(&mut self, samples: &[i16], limit: usize) {
        self.samples.extend(samples);
        self.end += samples.len() as u64;
        let excess = self.samples.len().saturating_sub(limit);
        self.samples.drain(..excess);
    }

    /// Copies the samples from position `from` on; what is not held becomes silence.
    pub(super) fn copy(&self, from: u64, target: &mut [i16]) {
        let first = self.index(from);
        target.fill(0);
        for (target, sample) in target.iter_mut().zip(self.samples.range(first..)) {
            *target = *sample;
        }
    }

    /// Takes the samples from `from` up to `to`, and forgets everything before.
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
