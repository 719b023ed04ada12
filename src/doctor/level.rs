//! Levels of samples, in decibels below full scale.

/// The level of silence: below the least 16-bit sample.
pub(super) const SILENCE_DB: f32 = -100.0;
/// A sample at or above this is taken to be clipped.
const CLIPPED: i16 = 32_700;

/// Returns the level of `samples` (24 kHz, 16 bits) without their mean, in dBFS of a full-scale square wave.
pub(super) fn level_db(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DB;
    }
    let count = samples.len() as f32;
    let mean = mean(samples);
    let power = samples.iter().map(|sample| (f32::from(*sample) - mean).powi(2)).sum::<f32>() / count;
    to_db(power.sqrt() / 32_768.0)
}

/// Returns the mean of `samples`, of which a microphone should have none.
pub(super) fn mean(samples: &[i16]) -> f32 {
    samples.iter().map(|sample| f32::from(*sample)).sum::<f32>() / samples.len().max(1) as f32
}

/// Returns the levels of blocks of `frames` samples, in ascending order.
pub(super) fn sorted_levels(samples: &[i16], frames: usize) -> Vec<f32> {
    let mut levels: Vec<f32> = samples.chunks_exact(frames).map(level_db).collect();
    levels.sort_by(f32::total_cmp);
    levels
}

/// Returns the number of clipped samples.
pub(super) fn clipped(samples: &[i16]) -> usize {
    samples.iter().filter(|sample| sample.unsigned_abs() >= CLIPPED.unsigned_abs()).count()
}

/// Returns the amplitude `ratio` in decibels.
pub(super) fn to_db(ratio: f32) -> f32 {
    (20.0 * ratio.max(f32::MIN_POSITIVE).log10()).max(SILENCE_DB)
}
