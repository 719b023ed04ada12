//! The token of a machine's own identity: from the metadata service of a virtual machine (IMDS), from a service that
//! `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` name, or from the agent of Azure Arc.
//!
//! The agent of Azure Arc proves that the caller may read a file that it names. Only a small file in the folder of the
//! agent is read, so that whoever takes its place gets no other file sent. It opens no file itself.

use std::path::{Component, Path, PathBuf};

use super::error::TokenError;
use super::http::{HttpAnswer, HttpRequest, encoded};
use super::resource;
use crate::config::{HttpAddress, IdentitySource};
use crate::printable::clipped;

/// Limit of the file that the agent of Azure Arc names, in bytes.
pub const CHALLENGE_BYTES: u64 = 4096;

/// The versions of the interfaces.
const IMDS_VERSION: &str = "2018-02-01";
const APP_SERVICE_VERSION: &str = "2019-08-01";
const ARC_VERSION: &str = "2020-06-01";

/// Returns the request to `source` for a token of the machine's identity, or of the one with `client_id`. The one to
/// the agent of Azure Arc is answered with a challenge.
#[must_use]
pub fn identity_request(source: &IdentitySource, client_id: Option<&str>, scope: &str) -> HttpRequest {
    match source {
        IdentitySource::Imds(address) => HttpRequest::get(asked(address, IMDS_VERSION, client_id, scope))
            .field("Metadata", "true".to_owned()),
        IdentitySource::AppService { address, header } => {
            HttpRequest::get(asked(address, APP_SERVICE_VERSION, client_id, scope))
                .field("X-IDENTITY-HEADER", header.reveal().to_owned())
        }
        // The agent has one identity.
        IdentitySource::Arc { address, .. } => {
            HttpRequest::get(asked(address, ARC_VERSION, None, scope)).field("Metadata", "true".to_owned())
        }
    }
}

/// Returns the second request to the agent of Azure Arc, with the text of the file that it has named.
#[must_use]
pub fn arc_request(address: &HttpAddress, scope: &str, text: &str) -> HttpRequest {
    HttpRequest::get(asked(address, ARC_VERSION, None, scope))
        .field("Metadata", "true".to_owned())
        .field("Authorization", format!("Basic {text}"))
}

/// Returns the file that the answer of the agent of Azure Arc names, which has to be in the folder `tokens`.
///
/// # Errors
/// Returns what is wrong with the answer.
pub fn arc_challenge(answer: &HttpAnswer, tokens: &Path) -> Result<PathBuf, TokenError> {
    const WHO: &str = "the agent of Azure Arc";
    if answer.status != 401 {
        return Err(TokenError::of_answer(answer, WHO, "check it with: azcmagent show"));
    }
    let challenge = answer.challenge.as_deref().unwrap_or_default();
    let Some(file) = challenge.strip_prefix("Basic realm=") else {
        return Err(TokenError::refused(format!(
            "{WHO} names no file in its challenge; check it with: azcmagent show"
        )));
    };
    let file = Path::new(file.trim().trim_matches('"'));
    let is_plain = file.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let is_key = file.extension().is_some_and(|extension| extension == "key");
    if file.parent() != Some(tokens) || !is_plain || !is_key {
        return Err(TokenError::refused(format!(
            "{WHO} names the file {}, which mynah does not read: it is not a .key file in {}",
            clipped(&file.display().to_string()),
            tokens.display()
        )));
    }
    Ok(file.to_owned())
}

fn asked(address: &HttpAddress, version: &str, client_id: Option<&str>, scope: &str) -> HttpAddress {
    let client = client_id.map_or_else(String::new, |id| format!("&client_id={}", encoded(id)));
    let resource = encoded(resource(scope));
    let separator = if address.path.contains('?') { '&' } else { '?' };
    address.with_path(format!("{}{separator}api-version={version}&resource={resource}{client}", address.path))
}
