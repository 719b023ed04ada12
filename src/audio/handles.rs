//! The session's ends of the two lanes: `Ears` and `Mouth`.
//!
//! They move frames and ask; they never wait for a device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use ringbuf::HeapCons;
use ringbuf::traits::Consumer;

use super::{CaptureFrame, PlaybackFrame};
use crate::lane::{Reader, Writer};
use crate::sys::EventFd;

/// The microphone as the session sees it.
pub struct CaptureHandle {
    lane: Reader<CaptureFrame>,
    shared: Arc<CaptureShared>,
    thread_wake: Arc<EventFd>,
}

impl CaptureHandle {
    pub(super) fn new(
        lane: Reader<CaptureFrame>,
        shared: Arc<CaptureShared>,
        thread_wake: Arc<EventFd>,
    ) -> CaptureHandle {
        CaptureHandle { lane, shared, thread_wake }
    }

    /// Asks for the microphone to be open or closed; a wake follows when it is. What was heard before it
    /// closed can still be read.
    pub fn set_open(&self, open: bool) {
        if self.shared.wanted.swap(open, Ordering::Release) != open {
            self.thread_wake.notify();
        }
    }

    /// Tells whether the device is open now. While it is not, no sample exists.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.open.load(Ordering::Acquire)
    }

    /// Moves the oldest heard frames into `into` and returns how many that was.
    pub fn read(&mut self, into: &mut [CaptureFrame]) -> usize {
        self.lane.read(into)
    }

    /// Counts the frames that can be read now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lane.waiting()
    }
}

/// The speaker as the session sees it.
pub struct PlaybackHandle {
    lane: Writer<PlaybackFrame>,
    shared: Arc<PlaybackShared>,
    receipts: HeapCons<CutReceipt>,
    thread_wake: Arc<EventFd>,
}

impl PlaybackHandle {
    pub(super) fn new(
        lane: Writer<PlaybackFrame>,
        shared: Arc<PlaybackShared>,
        receipts: HeapCons<CutReceipt>,
        thread_wake: Arc<EventFd>,
    ) -> PlaybackHandle {
        PlaybackHandle { lane, shared, receipts, thread_wake }
    }

    /// Writes as many of `frames` as there is room for and returns how many that was.
    pub fn write(&mut self, frames: &[PlaybackFrame]) -> usize {
        self.lane.write(frames)
    }

    /// Counts the frames that can be written now.
    #[must_use]
    pub fn vacant(&self) -> usize {
        self.lane.vacant()
    }

    /// Counts the frames written so far: the lane position of the next one.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.lane.written()
    }

    /// Counts the frames written that are not yet handed to the speaker.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lane.waiting()
    }

    /// Silences everything written so far, what the speaker holds included, and returns the lane
    /// position of the cut. A receipt follows, unless nothing was written since the start or the cut
    /// before: then there is nothing to silence.
    pub fn cut(&mut self) -> u64 {
        let cut = self.lane.cut();
        self.thread_wake.notify();
        cut
    }

    /// Sets the volume: 100 is all there is, 1 is 50 dB less, and steps between sound equal; 0 is silence.
    /// What is over 100 counts as 100. It is obeyed for what the speaker is handed from now on, within a
    /// period and without a click.
    pub fn set_volume(&self, percent: u8) {
        self.shared.volume.store(percent.min(100), Ordering::Relaxed);
    }

    /// Returns the volume, in percent; 100 at the start.
    #[must_use]
    pub fn volume(&self) -> u8 {
        self.shared.volume.load(Ordering::Relaxed)
    }

    /// Returns the lane position up to which frames were really heard. It never goes back.
    #[must_use]
    pub fn played_position(&self) -> u64 {
        self.shared.played.load(Ordering::Acquire)
    }

    /// Takes the next receipt of a cut. Cuts that come close together may share one, the latest's.
    pub fn receipt(&mut self) -> Option<CutReceipt> {
        self.receipts.try_pop()
    }
}

/// The receipt of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutReceipt {
    /// The lane position of the cut: no frame before it will be heard again.
    pub cut: u64,
    /// The lane position up to which frames had been heard in full; the fade after it does not count.
    pub played: u64,
}

/// What the session wants of the microphone, and what is true.
#[derive(Default)]
pub(super) struct CaptureShared {
    pub(super) wanted: AtomicBool,
    pub(super) open: AtomicBool,
}

/// What the session and the playback step tell each other.
pub(super) struct PlaybackShared {
    /// The lane position up to which frames were heard.
    pub(super) played: AtomicU64,
    /// Percent.
    pub(super) volume: AtomicU8,
}

impl Default for PlaybackShared {
    fn default() -> PlaybackShared {
        PlaybackShared { played: AtomicU64::new(0), volume: AtomicU8::new(100) }
    }
}
