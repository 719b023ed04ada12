//! `link`: see the crate docs.
