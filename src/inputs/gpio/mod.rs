//! GPIO lines of the kernel's character devices: finding a line, requesting it, and reading its edges.
//!
//! It knows no gestures: a line is active or inactive.

pub(crate) mod chip;
pub(crate) mod edges;
pub(crate) mod owner;
