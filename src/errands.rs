//! `errands`: see the crate docs.
