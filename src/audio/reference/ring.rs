//! The samples that were written to the speaker, with their positions and timestamps, for one reader on another thread.
//!
//! The playback step writes what the device has accepted, at the device's rate; what the device gives back is taken back
//! here too. At another rate a frame would depend on later ones, and what was taken back could not be told apart. Long
//! silence takes no space. The reader reads any position; what was never written is silence, as on the device. Neither end
//! waits: a reading that met a writing is repeated, and after a few times given up. It knows no device and no clock, and
//! allocates only in its construction.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::clock_map::Stamp;

/// Samples that are kept: 0.6 s at 48 kHz. A device holds 0.1 s of a reply, and captured frames are at most 0.1 s old.
const SAMPLES: u64 = 28 * 1024;
/// Timestamps that are kept until they are read: more than the playback step takes between two capture steps.
const STAMPS: usize = 32;
/// Readings that may meet a writing until one is given up.
const ATTEMPTS: usize = 16;
/// Timestamps of a stream after which the playback step need not be woken for more.
const STAMPS_TO_SETTLE: u32 = 10;
/// What is said of a timestamp that cannot be used, in the lowest bit of a report; the other bits count the reports.
const FOREIGN: u32 = 1;

/// Creates the ring and returns both of its ends.
#[must_use]
pub fn reference_ring() -> (ReferenceWriter, ReferenceReader) {
    let ring = Arc::new(SampleRing {
        version: AtomicU32::new(0),
        samples: (0..SAMPLES).map(|_| AtomicU32::new(0)).collect(),
        stream: StreamCells::default(),
        stamps: [const { (AtomicU64::new(0), AtomicU64::new(0)) }; STAMPS],
        stamp_count: AtomicU64::new(0),
        fault: AtomicU32::new(0),
    });
    let stream = StreamState::default();
    (
        ReferenceWriter {
            ring: Arc::clone(&ring),
            stream,
            stored: 0,
            settling: 0,
            stamp_count: 0,
            faults: 0,
        },
        ReferenceReader { ring, stamps_taken: 0, faults_seen: 0 },
    )
}

/// Returns the memory of a ring in bytes.
#[must_use]
pub fn ring_bytes() -> usize {
    size_of::<SampleRing>() + SAMPLES as usize * size_of::<AtomicU32>()
}

struct SampleRing {
    /// Odd while the writer is changing anything.
    version: AtomicU32,
    /// The bits of the sample at each position modulo the length.
    samples: Box<[AtomicU32]>,
    stream: StreamCells,
    /// Position, as the bits of an `i64`, and nanoseconds.
    stamps: [(AtomicU64, AtomicU64); STAMPS],
    stamp_count: AtomicU64,
    /// The last report of a timestamp that cannot be used.
    fault: AtomicU32,
}

/// [`StreamState`] for two threads.
#[derive(Default)]
struct StreamCells {
    number: AtomicU64,
    begin: AtomicU64,
    written: AtomicU64,
    silent_from: AtomicU64,
    silent_to: AtomicU64,
    stored_max: AtomicU64,
    first_stamp: AtomicU64,
}

/// What the device plays since it was last empty. Positions are frames of the device, counted from the start and never
/// again from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamState {
    /// How often the device was empty.
    pub number: u64,
    /// The position of the first frame: the frames before it belong to the stream before.
    pub begin: u64,
    /// The position after the last frame.
    pub written: u64,
    /// The last frames that are silent without being stored.
    silent_from: u64,
    silent_to: u64,
    /// The position after the last sample that was ever stored. Those longer before it than the ring are overwritten.
    stored_max: u64,
    /// The number of the stream's first timestamp.
    first_stamp: u64,
}

/// Why a position cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFault {
    /// It is too old: its samples were overwritten.
    Overwritten,
    /// The writer kept writing meanwhile.
    Busy,
}

/// The playback step's end.
pub struct ReferenceWriter {
    ring: Arc<SampleRing>,
    stream: StreamState,
    /// The position after the last sample in the ring.
    stored: u64,
    /// Timestamps of this stream, up to as many as it needs soon.
    settling: u32,
    stamp_count: u64,
    faults: u32,
}

impl ReferenceWriter {
    /// Records that the device accepted `samples`, after the volume, after those before.
    pub fn write(&mut self, samples: &[f32]) {
        let begin = self.stream.written;
        let end = begin + samples.len() as u64;
        self.change(|writer| {
            writer.stream.written = end;
            if samples.iter().all(|sample| *sample == 0.0) {
                if writer.stream.silent_to != begin {
                    writer.stream.silent_from = begin;
                }
                writer.stream.silent_to = end;
                return;
            }
            let silent = begin - writer.stored.max(begin.saturating_sub(SAMPLES));
            writer.store(begin - silent, std::iter::repeat_n(0.0, silent as usize));
            writer.store(begin, samples.iter().copied());
            writer.stored = end;
            writer.stream.stored_max = writer.stream.stored_max.max(end);
        });
    }

    /// Records that the device gave back its last frames, all from `position` on.
    pub fn take_back(&mut self, position: u64) {
        self.change(|writer| {
            let stream = &mut writer.stream;
            stream.written = stream.written.min(position);
            stream.silent_from = stream.silent_from.min(position);
            stream.silent_to = stream.silent_to.min(position);
            writer.stored = writer.stored.min(position);
        });
    }

    /// Records that the device is empty, and that the next frame written to it has the position `position`.
    pub fn restart(&mut self, position: u64) {
        self.take_back(position);
        if self.stream.begin == self.stream.written && self.stream.begin == position && self.settling == 0 {
            // Nothing was played since the last time.
            return;
        }
        self.settling = 0;
        self.change(|writer| {
            writer.stream.number += 1;
            (writer.stream.begin, writer.stream.written) = (position, position);
            writer.stream.first_stamp = writer.stamp_count;
        });
    }

    /// Records that the device had played the frames before `position` at the time of `stamp`.
    pub fn stamp(&mut self, position: i64, stamp: Stamp) {
        let report = match stamp {
            Stamp::NotRunning => return,
            Stamp::At(time_ns) => {
                self.settling = STAMPS_TO_SETTLE.min(self.settling + 1);
                return self.change(|writer| {
                    let (place, time) = &writer.ring.stamps[(writer.stamp_count % STAMPS as u64) as usize];
                    place.store(position.cast_unsigned(), Ordering::Relaxed);
                    time.store(time_ns, Ordering::Relaxed);
                    writer.stamp_count += 1;
                });
            }
            Stamp::Missing => 0,
            Stamp::Foreign => FOREIGN,
        };
        self.settling = STAMPS_TO_SETTLE;
        self.faults = self.faults.wrapping_add(1);
        self.ring.fault.store(self.faults << 1 | report, Ordering::Relaxed);
    }

    /// Returns whether the stream has begun so recently that its next timestamp is needed soon.
    #[must_use]
    pub fn is_settling(&self) -> bool {
        self.settling < STAMPS_TO_SETTLE
    }

    /// Makes a change that the reader sees as a whole or not at all.
    fn change(&mut self, make: impl FnOnce(&mut ReferenceWriter)) {
        let version = self.ring.version.load(Ordering::Relaxed);
        self.ring.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // The version is odd before anything else changes.
        fence(Ordering::Release);
        make(self);
        let (cells, stream) = (&self.ring.stream, &self.stream);
        cells.number.store(stream.number, Ordering::Relaxed);
        cells.begin.store(stream.begin, Ordering::Relaxed);
        cells.written.store(stream.written, Ordering::Relaxed);
        cells.silent_from.store(stream.silent_from, Ordering::Relaxed);
        cells.silent_to.store(stream.silent_to, Ordering::Relaxed);
        cells.stored_max.store(stream.stored_max, Ordering::Relaxed);
        cells.first_stamp.store(stream.first_stamp, Ordering::Relaxed);
        self.ring.stamp_count.store(self.stamp_count, Ordering::Relaxed);
        self.ring.version.store(version.wrapping_add(2), Ordering::Release);
    }

    fn store(&self, position: u64, samples: impl Iterator<Item = f32>) {
        let first = slot(position);
        let places = self.ring.samples[first..].iter().chain(&self.ring.samples[..first]);
        for (place, sample) in places.zip(samples) {
            place.store(sample.to_bits(), Ordering::Relaxed);
        }
    }
}

/// The capture step's end.
pub struct ReferenceReader {
    ring: Arc<SampleRing>,
    stamps_taken: u64,
    faults_seen: u32,
}

impl ReferenceReader {
    /// Returns what the device plays; `None` if the writer kept writing meanwhile.
    #[must_use]
    pub fn stream(&self) -> Option<StreamState> {
        self.consistent(|ring| ring.stream.load())
    }

    /// Returns the next timestamp of the stream `stream` that is not later than `until_ns`, with its position.
    pub fn next_stamp(&mut self, stream: &StreamState, until_ns: u64) -> Option<(i64, u64)> {
        let ((next, count), position, time_ns) = self.consistent(|ring| {
            let count = ring.stamp_count.load(Ordering::Relaxed);
            let oldest = count.saturating_sub(STAMPS as u64).max(stream.first_stamp);
            let next = self.stamps_taken.max(oldest);
            let (place, time) = &ring.stamps[(next % STAMPS as u64) as usize];
            ((next, count), place.load(Ordering::Relaxed), time.load(Ordering::Relaxed))
        })?;
        if next >= count || time_ns > until_ns {
            return None;
        }
        self.stamps_taken = next + 1;
        Some((position.cast_signed(), time_ns))
    }

    /// Returns, once, that the playback device has no usable timestamp.
    pub fn take_fault(&mut self) -> Option<Stamp> {
        let fault = self.ring.fault.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.faults_seen, fault) == fault {
            return None;
        }
        Some(if fault & FOREIGN == 0 { Stamp::Missing } else { Stamp::Foreign })
    }

    /// Copies the samples from the position `from` on into `into`: those that belong to the stream `number` alone, and
    /// silence in place of all others. The stream before the present one ends where that begins.
    ///
    /// # Errors
    /// When samples of it are too old, or the writer kept writing meanwhile.
    pub fn copy(&self, number: u64, from: i64, into: &mut [f32]) -> Result<(), ReadFault> {
        self.consistent(|ring| {
            let stream = ring.stream.load();
            let range = match stream.number.checked_sub(number) {
                Some(0) => stream.begin..stream.written,
                Some(1) => 0..stream.begin,
                _ => 0..0,
            };
            into.fill(0.0);
            ring.load(
                &intersect(&range, &(0..stream.silent_from.min(stream.silent_to))),
                stream,
                from,
                into,
            )?;
            ring.load(&intersect(&range, &(stream.silent_to..u64::MAX)), stream, from, into)
        })
        .unwrap_or(Err(ReadFault::Busy))
    }

    /// Reads the ring until nothing was written meanwhile.
    fn consistent<T>(&self, mut read: impl FnMut(&SampleRing) -> T) -> Option<T> {
        for _ in 0..ATTEMPTS {
            let version = self.ring.version.load(Ordering::Acquire);
            if version.is_multiple_of(2) {
                let result = read(&self.ring);
                // Nothing that was read is newer than the version.
                fence(Ordering::Acquire);
                if self.ring.version.load(Ordering::Relaxed) == version {
                    return Some(result);
                }
            }
            std::hint::spin_loop();
        }
        None
    }
}

impl SampleRing {
    /// Copies the samples in `range` into those of `into`, whose first one has the position `from`.
    fn load(
        &self,
        range: &Range<u64>,
        stream: StreamState,
        from: i64,
        into: &mut [f32],
    ) -> Result<(), ReadFault> {
        let first = from.max(0).cast_unsigned();
        let range = intersect(range, &(first..first.saturating_add(into.len() as u64)));
        if range.is_empty() {
            return Ok(());
        }
        if range.start + SAMPLES < stream.stored_max {
            return Err(ReadFault::Overwritten);
        }
        let offset = usize::try_from(range.start.cast_signed() - from).unwrap_or(usize::MAX);
        let places = self.samples[slot(range.start)..].iter().chain(&self.samples[..]);
        let count = (range.end - range.start) as usize;
        for (sample, place) in into.iter_mut().skip(offset).take(count).zip(places) {
            *sample = f32::from_bits(place.load(Ordering::Relaxed));
        }
        Ok(())
    }
}

impl StreamCells {
    fn load(&self) -> StreamState {
        StreamState {
            number: self.number.load(Ordering::Relaxed),
            begin: self.begin.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            silent_from: self.silent_from.load(Ordering::Relaxed),
            silent_to: self.silent_to.load(Ordering::Relaxed),
            stored_max: self.stored_max.load(Ordering::Relaxed),
            first_stamp: self.first_stamp.load(Ordering::Relaxed),
        }
    }
}

fn slot(position: u64) -> usize {
    (position % SAMPLES) as usize
}

fn intersect(a: &Range<u64>, b: &Range<u64>) -> Range<u64> {
    a.start.max(b.start)..a.end.min(b.end)
}
