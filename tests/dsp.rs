//! Signal processing: exact where possible, otherwise with inaudible errors.

#![expect(
    clippy::expect_used,
    reason = "clippy spares only the tests themselves, and these are their helpers"
)]

mod level;
pub(crate) mod measure;
mod pcm_format;
mod resample;
