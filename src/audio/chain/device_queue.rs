//! The samples that were written to the speaker and are not heard yet, before the volume.
//!
//! They stay here until they are heard, so that what is queued can be faded, or written again with another volume,
//! from any device frame on. Device frames are counted from the start and never begin again. It queries no device.

use crate::audio::reference::clock_map::Stamp;
use crate::audio::reference::ring::ReferenceWriter;

/// The longest queue of a speaker that is used, in seconds.
pub(in crate::audio) const LONGEST_QUEUE_S: u32 = 1;

pub(in crate::audio) struct DeviceQueue {
    samples: Box<[f32]>,
    /// The frame after the last one that the device holds.
    written: u64,
    /// The end of the known samples: beyond `written` after a rewind, until they are written again or forgotten.
    known: u64,
    played: u64,
    /// Where the device was last empty.
    emptied: u64,
    /// The frame after the last one that is not exactly silent.
    sound_end: u64,
    /// Set if what is played is to be published.
    reference: Option<ReferenceWriter>,
}

impl DeviceQueue {
    /// Creates the queue of a device that plays `rate_hz` frames per second.
    pub(in crate::audio) fn new(rate_hz: u32) -> DeviceQueue {
        // A fade needs samples that were played after a device has reported them as queued.
        let length = (LONGEST_QUEUE_S * rate_hz + rate_hz / 4).next_power_of_two();
        DeviceQueue {
            samples: vec![0.0; length as usize].into(),
            written: 0,
            known: 0,
            played: 0,
            emptied: 0,
            sound_end: 0,
            reference: None,
        }
    }

    /// Publishes what the device holds and plays from now on, after the volume.
    pub(in crate::audio) fn publish(&mut self, mut writer: ReferenceWriter) {
        writer.restart(self.written);
        self.reference = Some(writer);
    }

    /// Records that a frame written at the time of `stamp` is played after `delay` frames.
    pub(in crate::audio) fn record_stamp(&mut self, delay: i64, stamp: impl FnOnce() -> Stamp) {
        if let Some(writer) = &mut self.reference {
            writer.stamp(self.written.cast_signed().saturating_sub(delay), stamp());
        }
    }

    /// Returns the fill at which the thread is to be woken for the next timestamp of the device, which holds `queued`
    /// frames; 0 if it need not be.
    pub(in crate::audio) fn stamp_level(&self, queued: usize, period_frames: usize) -> usize {
        let is_due = self.reference.as_ref().is_some_and(ReferenceWriter::is_settling);
        if is_due { queued.saturating_sub(period_frames) } else { 0 }
    }

    /// Returns the frame after the last one that the device holds.
    pub(in crate::audio) fn written(&self) -> u64 {
        self.written
    }

    pub(in crate::audio) fn played(&self) -> u64 {
        self.played
    }

    /// Returns the frame from which only silence was written.
    pub(in crate::audio) fn sound_end(&self) -> u64 {
        self.sound_end
    }

    /// Returns whether nothing was written since the device was last empty.
    pub(in crate::audio) fn is_empty(&self) -> bool {
        self.written == self.emptied
    }

    /// Records the samples that were written to the device, before and after the volume. What was known after them is
    /// forgotten.
    pub(in crate::audio) fn record_written(&mut self, samples: &[f32], amplified: &[f32]) {
        self.publish_written(amplified);
        if let Some(last) = samples.iter().rposition(|sample| *sample != 0.0) {
            self.sound_end = self.written + last as u64 + 1;
        }
        let mut left = samples;
        while !left.is_empty() {
            let slot = self.slot(self.written);
            let count = left.len().min(self.samples.len() - slot);
            self.samples[slot..slot + count].copy_from_slice(&left[..count]);
            self.written += count as u64;
            left = &left[count..];
        }
        self.known = self.written;
    }

    /// Records that `delay` frames are not played yet, and returns the number of frames played since the last call, and
    /// their peak.
    ///
    /// An impossible delay, negative or larger than what was written, is clamped.
    pub(in crate::audio) fn record_delay(&mut self, delay: i64) -> (u64, f32) {
        let queued = u64::try_from(delay).unwrap_or(0).min(self.written - self.emptied);
        let previous = self.played;
        self.played = previous.max(self.written - queued);
        let played = self.played - previous;
        let (slot, count) = (self.slot(previous), played.min(self.samples.len() as u64) as usize);
        let first = &self.samples[slot..self.samples.len().min(slot + count)];
        let rest = &self.samples[..count - first.len()];
        let peak = first.iter().chain(rest).fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        (played, peak)
    }

    /// Records that the device gave back its last `frames`. They are written again, unless they are forgotten.
    pub(in crate::audio) fn rewind(&mut self, frames: u64) {
        self.written = self.written.saturating_sub(frames).max(self.played);
        if let Some(writer) = &mut self.reference {
            writer.take_back(self.written);
        }
    }

    /// Forgets what was given back: what follows is new.
    pub(in crate::audio) fn forget_given_back(&mut self) {
        self.known = self.written;
        self.sound_end = self.sound_end.min(self.written);
    }

    /// Returns the next samples that were given back and are to be written again.
    pub(in crate::audio) fn given_back(&self) -> &[f32] {
        let start = self.slot(self.written);
        let count = (self.known - self.written).min((self.samples.len() - start) as u64);
        &self.samples[start..start + count as usize]
    }

    /// Records that samples were written again, which are now `amplified`.
    pub(in crate::audio) fn record_rewritten(&mut self, amplified: &[f32]) {
        self.publish_written(amplified);
        self.written += amplified.len() as u64;
    }

    /// Fills `into` with a fade-out of the samples that follow what the device holds, before the volume.
    ///
    /// The ramp is linear. Where the known samples end, the last one is held, so that the fade continues from it.
    pub(in crate::audio) fn fade(&self, into: &mut [f32]) {
        let length = into.len() as f32;
        for (index, sample) in into.iter_mut().enumerate() {
            let frame = (self.written + index as u64).min(self.known.saturating_sub(1));
            let is_known = self.known > self.emptied
                && frame >= self.emptied
                && self.known - frame <= self.samples.len() as u64;
            let source = if is_known { self.samples[self.slot(frame)] } else { 0.0 };
            *sample = source * (length - index as f32) / (length + 1.0);
        }
    }

    /// Records that the device dropped what it had not played. It is known until something else is written.
    pub(in crate::audio) fn drop_unplayed(&mut self) {
        (self.written, self.emptied) = (self.played, self.played);
        self.publish_restart();
    }

    /// Records that the device is empty: what it held is gone and unknown.
    pub(in crate::audio) fn lose(&mut self) {
        (self.played, self.known, self.emptied, self.sound_end) =
            (self.written, self.written, self.written, self.written);
        self.publish_restart();
    }

    fn publish_written(&mut self, amplified: &[f32]) {
        if let Some(writer) = &mut self.reference {
            writer.write(amplified);
        }
    }

    fn publish_restart(&mut self) {
        if let Some(writer) = &mut self.reference {
            writer.restart(self.written);
        }
    }

    fn slot(&self, frame: u64) -> usize {
        (frame % self.samples.len() as u64) as usize
    }
}
