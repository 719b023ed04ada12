//! What the owner sees, as a pure function of state, time and loudness.
//!
//! Nobody sets a light: the session asks for the picture and shows it where it differs. A still
//! picture never asks to be looked at again, so an idle light costs no wake-ups. States differ in
//! motion as well as in colour, for owners who do not see the colours.

use std::time::Duration;

use crate::conversation::State;

/// What a light shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Red, green and blue, 0 to 255 each, brightness included.
    pub rgb: [u8; 3],
    /// The state in one word.
    pub name: &'static str,
    /// How long it stays so by itself; none means for as long as the state lasts.
    pub next: Option<Duration>,
}

/// How loud it is right now: peaks of the samples since the last look, 0 to 32768.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// What the microphone hears.
    pub microphone: u16,
    /// What the speaker plays.
    pub speaker: u16,
}

/// The shortest time between two changes: 20 a second look smooth and cost little.
pub const STEP: Duration = Duration::from_millis(STEP_MS as u64);

const STEP_MS: u32 = 50;

/// Shows `state`, which has lasted `since`, at these `levels`.
///
/// Levels move only pictures that have a `next`; looking at them more often than that is waste.
#[must_use]
pub fn picture(state: State, since: Duration, levels: Levels) -> Picture {
    let (name, colour) = look(state);
    let at = |period_ms| (since.as_millis() % u128::from(period_ms)) as u32;
    let (brightness, next_ms) = match state {
        State::Connecting => blink(at(1600), &[800, 800]),
        State::Offline => blink(at(3000), &[150, 150, 150, 2550]),
        State::Muted => (255, None),
        State::Idle => (24, None),
        State::Listening => (64 + share(191, loudness(levels.microphone)), Some(till_step(at(STEP_MS)))),
        State::Thinking => (breath(at(BREATH_MS)), Some(till_step(at(STEP_MS)))),
        State::Speaking => (swell(at(SWELL_MS), levels.speaker), Some(till_step(at(STEP_MS)))),
    };
    let rgb = colour.map(|part| share(brightness, part));
    Picture { rgb, name, next: next_ms.map(|ms| Duration::from_millis(u64::from(ms))) }
}

/// How loud a peak sounds, 0 to 255: the ear is nearer to the square root than to the peak.
#[must_use]
pub fn loudness(peak: u16) -> u8 {
    let root = (u32::from(peak.min(FULL_SCALE)) * 2).isqrt();
    root.min(255) as u8
}

const FULL_SCALE: u16 = 32768;

/// Only listening may look green: the light must not lie about the microphone.
fn look(state: State) -> (&'static str, [u8; 3]) {
    match state {
        State::Connecting => ("connecting", [200, 200, 255]),
        State::Idle => ("idle", [150, 150, 255]),
        State::Listening => ("listening", [0, 255, 60]),
        State::Thinking => ("thinking", [200, 60, 255]),
        State::Speaking => ("speaking", [0, 110, 255]),
        State::Offline => ("offline", [255, 90, 0]),
        State::Muted => ("muted", [255, 0, 0]),
    }
}

/// Gives the brightness within a pattern that is lit, dark, lit and so on for `spans_ms`.
fn blink(at_ms: u32, spans_ms: &[u32]) -> (u8, Option<u32>) {
    let mut end_ms = 0;
    for (index, span_ms) in spans_ms.iter().enumerate() {
        end_ms += span_ms;
        if at_ms < end_ms {
            return (if index % 2 == 0 { 255 } else { 0 }, Some(end_ms - at_ms));
        }
    }
    (0, Some(STEP_MS))
}

const BREATH_MS: u32 = 2000;

/// Rises from dim to bright and falls again.
fn breath(at_ms: u32) -> u8 {
    let at_ms = at_ms - at_ms % STEP_MS;
    let rise_ms = at_ms.min(BREATH_MS - at_ms);
    30 + (rise_ms * 225 / (BREATH_MS / 2)) as u8
}

const SWELL_MS: u32 = 400;

/// Follows the speaker over a quick beat of its own, which listening does not have.
fn swell(at_ms: u32, speaker: u16) -> u8 {
    let beat = if at_ms < SWELL_MS / 2 { 48 } else { 0 };
    80 + beat + share(127, loudness(speaker))
}

fn till_step(at_ms: u32) -> u32 {
    STEP_MS - at_ms
}

/// Gives `part` of 255 of `whole`.
fn share(whole: u8, part: u8) -> u8 {
    (u16::from(whole) * u16::from(part) / 255) as u8
}
