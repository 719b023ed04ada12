//! `wire`: see the crate docs.
