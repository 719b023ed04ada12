//! `audio`: see the crate docs.
