//! The echo canceller: on scenes of a few seconds, with hostile input, and what it keeps. `cargo bench --bench echo`
//! prints the whole table.

mod bounds;
mod kept;
mod reports;
#[allow(dead_code, reason = "its bench uses more of it")]
pub(crate) mod scenes;
mod speech;
