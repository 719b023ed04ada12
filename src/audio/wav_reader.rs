//! Reads the samples of a WAV file, whose header may be wrong about their number.
//!
//! A recorder that lost power leaves a size of 0 or one that is too small, a stream has a size that means "unknown", and
//! a copy that was cut off has less than its header says. All are read to the end of the file. It converts nothing: a
//! file of another format is rejected.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::StreamFormat;
use super::error::AudioError;

/// A WAV file of one channel of 16-bit or 8-bit samples.
pub(super) struct WavSource {
    pub(super) path: PathBuf,
    reader: BufReader<File>,
    /// Bytes of samples left, unless the file ends before.
    remaining: u64,
    sample_bytes: u8,
}

/// Sizes from here on mean "unknown": a program that writes to a pipe cannot correct its header.
const UNKNOWN_BYTES: u32 = 0x7fff_0000;

impl WavSource {
    /// Opens the file. The string is a warning if its header is wrong about the samples.
    pub(super) fn open(
        path: PathBuf,
        format: StreamFormat,
    ) -> Result<(WavSource, Option<String>), AudioError> {
        let opened = File::open(&path).map_err(HeaderError::Unreadable).and_then(|file| {
            let mut reader = BufReader::new(file);
            let header = read_header(&mut reader)?;
            Ok((reader, header))
        });
        let (mut reader, header) = opened.map_err(|error| header_error(&path, format, &error))?;
        let Some(sample_bytes) = header.layout.sample_bytes(format) else {
            let reason = format!(
                "has {}, but 1 channel of 16-bit or 8-bit integer samples at {} Hz is required; {}",
                header.layout.describe(),
                format.rate_hz,
                convert_hint(&path, format)
            );
            return Err(file_error(&path, reason));
        };
        let declared = header.data_bytes;
        let extent = DataExtent::of(&mut reader, declared)
            .map_err(|error| header_error(&path, format, &HeaderError::Unreadable(error)))?;
        let whole = |bytes: u64| bytes - bytes % u64::from(sample_bytes);
        let (remaining, found) = match extent {
            DataExtent::Declared => (declared.into(), Some(whole(declared.into()))),
            DataExtent::ToEnd(bytes) => (u64::MAX, Some(whole(bytes))),
            DataExtent::Unknown => (u64::MAX, None),
        };
        let warning = match found {
            Some(0) => return Err(header_error(&path, format, &HeaderError::NoSamples)),
            Some(bytes) if bytes == u64::from(declared) => None,
            Some(bytes) => Some(format!("but {bytes} were found")),
            None => Some("which a stream does not know".to_owned()),
        };
        let warning = warning.map(|found| {
            format!(
                "{}: its header says {declared} bytes of samples, {found}; mynah reads it to its end",
                path.display()
            )
        });
        Ok((WavSource { path, reader, remaining, sample_bytes }, warning))
    }

    /// Fills `into`, with silence after the end of the file, and returns whether samples are left.
    pub(super) fn fill(&mut self, into: &mut [i16]) -> io::Result<bool> {
        for sample in into {
            *sample = self.next_sample()?.unwrap_or(0);
        }
        Ok(self.remaining >= self.sample_bytes.into() && !self.reader.fill_buf()?.is_empty())
    }

    fn next_sample(&mut self) -> io::Result<Option<i16>> {
        let Some(remaining) = self.remaining.checked_sub(self.sample_bytes.into()) else { return Ok(None) };
        self.remaining = remaining;
        let mut bytes = [0; 2];
        match self.reader.read_exact(&mut bytes[..self.sample_bytes.into()]) {
            // Samples of 8 bits are unsigned.
            Ok(()) if self.sample_bytes == 1 => Ok(Some((i16::from(bytes[0]) - 128) << 8)),
            Ok(()) => Ok(Some(i16::from_le_bytes(bytes))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.remaining = 0;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

struct WavHeader {
    layout: SampleLayout,
    /// The size of the samples as the header says.
    data_bytes: u32,
}

/// The fields of the `fmt ` chunk.
struct SampleLayout {
    tag: u16,
    channels: u16,
    rate_hz: u32,
    frame_bytes: u16,
    sample_bits: u16,
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
/// The tag is in the extension of the chunk.
const EXTENSIBLE: u16 = 0xfffe;

impl SampleLayout {
    /// Returns the size of a sample if the samples can be used in `format`.
    fn sample_bytes(&self, format: StreamFormat) -> Option<u8> {
        let is_usable = (self.tag, self.channels, self.rate_hz) == (PCM, 1, format.rate_hz);
        match (self.sample_bits, self.frame_bytes) {
            (16, 2) if is_usable => Some(2),
            (8, 1) if is_usable => Some(1),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        let kind = match self.tag {
            PCM => "integer",
            FLOAT => "float",
            _ => "compressed",
        };
        let Self { channels, rate_hz, sample_bits, .. } = self;
        format!("{channels} channels of {sample_bits}-bit {kind} samples at {rate_hz} Hz")
    }
}

/// Why a header cannot be used.
enum HeaderError {
    Unreadable(io::Error),
    Empty,
    NotWav,
    /// The file ends before its samples.
    CutOff,
    NoSamples,
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::CutOff } else { Self::Unreadable(error) }
    }
}

/// Reads up to the first sample. The size of the whole file, and all sizes that follow from others, are ignored.
fn read_header(reader: &mut impl BufRead) -> Result<WavHeader, HeaderError> {
    if reader.fill_buf()?.is_empty() {
        return Err(HeaderError::Empty);
    }
    let riff: [u8; 4] = bytes(reader)?;
    if riff != *b"RIFF" {
        return Err(HeaderError::NotWav);
    }
    skip(reader, 4)?;
    let wave: [u8; 4] = bytes(reader)?;
    if wave != *b"WAVE" {
        return Err(HeaderError::NotWav);
    }
    let mut layout = None;
    loop {
        let id: [u8; 4] = bytes(reader)?;
        let size = u32::from_le_bytes(bytes(reader)?);
        match &id {
            b"data" => {
                let layout = layout.ok_or(HeaderError::NotWav)?;
                return Ok(WavHeader { layout, data_bytes: size });
            }
            b"fmt " => layout = Some(read_layout(reader, size)?),
            _ => skip(reader, size.into())?,
        }
        // A chunk of odd size is padded with 0; some programs forget it.
        if size % 2 == 1 && reader.fill_buf()?.first() == Some(&0) {
            reader.consume(1);
        }
    }
}

fn read_layout(reader: &mut impl BufRead, size: u32) -> Result<SampleLayout, HeaderError> {
    const MIN_BYTES: u32 = 16;
    const EXTENDED_BYTES: u32 = 40;
    if size < MIN_BYTES {
        return Err(HeaderError::NotWav);
    }
    let mut chunk = [0; EXTENDED_BYTES as usize];
    let used = size.min(EXTENDED_BYTES);
    reader.read_exact(&mut chunk[..used as usize])?;
    skip(reader, (size - used).into())?;
    let field = |at: usize| u16::from_le_bytes([chunk[at], chunk[at + 1]]);
    let is_extended = field(0) == EXTENSIBLE && used == EXTENDED_BYTES;
    Ok(SampleLayout {
        tag: if is_extended { field(24) } else { field(0) },
        channels: field(2),
        rate_hz: u32::from(field(4)) | u32::from(field(6)) << 16,
        frame_bytes: field(12),
        sample_bits: field(14),
    })
}

fn bytes<const N: usize>(reader: &mut impl BufRead) -> Result<[u8; N], HeaderError> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn skip(reader: &mut impl BufRead, size: u64) -> Result<(), HeaderError> {
    let skipped = io::copy(&mut reader.take(size), &mut io::sink())?;
    if skipped < size { Err(HeaderError::CutOff) } else { Ok(()) }
}

/// How far the samples reach.
enum DataExtent {
    /// As far as the header says.
    Declared,
    /// To the end of the file; so many bytes are in it now.
    ToEnd(u64),
    /// To the end of a pipe.
    Unknown,
}

impl DataExtent {
    /// Compares what the header says with the file. Its size is right if the file ends there, or other chunks follow.
    fn of(reader: &mut BufReader<File>, declared: u32) -> io::Result<DataExtent> {
        let metadata = reader.get_ref().metadata()?;
        if !metadata.is_file() {
            let is_known = (1..UNKNOWN_BYTES).contains(&declared);
            return Ok(if is_known { DataExtent::Declared } else { DataExtent::Unknown });
        }
        let (begin, end) = (reader.stream_position()?, metadata.len());
        let data_end = begin + u64::from(declared);
        let padded_end = data_end + u64::from(declared % 2);
        let file = reader.get_ref();
        let is_right =
            data_end <= end && (is_chunk_list(file, padded_end, end)? || is_chunk_list(file, data_end, end)?);
        Ok(if is_right { DataExtent::Declared } else { DataExtent::ToEnd(end.saturating_sub(begin)) })
    }
}

/// Chunks that often follow the samples. One of these may be cut off.
const TRAILING_CHUNKS: [&[u8; 4]; 8] =
    [b"LIST", b"id3 ", b"ID3 ", b"JUNK", b"bext", b"cue ", b"smpl", b"iXML"];

/// Returns whether the file has chunks, or nothing, from `at` to `end`.
fn is_chunk_list(file: &File, mut at: u64, end: u64) -> io::Result<bool> {
    while at < end {
        let mut header = [0; 8];
        if end - at < header.len() as u64 {
            return Ok(false);
        }
        file.read_exact_at(&mut header, at)?;
        let [id @ .., a, b, c, d] = header;
        if !id.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return Ok(false);
        }
        let size = u32::from_le_bytes([a, b, c, d]);
        at += header.len() as u64 + u64::from(size);
        if at > end {
            return Ok(TRAILING_CHUNKS.contains(&&id));
        }
        at += u64::from(size % 2);
    }
    Ok(true)
}

fn header_error(path: &Path, format: StreamFormat, error: &HeaderError) -> AudioError {
    let record = || format!("record it again: sox -d -r {} -c 1 -b 16 {}", format.rate_hz, path.display());
    let reason = match error {
        HeaderError::Unreadable(error) => format!("cannot be read ({error}); choose another file"),
        HeaderError::Empty => format!("is empty; {}", record()),
        HeaderError::NotWav => format!("is not a WAV file; {}", convert_hint(path, format)),
        HeaderError::CutOff => format!("is cut off in its header, before its samples; {}", record()),
        HeaderError::NoSamples => format!("contains no samples; {}", record()),
    };
    file_error(path, reason)
}

fn convert_hint(path: &Path, format: StreamFormat) -> String {
    let to = path.with_extension("mono.wav");
    format!("convert it: sox {} -r {} -c 1 -b 16 {}", path.display(), format.rate_hz, to.display())
}

pub(super) fn file_error(path: &Path, reason: String) -> AudioError {
    AudioError::Wav { path: path.to_owned(), reason }
}
