//! What every parser of bytes from outside promises, one judge each: whatever the bytes, a judge returns.
//!
//! libFuzzer calls them with bytes that find new ways through the code (main.rs, run), and the tests with the
//! bytes that are kept (corpus). They touch no network, and no file but in a folder of their own.

mod config;
mod protocol;
mod recording;
mod toml_variants;
mod transport;

/// Returns, whatever the bytes.
pub(crate) type Check = fn(&[u8]);

/// A target's name, which is its folder's in the corpus, and its judge.
pub(crate) const TARGETS: [(&str, Check); 8] = [
    ("wire", protocol::check),
    ("link", transport::check),
    ("recording", recording::check),
    ("config", config::config),
    ("board", config::board),
    ("dotenv", config::dotenv),
    ("state", config::state),
    ("arguments", config::arguments),
];
