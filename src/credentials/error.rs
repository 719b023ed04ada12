//! Why there is no token: a sentence, and whether the next way may be tried or the same one again.
//!
//! It never quotes a secret: an answer is quoted only in its description, without the lines that only Microsoft reads.

use std::fmt;

use serde_json::Value;

use super::http::HttpAnswer;
use crate::printable::clipped;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    pub kind: TokenErrorKind,
    /// A message for the user, without a full stop.
    pub message: String,
}

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenErrorKind {
    /// This way is not available on this machine; the next one may be.
    Unavailable,
    /// It may work later.
    Transient,
    /// Settings or the account are at fault.
    Refused,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TokenError {}

impl TokenError {
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { kind: TokenErrorKind::Unavailable, message: message.into() }
    }

    #[must_use]
    pub fn transient(message: impl Into<String>) -> Self {
        Self { kind: TokenErrorKind::Transient, message: message.into() }
    }

    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: TokenErrorKind::Refused, message: message.into() }
    }

    /// Returns what an answer without a token means. `who` gave it, and `remedy` is what to do if no code says more.
    pub(super) fn of_answer(answer: &HttpAnswer, who: &str, remedy: &str) -> Self {
        let HttpAnswer { status, location, .. } = answer;
        if (300..400).contains(status) {
            let to = location.as_deref().map(clipped).unwrap_or_default();
            return Self::refused(format!(
                "{who} redirects (HTTP {status}) to {to}; mynah does not follow it, since that would send the \
                 credential there; check authority_host, or whether this network wants a login in a browser first"
            ));
        }
        let Some(refusal) = OAuthError::of_answer(&answer.body) else {
            let text = String::from_utf8_lossy(&answer.body);
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let said = if text.is_empty() { String::new() } else { format!(": {}", clipped(&text)) };
            let message = format!("{who} answers with HTTP {status}{said}");
            return if is_transient_status(*status) {
                Self::transient(message)
            } else {
                Self::refused(format!("{message}; {remedy}"))
            };
        };
        let is_transient = is_transient_status(*status)
            || matches!(refusal.error.as_str(), "temporarily_unavailable" | "server_error");
        let said = format!("{who} gives no token (HTTP {status}): {}", refusal.said());
        if is_transient {
            return Self::transient(said);
        }
        let remedy = refusal.remedy().unwrap_or(remedy);
        Self::refused(format!("{said}; {remedy}"))
    }
}

fn is_transient_status(status: u16) -> bool {
    matches!(status, 404 | 408 | 410 | 425 | 429 | 500..=599)
}

/// An error of OAuth 2.0 (RFC 6749 §5.2) with Microsoft's codes.
pub(super) struct OAuthError {
    pub(super) error: String,
    description: String,
    /// The number of the first error, as in `AADSTS7000215`.
    code: Option<u64>,
}

impl OAuthError {
    pub(super) fn of_answer(body: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        let error = text("error")?;
        let description = text("error_description").unwrap_or_default();
        let listed = answer.get("error_codes").and_then(|codes| codes.get(0)?.as_u64());
        Some(Self { error, code: listed.or_else(|| code_in(&description)), description })
    }

    /// Returns the description without what only Microsoft's support reads.
    pub(super) fn said(&self) -> String {
        let end = ["Trace ID", "\r", "\n"].iter().filter_map(|mark| self.description.find(mark)).min();
        let text = self.description[..end.unwrap_or(self.description.len())].trim();
        let text = if text.is_empty() { self.error.as_str() } else { text };
        clipped(text.trim_end_matches('.'))
    }

    /// Returns what to do about the errors that a wrong setting or account causes, by their numbers in
    /// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
    fn remedy(&self) -> Option<&'static str> {
        Some(match self.code? {
            7_000_215 => {
                "set AZURE_CLIENT_SECRET to the value of the secret, not its ID, as shown when it was created"
            }
            7_000_222 => "the secret has expired: create a new one in the portal, for AZURE_CLIENT_SECRET",
            700_016 | 7_000_229 => {
                "check AZURE_CLIENT_ID (client_id), and that this application is in the tenant AZURE_TENANT_ID (tenant)"
            }
            90_002 | 900_023 | 90_023 | 50_059 | 900_021 => {
                "check AZURE_TENANT_ID (tenant): its ID or its domain"
            }
            700_027 | 7_000_219 => {
                "upload the certificate, without its key, to the application in the portal, or correct \
                 AZURE_CLIENT_CERTIFICATE_PATH (client_certificate)"
            }
            700_024 => "check the date and time of this machine",
            700_211 | 700_212 | 700_213 | 700_223 | 7_002_132 => {
                "the application has no federated credential for this issuer, subject and audience: add it in the portal"
            }
            50_173 | 70_008 | 70_043 | 700_081 | 700_082 | 700_084 | 50_078 | 70_000 => {
                "the sign-in has expired or was revoked: run mynah login again"
            }
            50_076 | 50_079 | 50_074 | 53_000 | 53_001 | 53_003 | 530_003 => {
                "the organisation asks for more than mynah can show: run mynah login again, or ask its administrator"
            }
            65_001 => "the application lacks consent: an administrator gives it in the portal",
            500_011 | 650_057 | 650_052 => {
                "the tenant does not know this service: check AZURE_TENANT_ID (tenant) and AZURE_AUTHORITY_HOST \
                 (authority_host), and that the resource is in this tenant"
            }
            7_000_218 => {
                "the application is not allowed to sign in without a secret: turn on public client flows for it in the \
                 portal, or choose another client_id"
            }
            _ => return None,
        })
    }
}

/// Returns the number after `AADSTS`.
fn code_in(description: &str) -> Option<u64> {
    let (_, after) = description.split_once("AADSTS")?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..digits].parse().ok()
}
