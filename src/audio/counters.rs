//! What the real-time threads count, for the session to tell.
//!
//! Counting is one relaxed atomic. Nothing here is a signal between threads.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The counts of both directions since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames the microphone gave, at its own rate.
    pub captured: Counter,
    /// Heard frames dropped because the session had not read what was before them.
    pub overruns: Counter,
    /// Times the microphone's buffer overflowed or its device stalled.
    pub capture_xruns: Counter,
    /// Frames the speaker's device played, at its own rate and silence included.
    pub played: Counter,
    /// Times the speaker's buffer ran empty or its device stalled.
    pub playback_xruns: Counter,
    /// Times the lane "spoken" ran dry after sound: at the end of every reply, and at every gap in one.
    pub starved: Counter,
    /// Receipts dropped because the session had not taken those before them.
    pub receipts_lost: Counter,
    /// Times a device came back from suspension.
    pub suspends: Counter,
    /// Times a device that was gone was opened again.
    pub reopens: Counter,
    /// The loudest sample heard, after gain.
    pub microphone_peak: Peak,
    /// The loudest sample of a reply on its way to the speaker, before the volume, so that a light that follows
    /// the voice does so at any volume.
    pub speaker_peak: Peak,
}

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Returns the count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

/// The largest magnitude since it was last taken, 0 to 32768.
#[derive(Debug, Default)]
pub struct Peak(AtomicU32);

impl Peak {
    /// Returns the peak and starts anew.
    pub fn take(&self) -> u16 {
        u16::try_from(self.0.swap(0, Ordering::Relaxed)).unwrap_or(u16::MAX)
    }

    pub(super) fn raise(&self, samples: &[i16]) {
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        self.0.fetch_max(u32::from(peak), Ordering::Relaxed);
    }
}
