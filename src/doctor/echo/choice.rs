//! Chooses what is done about the echo, by what was measured of it.
//!
//! It measures nothing and writes nothing.

use std::time::Duration;

use super::measurement::{CancellerGain, EchoMeasurement};
use crate::model::EchoCancellation;

/// What is removed at least where the device's own canceller is worth its work, in decibels, or down to so much above the
/// noise of the room: it learns for seconds here, and removes more later. And where its reference is of use to the service.
const STRONG_DB: f32 = 15.0;
const ABOVE_NOISE_DB: f32 = 6.0;
const WEAK_DB: f32 = 10.0;
/// The most distortion of an echo that a linear filter removes well, and that any canceller removes.
const DISTORTED: f32 = 0.1;
pub(super) const BROKEN: f32 = 0.3;
/// The most clipped samples of a loud sound with which any canceller works, and with which the device's own does well.
const CLIPPED: f32 = 0.02;
/// An echo of the loud sweep below this is hardly heard; above the other, a talker at one metre is 15 dB quieter.
pub(super) const FAINT_DB: f32 = -60.0;
const LOUD_DB: f32 = -20.0;
/// The shortest time and the longest for which half duplex holds the microphone back, and their steps.
const TAILS_MS: (f32, f32) = (100.0, 2_000.0);
const TAIL_STEP_MS: f32 = 50.0;
/// The time where the room was too loud to measure it.
const USUAL_TAIL: Duration = Duration::from_millis(300);

/// What is to be done about the echo, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct EchoChoice {
    pub cancellation: EchoCancellation,
    /// A clause, in words.
    pub reason: String,
    /// How long the microphone is held back after the speaker was heard, where it is held back.
    pub half_duplex_tail: Duration,
}

/// Chooses. `has_service` says whether the service can remove an echo itself.
pub(super) fn choose(measured: &EchoMeasurement, has_service: bool) -> EchoChoice {
    let (cancellation, reason) = decide(measured, has_service);
    let tail_ms = measured.tail_ms.map(|ms| (ms / TAIL_STEP_MS).ceil() * TAIL_STEP_MS);
    let half_duplex_tail =
        tail_ms.map_or(USUAL_TAIL, |ms| Duration::from_millis(ms.clamp(TAILS_MS.0, TAILS_MS.1) as u64));
    EchoChoice { cancellation, reason, half_duplex_tail }
}

fn decide(measured: &EchoMeasurement, has_service: bool) -> (EchoCancellation, String) {
    use EchoCancellation::{Client, Device, HalfDuplex, Off, Server};
    let EchoMeasurement { level_db, clipped, distortion, .. } = *measured;
    if level_db < FAINT_DB {
        let reason =
            format!("the echo is faint, {level_db:.0} dBFS: the board removes it, or the speaker is low");
        return (if has_service { Server } else { Off }, reason);
    }
    if clipped > CLIPPED {
        let share = clipped * 100.0;
        return (HalfDuplex, format!("{share:.0} % of the echo is clipped, which no canceller removes"));
    }
    if distortion > BROKEN {
        let share = distortion * 100.0;
        return (HalfDuplex, format!("the speaker distorts by {share:.0} %, which no canceller removes"));
    }
    let gain = match (&measured.problem, &measured.gain) {
        (None, Some(gain)) => gain,
        (problem, _) => {
            let why = problem.map_or_else(String::new, |problem| problem.to_string());
            return match (has_service, level_db <= LOUD_DB) {
                (true, true) => (Server, format!("it is not known what is played when ({why})")),
                (true, false) => (
                    HalfDuplex,
                    format!(
                        "the echo is loud, {level_db:.0} dBFS, and it is not known what is played when ({why})"
                    ),
                ),
                (false, _) => (
                    HalfDuplex,
                    format!("the service removes no echo, and it is not known what is played when ({why})"),
                ),
            };
        }
    };
    let removed = format!("the device's own canceller removes {:.0} dB", gain.filter_db);
    if is_strong(gain) && distortion <= DISTORTED {
        return (Device, removed);
    }
    let weak = if distortion > DISTORTED {
        format!("{removed}, and the speaker distorts by {:.0} %", distortion * 100.0)
    } else {
        format!("{removed}, too little of {:.0} dB", gain.limit_db)
    };
    match (has_service, gain.filter_db >= WEAK_DB || level_db <= LOUD_DB) {
        (true, true) => (Client, format!("{weak}; the service gets what is played")),
        (false, true) if gain.filter_db >= WEAK_DB => (Device, format!("{weak}; the service removes none")),
        (true | false, _) => (HalfDuplex, format!("{weak}, and the echo is loud, {level_db:.0} dBFS")),
    }
}

/// Returns whether the canceller removes enough, or all that is above the noise.
fn is_strong(gain: &CancellerGain) -> bool {
    gain.filter_db >= STRONG_DB.min((gain.limit_db - ABOVE_NOISE_DB).max(0.0))
}
