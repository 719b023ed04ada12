//! `board`: see the crate docs.
