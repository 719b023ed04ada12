//! The sound: a cut is silent at once and without a click, what was heard is known to the frame, and
//! the loops allocate nothing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy spares only the tests themselves, and these are their helpers"
)]

mod away;
mod away_walk;
mod cards;
mod cut;
mod dac;
mod deaf;
mod holder;
mod mixer;
mod rates;
mod stage;
mod standstill;
mod steps;
mod storm;
mod tape;
mod volume;
mod walk;
