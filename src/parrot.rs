//! `parrot`: see the crate docs.
