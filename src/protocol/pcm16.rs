//! base64 PCM16 and samples, into each other, without an allocation.
//!
//! A delta may end in the middle of a sample: the odd byte waits for the next delta of the same item. What
//! a sample means or where it goes is not known here.

use std::sync::LazyLock;

use base64::Engine;
use bytes::BytesMut;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Base64 = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Base64 = base64::engine::GeneralPurpose;

static BASE64: LazyLock<Base64> = LazyLock::new(|| {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return Base64::standard(base64::engine::general_purpose::PAD);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return base64::engine::general_purpose::STANDARD;
});

/// Characters decoded at a time, and the bytes they make; a multiple of four, small enough for any stack.
const CHUNK_CHARS: usize = 4096;
const CHUNK_BYTES: usize = CHUNK_CHARS / 4 * 3;
/// Samples encoded at a time: a multiple of three bytes, so that chunks join without padding.
const CHUNK_SAMPLES: usize = 240;

/// Appends `samples` to `text` as base64 of little-endian PCM16.
pub fn encode(samples: &[i16], text: &mut BytesMut) {
    let mut bytes = [0; CHUNK_SAMPLES * 2];
    for chunk in samples.chunks(CHUNK_SAMPLES) {
        let bytes = &mut bytes[..chunk.len() * 2];
        for (target, sample) in bytes.chunks_exact_mut(2).zip(chunk) {
            target.copy_from_slice(&sample.to_le_bytes());
        }
        let start = text.len();
        text.resize(start + bytes.len().div_ceil(3) * 4, 0);
        // The slice has exactly the length that padded base64 of so many bytes has.
        let _ = BASE64.encode_slice(bytes, &mut text[start..]);
    }
}

/// Turns the deltas of one stream of audio into samples, remembering half a sample between them.
#[derive(Debug, Default)]
pub struct Pcm16Decoder {
    pending_byte: Option<u8>,
}

/// A delta whose audio is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAudio;

impl Pcm16Decoder {
    /// Decodes one delta and hands its samples to `each` in pieces of at most 1536.
    ///
    /// # Errors
    /// When `base64` is not base64; the pieces before the bad place have been handed over.
    pub fn decode(&mut self, base64: &str, mut each: impl FnMut(&[i16])) -> Result<(), BadAudio> {
        let mut bytes = [0; CHUNK_BYTES + 1];
        for chunk in base64.as_bytes().chunks(CHUNK_CHARS) {
            let offset = usize::from(self.pending_byte.is_some());
            if let Some(pending_byte) = self.pending_byte.take() {
                bytes[0] = pending_byte;
            }
            let decoded = BASE64.decode_slice(chunk, &mut bytes[offset..]).map_err(|_| BadAudio)?;
            let bytes = &bytes[..offset + decoded];
            let (pairs, rest) = bytes.as_chunks::<2>();
            self.pending_byte = rest.first().copied();
            let mut samples = [0; CHUNK_BYTES / 2];
            for (sample, pair) in samples.iter_mut().zip(pairs) {
                *sample = i16::from_le_bytes(*pair);
            }
            each(&samples[..pairs.len().min(CHUNK_BYTES / 2)]);
        }
        Ok(())
    }

    /// Begins another stream: half a sample of the one before belongs to nobody.
    pub fn restart(&mut self) {
        self.pending_byte = None;
    }
}
