//! mynah: a smart speaker in one binary.

pub mod audio;
pub mod board;
pub mod conversation;
pub mod errands;
pub mod lane;
pub mod ledger;
pub mod light;
pub mod link;
pub mod parrot;
pub mod profile;
pub mod session;
pub mod wire;
