//! Reads the reference of captured frames: at their rate, ahead of the microphone, and across restarts of the speaker.
//!
//! A restart leaves two streams: the frames captured before it heard the old one, the others the new one. Each is silent
//! outside itself, so the reference is their sum, and neither has to know when the other was heard. It decides nothing
//! about echo, and after construction it neither allocates nor waits.

use super::clock_map::{Alignment, ClockMap, Stamp};
use super::delay_locked_loop::Clocks;
use super::interpolator::SincInterpolator;
use super::ring::{ReadFault, ReferenceReader, StreamState};

/// How far the reference is ahead of the microphone, in milliseconds. An echo canceller can only look back, and the error
/// of a timestamp must not make the echo arrive before its reference.
pub const LEAD_MS: u32 = 4;
/// How long after the last sound the reference still counts as audible: longer than a room's echo is worth cancelling.
const AUDIBLE_MS: u32 = 300;
/// Timestamps of the speaker that are handled in a step.
const STAMPS_PER_STEP: usize = 64;

/// The rates of both devices and of the captured frames, in frames per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceRates {
    pub capture_hz: u32,
    pub playback_hz: u32,
    pub frames_hz: u32,
}

/// What the speaker played while some frames were captured.
#[derive(Clone, Copy, Debug)]
pub struct ReferenceBlock<'a> {
    /// One sample per captured frame, at the rate of the lanes; silence while it is not aligned.
    pub samples: &'a [f32],
    /// Whether the speaker is heard, or was within the last 300 ms.
    pub is_audible: bool,
    pub alignment: Alignment,
    /// The position of the first sample in frames of the speaker; `None` while it is not aligned.
    pub position: Option<f64>,
}

/// The reference, for the capture step.
pub struct AlignedReference {
    rates: ReferenceRates,
    reader: ReferenceReader,
    map: ClockMap,
    stream: StreamState,
    /// The map of the stream before.
    previous: Option<ClockMap>,
    interpolator: SincInterpolator,
    /// The frames of the speaker that a block is made of.
    played: Box<[f32]>,
    samples: Box<[f32]>,
    /// Frames since the last sound.
    quiet_frames: u64,
    faults: u64,
}

impl AlignedReference {
    /// Creates the reference for blocks of up to `block_frames` captured frames.
    #[must_use]
    pub fn new(
        reader: ReferenceReader,
        rates: ReferenceRates,
        clocks: Clocks,
        block_frames: usize,
    ) -> AlignedReference {
        let interpolator = SincInterpolator::new(rates.playback_hz, rates.frames_hz);
        // Drifts below 1 % need no more than one frame in a hundred.
        let played = vec![0.0; interpolator.frames_for(block_frames + block_frames / 100)].into();
        AlignedReference {
            rates,
            map: ClockMap::new(rates.capture_hz, rates.playback_hz, clocks),
            stream: reader.stream().unwrap_or_default(),
            reader,
            previous: None,
            interpolator,
            played,
            samples: vec![0.0; block_frames].into(),
            quiet_frames: u64::MAX,
            faults: 0,
        }
    }

    /// Records that the microphone had captured the frames before `frame` at the time of `stamp`, and takes the
    /// timestamps of the speaker.
    pub fn capture_stamp(&mut self, frame: i64, stamp: Stamp) {
        self.map.capture_stamp(frame, stamp);
        self.follow_stream();
        if let Some(stamp) = self.reader.take_fault() {
            self.map.playback_stamp(0, stamp);
        }
        let Some(until_ns) = self.map.newest_ns() else { return };
        for _ in 0..STAMPS_PER_STEP {
            let Some((position, time_ns)) = self.reader.next_stamp(&self.stream, until_ns) else { return };
            self.map.playback_stamp(position, Stamp::At(time_ns));
        }
    }

    /// Records that the microphone was restarted, or has lost frames.
    pub fn restart_capture(&mut self) {
        self.map.restart_capture();
        self.previous = None;
    }

    /// Returns what the speaker played while `count` frames were captured, at most a block; `first` is the position of the
    /// first one in frames of the microphone.
    pub fn read(&mut self, first: f64, count: usize) -> ReferenceBlock<'_> {
        self.follow_stream();
        let count = count.min(self.samples.len());
        self.samples[..count].fill(0.0);
        let position = self.position(&self.map, first);
        let mut result = Ok(());
        if let Some(position) = position {
            result = self.add(self.stream.number, position, count);
        }
        let before = self.previous.as_ref().and_then(|map| self.position(map, first));
        if let Some((position, number)) = before.zip(self.stream.number.checked_sub(1)) {
            result = result.and(self.add(number, position, count));
            if position > self.stream.begin as f64 + self.interpolator.frames_before() as f64 {
                self.previous = None;
            }
        }
        if result.is_err() {
            self.faults += 1;
            self.samples[..count].fill(0.0);
        }
        let samples = &self.samples[..count];
        self.quiet_frames = match samples.iter().rposition(|sample| *sample != 0.0) {
            Some(last) => (count - 1 - last) as u64,
            None => self.quiet_frames.saturating_add(count as u64),
        };
        let audible_frames = u64::from(AUDIBLE_MS * self.rates.frames_hz / 1000);
        ReferenceBlock {
            samples,
            is_audible: self.quiet_frames < audible_frames,
            alignment: self.map.alignment(),
            position,
        }
    }

    /// Returns the map of the present stream.
    #[must_use]
    pub fn map(&self) -> &ClockMap {
        &self.map
    }

    /// Returns how many blocks could not be read and are silent.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Takes a new stream if the speaker was restarted.
    fn follow_stream(&mut self) {
        let Some(stream) = self.reader.stream() else { return };
        if stream.number != self.stream.number {
            let is_next = stream.number == self.stream.number + 1;
            self.previous = is_next.then(|| self.map.clone());
            self.map.restart_playback();
        }
        self.stream = stream;
    }

    /// Returns the position that is read for the captured frame `frame`.
    fn position(&self, map: &ClockMap, frame: f64) -> Option<f64> {
        let lead = (LEAD_MS * self.rates.playback_hz).div_ceil(1000);
        Some(map.played(frame)? + f64::from(lead))
    }

    /// Adds the stream `number`, from `position` on.
    fn add(&mut self, number: u64, position: f64, count: usize) -> Result<(), ReadFault> {
        let from = position.floor() - self.interpolator.frames_before() as f64;
        let frames = self.interpolator.frames_for(count + count / 100).min(self.played.len());
        let played = &mut self.played[..frames];
        self.reader.copy(number, from as i64, played)?;
        let pace = 1.0 + self.map.drift();
        self.interpolator.add(played, position - position.floor(), pace, &mut self.samples[..count]);
        Ok(())
    }
}
