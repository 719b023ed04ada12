//! What the simulated speaker plays at each instant, for a microphone with another clock.
//!
//! Nothing here is used by the product, so that an error in its interpolation or its alignment cannot hide itself.

use std::collections::VecDeque;
use std::f64::consts::PI;

use crate::sim::clock::{At, S};

/// How much of what was played is kept: what a microphone's buffer holds, and the length of a response.
const KEPT: At = 3 * S;
/// Samples on each side of an instant between two of them.
const SIDE: i64 = 16;

/// What the speaker has played, by its own clock.
#[derive(Default)]
pub(super) struct PlayedSound {
    runs: VecDeque<Run>,
    /// The position of the next frame, counted as the playback step does.
    next: u64,
}

/// Frames without a gap.
struct Run {
    /// When its first frame is played, in nanoseconds, and that frame's position.
    begin: f64,
    first: u64,
    frames_per_ns: f64,
    samples: VecDeque<f32>,
}

impl PlayedSound {
    pub(super) fn push(&mut self, sample: f32, at: At, frames_per_ns: f64) {
        let at_ns = at as f64;
        let continues = self.runs.back().is_some_and(|run| {
            run.first + run.samples.len() as u64 == self.next
                && (run.end() - at_ns).abs() * frames_per_ns < 0.5
        });
        if !continues {
            self.runs.retain(|run| run.end() + KEPT as f64 > at_ns);
            let samples = VecDeque::new();
            self.runs.push_back(Run { begin: at_ns, first: self.next, frames_per_ns, samples });
        }
        if let Some(run) = self.runs.back_mut() {
            run.samples.push_back(sample);
            if run.begin + 2.0 * (KEPT as f64) < at_ns {
                let old = (KEPT as f64 * frames_per_ns) as usize;
                run.samples.drain(..old);
                run.first += old as u64;
                run.begin += old as f64 / frames_per_ns;
            }
        }
        self.next += 1;
    }

    /// Records frames that were accepted and will never be played.
    pub(super) fn lose(&mut self, frames: usize) {
        self.next += frames as u64;
    }

    /// Returns the position that is played at a time; `None` while the speaker plays nothing.
    pub(super) fn position(&self, at_ns: f64) -> Option<f64> {
        let run = self.runs.iter().rev().find(|run| run.begin <= at_ns)?;
        let position = run.first as f64 + (at_ns - run.begin) * run.frames_per_ns;
        (at_ns <= run.end()).then_some(position)
    }

    /// Returns the sound at a time, between two samples: a windowed sinc.
    pub(super) fn sound(&self, at_ns: f64) -> f32 {
        let heard = |run: &Run| -> f64 {
            let at = (at_ns - run.begin) * run.frames_per_ns;
            if at < -SIDE as f64 || at > (run.samples.len() as i64 + SIDE) as f64 {
                return 0.0;
            }
            let (whole, part) = (at.floor() as i64, at - at.floor());
            let sine = (PI * part).sin();
            let taps = (1 - SIDE..=SIDE).filter_map(|tap| {
                let sample = *run.samples.get(usize::try_from(whole + tap).ok()?)?;
                let distance = part - tap as f64;
                let sign = if tap % 2 == 0 { 1.0 } else { -1.0 };
                let sinc = if distance.abs() < 1e-9 { 1.0 } else { sign * sine / (PI * distance) };
                let window = (PI * distance / (2.0 * SIDE as f64)).cos().max(0.0);
                Some(sinc * window * window * f64::from(sample))
            });
            taps.sum()
        };
        self.runs.iter().map(heard).sum::<f64>() as f32
    }
}

impl Run {
    fn end(&self) -> f64 {
        self.begin + self.samples.len() as f64 / self.frames_per_ns
    }
}
