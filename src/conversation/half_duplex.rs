//! Holds the microphone back while the speaker is heard and until the room is quiet again, where nobody removes the echo.
//!
//! It is told whether the speaker is heard: it knows no samples, and opens and closes nothing. What is said meanwhile is
//! lost. The service's detector of speech misses nothing by the gap, of which it is not told: before a reply and after it the
//! room is quiet.

use std::time::Duration;

use crate::model::Time;

/// What a speaker still plays when it has confirmed that it was cut: a fade of 5 ms, and before it the 20 ms that a device
/// holds which cannot be rewritten, or the 6 ms of one that can; and as much again for a thread that is late.
const CUT_REST: Duration = Duration::from_millis(50);

/// Whether the microphone is held back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfDuplex {
    /// How long the room is loud after the speaker was heard.
    tail: Duration,
    speaker: SpeakerSound,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum SpeakerSound {
    Silent,
    Heard,
    /// It was heard until then, and the room is still loud.
    Ended {
        at: Time,
    },
}

impl HalfDuplex {
    /// Creates a microphone that is not held back, in a room that is loud for so long after the speaker was heard.
    #[must_use]
    pub fn new(tail: Duration) -> Self {
        Self { tail: tail + CUT_REST, speaker: SpeakerSound::Silent }
    }

    /// Records whether the speaker is heard now. Returns whether the microphone is held back.
    pub fn update(&mut self, is_heard: bool, now: Time) -> bool {
        self.speaker = match (is_heard, self.speaker) {
            (true, _) => SpeakerSound::Heard,
            (false, SpeakerSound::Heard) => SpeakerSound::Ended { at: now },
            (false, SpeakerSound::Ended { at }) if now >= at + self.tail => SpeakerSound::Silent,
            (false, speaker @ (SpeakerSound::Ended { .. } | SpeakerSound::Silent)) => speaker,
        };
        self.speaker != SpeakerSound::Silent
    }

    /// Returns when the room will be quiet again, if the speaker is heard no more.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.speaker {
            SpeakerSound::Ended { at } => Some(at + self.tail),
            SpeakerSound::Silent | SpeakerSound::Heard => None,
        }
    }
}
