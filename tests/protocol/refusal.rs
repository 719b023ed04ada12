//! Classification of HTTP statuses, close codes and errors (protocol §4.1, §4.3, §11), and `expires_at`.

use std::time::Duration;

use mynah::conversation::{
    CloseReason, Event, Id, RATE_LIMIT_HOLD_OFF, ResponseStatus, ServerError, ServiceEvent,
};
use mynah::protocol::{self, Refusal, ServerEvent};
use serde_json::{Value, json};

/// Every HTTP status of protocol §4.1, its close reason, and the one with a `Retry-After` of 20 s.
const STATUSES: &[(u16, CloseReason, CloseReason)] = &[
    (301, CloseReason::Permanent, CloseReason::Permanent),
    (302, CloseReason::Permanent, CloseReason::Permanent),
    (303, CloseReason::Permanent, CloseReason::Permanent),
    (307, CloseReason::Permanent, CloseReason::Permanent),
    (308, CloseReason::Permanent, CloseReason::Permanent),
    (400, CloseReason::Permanent, CloseReason::Permanent),
    (401, CloseReason::Unauthorized, CloseReason::Unauthorized),
    (403, CloseReason::Permanent, CloseReason::Permanent),
    (404, CloseReason::Permanent, CloseReason::Permanent),
    (408, CloseReason::Transient, AFTER_20_S),
    (425, CloseReason::Transient, AFTER_20_S),
    (429, CloseReason::RetryAfter(RATE_LIMIT_HOLD_OFF), AFTER_20_S),
    (500, CloseReason::Transient, AFTER_20_S),
    (502, CloseReason::Transient, AFTER_20_S),
    (503, CloseReason::Transient, AFTER_20_S),
    (504, CloseReason::Transient, AFTER_20_S),
    (599, CloseReason::Transient, AFTER_20_S),
];
const AFTER_20_S: CloseReason = CloseReason::RetryAfter(Duration::from_secs(20));

/// Every close code of protocol §4.3 and RFC 6455 §7.4.1, and some that are undocumented here.
const CLOSE_CODES: &[(u16, CloseReason)] = &[
    (1000, CloseReason::Transient),
    (1001, CloseReason::Transient),
    (1002, CloseReason::Transient),
    (1003, CloseReason::Transient),
    (1005, CloseReason::Transient),
    (1006, CloseReason::Transient),
    (1007, CloseReason::Transient),
    (1008, CloseReason::Permanent),
    (1009, CloseReason::Transient),
    (1010, CloseReason::Transient),
    (1011, CloseReason::Transient),
    (1012, CloseReason::Transient),
    (1013, CloseReason::RetryAfter(RATE_LIMIT_HOLD_OFF)),
    (1014, CloseReason::Transient),
    (1015, CloseReason::Transient),
    (4000, CloseReason::Transient),
    (4429, CloseReason::Transient),
];

#[test]
fn every_http_status_and_close_code_is_classified() {
    for (status, without_header, with_retry_after) in STATUSES {
        assert_eq!(after_status(*status, None), *without_header, "{status}");
        assert_eq!(after_status(*status, Some(Duration::from_secs(20))), *with_retry_after, "{status}");
    }
    for (code, reason) in CLOSE_CODES {
        assert_eq!(protocol::refusal_of_close(*code, "").close_reason(None), *reason, "{code}");
    }
}

#[test]
fn retry_after_is_limited_to_a_minute() {
    let minute = CloseReason::RetryAfter(Duration::from_secs(60));
    for asked in [Duration::from_secs(61), Duration::from_secs(3600), Duration::MAX] {
        assert_eq!(after_status(429, Some(asked)), minute);
        assert_eq!(after_status(503, Some(asked)), minute);
    }
}

#[test]
fn the_reason_of_a_close_code_decides_where_it_says_more() {
    for (code, reason, expected) in [
        (3000, "invalid_request_error.invalid_api_key", Refusal::Credential),
        (4001, "Unauthorized", Refusal::Credential),
        (4999, "your access token has expired", Refusal::Credential),
        (1008, "authentication failed", Refusal::Credential),
        (1008, "Forbidden", Refusal::Forbidden),
        (1008, "", Refusal::Policy),
        (3000, "", Refusal::Credential),
        (3003, "", Refusal::Forbidden),
        (4000, "invalid_request_error.insufficient_quota", Refusal::Quota),
        (1011, "You exceeded your current quota, please check your plan.", Refusal::Quota),
        (1011, "authentication service unavailable", Refusal::Trouble),
        (1008, "too many requests", Refusal::RateLimit),
        (1008, "maximum session duration", Refusal::SessionOver),
        (4004, "model_not_found", Refusal::Model),
        (4000, "idle", Refusal::Unknown),
        (2999, "Unauthorized", Refusal::Unknown),
        (5000, "Unauthorized", Refusal::Unknown),
        (1001, "Unauthorized", Refusal::SessionOver),
    ] {
        assert_eq!(protocol::refusal_of_close(code, reason), expected, "{code} {reason}");
    }
}

#[test]
fn the_body_of_an_answer_decides_where_it_says_more() {
    let azure = |code: &str, message: &str| json!({"error": {"code": code, "message": message}}).to_string();
    for (status, body, expected, sentence) in [
        (404, azure("404", "Resource not found"), Refusal::Address, Some("Resource not found (404)")),
        (404, azure("DeploymentNotFound", "m"), Refusal::Model, Some("m (DeploymentNotFound)")),
        (400, azure("OperationNotSupported", "m"), Refusal::Setting, Some("m (OperationNotSupported)")),
        (429, azure("insufficient_quota", "m"), Refusal::Quota, Some("m (insufficient_quota)")),
        (
            429,
            azure("429", "Requests have exceeded call rate limit; see quota increase"),
            Refusal::RateLimit,
            Some("Requests have exceeded call rate limit; see quota increase (429)"),
        ),
        (
            403,
            azure("403", "Out of call volume quota for the F0 tier."),
            Refusal::Quota,
            Some("Out of call volume quota for the F0 tier. (403)"),
        ),
        (403, "network rules".to_owned(), Refusal::Forbidden, Some("network rules")),
        (401, String::new(), Refusal::Credential, None),
        (500, azure("invalid_api_key", "m"), Refusal::Trouble, Some("m (invalid_api_key)")),
        (200, "<!DOCTYPE html><title>Log in</title>".to_owned(), Refusal::WebPage, None),
        (404, "<html>".to_owned(), Refusal::Address, None),
        (511, String::new(), Refusal::WebPage, None),
        (200, String::new(), Refusal::Address, None),
    ] {
        let found = protocol::refusal_of_upgrade(status, &body);
        assert_eq!((found.0, found.1.as_deref()), (expected, sentence), "{status} {body}");
    }
}

#[test]
fn a_failed_reply_is_classified_by_the_same_table() {
    for (response, class, status) in [
        (
            json!({"status": "failed", "status_details": {"type": "failed", "error":
                {"code": "insufficient_quota", "message": "m"}}}),
            Refusal::Quota,
            ServerError::QuotaExceeded,
        ),
        (
            json!({"status": "failed", "status_details": {"type": "failed", "error":
                {"type": "rate_limit_error", "code": null, "message": "m"}}}),
            Refusal::RateLimit,
            ServerError::RateLimited,
        ),
        (
            json!({"status": "incomplete", "status_details": {"type": "incomplete", "reason": "content_filter"}}),
            Refusal::Filter,
            ServerError::Withheld,
        ),
        (
            json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}),
            Refusal::TooLong,
            ServerError::Withheld,
        ),
        (
            json!({"status_details": {"type": "failed", "error": {"type": "agent_error", "message": "m"}}}),
            Refusal::Agent,
            ServerError::Other,
        ),
        (
            json!({"status": "failed", "status_details": {"error": {"type": "server_error", "message": "m"}}}),
            Refusal::Trouble,
            ServerError::Internal,
        ),
        (json!({"status": "failed", "error": "a new reason"}), Refusal::Unknown, ServerError::Other),
        (
            json!({"status": "failed", "status_details": "You exceeded your current quota."}),
            Refusal::Quota,
            ServerError::QuotaExceeded,
        ),
    ] {
        let mut response = response;
        response["id"] = json!("r");
        let text = json!({"type": "response.done", "response": response}).to_string();
        let parsed = protocol::parse(&text);
        assert_eq!(parsed.as_ref().unwrap().kind(), "response.done", "{text}");
        let Ok(ServerEvent::Error(error)) = parsed else { panic!("{text}") };
        let id = Id::try_from("r").unwrap();
        let done = ServiceEvent::ReplyDone(id, ResponseStatus::Refused(status));
        assert_eq!((error.class, error.event), (class, Event::Service(done)), "{text}");
    }
}

#[test]
fn a_reply_without_a_reason_has_only_a_status() {
    for (details, status) in [
        (json!(null), ResponseStatus::Failed),
        (json!({}), ResponseStatus::Failed),
        (json!({"type": "failed", "error": null}), ResponseStatus::Failed),
        (json!({"type": "failed", "error": {"code": null, "message": ""}}), ResponseStatus::Failed),
    ] {
        let response = json!({"id": "r", "status": "failed", "status_details": details});
        let text = json!({"type": "response.done", "response": response}).to_string();
        let Ok(ServerEvent::Service(event)) = protocol::parse(&text) else { panic!("{text}") };
        assert_eq!(event, ServiceEvent::ReplyDone(Id::try_from("r").unwrap(), status), "{text}");
    }
    let cancelled = json!({"type": "response.done", "response": {"id": "r", "status": "cancelled",
        "status_details": {"type": "cancelled", "reason": "turn_detected", "error": {"message": "m"}}}});
    let text = cancelled.to_string();
    assert!(matches!(
        protocol::parse(&text),
        Ok(ServerEvent::Service(ServiceEvent::ReplyDone(_, ResponseStatus::Cancelled)))
    ));
}

#[test]
fn a_parameter_names_the_setting_that_it_is_made_of() {
    for (param, message, expected) in [
        ("input_audio_noise_reduction", "", Some("noise_reduction")),
        ("session.input_audio_noise_reduction.type", "", Some("noise_reduction")),
        ("session.audio.input.noise_reduction", "", Some("noise_reduction")),
        ("session.turn_detection.languages[0]", "", Some("language")),
        ("input_audio_transcription.language", "", Some("language")),
        ("session.input_audio_transcription.model", "", Some("transcription")),
        ("turn_detection.end_of_utterance_detection.model", "", Some("turn_detection")),
        ("session.voice.name", "", Some("voice")),
        ("session.model", "", Some("model")),
        ("model", "", Some("model")),
        ("input_audio_echo_cancellation", "", Some("echo_cancellation")),
        ("tools[0].type", "with input_audio_noise_reduction", None),
        ("", "'input_audio_noise_reduction' is not supported here", Some("noise_reduction")),
        ("", "the voice of a model", None),
        ("", "", None),
    ] {
        assert_eq!(protocol::setting_of(param, message), expected, "{param} {message}");
    }
}

fn after_status(status: u16, requested: Option<Duration>) -> CloseReason {
    let (class, _) = protocol::refusal_of_upgrade(status, "");
    class.close_reason(requested)
}

/// Every error of protocol §11: type, code, classification.
const ERRORS: &[(&str, Option<&str>, ServerError)] = &[
    ("invalid_request_error", Some("response_cancel_not_active"), ServerError::NothingToCancel),
    ("invalid_request_error", Some("conversation_already_has_active_response"), ServerError::ReplyInProgress),
    ("invalid_request_error", Some("input_audio_buffer_commit_empty"), ServerError::NothingToCommit),
    ("invalid_request_error", Some("unknown_parameter"), ServerError::Rejected),
    ("invalid_request_error", Some("missing_required_parameter"), ServerError::Rejected),
    ("invalid_request_error", Some("invalid_value"), ServerError::Rejected),
    ("invalid_request_error", Some("invalid_event"), ServerError::Rejected),
    ("invalid_request_error", Some("cannot_update_voice"), ServerError::Rejected),
    ("invalid_request_error", Some("unsupported_content_type"), ServerError::Rejected),
    ("invalid_request_error", Some("invalid_ec_channels_requires_client"), ServerError::Rejected),
    ("invalid_request_error", Some("invalid_ec_reference_channels"), ServerError::Rejected),
    ("invalid_request_error", Some("session_expired"), ServerError::SessionExpired),
    ("server_error", Some("session_expired"), ServerError::SessionExpired),
    ("insufficient_quota", Some("insufficient_quota"), ServerError::QuotaExceeded),
    ("invalid_request_error", Some("rate_limit_exceeded"), ServerError::RateLimited),
    ("rate_limit_error", None, ServerError::RateLimited),
    ("invalid_request_error", Some("bad_response_create"), ServerError::Other),
    ("server_error", Some("message_creation_failed"), ServerError::Other),
    ("invalid_request_error", Some("missing_sdp"), ServerError::Rejected),
    ("server_error", None, ServerError::Internal),
    ("server_error", Some("something_new"), ServerError::Internal),
    ("something_new", Some("something_new"), ServerError::Other),
];

#[test]
fn every_documented_error_is_classified() {
    for (kind, code, expected) in ERRORS {
        let error =
            json!({"type": "error", "error": {"type": kind, "code": code, "message": "m", "param": null}});
        let text = error.to_string();
        let Ok(ServerEvent::Error(error)) = protocol::parse(&text) else { panic!("{text}") };
        assert_eq!(error.event, Event::Service(ServiceEvent::Refused(*expected)), "{text}");
    }
}

#[test]
fn expires_at_is_a_positive_whole_number_or_none() {
    let expires_at_s_of = |session: Value| {
        let text = json!({"type": "session.created", "session": session}).to_string();
        match protocol::parse(&text) {
            Ok(ServerEvent::SessionCreated { expires_at_s, .. }) => expires_at_s,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(expires_at_s_of(json!({"id": "s", "expires_at": 1_793_003_600})), Some(1_793_003_600));
    assert_eq!(expires_at_s_of(json!({"expires_at": 1_793_003_600.0})), Some(1_793_003_600));
    for nothing in [
        json!({}),
        json!(null),
        json!({"expires_at": null}),
        json!({"expires_at": -5}),
        json!({"expires_at": 1e30}),
    ] {
        assert_eq!(expires_at_s_of(nothing.clone()), None, "{nothing}");
    }
}
