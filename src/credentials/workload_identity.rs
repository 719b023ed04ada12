//! The token of an application that trusts another issuer: its token, in a file that somebody renews, is the assertion
//! (RFC 7523 §2.2).
//!
//! The file is read again for every request, by the caller.

use super::http::HttpRequest;
use super::oauth;
use crate::config::{Application, Authority, Secret};

/// How an assertion is called (RFC 7523 §2.2).
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Returns the request for a token of `application`, with the other issuer's token as its `assertion`.
#[must_use]
pub fn workload_request(
    authority: &Authority,
    application: &Application,
    assertion: &Secret,
    scope: &str,
) -> HttpRequest {
    HttpRequest::form(
        oauth(authority, application, "token"),
        &[
            ("client_id", &application.client_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.reveal()),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ],
    )
}
