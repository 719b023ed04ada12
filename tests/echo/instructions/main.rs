//! `echo-instructions PART FRAMES`: processes frames of 10 ms of noise, to have the instructions counted.
//!
//! The parts are the canceller, and the reference read between its samples, of a speaker at 24 or at 48 kHz. It counts
//! nothing itself: `run` takes the difference of two runs.
#![allow(dead_code, unused_imports, reason = "the modules are mynah's own, and only a part of them is run")]
#![expect(clippy::print_stdout, reason = "the sum keeps the work from being removed")]

#[path = "../../../src/echo/mod.rs"]
mod echo;
#[path = "../../../src/fnv.rs"]
mod fnv;
#[path = "../../../src/audio/reference/interpolator.rs"]
mod interpolator;

use echo::{EchoCanceller, FRAME, RATE_HZ};
use interpolator::SincInterpolator;

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [part, frames] = &arguments[..] else {
        return Err("usage: echo-instructions PART FRAMES".to_owned());
    };
    let frames = frames.parse().map_err(|_| format!("{frames}: not a number of frames"))?;
    match part.as_str() {
        "canceller" => cancel(frames),
        "reference-24" => read(24_000, frames),
        "reference-48" => read(48_000, frames),
        _ => return Err(format!("{part}: unknown; there are: canceller, reference-24, reference-48")),
    }
    Ok(())
}

/// Processes noise and its echo.
fn cancel(frames: u32) {
    let (mut canceller, mut noise) = (EchoCanceller::new(), Noise(1));
    let (mut out, mut sum) = ([0.0; FRAME], 0.0);
    for _ in 0..frames {
        let reference: [f32; FRAME] = std::array::from_fn(|_| 0.4 * noise.next());
        canceller.process(&reference.map(|sample| 0.5 * sample), &reference, &mut out);
        sum += out[0];
    }
    println!("{sum}");
}

/// Reads noise from a speaker whose clock is 300 ppm faster.
fn read(speaker_hz: u32, frames: u32) {
    let (interpolator, mut noise) = (SincInterpolator::new(speaker_hz, RATE_HZ), Noise(1));
    let played: Vec<f32> = (0..interpolator.frames_for(FRAME)).map(|_| noise.next()).collect();
    let mut sum = 0.0;
    for _ in 0..frames {
        let mut samples = [0.0; FRAME];
        interpolator.add(&played, 0.25, 1.0 + 300e-6, &mut samples);
        sum += samples[0];
    }
    println!("{sum}");
}

/// A linear congruential generator (D. E. Knuth's MMIX), of values between −0.5 and 0.5.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    }
}
