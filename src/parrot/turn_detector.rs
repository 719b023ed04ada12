//! Hears where speech begins and ends, by energy over a noise floor that follows the room.
//!
//! It judges 10 ms frames in the order they were said and knows positions in samples only: no clock, no
//! events, no words.

use super::dsp::level_db;

/// Samples in one judged frame: 10 ms at 24 kHz.
pub(super) const FRAME: usize = 240;
const FRAME_MS: u32 = 10;
/// Nothing quieter than this is speech, in dBFS.
const QUIETEST_SPEECH_DB: f32 = -45.0;
/// How far speech stands out of the noise floor, in dB.
const SPEECH_OVER_NOISE_DB: f32 = 10.0;
/// The floor's limit below and its start, in dBFS: digital silence must not make a rustle stand out.
const LOWEST_FLOOR_DB: f32 = -70.0;
const FIRST_FLOOR_DB: f32 = -60.0;
/// How fast the floor climbs, in dB per frame: 5 dB a second, so that a fan switched on is soon the room.
const FLOOR_RISE_DB: f32 = 0.05;
/// Which part of the way down the floor goes at each quieter frame.
const FLOOR_FALL: f32 = 0.3;

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
    pub(super) at_least_db: f32,
}

/// What one frame changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SpeechChange {
    Nothing,
    /// Speech began; its first loud sample was at this position.
    Began(u64),
    Ended,
}

impl SpeechDetector {
    pub(super) fn new() -> Self {
        Self { floor_db: FIRST_FLOOR_DB, state: quiet() }
    }

    /// Forgets a beginning or running speech, and keeps what it learnt of the room.
    pub(super) fn reset(&mut self) {
        self.state = quiet();
    }

    pub(super) fn is_hearing_speech(&self) -> bool {
        matches!(self.state, DetectorState::Speech { .. })
    }

    /// Judges the frame that begins at sample `at`.
    pub(super) fn push(&mut self, frame: &[i16], at: u64, demand: DetectorThresholds) -> SpeechChange {
        let level = level_db(frame);
        let threshold = QUIETEST_SPEECH_DB.max(self.floor_db + SPEECH_OVER_NOISE_DB).max(demand.at_least_db);
        self.follow(level);
        match &mut self.state {
            DetectorState::Quiet { loud_ms, first_loud } => {
                if level < threshold {
                    *loud_ms = loud_ms.saturating_sub(FRAME_MS);
                    return SpeechChange::Nothing;
                }
                if *loud_ms == 0 {
                    *first_loud = at;
                }
                *loud_ms += FRAME_MS;
                if *loud_ms < demand.onset_ms {
                    return SpeechChange::Nothing;
                }
                let began = *first_loud;
                self.state = DetectorState::Speech { quiet_ms: 0 };
                SpeechChange::Began(began)
            }
            DetectorState::Speech { quiet_ms } => {
                *quiet_ms = if level < threshold { *quiet_ms + FRAME_MS } else { 0 };
                if *quiet_ms < demand.silence_ms.max(FRAME_MS) {
                    return SpeechChange::Nothing;
                }
                self.state = quiet();
                SpeechChange::Ended
            }
        }
    }

    fn follow(&mut self, level: f32) {
        if level < self.floor_db {
            self.floor_db += (level - self.floor_db) * FLOOR_FALL;
        } else {
            self.floor_db += FLOOR_RISE_DB.min(level - self.floor_db);
        }
        self.floor_db = self.floor_db.max(LOWEST_FLOOR_DB);
    }
}

fn quiet() -> DetectorState {
    DetectorState::Quiet { loud_ms: 0, first_loud: 0 }
}
