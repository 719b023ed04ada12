//! A room's response to a sound that comes in blocks, without waiting for more of it.

use std::collections::VecDeque;

use super::fourier::transform;

/// Samples of a block, and the size of its transform: twice as much, and a power of two.
pub(crate) const BLOCK: usize = 240;
const SIZE: usize = 512;

/// A convolution by blocks, with a response that is divided into parts as long as a block.
pub(crate) struct EchoPath {
    parts: Vec<Spectrum>,
    /// The newest blocks, the last one first.
    blocks: VecDeque<Spectrum>,
    last: [f32; BLOCK],
}

struct Spectrum {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl EchoPath {
    pub(crate) fn new(response: &[f32]) -> Self {
        let parts = response.chunks(BLOCK).map(Spectrum::of).collect();
        Self { parts, blocks: VecDeque::new(), last: [0.0; BLOCK] }
    }

    /// Returns how many blocks the response lasts.
    pub(crate) fn blocks(&self) -> usize {
        self.parts.len()
    }

    /// Returns the echo of the next block, and of those before it.
    pub(crate) fn push(&mut self, block: &[f32; BLOCK]) -> [f32; BLOCK] {
        let both: Vec<f32> = self.last.iter().chain(block).copied().collect();
        self.last = *block;
        self.blocks.push_front(Spectrum::of(&both));
        self.blocks.truncate(self.parts.len());
        let mut sum = Spectrum { re: vec![0.0; SIZE], im: vec![0.0; SIZE] };
        for (part, block) in self.parts.iter().zip(&self.blocks) {
            for n in 0..SIZE {
                sum.re[n] += part.re[n] * block.re[n] - part.im[n] * block.im[n];
                sum.im[n] += part.re[n] * block.im[n] + part.im[n] * block.re[n];
            }
        }
        transform(&mut sum.re, &mut sum.im, true);
        std::array::from_fn(|n| (sum.re[BLOCK + n] / SIZE as f64) as f32)
    }
}

impl Spectrum {
    fn of(samples: &[f32]) -> Self {
        let mut re: Vec<f64> = samples.iter().map(|sample| f64::from(*sample)).collect();
        re.resize(SIZE, 0.0);
        let mut im = vec![0.0; SIZE];
        transform(&mut re, &mut im, false);
        Self { re, im }
    }
}
