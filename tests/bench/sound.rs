//! The third table: the CPU time, delay and quality of resampling between a card's rate and 24 kHz.

use std::time::Instant;

use mynah::dsp::Resampler;

use crate::allocations::allocations;
use crate::measure::{delay_ms, passes_db, rejection_db, thd_n_db, ways};
use crate::quantile;

const TIMED: usize = 2000;

/// Measures the resampler and prints the table.
pub(crate) fn print() {
    println!("Resampling between a card's rate and 24 kHz (windowed sinc, exact phases).");
    println!(
        "{:16} {:>8} {:>8} {:>10} {:>9} {:>9} {:>9} {:>10} {:>7} {:>11}",
        "Hz",
        "delay ms",
        "THD+N dB",
        "alias dB",
        "1/2 band",
        "3/4 band",
        "7/8 band",
        "us / 10 ms",
        "allocs",
        "1 h, frames"
    );
    for (from, to) in ways() {
        let low = f64::from(from.min(to)) / 2.0;
        let [half, most, edge] = [0.5, 0.75, 0.875].map(|share| passes_db(from, to, low * share));
        let (cost_us, allocations) = cost(from, to);
        println!(
            "{:16} {:>8.2} {:>8.1} {:>10.1} {half:>9.2} {most:>9.2} {edge:>9.2} {cost_us:>10.2} {allocations:>7} {:>11}",
            format!("{from} to {to}"),
            delay_ms(from, to),
            thd_n_db(from, to),
            rejection_db(from, to),
            drift_per_hour(from, to),
        );
    }
    println!(
        "delay: from an impulse's input to its peak's output. THD+N: 997 Hz at -1 dBFS. alias: the loudest tone that"
    );
    println!(
        "is not in the input. band: the gain in dB at this share of half the lower rate. 1 h: frames lost (-)"
    );
    println!("or gained against the exact ratio.");
    println!();
}

/// Returns the median time for 10 ms of audio in microseconds, and the allocations of all rounds.
fn cost(from: u32, to: u32) -> (f64, u64) {
    let input = vec![0.1; from as usize / 100];
    let mut resampler = Resampler::new(from, to, input.len()).expect("a way");
    let mut output = vec![0.0; resampler.output_frames_max(input.len())];
    let mut times = Vec::with_capacity(TIMED);
    let before = allocations().count;
    for _ in 0..TIMED {
        let began = Instant::now();
        resampler.run(&input, &mut output);
        times.push(began.elapsed().as_nanos() as f64 / 1000.0);
    }
    let allocations = allocations().count - before;
    (quantile(&mut times, 0.5), allocations)
}

/// Returns the surplus frames after an hour; one frame is tolerated, which may wait for its block to end.
fn drift_per_hour(from: u32, to: u32) -> i64 {
    let input = vec![0.0; from as usize];
    let mut resampler = Resampler::new(from, to, input.len()).expect("a way");
    let mut output = vec![0.0; resampler.output_frames_max(input.len())];
    let output_frames: Vec<usize> = (0..3600).map(|_| resampler.run(&input, &mut output)).collect();
    let held_back = to as usize - output_frames[0];
    let error = output_frames.iter().sum::<usize>() as i64 - 3600 * i64::from(to) + held_back as i64;
    if error.abs() <= 1 { 0 } else { error }
}
