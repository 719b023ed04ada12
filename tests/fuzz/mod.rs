//! One check for each parser of external bytes: it asserts the parser's properties and returns for every input.
//!
//! libFuzzer calls the checks with inputs that reach new code (`main.rs`, `run`), the tests with the corpus. They access
//! no network, and no file outside a temporary folder.

mod asoundrc;
mod config;
mod protocol;
mod proxy;
mod recording;
mod toml_variants;
mod transport;

/// Returns for every input, or panics if a property does not hold.
pub(crate) type Check = fn(&[u8]);

/// The name of each target, which is also its folder in the corpus, and its check.
pub(crate) const TARGETS: [(&str, Check); 11] = [
    ("protocol", protocol::check),
    ("transport", transport::check),
    ("proxy", proxy::check),
    ("recording", recording::check),
    ("config", config::config),
    ("board", config::board),
    ("dotenv", config::dotenv),
    ("secret", config::secret),
    ("state", config::state),
    ("arguments", config::arguments),
    ("asoundrc", asoundrc::check),
];
