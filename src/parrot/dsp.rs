//! What the parrot does with samples: measures them, trims and softens what it repeats, chirps what it was
//! only written, and takes PCM16 in and out of base64.
//!
//! All of it is 24 kHz mono. It resamples nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Samples in a millisecond.
pub(super) const PER_MS: usize = 24;
/// Sound this far under the loudest frame is trimmed from both ends, in dB.
const TRIM_UNDER_LOUDEST_DB: f32 = 25.0;
/// Sound quieter than this is trimmed whatever else there is, in dBFS.
const TRIM_DB: f32 = -45.0;
/// Kept around what is left, in frames of 10 ms, so that no consonant is clipped.
const TRIM_MARGIN: usize = 4;
const TRIM_FRAME: usize = 10 * PER_MS;

/// The level of `samples` in dBFS, 0 for a full-scale square: without the constant offset of a cheap microphone.
pub(super) fn level_db(samples: &[i16]) -> f32 {
    let count = samples.len().max(1) as f32;
    let mean = samples.iter().map(|&sample| f32::from(sample)).sum::<f32>() / count;
    let squares: f32 = samples.iter().map(|&sample| (f32::from(sample) - mean).powi(2)).sum();
    power_db(squares / count)
}

/// The level in dBFS of a mean square.
pub(super) fn power_db(mean_square: f32) -> f32 {
    const FULL: f32 = 32768.0 * 32768.0;
    10.0 * (mean_square.max(0.25) / FULL).log10()
}

/// The part of `samples` between its first and its last loud frame; empty when there is none.
pub(super) fn trimmed(samples: &[i16]) -> &[i16] {
    let levels: Vec<f32> = samples.chunks(TRIM_FRAME).map(level_db).collect();
    let loudest = levels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let threshold = TRIM_DB.max(loudest - TRIM_UNDER_LOUDEST_DB);
    let Some(first) = levels.iter().position(|&level| level >= threshold) else { return &[] };
    let last = levels.iter().rposition(|&level| level >= threshold).unwrap_or(first);
    let from = first.saturating_sub(TRIM_MARGIN) * TRIM_FRAME;
    let to = ((last + 1 + TRIM_MARGIN) * TRIM_FRAME).min(samples.len());
    &samples[from..to]
}

/// The same sound at half amplitude, so that an open loudspeaker's echo of an echo dies away.
pub(super) fn halved(samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|&sample| sample / 2).collect()
}

/// A short melody for `text`: one tone a word, at least three and at most twelve, always the same.
pub(super) fn chirp(text: &str) -> Vec<i16> {
    const TONES_HZ: [f32; 6] = [523.25, 587.33, 659.25, 783.99, 880.0, 1046.5];
    const TONE: usize = 90 * PER_MS;
    const PEAK: f32 = 4096.0;
    let words = text.split_whitespace().chain(["", "", ""]);
    let count = text.split_whitespace().count().clamp(3, 12);
    let mut samples = Vec::with_capacity(count * TONE);
    for (place, word) in words.take(count).enumerate() {
        let pick = word.bytes().fold(place, |sum, byte| sum + usize::from(byte)) % TONES_HZ.len();
        samples.extend((0..TONE).map(|n| {
            let along = n as f32 / TONE as f32;
            let swell = (std::f32::consts::PI * along).sin();
            let turn = TONES_HZ[pick] * n as f32 / (1000 * PER_MS) as f32;
            (PEAK * swell * (std::f32::consts::TAU * turn.fract()).sin()) as i16
        }));
    }
    samples
}

/// `samples` as base64 of little-endian PCM16.
pub(super) fn encoded(samples: &[i16]) -> String {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

/// The samples of base64 little-endian PCM16, or what is wrong with it.
pub(super) fn decoded(base64: &str) -> Result<Vec<i16>, &'static str> {
    const LARGEST_BYTES: usize = 15 * 1024 * 1024;
    let bytes = STANDARD.decode(base64).map_err(|_| "This is not base64.")?;
    match bytes.len() {
        0 => Err("There is no audio in it."),
        n if n % 2 == 1 => Err("PCM16 has an even number of bytes."),
        n if n > LARGEST_BYTES => Err("One event carries at most 15 MiB of audio."),
        _ => Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()),
    }
}
