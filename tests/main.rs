//! The integration tests as one binary: each room's tests are a module, in alphabetical order.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, prints, and matches only what it expects"
)]

mod allocator;
mod architecture;
mod audio;
mod background;
mod binary;
mod board;
mod config;
mod conversation;
mod credentials;
mod doctor;
mod documents;
mod dsp;
mod echo;
mod fuzz;
mod history;
mod hostile;
mod lane;
mod ledger;
mod light;
mod model;
mod package;
mod parrot;
mod printable;
mod process_exit;
mod protocol;
mod recorder;
mod refusals;
mod service;
mod session;
mod sim;
mod simulation;
mod sys;
mod transport;
