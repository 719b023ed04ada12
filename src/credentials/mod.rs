//! Requests for bearer tokens of Microsoft Entra ID, and what the answers mean, for each way to sign in.
//!
//! Each request is built and each answer is read by pure functions; `background` sends, receives and keeps them. It
//! opens no socket and no file, starts no program and reads no clock. An error never quotes a secret, and says what to
//! do.

mod answer;
mod azure_cli;
mod cache;
mod client_certificate;
mod client_secret;
mod device_code;
mod error;
mod http;
mod managed_identity;
mod sign_in_file;
mod workload_identity;

pub use answer::{IssuedToken, token_of_answer};
pub use azure_cli::{AzureCliAnswer, azure_cli_arguments, token_of_azure_cli};
pub use cache::{RENEW_BEFORE, RENEW_RETRY, TokenCache};
pub use client_certificate::{ClientCertificate, certificate_request};
pub use client_secret::secret_request;
pub use device_code::{
    DeviceCode, DevicePoll, device_code_of_answer, device_code_request, poll_of_answer, poll_request,
    refresh_request,
};
pub use error::{TokenError, TokenErrorKind};
pub use http::{ANSWER_BYTES, AnswerProgress, HttpAnswer, HttpRequest};
pub use managed_identity::{CHALLENGE_BYTES, arc_challenge, arc_request, identity_request};
pub use sign_in_file::{KeptToken, choose_kept};
pub use workload_identity::workload_request;

use crate::config::{Application, Authority, HttpAddress};

/// Returns the address of an endpoint of the login service, such as `token`.
fn oauth(authority: &Authority, application: &Application, endpoint: &str) -> HttpAddress {
    let tenant = http::encoded(&application.tenant);
    authority.address.with_path(format!("/{tenant}/oauth2/v2.0/{endpoint}"))
}

/// Returns the resource of a scope, which is how a managed identity and the Azure CLI call it.
fn resource(scope: &str) -> &str {
    scope.strip_suffix("/.default").unwrap_or(scope)
}
