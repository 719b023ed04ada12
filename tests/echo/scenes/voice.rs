//! Synthesised voices: a pulse source and noise through formants that move, in sentences of syllables, words and
//! pauses.
//!
//! No words and no one's voice: it has the rhythm, the pitch, the spectrum and the gaps of speech, which is all that
//! a canceller sees. The formants of the vowels are the averages of G. E. Peterson and H. L. Barney, 1952.

use std::f32::consts::{PI, TAU};

use super::RATE;

/// The first three formants in Hz of ten vowels, for a man.
const VOWELS: [[f32; 3]; 10] = [
    [270.0, 2290.0, 3010.0],
    [390.0, 1990.0, 2550.0],
    [530.0, 1840.0, 2480.0],
    [660.0, 1720.0, 2410.0],
    [730.0, 1090.0, 2440.0],
    [570.0, 840.0, 2410.0],
    [440.0, 1020.0, 2240.0],
    [300.0, 870.0, 2240.0],
    [640.0, 1190.0, 2390.0],
    [490.0, 1350.0, 1690.0],
];
/// All formants below half the rate: the higher ones stay where a tube of 17 cm has them.
const FORMANTS: usize = 9;
/// How often the formants move, in samples: every 2 ms.
const STEP: usize = RATE / 500;

/// One person: pitch, the length of the vocal tract, breath, tempo.
pub(crate) struct Voice {
    rng: fastrand::Rng,
    pitch_hz: f32,
    tract: f32,
    breath: f32,
    tempo: f32,
    phase: f32,
    /// The last two outputs of each formant, and of the filter of the fricatives.
    formants: [[f32; 2]; FORMANTS],
    friction: [f32; 2],
    last: f32,
}

/// What the mouth does at the start of a syllable.
#[derive(Clone, Copy)]
enum Consonant {
    None,
    /// Silence, then a burst.
    Stop,
    /// Noise around this frequency in Hz.
    Fricative(f32),
    /// The nose: voiced, low and soft.
    Nasal,
}

impl Voice {
    pub(crate) fn new(seed: u64) -> Voice {
        let mut rng = fastrand::Rng::with_seed(seed);
        let high = rng.bool();
        let mut within = |low: f32, range: f32| low + range * rng.f32();
        let (pitch_hz, tract) = if high {
            (within(165.0, 80.0), within(1.1, 0.12))
        } else {
            (within(85.0, 60.0), within(0.94, 0.12))
        };
        let (breath, tempo) = (within(0.01, 0.04), within(0.85, 0.35));
        Voice {
            rng,
            pitch_hz,
            tract,
            breath,
            tempo,
            phase: 0.0,
            formants: [[0.0; 2]; FORMANTS],
            friction: [0.0; 2],
            last: 0.0,
        }
    }

    /// Returns a sentence of about one to three seconds.
    pub(crate) fn sentence(&mut self) -> Vec<f32> {
        let words = self.rng.usize(3..8);
        let mut sentence = Vec::new();
        for word in 0..words {
            for _ in 0..self.rng.usize(1..4) {
                // The pitch falls towards the end.
                let declination = 1.15 - 0.3 * word as f32 / words as f32;
                self.syllable(declination, &mut sentence);
            }
            if self.rng.u8(0..3) == 0 {
                sentence.extend(std::iter::repeat_n(0.0, self.samples(0.04, 0.12)));
            }
        }
        sentence
    }

    fn syllable(&mut self, declination: f32, to: &mut Vec<f32>) {
        let vowel = VOWELS[self.rng.usize(..VOWELS.len())];
        let next = VOWELS[self.rng.usize(..VOWELS.len())];
        let consonant = match self.rng.u8(0..8) {
            0 | 1 => Consonant::None,
            2..=4 => Consonant::Stop,
            5 | 6 => Consonant::Fricative(2500.0 + 3500.0 * self.rng.f32()),
            _ => Consonant::Nasal,
        };
        match consonant {
            Consonant::None => {}
            Consonant::Stop => {
                to.extend(std::iter::repeat_n(0.0, self.samples(0.03, 0.03)));
                let burst = self.samples(0.008, 0.015);
                let hz = 1500.0 + 3000.0 * self.rng.f32();
                self.noise(burst, hz, 0.8, to);
            }
            Consonant::Fricative(hz) => {
                let samples = self.samples(0.05, 0.08);
                self.noise(samples, hz, 0.35, to);
            }
            Consonant::Nasal => {
                let samples = self.samples(0.04, 0.04);
                self.voiced(samples, [[250.0, 1200.0, 2200.0]; 2], 0.35, declination, to);
            }
        }
        let samples = self.samples(0.09, 0.13);
        let stress = 0.5 + 0.5 * self.rng.f32();
        let end = std::array::from_fn(|n| 0.6 * vowel[n] + 0.4 * next[n]);
        self.voiced(samples, [vowel, end], stress, declination, to);
    }

    /// Appends the source through formants that move from the first three to the second.
    fn voiced(
        &mut self,
        samples: usize,
        [from, target]: [[f32; 3]; 2],
        level: f32,
        declination: f32,
        to: &mut Vec<f32>,
    ) {
        let melody = 1.0 + 0.12 * (self.rng.f32() - 0.5);
        let mut tract = [Resonance::new(0.0, 0.0); FORMANTS];
        for n in 0..samples {
            let share = n as f32 / samples as f32;
            if n % STEP == 0 {
                tract = std::array::from_fn(|formant| {
                    let hz = match (from.get(formant), target.get(formant)) {
                        (Some(from), Some(target)) => from + share * (target - from),
                        _ => 1000.0 * (formant as f32 + 0.5),
                    };
                    Resonance::new(self.tract * hz, 50.0 + 0.05 * hz)
                });
            }
            let pitch = self.pitch_hz * declination * melody * (1.0 + 0.015 * (self.rng.f32() - 0.5));
            self.phase = (self.phase + pitch / RATE as f32).fract();
            // A glottal pulse (A. E. Rosenberg, 1971), and breath while it is open.
            let pulse = match self.phase {
                opening if opening < 0.4 => 0.5 * (1.0 - (PI * opening / 0.4).cos()),
                closing if closing < 0.56 => (0.5 * PI * (closing - 0.4) / 0.16).cos(),
                _ => 0.0,
            };
            let source = pulse + self.breath * pulse * (2.0 * self.rng.f32() - 1.0);
            // The lips radiate the derivative.
            let mut sound = source - 0.97 * self.last;
            self.last = source;
            for (resonance, state) in tract.iter().zip(&mut self.formants) {
                sound = resonance.pass(sound, state);
            }
            to.push(level * envelope(share) * sound);
        }
    }

    fn noise(&mut self, samples: usize, hz: f32, level: f32, to: &mut Vec<f32>) {
        let resonance = Resonance::new((hz * self.tract).min(0.45 * RATE as f32), 0.3 * hz);
        let mut last = 0.0;
        for n in 0..samples {
            let noise = 0.03 * (2.0 * self.rng.f32() - 1.0);
            let sound = resonance.pass(noise, &mut self.friction);
            // A resonator passes the low part, which friction has not.
            let sharp = sound - std::mem::replace(&mut last, sound);
            to.push(level * envelope(n as f32 / samples as f32) * sharp);
        }
    }

    fn samples(&mut self, least_s: f32, range_s: f32) -> usize {
        ((least_s + range_s * self.rng.f32()) / self.tempo * RATE as f32) as usize
    }
}

/// Rises within 15 % and falls within 25 % of a sound.
fn envelope(share: f32) -> f32 {
    (share / 0.15).min((1.0 - share) / 0.25).clamp(0.0, 1.0)
}

/// A resonance with a gain of 1 at 0 Hz (D. H. Klatt, 1980).
#[derive(Clone, Copy)]
struct Resonance {
    b: f32,
    c: f32,
}

impl Resonance {
    fn new(hz: f32, bandwidth_hz: f32) -> Resonance {
        let radius = (-PI * bandwidth_hz / RATE as f32).exp();
        Resonance { b: 2.0 * radius * (TAU * hz / RATE as f32).cos(), c: -radius * radius }
    }

    fn pass(self, input: f32, state: &mut [f32; 2]) -> f32 {
        let output = (1.0 - self.b - self.c) * input + self.b * state[0] + self.c * state[1];
        *state = [output, state[0]];
        output
    }
}
