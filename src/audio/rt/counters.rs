//! Counters and device states that the real-time threads write and the session reads.
//!
//! Each is one atomic. None of them wakes a thread.

use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::audio::error::{DeviceLost, Direction};
use crate::audio::health::dead_input::DeadInput;
use crate::model::CounterSnapshot;

/// The counters of both directions since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames captured, at the microphone's rate.
    pub captured: Counter,
    /// Frames that the microphone delivered while nobody wanted them, at its rate.
    pub discarded: Counter,
    /// Captured frames dropped because the capture lane was full.
    pub overruns: Counter,
    /// Overruns and stalls of the microphone.
    pub capture_xruns: Counter,
    /// Frames played, at the speaker's rate, silence included.
    pub played: Counter,
    /// Underruns and stalls of the speaker.
    pub playback_xruns: Counter,
    /// Times the playback lane ran empty after audio: once at the end of each reply and at each gap in one.
    pub starved: Counter,
    /// Cut receipts dropped because their queue was full.
    pub receipts_lost: Counter,
    /// Times a device recovered from a suspend.
    pub suspends: Counter,
    /// Times a card took over 100 ms to start again.
    pub slow_prepares: Counter,
    /// Times a device was reopened.
    pub reopens: Counter,
    /// Times the input of the microphone was found dead.
    pub dead_inputs: Counter,
    /// Times the mixer controls of a reconnected card could not be set again.
    pub controls_refused: Counter,
    /// The loudest captured sample, after gain.
    pub microphone_peak: Peak,
    /// The loudest reply sample, before the volume, so that a light that follows the voice works at any volume.
    pub speaker_peak: Peak,
    microphone: Presence,
    speaker: Presence,
    /// 0 while the input works, else the `DeadInput` variant plus 1.
    dead_input: AtomicU8,
}

impl Counters {
    /// Returns the counts of faults. Each is exact, but they are not read at the same instant.
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
        [DeadInput::Flat, DeadInput::MutedByHand, DeadInput::Repeating]
            .into_iter()
            .find(|dead| *dead as u8 + 1 == self.dead_input.load(Ordering::Acquire))
    }
}

/// A counter that only grows.
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
    /// Returns the peak and resets it.
    pub fn take(&self) -> u16 {
        u16::try_from(self.0.swap(0, Ordering::Relaxed)).unwrap_or(u16::MAX)
    }

    pub(in crate::audio) fn raise(&self, samples: &[i16]) {
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        self.0.fetch_max(u32::from(peak), Ordering::Relaxed);
    }

    /// Records a magnitude, 1 for full scale.
    pub(in crate::audio) fn raise_float(&self, peak: f32) {
        self.0.fetch_max((peak * 32_768.0).round() as u32, Ordering::Relaxed);
    }
}

/// Whether a device is present: 0, or the errno of its loss.
#[derive(Debug, Default)]
pub(in crate::audio) struct Presence(AtomicI32);

impl Presence {
    pub(in crate::audio) fn set(&self, lost: Option<DeviceLost>) {
        // 0 means present, so a loss without an errno is stored as EIO.
        let errno = lost.map_or(0, |DeviceLost { errno }| if errno == 0 { libc::EIO } else { errno });
        self.0.store(errno, Ordering::Release);
    }

    pub(in crate::audio) fn lost(&self) -> Option<DeviceLost> {
        let errno = self.0.load(Ordering::Acquire);
        (errno != 0).then_some(DeviceLost { errno })
    }
}
