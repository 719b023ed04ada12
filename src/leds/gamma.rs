//! Gamma correction and brightness limit of a pixel. It keeps the hue recognisable and drives no LED.

/// Returns red, green and blue as values of 0 to `full`, limited to `brightness` of 255.
///
/// The gamma is 2. The brightest channel is rounded up and the others down, so that a lit pixel never goes
/// dark and green stays green even at the lowest brightness.
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
