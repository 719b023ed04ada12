//! The answer with a token, as the login service and the services of managed identities give it.
//!
//! It trusts no number in it: a lifetime is at most a day, and a token that has already expired is none.

use std::time::Duration;

use serde_json::Value;

use super::error::TokenError;
use super::http::HttpAnswer;
use crate::config::Secret;

/// Lifetime of a token whose answer names none. Each issuer gives tokens at least five minutes before their end.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(300);
/// Limit of a lifetime, whatever an answer says: that of managed identities.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A token that was just issued.
#[derive(Debug)]
pub struct IssuedToken {
    pub token: Secret,
    /// How long it is good.
    pub lifetime: Duration,
    /// What gives the next token of a user, in place of the last such one.
    pub refresh: Option<Secret>,
}

/// Reads the answer to a request for a token. `who` gave it, for messages, `remedy` is what to do about a refusal, and
/// `clock_s` is the machine's clock, in seconds of the Unix epoch.
///
/// # Errors
/// Returns what the answer means if there is no token in it.
pub fn token_of_answer(
    answer: &HttpAnswer,
    who: &str,
    remedy: &str,
    clock_s: i64,
) -> Result<IssuedToken, TokenError> {
    if answer.status != 200 {
        return Err(TokenError::of_answer(answer, who, remedy));
    }
    let strange = |what: &str| {
        TokenError::transient(format!(
            "{who} answers {what}; check authority_host and the proxy, or whether this network wants a login in a \
             browser first"
        ))
    };
    let json: Value =
        serde_json::from_slice(&answer.body).map_err(|_| strange("with something that is not JSON"))?;
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let token = text("access_token").ok_or_else(|| strange("without a token"))?;
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(strange("with a token that is not a bearer token"));
    }
    let token = Secret::new(token).map_err(|reason| strange(&format!("with a token that {reason}")))?;
    let lifetime = lifetime(json.get("expires_in"), json.get("expires_on"), clock_s);
    if lifetime.is_zero() {
        return Err(strange("with a token that has already expired"));
    }
    let refresh = text("refresh_token").and_then(|refresh| Secret::new(refresh).ok());
    Ok(IssuedToken { token, lifetime, refresh })
}

/// Returns how long a token is good: by the seconds from now, which need no clock, or by the time of its end.
pub(super) fn lifetime(expires_in: Option<&Value>, expires_on: Option<&Value>, clock_s: i64) -> Duration {
    let number = |value: Option<&Value>| {
        let value = value?;
        value
            .as_f64()
            .or_else(|| value.as_str()?.trim().parse().ok())
            .filter(|number: &f64| number.is_finite())
    };
    let seconds = number(expires_in).or_else(|| {
        #[expect(clippy::cast_precision_loss, reason = "a date in seconds")]
        let now = clock_s as f64;
        Some(number(expires_on)? - now)
    });
    seconds.map_or(UNKNOWN_LIFETIME, |seconds| {
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_LIFETIME).min(LONGEST_LIFETIME)
    })
}
