//! What may be wrong between mynah and the room: sound that is changed after the reference, and timestamps that lie.

use mynah::audio::Stamp;

use crate::sim::clock::{At, MS, S};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RoomFault {
    None,
    /// The speaker has no timestamps.
    NoStamps,
    /// They do not advance.
    StillStamps,
    /// They say that everything is played later than it is, by more than the reference leads.
    LateStamps,
    /// A volume control behind mynah makes all so much louder, and a second one is moved at 12 s.
    HiddenVolume(f32),
    /// Two speakers play the same, the second one further away.
    TwoSpeakers,
    /// The speaker is overdriven: it clips at this level.
    Clipping(f32),
    /// The card controls the microphone's gain by itself.
    AutomaticGain,
    /// Another program plays through the same speaker, as through a sound server's mixer.
    Mixer,
}

/// How much later the second speaker is heard, in samples.
const SECOND_SPEAKER: usize = 70;
/// The level to which an automatic gain brings all sound, its gain at most, and how fast it turns down and up.
const LEVEL: f32 = 0.1;
const GAIN_MAX: f32 = 10.0;
const TURNS_DOWN: f32 = 1.0 / 1_200.0;
const TURNS_UP: f32 = 1.0 / 12_000.0;

impl RoomFault {
    pub(super) fn change_response(self, response: &mut Vec<f32>) {
        if self == Self::TwoSpeakers {
            let second: Vec<f32> = response.iter().map(|tap| -0.6 * tap).collect();
            response.resize(response.len() + SECOND_SPEAKER, 0.0);
            response[SECOND_SPEAKER..].iter_mut().zip(second).for_each(|(tap, second)| *tap += second);
        }
    }
}

/// The fault of one run.
pub(crate) struct FaultState {
    fault: RoomFault,
    level: f32,
    noise: fastrand::Rng,
}

impl FaultState {
    pub(super) fn new(fault: RoomFault) -> Self {
        Self { fault, level: 0.0, noise: fastrand::Rng::with_seed(9) }
    }

    /// Returns what the speaker makes of a sample.
    pub(super) fn play(&mut self, sample: f32, at: At) -> f32 {
        match self.fault {
            RoomFault::HiddenVolume(factor) => sample * factor * if at < 12 * S { 1.0 } else { 0.5 },
            RoomFault::Clipping(level) => sample.clamp(-level, level),
            RoomFault::Mixer => sample + 0.3 * (self.noise.f32() - 0.5),
            RoomFault::None
            | RoomFault::NoStamps
            | RoomFault::StillStamps
            | RoomFault::LateStamps
            | RoomFault::TwoSpeakers
            | RoomFault::AutomaticGain => sample,
        }
    }

    /// Returns what the card makes of a sample of the microphone.
    pub(super) fn capture(&mut self, sample: f32) -> f32 {
        if self.fault != RoomFault::AutomaticGain {
            return sample;
        }
        let rate = if sample.abs() > self.level { TURNS_DOWN } else { TURNS_UP };
        self.level += rate * (sample.abs() - self.level);
        sample * (LEVEL / self.level.max(1e-4)).min(GAIN_MAX)
    }

    /// Returns the timestamp of the running speaker.
    pub(crate) fn stamp(&self, now: At) -> Stamp {
        match self.fault {
            RoomFault::NoStamps => Stamp::Missing,
            RoomFault::StillStamps => Stamp::At(S),
            RoomFault::LateStamps => Stamp::At(now + 12 * MS),
            RoomFault::None
            | RoomFault::HiddenVolume(_)
            | RoomFault::TwoSpeakers
            | RoomFault::Clipping(_)
            | RoomFault::AutomaticGain
            | RoomFault::Mixer => Stamp::At(now),
        }
    }
}
