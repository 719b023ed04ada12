//! `cargo bench --bench cost`: what the main path costs, printed beside its goals.
//!
//! `-- frames` prints only the cost of one frame up and one delta down, `-- conversation` only that of a
//! whole conversation, `-- record` only what the flight recorder adds, `-- sound` only what the rates of cards
//! cost. `-- soak MINUTES` talks for so long and prints what the binary holds, minute by minute, and
//! `-- start [PROGRAM]` how soon the program talks: this one, or another, named with what it is emulated by.
//! `-- picture` draws the README's picture of the terminal. No number fails anything: it prints "met" or "not met",
//! and ends with an error only when something could not be measured at all.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "it measures real time, and waits for a child process")]

mod allocations;
mod child;
mod conversation;
mod floor;
mod frames;
mod idle;
mod instructions;
mod peer;
mod picture;
mod record;
mod soak;
mod sound;
mod start;
mod trips;
mod wav;

#[allow(unused_imports, reason = "what its own tests import is not used here")]
#[path = "../service/mod.rs"]
mod service;

#[allow(dead_code, reason = "what its tests need is not all needed here")]
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
            sound::print();
        }
        ["frames"] => frames::print(),
        ["record"] => record::print(),
        ["conversation"] => conversation::print(),
        ["sound"] => sound::print(),
        ["soak", minutes] => soak::print(minutes.parse().expect("a number of minutes")),
        ["start", ref arguments @ ..] => start::print(arguments),
        ["picture"] => picture::print(),
        // What `instructions` runs under valgrind.
        ["trips", name, count] => trips::repeat(name, count.parse().expect("a number")),
        _ => println!(
            "usage: cargo bench --bench cost [-- frames | record | conversation | sound | picture | soak MINUTES | start [PROGRAM]]"
        ),
    }
}

/// Returns the value that `share` (0 to 1) of the values do not exceed; sorts them.
fn quantile<T: Copy + PartialOrd>(values: &mut [T], share: f64) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("no NaN is measured"));
    values[((values.len() - 1) as f64 * share).round() as usize]
}
