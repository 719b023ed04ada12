//! What every parser of bytes from outside promises, one judge each: whatever the bytes, a judge returns.
//!
//! libFuzzer calls them with bytes that find new ways through the code (main.rs, run), and the tests with the
//! bytes that are kept (corpus). They touch no network, and no file but in a folder of their own.

mod link;
mod profile;
mod recording;
mod toml_again;
mod wire;

/// Returns, whatever the bytes.
pub(crate) type Judge = fn(&[u8]);

/// A target's name, which is its folder's in the corpus, and its judge.
pub(crate) const TARGETS: [(&str, Judge); 8] = [
    ("wire", wire::judge),
    ("link", link::judge),
    ("recording", recording::judge),
    ("config", profile::config),
    ("board", profile::board),
    ("dotenv", profile::dotenv),
    ("state", profile::state),
    ("arguments", profile::arguments),
];
