//! Audio: a cut is silent at once and without a click, the played position is exact to the frame, and the steps
//! allocate nothing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy spares only the tests themselves, and these are their helpers"
)]

mod asoundrc;
mod batches;
mod cards;
mod clock_map;
mod cut;
mod cut_mode;
mod dac;
mod dead_input;
mod device_canceller;
mod duck;
mod echo_keeper;
mod hung_thread;
mod interpolator;
mod keep_open;
mod listing;
mod mixer;
mod open_error;
mod queues;
mod rates;
mod reconnect;
mod reconnect_walk;
mod reference;
mod reference_ring;
mod stage;
mod steps;
mod volume;
mod walk;
mod wav;
mod xrun_burst;
