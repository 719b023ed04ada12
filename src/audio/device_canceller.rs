//! Removes the loudspeaker's echo on this device: the canceller of [`echo`](crate::echo) in the capture step.
//!
//! It divides what is captured into the canceller's frames of 10 ms, and says whether it can work at all. It decides
//! nothing about the conversation, and allocates nothing after construction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::CaptureFrame;
use super::reference::aligned::ReferenceBlock;
use super::reference::clock_map::{Alignment, StampFault};
use super::rt::reference::ReferenceSink;
use crate::echo::{EchoCanceller, FRAME};

/// The scale of a sample of 16 bits.
const FULL_SCALE: f32 = 32_768.0;

/// What the canceller does, for the session: written by the capture thread.
#[derive(Debug, Default)]
pub struct EchoStatus {
    /// 0 while the reference is used or waited for, else the [`StampFault`] plus 1.
    fault: AtomicU8,
    /// How much of the echo is removed, as the bits of an `f32` in decibels.
    erle_db: AtomicU32,
    /// Frames of 10 ms in which the microphone was clipped while the loudspeaker played.
    clipped: AtomicU64,
    /// Frames of 10 ms in which an echo was removed.
    active: AtomicU64,
}

impl EchoStatus {
    /// Returns why nothing can be removed: the timestamps of a device do not say what was played when.
    #[must_use]
    pub fn fault(&self) -> Option<StampFault> {
        let faults = [
            StampFault::Missing,
            StampFault::Foreign,
            StampFault::Still,
            StampFault::Backwards,
            StampFault::Unsteady,
        ];
        faults.into_iter().find(|fault| *fault as u8 + 1 == self.fault.load(Ordering::Relaxed))
    }

    /// Returns by how much the echo was lowered lately, in decibels.
    #[must_use]
    pub fn erle_db(&self) -> f32 {
        f32::from_bits(self.erle_db.load(Ordering::Relaxed))
    }

    /// Returns the frames of 10 ms in which an echo was removed, and those of them that were clipped.
    #[must_use]
    pub fn frames(&self) -> (u64, u64) {
        (self.active.load(Ordering::Relaxed), self.clipped.load(Ordering::Relaxed))
    }
}

/// The canceller of the capture thread.
pub struct DeviceCanceller {
    canceller: Box<EchoCanceller>,
    status: Arc<EchoStatus>,
    microphone: [f32; FRAME],
    reference: [f32; FRAME],
    out: [f32; FRAME],
    /// Samples of the frame that is being filled.
    filled: usize,
    /// Whether all blocks so far were whole frames: then they wait for no others.
    are_whole: bool,
}

impl DeviceCanceller {
    /// Creates a canceller that has learned nothing. It works at 24 kHz only.
    #[must_use]
    pub fn new() -> (Self, Arc<EchoStatus>) {
        let status = Arc::<EchoStatus>::default();
        let canceller = Self {
            canceller: Box::default(),
            status: Arc::clone(&status),
            microphone: [0.0; FRAME],
            reference: [0.0; FRAME],
            out: [0.0; FRAME],
            filled: 0,
            are_whole: true,
        };
        (canceller, status)
    }

    fn process(&mut self) {
        let report = self.canceller.process(&self.microphone, &self.reference, &mut self.out);
        if report.active {
            self.status.active.fetch_add(1, Ordering::Relaxed);
            self.status.clipped.fetch_add(u64::from(report.clipped), Ordering::Relaxed);
            self.status.erle_db.store(report.erle_db.to_bits(), Ordering::Relaxed);
        }
    }
}

impl ReferenceSink for DeviceCanceller {
    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        let fault = match reference.alignment {
            Alignment::Waiting | Alignment::Aligned => 0,
            Alignment::Unaligned(fault) => fault as u8 + 1,
        };
        self.status.fault.store(fault, Ordering::Relaxed);
        if self.are_whole && captured.len().is_multiple_of(FRAME) {
            let (frames, played) =
                (captured.as_chunks_mut::<FRAME>().0, reference.samples.as_chunks::<FRAME>().0);
            for (frame, played) in frames.iter_mut().zip(played) {
                self.microphone = frame.map(|[sample]| f32::from(sample) / FULL_SCALE);
                self.reference = *played;
                self.process();
                for (frame, cleaned) in frame.iter_mut().zip(&self.out) {
                    frame[0] = rounded(*cleaned);
                }
            }
            return;
        }
        self.are_whole = false;
        for (frame, played) in captured.iter_mut().zip(reference.samples) {
            self.microphone[self.filled] = f32::from(frame[0]) / FULL_SCALE;
            self.reference[self.filled] = *played;
            frame[0] = rounded(self.out[self.filled]);
            self.filled += 1;
            if self.filled == FRAME {
                self.filled = 0;
                self.process();
            }
        }
    }
}

fn rounded(sample: f32) -> i16 {
    // The cast limits what is over full scale.
    (sample * FULL_SCALE).round() as i16
}
