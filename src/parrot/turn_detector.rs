//! Detects the start and end of speech by its level above an adaptive noise floor.
//!
//! It processes frames of 10 ms in order and reports positions in samples; it reads no clock and sends no
//! events.

use super::dsp::level_db;

/// Samples in a frame: 10 ms at 24 kHz.
pub(super) const FRAME_SAMPLES: usize = 240;
const FRAME_MS: u32 = 10;
/// Lowest level of speech, in dBFS.
const SPEECH_DB_MIN: f32 = -45.0;
/// Lowest level of speech above the noise floor, in dB.
const SPEECH_ABOVE_FLOOR_DB: f32 = 10.0;
/// Lower limit of the noise floor and its initial value, in dBFS: after digital silence a rustle must not
/// count as speech.
const FLOOR_DB_MIN: f32 = -70.0;
const FLOOR_DB_START: f32 = -60.0;
/// Rise of the noise floor in dB per frame: 5 dB a second, so that it soon includes a fan that was switched
/// on.
const FLOOR_RISE_DB_PER_FRAME: f32 = 0.05;
/// Fraction of the distance by which the floor falls towards a quieter frame.
const FLOOR_FALL_RATIO: f32 = 0.3;

/// The state of the detector.
#[derive(Debug)]
pub(super) struct SpeechDetector {
    floor_db: f32,
    state: DetectorState,
}

#[derive(Debug)]
enum DetectorState {
    /// Loud frames add to `loud_ms`, quiet ones subtract from it.
    Quiet {
        loud_ms: u32,
        first_loud: u64,
    },
    Speech {
        quiet_ms: u32,
    },
}

/// The thresholds for one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct DetectorThresholds {
    /// Duration of loud frames that starts speech, in milliseconds.
    pub(super) onset_ms: u32,
    /// Duration of quiet frames that ends speech, in milliseconds.
    pub(super) silence_ms: u32,
    /// Lowest level of a loud frame in dBFS, independent of the noise floor.
    pub(super) min_level_db: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SpeechChange {
    None,
    /// Speech has started; the position of its first loud frame.
    Started(u64),
    Ended,
}

impl SpeechDetector {
    pub(super) fn new() -> Self {
        Self { floor_db: FLOOR_DB_START, state: quiet() }
    }

    /// Returns to waiting for speech; keeps the noise floor.
    pub(super) fn reset(&mut self) {
        self.state = quiet();
    }

    pub(super) fn in_speech(&self) -> bool {
        matches!(self.state, DetectorState::Speech { .. })
    }

    /// Processes the frame that starts at sample `at`.
    pub(super) fn push(&mut self, frame: &[i16], at: u64, thresholds: DetectorThresholds) -> SpeechChange {
        let level = level_db(frame);
        let threshold = SPEECH_DB_MIN.max(self.floor_db + SPEECH_ABOVE_FLOOR_DB).max(thresholds.min_level_db);
        self.update_floor(level);
        match &mut self.state {
            DetectorState::Quiet { loud_ms, first_loud } => {
                if level < threshold {
                    *loud_ms = loud_ms.saturating_sub(FRAME_MS);
                    return SpeechChange::None;
                }
                if *loud_ms == 0 {
                    *first_loud = at;
                }
                *loud_ms += FRAME_MS;
                if *loud_ms < thresholds.onset_ms {
                    return SpeechChange::None;
                }
                let start = *first_loud;
                self.state = DetectorState::Speech { quiet_ms: 0 };
                SpeechChange::Started(start)
            }
            DetectorState::Speech { quiet_ms } => {
                *quiet_ms = if level < threshold { *quiet_ms + FRAME_MS } else { 0 };
                if *quiet_ms < thresholds.silence_ms.max(FRAME_MS) {
                    return SpeechChange::None;
                }
                self.state = quiet();
                SpeechChange::Ended
            }
        }
    }

    fn update_floor(&mut self, level: f32) {
        if level < self.floor_db {
            self.floor_db += (level - self.floor_db) * FLOOR_FALL_RATIO;
        } else {
            self.floor_db += FLOOR_RISE_DB_PER_FRAME.min(level - self.floor_db);
        }
        self.floor_db = self.floor_db.max(FLOOR_DB_MIN);
    }
}

fn quiet() -> DetectorState {
    DetectorState::Quiet { loud_ms: 0, first_loud: 0 }
}
