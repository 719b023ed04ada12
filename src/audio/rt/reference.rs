//! Connects the two steps by the reference: the playback step publishes what it writes, and the capture step passes each
//! block of captured frames on together with what the speaker played meanwhile.
//!
//! Without it neither step asks its device for a timestamp. It decides nothing about echo.

use super::capture::{Capture, CaptureDevice};
use super::playback::Playback;
use crate::audio::CaptureFrame;
use crate::audio::chain::capture_chain::CaptureChain;
use crate::audio::error::PcmError;
use crate::audio::reference::aligned::{AlignedReference, ReferenceBlock, ReferenceRates};
use crate::audio::reference::clock_map::Stamp;
use crate::audio::reference::delay_locked_loop::Clocks;
use crate::audio::reference::ring::reference_ring;

/// Takes what was captured and what was played meanwhile, on the capture thread. It must neither wait nor allocate.
pub trait ReferenceSink: Send {
    /// Handles the next captured frames, as many as the reference has samples, and may change them before they are sent.
    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>);

    /// Records that the microphone was closed or opened: the next block does not follow the last one.
    fn interrupt(&mut self) {}
}

/// The timestamp of a microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureStamp {
    /// Frames that were captured and not read at that time.
    pub delay: i64,
    pub time: Stamp,
}

/// Lets `playback` publish what it plays, and `capture` pass it to `sink`. `clocks` says whether both devices have one
/// clock.
#[must_use]
pub fn with_reference(
    mut capture: Capture,
    mut playback: Playback,
    clocks: Clocks,
    sink: Box<dyn ReferenceSink>,
) -> (Capture, Playback) {
    let (writer, reader) = reference_ring();
    let rates = ReferenceRates {
        capture_hz: capture.chain.device_hz(),
        playback_hz: playback.chain.rate_hz(),
        frames_hz: capture.chain.frames_hz(),
    };
    let aligned = AlignedReference::new(reader, rates, clocks, capture.chain.block_frames());
    playback.queue.publish(writer);
    let reference = CapturedReference { aligned, sink, read: 0, chain_start: 0, converted: 0 };
    capture.reference = Some(Box::new(reference));
    (capture, playback)
}

/// The capture step's part.
pub(super) struct CapturedReference {
    aligned: AlignedReference,
    sink: Box<dyn ReferenceSink>,
    /// Frames read from the device since the start.
    read: u64,
    /// How many of them had been read when the conversion was reset.
    chain_start: u64,
    /// Frames converted since then.
    converted: u64,
}

impl CapturedReference {
    /// Takes the timestamps of both devices.
    pub(super) fn observe(&mut self, microphone: &mut impl CaptureDevice) -> Result<(), PcmError> {
        let stamp = microphone.stamp()?;
        self.aligned.capture_stamp(self.read.cast_signed() + stamp.delay, stamp.time);
        Ok(())
    }

    /// Records that the microphone was opened, restarted, or has lost frames.
    pub(super) fn restart(&mut self) {
        self.aligned.restart_capture();
    }

    /// Records that the conversion was reset, because the microphone was closed or opened.
    pub(super) fn reset_chain(&mut self) {
        self.sink.interrupt();
        (self.chain_start, self.converted) = (self.read, 0);
    }

    /// Records that `frames` were read from the device.
    pub(super) fn record_read(&mut self, frames: usize) {
        self.read += frames as u64;
    }

    /// Passes the next converted frames on, and returns what was played meanwhile: a sample for each of them.
    pub(super) fn pass(&mut self, captured: &mut [CaptureFrame], position: f64) -> &[f32] {
        let block = self.aligned.read(self.chain_start as f64 + position, captured.len());
        self.converted += captured.len() as u64;
        self.sink.block(captured, block);
        block.samples
    }

    /// Returns which frame of the device the next converted frame is, counted from the reset.
    pub(super) fn next_position(&self, chain: &CaptureChain) -> f64 {
        chain.device_position(self.converted)
    }
}
