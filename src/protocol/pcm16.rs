//! Encodes and decodes base64 of little-endian PCM16, without allocation.
//!
//! A delta may end in the middle of a sample; the odd byte is kept for the next delta of the item. It
//! converts no rates and no channels.

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

/// Base64 characters decoded at a time, a multiple of four, and their bytes: small enough for any stack.
const CHUNK_CHARS: usize = 4096;
const CHUNK_BYTES: usize = CHUNK_CHARS / 4 * 3;
/// Samples encoded at a time: a multiple of three bytes, so that only the last chunk is padded.
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
        // The slice has exactly the length of the padded base64.
        let _ = BASE64.encode_slice(bytes, &mut text[start..]);
    }
}

/// Decodes the deltas of one item; keeps half a sample between them.
#[derive(Debug, Default)]
pub struct Pcm16Decoder {
    pending_byte: Option<u8>,
}

/// A delta whose audio is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAudio;

impl Pcm16Decoder {
    /// Decodes one delta and calls `each` with its samples, at most 1536 at a time.
    ///
    /// # Errors
    /// When `base64` is not valid; `each` has been called with the samples of the chunks before.
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

    /// Starts another item and discards half a sample of the previous one.
    pub fn restart(&mut self) {
        self.pending_byte = None;
    }
}
