//! Rooms: the impulse response of a box by its mirror images, and what a small loudspeaker does to a sound.

use super::RATE;
use super::fourier::convolve;

const SOUND_M_PER_S: f64 = 343.0;

/// A box with a device and a talker.
pub(crate) struct Room {
    size_m: [f64; 3],
    microphone_m: [f64; 3],
    loudspeaker_m: [f64; 3],
    talker_m: [f64; 3],
    rt60_s: f64,
    seed: u64,
}

impl Room {
    /// Draws a room of this reverberation time, the loudspeaker at this distance from the microphone, a talker at 1.2
    /// to 2.2 m.
    pub(crate) fn new(seed: u64, rt60_s: f64, distance_m: f64) -> Room {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut within = |low: f64, range: f64| low + range * rng.f64();
        let size_m = [within(3.5, 2.5), within(3.0, 2.0), 2.6];
        let microphone_m = [within(1.0, 1.0), within(1.0, 1.0), within(0.8, 0.4)];
        let (turn, tilt) = (within(0.0, std::f64::consts::TAU), within(-0.3, 0.6));
        let towards = [turn.cos() * tilt.cos(), turn.sin() * tilt.cos(), tilt.sin()];
        let loudspeaker_m = std::array::from_fn(|axis| microphone_m[axis] + distance_m * towards[axis]);
        let (turn, away) = (within(0.0, std::f64::consts::TAU), within(1.2, 1.0));
        let away = [turn.cos() * away, turn.sin() * away, 0.5];
        let talker_m =
            std::array::from_fn(|axis| (microphone_m[axis] + away[axis]).clamp(0.3, size_m[axis] - 0.3));
        Room { size_m, microphone_m, loudspeaker_m, talker_m, rt60_s, seed }
    }

    /// Returns the response from the loudspeaker to the microphone.
    pub(crate) fn echo(&self) -> Vec<f32> {
        self.response(self.loudspeaker_m, self.microphone_m, 1)
    }

    /// Returns the same after somebody has moved the device by 3 cm, and its parts against each other by 2 cm.
    pub(crate) fn echo_after_a_push(&self) -> Vec<f32> {
        let [x, y, z] = self.loudspeaker_m;
        let [a, b, c] = self.microphone_m;
        self.response([x, y + 0.03, z + 0.02], [a + 0.02, b, c], 3)
    }

    /// Returns the response from the talker to the microphone.
    pub(crate) fn talk(&self) -> Vec<f32> {
        self.response(self.talker_m, self.microphone_m, 2)
    }

    /// Mirror images (J. B. Allen and D. A. Berkley, 1979) with one reflection factor for all walls, by Eyring's
    /// formula. Each image is shifted by up to 8 cm against the flutter of a perfect box.
    fn response(&self, source: [f64; 3], microphone: [f64; 3], salt: u64) -> Vec<f32> {
        let mut rng = fastrand::Rng::with_seed(self.seed ^ salt << 40);
        let [x, y, z] = self.size_m;
        let absorbed = 1.0 - (-0.161 * x * y * z / (2.0 * (x * y + x * z + y * z) * self.rt60_s)).exp();
        let reflected = (1.0 - absorbed).sqrt();
        let reach_m = SOUND_M_PER_S * self.rt60_s;
        let mut response = vec![0.0_f32; (self.rt60_s * RATE as f64) as usize + 2];
        let axis = |axis: usize| images(self.size_m[axis], source[axis], microphone[axis], reach_m);
        let (xs, ys, zs) = (axis(0), axis(1), axis(2));
        for (x, x_walls) in &xs {
            for (y, y_walls) in &ys {
                let flat = x * x + y * y;
                if flat >= reach_m * reach_m {
                    continue;
                }
                for (z, z_walls) in &zs {
                    let walls = x_walls + y_walls + z_walls;
                    let shift = if walls == 0 { 0.0 } else { 0.16 * (rng.f64() - 0.5) };
                    let distance = ((flat + z * z).sqrt() + shift).max(0.02);
                    if distance >= reach_m {
                        continue;
                    }
                    let gain = reflected.powi(walls) / (4.0 * std::f64::consts::PI * distance);
                    let at = distance / SOUND_M_PER_S * RATE as f64;
                    let (sample, part) = (at as usize, at.fract());
                    response[sample] += (gain * (1.0 - part)) as f32;
                    response[sample + 1] += (gain * part) as f32;
                }
            }
        }
        high_pass(&mut response, 60.0);
        response
    }
}

/// Returns the positions of a source's images along one axis, seen from the microphone, and the number of walls.
fn images(size: f64, source: f64, microphone: f64, reach: f64) -> Vec<(f64, i32)> {
    let most = (reach / (2.0 * size)).ceil() as i32 + 1;
    let both = (-most..=most).flat_map(|n| [(n, 0), (n, 1)]);
    both.map(|(n, mirrored)| {
        let side = f64::from(1 - 2 * mirrored) * source;
        (side + 2.0 * f64::from(n) * size - microphone, (n - mirrored).abs() + n.abs())
    })
    .collect()
}

/// What the loudspeaker adds to the echo's path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Distortion {
    None,
    /// A soft and asymmetric driver: 2.8 % THD at the peaks.
    Soft,
    /// Clips this share of the samples.
    Clipped(f32),
}

/// Plays `sound` with a small driver that has no bass.
pub(crate) fn play(sound: &[f32], distortion: Distortion) -> Vec<f32> {
    let mut played = sound.to_vec();
    high_pass(&mut played, 180.0);
    match distortion {
        Distortion::None => {}
        Distortion::Soft => {
            let peak = quantile(&played, 0.999);
            played.iter_mut().for_each(|sample| *sample = peak * soft(*sample / peak));
        }
        Distortion::Clipped(share) => {
            let peak = quantile(&played, 1.0 - share);
            played.iter_mut().for_each(|sample| *sample = sample.clamp(-peak, peak));
        }
    }
    played
}

/// The curve of [`Distortion::Soft`].
pub(crate) fn soft(sample: f32) -> f32 {
    sample - 0.05 * sample * sample - 0.045 * sample * sample * sample
}

/// Returns `sound` as it is heard through `response`.
pub(crate) fn heard(sound: &[f32], response: &[f32]) -> Vec<f32> {
    let mut heard = convolve(sound, response);
    heard.truncate(sound.len());
    heard
}

/// Returns the magnitude that this share of the audible samples does not exceed.
fn quantile(sound: &[f32], share: f32) -> f32 {
    let mut peaks: Vec<f32> = sound.iter().map(|sample| sample.abs()).filter(|peak| *peak > 1e-4).collect();
    peaks.sort_by(f32::total_cmp);
    peaks[((peaks.len() - 1) as f32 * share) as usize]
}

/// A Butterworth high pass of second order, in place.
fn high_pass(samples: &mut [f32], hz: f64) {
    let w = (std::f64::consts::PI * hz / RATE as f64).tan();
    let scale = 1.0 / (1.0 + std::f64::consts::SQRT_2 * w + w * w);
    let (b, a1, a2) =
        (scale, 2.0 * scale * (w * w - 1.0), scale * (1.0 - std::f64::consts::SQRT_2 * w + w * w));
    let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
    for sample in samples {
        let x = f64::from(*sample);
        let y = b * (x - 2.0 * x1 + x2) - a1 * y1 - a2 * y2;
        (x2, x1, y2, y1) = (x1, x, y1, y);
        *sample = y as f32;
    }
}
