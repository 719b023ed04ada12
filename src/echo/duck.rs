//! Whether somebody talks over the echo: a rule of k in n frames on what the canceller leaves beyond its own model.
//!
//! Of speech that was half cancelled, single frames are missing; hence a count within a window, not a run. It does
//! not know what is said, and changes nothing that goes up: it decides about the loudspeaker's volume only.

use super::residual::ResidualEvidence;

/// A frame is evidence if what is left is above the model, and far above it in three of the 75 bins: a talker who is
/// 20 dB weaker than the echo is heard first in single harmonics, where the echo has none.
const EXCESS: f32 = 1.1;
const SHARE: f32 = 0.035;
/// Evidence and window of the two rules, in frames of 10 ms.
const WEAK: (u32, u32) = (3, 4);
const STRONG: (u32, u32) = (12, 24);

/// What the loudspeaker should do about a talker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duck {
    /// Nobody talks over the echo, as far as can be told.
    #[default]
    None,
    /// Somebody may: evidence in 3 of the last 4 frames. Worth 12 dB less.
    Weak,
    /// Somebody does: evidence in 12 of the last 24 frames. Worth 26 dB less.
    Strong,
}

/// The last frames, newest in bit 0: whether each was evidence.
#[derive(Default)]
pub(super) struct DuckDetector(u32);

impl DuckDetector {
    /// Returns whether none of the last 320 ms was evidence.
    pub(super) fn is_quiet(&self) -> bool {
        self.0 == 0
    }

    pub(super) fn push(&mut self, evidence: ResidualEvidence) -> Duck {
        let talks = evidence.excess > EXCESS && evidence.share > SHARE;
        self.0 = self.0 << 1 | u32::from(talks);
        let holds = |(k, n): (u32, u32)| (self.0 & ((1 << n) - 1)).count_ones() >= k;
        match (holds(STRONG), holds(WEAK)) {
            (true, _) => Duck::Strong,
            (false, true) => Duck::Weak,
            (false, false) => Duck::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALKER: ResidualEvidence = ResidualEvidence { excess: 1.2, share: 0.04 };

    #[test]
    fn three_of_four_frames_duck_weakly_and_twelve_of_24_strongly() {
        let told = |frames: &str| {
            let mut detector = DuckDetector::default();
            let ducks = frames.chars().map(|frame| match frame {
                '!' => detector.push(TALKER),
                _ => detector.push(ResidualEvidence::NONE),
            });
            ducks.last().unwrap_or_default()
        };
        assert_eq!(told("!!"), Duck::None);
        assert_eq!(told("!!!"), Duck::Weak);
        assert_eq!(told("!.!!"), Duck::Weak);
        assert_eq!(told("!!!.."), Duck::None);
        assert_eq!(told("!!..!!..!!"), Duck::None);
        assert_eq!(told("!!.!!.!!.!!.!!."), Duck::None);
        assert_eq!(told("!.!.!.!.!.!.!.!.!.!.!.!."), Duck::Strong);
        assert_eq!(told("!!!!!!!!!!!!............"), Duck::Strong);
        assert_eq!(told("!!!!!!!!!!!!............."), Duck::None);
    }

    #[test]
    fn both_the_level_and_the_width_count() {
        for (excess, share) in [(1.1, 0.5), (100.0, 0.035), (f32::NAN, 1.0), (100.0, f32::NAN)] {
            let mut detector = DuckDetector::default();
            let ducks = (0..30).map(|_| detector.push(ResidualEvidence { excess, share }));
            assert_eq!(ducks.max(), Some(Duck::None), "{excess} at {share}");
        }
    }
}
