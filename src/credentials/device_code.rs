//! A user signs in with a browser elsewhere (RFC 8628): mynah shows a code and asks until the user has entered it. What
//! it gets then renews itself (RFC 6749 §6).
//!
//! It waits for nothing: the caller keeps the interval.

use std::time::Duration;

use serde_json::Value;

use super::answer::{IssuedToken, token_of_answer};
use super::error::{OAuthError, TokenError, TokenErrorKind};
use super::http::{HttpAnswer, HttpRequest};
use super::oauth;
use crate::config::{Application, Authority, Secret};
use crate::printable::clipped;

/// The type of the grant (RFC 8628 §3.4).
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What the token may be renewed with, besides the scope itself.
const OFFLINE: &str = "offline_access";
/// The interval if the answer names none, and what `slow_down` adds to it (RFC 8628 §3.5).
const INTERVAL: Duration = Duration::from_secs(5);
/// Limits of what an answer may ask for.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(1800);

/// What the user enters, and where.
#[derive(Debug)]
pub struct DeviceCode {
    /// What mynah asks with.
    code: Secret,
    /// What the user enters.
    pub user_code: String,
    /// The address of the page.
    pub page: String,
    /// How long the code is good.
    pub lifetime: Duration,
    /// How long to wait between two polls.
    pub interval: Duration,
}

/// What a poll has found.
#[derive(Debug)]
pub enum DevicePoll {
    /// The user has not entered the code yet: ask again after this time.
    Pending(Duration),
    Done(IssuedToken),
}

/// Returns the request for a code.
#[must_use]
pub fn device_code_request(authority: &Authority, application: &Application, scope: &str) -> HttpRequest {
    let scope = format!("{scope} {OFFLINE}");
    let address = oauth(authority, application, "devicecode");
    HttpRequest::form(address, &[("client_id", &application.client_id), ("scope", &scope)])
}

/// Reads the answer with a code.
///
/// # Errors
/// Returns what the answer means if there is none.
pub fn device_code_of_answer(answer: &HttpAnswer, who: &str) -> Result<DeviceCode, TokenError> {
    if answer.status != 200 {
        return Err(TokenError::of_answer(answer, who, "check client_id and tenant"));
    }
    let strange =
        |what| TokenError::transient(format!("{who} answers {what}; check authority_host and the proxy"));
    let json: Value =
        serde_json::from_slice(&answer.body).map_err(|_| strange("with something that is not JSON"))?;
    let text = |key: &str| json.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let seconds = |key: &str, limit: Duration| {
        json.get(key).and_then(Value::as_u64).map(Duration::from_secs).map(|found| found.min(limit))
    };
    let code = text("device_code")
        .and_then(|code| Secret::new(code).ok())
        .ok_or_else(|| strange("without a code"))?;
    let user_code = text("user_code").ok_or_else(|| strange("without a code for the user"))?;
    let page = text("verification_uri").or_else(|| text("verification_url"));
    let page = page.ok_or_else(|| strange("without the address of a page"))?;
    // Whoever can change the answer must not send the user to a page without encryption.
    if !page.starts_with("https://") {
        return Err(strange("with a page that is not https"));
    }
    Ok(DeviceCode {
        code,
        user_code: clipped(user_code),
        page: clipped(page),
        lifetime: seconds("expires_in", LONGEST_LIFE).unwrap_or(LONGEST_LIFE),
        interval: seconds("interval", LONGEST_INTERVAL).unwrap_or(INTERVAL),
    })
}

/// Returns the request that asks whether the user has entered the code.
#[must_use]
pub fn poll_request(authority: &Authority, application: &Application, code: &DeviceCode) -> HttpRequest {
    HttpRequest::form(
        oauth(authority, application, "token"),
        &[("client_id", &application.client_id), ("device_code", code.code.reveal()), ("grant_type", GRANT)],
    )
}

/// Reads the answer to a poll, after an interval of `interval`. An answer that may be another one later is pending.
///
/// # Errors
/// When the user has refused, the code has expired, or settings are wrong.
pub fn poll_of_answer(
    answer: &HttpAnswer,
    interval: Duration,
    who: &str,
    clock_s: i64,
) -> Result<DevicePoll, TokenError> {
    let error = match token_of_answer(answer, who, "run mynah login again", clock_s) {
        Ok(issued) if issued.refresh.is_some() => return Ok(DevicePoll::Done(issued)),
        Ok(_) => {
            return Err(TokenError::refused(format!(
                "{who} gives a token that cannot be renewed; allow {OFFLINE} for the application client_id"
            )));
        }
        Err(error) => error,
    };
    let refusal = OAuthError::of_answer(&answer.body);
    match refusal.as_ref().map(|refusal| refusal.error.as_str()) {
        Some("authorization_pending") => Ok(DevicePoll::Pending(interval)),
        Some("slow_down") => Ok(DevicePoll::Pending((interval + INTERVAL).min(LONGEST_INTERVAL))),
        Some("authorization_declined" | "access_denied") => {
            Err(TokenError::refused("the sign-in was declined in the browser; run mynah login again"))
        }
        Some("expired_token" | "code_expired") => {
            Err(TokenError::refused("the code has expired before it was entered; run mynah login again"))
        }
        _ if error.kind == TokenErrorKind::Transient => Ok(DevicePoll::Pending(interval)),
        Some(_) | None => Err(error),
    }
}

/// Returns the request for the next token of a user who has signed in.
#[must_use]
pub fn refresh_request(
    authority: &Authority,
    application: &Application,
    refresh: &Secret,
    scope: &str,
) -> HttpRequest {
    let scope = format!("{scope} {OFFLINE}");
    HttpRequest::form(
        oauth(authority, application, "token"),
        &[
            ("client_id", &application.client_id),
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.reveal()),
            ("scope", &scope),
        ],
    )
}
