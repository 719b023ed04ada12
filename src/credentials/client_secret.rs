//! The token of an application that has a secret (RFC 6749 §4.4).
//!
//! The secret is in the body of the request, never in its address.

use super::http::HttpRequest;
use super::oauth;
use crate::config::{Application, Authority, Secret};

/// Returns the request for a token of `application`.
#[must_use]
pub fn secret_request(
    authority: &Authority,
    application: &Application,
    secret: &Secret,
    scope: &str,
) -> HttpRequest {
    HttpRequest::form(
        oauth(authority, application, "token"),
        &[
            ("client_id", &application.client_id),
            ("client_secret", secret.reveal()),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ],
    )
}
