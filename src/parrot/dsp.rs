//! What the parrot does with samples: measures them, trims and softens what it repeats, chirps what it was
//! only written, and takes PCM16 in and out of base64.
//!
//! All of it is 24 kHz mono. It resamples nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Samples in a millisecond.
pub(super) const SAMPLES_PER_MS: usize = 24;
/// Sound this far under the loudest frame is trimmed from both ends, in dB.
const TRIM_BELOW_PEAK_DB: f32 = 25.0;
/// Sound quieter than this is trimmed whatever else there is, in dBFS.
const TRIM_LEVEL_DB: f32 = -45.0;
/// Kept around what is left, in frames of 10 ms, so that no consonant is clipped.
const TRIM_MARGIN_FRAMES: usize = 4;
const TRIM_FRAME_SAMPLES: usize = 10 * SAMPLES_PER_MS;

/// The level of `samples` in dBFS, 0 for a full-scale square: without the constant offset of a cheap microphone.
pub(super) fn level_db(samples: &[i16]) -> f32 {
    let count = samples.len().max(1) as f32;
    let mean = samples.iter().map(|&sample| f32::from(sample)).sum::<f32>() / count;
    let squares: f32 = samples.iter().map(|&sample| (f32::from(sample) - mean).powi(2)).sum();
    power_db(squares / count)
}

/// The level in dBFS of a mean square.
pub(super) fn power_db(mean_square: f32) -> f32 {
    const FULL_SCALE: f32 = 32768.0 * 32768.0;
    10.0 * (mean_square.max(0.25) / FULL_SCALE).log10()
}

/// The part of `samples` between its first and its last loud frame; empty when there is none.
pub(super) fn trim(samples: &[i16]) -> &[i16] {
    let levels: Vec<f32> = samples.chunks(TRIM_FRAME_SAMPLES).map(level_db).collect();
    let loudest = levels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let threshold = TRIM_LEVEL_DB.max(loudest - TRIM_BELOW_PEAK_DB);
    let Some(first) = levels.iter().position(|&level| level >= threshold) else { return &[] };
    let last = levels.iter().rposition(|&level| level >= threshold).unwrap_or(first);
    let from = first.saturating_sub(TRIM_MARGIN_FRAMES) * TRIM_FRAME_SAMPLES;
    let to = ((last + 1 + TRIM_MARGIN_FRAMES) * TRIM_FRAME_SAMPLES).min(samples.len());
    &samples[from..to]
}

/// The same sound at half amplitude, so that an open loudspeaker's echo of an echo dies away.
pub(super) fn halve(samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|&sample| sample / 2).collect()
}

/// A short melody for `text`: one tone a word, at least three and at most twelve, always the same.
pub(super) fn chirp(text: &str) -> Vec<i16> {
    const TONES_HZ: [f32; 6] = [523.25, 587.33, 659.25, 783.99, 880.0, 1046.5];
    const TONE_SAMPLES: usize = 90 * SAMPLES_PER_MS;
    const PEAK: f32 = 4096.0;
    let words = text.split_whitespace().chain(["", "", ""]);
    let count = text.split_whitespace().count().clamp(3, 12);
    let mut samples = Vec::with_capacity(count * TONE_SAMPLES);
    for (index, word) in words.take(count).enumerate() {
        let tone = word.bytes().fold(index, |sum, byte| sum + usize::from(byte)) % TONES_HZ.len();
        samples.extend((0..TONE_SAMPLES).map(|n| {
            let progress = n as f32 / TONE_SAMPLES as f32;
            let envelope = (std::f32::consts::PI * progress).sin();
            let cycles = TONES_HZ[tone] * n as f32 / (1000 * SAMPLES_PER_MS) as f32;
            (PEAK * envelope * (std::f32::consts::TAU * cycles.fract()).sin()) as i16
        }));
    }
    samples
}

/// `samples` as base64 of little-endian PCM16.
pub(super) fn encode_pcm16(samples: &[i16]) -> String {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

/// The samples of base64 little-endian PCM16, or what is wrong with it.
pub(super) fn decode_pcm16(base64: &str) -> Result<Vec<i16>, &'static str> {
    const BYTES_MAX: usize = 15 * 1024 * 1024;
    let bytes = STANDARD.decode(base64).map_err(|_| "This is not base64.")?;
    match bytes.len() {
        0 => Err("There is no audio in it."),
        n if n % 2 == 1 => Err("PCM16 has an even number of bytes."),
        n if n > BYTES_MAX => Err("One event carries at most 15 MiB of audio."),
        _ => Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()),
    }
}
