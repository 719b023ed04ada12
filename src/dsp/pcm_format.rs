//! Conversion between interleaved frames of a sound card and mono floats.
//!
//! It handles widths, channels and byte order (little endian, as ALSA's `_LE` formats); no rates and no
//! levels.

use std::fmt;

/// A sample format, named as in ALSA (little endian).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleFormat {
    S16,
    /// 24 bits in the lower three of four bytes (`S24_LE`).
    S24,
    /// 24 bits in three bytes (`S24_3LE`).
    S24In3,
    S32,
}

impl SampleFormat {
    /// Returns the number of bytes in a sample.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            SampleFormat::S16 => 2,
            SampleFormat::S24In3 => 3,
            SampleFormat::S24 | SampleFormat::S32 => 4,
        }
    }

    /// Reads one sample; full scale is 1.
    fn read(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (SampleFormat::S16, &[a, b, ..]) => super::float(i16::from_le_bytes([a, b])),
            // The fourth byte of S24 is undefined.
            (SampleFormat::S24 | SampleFormat::S24In3, &[a, b, c, ..]) => {
                from_i32(i32::from_le_bytes([0, a, b, c]))
            }
            (SampleFormat::S32, &[a, b, c, d]) => from_i32(i32::from_le_bytes([a, b, c, d])),
            (SampleFormat::S16 | SampleFormat::S24 | SampleFormat::S24In3 | SampleFormat::S32, _) => 0.0,
        }
    }

    /// Writes one sample, clipping at full scale.
    fn write(self, sample: f32, bytes: &mut [u8]) {
        match self {
            SampleFormat::S16 => bytes.copy_from_slice(&super::sample(sample).to_le_bytes()),
            SampleFormat::S24 => bytes.copy_from_slice(&to_i24(sample).to_le_bytes()),
            SampleFormat::S24In3 => bytes.copy_from_slice(&to_i24(sample).to_le_bytes()[..3]),
            // The cast saturates.
            SampleFormat::S32 => bytes.copy_from_slice(&((sample * SCALE_32).round() as i32).to_le_bytes()),
        }
    }
}

impl fmt::Display for SampleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SampleFormat::S16 => "S16",
            SampleFormat::S24 => "S24",
            SampleFormat::S24In3 => "S24_3LE",
            SampleFormat::S32 => "S32",
        })
    }
}

const SCALE_32: f32 = 2_147_483_648.0;
const SCALE_24: f32 = 8_388_608.0;

fn from_i32(sample: i32) -> f32 {
    sample as f32 / SCALE_32
}

fn to_i24(sample: f32) -> i32 {
    (sample * SCALE_24).round().clamp(-SCALE_24, SCALE_24 - 1.0) as i32
}

/// A selected channel that a card does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingChannel {
    /// The selected channel, counted from 0.
    pub channel: u16,
    /// The number of channels that the card has.
    pub channels: u16,
}

impl fmt::Display for MissingChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MissingChannel { channel, channels } = self;
        write!(f, "channel {channel} does not exist; there are {channels}, counted from 0")
    }
}

impl std::error::Error for MissingChannel {}

/// Encodes and decodes interleaved frames of a format, with a selection of channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameCodec {
    format: SampleFormat,
    channels: usize,
    /// For each channel whether it is selected.
    selected: Box<[bool]>,
}

impl FrameCodec {
    /// Creates a codec for frames of `channels` samples; an empty `selected` selects all channels.
    ///
    /// # Errors
    /// Returns the first selected channel that does not exist.
    pub fn new(format: SampleFormat, channels: u16, selected: &[u16]) -> Result<FrameCodec, MissingChannel> {
        if let Some(&channel) = selected.iter().find(|channel| **channel >= channels) {
            return Err(MissingChannel { channel, channels });
        }
        let selected =
            (0..channels).map(|channel| selected.is_empty() || selected.contains(&channel)).collect();
        Ok(FrameCodec { format, channels: usize::from(channels), selected })
    }

    /// Returns the number of bytes in a frame.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.format.bytes() * self.channels
    }

    /// Mixes the selected channels of each whole frame in `bytes`, in equal parts, into `mono`. Returns the
    /// number of frames, at most the length of `mono`.
    pub fn decode(&self, bytes: &[u8], mono: &mut [f32]) -> usize {
        let scale = 1.0 / self.selected.iter().filter(|selected| **selected).count().max(1) as f32;
        let mut count = 0;
        for (frame, mono) in bytes.chunks_exact(self.bytes().max(1)).zip(mono) {
            let samples = frame.chunks_exact(self.format.bytes()).zip(&self.selected);
            let sum: f32 =
                samples.filter(|(_, selected)| **selected).map(|(sample, _)| self.format.read(sample)).sum();
            *mono = sum * scale;
            count += 1;
        }
        count
    }

    /// Writes each sample of `mono` to the selected channels of a frame in `bytes`, and silence to the
    /// others. Returns the number of bytes written: whole frames, as many as fit.
    pub fn encode(&self, mono: &[f32], bytes: &mut [u8]) -> usize {
        let mut written = 0;
        for (frame, mono) in bytes.chunks_exact_mut(self.bytes().max(1)).zip(mono) {
            for (sample, selected) in frame.chunks_exact_mut(self.format.bytes()).zip(&self.selected) {
                self.format.write(if *selected { *mono } else { 0.0 }, sample);
            }
            written += frame.len();
        }
        written
    }
}
