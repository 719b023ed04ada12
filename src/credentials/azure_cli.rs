//! The token of the user of the Azure CLI: the arguments of `az`, and what it prints.
//!
//! It starts no program. What `az` prints on standard error is quoted on one line, as it tells the user what to do.

use std::time::Duration;

use serde_json::Value;

use super::answer::{IssuedToken, lifetime};
use super::error::TokenError;
use crate::config::Secret;
use crate::printable::clipped;

/// What `az` has printed.
pub struct AzureCliAnswer {
    pub success: bool,
    pub output: Vec<u8>,
    pub errors: Vec<u8>,
}

/// Returns the arguments of `az` that print a token. No shell reads them, and none begins with `-` but those that are
/// options.
#[must_use]
pub fn azure_cli_arguments(scope: &str, tenant: Option<&str>) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["account", "get-access-token", "--output", "json", "--scope", scope].map(str::to_owned).into();
    arguments.extend(tenant.map(|tenant| format!("--tenant={tenant}")));
    arguments
}

/// Reads what `az` has printed. `clock_s` is the machine's clock, in seconds of the Unix epoch.
///
/// # Errors
/// Returns why there is no token, and what to do.
pub fn token_of_azure_cli(answer: &AzureCliAnswer, clock_s: i64) -> Result<IssuedToken, TokenError> {
    if !answer.success {
        let said = String::from_utf8_lossy(&answer.errors);
        if said.contains("az login") || said.contains("az account set") {
            return Err(TokenError::unavailable("the Azure CLI is not signed in: run az login".to_owned()));
        }
        let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gives no reason");
        return Err(TokenError::refused(format!(
            "the Azure CLI gives no token: {}; run az login",
            clipped(line)
        )));
    }
    let strange =
        |what: &str| TokenError::refused(format!("the Azure CLI prints {what}; update it, or run az login"));
    let json: Value =
        serde_json::from_slice(&answer.output).map_err(|_| strange("something that is not JSON"))?;
    let token = json.get("accessToken").and_then(Value::as_str).ok_or_else(|| strange("no token"))?;
    let token = Secret::new(token).map_err(|reason| strange(&format!("a token that {reason}")))?;
    // `expiresOn` is local time without its zone; versions before 2.54 print nothing else.
    let lifetime = lifetime(None, json.get("expires_on"), clock_s);
    if lifetime == Duration::ZERO {
        return Err(strange("a token that has already expired by the clock of this machine"));
    }
    Ok(IssuedToken { token, lifetime, refresh: None })
}
