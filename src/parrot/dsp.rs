//! Sample processing of the parrot: level, trimming, attenuation, tones for text replies, base64 PCM16.
//!
//! All audio is 24 kHz mono, except what an [`Upsampler`] takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Samples per millisecond.
pub(super) const SAMPLES_PER_MS: usize = 24;
/// Frames at both ends are trimmed if they are this far below the loudest frame, in dB.
const TRIM_BELOW_PEAK_DB: f32 = 25.0;
/// Frames at both ends are trimmed if they are below this level, in dBFS.
const TRIM_LEVEL_DB: f32 = -45.0;
/// Frames of 10 ms kept on both sides, so that no consonant is cut off.
const TRIM_MARGIN_FRAMES: usize = 4;
const TRIM_FRAME_SAMPLES: usize = 10 * SAMPLES_PER_MS;

/// Returns the RMS level of `samples` in dBFS (0 for a full-scale square wave), without the DC offset.
pub(super) fn level_db(samples: &[i16]) -> f32 {
    let count = samples.len().max(1) as f32;
    let mean = samples.iter().map(|&sample| f32::from(sample)).sum::<f32>() / count;
    let squares: f32 = samples.iter().map(|&sample| (f32::from(sample) - mean).powi(2)).sum();
    power_db(squares / count)
}

/// Converts a mean square to dBFS.
pub(super) fn power_db(mean_square: f32) -> f32 {
    const FULL_SCALE: f32 = 32768.0 * 32768.0;
    10.0 * (mean_square.max(0.25) / FULL_SCALE).log10()
}

/// Returns the part of `samples` from the first to the last loud frame; empty if there is none.
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

/// Halves the amplitude, so that the echo of an open loudspeaker decays.
pub(super) fn halve(samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|&sample| sample / 2).collect()
}

/// Returns tones of 90 ms for `text`: one for each word, at least three and at most twelve; the same for the
/// same text.
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

/// Encodes `samples` as base64 of little-endian PCM16.
pub(super) fn encode_pcm16(samples: &[i16]) -> String {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

/// Decodes base64 of little-endian PCM16; the error is the message for the client.
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

/// Converts 16 kHz to 24 kHz by straight lines between the samples, well enough for a service that recognises no words.
#[derive(Debug, Default)]
pub(super) struct Upsampler {
    last: i16,
    /// Whether the next sample is the second of its pair.
    is_second: bool,
}

impl Upsampler {
    /// Returns three samples for every two of `samples`, which continue those of the last call.
    pub(super) fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        let mut converted = Vec::with_capacity(samples.len() * 3 / 2 + 2);
        for &sample in samples {
            let between = |part: f32| {
                let (from, to) = (f32::from(self.last), f32::from(sample));
                ((to - from).mul_add(part, from)).round() as i16
            };
            if self.is_second {
                converted.push(between(2.0 / 3.0));
            } else {
                converted.extend([between(1.0 / 3.0), sample]);
            }
            (self.last, self.is_second) = (sample, !self.is_second);
        }
        converted
    }
}
