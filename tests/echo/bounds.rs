//! What holds for any input: numbers, a bounded energy, no allocation, and a bounded memory.

use assert_no_alloc::assert_no_alloc;
use mynah::echo::{ENERGY_GAIN_MAX, EchoCanceller, EchoResponse, FRAME};
use proptest::prelude::*;

use crate::allocator::{as_device, device_bytes};

use super::scenes::measure::energy;

/// The memory of a canceller: 200 KiB.
const MEMORY_MAX: isize = 200 * 1024;
/// Rounding of single precision.
const ROUNDING: f32 = 1.001;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Sounds of all kinds, echoes of all kinds, and what is no sound at all.
    #[test]
    fn whatever_comes_in_numbers_of_bounded_energy_go_out(
        parts in proptest::collection::vec((kind(), kind(), -3.0..1.5_f32, 0..4_usize), 1..8),
        seed in any::<u64>(),
    ) {
        let mut canceller = EchoCanceller::new();
        let mut rng = fastrand::Rng::with_seed(seed);
        // The microphone's energy in the last two frames and in the one that is coming.
        let mut energies = [0.0; 3];
        for (reference_kind, microphone_kind, gain, late) in parts {
            let mut past = vec![[0.0; FRAME]; 5];
            for _ in 0..60 {
                let reference: [f32; FRAME] = std::array::from_fn(|n| reference_kind.sample(n, &mut rng));
                past.rotate_right(1);
                past[0] = reference;
                let echo = past[late];
                let microphone: [f32; FRAME] =
                    std::array::from_fn(|n| 10f32.powf(gain) * echo[n] + microphone_kind.sample(n, &mut rng));
                let mut out = [f32::NAN; FRAME];
                let report = assert_no_alloc(|| canceller.process(&microphone, &reference, &mut out));
                energies = [energies[1], energies[2], energy(&microphone.map(as_understood))];
                prop_assert!(out.iter().all(|sample| sample.is_finite()));
                let most = ENERGY_GAIN_MAX * energies.iter().sum::<f32>() * ROUNDING + 1e-5;
                prop_assert!(energy(&out) <= most, "{} of {energies:?}: {report:?}", energy(&out));
                prop_assert!(report.erle_db.is_finite() && report.excess_db.is_finite(), "{report:?}");
            }
        }
    }
}

#[test]
fn a_canceller_takes_at_most_200_kib() {
    let before = device_bytes();
    let canceller = as_device(|| Box::new(EchoCanceller::new()));
    let bytes = device_bytes() - before;
    assert!((100 * 1024..=MEMORY_MAX).contains(&bytes), "{bytes} bytes");
    drop(canceller);
}

#[test]
fn after_what_is_no_number_an_echo_is_cancelled_again() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut canceller = EchoCanceller::new();
    let mut out = [0.0; FRAME];
    let mut last = None;
    for frame in 0..400 {
        let mut reference = [0.0; FRAME].map(|_: f32| 0.4 * (rng.f32() - 0.5));
        let mut microphone = reference.map(|sample| 0.7 * sample);
        if (100..110).contains(&frame) {
            microphone[7] = f32::NAN;
            reference[9] = f32::NEG_INFINITY;
        }
        let report = canceller.process(&microphone, &reference, &mut out);
        assert_eq!(report.not_numbers, if (100..110).contains(&frame) { 2 } else { 0 });
        last = Some(report);
    }
    let report = last.unwrap();
    assert!(report.erle_db > 30.0, "{report:?}");
}

#[test]
fn a_filter_that_makes_the_sound_louder_is_forgotten_even_if_it_cannot_learn() {
    let mut rng = fastrand::Rng::with_seed(4);
    let mut canceller = EchoCanceller::new();
    let mut wrong = EchoResponse::silent();
    wrong.taps[3] = 5.0;
    assert!(canceller.restore(&wrong));
    let mut out = [0.0; FRAME];
    let mut forgotten = Vec::new();
    let mut left = f32::NAN;
    for frame in 0..400 {
        let reference = [0.0; FRAME].map(|_: f32| 0.4 * (rng.f32() - 0.5));
        let mut microphone = reference.map(|sample| 0.1 * sample);
        // Clipped frames teach nothing.
        microphone[5] = if frame < 100 { 1.0 } else { microphone[5] };
        let report = canceller.process(&microphone, &reference, &mut out);
        if report.forgotten > 0 {
            forgotten.push(frame);
        }
        left = energy(&out) / energy(&microphone);
    }
    assert!(matches!(forgotten[..], [19..40]), "{forgotten:?}");
    assert!(left < 0.01, "{left} of the energy");
}

/// A kind of sound.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Silence,
    Noise(f32),
    Square,
    Offset,
    Click,
    NoNumbers,
    Huge,
    AnyBits,
}

impl Kind {
    fn sample(self, n: usize, rng: &mut fastrand::Rng) -> f32 {
        let noise = 2.0 * rng.f32() - 1.0;
        match self {
            Kind::Silence => 0.0,
            Kind::Noise(level) => level * noise,
            Kind::Square => {
                if n % 50 < 25 {
                    1.0
                } else {
                    -1.0
                }
            }
            Kind::Offset => 0.9,
            Kind::Click => {
                if n == 17 {
                    1.0
                } else {
                    0.0
                }
            }
            Kind::NoNumbers => {
                if n.is_multiple_of(97) {
                    f32::NAN
                } else {
                    0.1 * noise
                }
            }
            Kind::Huge => {
                if n.is_multiple_of(31) {
                    f32::INFINITY
                } else {
                    f32::MAX * noise
                }
            }
            Kind::AnyBits => f32::from_bits(rng.u32(..)),
        }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => Just(Kind::Silence),
        4 => (0.0..1.0_f32).prop_map(Kind::Noise),
        1 => Just(Kind::Noise(1e-5)),
        1 => Just(Kind::Square),
        1 => Just(Kind::Offset),
        1 => Just(Kind::Click),
        1 => Just(Kind::NoNumbers),
        1 => Just(Kind::Huge),
        1 => Just(Kind::AnyBits),
    ]
}

/// What a canceller makes of a sample: 0 of what is no number, and a limit.
fn as_understood(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-mynah::echo::PEAK_MAX, mynah::echo::PEAK_MAX) } else { 0.0 }
}
