//! Which dialect an address has, and which path a dialect has there (protocol §12).
//!
//! A path that ends with `/realtime` is kept as it is written, except that of another interface of a resource of Azure.
//! It asks no server: what a server speaks in the end, `session.created` shows.

use super::PATH;
use super::address::{is_resource, voice_live_path};
use crate::model::Dialect;

/// The path of OpenAI's WebSocket.
const OPENAI_PATH: &str = "/v1/realtime";
/// The path of OpenAI's WebSocket at a resource of Azure.
const AZURE_OPENAI_PATH: &str = "/openai/v1/realtime";
/// The host of OpenAI, or the end of one of its regions.
const OPENAI_HOST: &str = "api.openai.com";
/// The end of a path that is complete.
const REALTIME: &str = "/realtime";

/// Returns the dialect of an address.
pub(super) fn address(host: &str, path: &str) -> Dialect {
    let path = path.trim_end_matches('/').to_ascii_lowercase();
    if is_openai(host) {
        Dialect::OpenAi
    } else if path.ends_with(AZURE_OPENAI_PATH) {
        Dialect::AzureOpenAi
    } else if is_resource(host) || path.ends_with(PATH) || !path.ends_with(REALTIME) {
        Dialect::VoiceLive
    } else {
        Dialect::OpenAi
    }
}

/// Returns the path of `dialect` for an address with `path`, and whether the query belongs to it.
pub(super) fn path(dialect: Dialect, host: &str, path: &str) -> (String, bool) {
    let path = path.trim_end_matches('/');
    let is_whole = path.to_ascii_lowercase().ends_with(REALTIME);
    match dialect {
        Dialect::VoiceLive if is_whole && !is_resource(host) => (path.to_owned(), true),
        Dialect::VoiceLive => voice_live_path(host, path),
        Dialect::OpenAi if is_openai(host) => (OPENAI_PATH.to_owned(), is_whole || path.is_empty()),
        Dialect::AzureOpenAi if is_resource(host) => {
            (AZURE_OPENAI_PATH.to_owned(), path.to_ascii_lowercase() == AZURE_OPENAI_PATH || path.is_empty())
        }
        Dialect::OpenAi | Dialect::AzureOpenAi if is_whole => (path.to_owned(), true),
        Dialect::OpenAi => (format!("{}{OPENAI_PATH}", without(path, &["/v1"])), true),
        Dialect::AzureOpenAi => {
            (format!("{}{AZURE_OPENAI_PATH}", without(path, &["/openai/v1", "/openai"])), true)
        }
    }
}

/// Returns why `dialect` cannot be that of `host`, to follow its name.
pub(in crate::config) fn refusal(dialect: Dialect, host: &str) -> Option<&'static str> {
    match dialect {
        Dialect::OpenAi if is_resource(host) => {
            Some("is not spoken by a resource of Azure; it is voice-live, or azure-openai")
        }
        Dialect::VoiceLive | Dialect::AzureOpenAi if is_openai(host) => {
            Some("is not spoken by OpenAI; it is openai")
        }
        Dialect::VoiceLive | Dialect::OpenAi | Dialect::AzureOpenAi => None,
    }
}

fn is_openai(host: &str) -> bool {
    host.strip_suffix(OPENAI_HOST).is_some_and(|region| region.is_empty() || region.ends_with('.'))
}

/// Returns `path` without the first of `ends` that it has.
fn without<'a>(path: &'a str, ends: &[&str]) -> &'a str {
    ends.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path)
}
