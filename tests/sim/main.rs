//! The simulator as a command: `cargo bench --profile guest --bench sim -- --help` lists its options.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a command prints, and panics on what cannot happen"
)]

#[allow(dead_code, reason = "the other tests use more of it")]
#[path = "../allocator.rs"]
mod allocator;
mod command;
#[allow(dead_code, reason = "its own tests and its bench use more of it")]
#[path = "../echo"]
mod echo {
    pub(crate) mod scenes;
}
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "mod.rs"]
mod sim;

fn main() -> std::process::ExitCode {
    command::run()
}
