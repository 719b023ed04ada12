//! Hears where speech begins and ends, by energy over a noise floor that follows the room.
//!
//! It judges 10 ms frames in the order they were said and knows positions in samples only: no clock, no
//! events, no words.

use super::dsp::level_db;

/// Samples in one judged frame: 10 ms at 24 kHz.
pub(super) const FRAME_SAMPLES: usize = 240;
const FRAME_MS: u32 = 10;
/// Nothing quieter than this is speech, in dBFS.
const SPEECH_DB_MIN: f32 = -45.0;
/// How far speech stands out of the noise floor, in dB.
const SPEECH_ABOVE_FLOOR_DB: f32 = 10.0;
/// The floor's limit below and its start, in dBFS: digital silence must not make a rustle stand out.
const FLOOR_DB_MIN: f32 = -70.0;
const FLOOR_DB_START: f32 = -60.0;
/// How fast the floor climbs, in dB per frame: 5 dB a second, so that a fan switched on is soon the room.
const FLOOR_RISE_DB_PER_FRAME: f32 = 0.05;
/// Which part of the way down the floor goes at each quieter frame.
const FLOOR_FALL_RATIO: f32 = 0.3;

/// The turn detector's judgement of a stream of frames.
#[derive(Debug)]
pub(super) struct SpeechDetector {
    floor_db: f32,
    state: DetectorState,
}

#[derive(Debug)]
enum DetectorState {
    /// Loud frames so far count for the onset; quiet ones count back.
    Quiet {
        loud_ms: u32,
        first_loud: u64,
    },
    Speech {
        quiet_ms: u32,
    },
}

/// What counts as a beginning and an end for the frame being judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct DetectorThresholds {
    /// Loud sound this long is an onset, in milliseconds.
    pub(super) onset_ms: u32,
    /// Quiet this long is an end, in milliseconds.
    pub(super) silence_ms: u32,
    /// Anything quieter is quiet, in dBFS, whatever the floor says.
    pub(super) min_level_db: f32,
}

/// What one frame changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SpeechChange {
    None,
    /// Speech began; its first loud sample was at this position.
    Started(u64),
    Ended,
}

impl SpeechDetector {
    pub(super) fn new() -> Self {
        Self { floor_db: FLOOR_DB_START, state: quiet() }
    }

    /// Forgets a beginning or running speech, and keeps what it learnt of the room.
    pub(super) fn reset(&mut self) {
        self.state = quiet();
    }

    pub(super) fn in_speech(&self) -> bool {
        matches!(self.state, DetectorState::Speech { .. })
    }

    /// Judges the frame that begins at sample `at`.
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
