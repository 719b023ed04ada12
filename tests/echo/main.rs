//! `cargo bench --bench echo`: what the echo canceller does to scenes of synthesised voices and rooms, next to its
//! goals.
//!
//! It prints the scenes of the report, whose seed is in `report_seed.txt`. `-- tuning` prints the same table of the
//! scenes that the canceller was tuned on, `-- seed N` of any others. A missed goal is printed as "not met" and is no
//! error. `-- loud FOLDER` holds a conversation in a room.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a bench fails by panicking")]

mod detector;
mod found;
mod goals;
mod loud;
mod scenes;
mod table;

#[path = "../bench/instructions.rs"]
mod instructions;

use std::path::Path;

use mynah::echo::{EchoCanceller, FRAME};

/// The hash of a commit, see `goals.rs`.
const REPORT_SEED: &str = include_str!("report_seed.txt");

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => table::print(report_seed()),
        ["tuning"] => table::print(goals::TUNING_SEED),
        ["loud", folder] => loud::compare(Path::new(folder)),
        ["loud", folder, cancellation] => loud::hold(Path::new(folder), cancellation),
        ["seed", seed] => table::print(seed.parse().expect("a number")),
        // Run by `instructions` under valgrind, and by hand in an emulator.
        ["trips", "frame", count] => cancel_noise(count.parse().expect("a number")),
        _ => println!("usage: cargo bench --bench echo [-- tuning | seed N | loud FOLDER]"),
    }
}

/// Returns the first 64 bits of the hash.
fn report_seed() -> u64 {
    u64::from_str_radix(&REPORT_SEED.trim()[..16], 16).expect("a hash in hexadecimal digits")
}

/// Processes frames of noise and its echo.
fn cancel_noise(frames: u64) {
    let mut canceller = EchoCanceller::new();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut out = [0.0; FRAME];
    for _ in 0..frames {
        let reference = [0.0; FRAME].map(|_: f32| 0.4 * (rng.f32() - 0.5));
        let microphone = reference.map(|sample| 0.5 * sample);
        measured_part(&mut canceller, &microphone, &reference, &mut out);
    }
    println!("{}", out[0]);
}

#[inline(never)]
fn measured_part(
    canceller: &mut EchoCanceller,
    microphone: &[f32; FRAME],
    reference: &[f32; FRAME],
    out: &mut [f32; FRAME],
) {
    canceller.process(microphone, reference, out);
}
