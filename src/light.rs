//! `light`: see the crate docs.
