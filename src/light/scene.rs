//! Chooses which part of the state the light shows, and computes the age of each part.
//!
//! Ages are rounded to steps that start with the state, so that a frame changes only at a step. It does not
//! decide what a scene looks like; `render` does.

use std::time::Duration;

use super::{Fault, HoldProgress, LightState, STEP, STEP_MS};
use crate::conversation::State;
use crate::model::Time;

/// Duration of the flash of an interruption, in milliseconds.
const FLASH_MS: i64 = 300;
/// Duration for which the volume is shown, in milliseconds.
const VOLUME_MS: i64 = 1500;
/// Duration for which a passing fault is shown, in milliseconds: two periods of the longest blink code.
const FAULT_MS: i64 = 8400;

/// What the light shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    Booting,
    /// Starting, and recording words or sound.
    Recording,
    Connecting,
    Idle,
    Listening,
    Thinking,
    Speaking,
    Muted,
    Offline,
    Interrupted,
    /// Percent.
    Volume(u8),
    Fault(Fault),
    Reset {
        /// Duration from the start of the warning to the reset.
        hold_ms: i64,
    },
}

/// Ages in milliseconds, at the start of the current step. The age of an event within the current step is
/// negative.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ages {
    pub(super) state: i64,
    pub(super) closed: Option<i64>,
    pub(super) reset: Option<i64>,
    interrupted: Option<i64>,
    volume: Option<i64>,
    fault: Option<i64>,
}

impl Scene {
    /// Returns the scene with the highest priority; feedback to the user's actions comes first.
    pub(super) fn of(light: &LightState, ages: &Ages) -> Self {
        if let Some(HoldProgress { since, until }) = light.reset {
            return Self::Reset { hold_ms: millis((until - since).as_nanos() as i128) };
        }
        match light.volume {
            Some((percent, _)) if ages.volume < Some(VOLUME_MS) => return Self::Volume(percent.min(100)),
            Some(_) | None => {}
        }
        if ages.interrupted.is_some_and(|age| age < FLASH_MS) {
            return Self::Interrupted;
        }
        let busy = match light.state {
            State::Thinking | State::Speaking => true,
            State::Connecting | State::Idle | State::Listening | State::Offline | State::Muted => false,
        };
        match light.fault {
            Some((fault, _)) if !busy && (fault.is_persistent() || ages.fault < Some(FAULT_MS)) => {
                return Self::Fault(fault);
            }
            Some(_) | None => {}
        }
        if !light.booted {
            return if light.records { Self::Recording } else { Self::Booting };
        }
        match light.state {
            State::Listening if light.microphone_live => Self::Listening,
            // The microphone is about to open, or held back until the room is quiet.
            State::Listening => Self::Connecting,
            State::Speaking => Self::Speaking,
            State::Thinking => Self::Thinking,
            State::Connecting => Self::Connecting,
            State::Idle => Self::Idle,
            State::Offline => Self::Offline,
            State::Muted => Self::Muted,
        }
    }

    /// Returns the name of the scene. An interruption is too short to be named and has the name of the state.
    pub(super) fn name(self, state: State) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Recording => "recording",
            Self::Volume(_) => "volume",
            Self::Fault(_) => "fault",
            Self::Reset { .. } => "reset soon",
            Self::Interrupted
            | Self::Connecting
            | Self::Idle
            | Self::Listening
            | Self::Thinking
            | Self::Speaking
            | Self::Muted
            | Self::Offline => match state {
                State::Connecting => "connecting",
                State::Idle => "idle",
                State::Listening => "listening",
                State::Thinking => "thinking",
                State::Speaking => "speaking",
                State::Offline => "offline",
                State::Muted => "muted",
            },
        }
    }
}

impl Ages {
    /// Returns the ages at the start of the step that contains `now`, and the time from that start to `now`.
    pub(super) fn of(light: &LightState, now: Time) -> (Self, Duration) {
        let into_step = Duration::from_nanos(((now - light.since).as_nanos() % STEP.as_nanos()) as u64);
        let age = |at: Time| {
            let nanos = i128::try_from((now - at).as_nanos()).unwrap_or(i128::MAX);
            millis(nanos - into_step.as_nanos() as i128)
        };
        let ages = Self {
            state: age(light.since),
            closed: light.closed.map(age),
            reset: light.reset.map(|hold| age(hold.since)),
            interrupted: light.interrupted.map(age),
            volume: light.volume.map(|(_, at)| age(at)),
            fault: light.fault.map(|(_, at)| age(at)),
        };
        (ages, into_step)
    }

    /// Returns the ages after `steps` more steps.
    pub(super) fn after_steps(&self, steps: i64) -> Self {
        let age = |age: i64| age.saturating_add(steps * STEP_MS);
        Self {
            state: age(self.state),
            closed: self.closed.map(age),
            reset: self.reset.map(age),
            interrupted: self.interrupted.map(age),
            volume: self.volume.map(age),
            fault: self.fault.map(age),
        }
    }

    /// Returns for how long the scene's pattern has been visible: a pattern restarts after another scene was
    /// shown.
    pub(super) fn of_pattern(&self, scene: Scene) -> i64 {
        let own = match scene {
            // A countdown must not restart.
            Scene::Reset { .. } => return self.reset.unwrap_or(0).max(0),
            Scene::Volume(_) => self.volume,
            Scene::Interrupted => self.interrupted,
            Scene::Fault(_) => self.fault,
            Scene::Booting
            | Scene::Recording
            | Scene::Connecting
            | Scene::Idle
            | Scene::Listening
            | Scene::Thinking
            | Scene::Speaking
            | Scene::Muted
            | Scene::Offline => Some(self.state),
        };
        let over = |age: Option<i64>, lasted_ms: i64| age.map(|age| age - lasted_ms).filter(|age| *age >= 0);
        let visible = [
            own,
            self.closed,
            over(self.volume, VOLUME_MS),
            over(self.interrupted, FLASH_MS),
            over(self.fault, FAULT_MS),
        ];
        visible.into_iter().flatten().min().unwrap_or(0).max(0)
    }
}

fn millis(nanos: i128) -> i64 {
    // The limit leaves room for a multiplication by the number of pixels.
    nanos.div_euclid(1_000_000).clamp((i64::MIN / 1024).into(), (i64::MAX / 1024).into()) as i64
}
