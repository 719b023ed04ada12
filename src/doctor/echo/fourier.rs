//! A Fourier transform of any power of two, to find a sweep in a recording.
//!
//! It allocates, and is for a measurement: the canceller has one of its own.

use std::f64::consts::TAU;

/// Complex numbers, as real and imaginary parts.
pub(super) struct ComplexSamples {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl ComplexSamples {
    /// Returns the spectrum of real samples, filled up with zeros to `size`, a power of two.
    pub(super) fn spectrum(samples: impl Iterator<Item = f64>, size: usize) -> Self {
        let mut re: Vec<f64> = samples.take(size).collect();
        re.resize(size, 0.0);
        let mut spectrum = Self { im: vec![0.0; size], re };
        spectrum.transform(-TAU);
        spectrum
    }

    /// Multiplies by another spectrum, and returns the real samples: the circular convolution of both.
    pub(super) fn convolved(mut self, other: &Self) -> Vec<f64> {
        let scale = 1.0 / self.re.len() as f64;
        for n in 0..self.re.len() {
            let (a, b, c, d) = (self.re[n], self.im[n], other.re[n], other.im[n]);
            (self.re[n], self.im[n]) = (scale * (a * c - b * d), scale * (a * d + b * c));
        }
        self.transform(TAU);
        self.re
    }

    /// The method of J. W. Cooley and J. W. Tukey, 1965. `turn` is a whole turn, in the direction of the transform.
    fn transform(&mut self, turn: f64) {
        let size = self.re.len();
        for n in 0..size {
            let mirrored = n.reverse_bits() >> (usize::BITS - size.trailing_zeros());
            if n < mirrored {
                self.re.swap(n, mirrored);
                self.im.swap(n, mirrored);
            }
        }
        let turns: Vec<_> = (0..size / 2).map(|n| (turn * n as f64 / size as f64).sin_cos()).collect();
        let mut half = 1;
        while half < size {
            let step = size / (2 * half);
            for start in (0..size).step_by(2 * half) {
                for n in 0..half {
                    let (sin, cos) = turns[n * step];
                    let (low, high) = (start + n, start + n + half);
                    let re = self.re[high] * cos - self.im[high] * sin;
                    let im = self.re[high] * sin + self.im[high] * cos;
                    (self.re[high], self.im[high]) = (self.re[low] - re, self.im[low] - im);
                    self.re[low] += re;
                    self.im[low] += im;
                }
            }
            half *= 2;
        }
    }
}
