//! A plain Fourier transform of powers of two, for convolution and for the measures; independent of the canceller's
//! own.

use std::f64::consts::TAU;

/// Transforms in place; the length is a power of two. The inverse is not scaled.
pub(crate) fn transform(re: &mut [f64], im: &mut [f64], inverse: bool) {
    let size = re.len();
    let bits = size.trailing_zeros();
    for n in 0..size {
        let mirrored = n.reverse_bits() >> (usize::BITS - bits);
        if n < mirrored {
            re.swap(n, mirrored);
            im.swap(n, mirrored);
        }
    }
    let sign = if inverse { TAU } else { -TAU };
    let turns: Vec<(f64, f64)> = (0..size / 2).map(|n| (sign * n as f64 / size as f64).sin_cos()).collect();
    let mut half = 1;
    while half < size {
        let stride = size / (2 * half);
        for start in (0..size).step_by(2 * half) {
            let (low_re, high_re) = re[start..start + 2 * half].split_at_mut(half);
            let (low_im, high_im) = im[start..start + 2 * half].split_at_mut(half);
            for n in 0..half {
                let (sin, cos) = turns[n * stride];
                let (a, b) = (high_re[n] * cos - high_im[n] * sin, high_re[n] * sin + high_im[n] * cos);
                (high_re[n], high_im[n]) = (low_re[n] - a, low_im[n] - b);
                low_re[n] += a;
                low_im[n] += b;
            }
        }
        half *= 2;
    }
}

/// Returns the convolution of a sound with a response, by blocks, two in each transform: one real, one imaginary.
pub(crate) fn convolve(sound: &[f32], response: &[f32]) -> Vec<f32> {
    let size = (2 * response.len()).next_power_of_two().max(1024);
    let block = size - response.len() + 1;
    let scale = 1.0 / size as f64;
    let (mut h_re, mut h_im) = (vec![0.0; size], vec![0.0; size]);
    h_re.iter_mut().zip(response).for_each(|(to, tap)| *to = f64::from(*tap) * scale);
    transform(&mut h_re, &mut h_im, false);
    let mut output = vec![0.0; sound.len() + size];
    let (mut re, mut im) = (vec![0.0; size], vec![0.0; size]);
    for start in (0..sound.len()).step_by(2 * block) {
        let second = start + block;
        for (part, at) in [(&mut re, start), (&mut im, second)] {
            part.fill(0.0);
            let end = (at + block).min(sound.len());
            part.iter_mut().zip(&sound[at.min(end)..end]).for_each(|(to, sample)| *to = f64::from(*sample));
        }
        transform(&mut re, &mut im, false);
        for n in 0..size {
            (re[n], im[n]) = (re[n] * h_re[n] - im[n] * h_im[n], re[n] * h_im[n] + im[n] * h_re[n]);
        }
        transform(&mut re, &mut im, true);
        for (part, at) in [(&re, start), (&im, second)] {
            let at = at.min(sound.len());
            output[at..].iter_mut().zip(part).for_each(|(to, sample)| *to += *sample as f32);
        }
    }
    output.truncate(sound.len() + response.len() - 1);
    output
}
