//! Classification of HTTP statuses, close codes and errors (protocol §4.1, §4.3, §11), and `expires_at`.

use std::time::Duration;

use mynah::conversation::{CloseReason, Event, RATE_LIMIT_HOLD_OFF, ServerError, ServiceEvent};
use mynah::protocol::{self, ServerEvent};
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
        assert_eq!(protocol::close_reason_of_status(*status, None), *without_header, "{status}");
        assert_eq!(
            protocol::close_reason_of_status(*status, Some(Duration::from_secs(20))),
            *with_retry_after,
            "{status}"
        );
    }
    for (code, reason) in CLOSE_CODES {
        assert_eq!(protocol::close_reason_of_code(*code), *reason, "{code}");
    }
}

#[test]
fn retry_after_is_limited_to_an_hour() {
    let hour = CloseReason::RetryAfter(Duration::from_secs(3600));
    for asked in [Duration::from_secs(7 * 86_400), Duration::MAX] {
        assert_eq!(protocol::close_reason_of_status(429, Some(asked)), hour);
        assert_eq!(protocol::close_reason_of_status(503, Some(asked)), hour);
    }
}

/// Every error of protocol §11: type, code, classification.
const ERRORS: &[(&str, Option<&str>, ServerError)] = &[
    ("invalid_request_error", Some("response_cancel_not_active"), ServerError::NothingToCancel),
    ("invalid_request_error", Some("conversation_already_has_active_response"), ServerError::ReplyInProgress),
    ("invalid_request_error", Some("input_audio_buffer_commit_empty"), ServerError::NothingToCommit),
    ("invalid_request_error", Some("unknown_parameter"), ServerError::Other),
    ("invalid_request_error", Some("missing_required_parameter"), ServerError::Other),
    ("invalid_request_error", Some("invalid_value"), ServerError::Other),
    ("invalid_request_error", Some("invalid_event"), ServerError::Other),
    ("invalid_request_error", Some("cannot_update_voice"), ServerError::Other),
    ("invalid_request_error", Some("unsupported_content_type"), ServerError::Other),
    ("invalid_request_error", Some("invalid_ec_channels_requires_client"), ServerError::Other),
    ("invalid_request_error", Some("invalid_ec_reference_channels"), ServerError::Other),
    ("invalid_request_error", Some("session_expired"), ServerError::SessionExpired),
    ("server_error", Some("session_expired"), ServerError::SessionExpired),
    ("insufficient_quota", Some("insufficient_quota"), ServerError::QuotaExceeded),
    ("invalid_request_error", Some("rate_limit_exceeded"), ServerError::RateLimited),
    ("rate_limit_error", None, ServerError::RateLimited),
    ("invalid_request_error", Some("bad_response_create"), ServerError::Other),
    ("server_error", Some("message_creation_failed"), ServerError::Other),
    ("invalid_request_error", Some("missing_sdp"), ServerError::Other),
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
