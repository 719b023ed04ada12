//! The command that lives many lives: `cargo bench --profile guest --bench sim -- --help` lists what it does.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a command prints, and what cannot be ends it"
)]

#[allow(dead_code, reason = "what the other tests watch is not watched here")]
#[path = "../allocator.rs"]
mod allocator;
mod command;
#[path = "mod.rs"]
mod sim;

fn main() -> std::process::ExitCode {
    command::run()
}
