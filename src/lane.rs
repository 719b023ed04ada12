//! A counted, cuttable, single-producer single-consumer lane of fixed-size frames, over `ringbuf`.
//!
//! Both ends count every frame since the lane was created, so a position in the stream is one `u64` that both ends
//! agree on. A cut is a position, not a flag: frames written before it are never read again and frames written after
//! it survive, however late the reader looks. Dropping one end tells the other to stop.
//!
//! A lane does not know rates, devices or why it is cut. After construction it neither blocks nor allocates, so
//! either end may be used on a real-time thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

/// One sample of every channel at one instant, as in ALSA; a slice of frames is interleaved without a copy.
pub type Frame<const CHANNELS: usize> = [i16; CHANNELS];

/// Creates a lane that holds up to `capacity` frames.
#[must_use]
pub fn lane<F: Copy>(capacity: usize) -> (Writer<F>, Reader<F>) {
    let (producer, consumer) = HeapRb::new(capacity).split();
    let cut = Arc::new(AtomicU64::new(0));
    (
        Writer { ring: producer, written: 0, cut: Arc::clone(&cut) },
        Reader { ring: consumer, position: 0, cut, last_cut: 0 },
    )
}

/// The writing end of a lane.
pub struct Writer<F> {
    ring: HeapProd<F>,
    written: u64,
    cut: Arc<AtomicU64>,
}

impl<F: Copy> Writer<F> {
    /// Writes as many of `frames` as fit and returns their number.
    pub fn write(&mut self, frames: &[F]) -> usize {
        let taken = self.ring.push_slice(frames);
        self.written += taken as u64;
        taken
    }

    /// Returns the number of frames written since the lane was created.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Returns the number of frames that can be written now. More may fit by the time they are written, never fewer.
    #[must_use]
    pub fn vacant(&self) -> usize {
        self.ring.vacant_len()
    }

    /// Returns the number of unread frames, including those that a cut will discard. Fewer may be left by the time
    /// this returns, never more.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ring.occupied_len()
    }

    /// Cuts everything written so far and returns the position of the cut.
    ///
    /// The reader is at or past this position before it returns another frame.
    pub fn cut(&mut self) -> u64 {
        self.cut.store(self.written, Ordering::Release);
        self.written
    }

    /// Returns whether the reader has been dropped.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        !self.ring.read_is_held()
    }
}

/// The reading end of a lane.
pub struct Reader<F> {
    ring: HeapCons<F>,
    position: u64,
    cut: Arc<AtomicU64>,
    last_cut: u64,
}

impl<F: Copy> Reader<F> {
    /// Moves the oldest frames after the last cut into `into` and returns their number.
    pub fn read(&mut self, into: &mut [F]) -> usize {
        self.skip_to_cut();
        let start = self.position;
        let taken = self.ring.pop_slice(into);
        self.position += taken as u64;
        // A frame written after a cut is visible only with the cut itself, so loading the cut again here discards the
        // frames before a cut that was made during the pop.
        let condemned = self.cut.load(Ordering::Acquire).saturating_sub(start).min(taken as u64) as usize;
        into.copy_within(condemned..taken, 0);
        taken - condemned
    }

    /// Skips all unread frames and returns their number.
    pub fn skip(&mut self) -> usize {
        let skipped = self.ring.skip(self.ring.occupied_len());
        self.position += skipped as u64;
        skipped
    }

    /// Returns the position of the latest cut, once, and skips the frames before it. Earlier cuts that were not taken
    /// are replaced by it.
    pub fn take_cut(&mut self) -> Option<u64> {
        let cut = self.skip_to_cut();
        let is_new = cut > self.last_cut;
        self.last_cut = cut;
        is_new.then_some(cut)
    }

    /// Returns the number of frames read or skipped since the lane was created: the position of the next frame.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns the number of unread frames, including those that a cut will discard. More may have arrived by the time
    /// they are read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ring.occupied_len()
    }

    /// Returns whether the writer has been dropped. What it wrote can still be read.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        !self.ring.write_is_held()
    }

    fn skip_to_cut(&mut self) -> u64 {
        let cut = self.cut.load(Ordering::Acquire);
        let condemned = cut.saturating_sub(self.position);
        if condemned > 0 {
            // All of them are in the ring, since the writer publishes a cut after the frames before it.
            let skipped = self.ring.skip(usize::try_from(condemned).unwrap_or(usize::MAX));
            self.position += skipped as u64;
        }
        cut
    }
}
