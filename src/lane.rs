//! A counted, cuttable, single-producer single-consumer lane of fixed-size frames, over `ringbuf`.
//!
//! Both ends count every frame since the lane was made, so a place in the stream is one `u64` that
//! everybody agrees on. A cut is such a place, not a flag: what was written before it is never read
//! again, what is written after it survives, however late the reader looks. Dropping one end is the
//! stop signal for the other.
//!
//! A lane does not know rates or devices, nor why it is cut. After construction it neither blocks
//! nor allocates, so either end may live on a real-time thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

/// One sample of every channel at one instant, as ALSA uses the word; interleaving frames needs no copy.
///
/// Channel 0 is the microphone or the reply. A second channel is room for what the speaker played at
/// that instant, which echo cancellation needs.
pub type Frame<const CHANNELS: usize> = [i16; CHANNELS];

/// Makes a lane that holds up to `capacity` frames.
#[must_use]
pub fn lane<F: Copy>(capacity: usize) -> (Writer<F>, Reader<F>) {
    let (producer, consumer) = HeapRb::new(capacity).split();
    let cut = Arc::new(AtomicU64::new(0));
    (
        Writer { ring: producer, written: 0, cut: Arc::clone(&cut) },
        Reader { ring: consumer, position: 0, cut, last_cut: 0 },
    )
}

/// The end that frames are written to.
pub struct Writer<F> {
    ring: HeapProd<F>,
    written: u64,
    cut: Arc<AtomicU64>,
}

impl<F: Copy> Writer<F> {
    /// Writes as many of `frames` as there is room for and returns how many that was.
    ///
    /// The reader may make room meanwhile; it never takes any away.
    pub fn write(&mut self, frames: &[F]) -> usize {
        let taken = self.ring.push_slice(frames);
        self.written += taken as u64;
        taken
    }

    /// Counts the frames written since the lane was made.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Counts the frames that can be written now. More may fit by the time they are written, never fewer.
    #[must_use]
    pub fn vacant(&self) -> usize {
        self.ring.vacant_len()
    }

    /// Counts the frames that wait to be read, whether or not a cut has doomed them. Fewer may wait
    /// by the time this returns, never more.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ring.occupied_len()
    }

    /// Condemns everything written so far and returns the place of the cut.
    ///
    /// The reader is at or past this place before it returns another frame.
    pub fn cut(&mut self) -> u64 {
        self.cut.store(self.written, Ordering::Release);
        self.written
    }

    /// Tells whether the reading end is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        !self.ring.read_is_held()
    }
}

/// The end that frames are read from.
pub struct Reader<F> {
    ring: HeapCons<F>,
    position: u64,
    cut: Arc<AtomicU64>,
    last_cut: u64,
}

impl<F: Copy> Reader<F> {
    /// Moves the oldest surviving frames into `into` and returns how many that was.
    pub fn read(&mut self, into: &mut [F]) -> usize {
        self.skip_to_cut();
        let start = self.position;
        let taken = self.ring.pop_slice(into);
        self.position += taken as u64;
        // Whoever sees a frame written after a cut sees the cut too, so looking again here keeps a
        // cut made during the pop from returning both sides of it at once.
        let condemned = self.cut.load(Ordering::Acquire).saturating_sub(start).min(taken as u64) as usize;
        into.copy_within(condemned..taken, 0);
        taken - condemned
    }

    /// Tells, once for each, that a cut has been made, and where; the latest stands for those before it.
    ///
    /// The frames before the cut have been skipped when this returns.
    pub fn take_cut(&mut self) -> Option<u64> {
        let cut = self.skip_to_cut();
        let is_new = cut > self.last_cut;
        self.last_cut = cut;
        is_new.then_some(cut)
    }

    /// Counts the frames read or skipped since the lane was made: the place of the next frame.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Counts the frames that can be read now, cut ones included. More may have come by the time they
    /// are read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ring.occupied_len()
    }

    /// Tells whether the writing end is gone. What it wrote can still be read.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        !self.ring.write_is_held()
    }

    fn skip_to_cut(&mut self) -> u64 {
        let cut = self.cut.load(Ordering::Acquire);
        let condemned = cut.saturating_sub(self.position);
        if condemned > 0 {
            // All of them are in the ring: the writer published the cut after writing them.
            let skipped = self.ring.skip(usize::try_from(condemned).unwrap_or(usize::MAX));
            self.position += skipped as u64;
        }
        cut
    }
}
