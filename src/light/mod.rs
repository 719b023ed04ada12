//! What the owner sees, as a pure function of facts, time and loudness.
//!
//! Nobody sets a light: the session keeps the facts, asks for the picture and shows it where it differs.
//! Green, or where there is one colour a light that never goes dark, means that the microphone is live; motion
//! says what the device is doing, so that states differ for owners who do not see the colours, too. A still
//! picture never asks to be looked at again. It holds no state and knows no lamp.

mod render;
mod scene;

use std::time::Duration;

use crate::conversation::State;
use crate::model::Time;
use scene::{Ages, Scene};

/// The pixels of the largest lamp.
pub const PIXELS: usize = 64;
/// The shortest time between two changes: 20 a second look smooth and cost little.
pub const STEP: Duration = Duration::from_millis(STEP_MS as u64);
/// A lamp of one colour stays dark for at least so long after the microphone has closed.
pub const DARK: Duration = Duration::from_millis(DARK_MS as u64);

const STEP_MS: i64 = 50;
const DARK_MS: i64 = 200;
/// No picture that will change by itself stays for longer, in steps.
const HORIZON_STEPS: i64 = 10_000 / STEP_MS;

/// Everything that a picture is made of. Times lie in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LightState {
    pub state: State,
    /// Since when.
    pub since: Time,
    /// Whether samples of the microphone may leave the device.
    pub microphone_live: bool,
    /// When they last ceased to.
    pub closed: Option<Time>,
    /// Whether the program is through with starting.
    pub booted: bool,
    /// When the owner last interrupted.
    pub interrupted: Option<Time>,
    /// The volume, percent, and when it was last changed.
    pub volume: Option<(u8, Time)>,
    /// The button is held for a reset.
    pub reset: Option<HoldProgress>,
    /// What is wrong, and since when.
    pub fault: Option<(Fault, Time)>,
    /// Whether the owner has cut the microphone off, whatever else goes on.
    pub muted: bool,
}

/// A button that is held until something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldProgress {
    /// When the warning began.
    pub since: Time,
    /// When it acts.
    pub until: Time,
}

/// What is wrong. Each kind has its count of blinks ([`Fault::blinks`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The service refuses the device as it is set up: key, model, address.
    Misconfigured,
    /// The account cannot pay for more.
    Quota,
    /// A turn got no reply, or half of one.
    NoReply,
    /// The microphone cannot be opened, is gone, or gives no sound that is of use.
    NoMicrophone,
    /// The speaker cannot be opened, is gone, or does not play as it should.
    NoSpeaker,
    /// A button is stuck or chatters.
    Button,
    /// The service says that something failed.
    Service,
}

/// How loud it is right now: peaks of the samples since the last look, 0 to 32768.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    pub microphone: u16,
    pub speaker: u16,
}

/// What the user sees: the state and the levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indication {
    /// What every light is a picture of.
    pub facts: LightState,
    pub levels: Levels,
}

/// What a lamp can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedCaps {
    /// How many pixels, 1 to [`PIXELS`].
    pub pixels: usize,
    /// Whether a pixel has red, green and blue.
    pub colour: bool,
    /// Whether a pixel can be dimmed.
    pub dimmable: bool,
}

/// What a lamp shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightFrame {
    /// Red, green and blue of each pixel, 0 to 255. Without colour all three are the same.
    pub pixels: heapless::Vec<[u8; 3], PIXELS>,
    /// What the device is doing, in a word.
    pub name: &'static str,
    /// How long it stays so by itself; none means until a fact changes.
    pub next: Option<Duration>,
}

/// Gives the picture of `facts` at `now` for a lamp with this `face`.
///
/// Levels move only pictures that have a `next`; looking at them more often than that is waste.
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

/// Names what the device is doing, and how long it is called so if no fact changes.
#[must_use]
pub fn word(light: &LightState, now: Time) -> (&'static str, Option<Duration>) {
    let (ages, into_step) = Ages::of(light, now);
    let name = |ages: &Ages| Scene::of(light, ages).name(light.state);
    let next = (1..=HORIZON_STEPS).find(|steps| name(&ages.after_steps(*steps)) != name(&ages));
    (name(&ages), next.map(|steps| STEP * steps as u32 - into_step))
}

/// Gives how loud a peak sounds, 0 to 255: the ear is nearer to the square root than to the peak.
#[must_use]
pub fn loudness(peak: u16) -> u8 {
    const FULL_SCALE: u16 = 32768;
    let root = (u32::from(peak.min(FULL_SCALE)) * 2).isqrt();
    root.min(255) as u8
}

impl LightState {
    /// Makes the facts of a device that has just started and does `state`.
    #[must_use]
    pub fn begin(state: State, now: Time) -> Self {
        Self {
            state,
            since: now,
            microphone_live: false,
            closed: None,
            booted: true,
            interrupted: None,
            volume: None,
            reset: None,
            fault: None,
            muted: false,
        }
    }
}

impl Fault {
    /// Gives how often a light blinks for it, then pauses.
    #[must_use]
    pub fn blinks(self) -> u8 {
        match self {
            Self::Misconfigured => 1,
            Self::Quota => 2,
            Self::NoReply => 3,
            Self::NoMicrophone => 4,
            Self::NoSpeaker => 5,
            Self::Button => 6,
            Self::Service => 7,
        }
    }

    /// Tells whether it lasts until the fact is taken back; the others are shown for a while and then forgotten.
    #[must_use]
    pub fn is_lasting(self) -> bool {
        match self {
            Self::Misconfigured | Self::Quota | Self::NoMicrophone | Self::NoSpeaker | Self::Button => true,
            Self::NoReply | Self::Service => false,
        }
    }
}
