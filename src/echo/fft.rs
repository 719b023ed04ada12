//! A real Fourier transform of 480 samples, the two halves of a complex number in arrays of their own.
//!
//! It has one size, 480 = 2 · 4 · 4 · 5 · 3, allocates nothing after construction and knows nothing of sound. The
//! method is Stockham's: each stage writes to the other of two buffers in such an order that the result needs no
//! reordering.

use std::f64::consts::TAU;

/// Samples of a transform.
pub(super) const SIZE: usize = 480;
/// Values of a spectrum: 0 to half the sampling rate, both included.
pub(super) const BINS: usize = HALF + 1;
/// The length of a spectrum's arrays: `BINS`, filled up with zeros to whole vectors of four.
pub(super) const LANES: usize = BINS.next_multiple_of(4);
/// The length of the complex transform by which the real one is computed.
const HALF: usize = SIZE / 2;

/// A spectrum: real and imaginary parts.
#[derive(Clone, Debug)]
pub(super) struct Spectrum {
    pub(super) re: [f32; LANES],
    pub(super) im: [f32; LANES],
}

impl Spectrum {
    pub(super) const ZERO: Spectrum = Spectrum { re: [0.0; LANES], im: [0.0; LANES] };

    /// Returns the power of a bin.
    pub(super) fn power(&self, bin: usize) -> f32 {
        self.re[bin] * self.re[bin] + self.im[bin] * self.im[bin]
    }
}

/// The transform with its tables and its scratch memory.
pub(super) struct Fft {
    /// e^(−2πi·p/480) for the step between the complex transform and the real one.
    split: Rotations<HALF>,
    first: [Rotations<60>; 3],
    second: [Rotations<15>; 3],
    third: [Rotations<3>; 4],
    work: [ComplexBlock; 2],
}

struct Rotations<const N: usize> {
    re: [f32; N],
    im: [f32; N],
}

#[derive(Clone)]
struct ComplexBlock {
    re: [f32; HALF],
    im: [f32; HALF],
}

impl<const N: usize> Rotations<N> {
    /// Returns e^(−2πi·`step`·p/`size`) for p below N.
    fn new(step: usize, size: usize) -> Rotations<N> {
        let angle = |p: usize| -TAU * (step * p) as f64 / size as f64;
        Rotations {
            re: std::array::from_fn(|p| angle(p).cos() as f32),
            im: std::array::from_fn(|p| angle(p).sin() as f32),
        }
    }
}

impl Fft {
    pub(super) fn new() -> Fft {
        let zero = ComplexBlock { re: [0.0; HALF], im: [0.0; HALF] };
        Fft {
            split: Rotations::new(1, SIZE),
            first: [1, 2, 3].map(|k| Rotations::new(k, 240)),
            second: [1, 2, 3].map(|k| Rotations::new(k, 60)),
            third: [1, 2, 3, 4].map(|k| Rotations::new(k, 15)),
            work: [zero.clone(), zero],
        }
    }

    /// Computes the spectrum of `samples`, unscaled.
    pub(super) fn forward(&mut self, samples: &[f32; SIZE], spectrum: &mut Spectrum) {
        let [work, _] = &mut self.work;
        for ((pair, re), im) in samples.as_chunks::<2>().0.iter().zip(&mut work.re).zip(&mut work.im) {
            (*re, *im) = (pair[0], pair[1]);
        }
        self.transform();
        let work = &self.work[0];
        spectrum.re[0] = work.re[0] + work.im[0];
        spectrum.re[HALF] = work.re[0] - work.im[0];
        (spectrum.im[0], spectrum.im[HALF]) = (0.0, 0.0);
        for k in 1..HALF {
            let (a_re, a_im, b_re, b_im) = (work.re[k], work.im[k], work.re[HALF - k], work.im[HALF - k]);
            let (even_re, even_im, odd_re, odd_im) = (a_re + b_re, a_im - b_im, a_im + b_im, b_re - a_re);
            let (w_re, w_im) = (self.split.re[k], self.split.im[k]);
            spectrum.re[k] = 0.5 * (even_re + odd_re * w_re - odd_im * w_im);
            spectrum.im[k] = 0.5 * (even_im + odd_re * w_im + odd_im * w_re);
        }
    }

    /// Computes the samples of `spectrum`, scaled so that it is the inverse of [`Fft::forward`]. The imaginary parts
    /// of the first and the last value do not count.
    pub(super) fn inverse(&mut self, spectrum: &Spectrum, samples: &mut [f32; SIZE]) {
        // The inverse is the forward transform with the halves exchanged, before and after.
        let [work, _] = &mut self.work;
        let scale = 1.0 / SIZE as f32;
        work.im[0] = (spectrum.re[0] + spectrum.re[HALF]) * scale;
        work.re[0] = (spectrum.re[0] - spectrum.re[HALF]) * scale;
        for k in 1..HALF {
            let (a_re, a_im) = (spectrum.re[k], spectrum.im[k]);
            let (b_re, b_im) = (spectrum.re[HALF - k], -spectrum.im[HALF - k]);
            let (even_re, even_im, odd_re, odd_im) = (a_re + b_re, a_im + b_im, a_re - b_re, a_im - b_im);
            let (w_re, w_im) = (self.split.re[k], -self.split.im[k]);
            let (turned_re, turned_im) = (odd_re * w_re - odd_im * w_im, odd_re * w_im + odd_im * w_re);
            work.im[k] = (even_re - turned_im) * scale;
            work.re[k] = (even_im + turned_re) * scale;
        }
        self.transform();
        let work = &self.work[0];
        for ((pair, re), im) in samples.as_chunks_mut::<2>().0.iter_mut().zip(&work.re).zip(&work.im) {
            *pair = [*im, *re];
        }
    }

    /// Transforms `work[0]` in place, by way of `work[1]`.
    fn transform(&mut self) {
        let [a, b] = &mut self.work;
        radix_4::<1, 60>(a, b, &self.first);
        radix_4::<4, 15>(b, a, &self.second);
        radix_5::<16, 3>(a, b, &self.third);
        radix_3::<80>(b, a);
    }
}

/// One stage of radix 4: `M` groups of `S` transforms.
#[inline(always)]
fn radix_4<const S: usize, const M: usize>(
    from: &ComplexBlock,
    to: &mut ComplexBlock,
    turns: &[Rotations<M>; 3],
) {
    let block = S * M;
    for p in 0..M {
        for q in 0..S {
            let at = |j: usize| (from.re[q + S * p + block * j], from.im[q + S * p + block * j]);
            let (a, b, c, d) = (at(0), at(1), at(2), at(3));
            let (sum_ac, sum_bd) = (add(a, c), add(b, d));
            let (difference_ac, difference_bd) = (sub(a, c), sub(b, d));
            // Times −i.
            let turned = (difference_bd.1, -difference_bd.0);
            let out = [
                add(sum_ac, sum_bd),
                times(add(difference_ac, turned), (turns[0].re[p], turns[0].im[p])),
                times(sub(sum_ac, sum_bd), (turns[1].re[p], turns[1].im[p])),
                times(sub(difference_ac, turned), (turns[2].re[p], turns[2].im[p])),
            ];
            for (k, (re, im)) in out.into_iter().enumerate() {
                to.re[q + S * (4 * p + k)] = re;
                to.im[q + S * (4 * p + k)] = im;
            }
        }
    }
}

/// One stage of radix 5, as [`radix_4`].
#[inline(always)]
fn radix_5<const S: usize, const M: usize>(
    from: &ComplexBlock,
    to: &mut ComplexBlock,
    turns: &[Rotations<M>; 4],
) {
    // cos and sin of 2π/5 and of 4π/5.
    const C1: f32 = 0.309_017;
    const C2: f32 = -0.809_017;
    const S1: f32 = 0.951_056_54;
    const S2: f32 = 0.587_785_24;
    let block = S * M;
    for p in 0..M {
        for q in 0..S {
            let at = |j: usize| (from.re[q + S * p + block * j], from.im[q + S * p + block * j]);
            let (a, b, c, d, e) = (at(0), at(1), at(2), at(3), at(4));
            let (sum_1, sum_2, dif_1, dif_2) = (add(b, e), add(c, d), sub(b, e), sub(c, d));
            let mean_1 = (a.0 + C1 * sum_1.0 + C2 * sum_2.0, a.1 + C1 * sum_1.1 + C2 * sum_2.1);
            let mean_2 = (a.0 + C2 * sum_1.0 + C1 * sum_2.0, a.1 + C2 * sum_1.1 + C1 * sum_2.1);
            // Times −i.
            let turned_1 = (S1 * dif_1.1 + S2 * dif_2.1, -(S1 * dif_1.0 + S2 * dif_2.0));
            let turned_2 = (S2 * dif_1.1 - S1 * dif_2.1, -(S2 * dif_1.0 - S1 * dif_2.0));
            let turn = |k: usize| (turns[k].re[p], turns[k].im[p]);
            let out = [
                add(a, add(sum_1, sum_2)),
                times(add(mean_1, turned_1), turn(0)),
                times(add(mean_2, turned_2), turn(1)),
                times(sub(mean_2, turned_2), turn(2)),
                times(sub(mean_1, turned_1), turn(3)),
            ];
            for (k, (re, im)) in out.into_iter().enumerate() {
                to.re[q + S * (5 * p + k)] = re;
                to.im[q + S * (5 * p + k)] = im;
            }
        }
    }
}

/// The last stage: radix 3, without rotations.
#[inline(always)]
fn radix_3<const S: usize>(from: &ComplexBlock, to: &mut ComplexBlock) {
    // The sine of 2π/3.
    const S1: f32 = 0.866_025_4;
    for q in 0..S {
        let at = |j: usize| (from.re[q + S * j], from.im[q + S * j]);
        let (a, b, c) = (at(0), at(1), at(2));
        let (sum, difference) = (add(b, c), sub(b, c));
        let mean = (a.0 - 0.5 * sum.0, a.1 - 0.5 * sum.1);
        let turned = (S1 * difference.1, -S1 * difference.0);
        for (k, (re, im)) in [add(a, sum), add(mean, turned), sub(mean, turned)].into_iter().enumerate() {
            to.re[q + S * k] = re;
            to.im[q + S * k] = im;
        }
    }
}

#[inline(always)]
fn add(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0 + b.0, a.1 + b.1)
}

#[inline(always)]
fn sub(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0 - b.0, a.1 - b.1)
}

#[inline(always)]
fn times(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spectrum_is_that_of_the_definition_and_the_inverse_returns() {
        let mut fft = Fft::new();
        let samples: [f32; SIZE] = std::array::from_fn(|n| {
            ((n * n * 7 + 3 * n) % 101) as f32 / 50.0 - 1.0 + if n == 5 { 3.0 } else { 0.0 }
        });
        let mut spectrum = Spectrum::ZERO;
        fft.forward(&samples, &mut spectrum);
        for k in 0..BINS {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, sample) in samples.iter().enumerate() {
                let angle = -TAU * ((k * n) % SIZE) as f64 / SIZE as f64;
                re += f64::from(*sample) * angle.cos();
                im += f64::from(*sample) * angle.sin();
            }
            let error = (f64::from(spectrum.re[k]) - re).hypot(f64::from(spectrum.im[k]) - im);
            assert!(error < 1e-4, "bin {k}: {error}");
        }
        let mut back = [0.0; SIZE];
        fft.inverse(&spectrum, &mut back);
        for (n, (sample, back)) in samples.iter().zip(&back).enumerate() {
            assert!((sample - back).abs() < 2e-6, "sample {n}: {sample} became {back}");
        }
    }
}
