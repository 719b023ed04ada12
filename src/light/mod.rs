//! The light as a pure function of the device's state, the time and the audio levels.
//!
//! The session keeps a [`LightState`], renders it and writes the frame to the LEDs when it changes. Green, or
//! on a single-colour LED a light that never goes dark, means that the microphone is live. The states also
//! differ in motion, for users who cannot tell the colours apart. A static frame schedules no wake-up. It
//! holds no state and drives no LED.

mod fault;
mod render;
mod scene;

use std::time::Duration;

use crate::conversation::State;
use crate::model::Time;

pub use fault::{EXIT_DISPLAY, Fault, Impairments};

use scene::{Ages, Scene};

/// Maximum number of pixels of an LED.
pub const PIXELS: usize = 64;
/// Minimum time between two changes: 20 frames a second look smooth and cost little.
pub const STEP: Duration = Duration::from_millis(STEP_MS as u64);
/// Minimum time for which a single-colour LED stays dark after the microphone has closed.
pub const DARK: Duration = Duration::from_millis(DARK_MS as u64);

const STEP_MS: i64 = 50;
const DARK_MS: i64 = 200;
/// Every frame that changes by itself changes within this number of steps.
const HORIZON_STEPS: i64 = 10_000 / STEP_MS;

/// The state from which a frame is rendered. No time in it may be later than the time of rendering, except
/// [`HoldProgress::until`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LightState {
    pub state: State,
    /// When `state` began.
    pub since: Time,
    /// Whether captured audio may leave the device.
    pub microphone_live: bool,
    /// When the microphone was last closed.
    pub closed: Option<Time>,
    /// Whether the program has finished starting.
    pub booted: bool,
    /// Whether words or sound are recorded, which is shown while the program starts.
    pub records: bool,
    /// When the user last interrupted a reply.
    pub interrupted: Option<Time>,
    /// The volume in percent, and when it last changed.
    pub volume: Option<(u8, Time)>,
    /// The button is held for a reset.
    pub reset: Option<HoldProgress>,
    /// The current fault, and when it began.
    pub fault: Option<(Fault, Time)>,
    /// Whether the user has muted the microphone, in any state.
    pub muted: bool,
}

/// A button held for an action that is due at a later time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldProgress {
    /// When the warning began.
    pub since: Time,
    /// When the action is carried out.
    pub until: Time,
}

/// Peak levels since the last frame, 0 to 32768.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    pub microphone: u16,
    pub speaker: u16,
}

/// Everything that the user sees: the state and the levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indication {
    /// The state that every LED shows.
    pub light: LightState,
    pub levels: Levels,
}

/// The capabilities of an LED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedCaps {
    /// Number of pixels, 1 to [`PIXELS`].
    pub pixels: usize,
    /// Whether a pixel has a red, a green and a blue channel.
    pub colour: bool,
    /// Whether a pixel can be dimmed.
    pub dimmable: bool,
}

/// One frame of an LED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightFrame {
    /// Red, green and blue of each pixel, 0 to 255. On a single-colour LED all three are equal.
    pub pixels: heapless::Vec<[u8; 3], PIXELS>,
    /// The state in a word or two, e.g. `listening`.
    pub name: &'static str,
    /// When to render the next frame; `None` if only a change of the state changes the frame.
    pub next: Option<Duration>,
}

/// Renders the frame of `light` at `now` for an LED with the capabilities `caps`.
///
/// Levels affect only frames that have a `next`, so they need not be sampled more often.
#[must_use]
pub fn render(light: &LightState, now: Time, levels: Levels, caps: LedCaps) -> LightFrame {
    let (ages, into_step) = Ages::of(light, now);
    let at = |ages: &Ages, levels| {
        let scene = Scene::of(light, ages);
        let pixels =
            render::pixels(scene, &render::RenderInput { live: light.microphone_live, levels, caps }, ages);
        (pixels, scene.name(light.state))
    };
    let (pixels, name) = at(&ages, levels);
    let follows = {
        let all = u16::MAX;
        at(&ages, Levels::default()).0 != at(&ages, Levels { microphone: all, speaker: all }).0
    };
    let before = (&pixels, name);
    let changes = |steps: &i64| {
        let (pixels, name) = at(&ages.after_steps(*steps), levels);
        *steps == 1 && follows || (&pixels, name) != before
    };
    let next = (1..=HORIZON_STEPS).find(changes).map(|steps| STEP * steps as u32 - into_step);
    LightFrame { pixels, name, next }
}

/// Returns the state in a word or two, and when that changes if the state does not.
#[must_use]
pub fn state_name(light: &LightState, now: Time) -> (&'static str, Option<Duration>) {
    let (ages, into_step) = Ages::of(light, now);
    let name = |ages: &Ages| Scene::of(light, ages).name(light.state);
    let next = (1..=HORIZON_STEPS).find(|steps| name(&ages.after_steps(*steps)) != name(&ages));
    (name(&ages), next.map(|steps| STEP * steps as u32 - into_step))
}

/// Returns the perceived loudness of a peak, 0 to 255. The square root is closer to perception than the peak
/// itself.
#[must_use]
pub fn loudness(peak: u16) -> u8 {
    const FULL_SCALE: u16 = 32768;
    let root = (u32::from(peak.min(FULL_SCALE)) * 2).isqrt();
    root.min(255) as u8
}

impl LightState {
    /// Creates the state of a device that entered `state` at `now`, with the microphone closed and no fault.
    #[must_use]
    pub fn begin(state: State, now: Time) -> Self {
        Self {
            state,
            since: now,
            microphone_live: false,
            closed: None,
            booted: true,
            records: false,
            interrupted: None,
            volume: None,
            reset: None,
            fault: None,
            muted: false,
        }
    }
}
