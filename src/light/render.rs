//! The pattern of each scene on each kind of LED.
//!
//! LEDs of several pixels show motion across them, a single pixel changes over time, and an LED that is only
//! on or off gives short flashes. While the microphone is live, one pixel is green in every scene; a
//! single-colour LED is then never dark, and otherwise dark most of the time. It does not choose the scene.

use super::scene::{Ages, Scene};
use super::{DARK_MS, Fault, LedCaps, Levels, PIXELS, loudness};

/// Minimum brightness of a pixel that shows the live microphone: a quarter.
const MIN_LIVE: u8 = 64;

/// What a scene is rendered for.
pub(super) struct RenderInput {
    pub(super) live: bool,
    pub(super) levels: Levels,
    pub(super) caps: LedCaps,
}

/// Returns red, green and blue of every pixel.
pub(super) fn pixels(scene: Scene, input: &RenderInput, ages: &Ages) -> heapless::Vec<[u8; 3], PIXELS> {
    let LedCaps { pixels, colour, dimmable } = input.caps;
    let count = pixels.clamp(1, PIXELS);
    let age_ms = ages.of_pattern(scene);
    if !colour {
        let has_just_closed = ages.closed.is_some_and(|age| age < DARK_MS);
        let lit = if has_just_closed && !input.live { 0 } else { single_colour(scene, input, age_ms) };
        return (0..count).map(|_| [lit; 3]).collect();
    }
    let pixel = |index| {
        let lit = match count {
            1 => single_pixel(scene, age_ms, input.levels),
            _ => pixel_of_many(scene, age_ms, input.levels, index, count),
        };
        // The first pixel is green even if the scene lights every pixel.
        let is_green = input.live && (index == 0 || lit < MIN_LIVE);
        let rgb = if is_green { green(scene, lit) } else { tint(colour_of(scene), lit) };
        if dimmable { rgb } else { saturate(rgb) }
    };
    (0..count).map(pixel).collect()
}

/// Returns the brightness of a single-colour LED.
fn single_colour(scene: Scene, input: &RenderInput, age_ms: i64) -> u8 {
    match (input.live, input.caps.dimmable) {
        (true, true) => at_least_live(single_pixel(scene, age_ms, input.levels)),
        (true, false) => u8::MAX,
        (false, true) => glint(scene, age_ms, input.levels),
        (false, false) if glint(scene, age_ms, input.levels) > 0 => u8::MAX,
        (false, false) => 0,
    }
}

/// Returns the colour of a scene while the microphone is closed. None may be mistaken for green.
fn colour_of(scene: Scene) -> [u8; 3] {
    match scene {
        Scene::Booting | Scene::Interrupted | Scene::Volume(_) => [255, 255, 255],
        Scene::Connecting => [200, 200, 255],
        Scene::Idle => [150, 150, 255],
        Scene::Thinking => [200, 60, 255],
        Scene::Speaking | Scene::Listening => [0, 110, 255],
        Scene::Recording | Scene::Muted | Scene::Fault(_) | Scene::Reset { .. } => [255, 0, 0],
        Scene::Offline => [255, 90, 0],
    }
}

/// Returns the brightness of a single pixel of an LED that may be lit permanently.
fn single_pixel(scene: Scene, age_ms: i64, levels: Levels) -> u8 {
    match scene {
        Scene::Booting => ratio(age_ms % 1000 + 50, 1000),
        Scene::Recording => flash(age_ms, &[700, 300]),
        Scene::Connecting => flash(age_ms, &[800, 800]),
        Scene::Idle => 24,
        Scene::Listening => loudness(levels.microphone),
        Scene::Thinking => breath(age_ms),
        // The regular dip distinguishes speaking from listening at every level.
        Scene::Speaking if age_ms % 400 < 50 => 40,
        Scene::Speaking => 100 + scale(155, loudness(levels.speaker)),
        Scene::Muted => 255,
        Scene::Offline => flash(age_ms, &[150, 150, 150, 2550]),
        Scene::Interrupted => flash(age_ms, &[150, 150]),
        Scene::Volume(percent) => scale(flash(age_ms, &[400, 100]), volume_brightness(percent)),
        Scene::Fault(fault) => blinks(fault, age_ms, &BlinkCode { first_ms: 0, lit_ms: 200, last_ms: 1400 }),
        Scene::Reset { hold_ms } => countdown(age_ms, hold_ms),
    }
}

/// Returns the brightness of an LED that must be dark most of the time: short flashes, each after a pause.
fn glint(scene: Scene, age_ms: i64, levels: Levels) -> u8 {
    match scene {
        Scene::Booting => flash(age_ms, &[0, 200, 50]),
        Scene::Recording => flash(age_ms, &[0, 550, 150, 150, 150]),
        Scene::Connecting | Scene::Listening => flash(age_ms, &[0, 850, 150]),
        Scene::Idle => 0,
        Scene::Thinking => flash(age_ms, &[0, 400, 100]),
        Scene::Speaking => scale(
            flash(age_ms, &[0, 300, 150, 150, 50]),
            MIN_LIVE + scale(255 - MIN_LIVE, loudness(levels.speaker)),
        ),
        Scene::Muted => flash(age_ms, &[0, 3900, 100]),
        Scene::Offline => flash(age_ms, &[0, 2550, 150, 150, 150]),
        Scene::Interrupted => flash(age_ms, &[0, 200, 100]),
        Scene::Volume(percent) => scale(flash(age_ms, &[0, 200, 100]), volume_brightness(percent)),
        Scene::Fault(fault) => {
            blinks(fault, age_ms, &BlinkCode { first_ms: 300, lit_ms: 150, last_ms: 1100 })
        }
        Scene::Reset { hold_ms } => countdown(age_ms, hold_ms),
    }
}

/// Returns the brightness of pixel `index` of `count`, for LEDs of several pixels.
fn pixel_of_many(scene: Scene, age_ms: i64, levels: Levels, index: usize, count: usize) -> u8 {
    let (index, count) = (index as i64, count as i64);
    let position = |period_ms: i64| age_ms % period_ms * count / period_ms;
    let lit_pixels = |of: i64, whole: i64| (of * count + whole - 1) / whole;
    match scene {
        Scene::Booting if index < lit_pixels(age_ms % 1000 + 50, 1050) => 255,
        Scene::Connecting if index == position(1600) => 255,
        Scene::Thinking if index == position(1000) => 255,
        Scene::Thinking if index == (position(1000) + count - 1) % count => 80,
        Scene::Booting | Scene::Connecting | Scene::Thinking => 0,
        Scene::Speaking if index < lit_pixels(loudness(levels.speaker).into(), 255) => {
            single_pixel(scene, age_ms, levels)
        }
        Scene::Speaking => single_pixel(scene, age_ms, Levels::default()),
        Scene::Volume(percent) if index < lit_pixels(percent.into(), 100) => 255,
        Scene::Volume(_) => 8,
        Scene::Reset { hold_ms } if index < age_ms.min(hold_ms) * count / hold_ms.max(1) => 255,
        Scene::Reset { hold_ms } => countdown(age_ms, hold_ms),
        Scene::Recording
        | Scene::Idle
        | Scene::Listening
        | Scene::Muted
        | Scene::Offline
        | Scene::Interrupted
        | Scene::Fault(_) => single_pixel(scene, age_ms, levels),
    }
}

/// Returns the brightness in a repeated pattern that is lit, dark, lit and so on for `spans_ms`.
fn flash(age_ms: i64, spans_ms: &[i64]) -> u8 {
    let mut rest = age_ms % spans_ms.iter().sum::<i64>().max(1);
    for (index, span_ms) in spans_ms.iter().enumerate() {
        if rest < *span_ms {
            return if index % 2 == 0 { 255 } else { 0 };
        }
        rest -= span_ms;
    }
    0
}

/// The timing of a blink code: a pause, blinks of 400 ms each, a pause.
struct BlinkCode {
    first_ms: i64,
    lit_ms: i64,
    last_ms: i64,
}

fn blinks(fault: Fault, age_ms: i64, blink: &BlinkCode) -> u8 {
    const EACH_MS: i64 = 400;
    let blinking = i64::from(fault.blinks()) * EACH_MS;
    let rest = age_ms % (blink.first_ms + blinking + blink.last_ms) - blink.first_ms;
    if (0..blinking).contains(&rest) && rest % EACH_MS < blink.lit_ms { 255 } else { 0 }
}

/// Returns the brightness of a warning that blinks faster in each third of `hold_ms`.
fn countdown(age_ms: i64, hold_ms: i64) -> u8 {
    let third = (hold_ms / 3).max(1);
    let passed = (age_ms / third).min(2);
    let dark_ms = [400, 200, 100][passed as usize];
    flash(age_ms - passed * third, &[0, dark_ms, 100])
}

/// Returns the brightness of a slow rise and fall.
fn breath(age_ms: i64) -> u8 {
    const BREATH_MS: i64 = 2000;
    let age_ms = age_ms % BREATH_MS;
    20 + scale(235, ratio(age_ms.min(BREATH_MS - age_ms), BREATH_MS / 2))
}

/// Returns the volume as brightness; the lowest volume is still visible.
fn volume_brightness(percent: u8) -> u8 {
    ratio(percent.into(), 100).max(24)
}

/// Returns green, at [`MIN_LIVE`] plus a share of `lit`, with a tint of the scene's colour.
fn green(scene: Scene, lit: u8) -> [u8; 3] {
    let lit = at_least_live(lit);
    let [red, _, blue] = tint(colour_of(scene), lit);
    [red / 3, lit, blue / 3]
}

fn at_least_live(lit: u8) -> u8 {
    MIN_LIVE + scale(255 - MIN_LIVE, lit)
}

fn tint(colour: [u8; 3], lit: u8) -> [u8; 3] {
    colour.map(|channel| scale(lit, channel))
}

/// Returns the nearest colour whose channels are fully on or off.
fn saturate(rgb: [u8; 3]) -> [u8; 3] {
    let most = rgb.into_iter().max().unwrap_or(0);
    rgb.map(|channel| if most >= MIN_LIVE && channel >= most.div_ceil(2) { 255 } else { 0 })
}

/// Returns `of / whole` scaled to 255.
fn ratio(of: i64, whole: i64) -> u8 {
    (of * 255 / whole.max(1)).clamp(0, 255) as u8
}

/// Returns `whole` scaled by `factor / 255`.
fn scale(whole: u8, factor: u8) -> u8 {
    (u16::from(whole) * u16::from(factor) / 255) as u8
}
