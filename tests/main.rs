//! The one integration binary: each room's tests are a module of it, in the order of the rooms' names.
//!
//! Any allocation inside `assert_no_alloc` ends the whole run: that is how the real-time paths are watched.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and lists what it looks for"
)]

mod audio;
mod board;
mod conversation;
mod errands;
mod lane;
mod ledger;
mod light;
mod link;
mod parrot;
mod profile;
mod rooms;
mod service;
mod session;
mod wire;

#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
