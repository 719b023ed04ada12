//! From what a pixel shows to what a lamp is told: gamma and brightness, without changing what the colour means.

/// Gives what red, green and blue are of `full` where the lamp may be `brightness` of 255 bright.
///
/// Twice the value looks twice as bright (gamma 2). The brightest channel is rounded up and the others down: what
/// is lit never goes dark, and green stays green, at the lowest brightness too.
#[must_use]
pub fn gamma_correct(rgb: [u8; 3], brightness: u8, full: u32) -> [u32; 3] {
    const DIVISOR: u64 = 255 * 255 * 255;
    let max = rgb.into_iter().max().unwrap_or(0);
    rgb.map(|channel| {
        let square = u64::from(channel) * u64::from(channel);
        let light = square * u64::from(brightness) * u64::from(full);
        (if channel == max { light.div_ceil(DIVISOR) } else { light / DIVISOR }) as u32
    })
}
