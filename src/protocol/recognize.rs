//! Finds the class of a refusal from what there is of it: codes, types, a message, an HTTP status, a close code.
//!
//! What follows from a class is not known here. What nothing fits is [`Refusal::Unknown`], and never an end.

use super::refusal::Refusal;

/// Codes and types, and their classes. Neither case nor separators count: some services write `RateLimitReached`. `*`
/// stands for any beginning or end.
const CODES: &[(&str, Refusal)] = &[
    ("response_cancel_not_active", Refusal::NothingToCancel),
    ("conversation_already_has_active_response", Refusal::ReplyInProgress),
    ("input_audio_buffer_commit_empty", Refusal::NothingToCommit),
    ("session_expired", Refusal::SessionOver),
    ("session_lifetime_exceeded", Refusal::SessionOver),
    ("session_timeout", Refusal::SessionOver),
    ("insufficient_quota", Refusal::Quota),
    ("quota_exceeded", Refusal::Quota),
    ("out_of_quota", Refusal::Quota),
    ("billing*", Refusal::Quota),
    ("rate_limit*", Refusal::RateLimit),
    ("inference_rate_limit*", Refusal::RateLimit),
    ("too_many_requests", Refusal::RateLimit),
    ("tokens_limit_reached", Refusal::RateLimit),
    ("throttl*", Refusal::RateLimit),
    ("content_filter*", Refusal::Filter),
    ("content_policy*", Refusal::Filter),
    ("responsible_ai_policy*", Refusal::Filter),
    ("max_output_tokens", Refusal::TooLong),
    ("max_tokens", Refusal::TooLong),
    ("invalid_api_key", Refusal::Credential),
    ("incorrect_api_key*", Refusal::Credential),
    ("missing_api_key", Refusal::Credential),
    ("invalid_subscription_key", Refusal::Credential),
    ("authentication*", Refusal::Credential),
    ("unauthorized*", Refusal::Credential),
    ("unauthenticated", Refusal::Credential),
    ("invalid_authentication*", Refusal::Credential),
    ("invalid_credential*", Refusal::Credential),
    ("invalid_token", Refusal::Credential),
    ("expired_token", Refusal::Credential),
    ("token_expired", Refusal::Credential),
    ("account_deactivated", Refusal::Credential),
    ("permission*", Refusal::Forbidden),
    ("access_denied", Refusal::Forbidden),
    ("forbidden", Refusal::Forbidden),
    ("public_access_disabled", Refusal::Forbidden),
    ("model_not*", Refusal::Model),
    ("deployment_not*", Refusal::Model),
    ("invalid_model", Refusal::Model),
    ("unknown_model", Refusal::Model),
    ("unsupported_model", Refusal::Model),
    ("*agent*", Refusal::Agent),
    // An agent failed on one message: no trouble of the service, whatever its `type`.
    ("message_creation_failed", Refusal::Agent),
    ("bad_response_create", Refusal::Agent),
];

/// As [`CODES`], but so general that anything else says more.
const GENERAL_CODES: &[(&str, Refusal)] = &[
    ("server_error", Refusal::Trouble),
    ("internal_server_error", Refusal::Trouble),
    ("internal_error", Refusal::Trouble),
    ("internal_failure", Refusal::Trouble),
    ("service_unavailable*", Refusal::Trouble),
    ("overloaded*", Refusal::Trouble),
    ("engine_overloaded", Refusal::Trouble),
    ("temporarily_unavailable", Refusal::Trouble),
    ("timeout", Refusal::Trouble),
    ("invalid_request*", Refusal::Setting),
    ("invalid_value*", Refusal::Setting),
    ("invalid_parameter*", Refusal::Setting),
    ("invalid_event*", Refusal::Setting),
    ("invalid_type*", Refusal::Setting),
    ("unknown_parameter", Refusal::Setting),
    ("unsupported_parameter", Refusal::Setting),
    ("unsupported_value", Refusal::Setting),
    ("missing_required_parameter", Refusal::Setting),
    ("bad_request", Refusal::Setting),
];

/// Phrases of messages, without case; the first that occurs decides. A rate limit is often explained with a quota.
const PHRASES: &[(&str, Refusal)] = &[
    ("call rate limit", Refusal::RateLimit),
    ("token rate limit", Refusal::RateLimit),
    ("rate limit", Refusal::RateLimit),
    ("too many requests", Refusal::RateLimit),
    ("exceeded your current quota", Refusal::Quota),
    ("insufficient quota", Refusal::Quota),
    ("out of call volume quota", Refusal::Quota),
    ("quota exceeded", Refusal::Quota),
    ("quota is exceeded", Refusal::Quota),
    ("quota has been exceeded", Refusal::Quota),
    ("content filter", Refusal::Filter),
    ("content management policy", Refusal::Filter),
    ("session has expired", Refusal::SessionOver),
    ("session expired", Refusal::SessionOver),
    ("session hit the maximum duration", Refusal::SessionOver),
    ("maximum session duration", Refusal::SessionOver),
    ("api key", Refusal::Credential),
    ("api-key", Refusal::Credential),
    ("subscription key", Refusal::Credential),
    ("access token", Refusal::Credential),
    ("bearer token", Refusal::Credential),
    ("token has expired", Refusal::Credential),
    ("token is expired", Refusal::Credential),
    ("token expired", Refusal::Credential),
    ("invalid token", Refusal::Credential),
    ("credential", Refusal::Credential),
    ("authenticat", Refusal::Credential),
    ("unauthorized", Refusal::Credential),
    ("not authorized", Refusal::Credential),
    ("unauthorised", Refusal::Credential),
    ("permission denied", Refusal::Forbidden),
    ("access denied", Refusal::Forbidden),
    ("forbidden", Refusal::Forbidden),
    ("deployment for this resource does not exist", Refusal::Model),
    ("model not found", Refusal::Model),
    ("model does not exist", Refusal::Model),
    ("model is not supported", Refusal::Model),
];

/// What is known of an error.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence<'a> {
    /// `code` and `type` of the error and of those around it, the innermost first.
    pub(super) words: &'a [&'a str],
    pub(super) message: &'a str,
    /// Whether the error names a parameter: then its message is about that.
    pub(super) names_parameter: bool,
}

/// Finds the class of an error.
pub(super) fn refusal_of_error(evidence: Evidence<'_>) -> Refusal {
    let Evidence { words, message, names_parameter } = evidence;
    let find = |table| words.iter().find_map(|word| class_of_code(word, table));
    let by_message = || if names_parameter { None } else { class_of_phrase(message) };
    // A status says less than a word.
    find(CODES)
        .or_else(|| words.iter().find_map(|word| refusal_of_numeric_code(word)))
        .or_else(by_message)
        .or_else(|| find(GENERAL_CODES))
        .unwrap_or(Refusal::Unknown)
}

/// Finds the class of an upgrade that was answered with an HTTP status other than 101, and with `evidence` in its body.
pub(super) fn refusal_of_status(status: u16, is_web_page: bool, evidence: Evidence<'_>) -> Refusal {
    let found = refusal_of_error(evidence);
    match (status, found) {
        (_, Refusal::Quota) if matches!(status, 400..=499) => Refusal::Quota,
        (402, _) => Refusal::Quota,
        (401, _) => Refusal::Credential,
        (429, _) => Refusal::RateLimit,
        (511, _) => Refusal::WebPage,
        (408 | 425 | 500..=599, _) => Refusal::Trouble,
        (200..=299, _) if is_web_page => Refusal::WebPage,
        (400..=499, Refusal::Model | Refusal::Credential | Refusal::RateLimit) => found,
        (400, _) => Refusal::Setting,
        (403 | 407, _) => Refusal::Forbidden,
        // Redirects included: the credential must not be sent to another host.
        _ => Refusal::Address,
    }
}

/// Finds the class of a close code (that of the close frame, 1005 or 1006) and of its reason.
#[must_use]
pub fn refusal_of_close(code: u16, reason: &str) -> Refusal {
    // Some servers join a type and a code: `invalid_request_error.invalid_api_key`.
    let words: Vec<_> =
        reason.split(|end: char| !(end.is_ascii_alphanumeric() || "_-".contains(end))).collect();
    let said = refusal_of_error(Evidence { words: &words, message: reason, names_parameter: false });
    let may_name_access = code == 1008 || (3000..=4999).contains(&code);
    match (code, said) {
        (_, Refusal::Quota | Refusal::RateLimit | Refusal::SessionOver) => said,
        (_, Refusal::Credential | Refusal::Forbidden | Refusal::Model) if may_name_access => said,
        (1008, Refusal::Trouble) => said,
        // Policy violation: a retry would violate the same policy.
        (1008, _) => Refusal::Policy,
        // Registered with these meanings at IANA.
        (3000, Refusal::Unknown | Refusal::Setting) => Refusal::Credential,
        (3003, Refusal::Unknown | Refusal::Setting) => Refusal::Forbidden,
        (1000 | 1001, _) => Refusal::SessionOver,
        (1005 | 1006 | 1015, _) => Refusal::Network,
        (1011 | 1012 | 1014, _) => Refusal::Trouble,
        // "Try again later", without a time.
        (1013, _) => Refusal::RateLimit,
        (3000..=4999, Refusal::Trouble) => said,
        // The others concern this session or connection only. Back-off limits the cost of a persistent error.
        _ => Refusal::Unknown,
    }
}

/// Returns the codes and types of a class, as documented and reported.
#[must_use]
pub fn codes_of(class: Refusal) -> Vec<&'static str> {
    let of_class = CODES.iter().chain(GENERAL_CODES).filter(|(_, found)| *found == class);
    of_class.map(|(code, _)| *code).collect()
}

fn class_of_code(word: &str, table: &[(&str, Refusal)]) -> Option<Refusal> {
    let word = plain(word);
    let fits = |pattern: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), _) => word.contains(&plain(pattern)),
        (None, Some(_)) => word.starts_with(&plain(pattern)),
        (None, None) => word == plain(pattern),
    };
    table.iter().find(|(pattern, _)| fits(pattern)).map(|(_, class)| *class)
}

/// Returns a code without case and separators.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Finds the class of a code that is an HTTP status.
fn refusal_of_numeric_code(code: &str) -> Option<Refusal> {
    match code.parse().ok()? {
        401 => Some(Refusal::Credential),
        402 => Some(Refusal::Quota),
        429 => Some(Refusal::RateLimit),
        500..=599 => Some(Refusal::Trouble),
        _ => None,
    }
}

fn class_of_phrase(message: &str) -> Option<Refusal> {
    let message = message.to_ascii_lowercase();
    PHRASES.iter().find(|(phrase, _)| message.contains(phrase)).map(|(_, class)| *class)
}
