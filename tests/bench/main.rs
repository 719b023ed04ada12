//! `cargo bench --bench cost`: the cost of the main path, printed next to its goals.
//!
//! `-- frames` prints only the cost of one frame up and one delta down, `-- conversation` only that of a whole
//! conversation, `-- phases` only that of each phase of a speaker's life, `-- record` only that of the flight recorder, `-- sound` only that of resampling. `-- soak MINUTES`
//! holds a conversation of that length and prints the process's memory every minute. `-- start [COMMAND]` measures the
//! time to the first message, of this build or of another command line, which may start with an emulator. `-- picture`
//! draws the README's picture of the terminal. A missed goal is printed as "not met" and is no error; only a failed
//! measurement is.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "it measures real time, and waits for a child process")]

mod allocations;
mod bare_stream;
mod child;
mod conversation;
mod floor;
mod frames;
mod idle;
mod instructions;
mod peer;
mod phases;
mod picture;
mod pulse;
mod record;
mod soak;
mod sound;
mod start;
mod trips;
mod wav;

#[allow(unused_imports, reason = "its own tests import more of it")]
#[path = "../service/mod.rs"]
mod service;

#[allow(dead_code, reason = "its tests use more of it")]
#[path = "../dsp/measure.rs"]
mod measure;

#[global_allocator]
static ALLOCATOR: allocations::CountingAllocator = allocations::CountingAllocator;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            frames::print();
            record::print();
            conversation::print();
            println!();
            phases::print();
            println!();
            sound::print();
        }
        ["frames"] => frames::print(),
        ["record"] => record::print(),
        ["conversation"] => conversation::print(),
        ["phases"] => phases::print(),
        ["sound"] => sound::print(),
        ["soak", minutes] => soak::print(minutes.parse().expect("a number of minutes")),
        ["start", ref arguments @ ..] => start::print(arguments),
        ["picture"] => picture::print(),
        // Run by `phases` as a process of its own.
        ["bare-stream", microphone, speaker] => bare_stream::run(microphone, speaker),
        // Run by `instructions` under valgrind.
        ["trips", name, count] => trips::repeat(name, count.parse().expect("a number")),
        _ => println!(
            "usage: cargo bench --bench cost [-- frames | record | conversation | phases | sound | picture | soak MINUTES | start [COMMAND]]"
        ),
    }
}

/// Returns the value that `share` (0 to 1) of the values do not exceed; sorts them.
fn quantile<T: Copy + PartialOrd>(values: &mut [T], share: f64) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("no NaN is measured"));
    values[((values.len() - 1) as f64 * share).round() as usize]
}
