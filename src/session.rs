//! `session`: see the crate docs.
