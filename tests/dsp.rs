//! The conversion of a card's samples: exact where it can be, and inaudible where it cannot.

#![expect(
    clippy::expect_used,
    reason = "clippy spares only the tests themselves, and these are their helpers"
)]

mod level;
pub(crate) mod measure;
mod pcm_format;
mod resample;
