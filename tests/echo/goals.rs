//! The goals of the canceller's table, and the rules by which its scenes are judged.
//!
//! They were committed before the scenes of the report existed: `report_seed.txt` holds the hash of the last commit that
//! changed them, the canceller or how scenes are made. Everything that was tuned was tuned on other seeds, `TUNING_SEED`
//! and the next ones.

/// The seed of the scenes to tune on.
pub(crate) const TUNING_SEED: u64 = 1;
/// Rooms for each kind of scene, and for barge-ins.
pub(crate) const ROOMS: u64 = 6;
pub(crate) const BARGE_IN_ROOMS: u64 = 20;
/// Seconds of echo alone in each of the latter, and seconds in which somebody talks over it.
pub(crate) const ALONE_S: f32 = 363.0;
pub(crate) const TALK_S: f32 = 60.0;

/// ERLE in decibels: at 10 cm with RT60 up to 0.6 s and up to 3 % distortion; at 40 cm; with 1 % of the samples
/// clipped.
pub(crate) const ERLE_DB: f32 = 40.0;
pub(crate) const ERLE_FAR_DB: f32 = 32.0;
pub(crate) const ERLE_CLIPPED_DB: f32 = 25.0;
/// ERLE of the first three seconds with a kept filter and after a move; the seconds of echo until 20 dB.
pub(crate) const ERLE_KEPT_DB: f32 = 35.0;
pub(crate) const ERLE_MOVED_DB: f32 = 25.0;
pub(crate) const COLD_S: f32 = 1.0;
/// STOI of the talker at −10 and at −20 dB, and by how much his level may change at −10 dB.
pub(crate) const STOI_10: f32 = 0.85;
pub(crate) const STOI_20: f32 = 0.75;
pub(crate) const LEVEL_DB: f32 = 1.5;
/// By how much 300 ppm between the clocks may lower the ERLE.
pub(crate) const DRIFT_DB: f32 = 1.0;
/// False barge-ins and ducks an hour; shares that are missed.
pub(crate) const FALSE_BARGE_INS: f32 = 10.0;
pub(crate) const MISSED_BARGE_INS: f32 = 0.1;
pub(crate) const FALSE_DUCKS: f32 = 20.0;
pub(crate) const MISSED_DUCKS: f32 = 0.05;
/// Milliseconds from the talker's first frame to the duck: median, and nine of ten.
pub(crate) const DUCK_MEDIAN_MS: f32 = 90.0;
pub(crate) const DUCK_P90_MS: f32 = 300.0;
/// Instructions of a frame on aarch64, with a transform of at most 60 KB.
pub(crate) const INSTRUCTIONS: u64 = 700_000;

/// The public detector: earshot 1.2.2. Three scores of this in a row, 48 ms, are speech.
pub(crate) const DETECTOR_SCORE: f32 = 0.7;
pub(crate) const DETECTOR_RUN: usize = 3;
/// It counts as a barge-in if the canceller's rule held within this many frames: 300 ms.
pub(crate) const RULE_FRAMES: usize = 30;
