//! What the real-time threads count, and which devices they have, for the session to tell.
//!
//! Each is one atomic. Nothing here wakes anybody.

use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::audio::error::{DeviceLost, Direction};
use crate::audio::health::dead_input::DeadInput;
use crate::model::CounterSnapshot;

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
    /// Times a microphone that delivers was found to be deaf.
    pub dead_inputs: Counter,
    /// Times the controls of a card that came back could not be set again.
    pub controls_refused: Counter,
    /// The loudest sample heard, after gain.
    pub microphone_peak: Peak,
    /// The loudest sample of a reply on its way to the speaker, before the volume, so that a light that follows
    /// the voice does so at any volume.
    pub speaker_peak: Peak,
    microphone: Presence,
    speaker: Presence,
    /// 0 while the microphone hears, or how it does not.
    dead_input: AtomicU8,
}

impl Counters {
    /// Returns the counts of what should not happen. Each is exact; together they may be of slightly different times.
    #[must_use]
    pub fn snapshot(&self) -> CounterSnapshot {
        CounterSnapshot {
            capture_xruns: self.capture_xruns.get(),
            playback_xruns: self.playback_xruns.get(),
            overruns: self.overruns.get(),
            starved: self.starved.get(),
            receipts_lost: self.receipts_lost.get(),
            suspends: self.suspends.get(),
            reopens: self.reopens.get(),
            dead_inputs: self.dead_inputs.get(),
            controls_refused: self.controls_refused.get(),
        }
    }

    pub(in crate::audio) fn presence(&self, direction: Direction) -> &Presence {
        match direction {
            Direction::Capture => &self.microphone,
            Direction::Playback => &self.speaker,
        }
    }

    pub(in crate::audio) fn record_dead_input(&self, previous: Option<DeadInput>, now: Option<DeadInput>) {
        if previous == now {
            return;
        }
        self.dead_inputs.add(u64::from(now.is_some()));
        self.dead_input.store(now.map_or(0, |dead| dead as u8 + 1), Ordering::Release);
    }

    pub(in crate::audio) fn dead_input(&self) -> Option<DeadInput> {
        [DeadInput::Flat, DeadInput::Repeating]
            .into_iter()
            .find(|dead| *dead as u8 + 1 == self.dead_input.load(Ordering::Acquire))
    }
}

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(in crate::audio) fn add(&self, more: u64) {
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

    pub(in crate::audio) fn raise(&self, samples: &[i16]) {
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        self.0.fetch_max(u32::from(peak), Ordering::Relaxed);
    }
}

/// Whether a device is there: 0, or the error it answered with.
#[derive(Debug, Default)]
pub(in crate::audio) struct Presence(AtomicI32);

impl Presence {
    pub(in crate::audio) fn set(&self, lost: Option<DeviceLost>) {
        // An error without a number is still one.
        let errno = lost.map_or(0, |DeviceLost { errno }| if errno == 0 { libc::EIO } else { errno });
        self.0.store(errno, Ordering::Release);
    }

    pub(in crate::audio) fn lost(&self) -> Option<DeviceLost> {
        let errno = self.0.load(Ordering::Acquire);
        (errno != 0).then_some(DeviceLost { errno })
    }
}
