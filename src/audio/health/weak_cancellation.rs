//! Detects an echo that the canceller of this device hardly removes: what is played is changed after mynah, or is not
//! played when it is believed to be.
//!
//! It takes a frame of 10 ms at a time. It knows no device, and does not find out why.

/// The filter removes less than the first of a weak echo, and more than the second of one that it knows, in decibels.
const WEAK_DB: f32 = 6.0;
const KNOWN_DB: f32 = 10.0;
/// Frames with such an echo until it counts: 2 s. A device that interrupts itself plays for a fraction of a second each time,
/// and so does one whose user talks into the reply.
const WEAK_FRAMES: u32 = 200;
/// How much louder than the room a frame is while it holds an echo, as a power: 15 dB.
const ABOVE_NOISE: f32 = 30.0;
/// The power of the room's noise that is assumed at first, −60 dBFS, and how fast it is followed down and up.
const FIRST_NOISE: f32 = 1e-6;
const NOISE_FALLS: f32 = 0.1;
const NOISE_RISES: f32 = 0.005;

/// What of the speaker can be heard in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audio) enum HeardSpeaker {
    Silent,
    /// It was just silenced, and its echo fades.
    Fading,
    Sounding,
}

/// Whether the echo remains although the reference is aligned.
#[derive(Clone, Copy, Debug)]
pub(in crate::audio) struct WeakCancellation {
    noise: f32,
    frames: u32,
    is_weak: bool,
}

impl Default for WeakCancellation {
    fn default() -> WeakCancellation {
        WeakCancellation { noise: FIRST_NOISE, frames: 0, is_weak: false }
    }
}

impl WeakCancellation {
    /// Handles a frame of the microphone by its mean power, full scale being 1, with what the filter removed lately in
    /// decibels. Returns whether the echo remains.
    pub(in crate::audio) fn push(&mut self, power: f32, heard: HeardSpeaker, erle_db: f32) -> bool {
        if heard == HeardSpeaker::Silent {
            let rate = if power < self.noise { NOISE_FALLS } else { NOISE_RISES };
            self.noise += rate * (power.min(1.0) - self.noise);
            return self.is_weak;
        }
        if heard == HeardSpeaker::Fading {
            return self.is_weak;
        }
        if erle_db > KNOWN_DB {
            (self.frames, self.is_weak) = (0, false);
        } else if erle_db < WEAK_DB && power > ABOVE_NOISE * self.noise {
            self.frames += 1;
        } else {
            // Nothing is heard of the speaker: headphones, or a pause.
            self.frames = self.frames.saturating_sub(1);
        }
        self.is_weak |= self.frames >= WEAK_FRAMES;
        self.is_weak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: f32 = 1e-3;
    const NOISE: f32 = 1e-7;

    #[test]
    fn a_loud_echo_that_remains_for_two_seconds_is_told_until_it_is_removed() {
        let mut detector = WeakCancellation::default();
        assert!((1..WEAK_FRAMES).all(|_| !detector.push(ECHO, HeardSpeaker::Sounding, 3.0)));
        assert!(!detector.push(NOISE, HeardSpeaker::Fading, 3.0));
        assert!(detector.push(ECHO, HeardSpeaker::Sounding, 3.0));
        // Neither a pause nor some gain ends it.
        for _ in 0..1_000 {
            assert!(detector.push(NOISE, HeardSpeaker::Silent, 3.0));
            assert!(detector.push(ECHO, HeardSpeaker::Sounding, 8.0));
        }
        assert!(!detector.push(ECHO, HeardSpeaker::Sounding, 12.0));
    }

    #[test]
    fn a_speaker_that_the_microphone_does_not_hear_is_no_weak_echo() {
        let mut detector = WeakCancellation::default();
        // Headphones, and a user who often talks into the reply.
        for frame in 0..10_000 {
            let power = if frame % 10 < 3 { ECHO } else { NOISE };
            assert!(!detector.push(power, HeardSpeaker::Sounding, 0.0), "frame {frame}");
        }
    }

    #[test]
    fn noise_that_is_always_there_is_no_echo() {
        let mut detector = WeakCancellation::default();
        let fan = 1e-4;
        assert!((0..2_000).all(|_| !detector.push(fan, HeardSpeaker::Silent, 0.0)));
        assert!((0..2_000).all(|_| !detector.push(2.0 * fan, HeardSpeaker::Sounding, 0.0)));
    }
}
