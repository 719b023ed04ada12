//! `profile`: see the crate docs.
